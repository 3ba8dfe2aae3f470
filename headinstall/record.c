/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headinstall/record.h"

#include "base/mem.h"
#include "headinstall/accounts.h"
#include "headinstall/programs.h"
#include "headinstall/record_priv.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)512 << 20)

char *record_place(const struct head_record *r, const char *path)
{
	return str_format("%s%s", r->root, path);
}

static int hint_damaged(struct err *err)
{
	return err_hint(err, "what was written down of the installation is damaged: nothing is changed by it; compare its lines "
			     "with this machine");
}

int record_read(const struct head_record *r, const char *path, struct head_journal *j, size_t *good, struct digest *read,
		struct err *err)
{
	autofree char *full = record_place(r, path);
	autoclean(buf_free) struct buf text = { 0 };

	*good = 0;
	if (fs_read_nofollow(full, FILE_MAX, &text, err) < 0)
		return err->kind == ERR_NOT_FOUND ? 0 : -1;
	if (head_journal_read(buf_str(&text), text.len, j, good, err) == 0) {
		if (read)
			digest_of(buf_str(&text), *good, read);
		return 0;
	}
	err_wrap(err, "%s", full);
	return hint_damaged(err);
}

/* `before` is written at once, and before any line of the journal: without its end nobody may take this machine for one that is
 * no head yet, and write it down as such. */
static int check_whole(const struct head_record *r, size_t journal_len, struct err *err)
{
	autofree char *before = record_place(r, HEAD_BEFORE);
	bool there = fs_exists(before);

	if (r->j.complete || (!there && !journal_len))
		return 0;
	err_set(err, ERR_DAMAGED, "%s is %s", before,
		there ? "not whole" : "gone, and there is a journal of what was done since");
	return hint_damaged(err);
}

/* A directory of root's alone: files are written back from here. */
static int make_dirs(struct head_record *r, struct err *err)
{
	autofree char *dir = record_place(r, HEAD_RECORD_DIR), *lock = record_place(r, HEAD_RECORD_DIR "/lock"),
		      *gone = record_place(r, RECORD_GONE);
	struct stat st;

	if (fs_mkdirs(dir, 0700, err) < 0 || fs_mkdirs(r->originals, 0700, err) < 0 || fs_remove_tree(gone, err) < 0)
		return -1;
	if (lstat(dir, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 077)
		return err_set(err, ERR_REFUSED, "%s is open to others: what it says is not believed", dir);
	r->lock_fd = fs_lock(lock, err);
	return r->lock_fd < 0 ? err_hint(err, "another installation or uninstallation runs here: wait for it") : 0;
}

static int open_journal(struct head_record *r, size_t good, struct err *err)
{
	autofree char *path = record_place(r, HEAD_JOURNAL);

	r->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (r->fd < 0)
		return err_errno(err, errno, "open %s", path);
	if (ftruncate(r->fd, (off_t)good) < 0 || fsync(r->fd) < 0)
		return err_errno(err, errno, "cut the torn end off %s", path);
	return fs_sync_parent(path, err);
}

/* Where nothing is written down yet, a directory for it says nothing. */
static int begin_journal(struct head_record *r, size_t good, struct err *err)
{
	struct err late = { 0 };

	if (open_journal(r, good, err) == 0)
		return 0;
	if (!r->j.complete && head_record_forget(r, &late) < 0)
		log_err("head", "remove what was begun to be written down", &late);
	return -1;
}

int head_record_open(const char *root, bool write, struct head_record *out, struct err *err)
{
	autofree char *leaving = NULL;
	size_t good, ignored;

	*out = (struct head_record){ .root = mem_strdup(root), .lock_fd = -1, .fd = -1 };
	out->originals = record_place(out, HEAD_ORIGINALS);
	out->tree = (struct head_tree){ .root = out->root, .originals = out->originals };
	leaving = record_place(out, HEAD_LEAVING);
	if ((write && make_dirs(out, err) < 0) || record_read(out, HEAD_BEFORE, &out->j, &ignored, &out->read[0], err) < 0 ||
	    record_read(out, HEAD_JOURNAL, &out->j, &good, &out->read[1], err) < 0 || check_whole(out, good, err) < 0 ||
	    (write && begin_journal(out, good, err) < 0)) {
		head_record_close(out);
		return -1;
	}
	out->leaving = fs_exists(leaving);
	head_journal_settle(&out->j);
	return 0;
}

void head_record_close(struct head_record *r)
{
	head_journal_free(&r->j);
	free(r->root);
	free(r->originals);
	if (r->fd >= 0)
		close(r->fd);
	if (r->lock_fd >= 0)
		close(r->lock_fd);
	*r = (struct head_record){ .lock_fd = -1, .fd = -1 };
}

int head_record_begin(struct head_record *r, struct err *err)
{
	struct head_record now;
	bool same;

	if (head_record_open(r->root, true, &now, err) < 0)
		return -1;
	same = memcmp(now.read, r->read, sizeof(now.read)) == 0 && now.leaving == r->leaving;
	head_record_close(r);
	*r = now;
	if (same)
		return 0;
	/* It was given back: what we made to look at it goes too. */
	if (!r->j.complete && head_record_forget(r, err) < 0)
		return -1;
	err_set(err, ERR_CONFLICT, "another installation or uninstallation ran here since the plan was made");
	return err_hint(err, "run the same again: it makes a new plan");
}

/* Into memory as it would be read again. */
static int take(struct head_record *r, const struct buf *lines, struct err *err)
{
	size_t good;

	if (head_journal_read(buf_str(lines), lines->len, &r->j, &good, err) < 0)
		return err_wrap(err, "what was to be written down");
	head_journal_settle(&r->j);
	return 0;
}

int head_record_note(struct head_record *r, const struct buf *lines, struct err *err)
{
	if (!lines->len)
		return 0;
	if (r->broken)
		return err_set(err, ERR_FAILED, "the journal of the installation could not be written before");
	r->broken = true;
	if (fs_write_all(r->fd, HEAD_JOURNAL, lines->data, lines->len, err) < 0)
		return -1;
	if (fdatasync(r->fd) < 0)
		return err_errno(err, errno, "write %s", HEAD_JOURNAL);
	r->broken = false;
	return take(r, lines, err);
}

static int note_step(struct head_record *r, const struct head_event *e, struct err *err)
{
	autoclean(buf_free) struct buf line = { 0 };
	char now[CLOCK_UTC_LEN];

	clock_utc(clock_wall_s(), now);
	head_line_step(&line, e, now);
	return head_record_note(r, &line, err);
}

int head_record_step(struct head_record *r, const char *step, bool done, struct err *err)
{
	autofree char *name = mem_strdup(step);

	return note_step(r, &(const struct head_event){ .step = name, .done = done }, err);
}

bool head_record_watches(const char *step)
{
	return !str_starts(step, "image:");
}

int head_record_failed(struct head_record *r, const char *step, struct err *err)
{
	autofree char *name = mem_strdup(step);

	return head_record_changes(r, !head_record_watches(step), true, err) < 0
		       ? -1
		       : note_step(r, &(const struct head_event){ .step = name, .seen = true }, err);
}

int head_record_own(struct head_record *r, const char *path, struct err *err)
{
	autoclean(buf_free) struct buf line = { 0 };
	autofree char *copy = mem_strdup(path);

	head_line_path(&line, &(const struct head_path){ .path = copy, .own = true });
	return head_record_note(r, &line, err);
}

int record_describe(struct head_record *r, struct buf *out, struct err *err)
{
	autoclean(head_journal_free) struct head_journal now = { 0 };

	if (head_tree_look(&r->tree, true, &now, err) < 0 || program_packages(r->root, &now, err) < 0)
		return -1;
	for (size_t i = 0; i < now.n_paths; i++) {
		struct head_path p = { .path = now.paths[i].path, .has_was = true, .was = now.paths[i].now };

		head_line_path(out, &p);
	}
	for (size_t i = 0; i < now.n_packages; i++) {
		const struct head_pkg *is = &now.packages[i];
		struct head_pkg p = { .name = is->name, .version = is->version, .was_there = true, .was_auto = is->now_auto };

		head_line_package(out, &p);
	}
	head_line_complete(out);
	return 0;
}

int head_record_before(struct head_record *r, struct err *err)
{
	autofree char *path = record_place(r, HEAD_BEFORE);
	autoclean(buf_free) struct buf lines = { 0 };

	if (r->j.complete)
		return 0;
	return record_describe(r, &lines, err) < 0 || fs_write_atomic(path, lines.data, lines.len, 0600, err) < 0 ||
			       take(r, &lines, err) < 0
		       ? -1
		       : 0;
}

/* What the journal has a path for by now. */
static const struct head_state *known(const struct head_path *p)
{
	static const struct head_state absent;

	return !p ? &absent : p->has_now ? &p->now : p->has_was ? &p->was : &absent;
}

/* While packages come, others go on: services that were here before, in directories that are their own users', and persons. No
 * script of a package writes in their name. */
static bool is_others(const struct head_record *r, const char *path, const struct head_state *now)
{
	const char *top = str_starts(path, "/var/lib/") ? path + 9 : str_starts(path, "/var/spool/") ? path + 11 : NULL;
	autofree char *dir = top && strchr(top, '/') ? mem_strndup(path, (size_t)(strchr(top, '/') - path)) : NULL;
	const struct head_path *p = dir ? head_journal_path(&r->j, dir) : NULL;

	return head_accounts_number(now->uid) || (p && p->has_was && p->was.type == HEAD_DIRECTORY && p->was.uid != 0);
}

static void add_path(const struct head_record *r, const char *path, const struct head_state *now, bool foreign, struct buf *out)
{
	const struct head_path *p = head_journal_path(&r->j, path);
	struct head_path line = { .has_now = true, .foreign = foreign || is_others(r, path, now), .now = *now };
	autofree char *copy = mem_strdup(path);

	if (head_state_same(known(p), now))
		return;
	line.path = copy;
	line.has_was = !p; /* of what `before` says nothing, nothing was there */
	head_line_path(out, &line);
}

/* What there is of a package by what is written down. */
static bool is_known(const struct head_pkg *p)
{
	return p && (p->has_now ? p->now_there : p->was_there);
}

static void add_packages(const struct head_record *r, const struct head_journal *now, bool foreign, struct buf *out)
{
	for (size_t i = 0; i < now->n_packages; i++) {
		const struct head_pkg *is = &now->packages[i], *was = head_journal_package(&r->j, is->name);
		struct head_pkg line = *is;

		if (is_known(was))
			continue;
		line.foreign = foreign;
		if (!foreign)
			line.version = NULL;
		line.was_there = was && was->was_there;
		line.was_auto = was && was->was_auto;
		head_line_package(out, &line);
	}
	for (size_t i = 0; i < r->j.n_packages; i++) {
		struct head_pkg line = r->j.packages[i];

		if (head_journal_package(now, line.name) || !is_known(&line))
			continue;
		line.version = NULL;
		line.foreign = foreign;
		line.has_now = true;
		line.now_there = line.now_auto = false;
		head_line_package(out, &line);
	}
}

/* Names in /etc/passwd and /etc/group that were not there before. */
static void add_accounts(const struct head_record *r, const char *kind, bool foreign, struct buf *out)
{
	autofree char *path = str_format("/etc/%s", kind), *full = record_place(r, path);
	autoclean(buf_free) struct buf was = { 0 }, now = { 0 };
	autoclean(str_list_free) struct str_list names = { 0 };
	const struct head_path *p = head_journal_path(&r->j, path);
	struct err none = { 0 };

	if (p && p->has_was && p->was.kept) {
		autofree char *original = str_format("%s/%s", r->originals, p->was.digest);

		if (fs_read(original, FILE_MAX, &was, &none) < 0)
			return;
	}
	if (fs_read(full, FILE_MAX, &now, &none) < 0)
		return;
	head_accounts_added(buf_str(&was), buf_str(&now), &names);
	for (size_t i = 0; i < names.len; i++) {
		autofree char *account = str_format("%s:%s", kind, names.items[i]);

		/* A person's account, made while a step ran, is none of its either. */
		if (!str_list_has(&r->j.accounts, account) && !str_list_has(&r->j.others, account))
			head_line_account(out, account, foreign || head_accounts_person(buf_str(&now), names.items[i]));
	}
}

int head_record_changes(struct head_record *r, bool foreign, bool durable, struct err *err)
{
	static const struct head_state absent;
	autoclean(head_journal_free) struct head_journal now = { 0 };
	autoclean(buf_free) struct buf lines = { 0 };

	if (head_tree_look(&r->tree, foreign && durable, &now, err) < 0 || program_packages(r->root, &now, err) < 0)
		return -1;
	for (size_t i = 0; i < now.n_paths; i++)
		add_path(r, now.paths[i].path, &now.paths[i].now, foreign, &lines);
	for (size_t i = 0; i < r->j.n_paths; i++)
		if (head_tree_watched(r->j.paths[i].path) && !head_journal_path(&now, r->j.paths[i].path))
			add_path(r, r->j.paths[i].path, &absent, foreign, &lines);
	add_packages(r, &now, foreign, &lines);
	add_accounts(r, "passwd", foreign, &lines);
	add_accounts(r, "group", foreign, &lines);
	return durable ? head_record_note(r, &lines, err) : take(r, &lines, err);
}

int head_record_catch_up(struct head_record *r, bool durable, struct err *err)
{
	bool open = false;

	if (!r->j.complete || r->leaving)
		return 0;
	for (size_t i = 0; i < r->j.n_steps; i++)
		open = open || (!r->j.steps[i].done && !r->j.steps[i].seen && head_record_watches(r->j.steps[i].step));
	return head_record_changes(r, !open, durable, err);
}

bool head_began_packages(const char *root)
{
	struct head_record r;
	struct err none = { 0 };
	bool began = false;

	if (head_record_open(root, false, &r, &none) < 0)
		return false;
	for (size_t i = 0; i < r.j.n_steps; i++)
		began = began ||
			(!r.j.steps[i].done && (str_eq(r.j.steps[i].step, "packages") || str_eq(r.j.steps[i].step, "dpkg")));
	head_record_close(&r);
	return began;
}
