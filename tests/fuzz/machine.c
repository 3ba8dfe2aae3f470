/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a machine's inventory: refused, or kept as a document that is read back the same. */
#include "base/mem.h"
#include "daemon/model.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print(const struct machine *m, struct buf *out)
{
	struct json_out w;

	json_out_init(&w, out, false);
	machine_print(m, &w, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoclean(machine_free) struct machine m = { 0 };
	autoclean(machine_free) struct machine again = { 0 };
	autoclean(buf_free) struct buf first = { 0 };
	autoclean(buf_free) struct buf second = { 0 };
	autofree char *text = mem_zalloc(size + 1);
	struct err err = { 0 };

	if (size)
		memcpy(text, data, size);
	if (machine_read(text, size, &m, &err) < 0) {
		if (m.mac || !err.text[0])
			abort();
		return 0;
	}
	print(&m, &first);
	if (machine_read(buf_str(&first), first.len, &again, &err) < 0) {
		/* Unprintable bytes grow when they are made visible. */
		if (!strstr(err.text, "longer"))
			abort();
		return 0;
	}
	print(&again, &second);
	if (!str_eq(buf_str(&first), buf_str(&second)))
		abort();
	return 0;
}
