/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lease without a third voter: both or nobody, unless a fence says that the other is off. docs/failover.md. */
#include "guard_core.h"

static void begin_two(struct one *o, bool has_fence)
{
	struct lease_config c = some_config(0, 2);

	c.has_fence = has_fence;
	begin(o, c);
	pass(o, T + M);
}

static void fenced(struct one *o, bool ok)
{
	step(o, (struct lease_event){ .kind = LEASE_ON_FENCED, .who = 1, .ok = ok });
}

static void test_both(void **state)
{
	struct one o;

	(void)state;
	begin_two(&o, false);
	assert_int_equal(o.l.state, HEAD_PREPARING);
	assert_non_null(said(&o, LEASE_PREPARE, 1));
	hear(&o, LEASE_PROMISE, 1, o.l.ballot);
	hear(&o, LEASE_ACCEPT, 1, o.l.ballot);
	assert_true(o.a.gained);
}

static void test_refused(void **state)
{
	struct one o;

	(void)state;
	begin_two(&o, false);
	assert_int_equal(o.a.timer_ns, o.l.next_ns);
	pass_to(&o, BEGIN + 2 * T - 1);
	assert_false(o.l.refused);
	assert_int_equal(o.a.timer_ns, BEGIN + 2 * T);
	pass(&o, 1);
	assert_int_equal(noted(&o, LEASE_NOTE_REFUSED)->who, 1);
	assert_int_equal(o.a.fence, LEASE_NOBODY);
	pass(&o, 5 * T);
	assert_null(noted(&o, LEASE_NOTE_REFUSED));
	assert_int_equal(o.l.state, HEAD_PREPARING);
	fenced(&o, true); /* there is none */
	assert_false(o.l.fenced);
	/* Again, when it was heard and is silent again. */
	hear(&o, LEASE_HELLO, 1, 0);
	pass(&o, 2 * T);
	assert_non_null(noted(&o, LEASE_NOTE_REFUSED));
}

static void test_fence(void **state)
{
	struct lease_msg m = say(LEASE_HELLO, 1, 0);
	struct lease_view v;
	int64_t failed;
	struct one o;

	(void)state;
	begin_two(&o, true);
	fenced(&o, true); /* nobody asked for that */
	assert_false(o.l.fenced);
	pass_to(&o, BEGIN + 2 * T);
	assert_int_equal(o.a.fence, 1);
	lease_look(&o.l, &v);
	assert_true(v.fencing);
	pass(&o, T);
	assert_int_equal(o.a.fence, LEASE_NOBODY); /* once */
	step(&o, (struct lease_event){ .kind = LEASE_ON_FENCED, .who = 0, .ok = true });
	assert_true(o.l.fencing && !o.l.fenced);
	fenced(&o, false);
	failed = o.now;
	assert_int_equal(noted(&o, LEASE_NOTE_FENCE_FAILED)->who, 1);
	assert_false(o.l.fenced || o.a.gained);
	while (o.a.fence == LEASE_NOBODY)
		pass_to(&o, o.a.timer_ns);
	assert_in_range(o.now, failed + HOLD_OFF, failed + HOLD_OFF + 2 * T);
	/* Confirmed: all in one step. */
	pass(&o, MS);
	fenced(&o, true);
	assert_true(o.a.gained && o.a.gate_changed);
	assert_null(noted(&o, LEASE_NOTE_FENCE_FAILED));
	assert_non_null(said(&o, LEASE_PREPARE, 1));
	assert_non_null(said(&o, LEASE_PROPOSE, 1));
	assert_int_equal(o.a.gate_ns, o.now + T - M);
	for (int i = 0; i < 20; i++) {
		pass(&o, R);
		assert_int_equal(o.a.gate_ns, o.now + T - M);
	}
	/* It comes back: still alone while that one does not vote, then by both. */
	m.flags = LEASE_QUARANTINE;
	hear_msg(&o, m);
	pass(&o, R);
	assert_int_equal(o.a.gate_ns, o.now + T - M);
	lease_look(&o.l, &v);
	assert_true(v.fenced);
	m.flags = 0;
	hear_msg(&o, m);
	pass(&o, R);
	assert_int_equal(o.a.gate_ns, o.now - R + T - M);
	hear(&o, LEASE_ACCEPT, 1, o.l.ballot);
	assert_int_equal(o.a.gate_ns, o.now + T - M);
}

/* Lost and got again in one step, when a whole lease passed without a renewal: first the one, then the other. */
static void test_at_once(void **state)
{
	uint64_t epoch;
	struct one o;

	(void)state;
	begin_two(&o, true);
	pass_to(&o, BEGIN + 2 * T);
	fenced(&o, true);
	epoch = o.a.epoch;
	o.now = o.a.gate_ns;
	on(&o, LEASE_ON_TIMER);
	assert_true(o.a.lost && o.a.gained);
	assert_int_equal(o.a.epoch, epoch + 1);
	assert_int_equal(o.a.gate_ns, o.now + T - M);
	/* Nothing is asked of a fence while the other's lease may live. */
	begin_two(&o, true);
	hear(&o, LEASE_PROPOSE, 1, BALLOT(90, 1));
	pass(&o, T - 1);
	assert_int_equal(o.a.fence, LEASE_NOBODY);
	pass(&o, T);
	assert_int_equal(o.a.fence, LEASE_NOBODY);
	pass(&o, 1);
	assert_int_equal(o.a.fence, 1);
}

/* Confirmed when it is not to ask any more: it is not switched off again and again. */
static void test_late(void **state)
{
	struct one o;

	(void)state;
	begin_two(&o, true);
	pass_to(&o, BEGIN + 2 * T);
	assert_int_equal(o.a.fence, 1);
	on(&o, LEASE_ON_UNFIT);
	fenced(&o, true);
	assert_int_equal(o.l.state, HEAD_PREPARING);
	pass_to(&o, BEGIN + HOLD_OFF - 1);
	assert_int_equal(o.a.fence, LEASE_NOBODY);
	pass(&o, 1);
	assert_true(o.a.gained);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both),	cmocka_unit_test(test_refused), cmocka_unit_test(test_fence),
		cmocka_unit_test(test_at_once), cmocka_unit_test(test_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
