/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a segment of raft's log: entries that lie within them, and a place where the readable part ends. */
#include "base/err.h"
#include "headfailover/state/segment.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bounds {
	const uint8_t *data, *last;
	size_t size, n;
};

static int on_entry(void *ctx, const struct segment_entry *e, struct err *err)
{
	struct bounds *b = ctx;

	(void)err;
	if (e->data < b->last || e->data > b->data + b->size || e->len > (size_t)(b->data + b->size - e->data))
		abort();
	b->last = e->data + e->len;
	b->n++;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bounds b = { .data = data, .last = data, .size = size };
	enum segment_end end;
	struct err err = { 0 };
	size_t at, again;

	if (segment_read(data, size, on_entry, &b, &end, &at, &err) < 0 || at > size)
		abort();
	if (end == SEGMENT_BROKEN && !err.text[0])
		abort();
	/* What was readable is whole by itself. */
	if (at &&
	    segment_read(data, at, on_entry, &(struct bounds){ .data = data, .last = data, .size = at }, &end, &again, &err) ==
		    0 &&
	    (end != SEGMENT_END || again != at))
		abort();
	return 0;
}
