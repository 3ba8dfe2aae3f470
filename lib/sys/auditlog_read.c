/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the audit log, which others may write to meanwhile: only what ends in a newline counts. */
#include "base/mem.h"
#include "sys/auditlog.h"
#include "sys/auditlog_tail.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define CHUNK ((size_t)1 << 16)

static bool is_segment(const char *name)
{
	return str_starts(name, "audit-") && str_ends(name, ".log");
}

int auditlog_segments(const char *dir, struct str_list *out, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	autofree char *newest = fs_join(dir, "audit.log");
	struct err why = { 0 };

	if (fs_list(dir, &names, &why) < 0) {
		if (why.kind == ERR_NOT_FOUND)
			return 0;
		*err = why;
		return -1;
	}
	for (size_t i = 0; i < names.len; i++)
		if (is_segment(names.items[i]))
			str_list_addf(out, "%s/%s", dir, names.items[i]);
	if (fs_exists(newest))
		str_list_add(out, newest);
	return 0;
}

/* The lines that are whole in `text`; what is left moves to its beginning. A line that is far too long is given in pieces: it is
 * none whatever it holds. */
static int give_lines(struct buf *text, uint64_t *line_no, auditlog_line_fn fn, void *ctx, struct err *err)
{
	size_t at = 0;
	int rc = 0;

	while (rc == 0 && at < text->len) {
		const char *line = text->data + at, *end = memchr(line, '\n', text->len - at);
		size_t len = end ? (size_t)(end - line) : text->len - at;

		if (!end && len < 2 * AUDIT_LINE_MAX)
			break;
		rc = fn(ctx, ++*line_no, line, len, err);
		at += len + (end ? 1 : 0);
	}
	if (at) {
		memmove(text->data, text->data + at, text->len - at);
		text->len -= at;
		text->data[text->len] = '\0';
	}
	return rc;
}

int auditlog_each(const char *path, auditlog_line_fn fn, void *ctx, size_t *torn, struct err *err)
{
	autoclose int fd = fs_open_regular(path, O_NOFOLLOW, err);
	autoclean(buf_free) struct buf text = { 0 };
	uint64_t line_no = 0;
	ssize_t n;
	int rc;

	if (fd < 0)
		return -1;
	for (;;) {
		buf_reserve(&text, CHUNK);
		do
			n = read(fd, text.data + text.len, CHUNK);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return err_errno(err, errno, "read %s", path);
		if (n == 0)
			break;
		text.len += (size_t)n;
		text.data[text.len] = '\0';
		rc = give_lines(&text, &line_no, fn, ctx, err);
		if (rc != 0)
			return rc;
	}
	if (torn)
		*torn = text.len;
	return 0;
}

struct checking {
	struct audit_chain *chain;
	const char *path;
};

static int check_line(void *ctx, uint64_t line_no, const char *line, size_t len, struct err *err)
{
	struct checking *c = ctx;

	(void)err;
	audit_chain_add(c->chain, c->path, line_no, line, len);
	return 0;
}

static int take_number(void *ctx, uint64_t line_no, const char *line, size_t len, struct err *err)
{
	uint64_t *number = ctx, n = auditlog_number_of(line, len);

	(void)line_no;
	(void)err;
	if (n)
		*number = n;
	return n ? 1 : 0; /* the first line that tells one */
}

struct segment {
	const char *path;
	uint64_t first;
	size_t place;
};

static int by_first(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

int auditlog_check(const struct str_list *files, struct audit_chain *c, struct err *err)
{
	autofree struct segment *order = mem_array(files->len + 1, sizeof(*order));

	for (size_t i = 0; i < files->len; i++) {
		order[i] = (struct segment){ .path = files->items[i], .place = i, .first = UINT64_MAX };
		if (auditlog_each(files->items[i], take_number, &order[i].first, NULL, err) < 0)
			return -1;
	}
	qsort(order, files->len, sizeof(*order), by_first);
	for (size_t i = 0; i < files->len; i++) {
		struct checking k = { c, order[i].path };
		size_t torn = 0;

		if (auditlog_each(order[i].path, check_line, &k, &torn, err) < 0)
			return -1;
		audit_chain_torn(c, order[i].path, torn, i + 1 == files->len);
	}
	audit_chain_end(c);
	return 0;
}

struct taking {
	uint64_t since, limit;
	struct str_list *out;
};

static int take_line(void *ctx, uint64_t line_no, const char *line, size_t len, struct err *err)
{
	struct taking *t = ctx;

	(void)line_no;
	(void)err;
	if (auditlog_number_of(line, len) <= t->since)
		return 0;
	str_list_addf(t->out, "%.*s", (int)len, line);
	return t->out->len >= t->limit ? 1 : 0;
}

static int newest_number(const struct str_list *segments, uint64_t *number, struct err *err)
{
	*number = 0;
	for (size_t i = segments->len; i > 0 && !*number; i--) {
		autoclose int fd = fs_open_regular(segments->items[i - 1], O_NOFOLLOW, err);
		struct auditlog_tail tail = { 0 };
		off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
		int rc = size < 0 ? -1 : auditlog_tail_read(fd, segments->items[i - 1], (uint64_t)size, &tail, err);

		buf_free(&tail.torn);
		if (rc < 0)
			return -1;
		*number = tail.last.number;
	}
	return 0;
}

int auditlog_lines(const char *dir, uint64_t since, uint64_t latest, uint64_t limit, struct str_list *out, struct err *err)
{
	autoclean(str_list_free) struct str_list segments = { 0 };
	struct taking t = { .since = since, .limit = limit, .out = out };
	uint64_t newest;

	if (auditlog_segments(dir, &segments, err) < 0 || newest_number(&segments, &newest, err) < 0)
		return -1;
	if (latest && newest > latest && t.since < newest - latest)
		t.since = newest - latest;
	for (size_t i = 0; i < segments.len; i++) {
		uint64_t next = UINT64_MAX;
		int rc;

		/* Nothing in it is new when the segment behind it does not begin after what comes next. */
		if (i + 1 < segments.len && auditlog_each(segments.items[i + 1], take_number, &next, NULL, err) < 0)
			return -1;
		if (next <= t.since + 1)
			continue;
		rc = auditlog_each(segments.items[i], take_line, &t, NULL, err);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
	}
	return 0;
}
