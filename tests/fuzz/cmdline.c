/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel command line comes over TFTP, from whoever answered first. */
#include "base/mem.h"
#include "imaging/imager/cmdline.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = mem_strndup((const char *)data, size);
	autoclean(cmdline_free) struct cmdline c = { 0 };
	struct err err = { 0 };

	if (cmdline_read(text, &c, &err) < 0) {
		if (!err.text[0] || c.server)
			abort();
		return 0;
	}
	if (c.server && (!str_starts(c.server, "https://") || strpbrk(c.server, " \t\r\n")))
		abort();
	if (c.mac[0] && strlen(c.mac) != STR_MAC_LEN - 1)
		abort();
	return 0;
}
