/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "installer/hostfiles.h"

#include <stdlib.h>
#include <string.h>

/* Whatever was to be at that path is not any more: each path is written once, so that the check afterwards finds what it expects.
 */
static void drop(struct hostfiles *f, const char *path)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->len; i++) {
		if (str_eq(f->items[i].path, path)) {
			free(f->items[i].path);
			free(f->items[i].content);
			continue;
		}
		f->items[kept++] = f->items[i];
	}
	f->len = kept;
}

void hostfiles_add_site(const struct hostfiles_input *in, struct hostfiles *out)
{
	const struct order_files *files = &in->order->files;

	for (size_t i = 0; i < files->len; i++) {
		const struct order_file *f = &files->items[i];

		drop(out, f->path);
		hostfiles_add(out, HOSTFILE_TEXT, f->path, f->mode, mem_strdup(f->content));
	}
}
