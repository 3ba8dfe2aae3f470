/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/restore_feed.h"

#include "base/mem.h"
#include "imaging/pack.h"
#include "imaging/restore_priv.h"
#include "sys/fs.h"
#include "sys/threads.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Chunks that one thread takes at a time: neighbours are mostly files of one directory, in which two would wait for each other.
 */
#define TAKE 4
/* Threads beside those that compute: they wait for the disk. */
#define WAITING 8
/* Packs in memory at a time. */
#define SPARE 3

/* One pack of the image; its chunks follow one another. */
struct feed_pack {
	size_t first, end; /* its chunks */
	bool looked;	   /* what follows is decided */
	uint8_t *data;	   /* all of the pack, with the SHA-256 that names it; NULL: each chunk is read and checked for itself */
	size_t len, left;  /* chunks that still need `data` */
};

/* What a thread takes next. */
struct feed_item {
	struct feed_pack *pack;
	size_t first, n; /* chunks; n is 0: look at the pack */
};

struct feed {
	struct restore *r;
	const char *dir;
	store_progress_fn progress;
	void *ctx;
	struct feed_pack *packs;
	size_t n_packs;
	struct feed_item *items;
	size_t n_items, cap;
	uint8_t *spare[SPARE]; /* room for a pack: new pages take longer than reading into those that are there */
	size_t n_spare;
	pthread_mutex_t lock; /* of the spare ones, looked, data, left and done_bytes */
	pthread_cond_t looked;
	uint64_t done_bytes;
};

struct feeder {
	struct feed *f;
	struct restore_hand *hand;
	struct pack_reader reader;
	struct buf stored;
};

static void *feeder_new(void *ctx)
{
	struct feeder *me = mem_zalloc(sizeof(*me));

	me->f = ctx;
	me->hand = restore_hand_new(me->f->r);
	me->reader = (struct pack_reader){ .dir = me->f->dir, .fd = -1 };
	return me;
}

static void feeder_free(void *mine)
{
	struct feeder *me = mine;

	restore_hand_free(me->hand);
	pack_reader_close(&me->reader);
	buf_free(&me->stored);
	free(me);
}

static uint8_t *take_room(struct feed *f)
{
	uint8_t *room = NULL;

	pthread_mutex_lock(&f->lock);
	if (f->n_spare)
		room = f->spare[--f->n_spare];
	pthread_mutex_unlock(&f->lock);
	return room ? room : mem_array(PACK_FILE_MAX, 1);
}

/* Under the lock. */
static void give_back(struct feed *f, uint8_t *room)
{
	if (room && f->n_spare < SPARE)
		f->spare[f->n_spare++] = room;
	else
		free(room);
}

/* One pass over the whole pack proves all that is in it. That is less to hash than the chunks' raw bytes, unless only a few of
 * them are wanted. NULL when it is not worth it, or when the pack is not what its name says: then its chunks tell which of them
 * is hurt. */
static uint8_t *read_proven(struct feed *f, const struct feed_pack *p, size_t *len)
{
	const struct digest *name = &f->r->chunks[p->first].pack;
	autofree char *path = pack_path(f->dir, name, ".pack");
	struct err ignored = { 0 };
	autoclose int fd = fs_open_regular(path, O_NOFOLLOW, &ignored);
	struct digest got;
	uint64_t wanted = 0;
	struct stat st;
	uint8_t *data;

	for (size_t i = p->first; i < p->end; i++)
		if (!restore_chunk_done(f->r, i))
			wanted += f->r->chunks[i].raw_len;
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size <= 0 || (size_t)st.st_size > PACK_FILE_MAX ||
	    wanted <= (uint64_t)st.st_size)
		return NULL;
	*len = (size_t)st.st_size;
	data = take_room(f);
	if (fs_pread_all(fd, path, data, *len, 0, &ignored) == 0) {
		digest_of(data, *len, &got);
		if (digest_cmp(&got, name) == 0)
			return data;
	}
	pthread_mutex_lock(&f->lock);
	give_back(f, data);
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

static void look_at(struct feed *f, struct feed_pack *p)
{
	size_t len = 0;
	uint8_t *data = read_proven(f, p, &len);

	pthread_mutex_lock(&f->lock);
	p->data = data;
	p->len = len;
	p->left = p->end - p->first;
	p->looked = true;
	pthread_cond_broadcast(&f->looked);
	pthread_mutex_unlock(&f->lock);
}

/* Somebody took that item before, and comes to its end whatever happens. */
static const uint8_t *wait_for(struct feed *f, struct feed_pack *p)
{
	const uint8_t *data;

	pthread_mutex_lock(&f->lock);
	while (!p->looked)
		pthread_cond_wait(&f->looked, &f->lock);
	data = p->data;
	pthread_mutex_unlock(&f->lock);
	return data;
}

static int put_one(struct feeder *me, const struct feed_pack *p, const uint8_t *data, size_t i, struct err *err)
{
	struct restore *r = me->f->r;
	const struct restore_chunk *c = restore_chunk_at(r, i);
	char hex[DIGEST_HEX_LEN];
	int rc;

	if (restore_chunk_done(r, i))
		return 0;
	if (data && c->pack_offset <= p->len && c->stored_len <= p->len - c->pack_offset)
		rc = restore_put_proven(me->hand, i, data + c->pack_offset, c->stored_len, err);
	else
		rc = pack_read(&me->reader, &c->pack, c->pack_offset, c->stored_len, &me->stored, err) < 0
			     ? -1
			     : restore_put(me->hand, i, me->stored.data, me->stored.len, err);
	if (rc == 0)
		return 0;
	digest_hex(&c->pack, hex);
	return err_wrap(err, "pack %s", hex);
}

static void count(struct feed *f, struct feed_pack *p, const struct feed_item *it)
{
	pthread_mutex_lock(&f->lock);
	for (size_t i = it->first; i < it->first + it->n; i++)
		f->done_bytes += f->r->chunks[i].stored_len;
	p->left -= it->n;
	if (p->left == 0)
		give_back(f, steal(p->data));
	if (f->progress)
		f->progress(f->ctx, "restore", f->done_bytes, restore_stored_bytes(f->r));
	pthread_mutex_unlock(&f->lock);
}

static int do_item(void *mine, size_t i, struct err *err)
{
	struct feeder *me = mine;
	const struct feed_item *it = &me->f->items[i];
	const uint8_t *data;

	if (it->n == 0) {
		look_at(me->f, it->pack);
		return 0;
	}
	data = wait_for(me->f, it->pack);
	for (size_t k = it->first; k < it->first + it->n; k++)
		if (put_one(me, it->pack, data, k, err) < 0)
			return -1;
	count(me->f, it->pack, it);
	return 0;
}

static void find_packs(struct feed *f)
{
	const struct restore *r = f->r;

	f->packs = mem_array(r->n_chunks, sizeof(f->packs[0]));
	for (size_t i = 0; i < r->n_chunks; i++) {
		if (i == 0 || digest_cmp(&r->chunks[i].pack, &r->chunks[i - 1].pack) != 0)
			f->packs[f->n_packs++].first = i;
		f->packs[f->n_packs - 1].end = i + 1;
	}
}

static void add(struct feed *f, struct feed_pack *p, size_t first, size_t n)
{
	f->items = mem_room(f->items, f->n_items, &f->cap, sizeof(f->items[0]));
	f->items[f->n_items++] = (struct feed_item){ .pack = p, .first = first, .n = n };
}

/* Two packs at first, then the next one from the middle of the one before it: three are in memory at most. */
static void list_items(struct feed *f)
{
	for (size_t k = 0; k < 2 && k < f->n_packs; k++)
		add(f, &f->packs[k], 0, 0);
	for (size_t k = 0; k < f->n_packs; k++) {
		struct feed_pack *p = &f->packs[k];
		size_t middle = p->first + (p->end - p->first) / 2;
		bool next = k > 0 && k + 1 < f->n_packs;

		for (size_t i = p->first; i < p->end; i += TAKE) {
			if (next && i >= middle) {
				add(f, p + 1, 0, 0);
				next = false;
			}
			add(f, p, i, p->end - i < TAKE ? p->end - i : TAKE);
		}
		if (next)
			add(f, p + 1, 0, 0);
	}
}

int restore_feed(struct restore *r, const char *packs_dir, store_progress_fn progress, void *ctx, struct err *err)
{
	struct feed f = { .r = r, .dir = packs_dir, .progress = progress, .ctx = ctx };
	struct threads_job job = { .block = 1, .begin = feeder_new, .each = do_item, .end = feeder_free, .ctx = &f };
	int rc;

	pthread_mutex_init(&f.lock, NULL);
	pthread_cond_init(&f.looked, NULL);
	find_packs(&f);
	list_items(&f);
	job.n = f.n_items;
	rc = threads_each(threads_for_work(RESTORE_THREADS_MAX) + WAITING, &job, err);
	for (size_t i = 0; i < f.n_packs; i++)
		free(f.packs[i].data);
	while (f.n_spare)
		free(f.spare[--f.n_spare]);
	free(f.packs);
	free(f.items);
	pthread_cond_destroy(&f.looked);
	pthread_mutex_destroy(&f.lock);
	return rc;
}
