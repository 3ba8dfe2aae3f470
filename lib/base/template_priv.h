/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of templates: the tree of names, and the operations that a text becomes. For template*.c only. */
#ifndef ORTHRUS_BASE_TEMPLATE_PRIV_H
#define ORTHRUS_BASE_TEMPLATE_PRIV_H

#include "base/template.h"

/* Exactly one of text, map and list is there. */
struct template_member {
	char *name, *text;
	struct template_map *map;
	struct template_list *list;
};
struct template_list {
	struct template_map *items;
	size_t len, cap;
	struct template_map model; /* the names that each entry has; a list of texts: "." */
};
const struct template_member *template_member(const struct template_map *m, const char *name, size_t len);

enum template_kind { TEMPLATE_TEXT, TEMPLATE_NAME, TEMPLATE_SH, TEMPLATE_JSON, TEMPLATE_IF, TEMPLATE_UNLESS, TEMPLATE_EACH };
/* One operation; a block's two parts are the operations up to `otherwise`, and from there up to `end`. */
struct template_op {
	enum template_kind kind;
	const char *s; /* the text, or the name */
	size_t len;
	size_t at;	       /* where it begins in the template */
	size_t otherwise, end; /* of blocks: indices; equal without {{else}} */
};
struct template_ops {
	struct template_op *items;
	size_t len, cap;
};
/* Points into `text`. The caller frees ops->items, after a failure too. */
int template_compile(const char *text, size_t len, struct template_ops *ops, struct err *err) WARN_UNUSED;
/* ERR_INVALID "line L, column C: ..." for byte `at` of the text. */
int template_bad(struct err *err, const char *text, size_t at, const char *fmt, ...) PRINTF_LIKE(4, 5);

#endif
