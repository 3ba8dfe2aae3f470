/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a MAC address alone may make another key a node's (enrol.trust_mac). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/trust_mac.h"
#include "sys/clock.h"

#define NOW INT64_C(1800000000)

static char by_mac[] = TRUST_MAC_BY ", from 10.77.0.9", by_root[] = "uid 0";

static bool suffices_by(char *by, enum node_boot boot, enum run_state state, bool has_now, bool has_installed, int64_t age_s)
{
	char at[CLOCK_UTC_LEN];
	struct node n = { .boot = boot };
	struct run r = { .state = state };
	struct ident id = { .has_now = has_now, .has_installed = has_installed, .at = at, .by = by };

	clock_utc(NOW - age_s, at);
	return trust_mac_suffices(&n, &r, &id, NOW);
}

static bool suffices(enum node_boot boot, enum run_state state, bool has_now, bool has_installed, int64_t age_s)
{
	return suffices_by(by_root, boot, state, has_now, has_installed, age_s);
}

static void test_a_key_is_not_taken_away(void **state)
{
	(void)state;
	for (int boot = NODE_BOOT_AUTO; boot <= NODE_BOOT_DISKLESS; boot++) {
		for (int run = RUN_NEW; run <= RUN_FAILED; run++) {
			bool ordered = run == RUN_ORDERED || run == RUN_INSTALLING;

			assert_true(suffices(boot, run, false, false, 0));
			assert_int_equal(suffices(boot, run, true, true, 86400), ordered);
			assert_int_equal(suffices(boot, run, true, false, 86400), ordered || boot == NODE_BOOT_DISKLESS);
			assert_false(suffices(boot, run, true, false, 0));
			/* What the MAC address gave, it can give again, until a system is installed under it. */
			assert_true(suffices_by(by_mac, boot, run, true, false, 86400));
			assert_false(suffices_by(by_mac, boot, run, true, false, 0));
			assert_int_equal(suffices_by(by_mac, boot, run, true, true, 86400), ordered);
		}
	}
}

static void test_not_again_at_once(void **state)
{
	(void)state;
	assert_false(suffices(NODE_BOOT_AUTO, RUN_ORDERED, true, true, TRUST_MAC_AGAIN_S - 1));
	assert_true(suffices(NODE_BOOT_AUTO, RUN_ORDERED, true, true, TRUST_MAC_AGAIN_S));
	/* The head's clock was ahead when that key was approved. */
	assert_true(suffices(NODE_BOOT_AUTO, RUN_ORDERED, true, true, -3600));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_key_is_not_taken_away),
		cmocka_unit_test(test_not_again_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
