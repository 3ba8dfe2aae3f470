/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "installer/hostpath.h"
#include "installer/node_secrets.h"
#include "installer/target.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define LIST "var/lib/orthrus/secrets"
#define LIST_MAX ((size_t)NODE_SECRETS_MAX * (HOSTPATH_MAX + 1))
#define ACCOUNTS_MAX ((size_t)4 << 20)
#define KEY_HEX_LEN (2 * SEAL_KEY_LEN)

int node_seal_key(int root_fd, const char *path, uint8_t key[SEAL_KEY_LEN], struct err *err)
{
	autoclose int fd = fs_open_beneath(root_fd, path, O_RDONLY | O_NOFOLLOW, 0, 0, err);
	struct buf text = { 0 };
	struct err why = { 0 };
	struct stat st;
	int rc;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != 0 || st.st_mode & 077)
		return err_set(err, ERR_REFUSED, "/%s is not a file that only root may read", path);
	buf_reserve(&text, KEY_HEX_LEN + 1);
	rc = fs_read_fd(fd, path, KEY_HEX_LEN + 1, &text, err);
	if (rc == 0 && text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	if (rc == 0 && (text.len != KEY_HEX_LEN || str_unhex(buf_str(&text), key, SEAL_KEY_LEN, &why) < 0))
		rc = err_set(err, ERR_DAMAGED, "/%s does not hold a key of %d hex digits", path, KEY_HEX_LEN);
	seal_wipe(&text);
	return rc;
}

/* passwd(5) and group(5) alike: NAME:x:NUMBER:... */
static int find_account(int root_fd, const char *file, const char *name, uint32_t *id, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	size_t len = strlen(name);
	char *line, *rest;

	if (target_read(root_fd, file, ACCOUNTS_MAX, &text, err) < 0)
		return -1;
	for (rest = text.data; (line = strsep(&rest, "\n"));) {
		char *number;
		uint64_t v;

		if (strncmp(line, name, len) != 0 || line[len] != ':')
			continue;
		line += len + 1;
		strsep(&line, ":");
		number = strsep(&line, ":");
		if (!number || str_to_u64(number, 0, UINT32_MAX - 1, &v, err) < 0)
			return err_set(err, ERR_DAMAGED, "/%s: the line of %s has no number", file, name);
		*id = (uint32_t)v;
		return 0;
	}
	return err_set(err, ERR_NOT_FOUND, "'%s' is not in /%s", name, file);
}

/* Is the file there, as it shall be? What can't be read is written anew. */
static bool is_there(int root_fd, const struct node_secret *s, uint32_t uid, uint32_t gid, const struct buf *plain)
{
	struct err ignored = { 0 };
	autoclose int fd = fs_open_beneath(root_fd, s->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, 0, &ignored);
	struct buf have = { 0 };
	struct stat st;
	bool same;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != uid || st.st_gid != gid ||
	    (st.st_mode & 07777) != s->mode || st.st_size != (off_t)plain->len)
		return false;
	buf_reserve(&have, plain->len + 1);
	same = fs_read_fd(fd, s->path, plain->len, &have, &ignored) == 0 && have.len == plain->len &&
	       memcmp(buf_str(&have), buf_str(plain), plain->len) == 0;
	seal_wipe(&have);
	return same;
}

static int apply_one(int root_fd, const struct node_secret *s, const uint8_t key[SEAL_KEY_LEN], bool *changed, struct err *err)
{
	autoclean(seal_wipe) struct buf plain = { 0 };
	uint32_t uid, gid;

	*changed = false;
	if (find_account(root_fd, "etc/passwd", s->owner, &uid, err) < 0 ||
	    find_account(root_fd, "etc/group", s->group, &gid, err) < 0 || seal_open(key, s->sealed, &plain, err) < 0)
		return -1;
	if (plain.len > NODE_SECRET_BYTES_MAX)
		return err_set(err, ERR_INVALID, "it has %zu bytes, more than %zu", plain.len, NODE_SECRET_BYTES_MAX);
	if (is_there(root_fd, s, uid, gid, &plain))
		return 0;
	*changed = true;
	return target_write_as(root_fd, s->path, s->mode, uid, gid, buf_str(&plain), plain.len, err);
}

static int read_list(int root_fd, struct str_list *out, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	struct err why = { 0 };
	char *line, *rest;

	if (target_read(root_fd, LIST, LIST_MAX, &text, &why) < 0) {
		if (why.kind == ERR_NOT_FOUND)
			return 0;
		*err = why;
		return -1;
	}
	for (rest = text.data; (line = strsep(&rest, "\n"));)
		if (*line && hostpath_check(line, &why) == 0 && !str_list_has(out, line))
			str_list_add(out, line);
	return 0;
}

static int write_list(int root_fd, const struct str_list *paths, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };

	for (size_t i = 0; i < paths->len; i++)
		buf_addf(&text, "%s\n", paths->items[i]);
	return target_write(root_fd, LIST, 0600, buf_str(&text), text.len, err);
}

static bool has_path(const struct node_secrets *s, const char *path)
{
	for (size_t i = 0; i < s->len; i++)
		if (str_eq(s->items[i].path, path))
			return true;
	return false;
}

/* The first failure is the one that is told in the end. */
static void keep_first(struct err *first, const struct err *why, const char *what)
{
	if (first->kind != ERR_NONE)
		return;
	*first = *why;
	(void)err_wrap(first, "%s", what);
}

static void remove_gone(int root_fd, const struct str_list *before, const struct node_secrets *s, struct str_list *kept,
			struct str_list *done, struct err *first)
{
	for (size_t i = 0; i < before->len; i++) {
		const char *path = before->items[i];
		struct err why = { 0 };

		if (has_path(s, path))
			continue;
		if (target_remove(root_fd, path, &why) == 0) {
			str_list_addf(done, "removed /%s: it is not for this node any more", path);
			continue;
		}
		str_list_add(kept, path);
		keep_first(first, &why, "a secret that is not for this node any more");
	}
}

int node_secrets_apply(int root_fd, const struct node_secrets *s, const uint8_t key[SEAL_KEY_LEN], struct str_list *units,
		       struct str_list *done, struct err *err)
{
	autoclean(str_list_free) struct str_list before = { 0 }, paths = { 0 };
	struct err first = { 0 };
	size_t known;

	if (read_list(root_fd, &before, err) < 0)
		return -1;
	known = before.len;
	for (size_t i = 0; i < s->len; i++)
		if (!str_list_has(&before, s->items[i].path))
			str_list_add(&before, s->items[i].path);
	/* First the list: what is on the disk after a power cut is in it. */
	if (before.len != known && write_list(root_fd, &before, err) < 0)
		return -1;
	for (size_t i = 0; i < s->len; i++) {
		const struct node_secret *n = &s->items[i];
		struct err why = { 0 };
		bool changed;

		str_list_add(&paths, n->path);
		if (apply_one(root_fd, n, key, &changed, &why) < 0) {
			autofree char *what = str_format("secret %s", n->name);

			keep_first(&first, &why, what);
			continue;
		}
		if (!changed)
			continue;
		str_list_addf(done, "wrote /%s: secret %s, version %llu", n->path, n->name, (unsigned long long)n->version);
		if (n->unit && !str_list_has(units, n->unit))
			str_list_add(units, n->unit);
	}
	remove_gone(root_fd, &before, s, &paths, done, &first);
	if (paths.len != before.len && write_list(root_fd, &paths, err) < 0)
		return -1;
	if (first.kind == ERR_NONE)
		return 0;
	*err = first;
	return -1;
}
