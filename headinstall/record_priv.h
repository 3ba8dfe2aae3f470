/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to the record of an installation. */
#ifndef ORTHRUS_HEADINSTALL_RECORD_PRIV_H
#define ORTHRUS_HEADINSTALL_RECORD_PRIV_H

#include "headinstall/paths.h"
#include "headinstall/record.h"

/* Where the directory is while it is removed. */
#define RECORD_GONE HEAD_RECORD_DIR ".gone"

char *record_place(const struct head_record *r, const char *path); /* below the root; caller frees */
/* A file of lines; none there is none. *good is its length without a torn end, `read` (may be NULL) of what was read. */
int record_read(const struct head_record *r, const char *path, struct head_journal *j, size_t *good, struct digest *read,
		struct err *err);
/* All that is there now, as it would stand in `before`; contents are kept. */
int record_describe(struct head_record *r, struct buf *out, struct err *err);

#endif
