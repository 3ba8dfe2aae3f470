/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/keys.h"
#include "sys/keys_x509.h"
#include "sys/log.h"
#include "sys/privilege.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CA_DAYS 3653
#define LEAF_DAYS 365
#define NODE_HOURS 24
#define RENEW_DAYS 30
#define PEM_MAX 16384
#define CLUSTER_ID_BYTES 16

/* A head whose clock lost its battery must not make a CA that ended in 1980. */
static int64_t wall_now(void)
{
	int64_t now = clock_wall_s();

	return now < CLOCK_FLOOR_S ? CLOCK_FLOOR_S : now;
}

static void secret_free(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_free(b);
}

static int write_in(const char *dir, const char *name, const struct buf *data, mode_t mode, struct err *err)
{
	autofree char *path = fs_join(dir, name);

	return fs_write_atomic(path, buf_str(data), data->len, mode, err);
}

static int write_sign_pub(const char *dir, const struct sign_key *key, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	struct verify_key pub;
	char hex[65];

	verify_key_of(key, &pub);
	verify_key_print(&pub, hex);
	buf_addf(&text, "%s\n", hex);
	return write_in(dir, "sign.pub", &text, 0644, err);
}

static int make_signing(const char *dir, struct err *err)
{
	autofree char *path = fs_join(dir, "sign.key");
	autoclean(sign_key_clear) struct sign_key key = { 0 };

	if (sign_key_create(path, err) < 0 || sign_key_load(path, &key, err) < 0)
		return -1;
	return write_sign_pub(dir, &key, err);
}

static int make_ca(const char *dir, const char *cluster, struct err *err)
{
	autoclean(secret_free) struct buf key = { 0 };
	autoclean(buf_free) struct buf crt = { 0 };
	autofree char *name = str_format("%s CA", cluster);
	struct x509_spec spec = { .use = X509_USE_CA, .name = name, .wall_s = wall_now(), .days = CA_DAYS };

	if (x509_key_make(&key, err) < 0 || x509_issue(&spec, &key, NULL, NULL, &crt, err) < 0)
		return -1;
	return write_in(dir, "ca.key", &key, 0600, err) < 0 || write_in(dir, "ca.crt", &crt, 0644, err) < 0 ? -1 : 0;
}

static int make_cluster_id(const char *dir, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	uint8_t raw[CLUSTER_ID_BYTES];
	char hex[2 * CLUSTER_ID_BYTES + 1];

	random_bytes(raw, sizeof(raw));
	str_hex(raw, sizeof(raw), hex);
	buf_addf(&text, "%s\n", hex);
	return write_in(dir, "cluster-id", &text, 0644, err);
}

/* All parts are made in a directory beside, which then takes the name: a power cut leaves the whole PKI or none. */
static int create(const char *dir, const char *cluster, struct err *err)
{
	autofree char *tmp = str_format("%s.new", dir);
	int rc = -1;

	if (fs_remove_tree(tmp, err) < 0 || fs_mkdirs(tmp, 0700, err) < 0)
		return -1;
	/* `orthrus image build` may be the first that needs keys: they are orthrusd's, whoever makes them. */
	if (make_signing(tmp, err) < 0 || make_ca(tmp, cluster, err) < 0 || make_cluster_id(tmp, err) < 0 ||
	    privilege_give_to_owner_of_dir(tmp, err) < 0)
		goto out;
	if (rename(tmp, dir) < 0) {
		err_errno(err, errno, "rename %s to %s", tmp, dir);
		goto out;
	}
	log_info("keys", "made the cluster's keys and CA in %s", dir);
	rc = 0;
out:
	if (rc < 0) {
		struct err ignored = { 0 };

		if (fs_remove_tree(tmp, &ignored) < 0)
			log_err("keys", "remove unfinished keys", &ignored);
	}
	return rc;
}

static int whole(const char *dir, struct err *err)
{
	static const char *const parts[] = { "sign.key", "sign.pub", "ca.key", "ca.crt", "cluster-id" };

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		autofree char *path = fs_join(dir, parts[i]);

		if (fs_exists(path))
			continue;
		err_set(err, ERR_REFUSED, "%s is missing, though the cluster's other keys are there", path);
		return err_hint(err, "restore %s from the backup: a new key would lock out every node that trusts the old one",
				dir);
	}
	return 0;
}

static int check_signing(const struct pki_paths *p, struct err *err)
{
	autoclean(sign_key_clear) struct sign_key key = { 0 };
	struct verify_key pub, file;

	if (sign_key_load(p->sign_key, &key, err) < 0 || verify_key_load(p->sign_pub, &file, err) < 0)
		return -1;
	verify_key_of(&key, &pub);
	if (memcmp(pub.public, file.public, sizeof(pub.public)) == 0)
		return 0;
	err_set(err, ERR_DAMAGED, "%s is not the public half of %s", p->sign_pub, p->sign_key);
	return err_hint(err, "restore both from one backup");
}

static int load_ca(const char *dir, struct buf *crt, struct buf *key, struct err *err)
{
	autofree char *crt_path = fs_join(dir, "ca.crt");
	autofree char *key_path = fs_join(dir, "ca.key");
	struct x509_spec self = { .use = X509_USE_CA, .name = "", .wall_s = wall_now() };

	if (fs_read_secret(key_path, 64, PEM_MAX, key, err) < 0 || fs_read(crt_path, PEM_MAX, crt, err) < 0)
		return err_wrap(err, "the cluster's CA");
	if (x509_check_pair(crt, key, err) < 0 || x509_check_issued(&self, crt, crt, 0, err) < 0) {
		err_wrap(err, "%s and %s", crt_path, key_path);
		return err_hint(err, "restore both from one backup");
	}
	return 0;
}

/* Why the server's certificate cannot stay as it is goes to `why`; 0 when it can. */
static int server_usable(const struct pki_paths *p, const struct x509_spec *spec, const struct buf *ca_crt, struct err *why)
{
	autoclean(secret_free) struct buf key = { 0 };
	autoclean(buf_free) struct buf crt = { 0 };

	if (fs_read_secret(p->server_key, 64, PEM_MAX, &key, why) < 0 || fs_read(p->server_crt, PEM_MAX, &crt, why) < 0)
		return -1;
	return x509_check_pair(&crt, &key, why) < 0 ? -1 : x509_check_issued(spec, &crt, ca_crt, RENEW_DAYS, why);
}

/* Whoever took the key, or could read it, is this head to every node until the certificate ends: somebody must know. */
static int check_server_key(const char *dir, struct err *err)
{
	autofree char *key_path = fs_join(dir, "server.key");
	autofree char *crt_path = fs_join(dir, "server.crt");
	autoclean(secret_free) struct buf key = { 0 };

	if (!fs_exists(key_path) && !fs_exists(crt_path))
		return 0;
	if (fs_read_secret(key_path, 64, PEM_MAX, &key, err) == 0)
		return 0;
	err->kind = ERR_REFUSED;
	return err_hint(err, "ask who may have read it; then `rm -f %s %s`: a new pair is made", key_path, crt_path);
}

static int ensure_server(const char *dir, const struct pki_paths *p, const struct x509_spec *spec, struct err *err)
{
	autoclean(secret_free) struct buf ca_key = { 0 };
	autoclean(secret_free) struct buf key = { 0 };
	autoclean(buf_free) struct buf ca_crt = { 0 };
	autoclean(buf_free) struct buf crt = { 0 };
	struct err why = { 0 };

	if (load_ca(dir, &ca_crt, &ca_key, err) < 0)
		return -1;
	if (!spec->names && !spec->addrs)
		return 0;
	if (server_usable(p, spec, &ca_crt, &why) == 0)
		return 0;
	if (check_server_key(dir, err) < 0)
		return -1;
	if (x509_key_make(&key, err) < 0 || x509_issue(spec, &key, &ca_crt, &ca_key, &crt, err) < 0)
		return -1;
	/* A cut between the two leaves a pair that does not fit: the next start makes both again. */
	if (fs_write_atomic(p->server_key, buf_str(&key), key.len, 0600, err) < 0 ||
	    fs_write_atomic(p->server_crt, buf_str(&crt), crt.len, 0644, err) < 0)
		return -1;
	log_info("keys", "made a new server certificate (%s)", why.kind == ERR_NOT_FOUND ? "there was none" : why.text);
	return 0;
}

int pki_check(const char *dir, struct err *err)
{
	autoclean(pki_paths_free) struct pki_paths p = { 0 };

	if (!fs_exists(dir)) {
		err_set(err, ERR_REFUSED, "the cluster's keys are missing: there is no %s", dir);
		return err_hint(err, "restore it from the backup: new keys would lock out every node that trusts the old ones");
	}
	if (whole(dir, err) < 0 || check_server_key(dir, err) < 0)
		return -1;
	return pki_ensure(dir, "", NULL, NULL, &p, err);
}

int pki_ensure(const char *dir, const char *cluster, const struct str_list *names, const struct str_list *addrs,
	       struct pki_paths *out, struct err *err)
{
	struct x509_spec spec = {
		.use = X509_USE_SERVER, .name = cluster, .names = names, .addrs = addrs, .wall_s = wall_now(), .days = LEAF_DAYS
	};
	autoclean(str_list_free) struct str_list present = { 0 };
	autoclean(pki_paths_free) struct pki_paths p = { 0 };
	autofree char *id = NULL;

	if (fs_exists(dir) && fs_list(dir, &present, err) < 0)
		return -1;
	if (!present.len) {
		autofree char *parent = mem_strdup(dir);
		char *slash = strrchr(parent, '/');

		if (slash && slash != parent) {
			*slash = '\0';
			if (fs_mkdirs(parent, 0755, err) < 0)
				return -1;
		}
		if (create(dir, cluster, err) < 0)
			return err_wrap(err, "make the cluster's keys");
	}
	if (whole(dir, err) < 0)
		return -1;
	p = (struct pki_paths){ .ca_crt = fs_join(dir, "ca.crt"),
				.server_crt = fs_join(dir, "server.crt"),
				.server_key = fs_join(dir, "server.key"),
				.sign_key = fs_join(dir, "sign.key"),
				.sign_pub = fs_join(dir, "sign.pub"),
				.cluster_id = fs_join(dir, "cluster-id") };
	if (cluster_id_load(p.cluster_id, &id, err) < 0 || check_signing(&p, err) < 0 || ensure_server(dir, &p, &spec, err) < 0)
		return -1;
	*out = p;
	p = (struct pki_paths){ 0 };
	return 0;
}

void pki_paths_free(struct pki_paths *p)
{
	free(p->ca_crt);
	free(p->server_crt);
	free(p->server_key);
	free(p->sign_key);
	free(p->sign_pub);
	free(p->cluster_id);
	*p = (struct pki_paths){ 0 };
}

int cluster_id_load(const char *path, char **id, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	uint8_t raw[CLUSTER_ID_BYTES];

	if (fs_read(path, 2 * CLUSTER_ID_BYTES + 1, &text, err) < 0)
		return err_wrap(err, "the cluster's identity");
	if (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	if (text.len != 2 * CLUSTER_ID_BYTES || str_unhex(buf_str(&text), raw, sizeof(raw), err) < 0)
		return err_set(err, ERR_DAMAGED, "%s does not hold a cluster's identity (%d hex digits)", path,
			       2 * CLUSTER_ID_BYTES);
	*id = buf_steal(&text);
	return 0;
}

static int check_free(const char *path, struct err *err)
{
	return fs_exists(path) ? err_set(err, ERR_EXISTS, "%s is there already, and is not replaced", path) : 0;
}

int pki_issue_client(const char *dir, const char *name, const char *out_dir, struct err *err)
{
	struct x509_spec spec = { .use = X509_USE_ADMIN, .name = name, .wall_s = wall_now(), .days = LEAF_DAYS };
	autoclean(secret_free) struct buf ca_key = { 0 };
	autoclean(secret_free) struct buf key = { 0 };
	autoclean(buf_free) struct buf ca_crt = { 0 };
	autoclean(buf_free) struct buf crt = { 0 };
	autofree char *key_name = str_format("%s.key", name);
	autofree char *crt_name = str_format("%s.crt", name);
	autofree char *key_path = fs_join(out_dir, key_name);
	autofree char *crt_path = fs_join(out_dir, crt_name);

	if (str_check_name(name, err) < 0)
		return err_wrap(err, "client certificate");
	if (check_free(key_path, err) < 0 || check_free(crt_path, err) < 0 || whole(dir, err) < 0 ||
	    load_ca(dir, &ca_crt, &ca_key, err) < 0 || x509_key_make(&key, err) < 0 ||
	    x509_issue(&spec, &key, &ca_crt, &ca_key, &crt, err) < 0)
		return -1;
	if (fs_write_atomic(key_path, buf_str(&key), key.len, 0600, err) < 0)
		return -1;
	if (fs_write_atomic(crt_path, buf_str(&crt), crt.len, 0644, err) == 0)
		return 0;
	unlink(key_path); /* a key without a certificate is of no use, and would be in the way next time */
	return -1;
}

int pki_issue_node(const char *dir, const char *name, const struct buf *request, struct buf *crt, struct err *err)
{
	struct x509_spec spec = { .use = X509_USE_NODE, .name = name, .wall_s = clock_wall_s(), .hours = NODE_HOURS };
	autoclean(secret_free) struct buf ca_key = { 0 };
	autoclean(buf_free) struct buf ca_crt = { 0 };

	if (spec.wall_s < CLOCK_FLOOR_S) {
		err_set(err, ERR_REFUSED,
			"this head's clock is wrong, it is not before 2026: no certificate for hours is issued by it");
		return err_hint(err, "set the clock of the head (chronyc makestep, or date); the machine asks again by itself");
	}
	if (str_check_hostname(name, err) < 0 || whole(dir, err) < 0 || load_ca(dir, &ca_crt, &ca_key, err) < 0)
		return -1;
	return x509_issue_request(&spec, request, &ca_crt, &ca_key, crt, err);
}

int pki_until(const char *crt_path, char out[PKI_UNTIL_LEN], struct err *err)
{
	autoclean(buf_free) struct buf crt = { 0 };
	int64_t end;

	_Static_assert(PKI_UNTIL_LEN == CLOCK_UTC_LEN, "one form of a time");
	if (fs_read(crt_path, PEM_MAX, &crt, err) < 0)
		return -1;
	if (x509_until(&crt, &end, err) < 0)
		return err_wrap(err, "%s", crt_path);
	clock_utc(end, out);
	return 0;
}
