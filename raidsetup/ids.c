/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/ids.h"

#include "base/digest.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

/* The final NUL of each word is hashed too: "ab","c" and "a","bc" must not meet. */
static void derive(const uint8_t seed[ID_SEED_LEN], const char *kind, const char *a, const char *b, uint8_t out[16])
{
	struct digest_ctx *ctx = digest_new();
	struct digest d;

	digest_add(ctx, seed, ID_SEED_LEN);
	digest_add(ctx, kind, strlen(kind) + 1);
	digest_add(ctx, a, strlen(a) + 1);
	if (b)
		digest_add(ctx, b, strlen(b) + 1);
	digest_end(ctx, &d);
	memcpy(out, d.bytes, 16);
	out[6] = (uint8_t)(0x80 | (out[6] & 0x0f));
	out[8] = (uint8_t)(0x80 | (out[8] & 0x3f));
}

void id_uuid(const uint8_t seed[ID_SEED_LEN], const char *kind, const char *a, const char *b, char out[ID_UUID_LEN])
{
	uint8_t u[16];
	char hex[33];

	derive(seed, kind, a, b, u);
	str_hex(u, sizeof(u), hex);
	snprintf(out, ID_UUID_LEN, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

void id_md(const uint8_t seed[ID_SEED_LEN], const char *name, char out[ID_MD_LEN])
{
	uint8_t u[16];
	char hex[33];

	derive(seed, "md", name, NULL, u);
	str_hex(u, sizeof(u), hex);
	snprintf(out, ID_MD_LEN, "%.8s:%.8s:%.8s:%.8s", hex, hex + 8, hex + 16, hex + 24);
}

void id_fat(const uint8_t seed[ID_SEED_LEN], const char *name, char out[ID_FAT_LEN])
{
	uint8_t u[16];

	derive(seed, "fat", name, NULL, u);
	if (!(u[0] | u[1] | u[2] | u[3]))
		u[3] = 1;
	snprintf(out, ID_FAT_LEN, "%02X%02X-%02X%02X", u[0], u[1], u[2], u[3]);
}
