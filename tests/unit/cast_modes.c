/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cast/modes: the fewest ways that reach all that can be reached. */
#include "cast/modes.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SIX WIRE_HEARD_MC6
#define FOUR WIRE_HEARD_MC4
#define ALL WIRE_HEARD_BROADCAST
#define ONE WIRE_HEARD_UNICAST
#define OFFERED (SIX | FOUR | ALL)

/* Small and full-size packets of these ways. */
static uint16_t by(unsigned int ways)
{
	return (uint16_t)(ways | ways << 4);
}

static void test_choose(void **state)
{
	static const struct {
		uint8_t heard[3], offered, want;
	} cases[] = {
		{ { OFFERED, OFFERED, OFFERED }, OFFERED, FOUR }, /* the usual one */
		{ { OFFERED, OFFERED, OFFERED }, SIX | ALL, SIX },
		{ { OFFERED, OFFERED, OFFERED }, ALL, ALL },
		{ { SIX | ALL, SIX, OFFERED }, OFFERED, SIX },
		{ { FOUR | ALL, SIX, OFFERED }, OFFERED, SIX | FOUR }, /* hosts of one family each */
		{ { FOUR | ALL, ALL, OFFERED }, OFFERED, ALL },	       /* one does not hear multicast: one way for all */
		{ { SIX, ALL, SIX }, OFFERED, SIX | ALL },
		{ { SIX, FOUR, ALL }, OFFERED, OFFERED },
		{ { 0, FOUR, FOUR }, OFFERED, FOUR },	/* whom nothing reaches costs nothing */
		{ { ONE, FOUR, FOUR }, OFFERED, FOUR }, /* nor who is sent all by itself */
		{ { 0, 0, 0 }, OFFERED, FOUR },
		{ { SIX, SIX, SIX }, FOUR | ALL, FOUR }, /* that way is not there */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct modes m;

		modes_init(&m, cases[i].offered, WIRE_FULL, false);
		for (size_t j = 0; j < ARRAY_LEN(cases[i].heard); j++)
			modes_told(&m, by(cases[i].heard[j]));
		if (modes_choose(&m, 0) != cases[i].want)
			fail_msg("case %zu: %x", i, modes_choose(&m, 0));
	}
}

static void test_first(void **state)
{
	struct modes m;

	(void)state;
	modes_init(&m, OFFERED, WIRE_FULL, true);
	assert_int_equal(modes_choose(&m, 0), SIX);
	modes_told(&m, by(OFFERED));
	assert_int_equal(modes_choose(&m, 0), SIX);
	modes_init(&m, ONE, WIRE_FULL, true); /* a cast for one */
	assert_int_equal(modes_choose(&m, 0), 0);
}

/* One of eight is not worth that all is sent twice, or to every host of the network; one of seven is. */
static void test_few(void **state)
{
	for (unsigned int n = 7; n <= 8; n++) {
		struct modes m;

		(void)state;
		modes_init(&m, OFFERED, WIRE_FULL, false);
		for (unsigned int i = 1; i < n; i++)
			modes_told(&m, by(FOUR | ALL));
		modes_told(&m, by(ALL));
		assert_int_equal(modes_choose(&m, 0), n < 8 ? ALL : FOUR);
		assert_int_equal(modes_choose(&m, FOUR), n < 8 ? FOUR | ALL : FOUR);
		modes_changed(&m, by(ALL), by(SIX));
		assert_int_equal(modes_choose(&m, 0), n < 8 ? SIX | FOUR : FOUR);
		assert_true(modes_worth(&m, 1) == (n < 8));
		/* Another single way that all hear costs nothing. */
		for (unsigned int i = 1; i < n; i++)
			modes_changed(&m, by(FOUR | ALL), by(SIX | FOUR));
		assert_int_equal(modes_choose(&m, 0), SIX);
	}
}

/* What is in use stays: somebody listens there and nowhere else by now. */
static void test_kept(void **state)
{
	struct modes m;

	(void)state;
	modes_init(&m, OFFERED, WIRE_FULL, false);
	modes_told(&m, by(OFFERED));
	modes_told(&m, by(ALL));
	assert_int_equal(modes_choose(&m, 0), ALL);
	assert_int_equal(modes_choose(&m, FOUR), FOUR | ALL);
	modes_left(&m, by(ALL));
	assert_int_equal(modes_choose(&m, FOUR), FOUR);
	modes_told(&m, 0);
	assert_int_equal(modes_choose(&m, FOUR), FOUR);
	modes_changed(&m, 0, by(SIX | ALL));
	assert_int_equal(modes_choose(&m, FOUR), FOUR | SIX);
	assert_int_equal(m.told, 2);
}

/* Small packets that arrive are of no use where large ones do not. */
static void test_sizes(void **state)
{
	struct modes m;

	(void)state;
	modes_init(&m, OFFERED, WIRE_JUMBO, false);
	assert_int_equal(modes_reach(&m, by(OFFERED)), 0);
	assert_int_equal(modes_reach(&m, by(OFFERED) | SIX << 8), SIX);
	modes_told(&m, by(OFFERED) | ALL << 8);
	assert_int_equal(modes_choose(&m, 0), ALL);
	modes_init(&m, OFFERED, WIRE_FULL, false);
	modes_told(&m, SIX | FOUR | SIX << 4);
	assert_int_equal(modes_choose(&m, 0), SIX);
}

static void test_alone(void **state)
{
	struct modes m;

	(void)state;
	modes_init(&m, OFFERED, WIRE_FULL, false);
	assert_true(modes_alone(&m, by(ONE), FOUR));
	assert_true(modes_alone(&m, by(ONE | SIX), FOUR));
	assert_false(modes_alone(&m, by(ONE | FOUR), FOUR));
	assert_false(modes_alone(&m, ONE, FOUR)); /* only small ones */
	assert_false(modes_alone(&m, 0, FOUR));
}

static void test_too_large(void **state)
{
	struct modes m;

	(void)state;
	modes_init(&m, OFFERED, WIRE_JUMBO, false);
	for (unsigned int i = 0; i < 6; i++)
		modes_told(&m, by(FOUR) | FOUR << 8);
	modes_told(&m, by(FOUR));
	modes_told(&m, 0); /* hears nothing at all */
	modes_told(&m, by(FOUR));
	assert_int_equal(m.narrow, 2);
	assert_false(modes_too_large(&m));
	modes_told(&m, by(FOUR));
	assert_true(modes_too_large(&m));
	modes_left(&m, by(FOUR));
	assert_false(modes_too_large(&m));
	modes_init(&m, OFFERED, WIRE_FULL, false);
	modes_told(&m, FOUR);
	assert_false(modes_too_large(&m)); /* there are no smaller ones */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choose),	  cmocka_unit_test(test_first), cmocka_unit_test(test_few),
		cmocka_unit_test(test_kept),	  cmocka_unit_test(test_sizes), cmocka_unit_test(test_alone),
		cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
