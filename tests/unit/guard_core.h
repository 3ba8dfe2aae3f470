/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One voter on virtual time, for the tests of the lease's core: milliseconds, and short ways to say what it hears and should
 * answer. */
#ifndef ORTHRUS_UNIT_GUARD_CORE_H
#define ORTHRUS_UNIT_GUARD_CORE_H

#include "headfailover/guard/core_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define US INT64_C(1000)
#define MS INT64_C(1000000)
#define T (100 * MS)
#define R (20 * MS)
#define M (1100 * US)
#define HOLD_OFF (3000 * MS)
#define BEGIN (1000 * MS)
#define BALLOT(round, head) ((uint64_t)(round) << 8 | (head))

struct one {
	struct lease l;
	struct lease_actions a;
	int64_t now;
};

static inline struct lease_config some_config(uint8_t self, uint8_t n_voters)
{
	return (struct lease_config){ .self = self,
				      .n_voters = n_voters,
				      .lease_ns = T,
				      .renew_ns = R,
				      .hold_off_ns = HOLD_OFF,
				      .first_round = 50,
				      .seed = 7 };
}

static inline void step(struct one *o, struct lease_event e)
{
	e.now_ns = o->now;
	lease_step(&o->l, &e, &o->a);
}

static inline void on(struct one *o, enum lease_on kind)
{
	step(o, (struct lease_event){ .kind = kind, .who = lease_other(&o->l) });
}

/* Timers as asked for, up to `now`, and one then. */
static inline void pass_to(struct one *o, int64_t now)
{
	while (o->a.timer_ns < now) {
		assert_true(o->a.timer_ns > o->now);
		o->now = o->a.timer_ns;
		on(o, LEASE_ON_TIMER);
	}
	o->now = now;
	on(o, LEASE_ON_TIMER);
}

static inline void pass(struct one *o, int64_t ns)
{
	pass_to(o, o->now + ns);
}

static inline void begin(struct one *o, struct lease_config c)
{
	struct err err = { 0 };

	if (lease_config_check(&c, &err))
		fail_msg("%s", err.text);
	lease_init(&o->l, &c);
	o->now = BEGIN;
	on(o, LEASE_ON_START);
}

/* Up to the end of its quarantine. */
static inline void ready(struct one *o, uint8_t self, uint8_t n_voters)
{
	begin(o, some_config(self, n_voters));
	pass(o, T + M);
}

static inline struct lease_msg say(enum lease_kind kind, uint8_t from, uint64_t ballot)
{
	return (struct lease_msg){
		.kind = kind, .from = from, .owner = LEASE_NOBODY, .ballot = ballot, .lease_ns = kind == LEASE_PROPOSE ? T : 0
	};
}

static inline void hear_msg(struct one *o, struct lease_msg m)
{
	m.to = o->l.config.self;
	step(o, (struct lease_event){ .kind = LEASE_ON_MESSAGE, .msg = m });
}

static inline void hear(struct one *o, enum lease_kind kind, uint8_t from, uint64_t ballot)
{
	hear_msg(o, say(kind, from, ballot));
}

/* What was said to that voter in the last step; NULL: nothing of that kind. */
static __attribute__((noinline, unused)) const struct lease_msg *said(const struct one *o, enum lease_kind kind, uint8_t to)
{
	for (unsigned int i = 0; i < o->a.n_send; i++)
		if (o->a.send[i].kind == kind && o->a.send[i].to == to)
			return &o->a.send[i];
	return NULL;
}

static __attribute__((noinline, unused)) const struct lease_note *noted(const struct one *o, enum lease_note_kind kind)
{
	for (unsigned int i = 0; i < o->a.n_notes; i++)
		if (o->a.notes[i].kind == kind)
			return &o->a.notes[i];
	return NULL;
}

/* A head that has just asked gets promises and the lease from `voter` (and itself). */
static inline void get_it(struct one *o, uint8_t voter)
{
	assert_int_equal(o->l.state, HEAD_PREPARING);
	hear(o, LEASE_PROMISE, voter, o->l.ballot);
	assert_int_equal(o->l.state, HEAD_PROPOSING);
	hear(o, LEASE_ACCEPT, voter, o->l.ballot);
	assert_int_equal(o->l.state, HEAD_HOLDING);
	assert_true(o->a.gained);
}

/* It holds, and all others are there. */
static inline void holding(struct one *o, uint8_t self, uint8_t n_voters)
{
	ready(o, self, n_voters);
	for (uint8_t v = 0; v < n_voters; v++)
		if (v != self)
			hear(o, LEASE_HELLO, v, 0);
	hear(o, LEASE_PROMISE, self ^ 1, o->l.ballot);
	if (n_voters == LEASE_VOTERS)
		hear(o, LEASE_PROMISE, 2, o->l.ballot);
	hear(o, LEASE_ACCEPT, self ^ 1, o->l.ballot);
	if (n_voters == LEASE_VOTERS)
		hear(o, LEASE_ACCEPT, 2, o->l.ballot);
	assert_int_equal(o->l.state, HEAD_HOLDING);
}

#endif
