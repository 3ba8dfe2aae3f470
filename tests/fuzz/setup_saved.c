/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as setup.json: what is read is written as something that is read as the same. */
#include "base/mem.h"
#include "base/str.h"
#include "tui/save.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoclean(saved_free) struct saved s = { 0 }, again = { 0 };
	autoclean(buf_free) struct buf text = { 0 }, twice = { 0 };
	struct err err = { 0 };

	if (saved_read((const char *)data, size, &s, &err) < 0) {
		if (s.page || s.answers || s.drafts.len || !err.text[0])
			abort();
		return 0;
	}
	saved_print(&s, &text);
	if (saved_read(buf_str(&text), text.len, &again, &err) < 0)
		abort();
	saved_print(&again, &twice);
	if (!str_eq(buf_str(&text), buf_str(&twice)))
		abort();
	return 0;
}
