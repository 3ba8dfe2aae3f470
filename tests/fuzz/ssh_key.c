/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A node's ssh public key comes over the network and goes into a line of a list that ssh reads: one form, or refused. */
#include "base/base64.h"
#include "base/mem.h"
#include "base/ssh_key.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoclean(buf_free) struct buf bytes = { 0 }, again = { 0 };
	autofree char *text = mem_strndup((const char *)data, size);
	char key[SSH_KEY_LEN];
	struct err err = { 0 };

	if (ssh_key_read((const char *)data, size, key, &err) == 0) {
		if (strlen(key) != SSH_KEY_LEN - 1 || !str_starts(key, "ssh-ed25519 ") || memcmp(key, data, strlen(key)) != 0)
			abort();
	} else if (!err.text[0]) {
		abort();
	}
	if (base64_read((const char *)data, size, &bytes, &err) == 0) {
		base64_put(&again, buf_str(&bytes), bytes.len);
		if (again.len != size || (size && memcmp(again.data, data, size) != 0))
			abort();
	}
	return 0;
}
