/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hostfile PATH: print one of the files that every node is given, so that tests run what nodes run. */
#include "base/mem.h"
#include "installer/hostfiles.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	struct hostfiles files = { 0 };
	int rc = 1;

	hostfiles_add_sync(&files);
	for (size_t i = 0; argc == 2 && i < files.len; i++)
		if (str_eq(files.items[i].path, argv[1])) {
			fputs(files.items[i].content, stdout);
			rc = 0;
		}
	hostfiles_free(&files);
	return rc;
}
