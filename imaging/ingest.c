/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/store_priv.h"

#include "base/mem.h"
#include "imaging/boot_facts.h"
#include "imaging/chunker.h"
#include "imaging/image_kind.h"
#include "imaging/image_write.h"
#include "imaging/measure.h"
#include "imaging/pipeline.h"
#include "imaging/tree_check.h"
#include "imaging/walk.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <errno.h>
#include <linux/openat2.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define GRUBENV "boot/grub/grubenv"
#define GRUBENV_MAX ((size_t)65536)
#define ROOM_MIN ((uint64_t)64 << 20)	/* a store with less than that is full: no pack is larger */
#define WINDOW_BYTES ((size_t)16 << 20) /* read ahead of the chunker; larger means fewer moves of what is left over */

/* One run over one tree: bytes go through window -> cut -> pipeline. */
struct ingest_run {
	struct store *store;
	const struct ingest *in;
	struct chunker chunker;
	struct pipeline *pipeline;
	struct measure *measure;
	uint8_t *window;
	size_t begin, end; /* what of the window is read but not yet cut */
	uint64_t done_bytes;
	struct chunk_table table;
};

static void run_free(struct ingest_run *r)
{
	measure_end(r->measure);
	pipeline_free(r->pipeline);
	chunk_table_free(&r->table);
	free(r->window);
}

/* What the source says, or what was counted by now; never less than what came. */
static uint64_t total_bytes(const struct ingest_run *r)
{
	uint64_t total = r->in->total_bytes ? r->in->total_bytes : measure_bytes(r->measure);

	return total && total < r->done_bytes ? r->done_bytes : total;
}

/* Cut off whole chunks; `last` takes also what is left. */
static int drain(struct ingest_run *r, bool last, struct err *err)
{
	while (r->end - r->begin >= CHUNK_MAX || (last && r->end > r->begin)) {
		size_t n = chunker_cut(&r->chunker, r->window + r->begin, r->end - r->begin);

		if (pipeline_put(r->pipeline, r->window + r->begin, n, err) < 0)
			return -1;
		r->begin += n;
		r->done_bytes += n;
		if (r->in->progress)
			r->in->progress(r->in->ctx, "store", r->done_bytes, total_bytes(r));
	}
	memmove(r->window, r->window + r->begin, r->end - r->begin);
	r->end -= r->begin;
	r->begin = 0;
	return 0;
}

static int take_range(struct ingest_run *r, int fd, uint64_t at, uint64_t len, struct err *err)
{
	while (len) {
		size_t room = WINDOW_BYTES - r->end, n = len < room ? (size_t)len : room;

		if (fs_pread_all(fd, "the file", r->window + r->end, n, at, err) < 0) {
			if (err->kind == ERR_DAMAGED)
				err_set(err, ERR_FAILED, "became shorter while it was read");
			return -1;
		}
		r->end += n;
		at += n;
		len -= n;
		if (r->end == WINDOW_BYTES && drain(r, false, err) < 0)
			return -1;
	}
	return 0;
}

static int take_content(void *ctx, const struct tree_entry *e, int fd, struct err *err)
{
	struct ingest_run *r = ctx;

	if (!e->n_extents)
		return take_range(r, fd, 0, e->size, err);
	for (size_t i = 0; i < e->n_extents; i++)
		if (take_range(r, fd, e->extents[i].offset, e->extents[i].len, err) < 0)
			return -1;
	return 0;
}

struct ingest_sink {
	struct ingest_run *run;
	const struct tree *tree; /* its last entry is the file that is put */
	struct buf grubenv;
};

/* boot.json tells GRUB's variables: that one file is kept while it passes by. */
static void keep_grubenv(struct ingest_sink *k, const void *data, size_t len)
{
	const struct tree *t = k->tree;

	if (t->len && str_eq(t->entries[t->len - 1].path, GRUBENV) && k->grubenv.len + len <= GRUBENV_MAX)
		buf_add(&k->grubenv, data, len);
}

int ingest_put(struct ingest_sink *sink, const void *data, size_t len, struct err *err)
{
	struct ingest_run *r = sink->run;
	const uint8_t *p = data;

	keep_grubenv(sink, data, len);
	while (len) {
		size_t room = WINDOW_BYTES - r->end, n = len < room ? len : room;

		memcpy(r->window + r->end, p, n);
		r->end += n;
		p += n;
		len -= n;
		if (r->end == WINDOW_BYTES && drain(r, false, err) < 0)
			return -1;
	}
	return 0;
}

static int take_directory(struct ingest_run *r, int root_fd, struct tree *tree, struct err *err)
{
	struct walk walk = { .root_fd = root_fd, .content = take_content, .ctx = r };
	struct stat st;

	if (stat(r->store->path, &st) < 0)
		return err_errno(err, errno, "look at %s", r->store->path);
	walk.refuse_dev = st.st_dev;
	walk.refuse_ino = st.st_ino;
	return walk_tree(&walk, tree, err) < 0 ? err_wrap(err, "read %s", r->in->source_dir) : 0;
}

/* What a source gives is checked as what is read from a store is: nobody can restore what does not pass. */
static int take_source(struct ingest_run *r, struct tree *tree, struct buf *grubenv, struct err *err)
{
	autoclean(tree_check_free) struct tree_check check = { 0 };
	struct ingest_sink sink = { .run = r, .tree = tree };
	struct tree seen = { 0 };
	int rc = r->in->source(r->in->source_ctx, tree, &sink, err);

	*grubenv = sink.grubenv;
	for (seen.entries = tree->entries; rc == 0 && seen.len < tree->len;) {
		seen.len++;
		rc = tree_check_last(&check, &seen, err);
	}
	if (rc == 0 && (seen.stream_bytes != r->done_bytes + (r->end - r->begin) || !tree->len))
		rc = err_set(err, ERR_DAMAGED, "%llu bytes of content came for entries of %llu bytes",
			     (unsigned long long)(r->done_bytes + (r->end - r->begin)), (unsigned long long)seen.stream_bytes);
	tree->stream_bytes = seen.stream_bytes;
	return rc;
}

static int take_tree(struct ingest_run *r, int root_fd, struct tree *tree, struct buf *grubenv, struct err *err)
{
	if (r->in->source ? take_source(r, tree, grubenv, err) < 0 : take_directory(r, root_fd, tree, err) < 0)
		return -1;
	if (drain(r, true, err) < 0)
		return -1;
	return pipeline_end(r->pipeline, &r->table, err);
}

static void read_grubenv(int root_fd, struct buf *out)
{
	struct err none = { 0 };
	autoclose int fd = fs_open_beneath(root_fd, GRUBENV, O_RDONLY | O_NONBLOCK, 0, RESOLVE_NO_SYMLINKS, &none);

	if (fd < 0 || fs_read_fd(fd, "grubenv", GRUBENV_MAX, out, &none) < 0)
		buf_clear(out);
}

static int check_request(const struct ingest *in, struct err *err)
{
	if (str_check_name(in->name, err) < 0)
		return err_wrap(err, "image name");
	return image_kind_check(in->kind, err);
}

/* What fails in the store is not its source's fault, and mostly that it is full. */
static void hint_room(const struct store *s, struct err *err)
{
	char room[STR_BYTES_MAX], size[STR_BYTES_MAX];
	struct statvfs f;
	uint64_t left;

	if (err->hint[0] || statvfs(s->packs, &f) < 0)
		return;
	left = (uint64_t)f.f_bavail * f.f_frsize;
	str_from_bytes(left, room);
	str_from_bytes((uint64_t)f.f_blocks * f.f_frsize, size);
	if (left < ROOM_MIN || (f.f_files && !f.f_favail))
		err_hint(err,
			 "free room on the file system of %s (%s, of which %s were left): `orthrus image delete` removes images",
			 s->packs, size, room);
	else
		err_hint(err, "%s were left on the file system of %s: a quota or the kernel's log (`dmesg`) may say more", room,
			 s->packs);
}

/* No image can use what was stored for this one. A deletion would find it too, but perhaps there is none for long, and the room
 * is what lacks. */
static int give_up(struct ingest_run *r, bool storing, struct err *err)
{
	const struct digest *packs;
	struct err kept = { 0 };
	size_t n;

	if (r->pipeline) {
		if (pipeline_failed(r->pipeline, err) || storing)
			hint_room(r->store, err);
		n = pipeline_give_up(r->pipeline, &packs);
		if (store_drop_packs(r->store, packs, n, &kept) < 0)
			log_warn("imaging", "what was stored for image %s stays until an image is deleted: %s", r->in->name,
				 kept.text);
	}
	return err_wrap(err, "image %s", r->in->name);
}

int store_ingest(struct store *s, const struct ingest *in, char **ref, struct err *err)
{
	autoclean(tree_free) struct tree tree = { 0 };
	autoclean(buf_free) struct buf boot = { 0 };
	autoclean(buf_free) struct buf grubenv = { 0 };
	autoclean(run_free) struct ingest_run run = { .store = s, .in = in };
	autoclose int root_fd = -1;
	autoclose int lock = -1;

	if (check_request(in, err) < 0)
		return -1;
	lock = store_lock(s, err);
	if (lock < 0 || (in->source_dir && (root_fd = fs_open_dir(in->source_dir, err)) < 0))
		return -1;
	chunker_init(&run.chunker, CHUNK_MIN, CHUNK_AVG, CHUNK_MAX);
	run.window = mem_zalloc(WINDOW_BYTES);
	if (in->progress && root_fd >= 0)
		run.measure = measure_start(root_fd);
	if (store_check_place(s, in->name, err) < 0 || store_clean(s, err) < 0 ||
	    pipeline_start(s->packs, &run.pipeline, err) < 0 || take_tree(&run, root_fd, &tree, &grubenv, err) < 0)
		return give_up(&run, false, err);
	if (in->stats)
		pipeline_stats(run.pipeline, in->stats);
	if (root_fd >= 0)
		read_grubenv(root_fd, &grubenv);
	boot_facts_print(&tree, grubenv.len ? buf_str(&grubenv) : NULL, &boot);
	if (image_write(s, in, &tree, &run.table, &boot, ref, err) < 0)
		return give_up(&run, true, err);
	return 0;
}
