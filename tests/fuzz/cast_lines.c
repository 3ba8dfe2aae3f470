/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines between orthrusd and the process that casts for it: any bytes are refused with a reason, or are a line that is
 * written and read again the same. */
#include "base/mem.h"
#include "daemon/cast_lines.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct buf *a, const struct buf *b)
{
	if (a->len != b->len || memcmp(a->data, b->data, a->len) != 0)
		abort();
}

static void try_do(const char *text, size_t len)
{
	autoclean(buf_free) struct buf one = { 0 }, two = { 0 };
	struct cast_do_line l, again;
	struct err err = { 0 };

	if (cast_do_read(text, len, &l, &err) < 0) {
		if (!err.text[0])
			abort();
		return;
	}
	cast_do_write(&l, &one);
	if (cast_do_read(one.data, one.len - 1, &again, &err) < 0)
		abort();
	cast_do_write(&again, &two);
	same(&one, &two);
	cast_do_free(&l);
	cast_do_free(&again);
}

static void try_said(const char *text, size_t len)
{
	autoclean(buf_free) struct buf one = { 0 }, two = { 0 };
	struct cast_said_line l, again;
	struct err err = { 0 };

	if (cast_said_read(text, len, &l, &err) < 0) {
		if (!err.text[0])
			abort();
		return;
	}
	cast_said_write(&l, &one);
	if (cast_said_read(one.data, one.len - 1, &again, &err) < 0)
		abort();
	cast_said_write(&again, &two);
	same(&one, &two);
	cast_said_free(&l);
	cast_said_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_do((const char *)data, size);
	try_said((const char *)data, size);
	return 0;
}
