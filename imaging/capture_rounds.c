/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/capture_priv.h"

#include "base/mem.h"
#include "imaging/inodes.h"

#include <string.h>

#define MACHINE_ID "etc/machine-id"

static char letter_of(enum tree_type type)
{
	static const char letters[] = { [TREE_DIR] = 'd',  [TREE_FILE] = 'f',  [TREE_SYMLINK] = 'l', [TREE_FIFO] = 'p',
					[TREE_CHAR] = 'c', [TREE_BLOCK] = 'b', [TREE_SOCKET] = 's',  [TREE_HARDLINK] = 0 };

	return letters[type];
}

static bool later_or_same(int64_t s, uint32_t ns, int64_t than_s, uint32_t than_ns)
{
	return s > than_s || (s == than_s && ns >= than_ns);
}

/* libarchive's fraction of a time before 1970 counts backward or forward, as its version is. find's is right. */
static bool is_same_time(const struct tree_entry *e, const struct capture_item *i)
{
	if (e->mtime_s == i->mtime_s && e->mtime_ns == i->mtime_ns)
		return true;
	return e->mtime_s <= 0 && e->mtime_ns && e->mtime_s - 1 == i->mtime_s && 1000000000 - e->mtime_ns == i->mtime_ns;
}

static void set_from(struct tree_entry *e, const struct capture_item *i)
{
	e->flags = i->flags;
	if (is_same_time(e, i)) {
		e->mtime_s = i->mtime_s;
		e->mtime_ns = i->mtime_ns;
	}
}

/* Is what was read still what there is? Every change sets ctime, which nobody can set back. One that happened within the tick of
 * the clock in which it was read would not show: such a file counts as changed. */
static bool is_same(const struct tree_entry *e, const struct capture_got *got, const struct capture_item *i)
{
	if (e->type != TREE_HARDLINK && letter_of(e->type) != i->type)
		return false;
	if (e->type == TREE_FILE && e->size != i->size)
		return false;
	return is_same_time(e, i) && got->ctime_s == i->ctime_s && got->ctime_ns == i->ctime_ns &&
	       !later_or_same(i->ctime_s, i->ctime_ns, got->read_s, got->read_ns);
}

void capture_differences(const struct capture_tree *have, const struct capture_list *now, struct str_list *out)
{
	size_t k = 0;

	for (size_t i = 0; i < now->len; i++) {
		const struct capture_item *item = &now->items[i];
		int cmp = -1;

		while (k < have->tree.len && (cmp = tree_path_cmp(have->tree.entries[k].path, item->path)) < 0)
			k++;
		if (k == have->tree.len)
			cmp = 1;
		if (item->type != 's' && (cmp != 0 || !is_same(&have->tree.entries[k], &have->got[k], item)))
			str_list_add(out, item->path);
	}
}

static void free_entry(struct tree_entry *e)
{
	struct tree one = { .entries = mem_dup(e, sizeof(*e)), .len = 1 };

	tree_free(&one);
	memset(e, 0, sizeof(*e));
}

void capture_overlay(struct capture_tree *have, struct capture_tree *later)
{
	struct capture_tree out = { .read_s = later->read_s, .read_ns = later->read_ns };
	size_t a = 0, b = 0;

	out.tree.stream_bytes = later->tree.stream_bytes;
	while (a < have->tree.len || b < later->tree.len) {
		struct capture_tree *from = later;
		size_t at = b, n = out.tree.len;
		int cmp = a == have->tree.len	 ? 1
			  : b == later->tree.len ? -1
						 : tree_path_cmp(have->tree.entries[a].path, later->tree.entries[b].path);

		if (cmp == 0)
			free_entry(&have->tree.entries[a]);
		if (cmp < 0) {
			from = have;
			at = a;
		}
		*tree_add(&out.tree) = from->tree.entries[at];
		memset(&from->tree.entries[at], 0, sizeof(from->tree.entries[at]));
		out.got = mem_room(out.got, n, &out.got_cap, sizeof(out.got[0]));
		out.got[n] = from->got[at];
		a += cmp <= 0;
		b += cmp >= 0;
	}
	have->tree.len = later->tree.len = 0; /* their entries have moved */
	capture_tree_free(have);
	capture_tree_free(later);
	*have = out;
}

/* What becomes of the list's items. */
struct settling {
	struct capture_tree *have;
	const struct capture_list *list;
	size_t *entry;	/* of each item: the place in `have` plus 1, or 0 */
	uint32_t *link; /* of each item: its inode's id, or 0 */
	struct inodes inodes;
	size_t *holder; /* of each inode: the entry with its content plus 1, or 0 */
	size_t *first;	/* of each inode: the place in the image of its first name plus 1 */
	struct tree *out;
	struct str_list *missing;
};

static void match(struct settling *s)
{
	size_t k = 0;

	for (size_t i = 0; i < s->list->len; i++) {
		const struct capture_item *item = &s->list->items[i];
		int cmp = 1;

		while (k < s->have->tree.len && (cmp = tree_path_cmp(s->have->tree.entries[k].path, item->path)) < 0)
			k++;
		if (k < s->have->tree.len && cmp == 0 &&
		    (s->have->tree.entries[k].type == TREE_HARDLINK || letter_of(s->have->tree.entries[k].type) == item->type))
			s->entry[i] = k + 1;
		if (item->links > 1 && item->type != 'd' && item->type != 's' && s->entry[i])
			s->link[i] = inodes_id(&s->inodes, (dev_t)item->dev, (ino_t)item->ino);
	}
}

/* Of each inode the entry that was read last with its content. */
static void find_holders(struct settling *s)
{
	s->holder = mem_array(s->inodes.len + 1, sizeof(s->holder[0]));
	s->first = mem_array(s->inodes.len + 1, sizeof(s->first[0]));
	for (size_t i = 0; i < s->list->len; i++) {
		size_t at = s->entry[i], *holder;

		if (!s->link[i] || s->have->tree.entries[at - 1].type == TREE_HARDLINK)
			continue;
		holder = &s->holder[s->link[i]];
		if (!*holder || later_or_same(s->have->got[at - 1].read_s, s->have->got[at - 1].read_ns,
					      s->have->got[*holder - 1].read_s, s->have->got[*holder - 1].read_ns))
			*holder = at;
	}
}

static bool has_parent(const struct tree *t, const char *path)
{
	const char *slash = strrchr(path, '/');
	autofree char *parent = mem_strndup(path, slash ? (size_t)(slash - path) : 0);
	const struct tree_entry *e = *path ? tree_find(t, parent) : NULL;

	return !*path || (e && e->type == TREE_DIR);
}

static void add_socket(struct tree *out, const struct capture_item *item)
{
	struct tree_entry *e = tree_add(out);

	e->type = TREE_SOCKET;
	e->path = mem_strdup(item->path);
	e->mode = item->mode;
	e->uid = item->uid;
	e->gid = item->gid;
	e->mtime_s = item->mtime_s;
	e->mtime_ns = item->mtime_ns;
}

/* Another name of an inode, or its first: this one has the content, whichever name that was read by. */
static void add_name(struct settling *s, size_t i, uint32_t *next_link)
{
	const struct capture_item *item = &s->list->items[i];
	size_t first = s->first[s->link[i]], from = s->holder[s->link[i]] - 1;
	struct tree_entry *e = tree_add(s->out);

	if (!first) {
		*e = s->have->tree.entries[from];
		memset(&s->have->tree.entries[from], 0, sizeof(*e));
		free(e->path);
		set_from(e, item);
		s->first[s->link[i]] = s->out->len;
	} else {
		struct tree_entry *f = &s->out->entries[first - 1];

		if (!f->link)
			f->link = ++*next_link;
		e->type = TREE_HARDLINK;
		e->link = f->link;
	}
	e->path = mem_strdup(item->path);
}

/* Ids count in the order of the first names. */
static void number_links(struct tree *t)
{
	uint32_t next = 0, max = 0;
	autofree uint32_t *ids = NULL;

	for (size_t i = 0; i < t->len; i++)
		max = t->entries[i].link > max ? t->entries[i].link : max;
	ids = mem_array((size_t)max + 1, sizeof(*ids));
	for (size_t i = 0; i < t->len; i++) {
		struct tree_entry *e = &t->entries[i];

		if (e->link && !ids[e->link])
			ids[e->link] = ++next;
		e->link = ids[e->link];
	}
}

static void add_machine_id_before(struct tree *out, const char *path, bool *wanted)
{
	struct tree_entry *e;

	if (!*wanted || (path && tree_path_cmp(path, MACHINE_ID) < 0) || !has_parent(out, MACHINE_ID))
		return;
	*wanted = false;
	e = tree_add(out);
	e->type = TREE_FILE;
	e->path = mem_strdup(MACHINE_ID);
	e->mode = 0444;
}

static void settle_item(struct settling *s, size_t i, uint32_t *next_link)
{
	const struct capture_item *item = &s->list->items[i];
	struct tree_entry *from = s->entry[i] ? &s->have->tree.entries[s->entry[i] - 1] : NULL;

	if (!has_parent(s->out, item->path)) {
		str_list_add(s->missing, item->path);
	} else if (item->type == 's') {
		add_socket(s->out, item);
	} else if (from && s->link[i] && s->holder[s->link[i]]) {
		add_name(s, i, next_link);
	} else if (from && !s->link[i] && from->type != TREE_HARDLINK) {
		struct tree_entry *e = tree_add(s->out);

		*e = *from;
		memset(from, 0, sizeof(*from));
		set_from(e, item);
	} else {
		str_list_add(s->missing, item->path);
	}
}

void capture_settle(struct capture_tree *have, const struct capture_list *list, bool add_machine_id, struct tree *out,
		    struct str_list *missing)
{
	struct settling s = { .have = have, .list = list, .out = out, .missing = missing };
	uint32_t next_link = 0;

	s.entry = mem_array(list->len + 1, sizeof(s.entry[0]));
	s.link = mem_array(list->len + 1, sizeof(s.link[0]));
	match(&s);
	find_holders(&s);
	for (size_t i = 0; i < list->len; i++) {
		add_machine_id_before(out, list->items[i].path, &add_machine_id);
		settle_item(&s, i, &next_link);
	}
	add_machine_id_before(out, NULL, &add_machine_id);
	number_links(out);
	inodes_free(&s.inodes);
	free(s.entry);
	free(s.link);
	free(s.holder);
	free(s.first);
	capture_tree_free(have);
}
