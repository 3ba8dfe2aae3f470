/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/pki_ssh.h"

#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"
#include "sys/spawn.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LINE_MAX_BYTES 4096 /* of a public key or certificate */
#define KRL_MAX ((size_t)16 << 20)
#define SECRET_MAX 4096
#define KEYGEN_NS (60 * NS_PER_S)

static const char *const ca_names[] = { [SSH_HOST_CA] = "host_ca", [SSH_USER_CA] = "user_ca" };

static int keygen(const char *const *argv, struct err *err)
{
	const struct spawn s = { .argv = argv, .timeout_ns = KEYGEN_NS };

	if (spawn_run(&s, NULL, err) == 0)
		return 0;
	return err->hint[0] ? -1 : err_hint(err, "it is in the package openssh-client");
}

#define KEYGEN(err, ...) keygen((const char *const[]){ "ssh-keygen", "-q", __VA_ARGS__, NULL }, (err))

/* A directory for the files that ssh-keygen reads and writes; nothing in it is secret. Removed by temp_free(). */
static char *temp_dir(struct err *err)
{
	autofree char *dir = mem_strdup("/tmp/orthrus-ssh.XXXXXX");

	if (!mkdtemp(dir)) {
		err_errno(err, errno, "make a directory in /tmp");
		return NULL;
	}
	return steal(dir);
}

static void temp_free(char **dir)
{
	struct err err = { 0 };

	if (*dir && fs_remove_tree(*dir, &err) < 0)
		log_err("ssh", "remove what was needed for a certificate", &err);
	free(*dir);
}

static int read_public(const char *path, char out[SSH_KEY_LEN], struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };

	if (fs_read(path, LINE_MAX_BYTES, &text, err) < 0)
		return -1;
	return ssh_key_read(buf_str(&text), text.len, out, err) < 0 ? err_wrap(err, "%s", path) : 0;
}

static int make_key(const char *path, const char *comment, struct err *err)
{
	return KEYGEN(err, "-t", "ed25519", "-N", "", "-C", comment, "-f", path);
}

/* In a directory beside, which then takes the name: a power cut leaves both or neither. */
static int create(const char *pki_dir, const char *dir, struct err *err)
{
	autofree char *tmp = str_format("%s.new", dir);

	if (!fs_exists(pki_dir))
		return err_set(err, ERR_NOT_FOUND, "%s is not there", pki_dir);
	if (fs_remove_tree(tmp, err) < 0 || fs_mkdirs(tmp, 0700, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(ca_names); i++) {
		autofree char *path = fs_join(tmp, ca_names[i]);

		if (make_key(path, ca_names[i], err) < 0)
			return -1;
	}
	if (rename(tmp, dir) < 0)
		return err_errno(err, errno, "rename %s to %s", tmp, dir);
	if (fs_sync_parent(dir, err) < 0)
		return -1;
	log_info("ssh", "made the cluster's ssh authorities in %s", dir);
	return 0;
}

/* The public half is in the private file too: ssh-keygen -y prints it. */
static int check_pair(const char *dir, const char *name, struct err *err)
{
	autofree char *path = fs_join(dir, name);
	autofree char *pub_path = str_format("%s.pub", path);
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	const struct spawn s = { .argv = (const char *const[]){ "ssh-keygen", "-y", "-P", "", "-f", path, NULL },
				 .timeout_ns = KEYGEN_NS };
	autoclean(buf_free) struct buf secret = { 0 };
	char have[SSH_KEY_LEN], want[SSH_KEY_LEN];

	if (fs_read_secret(path, 64, SECRET_MAX, &secret, err) < 0) {
		err->kind = ERR_REFUSED;
		return -1;
	}
	explicit_bzero(secret.data, secret.cap);
	if (read_public(pub_path, have, err) < 0 || spawn_run(&s, &r, err) < 0)
		return -1;
	if (r.status != 0 || ssh_key_read(buf_str(&r.out), r.out.len, want, err) < 0)
		return err_set(err, ERR_DAMAGED, "%s is no ssh key without a passphrase", path);
	return strcmp(have, want) == 0 ? 0 : err_set(err, ERR_DAMAGED, "%s is not the public half of %s", pub_path, path);
}

int pki_ssh_check(const char *pki_dir, struct err *err)
{
	autofree char *dir = fs_join(pki_dir, "ssh");

	for (size_t i = 0; i < ARRAY_LEN(ca_names); i++)
		if (check_pair(dir, ca_names[i], err) < 0) {
			err_wrap(err, "the cluster's ssh authorities");
			return err_hint(err, "restore %s from the backup: every node trusts these keys", dir);
		}
	return 0;
}

int pki_ssh_ensure(const char *pki_dir, struct err *err)
{
	autofree char *dir = fs_join(pki_dir, "ssh");

	if (!fs_exists(dir) && create(pki_dir, dir, err) < 0)
		return err_wrap(err, "make the cluster's ssh authorities");
	return pki_ssh_check(pki_dir, err);
}

static char *ca_path(const char *pki_dir, enum ssh_ca ca)
{
	return str_format("%s/ssh/%s", pki_dir, ca_names[ca]);
}

int pki_ssh_public(const char *pki_dir, enum ssh_ca ca, char out[SSH_KEY_LEN], struct err *err)
{
	autofree char *path = ca_path(pki_dir, ca);
	autofree char *pub = str_format("%s.pub", path);

	return read_public(pub, out, err);
}

/* What ssh-keygen takes apart at commas, or could take for an option or a file of its own, is none. */
static int check_word(const char *what, const char *s, struct err *err)
{
	bool good = isalnum((unsigned char)s[0]) || s[0] == ':';

	for (const char *c = s; good && *c; c++)
		good = isalnum((unsigned char)*c) || strchr("._:-", *c);
	return good ? 0 : err_set(err, ERR_INVALID, "'%.64s' is no %s of an ssh certificate", s, what);
}

static int join_principals(const struct str_list *list, struct buf *out, struct err *err)
{
	if (!list->len)
		return err_set(err, ERR_INVALID, "an ssh certificate without principals would be good for everybody");
	for (size_t i = 0; i < list->len; i++) {
		if (check_word("principal", list->items[i], err) < 0)
			return -1;
		buf_addf(out, "%s%s", i ? "," : "", list->items[i]);
	}
	return 0;
}

int pki_ssh_sign(const char *pki_dir, const struct ssh_cert *cert, struct buf *out, struct err *err)
{
	autoclean(temp_free) char *dir = NULL;
	autoclean(buf_free) struct buf principals = { 0 };
	autofree char *ca = ca_path(pki_dir, cert->ca), *key = NULL, *made = NULL;
	autofree char *line = str_format("%s %s\n", cert->key, cert->identity);
	autofree char *serial = str_format("%llu", (unsigned long long)cert->serial);
	autofree char *valid = str_format("always:+%llus", (unsigned long long)cert->valid_s);
	bool host = cert->ca == SSH_HOST_CA;

	if (check_word("identity", cert->identity, err) < 0 || join_principals(cert->principals, &principals, err) < 0)
		return -1;
	dir = temp_dir(err);
	if (!dir)
		return -1;
	key = fs_join(dir, "key.pub");
	made = fs_join(dir, "key-cert.pub");
	if (fs_write_atomic(key, line, strlen(line), 0600, err) < 0)
		return -1;
	if (KEYGEN(err, "-s", ca, "-I", cert->identity, "-n", buf_str(&principals), "-V", valid, "-z", serial, host ? "-h" : key,
		   host ? key : NULL) < 0)
		return err_wrap(err, "ssh certificate for %s", cert->identity);
	return fs_read(made, LINE_MAX_BYTES, out, err);
}

int pki_ssh_krl(const struct str_list *keys, struct buf *out, struct err *err)
{
	autoclean(temp_free) char *dir = temp_dir(err);
	autoclean(buf_free) struct buf list = { 0 };
	autofree char *spec = NULL, *made = NULL;

	if (!dir)
		return -1;
	spec = fs_join(dir, "keys");
	made = fs_join(dir, "krl");
	for (size_t i = 0; i < keys->len; i++)
		buf_addf(&list, "key: %s\n", keys->items[i]);
	if (fs_write_atomic(spec, buf_str(&list), list.len, 0600, err) < 0)
		return -1;
	if (KEYGEN(err, "-k", "-f", made, spec) < 0)
		return err_wrap(err, "list of revoked ssh keys");
	return fs_read(made, KRL_MAX, out, err);
}

int pki_ssh_key(const char *path, const char *comment, char public[SSH_KEY_LEN], struct err *err)
{
	autofree char *pub = str_format("%s.pub", path);
	autofree char *tmp = str_format("%s.new", path);
	autofree char *tmp_pub = str_format("%s.new.pub", path);

	if (fs_exists(path) && fs_exists(pub))
		return read_public(pub, public, err);
	/* The public half takes its name first: the pair counts as made when the private one is there, too. */
	if ((remove(tmp) < 0 && errno != ENOENT) || (remove(tmp_pub) < 0 && errno != ENOENT))
		return err_errno(err, errno, "remove %s", tmp);
	if (make_key(tmp, comment, err) < 0)
		return -1;
	if (rename(tmp_pub, pub) < 0 || rename(tmp, path) < 0)
		return err_errno(err, errno, "put %s in place", path);
	return read_public(pub, public, err);
}
