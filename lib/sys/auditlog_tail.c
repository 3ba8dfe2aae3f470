/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/auditlog_tail.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/auditlog.h"
#include "sys/fs.h"

#include <string.h>

#define START "{\"number\":"

uint64_t auditlog_number_of(const char *line, size_t len)
{
	size_t at = sizeof(START) - 1;
	uint64_t n = 0;

	if (len <= at || memcmp(line, START, at) != 0)
		return 0;
	for (; at < len && line[at] >= '0' && line[at] <= '9' && n < UINT64_MAX / 10 - 1; at++)
		n = n * 10 + (uint64_t)(line[at] - '0');
	return n;
}

struct search {
	struct audit_anchor good; /* the newest line that is what was written */
	uint64_t behind;	  /* lines after it */
};

static int look(void *ctx, uint64_t line_no, const char *line, size_t len, struct err *err)
{
	struct search *s = ctx;
	autoclean(audit_line_free) struct audit_line l = { 0 };
	struct err why = { 0 };

	(void)line_no;
	(void)err;
	if (audit_line_read(line, len, &l, &why) != AUDIT_GOOD || l.number <= s->good.number) {
		s->behind++;
		return 0;
	}
	s->good.number = l.number;
	memcpy(s->good.hash, l.hash, sizeof(s->good.hash));
	s->behind = 0;
	return 0;
}

/* The newest line is damaged: its number is as many behind the last good one as there are lines. */
static int count_on(const char *path, struct auditlog_tail *out, struct err *err)
{
	struct search s = { 0 };

	if (auditlog_each(path, look, &s, NULL, err) < 0)
		return -1;
	out->last.number = s.good.number + s.behind;
	memcpy(out->last.hash, AUDIT_NO_LINE, sizeof(out->last.hash));
	out->changed = true;
	return 0;
}

static bool goes_on(const struct audit_line *l, const struct audit_anchor *last)
{
	return l->number == last->number + 1 && (last->number == 0 || str_eq(l->prev, last->hash));
}

int auditlog_tail_read(int fd, const char *path, uint64_t size, struct auditlog_tail *out, struct err *err)
{
	uint64_t from = size > 2 * AUDIT_LINE_MAX ? size - 2 * AUDIT_LINE_MAX : 0;
	size_t len = (size_t)(size - from);
	autofree char *text = mem_zalloc(len + 1);
	autoclean(audit_line_free) struct audit_line l = { 0 };
	autoclean(audit_line_free) struct audit_line torn = { 0 };
	const char *end, *begin;
	struct err why = { 0 };

	*out = (struct auditlog_tail){ .last = { .hash = AUDIT_NO_LINE } };
	if (fs_pread_all(fd, path, text, len, from, err) < 0)
		return -1;
	end = memrchr(text, '\n', len);
	if (end || !from)
		buf_add(&out->torn, end ? end + 1 : text, end ? len - (size_t)(end + 1 - text) : len);
	out->whole_bytes = size - out->torn.len;
	if (end) {
		begin = memrchr(text, '\n', (size_t)(end - text));
		begin = begin ? begin + 1 : text;
		if (audit_line_read(begin, (size_t)(end - begin), &l, &why) == AUDIT_GOOD) {
			out->last.number = l.number;
			memcpy(out->last.hash, l.hash, sizeof(out->last.hash));
		}
	}
	if ((end || from) && !out->last.number && count_on(path, out, err) < 0)
		return -1;
	out->torn_is_line = out->torn.len && !out->changed &&
			    audit_line_read(buf_str(&out->torn), out->torn.len, &torn, &why) == AUDIT_GOOD &&
			    goes_on(&torn, &out->last);
	return 0;
}
