/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/digest.h"

#include "base/mem.h"
#include "base/str.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>

/* libcrypto's digest calls fail only when out of memory or when SHA-256 itself is missing: nothing can go on then. */
static void must(int ok)
{
	if (ok != 1) {
		fputs("libcrypto cannot compute SHA-256\n", stderr);
		abort();
	}
}

void digest_of(const void *data, size_t len, struct digest *out)
{
	must(EVP_Digest(data, len, out->bytes, NULL, EVP_sha256(), NULL));
}

void digest_hex(const struct digest *d, char out[DIGEST_HEX_LEN])
{
	str_hex(d->bytes, DIGEST_LEN, out);
}

int digest_cmp(const struct digest *a, const struct digest *b)
{
	return CRYPTO_memcmp(a->bytes, b->bytes, DIGEST_LEN);
}

struct digest_ctx {
	EVP_MD_CTX *md;
};

struct digest_ctx *digest_new(void)
{
	struct digest_ctx *ctx = mem_zalloc(sizeof(*ctx));

	ctx->md = EVP_MD_CTX_new();
	must(ctx->md != NULL);
	must(EVP_DigestInit_ex(ctx->md, EVP_sha256(), NULL));
	return ctx;
}

void digest_add(struct digest_ctx *ctx, const void *data, size_t len)
{
	must(EVP_DigestUpdate(ctx->md, data, len));
}

void digest_end(struct digest_ctx *ctx, struct digest *out)
{
	if (out)
		must(EVP_DigestFinal_ex(ctx->md, out->bytes, NULL));
	EVP_MD_CTX_free(ctx->md);
	free(ctx);
}
