/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SMBIOS tables come from firmware of any quality: a token is found whole, or none. */
#include "imaging/imager/smbios.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char token[SMBIOS_TOKEN_LEN];
	struct err err = { 0 };
	int rc = smbios_token(data, size, token, &err);
	size_t len = strnlen(token, SMBIOS_TOKEN_LEN);

	if (len == SMBIOS_TOKEN_LEN || (rc == 1) != (len > 0) || (rc < 0) != (err.kind == ERR_INVALID))
		abort();
	if (rc == 1 && !memmem(data, size, token, len))
		abort();
	return 0;
}
