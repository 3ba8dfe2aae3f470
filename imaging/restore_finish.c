/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/restore_priv.h"

#include "base/mem.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 256 /* entries that one thread takes at a time: mostly of one directory */

/* Owner, mode, attributes and time of what was not complete at once. */
static int set_all(struct restore_hand *h, const struct tree_entry *e, struct err *err)
{
	struct restore *r = h->r;
	struct restore_at at = { .fd = -1 };

	at.parent = restore_parent(r, &h->dir, e, &at.name, err);
	if (at.parent < 0 || (r->existing ? restore_mend_attributes(&at, e, err) : restore_set_attributes(r, &at, e, err)) < 0)
		return restore_entry_error(e, err);
	return 0;
}

static int set_flags(struct restore_hand *h, const struct tree_entry *e, struct err *err)
{
	const char *name;
	int parent;

	if (!e->flags && !h->r->existing)
		return 0;
	parent = restore_parent(h->r, &h->dir, e, &name, err);
	return parent < 0 || restore_set_flags(parent, name, e, err) < 0 ? restore_entry_error(e, err) : 0;
}

static bool same_inode(int a_dir, const char *a, int b_dir, const char *b)
{
	struct stat x, y;

	return fstatat(a_dir, a, &x, AT_SYMLINK_NOFOLLOW) == 0 && fstatat(b_dir, b, &y, AT_SYMLINK_NOFOLLOW) == 0 &&
	       x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int make_link(struct restore *r, const struct tree_entry *first, const struct tree_entry *e, struct err *err)
{
	const char *old_name = strrchr(first->path, '/'), *name;
	autofree char *old_dir = old_name ? mem_strndup(first->path, (size_t)(old_name - first->path)) : mem_strdup(".");
	autoclose int old_fd = fs_open_beneath(r->target_fd, old_dir, O_RDONLY | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS, err);
	int parent = old_fd < 0 ? -1 : restore_parent(r, &r->own->dir, e, &name, err);

	if (parent < 0)
		return restore_entry_error(e, err);
	old_name = old_name ? old_name + 1 : first->path;
	if (r->existing && same_inode(old_fd, old_name, parent, name))
		return 0;
	if (r->existing && restore_remove(parent, name, err) < 0)
		return restore_entry_error(e, err);
	if (linkat(old_fd, old_name, parent, name, 0) < 0) {
		err_errno(err, errno, "link it");
		return restore_entry_error(e, err);
	}
	return 0;
}

static int make_links(struct restore *r, struct err *err)
{
	const struct tree *t = &r->docs.tree;
	/* Link ids are at most as many as entries (tree_decode). */
	autofree const struct tree_entry **first = mem_array(t->len + 1, sizeof(*first));

	for (size_t i = 0; i < t->len; i++) {
		const struct tree_entry *e = &t->entries[i];

		if (e->type == TREE_HARDLINK) {
			if (make_link(r, first[e->link], e, err) < 0)
				return -1;
		} else if (e->link) {
			first[e->link] = e;
		}
	}
	return 0;
}

static int finish_entry(void *hand, size_t i, struct err *err)
{
	struct restore_hand *h = hand;
	const struct tree_entry *e = &h->r->docs.tree.entries[i];

	if (e->type == TREE_DIR || e->type == TREE_HARDLINK)
		return 0;
	return (!h->r->finished[i] && set_all(h, e, err) < 0) || set_flags(h, e, err) < 0 ? -1 : 0;
}

/* From the last to the first, but for the root. */
static int finish_directory(void *hand, size_t i, struct err *err)
{
	struct restore_hand *h = hand;
	const struct tree *t = &h->r->docs.tree;
	const struct tree_entry *e = &t->entries[t->len - 1 - i];

	return e->type == TREE_DIR && !h->r->finished[t->len - 1 - i] && (set_all(h, e, err) < 0 || set_flags(h, e, err) < 0) ? -1
															      : 0;
}

/* Removing the journal changes the root's time: until that is right again, a mark on the root says what it said. */
static int finish_root(struct restore *r, struct err *err)
{
	const struct tree_entry *root = &r->docs.tree.entries[0];

	/* Who is not root may lock himself out by the mode. */
	if (((r->uid == 0 || !r->resumable) && set_all(r->own, root, err) < 0) || restore_make_durable(r, err) < 0)
		return -1;
	if (r->resumable) {
		if (restore_mark_set(r, err) < 0 || restore_journal_remove(r, err) < 0 || set_all(r->own, root, err) < 0 ||
		    restore_make_durable(r, err) < 0 || restore_mark_remove(r, err) < 0)
			return -1;
	}
	return set_flags(r->own, root, err);
}

int restore_finish(struct restore *r, struct err *err)
{
	size_t n = r->docs.tree.len;

	if (r->n_done != r->n_chunks)
		return err_set(err, ERR_FAILED, "%zu of %zu chunks were never put", r->n_chunks - r->n_done, r->n_chunks);
	/* A directory after all that is in it, for every change inside would give it a new time; and read-only ones must be open
	 * until then. */
	if (make_links(r, err) < 0 || restore_each(r, n, BLOCK, finish_entry, err) < 0 ||
	    restore_each(r, n - 1, BLOCK, finish_directory, err) < 0)
		return -1;
	return finish_root(r, err);
}
