/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The voter of the lease: rules 1 to 4 of docs/failover.md, and what it must not be talked into. */
#include "guard_core.h"

#define ANY BALLOT(100, 0)
#define ANY1 BALLOT(100, 1)

static void test_quarantine(void **state)
{
	struct one o;

	(void)state;
	begin(&o, some_config(2, 3));
	assert_int_equal(noted(&o, LEASE_NOTE_QUARANTINE)->value, BEGIN + T + M);
	assert_int_equal(said(&o, LEASE_HELLO, 0)->flags, LEASE_QUARANTINE);
	hear(&o, LEASE_PREPARE, 0, ANY);
	assert_int_equal(o.a.n_send, 0);
	hear(&o, LEASE_PROPOSE, 0, ANY);
	assert_int_equal(o.a.n_send, 0);
	pass_to(&o, BEGIN + T + M - 1);
	hear(&o, LEASE_PROPOSE, 0, ANY);
	assert_null(said(&o, LEASE_ACCEPT, 0));
	/* To give it back is harmless, and better known. */
	hear(&o, LEASE_RELEASE, 0, ANY);
	assert_non_null(said(&o, LEASE_RELEASED, 0));
	pass(&o, 1);
	assert_non_null(noted(&o, LEASE_NOTE_VOTES));
	assert_int_equal(said(&o, LEASE_HELLO, 1)->flags, 0);
	hear(&o, LEASE_PROPOSE, 0, ANY);
	assert_non_null(said(&o, LEASE_REJECT, 0)); /* it was released */
	hear(&o, LEASE_PROPOSE, 0, ANY + 256);
	assert_int_equal(said(&o, LEASE_ACCEPT, 0)->ballot, ANY + 256);
}

static void test_promise(void **state)
{
	const struct lease_msg *m;
	struct one o;

	(void)state;
	ready(&o, 2, 3);
	hear(&o, LEASE_PREPARE, 0, ANY);
	m = said(&o, LEASE_PROMISE, 0);
	assert_int_equal(m->ballot, ANY);
	assert_int_equal(m->owner, LEASE_NOBODY);
	assert_int_equal(m->lease_ns, 0);
	/* The other asks with less, and with more. */
	hear(&o, LEASE_PREPARE, 1, BALLOT(99, 1));
	m = said(&o, LEASE_REJECT, 1);
	assert_int_equal(m->ballot, ANY);
	assert_int_equal(m->owner, LEASE_NOBODY);
	hear(&o, LEASE_PROPOSE, 1, BALLOT(99, 1));
	assert_non_null(said(&o, LEASE_REJECT, 1));
	hear(&o, LEASE_PREPARE, 1, ANY1);
	assert_non_null(said(&o, LEASE_PROMISE, 1));
	hear(&o, LEASE_PROPOSE, 0, ANY);
	assert_int_equal(said(&o, LEASE_REJECT, 0)->ballot, ANY1);
	/* The same again is the same again. */
	hear(&o, LEASE_PREPARE, 1, ANY1);
	assert_non_null(said(&o, LEASE_PROMISE, 1));
}

static void test_grant(void **state)
{
	struct lease_msg p = say(LEASE_PROPOSE, 0, ANY);
	const struct lease_msg *m;
	struct lease_view v;
	struct one o;

	(void)state;
	ready(&o, 2, 3);
	p.epoch = 9;
	hear_msg(&o, p);
	m = said(&o, LEASE_ACCEPT, 0);
	assert_int_equal(m->ballot, ANY);
	assert_int_equal(m->owner, LEASE_NOBODY);
	lease_look(&o.l, &v);
	assert_int_equal(v.owner, 0);
	assert_int_equal(v.until_ns, o.now + T);
	assert_int_equal(v.epoch, 9);
	/* Nobody else gets it, however high he bids, until the last instant; nor do his bids count. */
	pass(&o, T - 1);
	hear(&o, LEASE_PREPARE, 1, BALLOT(5000, 1));
	m = said(&o, LEASE_REJECT, 1);
	assert_int_equal(m->owner, 0);
	assert_int_equal(m->lease_ns, 1);
	assert_int_equal(m->ballot, ANY);
	assert_int_equal(m->epoch, 9);
	hear(&o, LEASE_PROPOSE, 1, BALLOT(5000, 1));
	assert_non_null(said(&o, LEASE_REJECT, 1));
	hear(&o, LEASE_PREPARE, 0, ANY + 256);
	m = said(&o, LEASE_PROMISE, 0);
	assert_int_equal(m->owner, 0);
	assert_int_equal(m->lease_ns, 1);
	pass(&o, 1);
	hear(&o, LEASE_PROPOSE, 1, BALLOT(5000, 1));
	assert_non_null(said(&o, LEASE_ACCEPT, 1));
	hear(&o, LEASE_PROPOSE, 0, BALLOT(6000, 0));
	assert_int_equal(said(&o, LEASE_REJECT, 0)->owner, 1);
}

static void test_renewed(void **state)
{
	struct one o;

	(void)state;
	ready(&o, 2, 3);
	hear(&o, LEASE_PROPOSE, 0, ANY);
	pass(&o, R);
	hear(&o, LEASE_PROPOSE, 0, ANY + 256); /* without PREPARE */
	assert_int_equal(o.l.owner_until, o.now + T);
	pass(&o, R);
	hear(&o, LEASE_PROPOSE, 0, ANY); /* an old one adds nothing */
	assert_non_null(said(&o, LEASE_REJECT, 0));
	assert_int_equal(o.l.owner_until, o.now - R + T);
}

static void test_release(void **state)
{
	struct lease_msg p = say(LEASE_PROPOSE, 0, ANY), r = say(LEASE_RELEASE, 0, ANY);
	struct one o;

	(void)state;
	ready(&o, 2, 3);
	p.epoch = r.epoch = 4;
	hear_msg(&o, p);
	/* Not his, of an older ballot, of an earlier lease: answered, but it stays. */
	hear(&o, LEASE_RELEASE, 1, BALLOT(98, 1));
	assert_int_equal(lease_voter_owner(&o.l), 0);
	r.ballot = ANY - 256;
	hear_msg(&o, r);
	assert_non_null(said(&o, LEASE_RELEASED, 0));
	assert_int_equal(lease_voter_owner(&o.l), 0);
	r.ballot = ANY + 256;
	r.epoch = 3;
	hear_msg(&o, r);
	assert_int_equal(lease_voter_owner(&o.l), 0);
	r.ballot = ANY + 512;
	r.epoch = 4;
	hear_msg(&o, r);
	assert_int_equal(said(&o, LEASE_RELEASED, 0)->ballot, ANY + 512);
	assert_int_equal(lease_voter_owner(&o.l), LEASE_NOBODY);
	/* What it overtook does nothing. */
	p.ballot = ANY + 512;
	hear_msg(&o, p);
	assert_non_null(said(&o, LEASE_REJECT, 0));
	hear(&o, LEASE_PREPARE, 1, BALLOT(101, 1));
	assert_non_null(said(&o, LEASE_REJECT, 1));
	hear(&o, LEASE_PROPOSE, 1, BALLOT(103, 1));
	assert_non_null(said(&o, LEASE_ACCEPT, 1));
	/* A copy of it does not end the next one. */
	hear_msg(&o, r);
	assert_int_equal(lease_voter_owner(&o.l), 1);
	/* With less than what was promised it lowers nothing. */
	hear(&o, LEASE_PREPARE, 1, BALLOT(200, 1));
	r.ballot = BALLOT(150, 0);
	hear_msg(&o, r);
	assert_int_equal(o.l.promised, BALLOT(200, 1));
}

/* Of one that never had it: what another has stays, however high that ballot. */
static void test_release_of_others(void **state)
{
	struct one o;

	(void)state;
	ready(&o, 2, 3);
	hear(&o, LEASE_PROPOSE, 0, ANY);
	hear(&o, LEASE_RELEASE, 1, BALLOT(200, 1));
	assert_non_null(said(&o, LEASE_RELEASED, 1));
	assert_int_equal(lease_voter_owner(&o.l), 0);
	hear(&o, LEASE_PROPOSE, 1, BALLOT(201, 1));
	assert_non_null(said(&o, LEASE_REJECT, 1));
}

static void test_longer(void **state)
{
	struct lease_msg p = say(LEASE_PROPOSE, 1, ANY1);
	struct one o;

	(void)state;
	ready(&o, 2, 3);
	p.lease_ns = T + 1;
	hear_msg(&o, p);
	assert_int_equal(o.a.n_send, 0);
	assert_int_equal(noted(&o, LEASE_NOTE_LONGER)->who, 1);
	assert_int_equal(noted(&o, LEASE_NOTE_LONGER)->value, T + 1);
	assert_int_equal(lease_voter_owner(&o.l), LEASE_NOBODY);
	p.lease_ns = T / 2;
	hear_msg(&o, p);
	assert_int_equal(o.l.owner_until, o.now + T / 2);
}

/* What comes from who says no such thing, or with numbers that nobody has. */
static void test_senseless(void **state)
{
	struct lease_msg m, good = say(LEASE_PROPOSE, 0, ANY);
	struct lease was;
	struct one o;

	(void)state;
	ready(&o, 2, 3);
	o.now += MS;
	on(&o, LEASE_ON_TIMER);
	was = o.l;
#define REFUSED(what)                                                                                                            \
	do {                                                                                                                     \
		m = good;                                                                                                        \
		what;                                                                                                            \
		step(&o, (struct lease_event){ .kind = LEASE_ON_MESSAGE, .msg = m });                                            \
		assert_int_equal(o.a.n_send, 0);                                                                                 \
		assert_memory_equal(&o.l, &was, sizeof(was));                                                                    \
	} while (0)
	good.to = 2;
	REFUSED(m.to = 1);
	REFUSED(m.from = 2; m.ballot = BALLOT(100, 2));
	REFUSED(m.from = 3; m.ballot = BALLOT(100, 3));
	REFUSED(m.from = 3; m.kind = LEASE_HELLO);
	REFUSED(m.from = 1);
	REFUSED(m.ballot = LEASE_HIGHEST);
	REFUSED(m.epoch = LEASE_HIGHEST);
	REFUSED(m.lease_ns = -1);
	REFUSED(m.lease_ns = LEASE_MAX_NS + 1);
	REFUSED(m.owner = 2);
	REFUSED(m.kind = 0);
	REFUSED(m.kind = LEASE_KIND_END);
	REFUSED(m.kind = LEASE_PROMISE); /* to a witness */
	REFUSED(m.kind = LEASE_ACCEPT);
	REFUSED(m.kind = LEASE_REJECT);
	REFUSED(m.kind = LEASE_RELEASED);
#undef REFUSED
	hear_msg(&o, good);
	assert_non_null(said(&o, LEASE_ACCEPT, 0));
	/* A witness takes no orders, and asks for nothing. */
	on(&o, LEASE_ON_SWITCH);
	on(&o, LEASE_ON_PAUSE);
	pass(&o, 3 * T);
	assert_int_equal(o.l.state, HEAD_WATCH);
	assert_false(o.l.paused);
	/* Nor does another witness. */
	ready(&o, 2, 5);
	hear(&o, LEASE_PREPARE, 3, BALLOT(100, 3));
	assert_int_equal(o.a.n_send, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quarantine), cmocka_unit_test(test_promise),   cmocka_unit_test(test_grant),
		cmocka_unit_test(test_renewed),	   cmocka_unit_test(test_release),   cmocka_unit_test(test_release_of_others),
		cmocka_unit_test(test_longer),	   cmocka_unit_test(test_senseless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
