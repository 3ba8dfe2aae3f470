/* SPDX-License-Identifier: GPL-2.0-or-later */
/* site.json: the strict reader and the one that finds all problems agree; what is read is printed, and reads as the same site. */
#include "site/site.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str_list problems = { 0 };
	struct site site = { 0 }, again = { 0 };
	struct buf a = { 0 }, b = { 0 };
	struct err err = { 0 };
	const char *text = size ? (const char *)data : "";
	int rc = site_read(text, size, "fuzz", &site, &err);
	size_t n = site_problems(text, size, &problems);

	if (n != problems.len || (rc == 0) != (problems.len == 0))
		abort();
	if (rc == 0) {
		site_print(&site, &a);
		if (site_read(a.data, a.len, "printed", &again, &err) < 0)
			abort();
		site_print(&again, &b);
		if (a.len != b.len || memcmp(a.data, b.data, a.len) != 0)
			abort();
		site_free(&again);
	} else if (err.kind != ERR_INVALID || !err.text[0]) {
		abort();
	}
	site_free(&site);
	str_list_free(&problems);
	buf_free(&a);
	buf_free(&b);
	return 0;
}
