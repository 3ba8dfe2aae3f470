/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/restore_priv.h"

#include "base/mem.h"
#include "sys/fs.h"
#include "sys/threads.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <unistd.h>

/* A small file counts as this many bytes: with many of them, too, writing begins early, while others are made, and little is left
 * to write at the end. */
#define FILE_BYTES ((uint64_t)128 << 10)

struct restore_hand *restore_hand_new(struct restore *r)
{
	struct restore_hand *h = mem_zalloc(sizeof(*h));

	*h = (struct restore_hand){ .r = r, .codec = codec_new(), .dir.fd = -1, .open_fd = -1 };
	restore_raw_new(h);
	return h;
}

void restore_close_open(struct restore_hand *h)
{
	if (h->open_fd >= 0)
		close(steal_fd(h->open_fd));
	h->open = NULL;
}

void restore_hand_free(struct restore_hand *h)
{
	if (!h)
		return;
	restore_close_open(h);
	restore_dir_close(&h->dir);
	codec_free(h->codec);
	free(h->raw_room);
	free(h->aside);
	free(h);
}

static void *begin_hand(void *ctx)
{
	return restore_hand_new(ctx);
}

static void end_hand(void *mine)
{
	restore_hand_free(mine);
}

int restore_each(struct restore *r, size_t n, size_t block, int (*each)(void *hand, size_t i, struct err *err), struct err *err)
{
	const struct threads_job job = { .n = n, .block = block, .begin = begin_hand, .each = each, .end = end_hand, .ctx = r };

	/* Who is not root can't reach below a directory that is closed already: one after the other, the deepest first. */
	return threads_each(r->uid == 0 ? threads_for_work(RESTORE_THREADS_MAX) : 1, &job, err);
}

/* The file stays open for the next range. */
static int write_piece(struct restore_hand *h, const struct tree_entry *e, uint64_t offset, size_t skip, size_t len,
		       struct err *err)
{
	if (h->open != e || !h->open_writes) {
		restore_close_open(h);
		h->open_fd = fs_open_beneath(h->r->target_fd, e->path, O_WRONLY | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS, err);
		if (h->open_fd < 0)
			return -1;
		h->open = e;
		h->open_writes = true;
	}
	return restore_write_at(h, h->open_fd, h->raw + skip, len, offset, err);
}

static int write_range(void *ctx, const struct tree_entry *e, uint64_t offset, size_t skip, size_t len, struct err *err)
{
	struct restore_hand *h = ctx;
	bool whole = h->r->file[e - h->r->docs.tree.entries] == RESTORE_WHOLE;

	if ((whole ? restore_make_whole(h, e, h->raw + skip, err) : write_piece(h, e, offset, skip, len, err)) < 0)
		return restore_entry_error(e, err);
	return 0;
}

int restore_write_chunk(struct restore_hand *h, size_t i, size_t k, struct err *err)
{
	const struct restore *r = h->r;

	return content_map_each(&r->docs.map, r->at[k], r->chunks[i].raw_len, write_range, h, err);
}

/* The one who passes the mark stops to make what is there durable; the others go on. */
static int mark_done(struct restore_hand *h, size_t i, struct err *err)
{
	struct restore *r = h->r;
	bool checkpoint;
	int rc = 0;

	pthread_mutex_lock(&r->lock);
	if (!r->done[i])
		r->n_done++;
	r->done[i] = true;
	r->since_checkpoint += r->chunks[i].raw_len + h->n_made * FILE_BYTES;
	h->n_made = 0;
	checkpoint = r->resumable && !r->in_checkpoint && r->since_checkpoint >= r->checkpoint_bytes && r->n_done < r->n_chunks;
	if (checkpoint) {
		r->since_checkpoint = 0;
		r->in_checkpoint = true;
	}
	pthread_mutex_unlock(&r->lock);
	if (!checkpoint)
		return 0;
	rc = restore_journal_write(r, err);
	pthread_mutex_lock(&r->lock);
	r->in_checkpoint = false;
	pthread_mutex_unlock(&r->lock);
	return rc;
}

/* *todo is false when there is nothing to do. */
static int unpack(struct restore_hand *h, size_t i, const void *stored, size_t stored_len, bool *todo, struct err *err)
{
	const struct restore_chunk *c = restore_chunk_at(h->r, i);

	if (!c)
		return err_set(err, ERR_USAGE, "there is no chunk %zu", i);
	*todo = !restore_chunk_done(h->r, i);
	if (!*todo)
		return 0;
	if (stored_len != c->stored_len)
		return err_set(err, ERR_DAMAGED, "chunk %zu came with %zu bytes, not %u", i, stored_len, c->stored_len);
	restore_raw_align(h, i);
	return codec_unpack(h->codec, stored, stored_len, h->raw, c->raw_len, err) < 0 ? err_wrap(err, "chunk %zu", i) : 0;
}

static int write_places(struct restore_hand *h, size_t i, struct err *err)
{
	for (size_t k = h->r->first_at[i]; k < h->r->first_at[i + 1]; k++)
		if (restore_write_chunk(h, i, k, err) < 0)
			return -1;
	return mark_done(h, i, err);
}

int restore_put(struct restore_hand *h, size_t i, const void *stored, size_t stored_len, struct err *err)
{
	struct digest id;
	bool todo;

	if (unpack(h, i, stored, stored_len, &todo, err) < 0)
		return -1;
	if (!todo)
		return 0;
	digest_of(h->raw, h->r->chunks[i].raw_len, &id);
	if (digest_cmp(&id, &h->r->chunks[i].id) != 0)
		return err_set(err, ERR_DAMAGED, "chunk %zu does not have the SHA-256 that names it", i);
	return write_places(h, i, err);
}

int restore_put_proven(struct restore_hand *h, size_t i, const void *stored, size_t stored_len, struct err *err)
{
	bool todo;

	if (unpack(h, i, stored, stored_len, &todo, err) < 0)
		return -1;
	return todo ? write_places(h, i, err) : 0;
}
