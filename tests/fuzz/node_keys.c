/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two key files of a system on some disk, parted by a NUL byte: refused, or keys that pack and unpack to the same. */
#include "base/mem.h"
#include "base/str.h"
#include "sys/keys_csr.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fingerprint(const struct node_keys *k, char hex[DIGEST_HEX_LEN])
{
	struct digest d;
	struct err err = { 0 };

	if (node_keys_fingerprint(k, &d, &err) < 0)
		abort();
	digest_hex(&d, hex);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, 0, size);
	size_t n = end ? (size_t)(end - data) : size;
	autoclean(buf_free) struct buf pem = { 0 }, seal = { 0 };
	autoclean(node_keys_clear) struct node_keys k = { 0 }, again = { 0 };
	char one[DIGEST_HEX_LEN], two[DIGEST_HEX_LEN];
	uint8_t raw[NODE_KEYS_RAW_LEN];
	struct err err = { 0 };

	buf_add(&pem, data, n);
	if (n < size)
		buf_add(&seal, data + n + 1, size - n - 1);
	if (node_keys_read(&pem, &seal, &k, &err) < 0) {
		if (err.kind != ERR_DAMAGED || k.tls_pem.data)
			abort();
		return 0;
	}
	if (node_keys_pack(&k, raw, &err) < 0)
		abort();
	if (node_keys_unpack(raw, &again, &err) < 0)
		abort();
	fingerprint(&k, one);
	fingerprint(&again, two);
	if (!str_eq(one, two))
		abort();
	return 0;
}
