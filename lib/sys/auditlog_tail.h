/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of a segment: where whoever writes goes on. */
#ifndef ORTHRUS_SYS_AUDITLOG_TAIL_H
#define ORTHRUS_SYS_AUDITLOG_TAIL_H

#include "base/audit_chain.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct auditlog_tail {
	struct audit_anchor
		last;	      /* the newest line; its hash is AUDIT_NO_LINE when the line was changed. number 0: there is none */
	bool changed;	      /* the newest line is not what was written */
	uint64_t whole_bytes; /* up to the last newline, and with it */
	struct buf torn;      /* what comes after it; the caller frees */
	bool torn_is_line;    /* it lacks nothing but its newline */
};
int auditlog_tail_read(int fd, const char *path, uint64_t size, struct auditlog_tail *out, struct err *err) WARN_UNUSED;
/* The number at the beginning of a line; 0: it has none. */
uint64_t auditlog_number_of(const char *line, size_t len);

#endif
