/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The audit log on disk (base/audit_line.h): audit.log, which is written to, and closed segments audit-NUMBER.log, named by the
 * number of their first line, which nobody writes to any more. Several programs may write; each line is on disk (fdatasync)
 * before its writer goes on. */
#ifndef ORTHRUS_SYS_AUDITLOG_H
#define ORTHRUS_SYS_AUDITLOG_H

#include "base/audit_chain.h"
#include "base/audit_line.h"
#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

#define AUDITLOG_SEGMENT ((uint64_t)8 << 20) /* a segment is closed once it is that long */

struct auditlog; /* for several threads at once */

/* Nothing is opened or made yet. `segment_bytes` 0: AUDITLOG_SEGMENT. */
struct auditlog *auditlog_new(const char *dir, uint64_t segment_bytes) __attribute__((returns_nonnull));
void auditlog_free(struct auditlog *a);

/* What the cluster's state knows was written: a log that ends before it goes on behind it, with a note that says what is missing.
 */
void auditlog_set_anchor(struct auditlog *a, const struct audit_anchor *anchor);
/* On disk when it is 0; *number (may be NULL) is the line's. When there is no room, nothing of it stays. After AUDIT_BEGIN there
 * is room for its AUDIT_END; should that not be written all the same, it is kept and written before the next line, and this is 0.
 * A line that a crash has cut off in the middle is taken away, and a note says so. ERR_REFUSED: it can't be written now. */
int auditlog_write(struct auditlog *a, const struct audit_entry *e, uint64_t *number, struct err *err) WARN_UNUSED;
/* The newest line there is, by whomever it was written; number 0: none. */
int auditlog_newest(struct auditlog *a, struct audit_anchor *out, struct err *err) WARN_UNUSED;

/* --- reading (auditlog_read.c): by anybody, while others write --- */

/* Paths of the segments, oldest first; audit.log is the last. None: there is no log. */
int auditlog_segments(const char *dir, struct str_list *out, struct err *err) WARN_UNUSED;
/* Every line of a segment in order, without its newline; a return of not 0 ends it, and is returned. *torn (may be NULL): bytes
 * after the last newline. */
typedef int (*auditlog_line_fn)(void *ctx, uint64_t line_no, const char *line, size_t len, struct err *err);
int auditlog_each(const char *path, auditlog_line_fn fn, void *ctx, size_t *torn, struct err *err) WARN_UNUSED;
/* Check these files, in the order of their first lines, as one chain with the anchor that `c` holds. -1 only when a file can't be
 * read; what is wrong with the log is in `c`. */
int auditlog_check(const struct str_list *files, struct audit_chain *c, struct err *err) WARN_UNUSED;
/* The newest `latest` lines (0: all) that come after number `since`, at most `limit`, as they are in the log. */
int auditlog_lines(const char *dir, uint64_t since, uint64_t latest, uint64_t limit, struct str_list *out,
		   struct err *err) WARN_UNUSED;

#endif
