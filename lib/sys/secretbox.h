/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Secrets at rest in the cluster's state: encrypted and bound to what they are for, under a key that is only in the heads' PKI
 * directory. Whoever has the state alone (a backup, a log of it) has no secret. */
#ifndef ORTHRUS_SYS_SECRETBOX_H
#define ORTHRUS_SYS_SECRETBOX_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECRETBOX_MAX ((size_t)1 << 20) /* bytes of one secret */

/* `autoclean(secret_key_clear) struct secret_key key = { 0 };` Locked into memory where the kernel lets us: not to be moved. */
struct secret_key {
	uint8_t bytes[32];
};
/* The key in PKI_DIR/secrets.key (mode 0600). When there is none and `make`, it is made; of several that make it at once one
 * wins. Say it only while nothing was sealed yet: what the lost key has sealed a new one can't open. A file that others may read,
 * or that holds no key, is refused, and so is none without `make` (ERR_REFUSED). PKI_DIR must exist. */
int secretbox_key(const char *pki_dir, bool make, struct secret_key *out, struct err *err) WARN_UNUSED;
void secret_key_clear(struct secret_key *k);

/* Appends base64 (RFC 4648, one line) of the sealed secret. `context` says what it is and whose ("bmc/n01"): it opens only with
 * the same words, so that nobody who can write the state can exchange one secret for another. XChaCha20-Poly1305
 * (draft-irtf-cfrg-xchacha) with a random nonce: sealing twice gives different texts. */
int secretbox_seal(const struct secret_key *k, const char *context, const void *plain, size_t len, struct buf *b64,
		   struct err *err) WARN_UNUSED;
/* Appends the secret to `plain`, to be freed by secret_buf_free(). ERR_DAMAGED when it was sealed by another key, for another
 * context, or any bit of it is not as it was: `plain` is untouched then. */
int secretbox_open(const struct secret_key *k, const char *context, const char *b64, struct buf *plain,
		   struct err *err) WARN_UNUSED;

/* Wipes all the memory of it, then frees. A buffer that grew has left copies behind: reserve what is needed before. */
void secret_buf_free(struct buf *b);
/* The same for a string; NULL is fine. */
void secret_str_free(char *s);
static inline void secret_str_auto_(char **s)
{
	secret_str_free(*s);
}
#define autosecret __attribute__((cleanup(secret_str_auto_)))

#endif
