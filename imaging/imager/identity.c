/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/identity.h"

#include "base/mem.h"
#include "imaging/imager/report.h"
#include "imaging/imager/tpm.h"
#include "sys/fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void identity_free(struct identity *id)
{
	node_keys_clear(&id->keys);
	free(id->csr);
	free(id->key_path);
	free(id->crt_path);
	free(id->seal_path);
	*id = (struct identity){ 0 };
}

void identity_say(const struct identity *id)
{
	report_line("fingerprint: %s", id->words);
}

/* A directory that others can look into would be one they can put names into before us. */
static int prepare_dir(const char *dir, struct err *err)
{
	struct stat st;

	if (fs_mkdirs(dir, 0700, err) < 0)
		return -1;
	if (chmod(dir, 0700) < 0 || lstat(dir, &st) < 0)
		return err_errno(err, errno, "set the mode of %s", dir);
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return err_set(err, ERR_REFUSED, "%s is not a directory of our own", dir);
	return 0;
}

static int keep_files(const struct identity *id, struct err *err)
{
	char seal[NODE_SEAL_TEXT_LEN];
	int rc;

	if (fs_write_atomic(id->key_path, buf_str(&id->keys.tls_pem), id->keys.tls_pem.len, 0600, err) < 0)
		return -1;
	node_keys_seal_text(&id->keys, seal);
	rc = fs_write_atomic(id->seal_path, seal, strlen(seal), 0600, err);
	explicit_bzero(seal, sizeof(seal));
	return rc;
}

static int describe(struct identity *id, struct err *err)
{
	autoclean(buf_free) struct buf csr = { 0 };
	struct digest fp;

	if (node_keys_fingerprint(&id->keys, &fp, err) < 0 || x509_request_make(&id->keys.tls_pem, "orthrus node", &csr, err) < 0)
		return -1;
	id->csr = buf_steal(&csr);
	digest_hex(&fp, id->fingerprint);
	keywords_of(fp.bytes, id->words);
	str_hex(id->keys.seal_public, SEAL_KEY_LEN, id->seal_key);
	return 0;
}

int identity_take(struct node_keys *keys, const char *dir, struct identity *out, struct err *err)
{
	*out = (struct identity){ .keys = *keys,
				  .key_path = fs_join(dir, "node.key"),
				  .crt_path = fs_join(dir, "node.crt"),
				  .seal_path = fs_join(dir, "node.seal") };
	explicit_bzero(keys, sizeof(*keys));
	if (describe(out, err) == 0 && prepare_dir(dir, err) == 0 && keep_files(out, err) == 0)
		return 0;
	identity_free(out);
	return err_wrap(err, "this machine's identity");
}

/* What this program had when it ran before: 1 found, 0 none. */
static int in_dir(const char *dir, struct node_keys *out, struct err *err)
{
	autofree char *key_path = fs_join(dir, "node.key"), *seal_path = fs_join(dir, "node.seal");
	autoclean(seal_wipe) struct buf key = { 0 }, seal = { 0 };

	if (!fs_exists(key_path) || !fs_exists(seal_path))
		return 0;
	if (fs_read_secret(key_path, 1, NODE_KEY_PEM_MAX, &key, err) < 0 ||
	    fs_read_secret(seal_path, 1, NODE_SEAL_TEXT_LEN, &seal, err) < 0 || node_keys_read(&key, &seal, out, err) < 0)
		return -1;
	return 1;
}

static int in_tpm(const struct tpm *t, struct node_keys *out, struct err *err)
{
	uint8_t raw[NODE_KEYS_RAW_LEN];
	int rc = tpm_unseal(t, raw, err);

	if (rc == 1 && node_keys_unpack(raw, out, err) < 0)
		rc = -1;
	explicit_bzero(raw, sizeof(raw));
	return rc;
}

static int into_tpm(const struct tpm *t, const struct node_keys *keys, struct err *err)
{
	uint8_t raw[NODE_KEYS_RAW_LEN];
	int rc = node_keys_pack(keys, raw, err) < 0 ? -1 : tpm_seal(t, raw, err);

	explicit_bzero(raw, sizeof(raw));
	return rc;
}

/* The first that is there. *tpm_free: the TPM works and keeps nothing yet. Returns where it is from, for people; NULL: nowhere.
 */
static const char *search(const struct identity_sources *from, const struct tpm *t, struct node_keys *keys, bool *tpm_free)
{
	struct err why = { 0 };
	int rc;

	rc = in_dir(from->dir, keys, &why);
	if (rc < 0)
		report_error(&why);
	if (rc > 0)
		return "the one it had before";
	rc = t->tcti ? in_tpm(t, keys, &why) : 0;
	*tpm_free = t->tcti && rc == 0;
	if (rc < 0)
		report_error(&why);
	if (rc > 0)
		return "kept in its TPM";
	rc = from->on_disks ? from->on_disks(from->ctx, keys, &why) : 0;
	if (rc < 0)
		report_error(&why);
	return rc > 0 ? "that of the system on its disks" : NULL;
}

int identity_find(const struct identity_sources *from, struct identity *out, struct err *err)
{
	const struct tpm tpm = { .tcti = from->tcti, .work = from->dir };
	struct node_keys keys = { 0 };
	bool tpm_free = false;
	const char *origin, *kept = "";
	struct err why = { 0 };

	if (prepare_dir(from->dir, err) < 0)
		return -1;
	origin = search(from, &tpm, &keys, &tpm_free);
	if (!origin && node_keys_make(&keys, err) < 0)
		return -1;
	if (tpm_free && into_tpm(&tpm, &keys, &why) < 0)
		report_error(&why);
	else if (tpm_free)
		kept = ", kept in its TPM from now on";
	if (identity_take(&keys, from->dir, out, err) < 0)
		return -1;
	report_line("this machine's identity is %s%s", origin ? origin : "new", kept);
	identity_say(out);
	return 0;
}
