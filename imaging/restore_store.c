/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/restore.h"

#include "base/mem.h"
#include "imaging/pack.h"
#include "imaging/store_priv.h"
#include "sys/threads.h"

#define WORKERS_MAX 8
/* Chunks that one worker takes at a time: neighbours are mostly files of one directory, in which two would wait for each other.
 */
#define TAKE 4

/* What the workers share. */
struct putting {
	struct restore *r;
	const struct store *store;
	store_progress_fn progress;
	void *ctx;
	pthread_mutex_t lock;
	size_t next;
	uint64_t done_bytes;
	bool failed;
	struct err err; /* the first failure */
};

static size_t take_some(struct putting *p)
{
	size_t first;

	pthread_mutex_lock(&p->lock);
	first = p->failed ? SIZE_MAX : p->next;
	p->next += TAKE;
	pthread_mutex_unlock(&p->lock);
	return first;
}

static void count(struct putting *p, uint64_t stored_bytes)
{
	pthread_mutex_lock(&p->lock);
	p->done_bytes += stored_bytes;
	if (p->progress)
		p->progress(p->ctx, "restore", p->done_bytes, restore_stored_bytes(p->r));
	pthread_mutex_unlock(&p->lock);
}

static int put_one(struct putting *p, struct restore_hand *h, struct pack_reader *reader, struct buf *stored, size_t i,
		   struct err *err)
{
	const struct restore_chunk *c = restore_chunk_at(p->r, i);
	char hex[DIGEST_HEX_LEN];

	if (!restore_chunk_done(p->r, i) && (pack_read(reader, &c->pack, c->pack_offset, c->stored_len, stored, err) < 0 ||
					     restore_put(h, i, stored->data, stored->len, err) < 0)) {
		digest_hex(&c->pack, hex);
		return err_wrap(err, "pack %s", hex);
	}
	count(p, c->stored_len);
	return 0;
}

static void *put_main(void *arg)
{
	struct putting *p = arg;
	struct restore_hand *h = restore_hand_new(p->r);
	autoclean(pack_reader_close) struct pack_reader reader = { .dir = p->store->packs, .fd = -1 };
	autoclean(buf_free) struct buf stored = { 0 };
	size_t n = restore_chunk_count(p->r), first;
	struct err err = { 0 };
	int rc = 0;

	while (rc == 0 && (first = take_some(p)) < n)
		for (size_t i = first; i < first + TAKE && i < n && rc == 0; i++)
			rc = put_one(p, h, &reader, &stored, i, &err);
	restore_hand_free(h);
	if (rc < 0) {
		pthread_mutex_lock(&p->lock);
		if (!p->failed)
			p->err = err;
		p->failed = true;
		pthread_mutex_unlock(&p->lock);
	}
	return NULL;
}

static int put_all(struct putting *p, struct err *err)
{
	pthread_mutex_init(&p->lock, NULL);
	threads_run(threads_for_work(WORKERS_MAX), put_main, p);
	pthread_mutex_destroy(&p->lock);
	if (p->failed)
		*err = p->err;
	return p->failed ? -1 : 0;
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
