/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/hooks_scan.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define NAME_MAX_LEN 63

void hook_files_free(struct hook_files *f)
{
	for (size_t i = 0; i < f->len; i++) {
		free(f->items[i].id);
		free(f->items[i].kind);
		free(f->items[i].path);
		free(f->items[i].why_not);
	}
	free(f->items);
	*f = (struct hook_files){ 0 };
}

/* Whoever may write to it may run what he likes with each event. */
static int check_owner(const struct stat *st, struct err *err)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return err_set(err, ERR_REFUSED, "its owner is uid %u, not root", st->st_uid);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, ERR_REFUSED, "others than its owner may write to it (mode %04o)", st->st_mode & 07777);
	return 0;
}

static int check_dir(const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return err_errno(err, errno, "it can't be looked at");
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_REFUSED, "it is not a directory");
	return check_owner(&st, err);
}

int hook_file_check(const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return err_errno(err, errno, "it can't be looked at");
	if (S_ISLNK(st.st_mode))
		return err_set(err, ERR_REFUSED, "it is a symbolic link: put the program itself there");
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_REFUSED, "it is not a regular file");
	if (check_owner(&st, err) < 0)
		return -1;
	if ((st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != (S_IXUSR | S_IXGRP | S_IXOTH))
		return err_set(err, ERR_REFUSED, "not everybody may execute it (mode %04o): it runs as an unprivileged user",
			       st.st_mode & 07777);
	if (!(st.st_mode & S_IROTH))
		return err_set(err, ERR_REFUSED, "not everybody may read it (mode %04o): it runs as an unprivileged user",
			       st.st_mode & 07777);
	return 0;
}

static int check_name(const char *name, size_t len, struct err *err)
{
	if (len == 0 || len > NAME_MAX_LEN || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") < len || name[0] == '-')
		return err_set(err, ERR_REFUSED, "a name has 1 to %d of a-z, 0-9 and -", NAME_MAX_LEN);
	return 0;
}

static struct hook_file *add(struct hook_files *out, char *id, const char *kind, const char *path, const struct err *why_not)
{
	struct hook_file *f;

	out->items = mem_room(out->items, out->len, &out->cap, sizeof(*out->items));
	f = &out->items[out->len++];
	*f = (struct hook_file){ .id = id,
				 .kind = kind ? mem_strdup(kind) : NULL,
				 .path = mem_strdup(path),
				 .why_not = why_not->kind != ERR_NONE ? mem_strdup(why_not->text) : NULL };
	return f;
}

static size_t n_good(const struct hook_files *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->len; i++)
		n += f->items[i].why_not == NULL;
	return n;
}

static void add_program(struct hook_files *out, const char *dir, const char *name, const char *kind)
{
	autofree char *path = fs_join(dir, name);
	autofree char *shown = str_printable(name, strlen(name));
	struct err err = { 0 };

	if (check_name(name, strlen(name), &err) == 0 && hook_file_check(path, &err) == 0 && n_good(out) >= HOOKS_MAX)
		err_set(&err, ERR_REFUSED, "there are %d hooks already", HOOKS_MAX);
	add(out, kind ? str_format("%s.d/%s", kind, shown) : str_format("%s", shown), kind, path, &err);
}

static bool is_dir(const char *dir, const char *name)
{
	autofree char *path = fs_join(dir, name);
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Programs in hooks.d/KIND.d. */
static void scan_kind(const char *dir, const char *name, struct hook_files *out)
{
	autofree char *path = fs_join(dir, name);
	autofree char *shown = str_printable(name, strlen(name));
	autoclean(str_list_free) struct str_list names = { 0 };
	size_t len = strlen(name);
	autofree char *kind = mem_strndup(name, len > 2 ? len - 2 : 0);
	struct err err = { 0 };

	if (!str_ends(name, ".d"))
		err_set(&err, ERR_REFUSED, "a directory here is named after a kind of events, with .d behind it");
	else if (check_name(kind, strlen(kind), &err) == 0 && check_dir(path, &err) == 0 && fs_list(path, &names, &err) < 0)
		err.kind = ERR_REFUSED;
	if (err.kind != ERR_NONE) {
		add(out, str_format("%s", shown), NULL, path, &err);
		return;
	}
	for (size_t i = 0; i < names.len; i++)
		add_program(out, path, names.items[i], kind);
}

void hook_files_scan(const char *dir, struct hook_files *out)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	struct err err = { 0 };
	struct stat st;

	if (lstat(dir, &st) < 0 && errno == ENOENT)
		return;
	if (check_dir(dir, &err) < 0 || fs_list(dir, &names, &err) < 0) {
		add(out, mem_strdup("hooks.d"), NULL, dir, &err);
		return;
	}
	for (size_t i = 0; i < names.len; i++)
		if (is_dir(dir, names.items[i]))
			scan_kind(dir, names.items[i], out);
		else
			add_program(out, dir, names.items[i], NULL);
}
