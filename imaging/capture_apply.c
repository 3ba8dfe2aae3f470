/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Performs a capture. What is held still by a snapshot goes straight into the store. What is not is kept aside while it is read,
 * and read again where it changed, until nothing does or often enough; then it goes into the store. */
#include "imaging/capture_priv.h"

#include "base/mem.h"
#include "sys/clock.h"

#include <stdio.h>
#include <string.h>

#define ROUNDS_MAX 4	  /* times that anything is read */
#define CHANGED_TOLD 1000 /* names kept of what still changed */
#define WRITE_NS (300 * NS_PER_S)

struct run {
	const struct capture *c;
	const struct capture_facts *f;
	struct capture_result *result;
	struct capture_agent agent;
	uint8_t buffer[65536]; /* read, but not yet taken */
	size_t begin, end;
	struct capture_list list;
	struct capture_tree tree;
	struct capture_spool *spool;
	struct ingest_sink *sink; /* where content goes when nothing can change */
	struct tree *sink_tree;
	uint64_t done_bytes, total_bytes;
	unsigned int rounds;
	struct tree image; /* of a live tree: settled, places are those in the spool */
	struct buf layout;
};

static int fill(struct run *r, struct err *err)
{
	ssize_t n = capture_agent_read(&r->agent, r->buffer, sizeof(r->buffer), err);

	r->begin = 0;
	r->end = n > 0 ? (size_t)n : 0;
	return n > 0 ? 0 : n < 0 ? -1 : err_set(err, ERR_FAILED, "the machine's answer ended too soon");
}

/* Up to `delimiter`, which is taken too. */
static int next_record(struct run *r, char delimiter, struct buf *out, struct err *err)
{
	buf_clear(out);
	for (;;) {
		uint8_t *from, *found;
		size_t n;

		if (r->begin == r->end && fill(r, err) < 0)
			return -1;
		from = r->buffer + r->begin;
		found = memchr(from, delimiter, r->end - r->begin);
		n = found ? (size_t)(found - from) : r->end - r->begin;
		if (out->len + n > 65536)
			return err_set(err, ERR_DAMAGED, "the machine's answer can't be read");
		buf_add(out, from, n);
		r->begin += n + (found != NULL);
		if (found)
			return 0;
	}
}

static int read_list(struct run *r, struct capture_list *list, struct err *err)
{
	autoclean(buf_free) struct buf record = { 0 };
	struct capture_list all = { 0 };
	int rc = next_record(r, '\n', &record, err);

	if (rc == 0 && !str_starts(buf_str(&record), "time "))
		rc = err_set(err, ERR_DAMAGED, "the machine's answer begins with '%.100s'", buf_str(&record));
	if (rc == 0)
		rc = capture_list_began(list, buf_str(&record) + 5, err);
	while (rc == 0 && (rc = next_record(r, '\0', &record, err)) == 0 && record.len)
		if ((rc = capture_list_add(&all, buf_str(&record), err)) == 0) {
			struct capture_item *i = &all.items[all.len - 1];

			if (capture_excluded(r->f, i->path, i->type == 'd'))
				free(i->path);
			else {
				list->items = mem_room(list->items, list->len, &list->cap, sizeof(*i));
				list->items[list->len++] = *i;
			}
			all.len--;
		}
	capture_list_free(&all);
	capture_list_sort(list);
	while (rc == 0 && (rc = next_record(r, '\n', &record, err)) == 0 && record.len)
		capture_list_flags(list, buf_str(&record));
	return rc;
}

static ssize_t read_stream(void *ctx, void *data, size_t len, struct err *err)
{
	struct run *r = ctx;
	size_t n = r->end - r->begin;

	if (!n)
		return capture_agent_read(&r->agent, data, len, err);
	n = n < len ? n : len;
	memcpy(data, r->buffer + r->begin, n);
	r->begin += n;
	return (ssize_t)n;
}

static bool is_wanted(void *ctx, const char *path, bool is_dir)
{
	const struct run *r = ctx;

	return !capture_excluded(r->f, path, is_dir);
}

static int put(void *ctx, const void *data, size_t len, struct err *err)
{
	struct run *r = ctx;
	const struct tree_entry *e;

	r->done_bytes += len;
	if (r->c->progress && r->spool)
		r->c->progress(r->c->ctx, "read", r->done_bytes, r->total_bytes);
	if (r->spool)
		return capture_spool_add(r->spool, data, len, err);
	/* The store keeps the variables of GRUB while they pass by, and knows them by the last entry of its tree. */
	e = &r->tree.tree.entries[r->tree.tree.len - 1];
	if (str_eq(e->path, "boot/grub/grubenv") && !r->sink_tree->len)
		tree_add(r->sink_tree)->path = mem_strdup(e->path);
	return ingest_put(r->sink, data, len, err);
}

static int read_tar(struct run *r, struct capture_tree *tree, const struct capture_list *list, struct err *err)
{
	struct capture_stream s = { .read = read_stream, .put = put, .wanted = is_wanted, .ctx = r };

	tree->tree.stream_bytes = r->tree.tree.stream_bytes;
	tree->read_s = list->begin_s;
	tree->read_ns = list->begin_ns;
	return capture_tar_read(&s, tree, err);
}

static int start(struct run *r, bool again, struct err *err)
{
	autoclean(buf_free) struct buf settings = { 0 };

	capture_describe(r->f, again, &settings);
	r->begin = r->end = 0;
	return capture_agent_start(&r->agent, r->c, r->f, buf_str(&settings), !r->f->plain, err);
}

/* An end of our own making: what the machine says of it is better, if it says something. */
static int end(struct run *r, int rc, struct err *err)
{
	struct err own = { 0 };
	int ended;

	if (rc == 0) {
		rc = capture_agent_end(&r->agent, err);
	} else {
		own = *err;
		ended = capture_agent_end(&r->agent, err);
		if (ended == 0)
			*err = own;
	}
	capture_agent_free(&r->agent);
	r->agent = (struct capture_agent){ 0 };
	return rc;
}

static int read_all(struct run *r, struct err *err)
{
	int rc = start(r, false, err);

	if (rc < 0)
		return -1;
	rc = read_list(r, &r->list, err);
	if (rc == 0) {
		r->total_bytes = capture_list_bytes(&r->list);
		rc = read_tar(r, &r->tree, &r->list, err);
	}
	r->rounds = 1;
	return end(r, rc, err);
}

/* Of the new list only what lives; the rest is as it was. */
static void take_over(struct run *r, struct capture_list *now)
{
	struct capture_list all = { .begin_s = now->begin_s, .begin_ns = now->begin_ns };

	for (int k = 0; k < 2; k++) {
		struct capture_list *from = k ? now : &r->list;

		for (size_t i = 0; i < from->len; i++) {
			if ((capture_hold_of(r->f, from->items[i].path) == CAPTURE_LIVE) != (k == 1)) {
				free(from->items[i].path);
				continue;
			}
			all.items = mem_room(all.items, all.len, &all.cap, sizeof(all.items[0]));
			all.items[all.len++] = from->items[i];
		}
		from->len = 0;
		capture_list_free(from);
	}
	capture_list_sort(&all);
	r->list = all;
}

static int send_names(struct run *r, const struct str_list *names, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	autofree char *head = NULL;

	for (size_t i = 0; i < names->len; i++) {
		buf_adds(&text, "./");
		buf_adds(&text, names->items[i]);
		buf_addc(&text, '\0');
	}
	head = str_format("names %zu\n", text.len);
	if (spawn_stream_write(&r->agent.stream, head, strlen(head), WRITE_NS, err) < 0)
		return -1;
	return spawn_stream_write(&r->agent.stream, buf_str(&text), text.len, WRITE_NS, err);
}

/* What is held still can't change, whatever its times say: where a subvolume lies, a btrfs snapshot has a directory of right now.
 */
static void find_changed(const struct run *r, struct str_list *names)
{
	autoclean(str_list_free) struct str_list all = { 0 };

	capture_differences(&r->tree, &r->list, &all);
	for (size_t i = 0; i < all.len; i++)
		if (capture_hold_of(r->f, all.items[i]) == CAPTURE_LIVE)
			str_list_add(names, all.items[i]);
}

/* Once more: *more says whether anything was read. */
static int read_again(struct run *r, bool last, bool *more, struct err *err)
{
	autoclean(capture_list_free) struct capture_list now = { 0 };
	autoclean(capture_tree_free) struct capture_tree later = { 0 };
	autoclean(str_list_free) struct str_list names = { 0 };
	autoclean(str_list_free) struct str_list none = { 0 };
	int rc = start(r, true, err);

	if (rc < 0)
		return -1;
	rc = read_list(r, &now, err);
	if (rc == 0) {
		take_over(r, &now);
		find_changed(r, &names);
		*more = names.len && !last;
		r->result->n_changed = names.len;
		rc = send_names(r, *more ? &names : &none, err);
	}
	if (rc == 0 && *more) {
		r->rounds++;
		r->total_bytes = 0;
		rc = read_tar(r, &later, &r->list, err);
	}
	if (end(r, rc, err) < 0)
		return -1;
	if (*more)
		capture_overlay(&r->tree, &later);
	for (size_t i = 0; last && i < names.len && i < CHANGED_TOLD; i++)
		str_list_add(&r->result->changed, names.items[i]);
	return 0;
}

static bool adds_machine_id(const struct run *r)
{
	return r->f->system && !r->c->keep_identity;
}

/* The places of content, from what was put to what is in the image: the same unless something went from the list. */
static int check_places(struct tree *t, uint64_t put_bytes, struct err *err)
{
	uint64_t at = 0;

	for (size_t i = 0; i < t->len; i++) {
		struct tree_entry *e = &t->entries[i];

		if (e->type == TREE_FILE && e->stream_len && e->stream_at != at)
			break;
		e->stream_at = e->type == TREE_FILE ? at : 0;
		at += e->stream_len;
	}
	return at == put_bytes ? 0 : err_set(err, ERR_FAILED, "files came and went in a tree that was held still");
}

/* ingest_source_fn of a tree that is held still: straight from the machine. */
static int source_frozen(void *ctx, struct tree *tree, struct ingest_sink *sink, struct err *err)
{
	struct run *r = ctx;
	autoclean(str_list_free) struct str_list missing = { 0 };

	r->sink = sink;
	r->sink_tree = tree;
	if (read_all(r, err) < 0)
		return -1;
	while (tree->len)
		tree_drop(tree);
	capture_settle(&r->tree, &r->list, adds_machine_id(r), tree, &missing);
	if (missing.len)
		return err_set(err, ERR_FAILED, "'%.300s' was not read, though it is in the tree", missing.items[0]);
	return check_places(tree, r->done_bytes, err);
}

static int put_kept(void *ctx, const void *data, size_t len, struct err *err)
{
	return ingest_put(ctx, data, len, err);
}

/* ingest_source_fn of a tree that was read in rounds: from what was kept. */
static int source_kept(void *ctx, struct tree *tree, struct ingest_sink *sink, struct err *err)
{
	struct run *r = ctx;
	uint64_t at = 0;

	for (size_t i = 0; i < r->image.len; i++) {
		struct tree_entry *e = tree_add(tree);
		uint64_t kept_at;

		*e = r->image.entries[i];
		memset(&r->image.entries[i], 0, sizeof(*e));
		kept_at = e->stream_at;
		e->stream_at = e->type == TREE_FILE ? at : 0;
		at += e->stream_len;
		if (e->stream_len && capture_spool_read(r->spool, kept_at, e->stream_len, put_kept, sink, err) < 0)
			return -1;
	}
	return 0;
}

static int read_live(struct run *r, struct err *err)
{
	autoclean(str_list_free) struct str_list missing = { 0 };
	bool more = true, changed = false;

	if (capture_spool_open(r->c->tmp_dir, &r->spool, err) < 0 || read_all(r, err) < 0)
		return -1;
	while (more) {
		if (read_again(r, r->rounds == ROUNDS_MAX, &more, err) < 0)
			return -1;
		changed = changed || more || r->result->n_changed;
	}
	if (changed)
		r->result->crash_consistent = false;
	if (capture_spool_done(r->spool, err) < 0)
		return -1;
	capture_settle(&r->tree, &r->list, adds_machine_id(r), &r->image, &missing);
	for (size_t i = r->total_bytes = 0; i < r->image.len; i++)
		r->total_bytes += r->image.entries[i].stream_len;
	return 0;
}

static void show_stored(void *ctx, const char *stage, uint64_t done_bytes, uint64_t total_bytes)
{
	const struct run *r = ctx;

	(void)total_bytes;
	r->c->progress(r->c->ctx, r->spool ? "store" : stage, done_bytes, r->total_bytes);
}

/* What the tree's root is held by is said of the whole; one snapshot of everything is one instant, two are two. */
static void judge(struct run *r)
{
	static const char *const words[] = { [CAPTURE_LIVE] = "two-pass", [CAPTURE_LVM] = "lvm", [CAPTURE_BTRFS] = "btrfs" };
	enum capture_hold root = capture_hold_of(r->f, "");

	r->result->snapshot = words[root];
	r->result->crash_consistent = root != CAPTURE_LIVE && r->f->snapshots == 1;
}

static int ingest(struct run *r, struct err *err)
{
	const struct capture *c = r->c;
	struct ingest in = { .source = r->spool ? source_kept : source_frozen,
			     .source_ctx = r,
			     .snapshot = r->result->snapshot,
			     .crash_consistent = r->result->crash_consistent,
			     .name = c->name,
			     .kind = c->kind,
			     .cluster_id = c->cluster_id,
			     .suite = c->suite ? c->suite : r->f->suite,
			     .layout_json = buf_str(&r->layout),
			     .wall_s = c->wall_s,
			     .key = c->key,
			     .progress = c->progress ? show_stored : NULL,
			     .ctx = r,
			     .stats = &r->result->stats };
	struct store *s = NULL;
	int rc;

	if (store_open(c->store_dir, true, &s, err) < 0)
		return -1;
	rc = store_ingest(s, &in, &r->result->ref, err);
	store_close(s);
	return rc;
}

int capture_apply(const struct capture *c, const struct capture_facts *f, struct capture_result *out, struct err *err)
{
	struct run *r = mem_zalloc(sizeof(*r));
	int rc = 0;

	*r = (struct run){ .c = c, .f = f, .result = out };
	judge(r);
	if (f->live)
		rc = read_live(r, err);
	if (rc == 0) {
		capture_layout(f, out, f->live ? r->rounds : 1, &r->layout);
		rc = ingest(r, err);
	}
	capture_agent_free(&r->agent);
	capture_list_free(&r->list);
	capture_tree_free(&r->tree);
	tree_free(&r->image);
	capture_spool_free(r->spool);
	buf_free(&r->layout);
	free(r);
	return rc;
}
