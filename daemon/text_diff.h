/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What differs between two texts, line by line, as `diff -u` shows it. Pure. */
#ifndef ORTHRUS_DAEMON_TEXT_DIFF_H
#define ORTHRUS_DAEMON_TEXT_DIFF_H

#include "base/buf.h"

#include <stddef.h>

struct text_diff {
	size_t added, removed; /* lines */
};
/* `before` or `after` NULL: the file is not there. The hunks are appended to `out`, which may be NULL; nothing when the texts are
 * the same. The fewest lines, but for texts that differ in thousands of them: these are shown as replaced. */
void text_diff(const char *path, const char *before, const char *after, struct text_diff *counts, struct buf *out);

#endif
