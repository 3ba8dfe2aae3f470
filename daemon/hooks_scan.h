/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is in hooks.d: programs to run, and what is there but is not run, with the reason. */
#ifndef ORTHRUS_DAEMON_HOOKS_SCAN_H
#define ORTHRUS_DAEMON_HOOKS_SCAN_H

#include "base/err.h"

#include <stddef.h>

#define HOOKS_MAX 32

struct hook_file {
	char *id;   /* "NAME" or "KIND.d/NAME" */
	char *kind; /* of events that it gets; NULL: all */
	char *path;
	char *why_not; /* NULL: it is run */
};
struct hook_files {
	struct hook_file *items;
	size_t len, cap;
};
void hook_files_free(struct hook_files *f);
/* No directory is no hooks. What can't be looked at is listed with the reason. */
void hook_files_scan(const char *dir, struct hook_files *out);
/* Owned by root (or us), nobody else may write to it, a regular file that may be executed; else ERR_REFUSED says what is wrong.
 */
int hook_file_check(const char *path, struct err *err) WARN_UNUSED;

#endif
