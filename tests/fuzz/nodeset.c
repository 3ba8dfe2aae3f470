/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any text: a set of names or an error. What was read is folded, read again, and must be the same set with the same short form.
 */
#include "base/mem.h"
#include "base/nodeset.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int group(void *ctx, const char *name, struct nodeset *out, struct err *err)
{
	(void)ctx;
	if (str_eq(name, "none"))
		return 0;
	return name[0] == 'x' ? err_set(err, ERR_NOT_FOUND, "no such group") : nodeset_add(out, "n1", err);
}

/* A million names are right but slow: long numbers in brackets are left to the unit tests. */
static bool is_slow(const char *text)
{
	size_t digits = 0;

	for (const char *p = strchr(text, '['); p && *p; p++) {
		digits = *p >= '0' && *p <= '9' ? digits + 1 : 0;
		if (digits > 3)
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = mem_strndup((const char *)data, size);
	autoclean(nodeset_free) struct nodeset set = { 0 }, again = { 0 };
	autoclean(buf_free) struct buf one = { 0 }, two = { 0 };
	struct err err = { 0 };

	if (is_slow(text))
		return 0;
	if (nodeset_parse(text, group, NULL, &set, &err) < 0) {
		if (strncmp(err.text, "position ", 9) != 0 || set.names)
			abort();
		return 0;
	}
	if (nodeset_count(&set) == 0 || nodeset_count(&set) > 20000)
		return 0;
	for (size_t i = 1; i < nodeset_count(&set); i++)
		if (nodeset_cmp(nodeset_get(&set, i - 1), nodeset_get(&set, i)) >= 0 || !nodeset_has(&set, nodeset_get(&set, i)))
			abort();
	nodeset_fold(&set, &one);
	if (nodeset_parse(buf_str(&one), NULL, NULL, &again, &err) < 0 || nodeset_count(&again) != nodeset_count(&set))
		abort();
	nodeset_fold(&again, &two);
	if (!str_eq(buf_str(&one), buf_str(&two)))
		abort();
	nodeset_xor(&again, &set);
	if (nodeset_count(&again) != 0)
		abort();
	return 0;
}
