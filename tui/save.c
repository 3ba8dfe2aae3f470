/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/save.h"

#include "base/json.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#define SAVED_FILE "/var/lib/orthrus/setup.json"
/* Not beside the file: that directory is orthrusd's, and root locks no name that somebody else may turn into a link. */
#define LOCK_FILE "/run/orthrus-setup.lock"
#define SAVED_MAX ((size_t)1 << 20)
#define DRAFTS_MAX 1000
#define SAVED_VERSION 1

void saved_free(struct saved *s)
{
	free(s->page);
	free(s->answers);
	drafts_free(&s->drafts);
	*s = (struct saved){ 0 };
}

static int read_draft(struct json_obj *o, struct saved *out, struct err *err)
{
	autofree char *page = NULL, *field = NULL, *value = NULL;

	if (json_str(o, "page", JSON_MUST, &page, err) < 0 || json_str(o, "field", JSON_MUST, &field, err) < 0 ||
	    json_str(o, "value", JSON_MUST, &value, err) < 0 || json_obj_end(o, err) < 0)
		return -1;
	drafts_put(&out->drafts, page, field, value);
	return 0;
}

static int read_all(struct json_obj *o, void *ctx, struct err *err)
{
	struct saved *out = ctx;
	struct json_arr drafts;
	struct json_obj answers, one;
	uint64_t version;
	int has;

	if (json_u64(o, "version", JSON_MUST, SAVED_VERSION, SAVED_VERSION, &version, err) < 0 ||
	    json_str(o, "page", JSON_MAY, &out->page, err) < 0 ||
	    json_bool(o, "installed", JSON_MUST, &out->installed, err) < 0 ||
	    json_arr_max(o, "drafts", JSON_MUST, DRAFTS_MAX, &drafts, err) < 0)
		return -1;
	for (size_t i = 0; i < drafts.len; i++)
		if (json_arr_obj(&drafts, i, &one, err) < 0 || read_draft(&one, out, err) < 0)
			return -1;
	has = json_obj(o, "answers", JSON_MAY, &answers, err);
	if (has < 0 || (has && json_raw(o, "answers", JSON_MUST, &out->answers, err) < 0))
		return -1;
	return json_obj_end(o, err);
}

int saved_read(const char *text, size_t len, struct saved *out, struct err *err)
{
	if (json_read(text, len, read_all, out, err) == 0)
		return 0;
	saved_free(out);
	return -1;
}

void saved_print(const struct saved *s, struct buf *out)
{
	struct json_out w;

	json_out_init(&w, out, true);
	json_put_obj(&w, NULL);
	json_put_u64(&w, "version", SAVED_VERSION);
	if (s->page)
		json_put_str(&w, "page", s->page);
	json_put_bool(&w, "installed", s->installed);
	json_put_arr(&w, "drafts");
	for (size_t i = 0; i < s->drafts.len; i++) {
		json_put_obj(&w, NULL);
		json_put_str(&w, "page", s->drafts.items[i].page);
		json_put_str(&w, "field", s->drafts.items[i].field);
		json_put_str(&w, "value", s->drafts.items[i].value);
		json_end_obj(&w);
	}
	json_end_arr(&w);
	if (s->answers)
		json_put_raw(&w, "answers", s->answers);
	json_end_obj(&w);
}

int save_damaged(const char *root, struct err *err)
{
	err_wrap(err, "%s%s", root, SAVED_FILE);
	return err_hint(err, "it holds what was answered before: move it away to begin anew");
}

int save_load(const char *root, struct saved *out, struct err *err)
{
	autofree char *path = str_format("%s%s", root, SAVED_FILE);
	autoclean(buf_free) struct buf text = { 0 };

	if (fs_read_nofollow(path, SAVED_MAX, &text, err) < 0) {
		if (err->kind != ERR_NOT_FOUND)
			return -1;
		*err = (struct err){ 0 };
		return 0;
	}
	return saved_read(buf_str(&text), text.len, out, err) == 0 ? 0 : save_damaged(root, err);
}

bool save_older(const char *root, const char *path)
{
	autofree char *saved = str_format("%s%s", root, SAVED_FILE);
	struct stat mine, other;

	if (stat(path, &other) < 0)
		return false;
	if (stat(saved, &mine) < 0)
		return true;
	return other.st_mtim.tv_sec != mine.st_mtim.tv_sec ? other.st_mtim.tv_sec > mine.st_mtim.tv_sec
							   : other.st_mtim.tv_nsec > mine.st_mtim.tv_nsec;
}

int save_store(const char *root, const struct saved *s, struct err *err)
{
	autofree char *path = str_format("%s%s", root, SAVED_FILE), *dir = mem_strndup(path, (size_t)(strrchr(path, '/') - path));
	autoclean(buf_free) struct buf text = { 0 };

	saved_print(s, &text);
	if (fs_mkdirs(dir, 0755, err) == 0 && fs_write_atomic(path, buf_str(&text), text.len, 0600, err) == 0)
		return 0;
	err_wrap(err, "keep what was answered");
	if (!err->hint[0])
		err_hint(err, "put that right, then start orthrus-setup again: what was answered before is kept");
	return -1;
}

/* "4711 on /dev/pts/3 since 2026-11-22T18:00:00Z", as whoever holds it wrote it there. */
static int held(const char *path, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	autofree char *who = NULL;
	struct err none = { 0 };
	size_t pid;

	if (fs_read_nofollow(path, 256, &text, &none) < 0)
		buf_clear(&text);
	who = str_printable(buf_str(&text), strcspn(buf_str(&text), "\n"));
	pid = strspn(who, "0123456789");
	if (!pid)
		return err_set(err, ERR_REFUSED, "another orthrus-setup is at work on this machine (it holds %s)", path);
	err_set(err, ERR_REFUSED, "another orthrus-setup is at work on this machine: process %s", who);
	return err_hint(
		err,
		"go on there, or end it with `kill %.*s`: what was answered is kept, and this one goes on from it; one that "
		"carries out its plan ends after the last step",
		(int)pid, who);
}

int save_lock(const char *root, struct err *err)
{
	autofree char *path = str_format("%s%s", root, LOCK_FILE), *dir = mem_strndup(path, (size_t)(strrchr(path, '/') - path));
	const char *tty = ttyname(STDIN_FILENO);
	autofree char *who = NULL;
	autoclose int fd = -1;
	char since[CLOCK_UTC_LEN];

	if (fs_mkdirs(dir, 0755, err) < 0)
		return -1;
	fd = fs_lock(path, err);
	if (fd < 0)
		return err->kind == ERR_CONFLICT ? held(path, err) : -1;
	clock_utc(clock_wall_s(), since);
	who = str_format("%d%s%s since %s\n", (int)getpid(), tty ? " on " : "", tty ? tty : "", since);
	if (ftruncate(fd, 0) < 0 || fs_pwrite_all(fd, path, who, strlen(who), 0, err) < 0)
		return err->text[0] ? -1 : err_errno(err, errno, "write %s", path);
	return steal_fd(fd);
}
