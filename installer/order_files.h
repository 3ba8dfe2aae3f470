/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files that a site gives its nodes beside, or in place of, those that Orthrus writes: whole texts in the order. */
#ifndef ORTHRUS_INSTALLER_ORDER_FILES_H
#define ORTHRUS_INSTALLER_ORDER_FILES_H

#include "base/err.h"
#include "base/json.h"

#include <stddef.h>

#define ORDER_FILES_MAX 64
#define ORDER_FILE_BYTES_MAX ((size_t)64 << 10)
#define ORDER_FILES_BYTES_MAX ((size_t)128 << 10) /* all of a node: its order is one document of the state */

struct order_files {
	struct order_file {
		char *path;	   /* see hostpath_check() */
		unsigned int mode; /* 0644 or 0755; the owner is root */
		char *content;
	} * items;
	size_t len, cap;
};
void order_files_free(struct order_files *f);
/* Copies; ERR_INVALID when the path may not be written, is there already, or a limit is passed. */
int order_files_add(struct order_files *f, const char *path, unsigned int mode, const char *content, struct err *err) WARN_UNUSED;
/* `key` may be absent. Strict, as for all of an order. */
int order_files_read(struct json_obj *o, const char *key, struct order_files *out, struct err *err) WARN_UNUSED;
/* Nothing is written when there are none: such an order reads as it always did. */
void order_files_print(const struct order_files *f, struct json_out *w, const char *key);

#endif
