/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/tx.h: the memory of the chunks that are sent now, and of those that were a moment ago (repairs are made from them),
 * and, read by a thread of its own, of those that come next. */
#include "base/mem.h"
#include "cast/tx_priv.h"
#include "sys/threads.h"

#include <string.h>

#define STORE_BYTES ((size_t)24 << 20)	    /* what it may take */
#define STORE_BYTES_MAX ((size_t)160 << 20) /* where chunks are long */
#define STORE_CELLS_MIN 20		    /* a window of 16 blocks, each of another chunk, and some */
#define STORE_CELLS_MAX 256

static size_t longest(const struct layout *l)
{
	size_t max = 0;

	for (uint32_t i = 0; i < layout_chunks(l); i++)
		max = layout_chunk_len(l, i) > max ? layout_chunk_len(l, i) : max;
	return max;
}

static bool any_shared(const struct layout *l)
{
	for (uint32_t i = 0; i < layout_blocks(l); i++)
		if (layout_block(l, i)->n_chunks > 1)
			return true;
	return false;
}

void tx_store_init(struct tx_store *s, const struct layout *layout, const struct tx_source *source)
{
	const size_t symbol = layout_symbol_bytes(layout), block = LAYOUT_K_MAX * symbol;
	const size_t chunk = longest(layout);
	const bool shared = any_shared(layout);
	const size_t room = shared && block > chunk ? block : chunk;

	*s = (struct tx_store){ .layout = layout, .source = *source, .symbol = symbol, .any_shared = shared };
	s->room_bytes = (room + 63) / 64 * 64;
	s->n_cells = STORE_BYTES / s->room_bytes;
	s->n_cells = s->n_cells < STORE_CELLS_MIN ? STORE_CELLS_MIN : s->n_cells > STORE_CELLS_MAX ? STORE_CELLS_MAX : s->n_cells;
	if (s->n_cells * s->room_bytes > STORE_BYTES_MAX)
		s->n_cells = STORE_BYTES_MAX / s->room_bytes;
	s->cells = mem_array(s->n_cells, sizeof(*s->cells));
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	pthread_cond_init(&s->reader_work, NULL);
	if (!source->digest)
		return;
	s->digests = mem_array(layout_chunks(layout), sizeof(*s->digests));
	s->known = mem_array(layout_chunks(layout), 1);
}

void tx_store_clear(struct tx_store *s)
{
	for (size_t i = 0; i < s->n_cells; i++) {
		free(s->cells[i].room);
		free(s->cells[i].tail);
	}
	free(s->cells);
	free(s->digests);
	free(s->known);
	free(s->fresh);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->changed);
	pthread_cond_destroy(&s->reader_work);
}

static struct tx_cell *find(struct tx_store *s, bool shared, uint32_t key)
{
	for (size_t i = 0; i < s->n_cells; i++)
		if (s->cells[i].used && s->cells[i].key == key && s->cells[i].shared == shared)
			return &s->cells[i];
	return NULL;
}

/* The one that nobody holds and that was not used for longest. */
static struct tx_cell *oldest(struct tx_store *s)
{
	struct tx_cell *best = NULL;

	for (size_t i = 0; i < s->n_cells; i++)
		if (!s->cells[i].users && (!best || s->cells[i].used < best->used))
			best = &s->cells[i];
	return best;
}

static void note_digest(struct tx_store *s, uint32_t chunk, const struct digest *d)
{
	pthread_mutex_lock(&s->lock);
	if (!s->known[chunk]) {
		s->digests[chunk] = *d;
		s->known[chunk] = 1;
		s->fresh = mem_room(s->fresh, s->n_fresh, &s->cap_fresh, sizeof(*s->fresh));
		s->fresh[s->n_fresh++] = chunk;
	}
	pthread_mutex_unlock(&s->lock);
}

static const uint8_t *read_chunk(struct tx_store *s, uint32_t chunk, uint8_t *scratch, struct err *err)
{
	const uint8_t *data = s->source.chunk(s->source.ctx, chunk, scratch, err);
	struct digest d;

	if (!data || !s->digests || tx_store_digest(s, chunk, &d))
		return data;
	if (s->source.digest(s->source.ctx, chunk, &d, err) < 0)
		return NULL;
	note_digest(s, chunk, &d);
	return data;
}

static int load_chunk(struct tx_store *s, struct tx_cell *c, struct err *err)
{
	const size_t len = layout_chunk_len(s->layout, c->key), rest = len % s->symbol;

	c->data = read_chunk(s, c->key, c->room, err);
	if (!c->data)
		return -1;
	if (rest) {
		memcpy(c->tail, c->data + len - rest, rest);
		memset(c->tail + rest, 0, s->symbol - rest);
	}
	return 0;
}

static int load_shared(struct tx_store *s, struct tx_cell *c, uint8_t *scratch, struct err *err)
{
	const unsigned int k = layout_block(s->layout, c->key)->k;
	const uint8_t *data = NULL;
	uint32_t chunk = 0;

	for (unsigned int i = 0; i < k; i++) {
		uint8_t *to = c->room + i * s->symbol;
		struct layout_place at;

		layout_place(s->layout, c->key, (uint8_t)i, &at);
		if (!data || at.chunk != chunk)
			data = read_chunk(s, at.chunk, scratch, err);
		if (!data)
			return -1;
		chunk = at.chunk;
		memcpy(to, data + at.offset, at.len);
		memset(to + at.len, 0, s->symbol - at.len);
	}
	c->data = c->room;
	return 0;
}

/* Reads into a cell that nobody holds; with the lock held, which is not held meanwhile. */
static int load(struct tx_store *s, struct tx_cell *c, uint32_t key, bool shared, uint8_t *scratch, struct err *err)
{
	int rc;

	c->key = key;
	c->shared = shared;
	c->ready = c->ahead = false;
	c->used = ++s->clock;
	c->users++;
	pthread_mutex_unlock(&s->lock);
	if (!c->room)
		c->room = mem_aligned(64, s->room_bytes);
	if (!c->tail)
		c->tail = mem_aligned(64, s->symbol);
	rc = shared ? load_shared(s, c, scratch, err) : load_chunk(s, c, err);
	pthread_mutex_lock(&s->lock);
	c->users--;
	c->ready = rc == 0;
	if (rc < 0)
		c->used = 0;
	pthread_cond_broadcast(&s->changed);
	return rc;
}

/* The first block behind those that are in the same cell as this one. */
static uint32_t behind(const struct tx_store *s, uint32_t block)
{
	const struct layout_block *b = layout_block(s->layout, block);
	uint32_t n, first;

	if (b->n_chunks > 1)
		return block + 1;
	first = layout_chunk_block(s->layout, b->first_chunk, &n);
	return first + n;
}

/* A cell is used for the first time: whoever goes from one to the next goes on so. */
static void advance(struct tx_store *s, uint32_t block)
{
	s->run = block == s->front ? s->run + 1 : 0;
	s->front = behind(s, block);
	if (s->run)
		pthread_cond_signal(&s->reader_work);
}

/* Several may load at once: the first failure stays, whatever the others come to. With the lock held. */
static void load_or_fail(struct tx_store *s, struct tx_cell *c, uint32_t key, bool shared, uint8_t *scratch)
{
	struct err err = { 0 };

	if (load(s, c, key, shared, scratch, &err) == 0 || s->failed)
		return;
	s->failed = true;
	s->why = err;
}

struct tx_cell *tx_store_hold(struct tx_store *s, uint32_t block, uint8_t *scratch, bool wait, struct err *err)
{
	const struct layout_block *b = layout_block(s->layout, block);
	const bool shared = b->n_chunks > 1;
	const uint32_t key = shared ? block : b->first_chunk;
	struct tx_cell *c = NULL;
	bool fresh = false;

	pthread_mutex_lock(&s->lock);
	while (!s->failed) {
		c = find(s, shared, key);
		if (c && c->ready)
			break;
		if (!c && (c = oldest(s))) {
			fresh = true;
			load_or_fail(s, c, key, shared, scratch);
			continue;
		}
		if (!c && !wait)
			break;
		pthread_cond_wait(&s->changed, &s->lock); /* for who loads it, or for one to be free */
	}
	if (s->failed) {
		c = NULL;
		*err = s->why;
	} else if (c) {
		c->users++;
		c->used = ++s->clock;
		if (fresh || c->ahead)
			advance(s, block);
		c->ahead = false;
	}
	pthread_mutex_unlock(&s->lock);
	return c;
}

/* What is read next, before anybody asks for it; false: nothing. With the lock held. */
static bool read_one_ahead(struct tx_store *s, uint8_t *scratch)
{
	const uint32_t all = layout_blocks(s->layout);
	size_t n = s->n_cells / 4 < s->run ? s->n_cells / 4 : s->run;
	struct err ignored = { 0 }; /* who asks for it tries again, and gets the error */

	for (uint32_t block = s->front; n && block < all; n--, block = behind(s, block)) {
		const struct layout_block *b = layout_block(s->layout, block);
		const bool shared = b->n_chunks > 1;
		const uint32_t key = shared ? block : b->first_chunk;
		struct tx_cell *c;

		if (find(s, shared, key))
			continue;
		c = oldest(s);
		if (!c || c->ahead || s->failed)
			return false;
		if (load(s, c, key, shared, scratch, &ignored) < 0) {
			s->run = 0;
			return false;
		}
		c->ahead = true;
		return true;
	}
	return false;
}

static void *reader_main(void *arg)
{
	struct tx_store *s = arg;
	autofree uint8_t *scratch = s->any_shared ? mem_aligned(64, s->room_bytes) : NULL;

	pthread_mutex_lock(&s->lock);
	while (!s->stop)
		if (!read_one_ahead(s, scratch))
			pthread_cond_wait(&s->reader_work, &s->lock);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

int tx_store_start(struct tx_store *s, struct err *err)
{
	s->reading = thread_start(&s->reader, reader_main, s, err) == 0;
	return s->reading ? 0 : -1;
}

void tx_store_stop(struct tx_store *s)
{
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->reader_work);
	pthread_mutex_unlock(&s->lock);
	if (s->reading)
		pthread_join(s->reader, NULL);
	s->reading = false;
}

void tx_store_let_go(struct tx_store *s, struct tx_cell *cell)
{
	pthread_mutex_lock(&s->lock);
	if (--cell->users == 0)
		pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

const uint8_t *tx_store_symbol(const struct tx_store *s, const struct tx_cell *cell, uint32_t block, unsigned int index)
{
	const struct layout_block *b = layout_block(s->layout, block);
	const size_t at = ((cell->shared ? 0 : (size_t)b->chunk_symbol) + index) * s->symbol;

	if (cell->shared || at + s->symbol <= layout_chunk_len(s->layout, cell->key))
		return cell->data + at;
	return cell->tail;
}

static int by_number(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

size_t tx_store_fresh(struct tx_store *s, uint32_t *chunks, size_t cap)
{
	size_t n;

	pthread_mutex_lock(&s->lock);
	n = s->n_fresh < cap ? s->n_fresh : cap;
	if (n) {
		qsort(s->fresh, s->n_fresh, sizeof(*s->fresh), by_number);
		memcpy(chunks, s->fresh, n * sizeof(*chunks));
		s->n_fresh -= n;
		memmove(s->fresh, s->fresh + n, s->n_fresh * sizeof(*s->fresh));
	}
	pthread_mutex_unlock(&s->lock);
	return n;
}

size_t tx_store_fresh_n(struct tx_store *s)
{
	size_t n;

	pthread_mutex_lock(&s->lock);
	n = s->n_fresh;
	pthread_mutex_unlock(&s->lock);
	return n;
}

bool tx_store_digest(struct tx_store *s, uint32_t chunk, struct digest *out)
{
	bool known;

	pthread_mutex_lock(&s->lock);
	known = s->known[chunk];
	if (known)
		*out = s->digests[chunk];
	pthread_mutex_unlock(&s->lock);
	return known;
}
