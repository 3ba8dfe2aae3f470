/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/restore_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/chunk_order.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECKPOINT_BYTES ((uint64_t)512 << 20)

void restore_free(struct restore *r)
{
	if (!r)
		return;
	restore_hand_free(r->own);
	image_docs_free(&r->docs);
	free(r->chunks);
	free(r->first_at);
	free(r->at);
	free(r->done);
	free(r->file);
	free(r->finished);
	free(r->lost);
	free(r->link_first);
	free(r->link_names);
	while (r->n_mounts)
		close(r->mounts[--r->n_mounts]);
	free(r->mounts);
	if (r->target_fd >= 0)
		close(r->target_fd);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* From the table in stream order to each chunk once, in the order of the packs, with all its places in the stream. */
static void list_chunks(struct restore *r)
{
	const struct chunk_table *t = &r->docs.table;
	autoclean(chunk_order_free) struct chunk_order order = { 0 };
	autofree uint64_t *stream_at = mem_array(t->len, sizeof(*stream_at));
	uint64_t at = 0;

	for (size_t i = 0; i < t->len; i++) {
		stream_at[i] = at;
		at += t->rows[i].raw_len;
	}
	chunk_order_make(t, &order);
	r->n_chunks = order.len;
	r->chunks = mem_array(r->n_chunks, sizeof(r->chunks[0]));
	r->at = mem_array(t->len, sizeof(r->at[0]));
	r->done = mem_array(r->n_chunks, sizeof(r->done[0]));
	for (size_t i = 0; i < t->len; i++)
		r->at[i] = stream_at[order.rows[i]];
	for (size_t i = 0; i < r->n_chunks; i++) {
		const struct chunk_row *row = &t->rows[order.rows[order.first[i]]];

		r->chunks[i] = (struct restore_chunk){ .id = row->id,
						       .pack = row->pack,
						       .pack_offset = row->pack_offset,
						       .stored_len = row->stored_len,
						       .raw_len = row->raw_len };
		r->stored_bytes += row->stored_len;
	}
	r->first_at = steal(order.first);
}

/* Which files come whole: all their content lies in one row of the table. */
static void sort_files(struct restore *r)
{
	const struct tree *t = &r->docs.tree;
	const struct chunk_table *table = &r->docs.table;
	uint64_t row_end = 0;
	size_t row = 0;

	r->file = mem_array(t->len, sizeof(r->file[0]));
	r->finished = mem_array(t->len, sizeof(r->finished[0]));
	r->lost = mem_array(t->len, sizeof(r->lost[0]));
	for (size_t i = 0; i < t->len; i++) {
		const struct tree_entry *e = &t->entries[i];

		r->file[i] = RESTORE_PIECES;
		if (e->type != TREE_FILE || !e->stream_len || e->n_extents)
			continue;
		while (row_end <= e->stream_at)
			row_end += table->rows[row++].raw_len;
		if (e->stream_at + e->stream_len <= row_end)
			r->file[i] = RESTORE_WHOLE;
	}
}

/* umask(2) can't be asked without being changed for all threads. */
static mode_t current_mask(void)
{
	autoclean(buf_free) struct buf text = { 0 };
	struct err ignored = { 0 };
	unsigned int mask = 0777;
	const char *line;

	if (fs_read("/proc/self/status", 65536, &text, &ignored) == 0 && (line = strstr(buf_str(&text), "\nUmask:")) &&
	    sscanf(line, "\nUmask: %o", &mask) != 1)
		mask = 0777;
	return mask & 0777;
}

static bool has_entry(const struct tree *t, const char *path)
{
	return tree_find(t, path) != NULL;
}

static int prepare(struct restore *r, const struct restore_source *src, struct err *err)
{
	if (image_docs_check(src, &r->docs, err) < 0)
		return -1;
	digest_of(src->manifest, src->manifest_len, &r->manifest);
	r->uid = geteuid();
	r->gid = getegid();
	r->mask = current_mask();
	r->reserves = restore_can_reserve(r->target_fd);
	r->existing = src->update;
	r->direct = src->direct;
	r->resumable = src->resumable && !has_entry(&r->docs.tree, RESTORE_JOURNAL);
	r->checkpoint_bytes = src->checkpoint_bytes ? src->checkpoint_bytes : CHECKPOINT_BYTES;
	list_chunks(r);
	sort_files(r);
	r->own = restore_hand_new(r);
	return 0;
}

/* Nothing in the target is touched yet. */
static int open_restore(const struct restore_source *src, int target_fd, struct restore **out, struct err *err)
{
	struct restore *r = mem_zalloc(sizeof(*r));

	pthread_mutex_init(&r->lock, NULL);
	r->target_fd = fcntl(target_fd, F_DUPFD_CLOEXEC, 3);
	if (r->target_fd < 0)
		err_errno(err, errno, "use the target directory");
	if (r->target_fd < 0 || prepare(r, src, err) < 0) {
		restore_free(r);
		return -1;
	}
	*out = r;
	return 0;
}

/* Two who fill one directory would each take the other's files for what was there before. */
static int lock_target(struct restore *r, struct err *err)
{
	struct stat st;

	if (fstat(r->target_fd, &st) < 0)
		return err_errno(err, errno, "look at the target");
	r->dev = st.st_dev;
	if (fs_flock(r->target_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return err_errno(err, errno, "lock the target");
	err_set(err, ERR_CONFLICT, "another restore into the target is under way");
	return err_hint(err, "wait until it has ended");
}

/* What the target holds has changed since a journal was written, or may have: an update believes none. */
static int begin_existing(struct restore *r, bool update, struct err *err)
{
	restore_links_index(r);
	if (restore_make_all(r, err) < 0)
		return -1;
	if (!update)
		restore_forget_lost(r);
	return restore_find_kept(r, err);
}

static int begin(struct restore *r, struct err *err)
{
	bool update = r->existing, resumed = false;

	/* An update believes no journal, and goes on from whatever another restore left. */
	if (lock_target(r, err) < 0 || (r->resumable && !update && restore_journal_read(r, &resumed, err) < 0))
		return -1;
	if (update ? restore_clear_way(r, err) < 0 : !resumed && restore_check_way(r, err) < 0)
		return -1;
	/* Before anything is made: what a killed restore leaves must be known as that. */
	if (r->resumable && (update || !resumed) && restore_journal_write(r, err) < 0)
		return -1;
	r->existing |= resumed;
	if (r->existing)
		return begin_existing(r, update, err);
	return restore_disinherit(r, r->target_fd, ".", err) < 0 ? -1 : restore_make_all(r, err);
}

int restore_compare(const struct restore_source *src, int target_fd, struct restore_delta *out, struct err *err)
{
	struct restore *r;
	int rc;

	*out = (struct restore_delta){ 0 };
	if (open_restore(src, target_fd, &r, err) < 0)
		return -1;
	r->comparing = true;
	rc = restore_find_extras(r, &out->removed, err);
	if (rc == 0)
		rc = restore_find_kept(r, err);
	for (size_t i = 0; rc == 0 && i < r->n_chunks; i++) {
		if (r->done[i]) {
			out->kept_bytes += r->chunks[i].raw_len;
			continue;
		}
		out->missing_chunks++;
		out->missing_bytes += r->chunks[i].stored_len;
	}
	restore_free(r);
	return rc;
}

void restore_delta_free(struct restore_delta *d)
{
	str_list_free(&d->removed);
}

int restore_begin(const struct restore_source *src, int target_fd, struct restore **out, struct err *err)
{
	struct restore *r;

	if (open_restore(src, target_fd, &r, err) < 0)
		return -1;
	if ((src->update && src->packs && restore_check_packs(r, src->packs, err) < 0) || begin(r, err) < 0) {
		restore_free(r);
		return -1;
	}
	*out = r;
	return 0;
}

size_t restore_chunk_count(const struct restore *r)
{
	return r->n_chunks;
}

const struct restore_chunk *restore_chunk_at(const struct restore *r, size_t i)
{
	return i < r->n_chunks ? &r->chunks[i] : NULL;
}

bool restore_chunk_done(struct restore *r, size_t i)
{
	bool done;

	pthread_mutex_lock(&r->lock);
	done = i < r->n_chunks && r->done[i];
	pthread_mutex_unlock(&r->lock);
	return done;
}

uint64_t restore_stored_bytes(const struct restore *r)
{
	return r->stored_bytes;
}
