/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/mounts.h"

#include "base/buf.h"
#include "base/mem.h"
#include "sys/fs.h"

#include <string.h>

#define TABLE_MAX (4u << 20)
#define FIELDS_BEFORE 4 /* mount id, parent id, device, root within the file system */

int mounts_below(const char *table, const char *root, struct str_list *out, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	size_t len = strlen(root);

	if (fs_read(table, TABLE_MAX, &text, err) < 0)
		return -1;
	for (const char *at = buf_str(&text); *at;) {
		const char *end = at + strcspn(at, "\n"), *field = at;
		autofree char *where = NULL;

		for (int i = 0; i < FIELDS_BEFORE; i++) {
			field += strcspn(field, " \n");
			field += *field == ' ';
		}
		where = mem_strndup(field, strcspn(field, " \n"));
		if (str_starts(where, root) && (where[len] == '\0' || where[len] == '/'))
			str_list_add(out, where);
		at = end + (*end == '\n');
	}
	return 0;
}
