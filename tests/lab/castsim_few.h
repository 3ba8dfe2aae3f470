/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A few receivers with the whole of cast/receiver.c, behind a socket buffer that is emptied at some speed: what stops, is slow,
 * comes late or dies and comes back. */
#ifndef ORTHRUS_LAB_CASTSIM_FEW_H
#define ORTHRUS_LAB_CASTSIM_FEW_H

#include "cast/receiver.h"
#include "tests/lab/castsim_world.h"

#define FEW_MOST 40

struct full {
	struct receiver *r;
	double loss, bytes_s, buffer; /* bytes_s: what it takes in; 0: anything */
	double busy_ns, queued;	      /* until when, and with how many bytes */
	int64_t pause_ns,
		pause_next; /* it stops for so long about every three of these: a processor that others use too; 0: never */
	int64_t speak_ns, whole_ns;
	uint64_t took, lacked; /* symbols that it kept, and that it lacked when it came */
	uint64_t took_again;   /* of these, in the second pass and later */
	bool stopped;
};
struct few {
	struct layout *layout;
	uint32_t n, buffer_kib; /* buffer_kib: of each socket; 0: 4,096 */
	struct full all[FEW_MOST];
	uint64_t arrived; /* packets that the link let through */
	int64_t empty_ns; /* of the sender */
	uint64_t again;	  /* of these, sent in the second pass and later */
	bool (*script)(struct cast *c, uint32_t step);
};

static inline void full_speaks(struct cast *cast, uint32_t who)
{
	struct few *f = cast->group;
	struct full *one = &f->all[who];
	struct wire_report r;
	int64_t until;

	while (receiver_report(one->r, cast->world->now, &r, &until))
		if (chance_unit(&cast->world->chance) >= one->loss)
			world_report(cast, who, &r);
	if (until != INT64_MAX && (one->speak_ns <= cast->world->now || until < one->speak_ns)) {
		one->speak_ns = until;
		world_add(cast->world, (struct happens){ .at = until, .what = SPEAK, .cast = cast->number, .who = who });
	}
}

static inline void full_takes(struct cast *cast, struct full *one, const struct burst *b)
{
	struct few *f = cast->group;
	uint32_t chunks[LAYOUT_K_MAX];

	for (unsigned int i = 0; i < b->n; i++) {
		uint32_t block = b->symbols[i].block;
		bool wanted = receiver_data(one->r, block, b->symbols[i].index) == RECEIVER_WANTED;
		size_t n;

		receiver_heard(one->r, wanted, cast->world->now);
		if (!wanted)
			continue;
		one->took++;
		one->took_again += b->pass > 1;
		if (!receiver_took(one->r, block, b->symbols[i].index))
			continue;
		n = receiver_decoded(one->r, block, chunks, LAYOUT_K_MAX);
		for (size_t c = 0; c < n; c++)
			receiver_chunk_good(one->r, chunks[c]);
	}
	if (one->whole_ns == 0) {
		struct receiver_view v;

		receiver_look(one->r, &v);
		if (v.chunks_good == layout_chunks(f->layout))
			one->whole_ns = cast->world->now;
	}
}

/* Into the socket buffer: when the packet is taken out of it; -1: there is no room. */
static inline int64_t full_queue(const struct cast *cast, struct full *one, uint32_t bytes)
{
	double now = (double)cast->world->now;

	if (one->bytes_s <= 0)
		return cast->world->now;
	if (one->busy_ns < now)
		one->busy_ns = now;
	if (one->pause_ns > 0 && cast->world->now >= one->pause_next) {
		one->busy_ns += (double)one->pause_ns;
		one->pause_next = cast->world->now + (int64_t)(chance_unit(&cast->world->chance) * 6 * (double)one->pause_ns);
	}
	if (one->queued + bytes > one->buffer)
		return -1;
	one->queued += bytes;
	one->busy_ns += bytes * 1e9 / one->bytes_s;
	return (int64_t)one->busy_ns;
}

struct taken {
	struct burst burst;
	struct wire_poll poll; /* seq 0: none */
};

static inline void few_burst(struct cast *cast, const struct burst *b)
{
	struct few *f = cast->group;

	f->arrived += b->n;
	f->again += b->pass > 1 ? b->n : 0;
	for (uint32_t i = 0; i < f->n; i++) {
		struct full *one = &f->all[i];
		struct taken t = { 0 };
		int64_t at = 0;

		t.burst.pass = b->pass;
		if (one->stopped)
			continue;
		for (unsigned int j = 0; j < b->n; j++) {
			int64_t when;

			if (chance_unit(&cast->world->chance) < one->loss)
				continue;
			when = full_queue(cast, one, DATA_WIRE);
			if (when < 0)
				continue;
			at = when;
			t.burst.symbols[t.burst.n++] = b->symbols[j];
		}
		if (t.burst.n > 0)
			world_add(cast->world, (struct happens){ .at = at,
								 .what = PACKET_TAKEN,
								 .cast = cast->number,
								 .who = i,
								 .data = mem_dup(&t, sizeof(t)) });
	}
}

static inline void few_poll(struct cast *cast, const struct wire_poll *p)
{
	struct few *f = cast->group;

	for (uint32_t i = 0; i < f->n; i++) {
		struct full *one = &f->all[i];
		struct taken t = { .poll = *p };
		int64_t at;

		if (one->stopped || chance_unit(&cast->world->chance) < one->loss)
			continue;
		at = full_queue(cast, one, POLL_WIRE);
		if (at >= 0)
			world_add(cast->world, (struct happens){ .at = at,
								 .what = PACKET_TAKEN,
								 .cast = cast->number,
								 .who = i,
								 .data = mem_dup(&t, sizeof(t)) });
	}
}

static inline void few_event(struct cast *cast, const struct happens *e)
{
	struct few *f = cast->group;
	struct full *one = &f->all[e->who];
	struct err err = { 0 };

	if (e->what == SCRIPT) {
		if (!f->script(cast, e->n))
			world_add(
				cast->world,
				(struct happens){ .at = cast->world->now + MS, .what = SCRIPT, .cast = cast->number, .n = e->n });
		return;
	}
	if (e->what == PACKET_TAKEN && !one->stopped) {
		struct taken *t = e->data;

		if (one->bytes_s > 0)
			one->queued -= t->burst.n * DATA_WIRE + (t->poll.seq != 0 ? POLL_WIRE : 0);
		full_takes(cast, one, &t->burst);
		if (t->poll.seq != 0 && receiver_poll(one->r, &t->poll, cast->world->now, &err) != 0)
			fprintf(stderr, "castsim: %s\n", err.text);
	}
	free(e->data);
	if (!one->stopped && (e->what == PACKET_TAKEN || one->speak_ns == e->at))
		full_speaks(cast, e->who);
}

/* One more; `have`: as of receiver_opts. */
static inline struct full *few_add(struct cast *cast, const uint8_t *have, double loss, double bytes_s)
{
	struct few *f = cast->group;
	struct full *one = &f->all[f->n];
	uint32_t kib = f->buffer_kib != 0 ? f->buffer_kib : 4096;
	struct receiver_opts o = {
		.layout = f->layout, .have = have, .buffer_kib = kib, .seed = chance_next(&cast->world->chance)
	};
	struct receiver_view v;

	*one = (struct full){ .loss = loss, .bytes_s = bytes_s, .buffer = kib * 1024 };
	one->r = receiver_new(&o, cast->world->now);
	receiver_look(one->r, &v);
	for (uint32_t c = 0; c < layout_chunks(f->layout); c++)
		if (!receiver_has_chunk(one->r, c))
			one->lacked += (layout_chunk_len(f->layout, c) + LAYOUT_SYMBOL - 1) / LAYOUT_SYMBOL;
	sender_join(cast->sender, (uint16_t)(f->n + 1), have, cast->world->now);
	f->n++;
	return one;
}

static inline void few_new(struct few *f, struct cast *cast, struct world *w, uint64_t bytes, uint32_t expected, int64_t begin_ns)
{
	struct err err = { 0 };
	struct sender_opts so = {
		.expected = expected, .gather_ns = 2 * SECOND, .empty_ns = f->empty_ns, .seed = chance_next(&w->chance)
	};

	if (layout_of_pieces(bytes, 1 << 20, LAYOUT_SYMBOL, &f->layout, &err) != 0)
		abort();
	so.layout = f->layout;
	*cast = (struct cast){ .world = w, .group = f, .burst = few_burst, .poll = few_poll, .event = few_event };
	cast->number = w->n_casts;
	w->casts[w->n_casts++] = cast;
	cast->sender = sender_new(&so, begin_ns);
	cast->next_ns = begin_ns;
}

static inline int64_t few_whole(const struct few *f, uint32_t n) /* when the first n were whole; 0: not all are */
{
	int64_t last = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (f->all[i].whole_ns == 0)
			return 0;
		last = f->all[i].whole_ns > last ? f->all[i].whole_ns : last;
	}
	return last;
}

static inline void few_free(struct few *f, struct cast *cast)
{
	sender_free(cast->sender);
	for (uint32_t i = 0; i < f->n; i++)
		receiver_free(f->all[i].r);
	layout_drop(f->layout);
}

#endif
