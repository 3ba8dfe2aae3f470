/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/audit_chain.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINES(n) (unsigned long long)(n)

const char *audit_fault_name(enum audit_fault f)
{
	static const char *const names[] = {
		[AUDIT_FAULT_CHANGED] = "changed",  [AUDIT_FAULT_MISSING] = "missing", [AUDIT_FAULT_MOVED] = "moved",
		[AUDIT_FAULT_FOREIGN] = "foreign",  [AUDIT_FAULT_TORN] = "torn",       [AUDIT_FAULT_CUT] = "cut",
		[AUDIT_FAULT_REPLACED] = "replaced"
	};

	return names[f];
}

void audit_chain_free(struct audit_chain *c)
{
	for (size_t i = 0; i < c->n_findings; i++)
		free(c->findings[i].text);
	free(c->findings);
	c->findings = NULL;
	c->n_findings = c->cap_findings = 0;
}

static void PRINTF_LIKE(4, 5) found(struct audit_chain *c, enum audit_fault fault, uint64_t number, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (c->faults++ >= AUDIT_FINDINGS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->findings = mem_room(c->findings, c->n_findings, &c->cap_findings, sizeof(*c->findings));
	c->findings[c->n_findings++] = (struct audit_finding){ .fault = fault, .number = number, .text = mem_strdup(text) };
}

static void found_missing(struct audit_chain *c, uint64_t from, uint64_t to, const char *file, uint64_t line_no)
{
	if (from == to)
		found(c, AUDIT_FAULT_MISSING, from, "line %llu is missing before line %llu of %s", LINES(from), LINES(line_no),
		      file);
	else
		found(c, AUDIT_FAULT_MISSING, from, "lines %llu to %llu are missing before line %llu of %s", LINES(from),
		      LINES(to), LINES(line_no), file);
}

/* From here on this line is the last one. */
static void follow(struct audit_chain *c, const struct audit_line *l)
{
	c->last = l->number;
	memcpy(c->hash, l->hash, sizeof(c->hash));
	c->hash_known = true;
}

static void compare_anchor(struct audit_chain *c, const struct audit_line *l, const char *file, uint64_t line_no)
{
	if (!c->anchor.number || l->number != c->anchor.number)
		return;
	if (str_eq(l->hash, c->anchor.hash))
		c->anchored = true;
	else
		found(c, AUDIT_FAULT_REPLACED, l->number,
		      "line %llu (%s, line %llu) is not the one that the cluster's state knows: the log was written anew",
		      LINES(l->number), file, LINES(line_no));
}

/* A line that is whole in itself. */
static void place(struct audit_chain *c, const struct audit_line *l, const char *file, uint64_t line_no)
{
	bool is_first = c->lines == 1;

	if (is_first) {
		c->first = l->number;
		if (l->number == 1 && !str_eq(l->prev, AUDIT_NO_LINE))
			found(c, AUDIT_FAULT_FOREIGN, 1, "line 1 (%s) names a line before it", file);
	} else if (l->number <= c->last) {
		found(c, AUDIT_FAULT_MOVED, l->number,
		      "line %llu stands behind line %llu (%s, line %llu): it was moved or put in", LINES(l->number),
		      LINES(c->last), file, LINES(line_no));
		return;
	} else if (l->number > c->last + 1) {
		found_missing(c, c->last + 1, l->number - 1, file, line_no);
	} else if (c->hash_known && !str_eq(l->prev, c->hash)) {
		found(c, AUDIT_FAULT_FOREIGN, l->number,
		      "line %llu (%s, line %llu) was not written behind the line %llu that stands before it: one of them was "
		      "replaced",
		      LINES(l->number), file, LINES(line_no), LINES(c->last));
	}
	compare_anchor(c, l, file, line_no);
	follow(c, l);
}

void audit_chain_add(struct audit_chain *c, const char *file, uint64_t line_no, const char *text, size_t len)
{
	autoclean(audit_line_free) struct audit_line l = { 0 };
	struct err err = { 0 };
	enum audit_check check = audit_line_read(text, len, &l, &err);
	uint64_t expected = c->last + 1;

	c->lines++;
	if (check == AUDIT_GOOD) {
		place(c, &l, file, line_no);
		return;
	}
	if (c->lines == 1) {
		expected = l.number ? l.number : 1;
		c->first = expected;
	}
	found(c, AUDIT_FAULT_CHANGED, expected, "line %llu (%s, line %llu) was changed: %s", LINES(expected), file,
	      LINES(line_no), err.text);
	c->last = expected;
	c->hash_known = false;
}

void audit_chain_torn(struct audit_chain *c, const char *file, size_t len, bool newest)
{
	uint64_t number = c->last + 1;

	if (!len)
		return;
	if (newest && number > c->anchor.number)
		found(c, AUDIT_FAULT_TORN, number,
		      "line %llu ends in the middle, after %zu bytes (%s): a crash does that, and the next write mends it",
		      LINES(number), len, file);
	else
		found(c, AUDIT_FAULT_CHANGED, number, "line %llu was cut in the middle, after %zu bytes (%s)", LINES(number), len,
		      file);
}

void audit_chain_end(struct audit_chain *c)
{
	if (c->anchor.number > c->last)
		found(c, AUDIT_FAULT_CUT, c->last + 1,
		      "%s %llu to %llu are missing at the end: the cluster's state knows line %llu",
		      c->lines ? "lines" : "all lines", LINES(c->last + 1), LINES(c->anchor.number), LINES(c->anchor.number));
}
