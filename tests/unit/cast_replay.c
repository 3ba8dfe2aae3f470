/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cast/replay: each counter once, in any order within the window; compared with a plain list of what was seen. */
#include "cast/replay.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void taken(struct replay *r, uint64_t counter, bool want)
{
	assert_int_equal(replay_maybe(r, counter), want);
	assert_int_equal(replay_take(r, counter), want);
	assert_false(replay_maybe(r, counter)); /* once, at most */
	assert_false(replay_take(r, counter));
}

static void test_in_order(void **state)
{
	struct replay *r = replay_new(1024);

	(void)state;
	for (uint64_t i = 0; i < 5000; i++)
		taken(r, i, true);
	for (uint64_t i = 0; i < 5000; i++)
		assert_false(replay_take(r, i));
	replay_free(r);
}

/* Asking changes nothing: what is not authentic leaves no trace. */
static void test_asking(void **state)
{
	struct replay *r = replay_new(64);

	(void)state;
	taken(r, 10, true);
	for (int i = 0; i < 3; i++) {
		assert_true(replay_maybe(r, UINT64_MAX));
		assert_true(replay_maybe(r, 9));
	}
	taken(r, 9, true);
	taken(r, 11, true);
	replay_free(r);
}

static void test_edges(void **state)
{
	static const size_t windows[] = { 64, 128, 1024, 65536 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(windows); i++) {
		for (uint64_t top = 2 * windows[i]; top < 2 * windows[i] + 65; top++) {
			struct replay *r = replay_new(windows[i]);

			taken(r, top, true);
			taken(r, top - windows[i] + 1, true); /* the oldest that counts */
			assert_false(replay_maybe(r, top - windows[i]));
			assert_false(replay_take(r, top - windows[i]));
			assert_false(replay_take(r, 0));
			taken(r, top + 1, true);
			assert_false(replay_take(r, top - windows[i] + 1));
			taken(r, top - windows[i] + 2, true);
			replay_free(r);
		}
	}
}

/* The greatest counter there is, and jumps over more than the window. */
static void test_jumps(void **state)
{
	struct replay *r = replay_new(128);

	(void)state;
	taken(r, 5, true);
	taken(r, UINT64_C(1) << 40, true);
	assert_false(replay_take(r, 5));
	for (uint64_t i = 1; i < 128; i++)
		taken(r, (UINT64_C(1) << 40) - i, true); /* none of them looks seen after the jump */
	taken(r, UINT64_MAX, true);
	for (uint64_t i = 1; i < 128; i++)
		taken(r, UINT64_MAX - i, true);
	assert_false(replay_take(r, UINT64_MAX - 128));
	assert_false(replay_take(r, 0));
	replay_free(r);
}

/* Who is known to be at a place is not taken to be far beyond it; what was taken so before is forgotten. */
static void test_anchor(void **state)
{
	struct replay *r = replay_new(128);

	(void)state;
	replay_anchor(r, 100, 64);
	assert_false(replay_outside(r, 164));
	taken(r, 164, true);
	assert_true(replay_outside(r, 165));
	assert_false(replay_maybe(r, 165));
	assert_false(replay_take(r, UINT64_MAX));
	for (uint64_t i = 37; i < 164; i++)
		taken(r, i, true); /* nothing that is sent meanwhile is pushed out */
	assert_false(replay_outside(r, 37));
	assert_true(replay_outside(r, 36));
	replay_anchor(r, 165, 64);
	assert_false(replay_maybe(r, 164));
	taken(r, 229, true);
	assert_true(replay_outside(r, 230));
	replay_anchor(r, 120, 64); /* whoever said the others lied */
	taken(r, 121, true);
	taken(r, 184, true);
	assert_false(replay_take(r, 185));
	replay_anchor(r, UINT64_MAX - 5, 64);
	taken(r, UINT64_MAX, true);
	replay_free(r);
}

static void test_against_list(void **state)
{
	enum { WINDOW = 192, ALL = 20000 };
	uint64_t x = 2463534242u, top = 0, base = 0;

	(void)state;
	for (int round = 0; round < 40; round++) {
		struct replay *r = replay_new(WINDOW);
		autofree bool *seen = mem_array(ALL, sizeof(bool));
		bool any = false;

		for (top = base = 0; base < ALL - 400;) {
			uint64_t c;
			bool want;

			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			c = base + x % 300;
			want = !any || c > top || (top - c < WINDOW && !seen[c]);
			assert_int_equal(replay_maybe(r, c), want);
			assert_int_equal(replay_take(r, c), want);
			seen[c] = true;
			top = !any || c > top ? c : top;
			any = true;
			base += (x >> 40) % 100 == 0 ? 250 + (x >> 50) % 100 : (x >> 40) % 2;
		}
		replay_free(r);
	}
	replay_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order), cmocka_unit_test(test_asking),	      cmocka_unit_test(test_edges),
		cmocka_unit_test(test_jumps),	 cmocka_unit_test(test_against_list), cmocka_unit_test(test_anchor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
