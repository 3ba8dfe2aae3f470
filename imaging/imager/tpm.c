/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/tpm.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/spawn.h"

#include <string.h>

/* A discrete TPM takes a second or two for a key, and one that hangs must not keep the machine. */
#define TIMEOUT_NS (60 * NS_PER_S)

/* Before the secrets: what else could be at the handle is told apart. */
static const char magic[8] = { 'o', 'r', 't', 'h', 'r', 'u', 's', '1' };
#define BLOB_LEN (sizeof(magic) + NODE_KEYS_RAW_LEN)

/* `tpm2 ARGS... -T TCTI`; -1 unless it exits 0. */
static int tpm2(const struct tpm *t, const char *const *args, const uint8_t *input, size_t len, struct spawn_result *r,
		struct err *err)
{
	autoclean(str_list_free) struct str_list argv = { 0 };
	autoclean(spawn_result_free) struct spawn_result own = { 0 };
	struct spawn s = { .input = (const char *)input, .input_len = len, .timeout_ns = TIMEOUT_NS };

	str_list_add(&argv, "tpm2");
	for (size_t i = 0; args[i]; i++)
		str_list_add(&argv, args[i]);
	str_list_add(&argv, "-T");
	str_list_add(&argv, t->tcti);
	s.argv = (const char *const *)argv.items;
	return spawn_run(&s, r, err);
}

#define TPM2(t, err, ...) tpm2(t, (const char *const[]){ __VA_ARGS__, NULL }, NULL, 0, NULL, err)

/* One of the lines "- 0x81004F52"? */
static bool lists_handle(const char *text)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *at = line + strspn(line, " -");
		size_t n = strcspn(at, " \r\n");

		if (n == strlen(TPM_HANDLE) && strncasecmp(at, TPM_HANDLE, n) == 0)
			return true;
	}
	return false;
}

static int look(const struct tpm *t, bool *there, struct err *err)
{
	static const char *const args[] = { "getcap", "handles-persistent", NULL };
	autoclean(spawn_result_free) struct spawn_result r = { 0 };

	if (tpm2(t, args, NULL, 0, &r, err) < 0)
		return -1;
	if (r.status != 0) {
		autofree char *said = str_printable(buf_str(&r.err), strcspn(buf_str(&r.err), "\n"));

		return err_set(err, ERR_FAILED, "tpm2 getcap ended with status %d: %s", r.status, said);
	}
	*there = lists_handle(buf_str(&r.out));
	return 0;
}

int tpm_unseal(const struct tpm *t, uint8_t raw[NODE_KEYS_RAW_LEN], struct err *err)
{
	static const char *const args[] = { "unseal", "-Q", "-c", TPM_HANDLE, NULL };
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	bool there = false, ours;

	if (look(t, &there, err) < 0)
		return err_wrap(err, "the TPM can't be used");
	if (!there)
		return 0;
	if (tpm2(t, args, NULL, 0, &r, err) < 0)
		return err_wrap(err, "the TPM can't be used");
	ours = r.status == 0 && r.out.len == BLOB_LEN && memcmp(r.out.data, magic, sizeof(magic)) == 0;
	if (ours)
		memcpy(raw, r.out.data + sizeof(magic), NODE_KEYS_RAW_LEN);
	if (r.out.data)
		explicit_bzero(r.out.data, r.out.cap);
	if (ours)
		return 1;
	err_set(err, ERR_REFUSED, "what the TPM keeps at handle " TPM_HANDLE " is not this machine's identity");
	return err_hint(err, "if nothing else needs it, remove it: tpm2_evictcontrol -C o -c " TPM_HANDLE);
}

/* A primary key that can be made again from the TPM's own seed, the sealed object below it, then the object alone at its handle.
 * Without a resource manager each object would stay in one of the TPM's three places: hence the flushes. */
static int seal_blob(const struct tpm *t, const char *work, const uint8_t *blob, struct err *err)
{
	autofree char *primary = fs_join(work, "primary.ctx"), *public = fs_join(work, "seal.pub");
	autofree char *private = fs_join(work, "seal.priv"), *object = fs_join(work, "seal.ctx");
	const char *const create[] = {
		"create", "-Q", "-C",	primary, "-g",	  "sha256", "-i",
		"-",	  "-u", public, "-r",	 private, "-a",	    "fixedtpm|fixedparent|noda|userwithauth",
		NULL
	};

	if (TPM2(t, err, "createprimary", "-Q", "-C", "o", "-g", "sha256", "-G", "ecc", "-c", primary) < 0 ||
	    TPM2(t, err, "flushcontext", "-Q", "-t") < 0 || tpm2(t, create, blob, BLOB_LEN, NULL, err) < 0 ||
	    TPM2(t, err, "flushcontext", "-Q", "-t") < 0 ||
	    TPM2(t, err, "load", "-Q", "-C", primary, "-u", public, "-r", private, "-c", object) < 0 ||
	    TPM2(t, err, "flushcontext", "-Q", "-t") < 0 ||
	    TPM2(t, err, "evictcontrol", "-Q", "-C", "o", "-c", object, TPM_HANDLE) < 0)
		return -1;
	return TPM2(t, err, "flushcontext", "-Q", "-t");
}

int tpm_seal(const struct tpm *t, const uint8_t raw[NODE_KEYS_RAW_LEN], struct err *err)
{
	autofree char *work = fs_join(t->work, "tpm");
	uint8_t blob[BLOB_LEN];
	struct err ignored = { 0 };
	bool there = false;
	int rc;

	if (look(t, &there, err) < 0)
		return err_wrap(err, "keep the identity in the TPM");
	if (there)
		return err_set(err, ERR_EXISTS, "keep the identity in the TPM: there is something at handle " TPM_HANDLE);
	if (fs_mkdirs(work, 0700, err) < 0)
		return -1;
	memcpy(blob, magic, sizeof(magic));
	memcpy(blob + sizeof(magic), raw, NODE_KEYS_RAW_LEN);
	rc = seal_blob(t, work, blob, err);
	explicit_bzero(blob, sizeof(blob));
	if (fs_remove_tree(work, &ignored) < 0 && rc == 0)
		rc = err_set(err, ERR_FAILED, "%s", ignored.text);
	return rc == 0 ? 0 : err_wrap(err, "keep the identity in the TPM");
}
