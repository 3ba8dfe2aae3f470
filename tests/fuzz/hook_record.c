/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is kept of a hook: what is read comes back as it was when it is written. */
#include "base/mem.h"
#include "daemon/hooks_priv.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoclean(hook_record_free) struct hook_record r = { 0 };
	autoclean(hook_record_free) struct hook_record again = { 0 };
	autoclean(buf_free) struct buf json = { 0 };
	autofree char *text = mem_zalloc(size + 1);
	struct err err = { 0 };

	if (size)
		memcpy(text, data, size);
	if (hook_record_read(text, size, &r, &err) < 0) {
		if (r.error || r.error_at || !err.text[0])
			abort();
		return 0;
	}
	hook_record_print(&r, &json);
	if (hook_record_read(buf_str(&json), json.len, &again, &err) < 0 || again.last != r.last || again.failed != r.failed)
		abort();
	return 0;
}
