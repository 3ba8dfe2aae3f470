/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any text as naming rules, one a line; the last line is a machine's switch port, SYSTEM|PORT|DESCRIPTION. */
#include "base/mem.h"
#include "base/naming.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool never(void *ctx, const char *name)
{
	(void)ctx, (void)name;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoclean(naming_free) struct naming n = { 0 };
	autofree char *text = mem_zalloc(size + 1);
	char *line = text, *next, *bar[2];
	struct naming_port port = { 0 };
	const char *name = NULL;
	struct err err = { 0 };

	if (size)
		memcpy(text, data, size);
	for (; (next = strchr(line, '\n')) && n.len < 4; line = next + 1) {
		*next = '\0';
		if (naming_add(&n, line, &err) < 0 && (err.kind != ERR_INVALID || !err.text[0]))
			abort();
	}
	if ((bar[0] = strchr(line, '|')) && (bar[1] = strchr(bar[0] + 1, '|'))) {
		*bar[0] = *bar[1] = '\0';
		port = (struct naming_port){ line, bar[0] + 1, bar[1] + 1 };
	}
	if (naming_name(&n, &port, port.port != NULL, never, NULL, &name, &err) == 0 && str_check_hostname(name, &err) < 0)
		abort();
	return 0;
}
