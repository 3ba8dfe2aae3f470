/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of the pipeline: chunks into packs in their order by one thread, full packs made durable by another. */
#include "imaging/pipeline_priv.h"

#include "base/mem.h"
#include "sys/clock.h"

#include <string.h>

/* Hand a full pack to the syncer. Its name is known from now on. */
static int close_pack(struct pipeline *p, struct err *err)
{
	static const struct digest unnamed;
	struct pack_full full;
	int64_t since;

	if (pack_close(&p->writer, &full, err) < 0)
		return -1;
	pthread_mutex_lock(&p->lock);
	p->index.packs[p->open_pack] = full.name;
	p->open_pack = chunk_index_add_pack(&p->index, &unnamed);
	since = clock_now_ns();
	while (p->n_full == PIPELINE_PACKS_WAIT && !p->failed)
		pthread_cond_wait(&p->moved, &p->lock);
	p->stats.pack_ns -= clock_now_ns() - since; /* it waited, and was not busy */
	if (p->n_full < PIPELINE_PACKS_WAIT)
		p->full[p->n_full++] = full;
	else
		pack_full_free(&full);
	pthread_cond_broadcast(&p->moved);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

static int store_anew(struct pipeline *p, struct job *j, struct err *err)
{
	struct pack_entry e = { .id = j->id, .raw_len = (uint32_t)j->raw_len, .stored_len = (uint32_t)j->stored.len };

	if (p->writer.bytes >= PACK_FULL && close_pack(p, err) < 0)
		return -1;
	if (pack_add(&p->writer, &j->id, e.raw_len, j->stored.data, e.stored_len, &e.offset, err) < 0)
		return -1;
	pthread_mutex_lock(&p->lock);
	chunk_index_put(&p->index, &e, p->open_pack);
	p->stats.stored_bytes += e.stored_len;
	pthread_mutex_unlock(&p->lock);
	j->place = (struct chunk_place){ .chunk = e, .pack = p->open_pack };
	return 0;
}

/* A chunk that occurs twice may have been compressed twice at the same time: the later one is dropped here. A place found damaged
 * by the worker is still in the index when it is of an older pack, and is replaced. */
static int put_job(struct pipeline *p, struct job *j, struct err *err)
{
	struct digest pack;
	bool own = false;

	if (!j->known) {
		j->known = pipeline_look_up(p, &j->id, &j->place, &pack, &own) && own;
		if (!j->known && store_anew(p, j, err) < 0)
			return -1;
	}
	p->row_pack = mem_room(p->row_pack, p->table.len, &p->row_pack_cap, sizeof(p->row_pack[0]));
	p->row_pack[p->table.len] = j->place.pack;
	chunk_table_add(&p->table, &(struct chunk_row){ .id = j->id,
							.pack_offset = j->place.chunk.offset,
							.raw_len = j->place.chunk.raw_len,
							.stored_len = j->place.chunk.stored_len });
	return 0;
}

/* Called with the lock held, which it lets go meanwhile. */
static void close_last_pack(struct pipeline *p)
{
	int64_t since = clock_now_ns();
	struct err err = { 0 };

	if (p->failed || !p->writer.index.len)
		return;
	pthread_mutex_unlock(&p->lock);
	if (close_pack(p, &err) < 0)
		pipeline_fail(p, &err);
	pipeline_count(p, &p->stats.pack_ns, since);
	pthread_mutex_lock(&p->lock);
}

void *pipeline_packer(void *arg)
{
	struct pipeline *p = arg;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct job *j = &p->jobs[p->tail % p->n_jobs];
		struct err err = { 0 };
		int64_t since;

		while (!p->failed && j->state != JOB_DONE && !(p->ended && p->tail == p->head))
			pthread_cond_wait(&p->moved, &p->lock);
		if (p->failed || j->state != JOB_DONE)
			break;
		pthread_mutex_unlock(&p->lock);
		since = clock_now_ns();
		if (put_job(p, j, &err) < 0)
			pipeline_fail(p, &err);
		pipeline_count(p, &p->stats.pack_ns, since);
		pthread_mutex_lock(&p->lock);
		p->stats.raw_bytes += j->raw_len;
		if (j->known)
			p->stats.shared_bytes += j->raw_len;
		j->state = JOB_FREE;
		p->tail++;
		pthread_cond_broadcast(&p->moved);
	}
	close_last_pack(p);
	p->synced = true;
	pthread_cond_broadcast(&p->moved);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

void *pipeline_syncer(void *arg)
{
	struct pipeline *p = arg;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct pack_full full;
		struct err err = { 0 };
		int64_t since;

		while (!p->failed && !p->n_full && !p->synced)
			pthread_cond_wait(&p->moved, &p->lock);
		if (p->failed || !p->n_full)
			break;
		full = p->full[0];
		memmove(&p->full[0], &p->full[1], --p->n_full * sizeof(p->full[0]));
		pthread_cond_broadcast(&p->moved);
		pthread_mutex_unlock(&p->lock);
		since = clock_now_ns();
		if (pack_publish(&full, p->dir, &err) < 0)
			pipeline_fail(p, &err);
		pack_full_free(&full);
		pipeline_count(p, &p->stats.sync_ns, since);
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}
