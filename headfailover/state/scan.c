/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/state/scan.h"

#include "base/mem.h"
#include "base/str.h"
#include "headfailover/state/kv.h"
#include "headfailover/state/mark.h"
#include "headfailover/state/segment.h"
#include "sys/fs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SNAPSHOT_MAX (size_t)(1u << 30)
#define SEGMENT_MAX (64u << 20)
#define METADATA_LEN 32

/* What a file name of raft_uv says. */
enum kind { OTHER, CLOSED, OPEN, SNAPSHOT };
struct file {
	const char *name;
	enum kind kind;
	uint64_t n[3]; /* closed: first, last; open: counter; snapshot: term, index, time */
};
struct scanner {
	const char *dir;
	const struct mark *m;
	struct str_list names;
	struct file *files;
	size_t n_files, cap_files;
	uint64_t next;	  /* index of the next entry */
	uint64_t applied; /* commands up to here are in the snapshot */
	struct digest chain;
	bool marked; /* the entry of the mark was seen, with the right hash */
	struct scan *out;
};

static void scanner_free(struct scanner *s)
{
	str_list_free(&s->names);
	free(s->files);
}

/* "<prefix><number>-<number>..." with exactly n numbers. */
static bool parse_name(const char *name, const char *prefix, size_t n, uint64_t *out)
{
	struct err ignored;
	const char *p = name + strlen(prefix);

	if (!str_starts(name, prefix))
		return false;
	for (size_t i = 0; i < n; i++) {
		size_t len = strcspn(p, "-");
		autofree char *number = mem_strndup(p, len);

		if (str_to_u64(number, 0, UINT64_MAX, &out[i], &ignored) < 0 || (p[len] == '-') != (i + 1 < n))
			return false;
		p += len + 1;
	}
	return true;
}

static void classify(struct scanner *s, const char *name)
{
	struct file f = { .name = name };
	autofree char *meta = str_format("%s.meta", name);

	if (parse_name(name, "snapshot-", 3, f.n))
		f.kind = str_list_has(&s->names, meta) ? SNAPSHOT : OTHER; /* raft removes the half of a pair that a crash left */
	else if (parse_name(name, "open-", 1, f.n))
		f.kind = OPEN;
	else if (parse_name(name, "", 2, f.n))
		f.kind = CLOSED;
	if (f.kind == OTHER)
		return;
	s->files = mem_room(s->files, s->n_files, &s->cap_files, sizeof(f));
	s->files[s->n_files++] = f;
}

static int file_cmp(const void *a, const void *b)
{
	const struct file *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	for (size_t i = 0; i < ARRAY_LEN(x->n); i++)
		if (x->n[i] != y->n[i])
			return x->n[i] < y->n[i] ? -1 : 1;
	return 0;
}

static int read_file(const struct scanner *s, const char *name, size_t max, struct buf *out, struct err *err)
{
	autofree char *path = fs_join(s->dir, name);

	return fs_read(path, max, out, err);
}

static int scan_snapshot(struct scanner *s, const struct file *f, struct err *err)
{
	autoclean(buf_free) struct buf b = { 0 };

	if (read_file(s, f->name, SNAPSHOT_MAX, &b, err) < 0)
		return -1;
	if (kv_snapshot_check(b.data, b.len, &s->applied, &s->chain, err) < 0)
		return err_wrap(err, "%s/%s", s->dir, f->name);
	s->out->snapshot = f->n[1];
	s->out->last = f->n[1];
	s->out->last_term = f->n[0];
	s->next = f->n[1] + 1;
	if (s->applied == s->m->index)
		s->marked = digest_cmp(&s->chain, &s->m->chain) == 0;
	else
		s->marked = s->applied > s->m->index;
	return 0;
}

static int on_entry(void *ctx, const struct segment_entry *e, struct err *err)
{
	struct scanner *s = ctx;
	uint64_t index = s->next++;

	if (index > s->out->last) {
		if (e->term < s->out->last_term)
			return err_set(err, ERR_DAMAGED, "entry %llu is of term %llu after one of term %llu",
				       (unsigned long long)index, (unsigned long long)e->term,
				       (unsigned long long)s->out->last_term);
		s->out->last = index;
		s->out->last_term = e->term;
	}
	if (e->type != SEGMENT_COMMAND || index <= s->applied)
		return 0;
	kv_chain_next(&s->chain, index, e->data, e->len);
	if (index == s->m->index)
		s->marked = digest_cmp(&s->chain, &s->m->chain) == 0;
	return 0;
}

static int scan_segment(struct scanner *s, const struct file *f, struct err *why_cut, struct err *err)
{
	autoclean(buf_free) struct buf b = { 0 };
	struct err why = { 0 };
	enum segment_end end;
	size_t at;

	if (f->kind == CLOSED && f->n[0] != s->next)
		return err_set(err, ERR_DAMAGED, "%s: the entries from %llu to %llu before %s are missing", s->dir,
			       (unsigned long long)s->next, (unsigned long long)f->n[0] - 1, f->name);
	if (read_file(s, f->name, SEGMENT_MAX, &b, err) < 0)
		return -1;
	if (segment_read(b.data, b.len, on_entry, s, &end, &at, &why) < 0 || (end == SEGMENT_BROKEN && f->kind == CLOSED)) {
		*err = why;
		return err_wrap(err, "%s/%s, at byte %zu", s->dir, f->name, at);
	}
	if (f->kind == CLOSED && (end != SEGMENT_END || s->next != f->n[1] + 1))
		return err_set(err, ERR_DAMAGED, "%s/%s ends at entry %llu instead of %llu", s->dir, f->name,
			       (unsigned long long)s->next - 1, (unsigned long long)f->n[1]);
	if (end == SEGMENT_BROKEN && !why_cut->text[0])
		err_set(why_cut, ERR_DAMAGED, "%s is readable only up to byte %zu: %s", f->name, at, why.text);
	return 0;
}

/* Which closed segments raft will load: the newest run without a gap, and none when it ends before the snapshot and nothing is
 * open. */
static int first_segment(struct scanner *s, size_t *first, struct err *err)
{
	size_t closed_end = 0, i;
	bool open;

	while (closed_end < s->n_files && s->files[closed_end].kind == CLOSED)
		closed_end++;
	open = closed_end < s->n_files && s->files[closed_end].kind == OPEN;
	*first = closed_end;
	if (closed_end == 0 || (!open && s->files[closed_end - 1].n[1] < s->out->snapshot))
		return 0;
	for (i = closed_end - 1; i > 0 && s->files[i - 1].n[1] + 1 == s->files[i].n[0]; i--)
		;
	if (s->files[i].n[0] > s->out->snapshot + 1)
		return err_set(err, ERR_DAMAGED, "%s: the entries from %llu to %llu before %s are missing", s->dir,
			       (unsigned long long)s->out->snapshot + 1, (unsigned long long)s->files[i].n[0] - 1,
			       s->files[i].name);
	*first = i;
	s->next = s->files[i].n[0];
	return 0;
}

static int scan_metadata(struct scanner *s, struct err *err)
{
	static const char *const names[] = { "metadata1", "metadata2" };
	uint64_t newest = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		autoclean(buf_free) struct buf b = { 0 };
		struct cursor c;
		uint64_t format, version, term;

		if (!str_list_has(&s->names, names[i]))
			continue;
		if (read_file(s, names[i], METADATA_LEN, &b, err) < 0)
			return -1;
		c = (struct cursor){ .data = (const uint8_t *)b.data, .len = b.len };
		if (b.len < METADATA_LEN)
			continue; /* torn when it was written; the other one counts */
		if (cursor_u64(&c, &format, err) < 0 || cursor_u64(&c, &version, err) < 0 || cursor_u64(&c, &term, err) < 0)
			return -1;
		if (format != 1 || version == 0 || version == newest)
			return err_set(err, ERR_DAMAGED, "%s/%s is not as raft writes it", s->dir, names[i]);
		if (version > newest)
			s->out->term = term;
		newest = version > newest ? version : newest;
	}
	if (s->out->term < s->m->term || s->out->term < s->out->last_term)
		return err_set(err, ERR_DAMAGED,
			       "%s: the metadata is of term %llu, but term %llu had begun: a vote may be forgotten", s->dir,
			       (unsigned long long)s->out->term,
			       (unsigned long long)(s->m->term > s->out->last_term ? s->m->term : s->out->last_term));
	return 0;
}

static int check_mark(const struct scanner *s, const struct err *why_cut, struct err *err)
{
	if (s->marked || s->m->index == 0)
		return 0;
	if (s->out->last < s->m->index)
		return err_set(err, ERR_DAMAGED, "%s: the log ends at entry %llu, but entry %llu was acknowledged%s%.300s",
			       s->dir, (unsigned long long)s->out->last, (unsigned long long)s->m->index,
			       why_cut->text[0] ? "; " : "", why_cut->text);
	return err_set(err, ERR_DAMAGED, "%s: entry %llu is not the one that was acknowledged", s->dir,
		       (unsigned long long)s->m->index);
}

int scan_log(const char *dir, const struct mark *m, struct scan *out, struct err *err)
{
	autoclean(scanner_free) struct scanner s = { .dir = dir, .m = m, .next = 1, .out = out };
	struct err why_cut = { 0 };
	size_t first;

	*out = (struct scan){ 0 };
	if (fs_list(dir, &s.names, err) < 0)
		return -1;
	for (size_t i = 0; i < s.names.len; i++)
		classify(&s, s.names.items[i]);
	if (s.n_files)
		qsort(s.files, s.n_files, sizeof(*s.files), file_cmp);
	if (s.n_files && s.files[s.n_files - 1].kind == SNAPSHOT && scan_snapshot(&s, &s.files[s.n_files - 1], err) < 0)
		return -1;
	if (first_segment(&s, &first, err) < 0)
		return -1;
	for (size_t i = first; i < s.n_files && s.files[i].kind != SNAPSHOT; i++)
		if (scan_segment(&s, &s.files[i], &why_cut, err) < 0)
			return -1;
	if (scan_metadata(&s, err) < 0)
		return -1;
	return check_mark(&s, &why_cut, err);
}
