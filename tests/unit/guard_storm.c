/* SPDX-License-Identifier: GPL-2.0-or-later */
/* headfailover/guard/wire: two guards that begin anew at any time, on links that lose, double, delay and reorder, with somebody
 * between who kept all that was ever said and plays it again, moved, reflected and changed. What the wire promises holds at every
 * step:
 *  - what is taken was said by the other guard, to this boot of this one, and is taken once;
 *  - no boot is believed after a later one of the same guard;
 *  - when the links work, both are heard soon, whatever is played to them meanwhile. */
#include "tests/unit/guard_wire.h"

#define TAPE 8192
#define NUMBERS 65536
#define STEPS 1000000

struct kept {
	uint8_t bytes[GUARD_WIRE_LEN];
	uint8_t from, to;
	uint64_t ballot, boot, to_boot, number; /* ballot 0: a PROOF */
};
struct side {
	struct guard_wire w;
	uint64_t known, believed; /* boots of the other one: that it proved, that something was taken of */
	bool taken[NUMBERS];	  /* of that */
	unsigned int taken_since_quiet;
};
struct storm {
	uint64_t random, boots, ballots, replayed, taken, restarts;
	int64_t now_ns;
	bool quiet;
	struct side side[2];
	uint64_t on_tape;
	struct kept tape[TAPE];
};

static uint64_t dice(struct storm *s, uint64_t sides)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return s->random % sides;
}

static void start(struct storm *s, uint8_t who)
{
	struct side *side = &s->side[who];

	voter_start(&side->w, who, ++s->boots);
	side->known = side->believed = 0;
	memset(side->taken, 0, sizeof(side->taken));
	s->restarts++;
}

static void deliver(struct storm *s, const struct kept *k, uint8_t to, unsigned int link);

static void put_on_tape(struct storm *s, uint8_t from, uint64_t ballot, const struct packets *p)
{
	const uint8_t to = !from;

	for (unsigned int i = 0; i < LINKS; i++) {
		struct kept *k = &s->tape[s->on_tape++ % TAPE];

		*k = (struct kept){ .from = from,
				    .to = to,
				    .ballot = ballot,
				    .boot = s->side[from].w.boot,
				    .to_boot = s->side[to].w.boot,
				    .number = s->side[from].w.peers[to].sent };
		memcpy(k->bytes, p->by[i], GUARD_WIRE_LEN);
	}
}

/* Both datagrams of the last message, or one of them, or none. */
static void send_last(struct storm *s, uint8_t to)
{
	const uint64_t last = s->on_tape;

	for (unsigned int i = 0; i < LINKS; i++)
		if (s->quiet || dice(s, 3))
			deliver(s, &s->tape[(last - LINKS + i) % TAPE], to, i);
}

static void taken(struct storm *s, uint8_t who, const struct guard_heard *h, const struct kept *k)
{
	struct side *side = &s->side[who];

	assert_true(k->to == who && k->from != who);
	assert_true(h->msg.ballot == k->ballot && h->boot == k->boot && h->number == k->number && h->from == k->from);
	assert_true(k->to_boot == side->w.boot);
	assert_true(h->boot >= side->believed);
	if (h->boot != side->believed)
		memset(side->taken, 0, sizeof(side->taken));
	side->believed = h->boot;
	assert_true(h->number < NUMBERS && !side->taken[h->number]);
	side->taken[h->number] = true;
	side->taken_since_quiet++;
	s->taken++;
}

static void deliver(struct storm *s, const struct kept *was, uint8_t to, unsigned int link)
{
	const struct kept k = *was;
	struct guard_heard h;
	const enum guard_verdict v = guard_wire_hear(&s->side[to].w, link, k.bytes, GUARD_WIRE_LEN, s->now_ns, &h);

	assert_true(!h.new_boot || (v != GUARD_REFUSED && h.boot > s->side[to].known));
	if (v != GUARD_REFUSED) {
		assert_true(k.to == to && k.to_boot == s->side[to].w.boot && h.boot >= s->side[to].known);
		s->side[to].known = h.boot;
	}
	if (v == GUARD_TAKEN)
		taken(s, to, &h, &k);
	if (h.answer) {
		struct packets p = answer(&s->side[to].w, &h);

		put_on_tape(s, to, 0, &p);
		send_last(s, !to);
	}
}

static void talk(struct storm *s, uint8_t who)
{
	struct lease_msg m = hello(who, !who);
	struct packets p;

	m.ballot = ++s->ballots;
	p = say(&s->side[who].w, m);
	put_on_tape(s, who, m.ballot, &p);
	send_last(s, !who);
}

/* Any of the last 8,192 datagrams, often of the last few: mostly as it was and by its own link. */
static void replay(struct storm *s)
{
	const uint64_t n = s->on_tape < TAPE ? s->on_tape : TAPE, back = dice(s, 4) ? dice(s, n) : dice(s, n < 40 ? n : 40);
	const struct kept *k = &s->tape[(s->on_tape - 1 - back) % TAPE];
	const uint8_t to = dice(s, 10) ? k->to : k->from;
	const unsigned int link = dice(s, 10) ? k->bytes[AT_LINK] : (unsigned int)dice(s, LINKS);
	struct kept changed = *k;

	if (dice(s, 8) == 0) {
		changed.bytes[dice(s, GUARD_WIRE_LEN)] ^= (uint8_t)(1 << dice(s, 8));
		changed.to = LEASE_NOBODY; /* nobody may take it */
	}
	s->replayed++;
	deliver(s, &changed, to, link);
}

/* As it should be, but for who plays old words: both hear each other within a few messages, and every one from then on. */
static void quiet(struct storm *s)
{
	s->quiet = true;
	for (unsigned int i = 0; i < 40; i++) {
		s->now_ns += 2 * MS;
		if (i == 20)
			s->side[0].taken_since_quiet = s->side[1].taken_since_quiet = 0;
		talk(s, i % 2);
		replay(s);
	}
	assert_int_equal(s->side[0].taken_since_quiet, 10);
	assert_int_equal(s->side[1].taken_since_quiet, 10);
	s->quiet = false;
}

static void test_storm(void **state)
{
	autofree struct storm *s = mem_zalloc(sizeof(*s));

	(void)state;
	s->random = 20261122;
	start(s, 0);
	start(s, 1);
	talk(s, 0);
	for (unsigned int i = 0; i < STEPS; i++) {
		s->now_ns += (int64_t)dice(s, MS);
		switch (dice(s, 4)) {
		case 0:
			talk(s, (uint8_t)dice(s, 2));
			break;
		default:
			replay(s);
		}
		if (dice(s, 500) == 0)
			start(s, (uint8_t)dice(s, 2));
		if (dice(s, 5000) == 0)
			quiet(s);
	}
	assert_true(s->taken > STEPS / 20 && s->restarts > STEPS / 1000);
	assert_false(s->side[0].w.peers[1].twins || s->side[1].w.peers[0].twins);
	printf("RESULT guard_storm replayed=%llu taken=%llu restarts=%llu wrong=0\n", (unsigned long long)s->replayed,
	       (unsigned long long)s->taken, (unsigned long long)s->restarts);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_storm) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
