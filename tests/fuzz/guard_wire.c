/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes to a guard: raw ones, and such as somebody with the key signed, between what two guards really say, replays of it and
 * new starts. What is refused changes nothing, what is taken is a message that a voter could have said, to this boot, once. */
#include "headfailover/guard/wire.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SIGNED (GUARD_WIRE_LEN - GUARD_WIRE_TAG)
#define LINKS 2
#define KEPT 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at;
	size_t left;
};
struct scene {
	struct guard_wire w[2]; /* both heads */
	uint64_t boots;
	int64_t now_ns;
	unsigned int n_kept;
	uint8_t kept[KEPT][GUARD_WIRE_LEN];
};

static void must(bool it)
{
	if (!it)
		abort();
}

static uint8_t next(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++;
}

static void start(struct scene *s, unsigned int who)
{
	struct guard_keys keys = { .n = 2 };
	uint8_t bytes[GUARD_KEY_LEN] = { 0 };
	struct err err = { 0 };

	for (unsigned int i = 0; i < 2; i++) {
		bytes[0] = (uint8_t)(i + 1);
		must(guard_key_of(bytes, "fuzz", &keys.key[i], &err) == 0);
	}
	must(guard_wire_init(&s->w[who], (uint8_t)who, 3, LINKS, ++s->boots, &keys, &err) == 0);
}

static void keep(struct scene *s, const uint8_t d[GUARD_WIRE_LEN])
{
	memcpy(s->kept[s->n_kept++ % KEPT], d, GUARD_WIRE_LEN);
}

static void check_refused(const struct guard_wire *before, const struct guard_wire *after, unsigned int link,
			  const struct guard_heard *h)
{
	struct guard_wire same = *before;

	must(h->why >= GUARD_SHORT && h->why < GUARD_REFUSED_END && !h->new_boot && guard_refused_name(h->why)[0] != '?');
	same.refused[link][h->why]++;
	for (unsigned int i = 0; i < LEASE_VOTERS; i++) {
		same.peers[i].links[link].answered_ns = after->peers[i].links[link].answered_ns;
		same.peers[i].twins = after->peers[i].twins;
	}
	must(memcmp(&same, after, sizeof(same)) == 0);
	must(!h->answer || (h->why == GUARD_UNPROVEN && h->from < 3 && h->from != after->self));
}

/* Its sender would have written the same bytes: nothing in them is without a meaning. */
static void check_taken(const struct guard_wire *after, unsigned int link, const uint8_t *data, const struct guard_heard *h)
{
	struct guard_wire sender = *after;
	uint8_t out[GUARD_LINKS][GUARD_WIRE_LEN];

	must(h->msg.kind >= LEASE_HELLO && h->msg.kind < LEASE_KIND_END && h->msg.lease_ns >= 0 &&
	     h->msg.lease_ns <= LEASE_MAX_NS);
	must(h->msg.to == after->self && h->msg.from == h->from && h->from < 3 && h->from != after->self);
	must(after->peers[h->from].boot == h->boot && h->boot && h->number);
	sender.self = h->from;
	sender.boot = h->boot;
	sender.peers[after->self].sent = h->number - 1;
	must(guard_wire_write(&sender, &h->msg, out));
	must(memcmp(out[link], data, 12) == 0 && memcmp(out[link] + 24, data + 24, 16) == 0 &&
	     memcmp(out[link] + 56, data + 56, SIGNED - 56) == 0);
}

static void deliver(struct scene *s, unsigned int who, unsigned int link, const uint8_t *data, size_t len, bool again)
{
	struct guard_wire *w = &s->w[who];
	const struct guard_wire before = *w;
	uint8_t out[GUARD_LINKS][GUARD_WIRE_LEN];
	struct guard_heard h;
	const enum guard_verdict v = guard_wire_hear(w, link, data, len, s->now_ns, &h);

	must(v == GUARD_REFUSED || v == GUARD_TAKEN || v == GUARD_PROOF || v == GUARD_COPY);
	if (v == GUARD_REFUSED)
		check_refused(&before, w, link, &h);
	if (v == GUARD_TAKEN)
		check_taken(w, link, data, &h);
	if (v != GUARD_REFUSED && again)
		deliver(s, who, link, data, len, false);
	must(again || v == GUARD_REFUSED);
	if (!again || !h.answer)
		return;
	guard_wire_answer(w, &h, out);
	for (unsigned int i = 0; i < LINKS; i++)
		keep(s, out[i]);
}

static void raw(struct scene *s, struct input *in)
{
	const uint8_t how = next(in);
	const size_t want = how & 1 ? GUARD_WIRE_LEN : next(in), len = want < in->left ? want : in->left;
	uint8_t *exact = malloc(len + 1); /* what is read beyond it is found, but for the one byte of an empty one */

	memcpy(exact, in->at, len);
	in->at += len;
	in->left -= len;
	deliver(s, how >> 1 & 1, how >> 2 & 1, exact, len, true);
	free(exact);
}

/* One that was said, or zeros; up to seven changes; signed by one of the keys. */
static void forged(struct scene *s, struct input *in)
{
	const uint8_t how = next(in), changes = next(in);
	const struct guard_key *key = &s->w[0].keys.key[how >> 1 & 1];
	uint8_t d[GUARD_WIRE_LEN] = { 0 };

	if (how & 1 && s->n_kept)
		memcpy(d, s->kept[next(in) % (s->n_kept < KEPT ? s->n_kept : KEPT)], sizeof(d));
	for (unsigned int i = 0; i < changes % 8; i++) {
		const uint8_t at = next(in);

		d[at % SIGNED] = next(in);
	}
	if (how & 8) /* the other key's cluster would be wrong */
		for (unsigned int i = 0; i < 8; i++)
			d[16 + i] = (uint8_t)(key->cluster >> (56 - 8 * i));
	for (unsigned int i = 0; i < 4; i++)
		d[12 + i] = (uint8_t)(key->id >> (24 - 8 * i));
	must(crypto_generichash(d + SIGNED, GUARD_WIRE_TAG, d, SIGNED, key->bytes, sizeof(key->bytes)) == 0);
	keep(s, d);
	deliver(s, how >> 4 & 1, how >> 5 & 1, d, sizeof(d), true);
}

static void say(struct scene *s, struct input *in)
{
	const uint8_t how = next(in);
	struct guard_wire *w = &s->w[how & 1];
	uint8_t out[GUARD_LINKS][GUARD_WIRE_LEN];
	struct lease_msg m = { .kind = (enum lease_kind)(1 + (how >> 4) % 8), .from = w->self, .to = how & 2 ? 2 : !w->self };

	m.owner = how & 4 ? LEASE_NOBODY : next(in);
	m.flags = next(in);
	m.ballot = next(in);
	m.epoch = next(in);
	m.lease_ns = next(in);
	if (!guard_wire_write(w, &m, out))
		return;
	for (unsigned int i = 0; i < LINKS; i++) {
		keep(s, out[i]);
		if (m.to < 2 && how >> (2 + i) & 1)
			deliver(s, m.to, i, out[i], GUARD_WIRE_LEN, true);
	}
}

static void replay(struct scene *s, struct input *in)
{
	const uint8_t how = next(in), which = next(in);

	if (s->n_kept)
		deliver(s, how & 1, how >> 1 & 1, s->kept[which % (s->n_kept < KEPT ? s->n_kept : KEPT)], GUARD_WIRE_LEN, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct scene s = { .now_ns = 1 };

	start(&s, 0);
	start(&s, 1);
	while (in.left) {
		const uint8_t what = next(&in);

		s.now_ns += (int64_t)(what >> 4) * 200000;
		if (what % 16 < 4)
			raw(&s, &in);
		else if (what % 16 < 8)
			forged(&s, &in);
		else if (what % 16 < 11)
			say(&s, &in);
		else if (what % 16 < 15)
			replay(&s, &in);
		else
			start(&s, what >> 4 & 1);
	}
	return 0;
}
