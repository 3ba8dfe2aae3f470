/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/state/boot.h"

#include "base/mem.h"
#include "base/str.h"
#include "headfailover/state/scan.h"
#include "sys/fs.h"
#include "sys/log.h"

static int damaged(const char *dir, struct err *err)
{
	if (err->kind != ERR_DAMAGED)
		return -1;
	return err_hint(
		err,
		"nothing was changed in %s; copy it aside and check the disk; then put back a copy of the whole directory that "
		"was made while orthrusd was stopped, or move it away and begin anew: docs/state.md, \"A damaged state\"",
		dir);
}

/* The mark is made first, then the log; so without a mark there must not be a log either. */
static int first_boot(const char *path, uint64_t id, const struct boot *b, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	struct mark none = { .id = id };

	if (fs_list(b->log_dir, &names, err) < 0)
		return -1;
	if (names.len)
		return err_set(err, ERR_DAMAGED, "%s is missing, but there is a log in %s", path, b->log_dir);
	return mark_create(path, &none, err);
}

/* The last start ended before anything was served: begin again. raft itself can't, once it wrote half of its first files. */
static int begin_again(const struct boot *b, struct err *err)
{
	if (fs_remove_tree(b->log_dir, err) < 0)
		return -1;
	return fs_mkdirs(b->log_dir, 0700, err);
}

static int check_log(const struct boot *b, struct err *err)
{
	struct scan scan;

	if (scan_log(b->log_dir, &b->mark, &scan, err) < 0)
		return -1;
	if (scan.last == 0)
		return err_set(err, ERR_DAMAGED, "%s: the log is gone", b->log_dir);
	log_debug("state", "the log holds entries up to %llu of term %llu, a snapshot at %llu", (unsigned long long)scan.last,
		  (unsigned long long)scan.last_term, (unsigned long long)scan.snapshot);
	return 0;
}

static int check(const char *dir, uint64_t id, struct boot *b, struct err *err)
{
	autofree char *lock = fs_join(dir, "lock"), *mark = fs_join(dir, "mark");

	if (fs_mkdirs(dir, 0700, err) < 0)
		return -1;
	b->lock_fd = fs_lock(lock, err);
	if (b->lock_fd < 0)
		return err->kind == ERR_CONFLICT ? err_hint(err, "is another orthrusd running?") : -1;
	b->log_dir = fs_join(dir, "log");
	if (fs_mkdirs(b->log_dir, 0700, err) < 0 || (!fs_exists(mark) && first_boot(mark, id, b, err) < 0) ||
	    mark_open(mark, &b->mark_file, &b->mark, err) < 0)
		return -1;
	if (b->mark.id != id)
		return err_set(err, ERR_REFUSED, "%s belongs to member %llu, not to %llu", dir, (unsigned long long)b->mark.id,
			       (unsigned long long)id);
	b->fresh = !b->mark.serving;
	return b->fresh ? begin_again(b, err) : check_log(b, err);
}

int boot_check(const char *dir, uint64_t id, struct boot *out, struct err *err)
{
	*out = (struct boot){ .lock_fd = -1 };
	if (check(dir, id, out, err) == 0)
		return 0;
	boot_free(out);
	return damaged(dir, err);
}

void boot_free(struct boot *b)
{
	mark_close(b->mark_file);
	free(b->log_dir);
	if (b->lock_fd >= 0)
		close(b->lock_fd);
	*b = (struct boot){ .lock_fd = -1 };
}
