/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a target that holds something already may be written to as it is. */
#include "imaging/restore_priv.h"

#include "base/mem.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

void restore_links_index(struct restore *r)
{
	const struct tree *t = &r->docs.tree;

	/* Link ids are at most as many as entries (tree_decode). */
	r->link_first = mem_array(t->len + 2, sizeof(r->link_first[0]));
	r->link_names = mem_array(t->len, sizeof(r->link_names[0]));
	for (size_t i = 0; i < t->len; i++)
		if (t->entries[i].link)
			r->link_first[t->entries[i].link + 1]++;
	for (size_t i = 1; i < t->len + 2; i++)
		r->link_first[i] += r->link_first[i - 1];
	/* Filling moves each beginning to its end, which is the next one's beginning. */
	for (size_t i = 0; i < t->len; i++)
		if (t->entries[i].link)
			r->link_names[r->link_first[t->entries[i].link]++] = i;
	for (size_t i = t->len + 1; i > 0; i--)
		r->link_first[i] = r->link_first[i - 1];
	r->link_first[0] = 0;
}

static bool is_at(struct restore *r, struct restore_dir *dir, const struct tree_entry *e, const struct stat *want)
{
	struct err ignored = { 0 };
	const char *name;
	struct stat st;
	int parent = restore_parent(r, dir, e, &name, &ignored);

	return parent >= 0 && fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == want->st_dev &&
	       st.st_ino == want->st_ino;
}

bool restore_may_use(struct restore *r, const struct stat *st, const struct tree_entry *e)
{
	struct restore_dir dir = { .fd = -1 };
	nlink_t n = 0;

	if (st->st_nlink == 1)
		return true;
	if (!e->link || !r->link_first)
		return false;
	for (size_t k = r->link_first[e->link]; k < r->link_first[e->link + 1]; k++)
		n += is_at(r, &dir, &r->docs.tree.entries[r->link_names[k]], st);
	restore_dir_close(&dir);
	return n == st->st_nlink;
}

static int ask_lost(void *ctx, const struct tree_entry *e, uint64_t offset, size_t skip, size_t len, struct err *err)
{
	const struct restore *r = ctx;

	(void)offset;
	(void)skip;
	(void)len;
	(void)err;
	return r->lost[e - r->docs.tree.entries] ? -1 : 0;
}

void restore_forget_lost(struct restore *r)
{
	struct err ignored = { 0 };

	for (size_t i = 0; i < r->n_chunks; i++) {
		for (size_t k = r->first_at[i]; r->done[i] && k < r->first_at[i + 1]; k++) {
			if (content_map_each(&r->docs.map, r->at[k], r->chunks[i].raw_len, ask_lost, r, &ignored) == 0)
				continue;
			r->done[i] = false;
			r->n_done--;
		}
	}
}
