/* SPDX-License-Identifier: GPL-2.0-or-later */
/* headfailover/guard/wire: what was said before a start, before another's start, or before, changes nothing, however it comes. */
#include "tests/unit/guard_wire.h"

#define KEPT 300

/* All that one said and others could keep. */
struct tape {
	unsigned int n;
	struct packets said[KEPT];
};

static struct packets keep(struct tape *t, struct packets p)
{
	assert_true(t->n < KEPT);
	return t->said[t->n++] = p;
}

static struct lease_msg renewal(uint64_t round)
{
	return (struct lease_msg){ .kind = LEASE_PROPOSE,
				   .from = 0,
				   .to = 2,
				   .owner = LEASE_NOBODY,
				   .ballot = round << 8,
				   .epoch = 1,
				   .lease_ns = 100 * MS };
}

/* Head 0 renews, the witness hears it by link 0 and answers; of link 1 nothing arrives, but somebody keeps it. */
static void renew(struct guard_wire *a, struct guard_wire *b, struct tape *t, unsigned int times)
{
	struct guard_heard h;

	for (unsigned int i = 0; i < times; i++) {
		struct packets d = keep(t, say(a, renewal(i + 1)));

		assert_int_equal(hear(b, 0, &d, &h), GUARD_TAKEN);
		d = say(b, hello(2, 0));
		assert_int_equal(hear(a, 0, &d, &h), GUARD_TAKEN);
	}
}

/* All of it by both links, forwards and backwards: refused, each for one of these reasons. */
static void play(struct guard_wire *w, const struct tape *t, enum guard_refused why, enum guard_refused or)
{
	for (unsigned int i = 0; i < 2 * t->n; i++)
		for (unsigned int link = 0; link < LINKS; link++) {
			const struct packets *d = &t->said[i < t->n ? i : 2 * t->n - 1 - i];
			struct guard_wire trial = *w;
			struct guard_heard h;

			assert_int_equal(hear(&trial, link, d, &h), GUARD_REFUSED);
			MUST_REFUSE(w, link, d->by[link], h.why == or ? or : why);
		}
}

static void test_they_meet(void **state)
{
	struct guard_wire a, b;
	struct guard_heard h;
	struct packets d;

	(void)state;
	voter_start(&a, 0, 1);
	voter_start(&b, 2, 2);
	/* Nobody is believed by what he says alone, however often; but he is told what to echo. */
	for (unsigned int i = 0; i < 5; i++) {
		d = say(&a, renewal(i + 1));
		MUST_REFUSE(&b, 0, d.by[0], GUARD_UNPROVEN);
	}
	assert_true(b.peers[0].boot == 0 && b.peers[0].newest == 0);
	/* Hello, answer, and each knows the other; the last answer tells nothing new. */
	assert_int_equal(greet(&a, &b, 3000 * MS), 4);
	d = say(&a, renewal(9));
	assert_int_equal(hear(&b, 1, &d, &h), GUARD_TAKEN);
	assert_true(!h.new_boot && b.peers[0].links[1].heard == 1 && b.peers[0].links[1].heard_ns == 1000 * MS);
	/* They begin at the same time: no more than that. */
	voter_start(&a, 0, 3);
	assert_int_equal(greet(&b, &a, 4000 * MS), 4);
}

static void test_receiver_forgot_all(void **state)
{
	struct tape t = { 0 };
	struct guard_wire a, b;
	struct guard_heard h;
	struct packets d;

	(void)state;
	voter_start(&a, 0, 1);
	voter_start(&b, 2, 2);
	greet(&a, &b, MS);
	renew(&a, &b, &t, 50);
	voter_start(&b, 2, 3);
	play(&b, &t, GUARD_UNPROVEN, GUARD_UNPROVEN);
	assert_int_equal(b.peers[0].boot, 0);
	/* The one that lives is believed at once when it has heard of the start, by any message and its answer. */
	d = keep(&t, say(&a, renewal(60)));
	assert_int_equal(guard_wire_hear(&b, 0, d.by[0], GUARD_WIRE_LEN, 5000 * MS, &h), GUARD_REFUSED);
	assert_true(h.answer && h.from == 0 && h.why == GUARD_UNPROVEN);
	d = answer(&b, &h);
	assert_int_equal(hear(&a, 0, &d, &h), GUARD_PROOF);
	assert_true(h.new_boot && h.boot == 3 && h.answer);
	d = say(&a, renewal(61));
	assert_int_equal(hear(&b, 0, &d, &h), GUARD_TAKEN);
	assert_true(h.new_boot && h.boot == 1);
	play(&b, &t, GUARD_UNPROVEN, GUARD_REPEATED);
}

static void test_sender_has_another_boot(void **state)
{
	struct tape first = { 0 }, second = { 0 };
	struct guard_wire a, b;
	struct guard_heard h;
	struct packets d;

	(void)state;
	voter_start(&a, 0, 1);
	voter_start(&b, 2, 9);
	greet(&a, &b, MS);
	renew(&a, &b, &first, 20);
	/* Never delivered before the head began again: it comes late, as packets do. */
	keep(&first, say(&a, renewal(30)));
	keep(&first, say(&a, renewal(31)));
	voter_start(&a, 0, 2);
	assert_int_equal(hear(&b, 1, &first.said[20], &h), GUARD_TAKEN);
	greet(&a, &b, 20 * MS);
	assert_true(b.peers[0].boot == 2 && b.peers[0].n_retired == 1);
	play(&b, &first, GUARD_OLD_BOOT, GUARD_OLD_BOOT);
	renew(&a, &b, &second, 20);
	play(&b, &first, GUARD_OLD_BOOT, GUARD_OLD_BOOT);
	/* A third: neither comes back, nor what of the second nobody ever delivered. */
	keep(&second, say(&a, renewal(40)));
	voter_start(&a, 0, 3);
	greet(&a, &b, 30 * MS);
	play(&b, &first, GUARD_OLD_BOOT, GUARD_OLD_BOOT);
	play(&b, &second, GUARD_OLD_BOOT, GUARD_OLD_BOOT);
	assert_false(b.peers[0].twins);
	d = say(&a, renewal(1));
	assert_int_equal(hear(&b, 0, &d, &h), GUARD_TAKEN);
}

/* More boots than are kept: what is forgotten has nothing to echo. */
static void test_many_boots(void **state)
{
	struct tape first = { 0 };
	struct guard_wire a, b;

	(void)state;
	voter_start(&a, 0, 1);
	voter_start(&b, 2, 9);
	greet(&a, &b, MS);
	renew(&a, &b, &first, 20);
	keep(&first, say(&a, renewal(30)));
	for (uint64_t boot = 2; boot < 2 + 4 * GUARD_RETIRED; boot++) {
		voter_start(&a, 0, boot);
		greet(&a, &b, (int64_t)boot * 10 * MS);
		play(&b, &first, boot < 2 + GUARD_RETIRED ? GUARD_OLD_BOOT : GUARD_UNPROVEN, GUARD_UNPROVEN);
	}
	assert_true(b.peers[0].n_retired == 4 * GUARD_RETIRED);
}

/* Two machines that have one number: the later one is believed, the other one from then on never again, and it is told. */
static void test_twins(void **state)
{
	struct guard_wire one, two, b;
	struct guard_heard h;
	struct packets d;

	(void)state;
	voter_start(&one, 0, 1);
	voter_start(&two, 0, 2);
	voter_start(&b, 2, 9);
	greet(&one, &b, MS);
	greet(&two, &b, 20 * MS);
	assert_false(b.peers[0].twins);
	d = say(&b, hello(2, 0));
	assert_int_equal(hear(&two, 0, &d, &h), GUARD_TAKEN);
	/* The first one hears it as well, and asks to be believed. */
	assert_int_equal(hear(&one, 0, &d, &h), GUARD_REFUSED);
	assert_int_equal(h.why, GUARD_UNPROVEN);
	d = answer(&one, &h);
	assert_int_equal(hear(&b, 0, &d, &h), GUARD_REFUSED);
	assert_true(h.why == GUARD_OLD_BOOT && !h.answer);
	assert_true(b.peers[0].twins && b.peers[0].boot == 2);
}

static void test_repeated(void **state)
{
	struct tape t = { 0 };
	struct guard_wire a, b;
	struct guard_heard h;

	(void)state;
	voter_start(&a, 0, 1);
	voter_start(&b, 2, 2);
	greet(&a, &b, MS);
	renew(&a, &b, &t, 40);
	for (unsigned int i = 0; i < t.n; i++)
		MUST_REFUSE(&b, 0, t.said[i].by[0], GUARD_REPEATED);
	/* The other link is late: these are copies, once. */
	for (unsigned int i = 0; i < t.n; i++)
		assert_int_equal(hear(&b, 1, &t.said[i], &h), GUARD_COPY);
	for (unsigned int i = 0; i < t.n; i++)
		MUST_REFUSE(&b, 1, t.said[i].by[1], GUARD_REPEATED);
	assert_int_equal(b.peers[0].links[1].heard, 40);
}

/* A link that is slower and loses nothing brings what the quick one lost, up to the window; and what is missed is counted. */
static void test_links_complete_each_other(void **state)
{
	struct tape t = { 0 };
	struct guard_wire a, b;
	struct guard_heard h;
	unsigned int taken = 0;

	(void)state;
	voter_start(&a, 0, 1);
	voter_start(&b, 2, 2);
	greet(&a, &b, MS);
	for (unsigned int i = 0; i < 2 * GUARD_WIRE_WINDOW; i++)
		keep(&t, say(&a, renewal(i + 1)));
	for (unsigned int i = 0; i < t.n; i += 2)
		assert_int_equal(hear(&b, 0, &t.said[i], &h), GUARD_TAKEN);
	for (unsigned int i = 0; i < t.n; i++) {
		const enum guard_verdict v = hear(&b, 1, &t.said[i], &h);

		assert_int_equal(v, i % 2 && (i == t.n - 1 || t.n - 2 - i < GUARD_WIRE_WINDOW) ? GUARD_TAKEN : GUARD_COPY);
		assert_true(v == GUARD_COPY || h.msg.ballot == (i + 1) << 8);
		taken += v == GUARD_TAKEN;
	}
	assert_int_equal(taken, GUARD_WIRE_WINDOW / 2 + 1);
	assert_true(b.peers[0].links[0].missed >= GUARD_WIRE_WINDOW - 1 && b.peers[0].links[1].missed <= 4);
}

/* Of three links two are late: one brings what the quick one lost, the other a copy of that. Of a new boot nothing is known
 * before. */
static void test_three_links(void **state)
{
	struct guard_keys keys = test_keys(7, "atlas");
	struct tape t = { 0 };
	struct guard_wire a, b;
	struct err err = { 0 };
	struct guard_heard h;

	(void)state;
	assert_int_equal(guard_wire_init(&b, 2, VOTERS, 3, 9, &keys, &err), 0);
	for (uint64_t boot = 1; boot < 4; boot++) {
		assert_int_equal(guard_wire_init(&a, 0, VOTERS, 3, boot, &keys, &err), 0);
		greet(&a, &b, (int64_t)boot * 10 * MS);
		t.n = 0;
		for (unsigned int i = 0; i <= GUARD_WIRE_WINDOW; i++)
			keep(&t, say(&a, renewal(i + 1)));
		assert_int_equal(hear(&b, 0, &t.said[GUARD_WIRE_WINDOW], &h), GUARD_TAKEN);
		assert_int_equal(hear(&b, 1, &t.said[0], &h), GUARD_COPY);
		for (unsigned int i = 1; i < GUARD_WIRE_WINDOW; i++) {
			assert_int_equal(hear(&b, 1, &t.said[i], &h), GUARD_TAKEN);
			assert_int_equal(hear(&b, 2, &t.said[i], &h), GUARD_COPY);
		}
	}
}

/* Whoever plays old words to a guard gets no more answers out of it than one each millisecond and link. */
static void test_answers_are_few(void **state)
{
	struct tape t = { 0 };
	struct guard_wire a, b;
	struct guard_heard h;
	unsigned int answers = 0;

	(void)state;
	voter_start(&a, 0, 1);
	voter_start(&b, 2, 2);
	greet(&a, &b, MS);
	renew(&a, &b, &t, 50);
	voter_start(&b, 2, 3);
	for (int64_t us = 0; us < 100000; us += 10) {
		const struct packets *d = &t.said[us / 10 % t.n];

		assert_int_equal(guard_wire_hear(&b, 0, d->by[0], GUARD_WIRE_LEN, 7000 * MS + us * 1000, &h), GUARD_REFUSED);
		answers += h.answer;
	}
	assert_int_equal(answers, 100);
	/* By the other link the one that lives is heard meanwhile. */
	assert_int_equal(hear(&b, 1, &t.said[0], &h), GUARD_REFUSED);
	assert_true(h.answer);
	/* When it is known, the same words get none. */
	greet(&a, &b, 7200 * MS);
	for (unsigned int i = 0; i < t.n; i++) {
		assert_int_equal(guard_wire_hear(&b, 0, t.said[i].by[0], GUARD_WIRE_LEN, 8000 * MS + i * MS, &h), GUARD_REFUSED);
		assert_false(h.answer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_they_meet),
		cmocka_unit_test(test_receiver_forgot_all),
		cmocka_unit_test(test_sender_has_another_boot),
		cmocka_unit_test(test_many_boots),
		cmocka_unit_test(test_twins),
		cmocka_unit_test(test_repeated),
		cmocka_unit_test(test_links_complete_each_other),
		cmocka_unit_test(test_three_links),
		cmocka_unit_test(test_answers_are_few),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
