/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sites of tests/golden/site, for tests of what is made of one. */
#ifndef ORTHRUS_TESTS_GOLDEN_SITE_H
#define ORTHRUS_TESTS_GOLDEN_SITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "site/site.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

/* Below $TOP, or here; the caller frees it. */
static inline char *golden_path(const char *name)
{
	const char *top = getenv("TOP");

	return str_format("%s/tests/golden/site/%s", top ? top : ".", name);
}

static inline char *golden_text(const char *name)
{
	autoclean(buf_free) struct buf text = { 0 };
	autofree char *path = golden_path(name);
	struct err err = { 0 };

	if (fs_read(path, (size_t)1 << 20, &text, &err) < 0)
		fail_msg("%s", err.text);
	return buf_steal(&text);
}

static inline void golden_site(const char *name, struct site *site)
{
	autofree char *text = golden_text(name);
	struct err err = { 0 };

	if (site_read(text, strlen(text), name, site, &err) < 0)
		fail_msg("%s", err.text);
}

#endif
