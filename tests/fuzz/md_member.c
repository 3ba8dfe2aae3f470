/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What mdadm says of a disk, whose superblock may hold any bytes: a UUID comes out of it, or nothing. */
#include "base/mem.h"
#include "imaging/imager/identity_disk.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = mem_strndup((const char *)data, size);
	struct look_member m;
	size_t len;

	look_member_read(text, &m);
	len = strnlen(m.uuid, sizeof(m.uuid));
	if ((len != 0 && len != LOOK_UUID_LEN) || strspn(m.uuid, "0123456789abcdefABCDEF:") != len)
		abort();
	return 0;
}
