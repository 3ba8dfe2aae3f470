/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/board.h"

#include <string.h>

/* DSP0134, 6.2: the types that are looked at */
enum { TYPE_MEMORY = 17, TYPE_IPMI = 38, TYPE_HOST_INTERFACE = 42, TYPE_END = 127 };
#define MEMORY_SIZE_AT 12 /* a word; 0: the slot is empty, 0xffff: not known */

/* The formatted part, then strings, each with its NUL, and one more NUL; two NULs when there are no strings (6.1.3). 0: it leaves
 * the table. */
static size_t structure_len(const uint8_t *at, size_t left)
{
	if (left < 6 || at[1] < 4 || at[1] > left - 2)
		return 0;
	for (size_t i = at[1]; i + 1 < left; i++)
		if (at[i] == 0 && at[i + 1] == 0)
			return i + 2;
	return 0;
}

int board_read(const uint8_t *table, size_t len, struct board *out, struct err *err)
{
	struct board found = { 0 };

	for (size_t at = 0; at < len && table[at] != TYPE_END;) {
		const uint8_t *s = table + at;
		size_t n = structure_len(s, len - at);

		if (!n)
			return err_set(err, ERR_DAMAGED, "SMBIOS: the structure at byte %zu leaves the table", at);
		if (s[0] == TYPE_MEMORY && s[1] >= MEMORY_SIZE_AT + 2 && (s[MEMORY_SIZE_AT] || s[MEMORY_SIZE_AT + 1]))
			found.memory_modules++;
		else if (s[0] == TYPE_IPMI || s[0] == TYPE_HOST_INTERFACE)
			found.bmc = true;
		at += n;
	}
	*out = found;
	return 0;
}
