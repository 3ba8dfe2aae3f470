/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/keys.h"

#include "base/digest.h"
#include "base/mem.h"
#include "sys/fs.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

_Static_assert(sizeof(((struct sign_key *)0)->secret) == crypto_sign_SECRETKEYBYTES, "Ed25519 secret key");
_Static_assert(sizeof(((struct sign_key *)0)->public) == crypto_sign_PUBLICKEYBYTES, "Ed25519 public key");
_Static_assert(SIGNATURE_LEN == crypto_sign_BYTES, "Ed25519 signature");

#define SEED_HEX_LEN (2 * crypto_sign_SEEDBYTES) /* the file: these digits and a newline */
#define PUBLIC_HEX_LEN (2 * crypto_sign_PUBLICKEYBYTES)

static int sodium_ready(struct err *err)
{
	/* Idempotent and safe from several threads; picks the implementation for this processor. */
	if (sodium_init() < 0)
		return err_set(err, ERR_FAILED, "libsodium cannot be used on this machine");
	return 0;
}

void random_bytes(void *out, size_t len)
{
	uint8_t *p = out;

	while (len) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			fputs("the kernel gives no random bytes\n", stderr);
			abort();
		}
		p += n;
		len -= (size_t)n;
	}
}

void sign_key_clear(struct sign_key *k)
{
	sodium_memzero(k, sizeof(*k));
}

int sign_key_create(const char *path, struct err *err)
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	char text[SEED_HEX_LEN + 2];
	int rc;

	if (sodium_ready(err) < 0)
		return -1;
	if (fs_exists(path)) {
		err_set(err, ERR_EXISTS, "the signing key %s is there already", path);
		return err_hint(err, "an existing key is never replaced: what it signed could no longer be checked");
	}
	random_bytes(seed, sizeof(seed));
	sodium_bin2hex(text, sizeof(text), seed, sizeof(seed));
	text[SEED_HEX_LEN] = '\n';
	text[SEED_HEX_LEN + 1] = '\0';
	rc = fs_write_atomic(path, text, SEED_HEX_LEN + 1, 0600, err);
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(text, sizeof(text));
	return rc;
}

int sign_key_make(struct sign_key *out, struct err *err)
{
	if (sodium_ready(err) < 0)
		return -1;
	if (crypto_sign_keypair(out->public, out->secret) == 0)
		return 0;
	sign_key_clear(out);
	return err_set(err, ERR_FAILED, "a signing key could not be made");
}

/* `digits` hex digits, then nothing or one newline. */
static int read_hex(const struct buf *text, const char *path, void *out, size_t len, struct err *err)
{
	autofree char *digits = NULL;
	size_t n = text->len;
	int rc;

	if (n && text->data[n - 1] == '\n')
		n--;
	if (n != 2 * len)
		return err_set(err, ERR_REFUSED, "%s is not a key: it has %zu digits, a key has %zu", path, n, 2 * len);
	digits = mem_strndup(text->data, n);
	rc = str_unhex(digits, out, len, err);
	sodium_memzero(digits, n);
	if (rc < 0)
		return err_set(err, ERR_REFUSED, "%s is not a key: it has bytes that are not hex digits", path);
	/* Zeros are what a failed read or a fresh disk block looks like: never a key. */
	if (sodium_is_zero(out, len))
		return err_set(err, ERR_REFUSED, "%s is not a key: it is all zeros", path);
	return 0;
}

int sign_key_load(const char *path, struct sign_key *out, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	uint8_t seed[crypto_sign_SEEDBYTES];
	int rc;

	sign_key_clear(out);
	if (sodium_ready(err) < 0)
		return -1;
	rc = fs_read_secret(path, SEED_HEX_LEN, SEED_HEX_LEN + 1, &text, err);
	if (rc == 0)
		rc = read_hex(&text, path, seed, sizeof(seed), err);
	if (rc == 0)
		crypto_sign_seed_keypair(out->public, out->secret, seed);
	sodium_memzero(seed, sizeof(seed));
	if (text.data)
		sodium_memzero(text.data, text.len);
	return rc < 0 ? err_wrap(err, "signing key") : 0;
}

int verify_key_load(const char *path, struct verify_key *out, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };

	sodium_memzero(out, sizeof(*out));
	if (fs_read(path, PUBLIC_HEX_LEN + 1, &text, err) < 0 ||
	    read_hex(&text, path, out->public, sizeof(out->public), err) < 0) {
		sodium_memzero(out, sizeof(*out));
		return err_wrap(err, "public key");
	}
	return 0;
}

void verify_key_of(const struct sign_key *k, struct verify_key *out)
{
	memcpy(out->public, k->public, sizeof(out->public));
}

void verify_key_print(const struct verify_key *k, char hex[65])
{
	str_hex(k->public, sizeof(k->public), hex);
}

void verify_key_id(const struct verify_key *k, char out[KEY_ID_LEN])
{
	struct digest d;

	digest_of(k->public, sizeof(k->public), &d);
	str_hex(d.bytes, (KEY_ID_LEN - 1) / 2, out);
}

int sign_bytes(const struct sign_key *k, const void *data, size_t len, uint8_t sig[SIGNATURE_LEN], struct err *err)
{
	if (sodium_ready(err) < 0)
		return -1;
	if (sodium_is_zero(k->secret, sizeof(k->secret)))
		return err_set(err, ERR_REFUSED, "nothing is signed with a key that was never loaded");
	if (crypto_sign_detached(sig, NULL, data, len, k->secret) != 0)
		return err_set(err, ERR_FAILED, "libsodium did not sign");
	return 0;
}

int verify_bytes(const struct verify_key *k, const void *data, size_t len, const uint8_t *sig, size_t sig_len, struct err *err)
{
	if (sodium_ready(err) < 0)
		return -1;
	if (sodium_is_zero(k->public, sizeof(k->public)))
		return err_set(err, ERR_DAMAGED, "no signature can be checked with a key that was never loaded");
	if (sig_len != SIGNATURE_LEN)
		return err_set(err, ERR_DAMAGED, "the signature has %zu bytes, not %d", sig_len, SIGNATURE_LEN);
	if (crypto_sign_verify_detached(sig, data, len, k->public) != 0) {
		char id[KEY_ID_LEN];

		verify_key_id(k, id);
		return err_set(err, ERR_DAMAGED, "the signature is not by key %s over these bytes", id);
	}
	return 0;
}
