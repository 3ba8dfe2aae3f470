/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The line that a sender prints and a receiver is given: where the sender is, the key by which it is known, and the secret that
 * lets in. One text for each token; a slip in copying is found by its checksum. Pure. */
#ifndef ORTHRUS_CAST_TOKEN_H
#define ORTHRUS_CAST_TOKEN_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define TOKEN_SECRET 16
#define TOKEN_HOST_MAX 46
#define TOKEN_TEXT_MAX 256 /* more is no token */

struct token {
	char host[TOKEN_HOST_MAX]; /* numeric, IPv6 without brackets */
	uint16_t port;
	struct digest pin; /* SHA-256 of the public key of the sender's certificate */
	uint8_t secret[TOKEN_SECRET];
};
void token_clear(struct token *t);
/* Appends "orthrus-cast1:HOST:PORT:PIN:SECRET:CHECK". */
void token_write(const struct token *t, struct buf *out);
/* White space around it is fine. ERR_INVALID for all that token_write() does not write; no error text holds a part of it. */
int token_read(const char *text, size_t len, struct token *out, struct err *err) WARN_UNUSED;

/* "https://HOST:PORT", and the secret as it stands in an Authorization header. */
void token_url(const struct token *t, struct buf *out);
#define TOKEN_BEARER_LEN (2 * TOKEN_SECRET + 1)
void token_bearer(const struct token *t, char out[TOKEN_BEARER_LEN]);

#endif
