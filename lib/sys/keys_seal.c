/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/keys_seal.h"

#include "base/base64.h"
#include "base/mem.h"

#include <sodium.h>
#include <string.h>

_Static_assert(SEAL_KEY_LEN == crypto_box_PUBLICKEYBYTES && SEAL_KEY_LEN == crypto_box_SECRETKEYBYTES, "X25519 keys");

static int ready(struct err *err)
{
	return sodium_init() < 0 ? err_set(err, ERR_FAILED, "libsodium cannot be used on this machine") : 0;
}

void seal_wipe(struct buf *b)
{
	if (b->data)
		sodium_memzero(b->data, b->cap);
	buf_free(b);
}

int seal_make(const uint8_t public[SEAL_KEY_LEN], const void *plain, size_t len, struct buf *b64, struct err *err)
{
	autofree uint8_t *box = NULL;

	if (ready(err) < 0)
		return -1;
	box = mem_array(len + crypto_box_SEALBYTES, 1);
	if (crypto_box_seal(box, plain, len, public) != 0)
		return err_set(err, ERR_INVALID, "nothing can be sealed to this key");
	base64_put(b64, box, len + crypto_box_SEALBYTES);
	return 0;
}

int seal_public(const uint8_t secret[SEAL_KEY_LEN], uint8_t public[SEAL_KEY_LEN], struct err *err)
{
	if (ready(err) < 0)
		return -1;
	if (crypto_scalarmult_base(public, secret) != 0)
		return err_set(err, ERR_INVALID, "no X25519 key");
	return 0;
}

int seal_open(const uint8_t secret[SEAL_KEY_LEN], const char *b64, struct buf *plain, struct err *err)
{
	autoclean(buf_free) struct buf box = { 0 };
	uint8_t public[SEAL_KEY_LEN];
	struct err why = { 0 };
	size_t before = plain->len, len;

	if (seal_public(secret, public, err) < 0)
		return -1;
	if (base64_read(b64, strlen(b64), &box, &why) < 0 || box.len < crypto_box_SEALBYTES)
		return err_set(err, ERR_DAMAGED, "no sealed box");
	len = box.len - crypto_box_SEALBYTES;
	buf_reserve(plain, len);
	if (crypto_box_seal_open((unsigned char *)plain->data + before, (const unsigned char *)box.data, box.len, public,
				 secret) != 0) {
		sodium_memzero(plain->data + before, len);
		return err_set(err, ERR_DAMAGED, "the sealed box was made for another key, or changed on its way");
	}
	plain->len = before + len;
	plain->data[plain->len] = '\0';
	return 0;
}
