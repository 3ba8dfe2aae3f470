/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/tree_check.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

void tree_check_free(struct tree_check *c)
{
	free(c->dirs);
	*c = (struct tree_check){ 0 };
}

/* The error names the entry; its bytes come from elsewhere. */
static int bad(const struct tree_entry *e, enum err_kind kind, const char *what, struct err *err)
{
	autofree char *shown = str_printable(e->path, strlen(e->path));

	return err_set(err, kind, "'%.300s' %s", shown, what);
}

static int check_path(const struct tree_entry *e, struct err *err)
{
	if (e->path[0] == '/')
		return bad(e, ERR_REFUSED, "is an absolute path", err);
	if (strlen(e->path) > TREE_PATH_MAX)
		return bad(e, ERR_REFUSED, "is longer than a path can be", err);
	for (const char *p = e->path;;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && memcmp(p, "..", 2) == 0)
			return bad(e, ERR_REFUSED, "climbs with '..'", err);
		if (n == 0 || (n == 1 && *p == '.'))
			return bad(e, ERR_REFUSED, "has an empty name or '.' in it", err);
		if (n > TREE_NAME_MAX)
			return bad(e, ERR_REFUSED, "has a name longer than 255 bytes", err);
		if (!p[n])
			return 0;
		p += n + 1;
	}
}

/* Is `dir` (a path) the parent of `path`? */
static bool is_parent(const char *dir, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	return strlen(dir) == n && memcmp(dir, path, n) == 0;
}

static int check_place(struct tree_check *c, const struct tree *t, struct err *err)
{
	const struct tree_entry *e = &t->entries[t->len - 1];

	if (t->len == 1) {
		if (e->path[0] != '\0' || e->type != TREE_DIR)
			return bad(e, ERR_DAMAGED, "is the first entry, which must be the root directory", err);
	} else {
		if (check_path(e, err) < 0)
			return -1;
		if (tree_path_cmp(t->entries[t->len - 2].path, e->path) >= 0)
			return bad(e, ERR_DAMAGED, "is out of order or there twice", err);
		while (c->depth && !is_parent(t->entries[c->dirs[c->depth - 1]].path, e->path))
			c->depth--;
		if (!c->depth)
			return bad(e, ERR_REFUSED, "has a parent that is not a directory of this tree", err);
	}
	if (e->type == TREE_DIR) {
		c->dirs = mem_room(c->dirs, c->depth, &c->cap, sizeof(c->dirs[0]));
		c->dirs[c->depth++] = t->len - 1;
	}
	return 0;
}

/* Ids count up from 1 in the order of their first entries: a reader's table of them is as long as the tree at most. */
static int check_link(struct tree_check *c, const struct tree *t, struct err *err)
{
	const struct tree_entry *e = &t->entries[t->len - 1];

	if (e->type == TREE_HARDLINK) {
		if (e->link == 0 || e->link > c->n_links)
			return bad(e, ERR_REFUSED, "is a hard link to something outside the tree", err);
		return 0;
	}
	if (e->link == 0)
		return 0;
	if (e->type == TREE_DIR)
		return bad(e, ERR_REFUSED, "is a directory with a hard link", err);
	if (e->link != c->n_links + 1)
		return bad(e, ERR_DAMAGED, "has a link id out of order", err);
	c->n_links++;
	return 0;
}

static int check_extents(const struct tree_entry *e, struct err *err)
{
	uint64_t sum = 0, end = 0;

	for (size_t i = 0; i < e->n_extents; i++) {
		const struct tree_extent *x = &e->extents[i];

		if (x->len == 0 || x->offset < end || x->len > e->size || x->offset > e->size - x->len)
			return bad(e, ERR_DAMAGED, "has an extent outside the file or out of order", err);
		end = x->offset + x->len;
		sum += x->len;
	}
	if (e->n_extents ? sum != e->stream_len : e->stream_len != 0 && e->stream_len != e->size)
		return bad(e, ERR_DAMAGED, "has content that does not fill its extents", err);
	return 0;
}

static int check_content(struct tree *t, struct err *err)
{
	const struct tree_entry *e = &t->entries[t->len - 1];

	if (e->type != TREE_FILE) {
		if (e->size || e->stream_at || e->stream_len || e->n_extents)
			return bad(e, ERR_DAMAGED, "has content but is not a regular file", err);
		return 0;
	}
	if (e->size > INT64_MAX)
		return bad(e, ERR_DAMAGED, "is larger than a file can be", err);
	if (check_extents(e, err) < 0)
		return -1;
	if (e->stream_at != t->stream_bytes)
		return bad(e, ERR_DAMAGED, "does not begin in the stream where the file before it ends", err);
	if (__builtin_add_overflow(t->stream_bytes, e->stream_len, &t->stream_bytes))
		return bad(e, ERR_DAMAGED, "makes the content stream longer than can be", err);
	return 0;
}

static int check_attributes(const struct tree_entry *e, struct err *err)
{
	bool device = e->type == TREE_CHAR || e->type == TREE_BLOCK;

	if (e->mode > 07777 || e->mtime_ns > 999999999 || (e->flags & ~TREE_FLAGS_KEPT))
		return bad(e, ERR_DAMAGED, "has a mode, time or flags that cannot be", err);
	if (!device && (e->major || e->minor))
		return bad(e, ERR_DAMAGED, "has a device number but is no device", err);
	if (!e->target != (e->type != TREE_SYMLINK) || (e->target && strlen(e->target) > TREE_PATH_MAX))
		return bad(e, ERR_DAMAGED, "has a link target but is no symbolic link, or the other way round", err);
	for (size_t i = 1; i < e->n_xattrs; i++)
		if (strcmp(e->xattrs[i - 1].name, e->xattrs[i].name) >= 0)
			return bad(e, ERR_DAMAGED, "has extended attributes out of order or twice", err);
	if (e->type == TREE_HARDLINK && (e->mode || e->uid || e->gid || e->mtime_s || e->mtime_ns || e->flags || e->n_xattrs))
		return bad(e, ERR_DAMAGED, "is a hard link with attributes of its own", err);
	return 0;
}

int tree_check_last(struct tree_check *c, struct tree *t, struct err *err)
{
	if (check_place(c, t, err) < 0 || check_link(c, t, err) < 0 || check_content(t, err) < 0)
		return -1;
	return check_attributes(&t->entries[t->len - 1], err);
}
