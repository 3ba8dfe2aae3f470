/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as what the querier's process tells: what is taken is said in words, and written it is the same. */
#include "daemon/querier_wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct querier_view view;
	struct querier q = { 0 };
	struct err err = { 0 };
	uint8_t again[QUERIER_WIRE];

	if (querier_wire_read(data, size, &view, &err) < 0) {
		if (err.kind != ERR_REFUSED)
			abort();
		return 0;
	}
	memcpy(q.side, view.side, sizeof(q.side));
	querier_wire_write(&q, again);
	if (size != QUERIER_WIRE || memcmp(again, data, size) != 0)
		abort();
	for (int f = 0; f < QUERIER_FAMILIES; f++) {
		char *text = querier_text(&view.side[f]);

		if (!*text)
			abort();
		free(text);
	}
	return 0;
}
