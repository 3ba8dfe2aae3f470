/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of JSON share: a text parsed in one line. */
#ifndef ORTHRUS_TESTS_JSON_TEXT_H
#define ORTHRUS_TESTS_JSON_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"

#include <string.h>

static inline int parse(const char *text, struct json_doc *doc, struct err *err)
{
	return json_parse(text, strlen(text), doc, err);
}

/* The object of a text that must be right. */
static inline struct json_obj root(const char *text, struct json_doc *doc)
{
	struct err err = { 0 };
	struct json_obj o;

	if (parse(text, doc, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	assert_int_equal(json_root_obj(doc, &o, &err), 0);
	return o;
}

#endif
