/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/image_diff.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/image_diff_content.h"
#include "imaging/image_docs.h"

#include <string.h>

const char *const image_diff_words[] = { "type",    "mode",  "owner",  "mtime",	 "xattrs", "flags", "size",
					 "content", "holes", "target", "device", "links",  NULL };

/* Numbers of entries by link id: those of id k are at[from[k]] .. at[from[k + 1] - 1], in path order. */
struct names {
	size_t *from, *at;
};
struct side {
	const struct image_docs *docs;
	struct diff_rows rows;
	struct names names;
	uint32_t n_links;  /* ids are 1 to this */
	size_t begin, end; /* the entries at and below the path */
};
/* What was found of a pair of inodes, for their other names. */
struct known {
	uint32_t b; /* link id in B, 0 when nothing is known */
	unsigned int what;
};
struct differ {
	struct side a, b;
	uint32_t *twin;	     /* of each link id of A: that of B with just the same names, or 0 */
	struct known *known; /* of each link id of A */
	bool *taken;	     /* entries of A whose new name was found */
	unsigned int mask;
	image_diff_read_fn read;
	void *ctx;
	struct image_diff *out;
};

void image_diff_free(struct image_diff *d)
{
	free(d->items);
	*d = (struct image_diff){ 0 };
}

static void side_free(struct side *s)
{
	diff_rows_free(&s->rows);
	free(s->names.from);
	free(s->names.at);
}

static void differ_free(struct differ *d)
{
	side_free(&d->a);
	side_free(&d->b);
	free(d->twin);
	free(d->known);
	free(d->taken);
}

static void list_names(struct side *s)
{
	const struct tree *t = &s->docs->tree;
	autofree size_t *next = NULL;

	for (size_t i = 0; i < t->len; i++)
		if (t->entries[i].link > s->n_links)
			s->n_links = t->entries[i].link;
	s->names.from = mem_array((size_t)s->n_links + 2, sizeof(s->names.from[0]));
	for (size_t i = 0; i < t->len; i++)
		if (t->entries[i].link)
			s->names.from[t->entries[i].link + 1]++;
	for (size_t k = 0; k <= s->n_links; k++)
		s->names.from[k + 1] += s->names.from[k];
	s->names.at = mem_array(s->names.from[s->n_links + 1], sizeof(s->names.at[0]));
	next = mem_dup(s->names.from, ((size_t)s->n_links + 2) * sizeof(*next));
	for (size_t i = 0; i < t->len; i++)
		if (t->entries[i].link)
			s->names.at[next[t->entries[i].link]++] = i;
}

static bool is_below(const struct tree_entry *e, const char *path)
{
	size_t n = strlen(path);

	return !n || (strncmp(e->path, path, n) == 0 && (!e->path[n] || e->path[n] == '/'));
}

static void side_init(struct side *s, const struct image_docs *docs, const char *path)
{
	const struct tree *t = &docs->tree;
	const struct tree_entry *top = tree_find(t, path);

	s->docs = docs;
	diff_rows_init(&s->rows, &docs->table);
	list_names(s);
	s->begin = s->end = top ? (size_t)(top - t->entries) : 0;
	while (top && s->end < t->len && is_below(&t->entries[s->end], path))
		s->end++;
}

static const struct tree_entry *entry(const struct side *s, size_t i)
{
	return &s->docs->tree.entries[i];
}

static size_t first_name(const struct side *s, uint32_t link)
{
	return s->names.at[s->names.from[link]];
}

static const struct tree_entry *inode_of(const struct side *s, const struct tree_entry *e)
{
	return e->type == TREE_HARDLINK ? entry(s, first_name(s, e->link)) : e;
}

static size_t n_names(const struct side *s, uint32_t link)
{
	return s->names.from[link + 1] - s->names.from[link];
}

/* The ids of A and B that have just the same names: they can only be those of the same first name. */
static void find_twins(struct differ *d)
{
	d->twin = mem_array((size_t)d->a.n_links + 1, sizeof(d->twin[0]));
	d->known = mem_array((size_t)d->a.n_links + 1, sizeof(d->known[0]));
	for (uint32_t k = 1; k <= d->a.n_links; k++) {
		const struct tree_entry *there = tree_find(&d->b.docs->tree, entry(&d->a, first_name(&d->a, k))->path);
		size_t n = n_names(&d->a, k), same = 0;

		if (!there || !there->link || n_names(&d->b, there->link) != n)
			continue;
		while (same < n && str_eq(entry(&d->a, d->a.names.at[d->a.names.from[k] + same])->path,
					  entry(&d->b, d->b.names.at[d->b.names.from[there->link] + same])->path))
			same++;
		if (same == n)
			d->twin[k] = there->link;
	}
}

static bool same_xattrs(const struct tree_entry *a, const struct tree_entry *b)
{
	if (a->n_xattrs != b->n_xattrs)
		return false;
	for (size_t i = 0; i < a->n_xattrs; i++)
		if (!str_eq(a->xattrs[i].name, b->xattrs[i].name) || a->xattrs[i].len != b->xattrs[i].len ||
		    memcmp(a->xattrs[i].value, b->xattrs[i].value, a->xattrs[i].len) != 0)
			return false;
	return true;
}

static unsigned int compare_attributes(const struct tree_entry *a, const struct tree_entry *b)
{
	unsigned int what = 0;

	what |= a->mode != b->mode ? DIFF_MODE : 0;
	what |= a->uid != b->uid || a->gid != b->gid ? DIFF_OWNER : 0;
	what |= a->mtime_s != b->mtime_s || a->mtime_ns != b->mtime_ns ? DIFF_MTIME : 0;
	if (a->type != b->type)
		return what | DIFF_TYPE;
	what |= !same_xattrs(a, b) ? DIFF_XATTRS : 0;
	what |= a->flags != b->flags ? DIFF_FLAGS : 0;
	what |= !str_eq(a->target, b->target) ? DIFF_TARGET : 0;
	what |= a->major != b->major || a->minor != b->minor ? DIFF_DEVICE : 0;
	return what;
}

static int compare_content(struct differ *d, const struct tree_entry *a, const struct tree_entry *b, unsigned int *what,
			   struct err *err)
{
	bool same;

	if (a->type != TREE_FILE || b->type != TREE_FILE)
		return 0;
	if (a->size != b->size) {
		*what |= DIFF_SIZE | DIFF_CONTENT;
		return 0;
	}
	if (image_diff_content(&d->a.rows, a, &d->b.rows, b, d->read, d->ctx, &same, err) < 0) {
		autofree char *shown = str_printable(b->path, strlen(b->path));

		return err_wrap(err, "compare '/%.300s'", shown);
	}
	if (!same)
		*what |= DIFF_CONTENT;
	else if (!image_diff_same_holes(a, b))
		*what |= DIFF_HOLES;
	return 0;
}

static void add_item(struct differ *d, enum diff_kind kind, const struct tree_entry *a, const struct tree_entry *b,
		     unsigned int what)
{
	struct image_diff *out = d->out;

	out->items = mem_room(out->items, out->len, &out->cap, sizeof(out->items[0]));
	out->items[out->len++] = (struct diff_item){ .kind = kind,
						     .a = a,
						     .b = b,
						     .a_inode = a ? inode_of(&d->a, a) : NULL,
						     .b_inode = b ? inode_of(&d->b, b) : NULL,
						     .what = what };
}

/* A name that is in both. */
static int compare(struct differ *d, const struct tree_entry *a, const struct tree_entry *b, struct err *err)
{
	const struct tree_entry *x = inode_of(&d->a, a), *y = inode_of(&d->b, b);
	struct known *known = a->link && b->link && d->known[a->link].b == b->link ? &d->known[a->link] : NULL;
	unsigned int what = known ? known->what : compare_attributes(x, y);

	if (!known && compare_content(d, x, y, &what, err) < 0)
		return -1;
	if (!known && a->link && b->link)
		d->known[a->link] = (struct known){ .b = b->link, .what = what };
	/* What an inode holds counts once, however many names it has. */
	if (!known && what & (DIFF_CONTENT | DIFF_TYPE) && d->mask & (DIFF_CONTENT | DIFF_TYPE))
		d->out->changed_bytes += y->stream_len;
	if ((a->link || b->link) && (!a->link || !b->link || d->twin[a->link] != b->link))
		what |= DIFF_LINKS;
	what &= d->mask;
	if (what) {
		add_item(d, DIFF_CHANGED, a, b, what);
		d->out->n_changed++;
	} else {
		d->out->n_same++;
	}
	return 0;
}

/* `b` is a name that A does not have. If another name of its inode is in both, and one that this inode had in A is gone, then
 * that was its name before. Returns the number of the entry in A, or SIZE_MAX. */
static size_t old_name(const struct differ *d, const struct tree_entry *b)
{
	if (!b->link)
		return SIZE_MAX;
	for (size_t k = d->b.names.from[b->link]; k < d->b.names.from[b->link + 1]; k++) {
		const struct tree_entry *kept = tree_find(&d->a.docs->tree, entry(&d->b, d->b.names.at[k])->path);

		if (!kept || !kept->link)
			continue;
		for (size_t m = d->a.names.from[kept->link]; m < d->a.names.from[kept->link + 1]; m++) {
			size_t i = d->a.names.at[m];

			if (i >= d->a.begin && i < d->a.end && !d->taken[i] &&
			    !tree_find(&d->b.docs->tree, entry(&d->a, i)->path))
				return i;
		}
		return SIZE_MAX;
	}
	return SIZE_MAX;
}

/* Before the pass over both: a name may be gone in path order before its new one comes. */
static void find_renamed(struct differ *d, size_t *was)
{
	d->taken = mem_array(d->a.docs->tree.len, sizeof(d->taken[0]));
	for (size_t j = d->b.begin; j < d->b.end; j++) {
		was[j] = SIZE_MAX;
		if (!entry(&d->b, j)->link || tree_find(&d->a.docs->tree, entry(&d->b, j)->path))
			continue;
		was[j] = old_name(d, entry(&d->b, j));
		if (was[j] != SIZE_MAX)
			d->taken[was[j]] = true;
	}
}

/* What an inode holds that has no name in the other tree, counted at its first name. */
static uint64_t own_bytes(const struct side *s, const struct tree_entry *e, const struct tree *other)
{
	if (e->link && e->type != TREE_HARDLINK)
		for (size_t k = s->names.from[e->link]; k < s->names.from[e->link + 1]; k++)
			if (tree_find(other, entry(s, s->names.at[k])->path))
				return 0;
	return e->stream_len;
}

static void only_in_a(struct differ *d, size_t i)
{
	const struct tree_entry *a = entry(&d->a, i);

	if (d->taken[i])
		return;
	add_item(d, DIFF_REMOVED, a, NULL, 0);
	d->out->n_removed++;
	d->out->removed_bytes += own_bytes(&d->a, a, &d->b.docs->tree);
}

static void only_in_b(struct differ *d, size_t j, size_t was)
{
	const struct tree_entry *b = entry(&d->b, j);

	add_item(d, was == SIZE_MAX ? DIFF_ADDED : DIFF_RENAMED, was == SIZE_MAX ? NULL : entry(&d->a, was), b, 0);
	if (was == SIZE_MAX) {
		d->out->n_added++;
		d->out->added_bytes += own_bytes(&d->b, b, &d->a.docs->tree);
	} else {
		d->out->n_renamed++;
	}
}

static int walk_both(struct differ *d, struct err *err)
{
	autofree size_t *was = mem_array(d->b.docs->tree.len, sizeof(*was));
	size_t i = d->a.begin, j = d->b.begin;

	find_renamed(d, was);
	while (i < d->a.end || j < d->b.end) {
		int c = i == d->a.end ? 1 : j == d->b.end ? -1 : tree_path_cmp(entry(&d->a, i)->path, entry(&d->b, j)->path);

		if (c < 0) {
			only_in_a(d, i++);
		} else if (c > 0) {
			only_in_b(d, j, was[j]);
			j++;
		} else if (compare(d, entry(&d->a, i++), entry(&d->b, j++), err) < 0) {
			return -1;
		}
	}
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, DIGEST_LEN);
}

static int by_row_id(const void *a, const void *b)
{
	return by_id(&((const struct chunk_row *)a)->id, &((const struct chunk_row *)b)->id);
}

/* Mark the rows of B that the entries at and below the path need. */
static void mark_needed(const struct differ *d, bool *needed)
{
	for (size_t j = d->b.begin; j < d->b.end; j++) {
		const struct tree_entry *e = inode_of(&d->b, entry(&d->b, j));

		if (!e->stream_len)
			continue;
		for (size_t k = diff_rows_find(&d->b.rows, e->stream_at);
		     k < d->b.rows.table->len && d->b.rows.at[k] < e->stream_at + e->stream_len; k++)
			needed[k] = true;
	}
}

/* What of these A does not have, each id once. */
static void count_delta(struct differ *d)
{
	const struct chunk_table *ta = d->a.rows.table, *tb = d->b.rows.table;
	autofree struct digest *have = mem_array(ta->len, sizeof(*have));
	autofree struct chunk_row *need = mem_array(tb->len, sizeof(*need));
	autofree bool *needed = mem_array(tb->len, sizeof(*needed));
	size_t n = 0;

	for (size_t i = 0; i < ta->len; i++)
		have[i] = ta->rows[i].id;
	mark_needed(d, needed);
	for (size_t k = 0; k < tb->len; k++)
		if (needed[k])
			need[n++] = tb->rows[k];
	if (ta->len)
		qsort(have, ta->len, sizeof(have[0]), by_id);
	if (n)
		qsort(need, n, sizeof(need[0]), by_row_id);
	for (size_t k = 0; k < n; k++) {
		if ((k && by_id(&need[k].id, &need[k - 1].id) == 0) ||
		    (ta->len && bsearch(&need[k].id, have, ta->len, sizeof(have[0]), by_id)))
			continue;
		d->out->delta_chunks++;
		d->out->delta_stored_bytes += need[k].stored_len;
		d->out->delta_raw_bytes += need[k].raw_len;
	}
}

int image_diff(const struct image_docs *a, const struct image_docs *b, const char *path, unsigned int mask,
	       image_diff_read_fn read, void *ctx, struct image_diff *out, struct err *err)
{
	autoclean(differ_free) struct differ d = { .mask = mask, .read = read, .ctx = ctx, .out = out };

	side_init(&d.a, a, path);
	side_init(&d.b, b, path);
	if (d.a.begin == d.a.end && d.b.begin == d.b.end) {
		autofree char *shown = str_printable(path, strlen(path));

		return err_set(err, ERR_NOT_FOUND, "neither image has '/%.300s'", shown);
	}
	find_twins(&d);
	if (walk_both(&d, err) < 0)
		return -1;
	count_delta(&d);
	return 0;
}
