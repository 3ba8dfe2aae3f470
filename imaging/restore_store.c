/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/restore_priv.h"

#include "base/mem.h"
#include "imaging/pack.h"
#include "imaging/store_priv.h"
#include "sys/threads.h"

/* Chunks that one thread takes at a time: neighbours are mostly files of one directory, in which two would wait for each other.
 */
#define TAKE 4

/* What the threads share. */
struct putting {
	struct restore *r;
	const struct store *store;
	store_progress_fn progress;
	void *ctx;
	pthread_mutex_t lock;
	uint64_t done_bytes;
};

struct putter {
	struct putting *p;
	struct restore_hand *hand;
	struct pack_reader reader;
	struct buf stored;
};

static void *putter_new(void *ctx)
{
	struct putter *me = mem_zalloc(sizeof(*me));

	me->p = ctx;
	me->hand = restore_hand_new(me->p->r);
	me->reader = (struct pack_reader){ .dir = me->p->store->packs, .fd = -1 };
	return me;
}

static void putter_free(void *mine)
{
	struct putter *me = mine;

	restore_hand_free(me->hand);
	pack_reader_close(&me->reader);
	buf_free(&me->stored);
	free(me);
}

static void count(struct putting *p, uint64_t stored_bytes)
{
	pthread_mutex_lock(&p->lock);
	p->done_bytes += stored_bytes;
	if (p->progress)
		p->progress(p->ctx, "restore", p->done_bytes, restore_stored_bytes(p->r));
	pthread_mutex_unlock(&p->lock);
}

static int put_one(void *mine, size_t i, struct err *err)
{
	struct putter *me = mine;
	const struct restore_chunk *c = restore_chunk_at(me->p->r, i);
	char hex[DIGEST_HEX_LEN];

	if (!restore_chunk_done(me->p->r, i) &&
	    (pack_read(&me->reader, &c->pack, c->pack_offset, c->stored_len, &me->stored, err) < 0 ||
	     restore_put(me->hand, i, me->stored.data, me->stored.len, err) < 0)) {
		digest_hex(&c->pack, hex);
		return err_wrap(err, "pack %s", hex);
	}
	count(me->p, c->stored_len);
	return 0;
}

static int put_all(struct putting *p, struct err *err)
{
	const struct threads_job job = {
		.n = restore_chunk_count(p->r), .block = TAKE, .begin = putter_new, .each = put_one, .end = putter_free, .ctx = p
	};
	int rc;

	pthread_mutex_init(&p->lock, NULL);
	rc = threads_each(threads_for_work(RESTORE_THREADS_MAX), &job, err);
	pthread_mutex_destroy(&p->lock);
	return rc;
}

struct image {
	struct image_files files;
	char *name, *id, *dir;
};

static void image_free(struct image *i)
{
	image_files_free(&i->files);
	free(i->name);
	free(i->id);
	free(i->dir);
}

static int open_image(struct store *s, const char *ref, struct image *i, struct restore_source *src, struct err *err)
{
	if (store_find(s, ref, &i->name, &i->id, &i->dir, err) < 0 || image_files_read(i->dir, &i->files, err) < 0)
		return -1;
	restore_source_of(&i->files, src);
	src->name = i->name;
	return 0;
}

int restore_from_store(struct store *s, const char *ref, const struct restore_how *how, int target_fd, struct err *err)
{
	autoclean(image_free) struct image image = { 0 };
	struct restore_source src = {
		.key = how->key, .update = how->update, .resumable = true, .checkpoint_bytes = how->checkpoint_bytes
	};
	struct putting p = { .store = s, .progress = how->progress, .ctx = how->ctx };
	int rc;

	if (open_image(s, ref, &image, &src, err) < 0)
		return -1;
	rc = restore_begin(&src, target_fd, &p.r, err);
	image_files_free(&image.files);
	if (rc == 0)
		rc = put_all(&p, err) < 0 ? -1 : restore_finish(p.r, err);
	restore_free(p.r);
	return rc < 0 ? err_wrap(err, "image %s/%s", image.name, image.id) : 0;
}

int restore_compare_store(struct store *s, const char *ref, const struct verify_key *key, int target_fd,
			  struct restore_delta *out, struct err *err)
{
	autoclean(image_free) struct image image = { 0 };
	struct restore_source src = { .key = key, .update = true, .resumable = true };

	if (open_image(s, ref, &image, &src, err) < 0)
		return -1;
	return restore_compare(&src, target_fd, out, err) < 0 ? err_wrap(err, "image %s/%s", image.name, image.id) : 0;
}
