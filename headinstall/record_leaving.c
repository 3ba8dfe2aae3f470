/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a machine was when it began to be given back: what packages' scripts change from then on is put back, and what somebody
 * does while an uninstallation that failed waits to be gone on with is theirs. */
#include "base/mem.h"
#include "headinstall/record_priv.h"
#include "sys/fs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int write_now(struct head_record *r, const char *name, struct err *err)
{
	autofree char *path = record_place(r, name);
	autoclean(buf_free) struct buf lines = { 0 };

	return record_describe(r, &lines, err) < 0 ? -1 : fs_write_atomic(path, lines.data, lines.len, 0600, err);
}

static int read_whole(const struct head_record *r, const char *name, struct head_journal *out, struct err *err)
{
	autofree char *path = record_place(r, name);
	size_t good;

	if (record_read(r, name, out, &good, NULL, err) < 0)
		return -1;
	head_journal_settle(out);
	return out->complete ? 0 : err_set(err, ERR_DAMAGED, "%s is not whole", path);
}

static bool is_there(const struct head_record *r, const char *name)
{
	autofree char *path = record_place(r, name);

	return fs_exists(path);
}

int head_record_leave(struct head_record *r, struct err *err)
{
	if (!r->leaving && write_now(r, HEAD_LEAVING, err) < 0)
		return -1;
	r->leaving = true;
	return 0;
}

static const struct head_state *state_of(const struct head_journal *j, const char *path)
{
	static const struct head_state absent;
	const struct head_path *p = head_journal_path(j, path);

	return p ? &p->was : &absent;
}

static void add_path(const char *path, const struct head_state *s, struct buf *out)
{
	autofree char *copy = mem_strdup(path);

	if (s->type != HEAD_ABSENT)
		head_line_path(out, &(const struct head_path){ .path = copy, .has_was = true, .was = *s });
}

/* What is not as it was when that run ended is as it is now. */
static void merge(const struct head_journal *was, const struct head_journal *failed, const struct head_journal *now,
		  struct buf *out)
{
	for (size_t i = 0; i < was->n_paths; i++) {
		const char *path = was->paths[i].path;
		const struct head_state *n = state_of(now, path);

		add_path(path, head_state_same(state_of(failed, path), n) ? &was->paths[i].was : n, out);
	}
	for (size_t i = 0; i < now->n_paths; i++) {
		const struct head_path *n = &now->paths[i];

		if (!head_journal_path(was, n->path) && !head_state_same(state_of(failed, n->path), &n->was))
			add_path(n->path, &n->was, out);
	}
	for (size_t i = 0; i < was->n_packages; i++)
		head_line_package(out, &was->packages[i]);
	head_line_complete(out);
}

static int take_over(struct head_record *r, struct err *err)
{
	autoclean(head_journal_free) struct head_journal was = { 0 }, failed = { 0 }, now = { 0 };
	autofree char *leaving = record_place(r, HEAD_LEAVING), *path = record_place(r, HEAD_LEAVING_FAILED);
	autoclean(buf_free) struct buf lines = { 0 }, merged = { 0 };
	size_t good;

	if (read_whole(r, HEAD_LEAVING, &was, err) < 0 || read_whole(r, HEAD_LEAVING_FAILED, &failed, err) < 0 ||
	    record_describe(r, &lines, err) < 0 || head_journal_read(buf_str(&lines), lines.len, &now, &good, err) < 0)
		return -1;
	head_journal_settle(&now);
	merge(&was, &failed, &now, &merged);
	if (fs_write_atomic(leaving, merged.data, merged.len, 0600, err) < 0)
		return -1;
	return unlink(path) < 0 ? err_errno(err, errno, "remove %s", path) : fs_sync_parent(path, err);
}

int head_record_leaving(struct head_record *r, struct head_journal *out, struct err *err)
{
	autofree char *begun = record_place(r, HEAD_LEAVING_BEGUN);

	if (!fs_exists(begun)) {
		if (write_now(r, HEAD_LEAVING, err) < 0 || fs_write_atomic(begun, "", 0, 0600, err) < 0)
			return -1;
	} else if (is_there(r, HEAD_LEAVING_FAILED) && take_over(r, err) < 0) {
		return -1;
	}
	return read_whole(r, HEAD_LEAVING, out, err);
}

int head_record_leaving_failed(struct head_record *r, struct err *err)
{
	return is_there(r, HEAD_LEAVING_BEGUN) ? write_now(r, HEAD_LEAVING_FAILED, err) : 0;
}

int head_record_forget(struct head_record *r, struct err *err)
{
	autofree char *dir = record_place(r, HEAD_RECORD_DIR), *gone = record_place(r, RECORD_GONE);

	/* All at once: half of it would say something that was not so. */
	if (fs_remove_tree(gone, err) < 0)
		return -1;
	if (rename(dir, gone) < 0 && errno != ENOENT)
		return err_errno(err, errno, "put %s aside", dir);
	return fs_sync_parent(dir, err) < 0 ? -1 : fs_remove_tree(gone, err);
}

int head_record_sweep(const char *root, bool *left, struct err *err)
{
	autofree char *gone = str_format("%s%s", root, RECORD_GONE);

	*left = fs_exists(gone);
	return *left ? fs_remove_tree(gone, err) : 0;
}
