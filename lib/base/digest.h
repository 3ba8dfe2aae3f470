/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256 (FIPS 180-4) by libcrypto: the one hash of images, chunks, plans and documents. */
#ifndef ORTHRUS_BASE_DIGEST_H
#define ORTHRUS_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_LEN 32
#define DIGEST_HEX_LEN 65 /* with the final NUL */

struct digest {
	uint8_t bytes[DIGEST_LEN];
};

void digest_of(const void *data, size_t len, struct digest *out);
void digest_hex(const struct digest *d, char out[DIGEST_HEX_LEN]);
int digest_cmp(const struct digest *a, const struct digest *b); /* 0 when equal, else not 0 (no order); constant time */

/* Incremental: digest_new() .. digest_add() .. digest_end() (which also frees). */
struct digest_ctx;
struct digest_ctx *digest_new(void) __attribute__((returns_nonnull));
void digest_add(struct digest_ctx *ctx, const void *data, size_t len);
void digest_end(struct digest_ctx *ctx, struct digest *out); /* out may be NULL: only free */

#endif
