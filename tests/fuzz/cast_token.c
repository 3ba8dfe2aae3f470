/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The token of a cast. Its checksum is put right first: nothing would get past it otherwise. */
#include "base/mem.h"
#include "base/str.h"
#include "cast/token.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_one(const char *text, size_t len)
{
	struct buf b = { 0 };
	struct err err = { 0 };
	struct token t;

	if (token_read(text, len, &t, &err) < 0)
		return;
	token_write(&t, &b);
	if (!memmem(text, len, b.data, b.len))
		abort();
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = mem_strndup((const char *)data, size), *right = NULL;
	char hex[DIGEST_HEX_LEN], *colon = strrchr(text, ':');
	struct digest sum;

	read_one((const char *)data, size);
	if (!colon)
		return 0;
	*colon = '\0';
	digest_of(text, strlen(text), &sum);
	digest_hex(&sum, hex);
	right = str_format("%s:%.8s", text, hex);
	read_one(right, strlen(right));
	return 0;
}
