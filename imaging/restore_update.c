/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/restore_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/pack.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct extras {
	struct restore *r;
	struct statx top; /* the target */
	struct str_list *out;
};

/* Does the image have `path` as what is there: a directory, or anything else? */
static bool belongs(const struct tree *t, const char *path, bool is_dir)
{
	const struct tree_entry *e = tree_find(t, path);

	return e && (e->type == TREE_DIR) == is_dir;
}

/* Ours while the restore is under way, and what a file system keeps for itself. */
static int is_spared(const struct extras *x, const char *path, bool is_dir, struct err *err)
{
	if (is_dir && str_eq(path, "lost+found"))
		return 1;
	return strchr(path, '/') ? 0 : restore_is_journal(x->r->target_fd, path, err);
}

/* Something is mounted on a directory of the image: what is in it is not the target's, be it of the same file system. */
static int leave_mounted(struct extras *x, const char *path, struct err *err)
{
	const struct tree *t = &x->r->docs.tree;
	size_t i = (size_t)(tree_find(t, path) - t->entries), n = strlen(path);

	if (i + 1 < t->len && str_starts(t->entries[i + 1].path, path) && t->entries[i + 1].path[n] == '/') {
		err_set(err, ERR_REFUSED, "something is mounted at '/%.300s', where the image has files", path);
		return err_hint(err, "unmount it, then try again: nothing was changed");
	}
	x->r->finished[i] = true;
	return 0;
}

/* *enter: it is a directory of the image, and what is in it is ours too. */
static int look_at(struct extras *x, int fd, const char *name, const char *path, bool *enter, struct err *err)
{
	bool is_dir, mounted;
	struct statx st;
	int spared;

	*enter = false;
	if (fs_look(fd, name, &st) < 0)
		return err_errno(err, errno, "look at '/%.300s'", path);
	is_dir = S_ISDIR(st.stx_mode);
	mounted = fs_is_mounted(&st, &x->top);
	spared = is_spared(x, path, is_dir, err);
	if (spared)
		return spared < 0 ? -1 : 0;
	if (mounted && belongs(&x->r->docs.tree, path, true) && is_dir)
		return leave_mounted(x, path, err);
	if (mounted) {
		err_set(err, ERR_REFUSED, "something is mounted at '/%.300s', where the image has no directory", path);
		return err_hint(err, "unmount it, then try again: nothing was changed");
	}
	*enter = is_dir && belongs(&x->r->docs.tree, path, true);
	if (!*enter && !belongs(&x->r->docs.tree, path, is_dir))
		str_list_addf(x->out, "/%s%s", path, is_dir ? "/" : "");
	return 0;
}

static int open_dir(const struct extras *x, const char *dir, struct err *err)
{
	return fs_open_beneath(x->r->target_fd, *dir ? dir : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS,
			       err);
}

/* The fd is given up while we are further down, so that no depth needs more than one. */
static int find_below(struct extras *x, const char *dir, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	autoclose int fd = open_dir(x, dir, err);

	if (fd < 0 || fs_list_fd(fd, "it", &names, err) < 0)
		return err_wrap(err, "look into '/%.300s'", dir);
	for (size_t i = 0; i < names.len; i++) {
		autofree char *path = *dir ? fs_join(dir, names.items[i]) : mem_strdup(names.items[i]);
		bool enter;

		if (fd < 0 && (fd = open_dir(x, dir, err)) < 0)
			return err_wrap(err, "look into '/%.300s'", dir);
		if (look_at(x, fd, names.items[i], path, &enter, err) < 0)
			return -1;
		if (!enter)
			continue;
		close(steal_fd(fd));
		if (find_below(x, path, err) < 0)
			return -1;
	}
	return 0;
}

int restore_find_extras(struct restore *r, struct str_list *out, struct err *err)
{
	struct extras x = { .r = r, .out = out };

	if (fs_look(r->target_fd, "", &x.top) < 0)
		return err_errno(err, errno, "look at the target");
	return find_below(&x, "", err);
}

int restore_check_packs(struct restore *r, const char *packs_dir, struct err *err)
{
	for (size_t i = 0; i < r->n_chunks; i++) {
		const struct restore_chunk *c = &r->chunks[i];
		autofree char *path = NULL;
		autoclose int fd = -1;
		struct stat st;

		if (i + 1 < r->n_chunks && digest_cmp(&c->pack, &r->chunks[i + 1].pack) == 0)
			continue; /* the last one of each pack ends last */
		path = pack_path(packs_dir, &c->pack, ".pack");
		fd = fs_open_regular(path, O_NOFOLLOW, err);
		if (fd < 0)
			return -1;
		if (fstat(fd, &st) < 0)
			return err_errno(err, errno, "look at %s", path);
		if ((uint64_t)st.st_size < c->pack_offset + c->stored_len)
			return err_set(err, ERR_DAMAGED, "%s is shorter than the image says", path);
	}
	return 0;
}

/* Of what is removed, and of the directory it is in, the inode flags that forbid that are taken away. Those of directories that
 * stay are set again at the end. */
static int remove_extra(struct restore *r, struct restore_dir *dir, const char *extra, struct err *err)
{
	size_t len = strlen(extra);
	autofree char *shown = mem_strndup(extra, len - (extra[len - 1] == '/'));
	const char *name;
	int parent = restore_parent(r, dir, &(struct tree_entry){ .path = shown + 1 }, &name, err);

	if (parent < 0 || fs_remove_tree_forced_at(parent, name, shown, err) < 0)
		return err_wrap(err, "remove '%.300s', which the image does not have", shown);
	return 0;
}

int restore_clear_way(struct restore *r, struct err *err)
{
	autoclean(str_list_free) struct str_list extras = { 0 };
	struct restore_dir dir = { .fd = -1 };
	int rc = restore_find_extras(r, &extras, err);

	/* Other directories lose their flags when they are made use of. The root is no entry of any. */
	if (rc == 0)
		restore_clear_flags(r->target_fd, ".");
	/* What another restore left there is true no more. */
	if (rc == 0 && r->resumable)
		rc = restore_mark_remove(r, err);
	for (size_t i = 0; i < extras.len && rc == 0; i++)
		rc = remove_extra(r, &dir, extras.items[i], err);
	restore_dir_close(&dir);
	return rc;
}

static int read_range(void *ctx, const struct tree_entry *e, uint64_t offset, size_t skip, size_t len, struct err *err)
{
	struct restore_hand *h = ctx;

	if (h->open != e || h->open_writes) {
		struct stat st;
		const char *name;
		int parent = restore_parent(h->r, &h->dir, e, &name, err);

		restore_close_open(h);
		/* Something else may be there, and to open a device may do something. */
		h->open_fd = parent < 0 || !restore_is_there(parent, name, S_IFREG)
				     ? -1
				     : openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		/* A small file counts only at its full length: a longer one is made anew. */
		if (h->open_fd < 0 || fstat(h->open_fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != e->size)
			return -1;
		h->open = e;
		h->open_writes = false;
	}
	return fs_pread_all(h->open_fd, "it", h->raw + skip, len, offset, err);
}

/* Are the bytes that chunk `i` has at its k-th place there? They are in h->raw then. */
static bool is_right(struct restore_hand *h, size_t i, size_t k)
{
	const struct restore *r = h->r;
	struct err ignored = { 0 };
	struct digest id;

	if (content_map_each(&r->docs.map, r->at[k], r->chunks[i].raw_len, read_range, h, &ignored) < 0)
		return false;
	digest_of(h->raw, r->chunks[i].raw_len, &id);
	return digest_cmp(&id, &r->chunks[i].id) == 0;
}

/* A chunk that is right in one place and wanted in others too is copied there, not fetched. */
static int find_one(void *mine, size_t i, struct err *err)
{
	struct restore_hand *h = mine;
	struct restore *r = h->r;
	size_t first = r->first_at[i], end = r->first_at[i + 1], n = 0;
	autofree bool *right = mem_array(end - first, sizeof(*right));

	if (restore_chunk_done(r, i))
		return 0;
	for (size_t k = first; k < end; k++)
		n += right[k - first] = is_right(h, i, k);
	if (n == 0)
		return 0;
	/* Reading another place went over the bytes: read a right one again, then write it where it is missing. */
	for (size_t k = first; k < end && n < end - first && !r->comparing; k++) {
		if (right[k - first]) {
			if (!is_right(h, i, k))
				return 0;
			break;
		}
	}
	for (size_t k = first; k < end && !r->comparing; k++)
		if (!right[k - first] && restore_write_chunk(h, i, k, err) < 0)
			return -1;
	pthread_mutex_lock(&r->lock);
	r->done[i] = true;
	r->n_done++;
	pthread_mutex_unlock(&r->lock);
	return 0;
}

int restore_find_kept(struct restore *r, struct err *err)
{
	return restore_each(r, r->n_chunks, 1, find_one, err);
}
