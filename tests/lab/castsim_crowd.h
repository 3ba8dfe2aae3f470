/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Thousands of receivers, each with the real talk of cast/receiver_talk.c over a light store: how many symbols of a block were on
 * the air, and how many of them this one lost. Only losses cost time. */
#ifndef ORTHRUS_LAB_CASTSIM_CROWD_H
#define ORTHRUS_LAB_CASTSIM_CROWD_H

#include "tests/lab/castsim_world.h"

struct one {
	struct talk talk;
	struct crowd *crowd;
	uint8_t *lost; /* of each block */
	double loss;
	uint32_t gap; /* packets until the next one that is lost */
	int64_t speak_ns, whole_ns;
	bool bad, dead;
};
struct crowd {
	struct layout *layout;
	uint32_t n, blocks;
	struct one *ones;
	uint8_t *lost, *thr; /* thr: so many of a block may be lost; below: `none` have enough */
	uint16_t *sent;	     /* different symbols of each block */
	uint8_t *seen;	     /* 255 of each block */
	uint32_t unsent;     /* blocks with fewer than k on the air */
	uint32_t whole_good, died;
	int64_t dead_ns;
	uint64_t good_sent, good; /* DATA sent until the last good one was whole; how many are good */
	int64_t good_ns;
};

static inline uint32_t gap_of(uint64_t *chance, double p)
{
	double u = 1 - chance_unit(chance);

	return p <= 0 ? UINT32_MAX : (uint32_t)(chance_ln(1 / u) / chance_ln(1 / (1 - p)));
}

static inline bool crowd_lacking(const void *store, uint32_t from, uint32_t to, struct talk_lack *out)
{
	const struct one *o = store;
	const struct crowd *c = o->crowd;

	for (uint32_t b = from; b < to; b++) {
		unsigned int k, got;

		if (c->sent[b] >= c->sent[b] - o->lost[b] + 0u && o->lost[b] <= c->thr[b] && c->thr[b] != 255)
			continue;
		k = layout_block(c->layout, b)->k;
		got = c->sent[b] - o->lost[b];
		if (got >= k)
			continue;
		*out = (struct talk_lack){ b, (uint16_t)k, got == 0 ? 255 : (uint8_t)(k - got) };
		return true;
	}
	return false;
}

static inline void one_hears(struct cast *cast, struct one *o, const struct burst *b, const bool *fresh)
{
	struct crowd *c = cast->group;
	unsigned int at = 0, lost = 0;

	while (o->gap < b->n - at) {
		at += o->gap;
		if (fresh[at] && o->lost[b->symbols[at].block] < 255)
			o->lost[b->symbols[at].block]++;
		lost++;
		at++;
		o->gap = gap_of(&cast->world->chance, o->loss);
		if (at >= b->n)
			break;
	}
	if (at < b->n)
		o->gap -= b->n - at;
	o->talk.heard += b->n - lost;
	(void)c;
}

static inline void one_counts(struct cast *cast, struct one *o)
{
	struct crowd *c = cast->group;
	uint32_t n = 0;

	for (uint32_t b = 0; b < c->blocks; b++)
		n += o->lost[b] > c->thr[b] || c->thr[b] == 255;
	o->talk.blocks_lacking = n;
}

static inline void one_speaks(struct cast *cast, struct one *o, uint32_t who)
{
	struct wire_report r;
	int64_t until;

	while (talk_report(&o->talk, cast->world->now, &r, &until)) {
		if (chance_unit(&cast->world->chance) >= o->loss)
			world_report(cast, who, &r);
	}
	if (until != INT64_MAX && (o->speak_ns <= cast->world->now || until < o->speak_ns)) {
		o->speak_ns = until;
		world_add(cast->world, (struct happens){ .at = until, .what = SPEAK, .cast = cast->number, .who = who });
	}
}

static inline bool is_dead(const struct cast *cast, const struct one *o)
{
	return o->dead && cast->world->now > ((const struct crowd *)cast->group)->dead_ns;
}

static inline void one_whole(struct cast *cast, struct one *o, uint32_t who)
{
	struct crowd *c = cast->group;
	struct sender_view v;

	o->whole_ns = cast->world->now;
	if (!o->bad && !o->dead && ++c->whole_good == c->good) {
		sender_look(cast->sender, &v);
		c->good_sent = v.data_packets;
		c->good_ns = cast->world->now;
	}
	talk_state(&o->talk, WIRE_COMPLETE, cast->world->now);
	one_speaks(cast, o, who);
}

static inline void crowd_burst(struct cast *cast, const struct burst *b)
{
	struct crowd *c = cast->group;
	bool fresh[SENDER_BURST];

	for (unsigned int i = 0; i < b->n; i++) {
		uint32_t block = b->symbols[i].block;
		unsigned int k = layout_block(c->layout, block)->k;
		uint8_t *seen = &c->seen[(size_t)block * 256 + b->symbols[i].index];

		fresh[i] = !*seen;
		c->sent[block] += fresh[i];
		*seen = 1;
		if (fresh[i] && c->sent[block] == k)
			c->unsent--;
		c->thr[block] = c->sent[block] < k ? 255 : (uint8_t)(c->sent[block] - k < 254 ? c->sent[block] - k : 254);
	}
	for (uint32_t i = 0; i < c->n; i++) {
		struct one *o = &c->ones[i];

		if (is_dead(cast, o))
			continue;
		one_hears(cast, o, b, fresh);
		if (c->unsent > 0 || o->whole_ns != 0)
			continue;
		one_counts(cast, o);
		if (o->talk.blocks_lacking == 0)
			one_whole(cast, o, i);
	}
}

static inline void crowd_poll(struct cast *cast, const struct wire_poll *p)
{
	struct crowd *c = cast->group;

	for (uint32_t i = 0; i < c->n; i++) {
		struct one *o = &c->ones[i];

		if (is_dead(cast, o) || chance_unit(&cast->world->chance) < o->loss)
			continue;
		if (o->whole_ns == 0)
			one_counts(cast, o);
		talk_poll(&o->talk, p, cast->world->now);
		one_speaks(cast, o, i);
	}
}

static inline void crowd_event(struct cast *cast, const struct happens *e)
{
	struct crowd *c = cast->group;
	struct one *o = &c->ones[e->who];

	if (o->speak_ns != e->at || is_dead(cast, o))
		return;
	one_speaks(cast, o, e->who);
}

struct crowd_opts {
	uint32_t n;
	uint64_t bytes, seed;
	double loss, bad_share, bad_loss, dead_share, bytes_s;
};

static inline void crowd_new(struct crowd *c, struct cast *cast, struct world *w, const struct crowd_opts *o)
{
	struct err err = { 0 };
	struct sender_opts so = { .expected = o->n, .gather_ns = 2 * SECOND, .seed = o->seed, .rate_max = (uint64_t)o->bytes_s };
	uint64_t seed = o->seed;

	if (layout_of_pieces(o->bytes, 1 << 20, LAYOUT_SYMBOL, &c->layout, &err) != 0)
		abort();
	c->n = o->n;
	c->blocks = layout_blocks(c->layout);
	c->ones = mem_array(c->n, sizeof(*c->ones));
	c->lost = mem_array(c->n, c->blocks);
	c->thr = mem_array(c->blocks, 1);
	memset(c->thr, 255, c->blocks);
	c->sent = mem_array(c->blocks, sizeof(*c->sent));
	c->seen = mem_array(c->blocks, 256);
	c->unsent = c->blocks;
	so.layout = c->layout;
	*cast = (struct cast){ .world = w, .group = c, .burst = crowd_burst, .poll = crowd_poll, .event = crowd_event };
	cast->number = w->n_casts;
	w->casts[w->n_casts++] = cast;
	cast->sender = sender_new(&so, w->now);
	cast->next_ns = w->now;
	for (uint32_t i = 0; i < c->n; i++) {
		struct one *one = &c->ones[i];

		talk_init(&one->talk, chance_next(&seed), crowd_lacking, one);
		one->talk.buffer_kib = 4096;
		one->talk.blocks_lacking = c->blocks;
		one->crowd = c;
		one->lost = c->lost + (size_t)i * c->blocks;
		one->bad = i < o->n * o->bad_share;
		one->dead = !one->bad && i >= o->n * (1 - o->dead_share);
		one->loss = one->bad ? o->bad_loss : o->loss;
		one->gap = gap_of(&w->chance, one->loss);
		c->died += one->dead;
		c->good += !one->bad && !one->dead;
		sender_join(cast->sender, (uint16_t)(i + 1), NULL, w->now);
	}
}

static inline void crowd_free(struct crowd *c, struct cast *cast)
{
	sender_free(cast->sender);
	layout_drop(c->layout);
	free(c->ones);
	free(c->lost);
	free(c->thr);
	free(c->sent);
	free(c->seen);
}

#endif
