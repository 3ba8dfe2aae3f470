/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes: JSON or an error that names the place. What was read is written, read again and must be the same; and what the
 * scanner lets through, json-c must take. */
#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Read every member in every way there is; all may fail, none may crash. */
static void read_member(struct json_obj *o, const char *key)
{
	static const char *const words[] = { "a", "b", NULL };
	autoclean(str_list_free) struct str_list list = { 0 };
	autofree char *s = NULL;
	struct json_obj child;
	struct json_arr arr;
	struct err err = { 0 };
	uint64_t u;
	int64_t i;
	bool b;
	int e, failed = 0;

	failed += json_str(o, key, JSON_MAY, &s, &err) < 0;
	failed += json_bool(o, key, JSON_MAY, &b, &err) < 0;
	failed += json_u64(o, key, JSON_MAY, 1, 100, &u, &err) < 0;
	failed += json_i64(o, key, JSON_MAY, &i, &err) < 0;
	failed += json_enum(o, key, JSON_MAY, words, &e, &err) < 0;
	failed += json_strs(o, key, JSON_MAY, &list, &err) < 0;
	failed += json_obj(o, key, JSON_MAY, &child, &err) < 0;
	failed += json_arr(o, key, JSON_MAY, &arr, &err) < 0;
	if (failed && !err.text[0])
		abort();
}

static void read_object(struct json_obj *o)
{
	const char *keys[100];
	size_t n = json_keys(o, keys, ARRAY_LEN(keys));
	struct err err = { 0 };

	for (size_t i = 0; i < n; i++)
		read_member(o, keys[i]);
	if (json_obj_end(o, &err) < 0 && n < ARRAY_LEN(keys))
		abort(); /* every key was asked for */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 }, again = { 0 };
	autoclean(buf_free) struct buf wrapped = { 0 };
	autofree char *one = NULL, *two = NULL;
	struct json_obj o;
	struct json_arr a;
	struct err err = { 0 };

	if (json_parse((const char *)data, size, &doc, &err) < 0) {
		if (strncmp(err.text, "line ", 5) != 0)
			abort();
		return 0;
	}
	if (json_root_obj(&doc, &o, &err) == 0)
		read_object(&o);
	json_doc_free(&doc);
	/* An array around it: then any value is an element, and one level more may be too many. */
	buf_addc(&wrapped, '[');
	buf_add(&wrapped, data, size);
	buf_addc(&wrapped, ']');
	if (json_parse(wrapped.data, wrapped.len, &doc, &err) < 0)
		return 0;
	if (json_root_arr(&doc, &a, &err) < 0 || a.len != 1 || json_arr_raw(&a, 0, &one, &err) < 0)
		abort();
	buf_clear(&wrapped);
	buf_addf(&wrapped, "[%s]", one);
	if (json_parse(wrapped.data, wrapped.len, &again, &err) < 0 || json_root_arr(&again, &a, &err) < 0 ||
	    json_arr_raw(&a, 0, &two, &err) < 0 || strcmp(one, two) != 0)
		abort();
	return 0;
}
