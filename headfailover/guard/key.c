/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/guard/key.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"
#include "sys/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define HEX_LEN (2 * GUARD_KEY_LEN) /* the file: these digits and a newline */

static int sodium_ready(struct err *err)
{
	return sodium_init() < 0 ? err_set(err, ERR_FAILED, "libsodium cannot be used on this machine") : 0;
}

void guard_keys_clear(struct guard_keys *k)
{
	sodium_memzero(k, sizeof(*k));
}

/* The first bytes of a hash under the key, of a text that no datagram begins with. */
static uint64_t under(const uint8_t key[GUARD_KEY_LEN], const char *what, const char *name, unsigned int bytes)
{
	crypto_generichash_state state;
	uint8_t hash[crypto_generichash_BYTES];
	uint64_t v = 0;

	crypto_generichash_init(&state, key, GUARD_KEY_LEN, sizeof(hash));
	crypto_generichash_update(&state, (const uint8_t *)what, strlen(what) + 1);
	crypto_generichash_update(&state, (const uint8_t *)name, strlen(name));
	crypto_generichash_final(&state, hash, sizeof(hash));
	sodium_memzero(&state, sizeof(state));
	for (unsigned int i = 0; i < bytes; i++)
		v = v << 8 | hash[i];
	return v;
}

int guard_key_of(const uint8_t bytes[GUARD_KEY_LEN], const char *cluster, struct guard_key *out, struct err *err)
{
	uint8_t differs = 0;

	sodium_memzero(out, sizeof(*out));
	if (sodium_ready(err) < 0)
		return -1;
	/* What a failed read, a fresh disk block or an erased one looks like. */
	for (unsigned int i = 1; i < GUARD_KEY_LEN; i++)
		differs |= bytes[i] ^ bytes[0];
	if (!differs)
		return err_set(err, ERR_REFUSED, "it is no key: all its bytes are the same");
	memcpy(out->bytes, bytes, GUARD_KEY_LEN);
	out->id = (uint32_t)under(bytes, "orthrus guard key", "", 4);
	out->cluster = under(bytes, "orthrus guard cluster", cluster, 8);
	return 0;
}

int guard_key_create(const char *path, struct err *err)
{
	uint8_t bytes[GUARD_KEY_LEN];
	char text[HEX_LEN + 2];
	int rc;

	if (sodium_ready(err) < 0)
		return -1;
	if (fs_exists(path)) {
		err_set(err, ERR_EXISTS, "the guard's key %s is there already", path);
		return err_hint(err, "the other voters may have it; for a new one give another name, see orthrus-guard(8)");
	}
	random_bytes(bytes, sizeof(bytes));
	sodium_bin2hex(text, sizeof(text), bytes, sizeof(bytes));
	text[HEX_LEN] = '\n';
	rc = fs_write_atomic(path, text, HEX_LEN + 1, 0600, err);
	sodium_memzero(bytes, sizeof(bytes));
	sodium_memzero(text, sizeof(text));
	return rc;
}

/* Is it in the directory where systemd puts what LoadCredential= names? That is not writable for anybody, and of its mode the
 * group's bits stand for one user's ACL (systemd.exec(5)). */
static bool is_credential(const char *path)
{
	const char *dir = secure_getenv("CREDENTIALS_DIRECTORY");
	const size_t n = dir ? strlen(dir) : 0;

	return n && strncmp(path, dir, n) == 0 && path[n] == '/' && path[n + 1] && !strchr(path + n + 1, '/');
}

static int check_owner(int fd, const char *path, struct err *err)
{
	struct stat st;
	mode_t mode;

	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_REFUSED, "%s is no file", path);
	mode = st.st_mode & 07777;
	if (st.st_uid != 0 && st.st_uid != geteuid()) {
		err_set(err, ERR_REFUSED, "%s belongs to user %u, who is neither root nor who runs the guard", path,
			(unsigned int)st.st_uid);
		return err_hint(err, "run: chown root: %s; and think about who may have read or written it", path);
	}
	if (mode == 0600 || mode == 0400 || (mode == 0440 && is_credential(path)))
		return 0;
	err_set(err, ERR_REFUSED, "%s has mode %04o: the key of the guards is nobody else's (0600 or 0400)", path,
		(unsigned int)mode);
	return err_hint(err, "run: chmod 0600 %s; if others could read it, make a new one: whoever has it can say who answers",
			path);
}

static int parse(const char *text, size_t len, const char *path, uint8_t out[GUARD_KEY_LEN], struct err *err)
{
	size_t got = 0;

	if (len != HEX_LEN + 1 || text[HEX_LEN] != '\n' ||
	    sodium_hex2bin(out, GUARD_KEY_LEN, text, HEX_LEN, NULL, &got, NULL) != 0 || got != GUARD_KEY_LEN)
		return err_set(err, ERR_REFUSED, "%s is not a key: a key is %d hex digits and a newline", path, HEX_LEN);
	return 0;
}

static int load(const char *path, const char *cluster, struct guard_key *out, struct err *err)
{
	autoclose int fd = fs_open_regular(path, O_NOFOLLOW, err);
	uint8_t bytes[GUARD_KEY_LEN] = { 0 };
	char text[HEX_LEN + 2] = "";
	ssize_t n;
	int rc;

	if (fd < 0) {
		const bool closed = errno == EACCES;

		err->kind = ERR_REFUSED;
		if (closed)
			return err_hint(err, "the guard runs as a user of its own: chown orthrus-guard: %s", path);
		return err_hint(err, "copy the key from another voter of this cluster (mode 0600); the first one makes it");
	}
	if (check_owner(fd, path, err) < 0)
		return err->hint[0] ? -1 : err_hint(err, "copy the key from another voter of this cluster (mode 0600)");
	n = pread(fd, text, sizeof(text), 0);
	if (n < 0)
		return err_errno(err, errno, "read %s", path);
	rc = parse(text, (size_t)n, path, bytes, err);
	if (rc == 0 && guard_key_of(bytes, cluster, out, err) < 0)
		rc = err_wrap(err, "%s", path);
	sodium_memzero(bytes, sizeof(bytes));
	sodium_memzero(text, sizeof(text));
	if (rc < 0 && err->kind == ERR_REFUSED)
		(void)err_hint(err, "copy the key from another voter of this cluster (mode 0600)");
	return rc;
}

int guard_keys_load(const char *signs, const char *also, const char *cluster, struct guard_keys *out, struct err *err)
{
	int rc;

	guard_keys_clear(out);
	rc = sodium_ready(err);
	if (rc == 0)
		rc = load(signs, cluster, &out->key[0], err);
	if (rc == 0 && also)
		rc = load(also, cluster, &out->key[1], err);
	if (rc == 0 && also && out->key[0].id == out->key[1].id) {
		rc = err_set(err, ERR_REFUSED, "%s and %s are the same key", signs, also);
		(void)err_hint(err, "name the old key and the new one, or one only");
	}
	if (rc < 0) {
		guard_keys_clear(out);
		return err_wrap(err, "the key of the guards");
	}
	out->n = also ? 2 : 1;
	return 0;
}
