/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A network on virtual time for the cast's machines: a link with a queue, senders at its one end, receivers at the other. What
 * happens is in one heap; a burst of packets is one event. */
#ifndef ORTHRUS_LAB_CASTSIM_WORLD_H
#define ORTHRUS_LAB_CASTSIM_WORLD_H

#include "base/mem.h"
#include "cast/chance.h"
#include "cast/receiver_priv.h"
#include "cast/sender.h"

#include <stdio.h>
#include <string.h>

#define US ((int64_t)1000)
#define MS ((int64_t)1000 * 1000)
#define SECOND ((int64_t)1000 * 1000 * 1000)
#define DATA_UDP (LAYOUT_SYMBOL + WIRE_DATA_MORE)
#define ON_WIRE (28 + 38) /* of IP, UDP and Ethernet */
#define DATA_WIRE (DATA_UDP + ON_WIRE)
#define POLL_WIRE (300 + ON_WIRE)

enum happening { BURST_ARRIVES, POLL_ARRIVES, REPORT_ARRIVES, SPEAK, PACKET_TAKEN, SCRIPT };
struct happens {
	int64_t at;
	uint64_t order; /* of those at the same time */
	enum happening what;
	uint32_t cast, who, n;
	void *data; /* freed by who handles it */
};
struct burst {
	unsigned int n;
	uint8_t pass;
	struct sender_symbol symbols[SENDER_BURST];
};

struct link {
	double bytes_s, queue_bytes; /* queue 0: endless */
	double free_ns;		     /* when all that is queued has left */
	int64_t delay_ns;
};

struct cast;
struct world {
	struct link link;
	struct happens *heap;
	size_t n, cap;
	uint64_t order, chance;
	int64_t now, last;
	struct cast *casts[2];
	unsigned int n_casts;
};

/* A cast, and what those who take part do when something comes. */
struct cast {
	struct world *world;
	uint32_t number;
	struct sender *sender;
	int64_t next_ns, begin_ns, end_ns;
	bool ended;
	uint64_t wire_bytes;
	void *group;
	void (*burst)(struct cast *c, const struct burst *b);
	void (*poll)(struct cast *c, const struct wire_poll *p);
	void (*event)(struct cast *c, const struct happens *e);
};

static inline bool sooner(const struct happens *a, const struct happens *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static inline void world_add(struct world *w, struct happens e)
{
	size_t i = w->n;

	w->heap = mem_room(w->heap, w->n, &w->cap, sizeof(*w->heap));
	w->n++;
	e.order = w->order++;
	while (i > 0 && sooner(&e, &w->heap[(i - 1) / 2])) {
		w->heap[i] = w->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	w->heap[i] = e;
}

static inline struct happens world_pop(struct world *w)
{
	struct happens first = w->heap[0], last = w->heap[--w->n];
	size_t i = 0;

	for (;;) {
		size_t c = 2 * i + 1;

		if (c >= w->n)
			break;
		if (c + 1 < w->n && sooner(&w->heap[c + 1], &w->heap[c]))
			c++;
		if (!sooner(&w->heap[c], &last))
			break;
		w->heap[i] = w->heap[c];
		i = c;
	}
	if (w->n > 0)
		w->heap[i] = last;
	return first;
}

/* When a packet is through; -1: the queue was full. */
static inline int64_t link_pass(struct world *w, uint32_t bytes)
{
	struct link *l = &w->link;
	double begin = l->free_ns > (double)w->now ? l->free_ns : (double)w->now;

	if (l->queue_bytes > 0 && (begin - (double)w->now) * l->bytes_s * 1e-9 + bytes > l->queue_bytes)
		return -1;
	l->free_ns = begin + bytes * 1e9 / l->bytes_s;
	return (int64_t)l->free_ns + l->delay_ns;
}

/* A report goes back: its way is never full, but takes a little longer now and then. */
static inline void world_report(struct cast *c, uint32_t who, const struct wire_report *r)
{
	struct world *w = c->world;
	int64_t late = (int64_t)(chance_unit(&w->chance) * 50 * US);

	world_add(w, (struct happens){ .at = w->now + w->link.delay_ns + late,
				       .what = REPORT_ARRIVES,
				       .cast = c->number,
				       .who = who,
				       .data = mem_dup(r, sizeof(*r)) });
}

static inline void cast_send(struct cast *c, const struct sender_out *out)
{
	struct world *w = c->world;
	struct burst *b = mem_zalloc(sizeof(*b));
	int64_t at = 0;

	if (c->begin_ns == 0)
		c->begin_ns = w->now;
	for (unsigned int i = 0; i < out->n; i++) {
		int64_t t = link_pass(w, DATA_WIRE);

		c->wire_bytes += DATA_UDP + 28;
		if (t >= 0) {
			b->symbols[b->n++] = out->symbols[i];
			at = t;
		}
	}
	b->pass = out->pass;
	if (b->n > 0)
		world_add(w, (struct happens){ .at = at, .what = BURST_ARRIVES, .cast = c->number, .data = b });
	else
		free(b);
}

static inline void cast_poll(struct cast *c, struct wire_poll *p)
{
	struct world *w = c->world;
	int64_t at = link_pass(w, POLL_WIRE);

	p->now_us = (uint64_t)w->now / 1000;
	c->wire_bytes += POLL_WIRE - 38;
	if (at >= 0)
		world_add(w,
			  (struct happens){ .at = at, .what = POLL_ARRIVES, .cast = c->number, .data = mem_dup(p, sizeof(*p)) });
}

static inline void cast_step(struct cast *c)
{
	struct sender_out out;

	for (;;) {
		sender_next(c->sender, c->world->now, &out);
		switch (out.act) {
		case SENDER_SEND_DATA:
			cast_send(c, &out);
			break;
		case SENDER_SEND_POLL:
			cast_poll(c, &out.poll);
			break;
		case SENDER_SEND_ROWS:
			break;
		case SENDER_WAIT:
			c->next_ns = out.until_ns;
			return;
		case SENDER_ENDED:
			c->ended = true;
			c->end_ns = c->world->now;
			c->next_ns = INT64_MAX;
			return;
		}
	}
}

static inline void world_event(struct world *w, struct happens *e)
{
	struct cast *c = w->casts[e->cast];

	switch (e->what) {
	case BURST_ARRIVES:
		c->burst(c, e->data);
		free(e->data);
		break;
	case POLL_ARRIVES:
		c->poll(c, e->data);
		free(e->data);
		break;
	case REPORT_ARRIVES:
		if (sender_heard(c->sender, (uint16_t)(e->who + 1), e->data, w->now) != 0)
			fprintf(stderr, "castsim: a report of %u was refused\n", e->who);
		c->next_ns = w->now;
		free(e->data);
		break;
	case SPEAK:
	case PACKET_TAKEN:
	case SCRIPT:
		c->event(c, e);
		break;
	}
}

/* Until every sender is over (and `most` at the latest): true. */
static inline bool world_run(struct world *w, int64_t most)
{
	for (;;) {
		struct cast *next = NULL;

		for (unsigned int i = 0; i < w->n_casts; i++)
			if (!w->casts[i]->ended && (!next || w->casts[i]->next_ns < next->next_ns))
				next = w->casts[i];
		if (!next)
			return true;
		if (w->n > 0 && w->heap[0].at <= next->next_ns) {
			struct happens e = world_pop(w);

			w->now = e.at > w->now ? e.at : w->now;
			world_event(w, &e);
		} else {
			w->now = next->next_ns > w->now ? next->next_ns : w->now;
			cast_step(next);
		}
		if (w->now > most)
			return false;
	}
}

static inline void world_free(struct world *w)
{
	while (w->n > 0) {
		struct happens e = world_pop(w);

		free(e.data);
	}
	free(w->heap);
	w->heap = NULL;
}

/* E of a whole cast: for each block (1/k)[k + sum over j of 1 - F(j)^n], F of NegBin(k, 1 - p), weighted by k. */
static inline double ideal_of(unsigned int k, double p, double n)
{
	double pmf = 1, f = 0, sum = 0;

	for (unsigned int i = 0; i < k; i++)
		pmf *= 1 - p;
	for (unsigned int j = 0; j < 2000; j++) {
		double all = 1, base;

		f += pmf;
		pmf *= p * (k + j) / (j + 1);
		base = f > 1 ? 1 : f;
		for (unsigned int e = (unsigned int)n; e > 0; e >>= 1) {
			if (e & 1)
				all *= base;
			base *= base;
		}
		sum += 1 - all;
		if (1 - all < 1e-12)
			break;
	}
	return (k + sum) / k;
}

static inline uint64_t symbols_of(const struct layout *l)
{
	uint64_t n = 0;

	for (uint32_t b = 0; b < layout_blocks(l); b++)
		n += layout_block(l, b)->k;
	return n;
}

static inline double ideal(const struct layout *l, double p, double n)
{
	double of[LAYOUT_K_MAX + 1] = { 0 }, sum = 0;

	for (uint32_t b = 0; b < layout_blocks(l); b++) {
		unsigned int k = layout_block(l, b)->k;

		if (of[k] == 0)
			of[k] = ideal_of(k, p, n);
		sum += of[k] * k;
	}
	return sum / (double)symbols_of(l);
}

#endif
