/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Performs a capture. What is held still by a snapshot goes straight into the store. What is not is kept aside while it is read,
 * and read again where it changed, until nothing does or often enough; then it goes into the store. */
#include "imaging/capture_priv.h"

#include "base/mem.h"

#include <string.h>

#define ROUNDS_MAX 4 /* times that anything is read */

static bool adds_machine_id(const struct capture_run *r)
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
	struct capture_run *r = ctx;
	autoclean(str_list_free) struct str_list missing = { 0 };

	r->sink = sink;
	r->sink_tree = tree;
	if (capture_read_all(r, err) < 0)
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
	struct capture_run *r = ctx;
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

static int read_live(struct capture_run *r, struct err *err)
{
	autoclean(str_list_free) struct str_list missing = { 0 };
	bool more = true, changed = false;

	if (capture_spool_open(r->c->tmp_dir, &r->spool, err) < 0 || capture_read_all(r, err) < 0)
		return -1;
	while (more) {
		if (capture_read_again(r, r->rounds == ROUNDS_MAX, &more, err) < 0)
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
	const struct capture_run *r = ctx;

	(void)total_bytes;
	r->c->progress(r->c->ctx, r->spool ? "store" : stage, done_bytes, r->total_bytes);
}

/* What the tree's root is held by is said of the whole; one snapshot of everything is one instant, two are two. */
static void judge(struct capture_run *r)
{
	static const char *const words[] = { [CAPTURE_LIVE] = "two-pass", [CAPTURE_LVM] = "lvm", [CAPTURE_BTRFS] = "btrfs" };
	enum capture_hold root = capture_hold_of(r->f, "");

	r->result->snapshot = words[root];
	r->result->crash_consistent = root != CAPTURE_LIVE && r->f->snapshots == 1;
}

static int ingest(struct capture_run *r, struct err *err)
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
	struct capture_run *r = mem_zalloc(sizeof(*r));
	int rc = 0;

	*r = (struct capture_run){ .c = c, .f = f, .result = out };
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
