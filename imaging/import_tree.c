/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/import_node.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define RECORD_LEN 88 /* of a tree record without names, attributes and extents */

static int bad_path(const char *path, const char *what, struct err *err)
{
	autofree char *shown = str_printable(*path ? path : ".", strlen(*path ? path : "."));

	return err_set(err, ERR_REFUSED, "'%.300s' %s", shown, what);
}

int import_path_clean(const char *raw, char **out, struct err *err)
{
	autofree char *clean = mem_zalloc(strlen(raw) + 1);
	size_t len = 0;

	if (raw[0] == '/')
		return bad_path(raw, "is an absolute path", err);
	for (const char *p = raw; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && memcmp(p, "..", 2) == 0)
			return bad_path(raw, "climbs with '..'", err);
		if (n > TREE_NAME_MAX)
			return bad_path(raw, "has a name longer than 255 bytes", err);
		if (n && !(n == 1 && *p == '.')) {
			if (len)
				clean[len++] = '/';
			memcpy(clean + len, p, n);
			len += n;
		}
		p += n + (p[n] == '/');
	}
	if (len > TREE_PATH_MAX)
		return bad_path(raw, "is longer than a path can be", err);
	*out = steal(clean);
	return 0;
}

static struct import_node *find(const struct import_tree *t, const char *path)
{
	struct import_node *n = t->root;

	while (n && *path) {
		size_t len = strcspn(path, "/");

		n = import_node_child(t, n, path, len);
		path += len + (path[len] == '/');
	}
	return n;
}

struct import_inode *import_tree_find(const struct import_tree *t, const char *path)
{
	struct import_node *n = find(t, path);

	return n ? n->inode : NULL;
}

/* A directory that only the path of something in it tells of, as tar makes it. */
static struct import_node *make_parent(struct import_tree *t, struct import_node *above, const char *path, size_t name_at,
				       size_t len)
{
	struct import_node *n = import_node_add(t, above, path + name_at, len);

	n->inode = import_inode_new(TREE_DIR);
	n->inode->names = 1;
	n->inode->e.mode = IMPORT_MADE_MODE;
	n->made = true;
	n->layer = t->layer;
	t->raw_bytes += RECORD_LEN + name_at + len;
	if (t->made++ == 0)
		t->first_made = mem_strndup(path, name_at + len);
	return n;
}

/* The node of the directory that `path` lies in, and the name in it. */
static struct import_node *open_parent(struct import_tree *t, const char *path, const char **name, struct err *err)
{
	struct import_node *n = t->root;

	for (size_t at = 0;;) {
		size_t len = strcspn(path + at, "/");
		struct import_node *next;

		*name = path + at;
		if (!path[at + len])
			return n;
		next = import_node_child(t, n, path + at, len);
		if (!next)
			next = make_parent(t, n, path, at, len);
		if (next->inode->e.type != TREE_DIR) {
			autofree char *shown = str_printable(path, strlen(path)), *above = str_printable(path, at + len);

			err_set(err, ERR_REFUSED, "'%.300s' lies below '%.200s', which is %s", shown, above,
				next->inode->e.type == TREE_SYMLINK ? "a symbolic link" : "no directory");
			return NULL;
		}
		n = next;
		at += len + 1;
	}
}

static void set_inode(struct import_node *n, struct import_inode *inode)
{
	if (n->inode)
		import_inode_drop(n->inode);
	n->inode = inode;
	n->made = false;
}

static int replace(struct import_tree *t, struct import_node *n, const char *path, struct import_inode *inode, struct err *err)
{
	enum tree_type was = n->inode->e.type, is = inode->e.type;

	if (was != is && (n->layer == t->layer || n == t->root))
		return bad_path(path, "is there twice, as two kinds of file", err);
	if (was != is)
		while (n->first)
			import_node_remove(t, n->first);
	set_inode(n, inode);
	n->layer = t->layer;
	return 0;
}

static int put(struct import_tree *t, const char *path, struct import_inode *inode, struct err *err)
{
	const char *name = "";
	struct import_node *parent = *path ? open_parent(t, path, &name, err) : NULL, *n;

	if (*path && !parent)
		return -1;
	n = parent ? import_node_child(t, parent, name, strlen(name)) : t->root;
	t->raw_bytes += RECORD_LEN + strlen(path);
	if (n)
		return replace(t, n, path, inode, err);
	n = import_node_add(t, parent, name, strlen(name));
	set_inode(n, inode);
	n->layer = t->layer;
	return 0;
}

int import_tree_put(struct import_tree *t, const char *path, struct import_inode *inode, struct err *err)
{
	if (inode->e.type == TREE_DIR && inode->names)
		return bad_path(path, "is a hard link to a directory", err);
	/* A link to itself changes nothing. */
	if (inode->names && import_tree_find(t, path) == inode)
		return 0;
	/* Counted first: what is replaced may hold its only other name. */
	inode->names++;
	if (put(t, path, inode, err) == 0)
		return 0;
	inode->names--;
	return -1;
}

static void clear_lower(struct import_tree *t, struct import_node *dir)
{
	for (struct import_node *n = dir->first, *next; n; n = next) {
		next = n->next;
		if (n->layer == t->layer)
			clear_lower(t, n);
		else
			import_node_remove(t, n);
	}
}

void import_tree_clear_lower(struct import_tree *t, const char *path)
{
	struct import_node *n = find(t, path);

	if (n)
		clear_lower(t, n);
}

void import_tree_remove_lower(struct import_tree *t, const char *path)
{
	struct import_node *n = find(t, path);

	if (!n || n == t->root)
		return;
	/* What this layer itself has under the name stays. */
	if (n->layer == t->layer)
		clear_lower(t, n);
	else
		import_node_remove(t, n);
}

size_t import_tree_top(const struct import_tree *t, void (*each)(void *ctx, const char *name), void *ctx)
{
	size_t count = 0;

	for (const struct import_node *n = t->root->first; n; n = n->next, count++)
		if (each)
			each(ctx, n->name);
	return count;
}

struct emit {
	struct tree *out;
	import_content_fn content;
	void *ctx;
	uint32_t links;
	struct buf path;
};

/* The first name in path order takes all that the inode has. */
static int emit_entry(struct emit *m, struct import_node *n, struct err *err)
{
	struct tree_entry *e = tree_add(m->out);
	struct import_inode *i = n->inode;
	uint64_t len;

	if (i->link) {
		*e = (struct tree_entry){ .path = mem_strdup(buf_str(&m->path)), .type = TREE_HARDLINK, .link = i->link };
		return 0;
	}
	if (i->names > 1)
		i->link = ++m->links;
	*e = i->e;
	i->e = (struct tree_entry){ .type = e->type };
	e->path = mem_strdup(buf_str(&m->path));
	e->link = i->link;
	e->stream_at = e->type == TREE_FILE ? m->out->stream_bytes : 0;
	len = e->stream_len;
	m->out->stream_bytes += len;
	return len ? m->content(m->ctx, i, len, err) : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct import_node *const *)a)->name, (*(struct import_node *const *)b)->name);
}

static int emit_node(struct emit *m, struct import_node *n, struct err *err)
{
	size_t len = 0, cap = 0, at = m->path.len;
	autofree struct import_node **children = NULL;

	if (emit_entry(m, n, err) < 0)
		return -1;
	for (struct import_node *c = n->first; c; c = c->next) {
		children = mem_room(children, len, &cap, sizeof(children[0]));
		children[len++] = c;
	}
	if (len)
		qsort(children, len, sizeof(children[0]), by_name);
	for (size_t i = 0; i < len; i++) {
		if (at)
			buf_addc(&m->path, '/');
		buf_adds(&m->path, children[i]->name);
		if (emit_node(m, children[i], err) < 0)
			return -1;
		m->path.len = at;
		if (m->path.data)
			m->path.data[at] = '\0';
	}
	return 0;
}

int import_tree_emit(struct import_tree *t, struct tree *out, import_content_fn content, void *ctx, struct err *err)
{
	struct emit m = { .out = out, .content = content, .ctx = ctx };
	int rc = emit_node(&m, t->root, err);

	buf_free(&m.path);
	return rc;
}
