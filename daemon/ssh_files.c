/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ssh_trust.c keeps, as ssh reads it: on this head, and in the answer to a node. */
#include "base/base64.h"
#include "base/mem.h"
#include "daemon/ssh_trust.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/pki_ssh.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define NAMES_PER_LINE 100
#define REVOKED_MAX ((size_t)16 << 20)
#define LOGIN_RENEW_S (SSH_LOGIN_CERT_S / 2)

static int gone_key(struct json_obj *o, void *to, struct err *err)
{
	struct str_list *keys = to;
	autofree char *node = NULL, *key = NULL;
	bool gone;
	int64_t until;

	if (json_str(o, "node", JSON_MUST, &node, err) < 0 || json_str(o, "key", JSON_MUST, &key, err) < 0 ||
	    json_bool(o, "gone", JSON_MUST, &gone, err) < 0 || json_i64(o, "until", JSON_MUST, &until, err) < 0)
		return -1;
	if (gone)
		str_list_add(keys, key);
	return json_obj_end(o, err);
}

/* A list says when it was made: without a look at what it is made of, each would be a new one for everybody. */
static int follow_revoked(struct daemon *d, struct err *err)
{
	autoclean(state_docs_free) struct state_docs docs = { 0 };
	autoclean(str_list_free) struct str_list keys = { 0 };
	autoclean(buf_free) struct buf krl = { 0 }, text = { 0 }, before = { 0 };
	autofree char *path = fs_join(d->paths.ssh_dir, "revoked_keys");
	autofree char *text_path = fs_join(d->paths.ssh_dir, "revoked_keys.list");
	struct err none = { 0 };

	if (state_list(d->state, "sshkey/", &docs, err) < 0)
		return -1;
	for (size_t i = 0; i < docs.len; i++)
		if (json_read(docs.items[i].value, strlen(docs.items[i].value), gone_key, &keys, err) < 0)
			return err_wrap(err, "%s", docs.items[i].key);
	for (size_t i = 0; i < keys.len; i++)
		buf_addf(&text, "%s\n", keys.items[i]);
	if (fs_exists(path) && fs_read(text_path, REVOKED_MAX, &before, &none) == 0 && str_eq(buf_str(&before), buf_str(&text)))
		return 0;
	/* The text last: it says that the list is the one made of it. */
	if (pki_ssh_krl(&keys, &krl, err) < 0 || fs_write_atomic(path, buf_str(&krl), krl.len, 0644, err) < 0)
		return -1;
	return fs_write_atomic(text_path, buf_str(&text), text.len, 0644, err);
}

/* The authority speaks for names of our domain and for nodes' bare names, for nothing else in the world. */
int ssh_known_hosts(struct daemon *d, const struct site *site, struct buf *out, struct err *err)
{
	autoclean(state_docs_free) struct state_docs docs = { 0 };
	char ca[SSH_KEY_LEN];

	if (pki_ssh_public(d->paths.pki_dir, SSH_HOST_CA, ca, err) < 0 || state_list(d->state, "node/", &docs, err) < 0)
		return -1;
	buf_addf(out, "# Written by orthrusd: nodes are known by the cluster's authority.\n@cert-authority *.%s %s\n",
		 site->domain, ca);
	for (size_t i = 0; i < docs.len; i++) {
		bool first = i % NAMES_PER_LINE == 0, last = i + 1 == docs.len || (i + 1) % NAMES_PER_LINE == 0;

		buf_addf(out, "%s%s", first ? "@cert-authority " : ",", docs.items[i].key + strlen("node/"));
		if (last)
			buf_addf(out, " %s\n", ca);
	}
	return 0;
}

int ssh_answer(struct daemon *d, const struct site *site, const char *node, const struct str_list *addrs,
	       const char key[SSH_KEY_LEN], struct buf *json, struct err *err)
{
	autoclean(str_list_free) struct str_list principals = { 0 };
	autoclean(buf_free) struct buf cert = { 0 }, known = { 0 }, krl = { 0 }, b64 = { 0 };
	autofree char *fqdn = str_format("%s.%s", node, site->domain);
	autofree char *revoked = fs_join(d->paths.ssh_dir, "revoked_keys");
	const struct ssh_cert spec = { .ca = SSH_HOST_CA,
				       .key = key,
				       .identity = fqdn,
				       .principals = &principals,
				       .serial = state_revision(d->state),
				       .valid_s = SSH_HOST_CERT_S };
	char user_ca[SSH_KEY_LEN];
	struct json_out w;

	str_list_add(&principals, node);
	str_list_add(&principals, fqdn);
	for (size_t i = 0; i < addrs->len; i++)
		str_list_add(&principals, addrs->items[i]);
	if (pki_ssh_sign(d->paths.pki_dir, &spec, &cert, err) < 0 ||
	    pki_ssh_public(d->paths.pki_dir, SSH_USER_CA, user_ca, err) < 0 || ssh_known_hosts(d, site, &known, err) < 0 ||
	    fs_read(revoked, REVOKED_MAX, &krl, err) < 0)
		return -1;
	base64_put(&b64, buf_str(&krl), krl.len);
	json_out_init(&w, json, true);
	json_put_obj(&w, NULL);
	json_put_str(&w, "certificate", buf_str(&cert));
	json_put_str(&w, "user_ca", user_ca);
	json_put_str(&w, "known_hosts", buf_str(&known));
	json_put_str(&w, "revoked", buf_str(&b64));
	json_end_obj(&w);
	return 0;
}

/* Is root's certificate there, of this key, and younger than half its life? */
static bool login_good(const char *cert, const char *pub)
{
	struct stat c, k;
	time_t now = (time_t)clock_wall_s();

	return stat(cert, &c) == 0 && stat(pub, &k) == 0 && c.st_mtime >= k.st_mtime && now >= c.st_mtime &&
	       now - c.st_mtime < (time_t)LOGIN_RENEW_S;
}

static int follow_login(struct daemon *d, const struct site *site, struct err *err)
{
	autofree char *path = fs_join(d->paths.ssh_dir, "root");
	autofree char *pub = str_format("%s.pub", path);
	autofree char *cert = str_format("%s-cert.pub", path);
	autoclean(str_list_free) struct str_list principals = { 0 };
	autoclean(buf_free) struct buf line = { 0 };
	autofree char *identity = str_format("head.%s", site->domain);
	char key[SSH_KEY_LEN];
	const struct ssh_cert spec = { .ca = SSH_USER_CA,
				       .key = key,
				       .identity = identity,
				       .principals = &principals,
				       .serial = state_revision(d->state),
				       .valid_s = SSH_LOGIN_CERT_S };

	str_list_add(&principals, "root");
	if (pki_ssh_key(path, identity, key, err) < 0)
		return -1;
	if (login_good(cert, pub))
		return 0;
	return pki_ssh_sign(d->paths.pki_dir, &spec, &line, err) < 0 ? -1
								     : fs_write_atomic(cert, buf_str(&line), line.len, 0644, err);
}

int ssh_follow(struct daemon *d, const struct site *site, struct err *err)
{
	autoclean(buf_free) struct buf known = { 0 };
	autofree char *known_path = fs_join(d->paths.ssh_dir, "known_hosts");

	if (fs_mkdirs(d->paths.ssh_dir, 0755, err) < 0 || follow_revoked(d, err) < 0 ||
	    ssh_known_hosts(d, site, &known, err) < 0 ||
	    fs_write_if_changed(known_path, buf_str(&known), known.len, 0644, NULL, err) < 0)
		return -1;
	return follow_login(d, site, err);
}
