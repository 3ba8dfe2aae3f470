/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who asks for members: stories on virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "cast/querier.h"

#include <string.h>

#define S INT64_C(1000000000)
#define BOTH (QUERIER_BIT(QUERIER_IPV4) | QUERIER_BIT(QUERIER_IPV6))

static struct addr6 ours4(void)
{
	return igmp_addr4(0x0a010005);
}

static void begin(struct querier *q, unsigned int families)
{
	const struct addr6 own4 = ours4(), own6 = { { 0xfe, 0x80, [15] = 5 } };

	querier_init(q, &querier_defaults, families, 0);
	querier_own(q, QUERIER_IPV4, &own4);
	querier_own(q, QUERIER_IPV6, &own6);
}

static struct igmp_message asks4(uint32_t from)
{
	struct igmp_message m = { .kind = IGMP_QUERY, .version = 3, .robustness = 2, .every_s = 125 };

	m.from = igmp_addr4(from);
	return m;
}

/* When it sends between the two times, in whole seconds; it is woken only when it is due. */
static size_t run(struct querier *q, int64_t until, int64_t *sent, size_t max)
{
	size_t n = 0;

	while (querier_due_ns(q) <= until * S) {
		int64_t now = querier_due_ns(q);

		if (querier_step(q, now)) {
			assert_true(n < max);
			sent[n++] = now / S;
		}
	}
	return n;
}

static void test_nobody_asks(void **state)
{
	struct querier q;
	uint8_t packet[IGMP_PACKET_MAX];
	struct igmp_message m;
	struct err err = { 0 };
	autofree char *before = NULL, *after = NULL;
	int64_t sent[8];

	(void)state;
	begin(&q, QUERIER_BIT(QUERIER_IPV4));
	before = querier_text(&q.side[QUERIER_IPV4]);
	assert_non_null(strstr(before, "none heard yet"));
	/* One that lives was heard by then; two at the start, then every 125 s. */
	assert_int_equal(run(&q, 420, sent, 8), 4);
	assert_int_equal(sent[0], 135);
	assert_int_equal(sent[1], 166);
	assert_int_equal(sent[2], 291);
	assert_int_equal(sent[3], 416);
	assert_int_equal(q.side[QUERIER_IPV4].state, QUERIER_WE);
	assert_int_equal(q.side[QUERIER_IPV6].state, QUERIER_OFF);
	after = querier_text(&q.side[QUERIER_IPV4]);
	assert_string_equal(after, "this head, as 10.1.0.5");
	assert_int_equal(igmp_read(packet, querier_write(&q, QUERIER_IPV4, packet), &m, &err), 0);
	assert_int_equal(m.answer_ms, 10000);
	assert_int_equal(m.every_s, 125);
	assert_int_equal(m.robustness, 2);
	assert_int_equal(m.version, 3);
	assert_int_equal(querier_write(&q, QUERIER_IPV6, packet), 48 + 28);
}

/* A restart is no gap: the last query before it may be 124 s old, and members are forgotten 260 s after it. */
static void test_a_restart_forgets_nobody(void **state)
{
	struct querier q;
	int64_t sent[1];

	(void)state;
	begin(&q, BOTH);
	assert_int_equal(run(&q, 135, sent, 1), 1);
	assert_true(sent[0] - -124 < 260);
}

static void test_another_asks(void **state)
{
	struct querier q;
	struct igmp_message m = asks4(0x0a0100fe); /* .254: higher than ours, but it was there first */
	autofree char *text = NULL;
	int64_t sent[2];

	(void)state;
	begin(&q, QUERIER_BIT(QUERIER_IPV4));
	for (int i = 0; i < 10; i++) {
		querier_heard(&q, &m, (60 + 125 * i) * S);
		assert_int_equal(run(&q, 60 + 125 * i + 124, sent, 2), 0);
	}
	text = querier_text(&q.side[QUERIER_IPV4]);
	assert_string_equal(text, "10.1.0.254");
	/* It was last heard at 1185: two of its queries lost and half of what it gives for answers. */
	assert_int_equal(run(&q, 1439, sent, 2), 0);
	assert_int_equal(run(&q, 1440, sent, 2), 1);
	assert_int_equal(q.side[QUERIER_IPV4].state, QUERIER_WE);
}

static void test_the_lower_address_stays(void **state)
{
	struct querier q;
	struct igmp_message high = asks4(0x0a010009), low = asks4(0x0a010001), echo = asks4(0x0a010005);
	int64_t sent[2];

	(void)state;
	begin(&q, QUERIER_BIT(QUERIER_IPV4));
	assert_int_equal(run(&q, 140, sent, 2), 1);
	querier_heard(&q, &echo, 141 * S);
	assert_int_equal(q.side[QUERIER_IPV4].heard, 0);
	querier_heard(&q, &high, 141 * S);
	assert_int_equal(q.side[QUERIER_IPV4].state, QUERIER_WE);
	assert_int_equal(run(&q, 167, sent, 2), 1);
	querier_heard(&q, &low, 170 * S);
	assert_int_equal(q.side[QUERIER_IPV4].state, QUERIER_OTHER);
	assert_int_equal(querier_due_ns(&q), 425 * S);
	/* The higher one's last words change nothing about who it is. */
	querier_heard(&q, &high, 171 * S);
	assert_memory_equal(&q.side[QUERIER_IPV4].other, &low.from, sizeof(low.from));
	assert_int_equal(run(&q, 425, sent, 2), 0);
	assert_int_equal(run(&q, 426, sent, 2), 1);
}

/* What the other says about its times counts, within reason. */
static void test_another_times(void **state)
{
	struct querier q;
	struct igmp_message m = asks4(0x0a010001);

	(void)state;
	begin(&q, QUERIER_BIT(QUERIER_IPV4));
	m.every_s = 60;
	m.robustness = 3;
	querier_heard(&q, &m, 0);
	assert_int_equal(querier_due_ns(&q), 185 * S);
	m.every_s = 31744;
	m.robustness = 7;
	querier_heard(&q, &m, 0);
	assert_int_equal(querier_due_ns(&q), 900 * S);
	m.every_s = 0;
	m.robustness = 0;
	querier_heard(&q, &m, 0);
	assert_int_equal(querier_due_ns(&q), 255 * S);
}

static void test_what_is_no_rival(void **state)
{
	struct querier q;
	struct igmp_message report = asks4(0x0a010001), nobody = asks4(0), six = asks4(0x0a010001);
	int64_t sent[4];

	(void)state;
	begin(&q, QUERIER_BIT(QUERIER_IPV4));
	report.kind = IGMP_REPORT;
	querier_heard(&q, &report, 100 * S);
	querier_heard(&q, &nobody, 100 * S);
	six.v6 = true;
	querier_heard(&q, &six, 100 * S);
	assert_int_equal(q.side[QUERIER_IPV4].state, QUERIER_LISTENING);
	assert_int_equal(q.side[QUERIER_IPV6].state, QUERIER_OFF);
	assert_true(q.side[QUERIER_IPV4].anonymous);
	assert_int_equal(run(&q, 135, sent, 4), 1);
}

static void test_families_are_apart(void **state)
{
	struct querier q;
	struct igmp_message m = { .kind = IGMP_QUERY, .v6 = true, .version = 2, .from = { { 0xfe, 0x80, [15] = 1 } } };

	(void)state;
	begin(&q, BOTH);
	querier_heard(&q, &m, 100 * S);
	assert_int_equal(querier_step(&q, 135 * S), QUERIER_BIT(QUERIER_IPV4));
	assert_int_equal(q.side[QUERIER_IPV6].state, QUERIER_OTHER);
	assert_int_equal(querier_step(&q, 355 * S), BOTH);
}

/* Without an address nobody can ask; with the first one it begins. */
static void test_no_address(void **state)
{
	struct querier q;
	struct addr6 own = ours4();
	uint8_t packet[IGMP_PACKET_MAX];
	autofree char *text = NULL;
	int64_t sent[2];

	(void)state;
	begin(&q, QUERIER_BIT(QUERIER_IPV4));
	querier_own(&q, QUERIER_IPV4, NULL);
	assert_int_equal(run(&q, 200, sent, 2), 0);
	assert_int_equal(q.side[QUERIER_IPV4].state, QUERIER_NO_ADDRESS);
	text = querier_text(&q.side[QUERIER_IPV4]);
	assert_non_null(strstr(text, "no address"));
	assert_int_equal(querier_write(&q, QUERIER_IPV4, packet), 0);
	querier_own(&q, QUERIER_IPV4, &own);
	assert_int_equal(run(&q, 210, sent, 2), 1);
	querier_init(&q, &querier_defaults, 0, 0);
	assert_true(querier_due_ns(&q) == INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_asks),	   cmocka_unit_test(test_a_restart_forgets_nobody),
		cmocka_unit_test(test_another_asks),	   cmocka_unit_test(test_the_lower_address_stays),
		cmocka_unit_test(test_another_times),	   cmocka_unit_test(test_what_is_no_rival),
		cmocka_unit_test(test_families_are_apart), cmocka_unit_test(test_no_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
