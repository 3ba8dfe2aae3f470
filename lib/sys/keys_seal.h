/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sealed boxes (libsodium's crypto_box_seal: X25519, XSalsa20-Poly1305): anybody can seal to a public key, only its owner opens.
 */
#ifndef ORTHRUS_SYS_KEYS_SEAL_H
#define ORTHRUS_SYS_KEYS_SEAL_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define SEAL_KEY_LEN 32

/* Append base64 of `plain` sealed to this public key. A key that no secret belongs to (all zero, of low order) is ERR_INVALID. */
int seal_make(const uint8_t public[SEAL_KEY_LEN], const void *plain, size_t len, struct buf *b64, struct err *err) WARN_UNUSED;
/* Append what was sealed to the public half of `secret`; wipe it after use. ERR_DAMAGED when it was sealed to another key, or a
 * bit of it is not what it was: `plain` is untouched then. */
int seal_open(const uint8_t secret[SEAL_KEY_LEN], const char *b64, struct buf *plain, struct err *err) WARN_UNUSED;
int seal_public(const uint8_t secret[SEAL_KEY_LEN], uint8_t public[SEAL_KEY_LEN], struct err *err) WARN_UNUSED;
/* Frees it and leaves nothing of it in memory. */
void seal_wipe(struct buf *b);

#endif
