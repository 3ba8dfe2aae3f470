/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/pipeline_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/chunker.h"
#include "imaging/codec.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/threads.h"

#include <string.h>

/* Largest memory: each job has a chunk raw and stored, 4 MiB each at most. */
#define WORKERS_MAX 8
#define JOBS_MORE 4 /* jobs beside two for each worker: what waits for the one that must come first */

struct worker {
	struct pipeline *p;
	pthread_t thread;
	struct codec *codec;
	struct pack_reader reader;
	struct buf back; /* a chunk of the store, read back */
	uint8_t *raw;
};

void pipeline_fail(struct pipeline *p, const struct err *err)
{
	pthread_mutex_lock(&p->lock);
	if (!p->failed)
		p->err = *err;
	p->failed = true;
	pthread_cond_broadcast(&p->moved);
	pthread_mutex_unlock(&p->lock);
}

void pipeline_count(struct pipeline *p, int64_t *field, int64_t since_ns)
{
	int64_t ns = clock_now_ns() - since_ns;

	pthread_mutex_lock(&p->lock);
	*field += ns;
	pthread_mutex_unlock(&p->lock);
}

/* A chunk of an older pack is shared only after it was read back and is the same: a new image is whole even when an old pack is
 * not. */
static bool is_intact(struct worker *w, const struct digest *pack, const struct pack_entry *e, const struct job *j)
{
	char hex[DIGEST_HEX_LEN];
	struct err err = { 0 };

	if (e->raw_len == j->raw_len && pack_read(&w->reader, pack, e->offset, e->stored_len, &w->back, &err) == 0 &&
	    codec_unpack(w->codec, w->back.data, w->back.len, w->raw, j->raw_len, &err) == 0 &&
	    memcmp(w->raw, j->raw, j->raw_len) == 0)
		return true;
	digest_hex(pack, hex);
	log_warn("imaging", "pack %s is damaged: one of its chunks is stored again elsewhere; run `orthrus image verify`", hex);
	return false;
}

bool pipeline_look_up(struct pipeline *p, const struct digest *id, struct chunk_place *place, struct digest *pack, bool *own)
{
	const struct chunk_place *known;

	pthread_mutex_lock(&p->lock);
	known = chunk_index_find(&p->index, id);
	if (known) {
		*place = *known;
		*pack = p->index.packs[known->pack];
		*own = known->pack >= p->own_from;
	}
	pthread_mutex_unlock(&p->lock);
	return known;
}

static int work_on(struct worker *w, struct job *j, struct err *err)
{
	struct pipeline *p = w->p;
	int64_t since = clock_now_ns();
	struct digest pack;
	bool own = false;

	digest_of(j->raw, j->raw_len, &j->id);
	pipeline_count(p, &p->stats.hash_ns, since);
	j->known = pipeline_look_up(p, &j->id, &j->place, &pack, &own);
	if (j->known && !own) {
		since = clock_now_ns();
		j->known = is_intact(w, &pack, &j->place.chunk, j);
		pipeline_count(p, &p->stats.compare_ns, since);
	}
	if (j->known)
		return 0;
	since = clock_now_ns();
	if (codec_pack(w->codec, j->raw, j->raw_len, &j->stored, err) < 0)
		return -1;
	pipeline_count(p, &p->stats.compress_ns, since);
	return 0;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct pipeline *p = w->p;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct err err = { 0 };
		struct job *j;

		while (!p->failed && p->next == p->head && !p->ended)
			pthread_cond_wait(&p->moved, &p->lock);
		if (p->failed || p->next == p->head)
			break;
		j = &p->jobs[p->next++ % p->n_jobs];
		pthread_mutex_unlock(&p->lock);
		if (work_on(w, j, &err) < 0)
			pipeline_fail(p, &err);
		pthread_mutex_lock(&p->lock);
		j->state = JOB_DONE;
		pthread_cond_broadcast(&p->moved);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static int start_threads(struct pipeline *p, struct err *err)
{
	for (; p->n_started < p->n_workers; p->n_started++) {
		struct worker *w = &p->workers[p->n_started];

		*w = (struct worker){ .p = p, .codec = codec_new(), .reader = { .dir = p->dir, .fd = -1 } };
		w->raw = mem_zalloc(CHUNK_MAX);
		if (thread_start(&w->thread, worker_main, w, err) < 0) {
			codec_free(w->codec);
			free(w->raw);
			return -1;
		}
	}
	if (thread_start(&p->packer, pipeline_packer, p, err) < 0)
		return -1;
	p->has_packer = true;
	if (thread_start(&p->syncer, pipeline_syncer, p, err) < 0)
		return -1;
	p->has_syncer = true;
	return 0;
}

int pipeline_start(const char *dir, struct pipeline **out, struct err *err)
{
	static const struct digest unnamed;
	struct pipeline *p = mem_zalloc(sizeof(*p));

	*out = p;
	p->began_ns = clock_now_ns();
	p->dir = mem_strdup(dir);
	p->writer = (struct pack_writer){ .dir = p->dir, .fd = -1 };
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->moved, NULL);
	p->n_workers = threads_for_work(WORKERS_MAX);
	p->stats.workers = p->n_workers;
	p->workers = mem_array(p->n_workers, sizeof(p->workers[0]));
	p->n_jobs = 2 * (size_t)p->n_workers + JOBS_MORE;
	p->jobs = mem_array(p->n_jobs, sizeof(p->jobs[0]));
	if (chunk_index_load(&p->index, dir, err) < 0)
		return -1; /* no pack is of this run: own_from is open_pack */
	p->own_from = (uint32_t)p->index.n_packs;
	p->open_pack = chunk_index_add_pack(&p->index, &unnamed);
	return start_threads(p, err);
}

int pipeline_put(struct pipeline *p, const void *raw, size_t len, struct err *err)
{
	struct job *j;

	pthread_mutex_lock(&p->lock);
	j = &p->jobs[p->head % p->n_jobs];
	while (!p->failed && j->state != JOB_FREE)
		pthread_cond_wait(&p->moved, &p->lock);
	if (p->failed)
		*err = p->err;
	pthread_mutex_unlock(&p->lock);
	if (err->kind != ERR_NONE)
		return -1;
	if (!j->raw)
		j->raw = mem_zalloc(CHUNK_MAX);
	memcpy(j->raw, raw, len);
	j->raw_len = len;
	pthread_mutex_lock(&p->lock);
	j->state = JOB_FILLED;
	p->head++;
	pthread_cond_broadcast(&p->moved);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

static void join_threads(struct pipeline *p)
{
	for (; p->n_started; p->n_started--) {
		struct worker *w = &p->workers[p->n_started - 1];

		pthread_join(w->thread, NULL);
		codec_free(w->codec);
		pack_reader_close(&w->reader);
		buf_free(&w->back);
		free(w->raw);
	}
	if (p->has_packer)
		pthread_join(p->packer, NULL);
	if (p->has_syncer)
		pthread_join(p->syncer, NULL);
	p->has_packer = p->has_syncer = false;
}

int pipeline_end(struct pipeline *p, struct chunk_table *table, struct err *err)
{
	pthread_mutex_lock(&p->lock);
	p->ended = true;
	pthread_cond_broadcast(&p->moved);
	pthread_mutex_unlock(&p->lock);
	join_threads(p);
	if (p->failed) {
		*err = p->err;
		return -1;
	}
	p->stats.total_ns = clock_now_ns() - p->began_ns;
	for (size_t i = 0; i < p->table.len; i++) {
		p->table.rows[i].pack = p->index.packs[p->row_pack[i]];
		chunk_table_add(table, &p->table.rows[i]);
	}
	return 0;
}

void pipeline_stats(struct pipeline *p, struct pipeline_stats *out)
{
	pthread_mutex_lock(&p->lock);
	*out = p->stats;
	pthread_mutex_unlock(&p->lock);
}

bool pipeline_failed(struct pipeline *p, struct err *err)
{
	bool failed;

	pthread_mutex_lock(&p->lock);
	failed = p->failed;
	if (failed)
		*err = p->err;
	pthread_mutex_unlock(&p->lock);
	return failed;
}

size_t pipeline_give_up(struct pipeline *p, const struct digest **names)
{
	pipeline_fail(p, &(struct err){ .kind = ERR_FAILED, .text = "given up" });
	join_threads(p);
	/* The one that is open has no name. */
	*names = p->index.packs ? p->index.packs + p->own_from : NULL;
	return p->open_pack - p->own_from;
}

void pipeline_free(struct pipeline *p)
{
	const struct digest *names;

	if (!p)
		return;
	(void)pipeline_give_up(p, &names);
	for (size_t i = 0; i < p->n_full; i++)
		pack_full_free(&p->full[i]);
	pack_writer_free(&p->writer);
	for (size_t i = 0; i < p->n_jobs; i++) {
		free(p->jobs[i].raw);
		buf_free(&p->jobs[i].stored);
	}
	chunk_index_free(&p->index);
	chunk_table_free(&p->table);
	free(p->row_pack);
	free(p->jobs);
	free(p->workers);
	pthread_cond_destroy(&p->moved);
	pthread_mutex_destroy(&p->lock);
	free(p->dir);
	free(p);
}
