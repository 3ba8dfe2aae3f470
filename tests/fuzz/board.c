/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as the firmware's table of hardware. */
#include "imaging/imager/board.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct board s = { 0 };
	struct err err = { 0 };

	if (board_read(data, size, &s, &err) < 0 && (s.memory_modules || s.bmc || !err.text[0]))
		abort();
	if (s.memory_modules > size / 6)
		abort();
	return 0;
}
