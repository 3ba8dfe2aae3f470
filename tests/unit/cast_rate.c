/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cast/rate: doubles until it is too much, goes back to what came through, and takes no accident for congestion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cast/rate.h"

#define MS ((int64_t)1000 * 1000)
#define MB ((uint64_t)1000 * 1000)

static void test_startup(void **state)
{
	struct rate r;

	(void)state;
	rate_init(&r, 10 * MB, 0, 0);
	for (int i = 1; i <= 5; i++)
		rate_round(&r, 0, 0, false, true, i * MS);
	assert_int_equal(r.now, 320 * MB);
	rate_round(&r, 0, 0, false, false, 6 * MS); /* it was not the limit */
	assert_int_equal(r.now, 320 * MB);
	rate_round(&r, 750000, 80 * MB, false, true, 7 * MS);
	assert_in_range(r.now, 70 * MB, 80 * MB); /* what came through, a little less */
	rate_round(&r, 0, 76 * MB, false, true, 8 * MS);
	assert_in_range(r.now, 76 * MB, 80 * MB);
	for (int i = 9; i < 19; i++)
		rate_round(&r, 0, 80 * MB, false, true, i * MS);
	assert_in_range(r.now, 80 * MB, 82 * MB); /* slowly from there on */
}

static void test_queue_fills(void **state)
{
	struct rate r;

	(void)state;
	rate_init(&r, 100 * MB, 0, 0);
	rate_round(&r, 0, 25 * MB, false, true, MS);
	assert_int_equal(r.now, 100 * MB); /* once may be chance */
	rate_round(&r, 0, 25 * MB, false, true, 2 * MS);
	assert_int_equal(r.now, 25 * MB);
}

/* A network that loses 5 % at any rate. */
/* Some slow rounds, because receivers have just begun, are no reason to be slow for long: the best that came through counts, and
 * when the rate was there again without a loss it is looked for as at first. */
static void test_hiccup(void **state)
{
	struct rate r;
	int i = 3;

	(void)state;
	rate_init(&r, 64 * MB, 0, 0);
	rate_round(&r, 0, 60 * MB, false, true, 0);
	assert_int_equal(r.now, 128 * MB);
	rate_round(&r, 0, 70 * MB, false, true, MS);
	rate_round(&r, 0, 9 * MB, false, true, 2 * MS);
	assert_int_equal(r.now, 70 * MB);
	for (; r.now < 128 * MB; i++)
		rate_round(&r, 0, r.now, false, true, i * MS);
	assert_true(i < 20);
	rate_round(&r, 0, r.now, false, true, i++ * MS);
	assert_int_equal(r.now, 256 * MB);
	rate_round(&r, 200000, r.now, false, true, i++ * MS);
	assert_true(r.now < 256 * MB);
	for (int j = 0; j < 40; j++)
		rate_round(&r, 0, r.now, false, true, (i + j) * MS);
	assert_true(r.now < 300 * MB); /* where something was lost it is gone beyond by small steps */
}

static void test_accidents(void **state)
{
	struct rate r;
	uint64_t was;

	(void)state;
	rate_init(&r, 20 * MB, 0, 0);
	for (int i = 1; i <= 40; i++)
		rate_round(&r, 50000, 0, false, true, i * 20 * MS);
	assert_true(r.now >= 20 * MB);
	assert_true(r.base > 0.04 && r.base < 0.06);
	was = r.now;
	rate_round(&r, 300000, 0, false, true, 820 * MS);
	assert_true(r.now < was - was / 5); /* more than that is congestion */
}

static void test_limits(void **state)
{
	struct rate r;

	(void)state;
	rate_init(&r, 10 * MB, 15 * MB, 0);
	for (int i = 1; i <= 9; i++)
		rate_round(&r, 0, 0, false, true, i * MS);
	assert_int_equal(r.now, 15 * MB);
	for (int i = 10; i < 12; i++)
		rate_round(&r, 0, 0, true, true, i * MS); /* their disks */
	assert_in_range(r.now, 12 * MB, 13 * MB);
	for (int i = 12; i < 200; i++)
		rate_round(&r, i % 2 ? UINT32_MAX : 400000, 0, false, true, i * MS);
	assert_true(r.now >= 125000); /* never nothing */
}

static void test_bucket(void **state)
{
	struct rate r;
	int64_t now = 0;
	uint64_t sent = 0;

	(void)state;
	rate_init(&r, 10 * MB, 0, 0);
	assert_int_equal(rate_take(&r, 65536, 0), 0); /* a burst at once */
	while (now < 1000 * MS) {
		int64_t when = rate_take(&r, 60000, now);

		if (when == 0) {
			sent += 60000;
			continue;
		}
		assert_true(when > now);
		now = when;
	}
	assert_in_range(sent, 9900000, 10100000);
}

/* At 1 GB/s a burst is due each 60 us: whoever waits gets several at once. */
static void test_worth_waiting(void **state)
{
	struct rate r;
	int64_t now = 0;
	unsigned int waits = 0, bursts = 0;

	(void)state;
	rate_init(&r, 1000 * MB, 0, 0);
	while (now < 100 * MS) {
		const int64_t when = rate_take(&r, 60000, now);

		waits += when != 0;
		bursts += when == 0;
		now = when ? when : now;
	}
	assert_in_range(bursts, 1600, 1700);
	assert_true(waits < bursts / 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_startup),	      cmocka_unit_test(test_queue_fills), cmocka_unit_test(test_hiccup),
		cmocka_unit_test(test_accidents),     cmocka_unit_test(test_limits),	  cmocka_unit_test(test_bucket),
		cmocka_unit_test(test_worth_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
