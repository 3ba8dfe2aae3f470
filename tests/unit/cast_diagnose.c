/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Networks with something wrong, and what is said about them: each story has what was seen, and the one finding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "cast/diagnose.h"

#include <string.h>

#define N 8

struct story {
	struct diagnose_facts f;
	struct diagnose_receiver r[N];
};

/* Eight nodes of which nothing is wrong, behind two switches. */
static void begin(struct story *s)
{
	static const char *const names[N] = { "n01", "n02", "n03", "n04", "n05", "n06", "n07", "n08" };

	*s = (struct story){ .f = { .n = N,
				    .querier = DIAGNOSE_YES,
				    .packet_bytes = 1500,
				    .mtu = 1500,
				    .speed_mbit = 10000,
				    .full_duplex = DIAGNOSE_YES,
				    .rate_bytes_s = 110000000 } };
	s->f.receivers = s->r;
	for (int i = 0; i < N; i++)
		s->r[i] = (struct diagnose_receiver){ .name = names[i],
						      .switch_name = i < 4 ? "sw-a" : "sw-b",
						      .port = "Gi0/7",
						      .loss = 0.0001,
						      .packets = 700000,
						      .multicast = DIAGNOSE_YES,
						      .unicast = DIAGNOSE_YES,
						      .small = DIAGNOSE_YES,
						      .large = DIAGNOSE_YES,
						      .speed_mbit = 1000,
						      .full_duplex = DIAGNOSE_YES,
						      .mtu = 1500,
						      .socket_bytes = 16 << 20,
						      .disk_bytes_s = 400000000 };
}

/* One finding, which has these words. */
static void finds(const struct story *s, enum diagnose_kind kind, const char *a, const char *b)
{
	struct diagnose d;

	diagnose_make(&s->f, &d);
	if (d.n != 1 || d.findings[0].kind != kind || !strstr(d.findings[0].text, a) || !strstr(d.findings[0].text, b)) {
		for (size_t i = 0; i < d.n; i++)
			print_message("%d: %s\n", (int)d.findings[i].kind, d.findings[i].text);
		fail_msg("that are %zu findings; wanted is %d with '%s' and '%s'", d.n, (int)kind, a, b);
	}
	assert_true(diagnose_has(&d, kind));
	assert_int_equal(d.findings[0].text[strlen(d.findings[0].text) - 1], '.');
	diagnose_free(&d);
	assert_int_equal(d.n, 0);
}

static void finds_nothing(const struct story *s)
{
	struct diagnose d;

	diagnose_make(&s->f, &d);
	if (d.n)
		fail_msg("%s", d.findings[0].text);
	assert_false(diagnose_has(&d, DIAGNOSE_MTU));
	diagnose_free(&d);
}

static void test_all_is_well(void **state)
{
	struct story s;

	(void)state;
	begin(&s);
	finds_nothing(&s);
	s.f.n = 0;
	finds_nothing(&s);
	/* Of nothing that is not known anything is said. */
	begin(&s);
	for (int i = 0; i < N; i++)
		s.r[i] = (struct diagnose_receiver){ .name = "n", .loss = -1 };
	s.f = (struct diagnose_facts){ .receivers = s.r, .n = N };
	finds_nothing(&s);
	/* A high loss of very few packets is chance. */
	begin(&s);
	s.r[3].packets = 20;
	s.r[3].loss = 0.5;
	finds_nothing(&s);
	/* Loss that all have is the sender's business to slow down for. */
	for (int i = 0; i < N; i++) {
		s.r[i].packets = 700000;
		s.r[i].loss = 0.03;
	}
	finds_nothing(&s);
}

static void test_querier(void **state)
{
	struct story s;

	(void)state;
	begin(&s);
	s.f.querier = DIAGNOSE_NO;
	finds(&s, DIAGNOSE_NO_QUERIER, "after some minutes", "orthrus head status");
	s.f.querier_off = true;
	finds(&s, DIAGNOSE_NO_QUERIER, "after some minutes", "set cast.querier to \"auto\"");
}

static void test_not_arriving(void **state)
{
	struct story s;

	(void)state;
	begin(&s);
	s.r[1].multicast = s.r[2].multicast = DIAGNOSE_NO;
	finds(&s, DIAGNOSE_NOT_ARRIVING, "does not reach n02 and n03", "others hear it");
	for (int i = 0; i < N; i++)
		s.r[i].multicast = DIAGNOSE_NO;
	finds(&s, DIAGNOSE_NOT_ARRIVING, "reaches nobody", "n01, n02, n03, n04, n05 and 3 more");
	begin(&s);
	s.r[7].multicast = s.r[7].unicast = DIAGNOSE_NO;
	finds(&s, DIAGNOSE_UNREACHABLE, "n08", "whether it is on");
	s.r[6].multicast = s.r[6].unicast = DIAGNOSE_NO;
	finds(&s, DIAGNOSE_UNREACHABLE, "n07 and n08", "whether they are on");
}

static void test_storm_control(void **state)
{
	struct story s;

	(void)state;
	begin(&s);
	s.f.multicast_good_bytes_s = 12500000;
	s.f.unicast_good_bytes_s = 112000000;
	finds_nothing(&s); /* it goes slowly, and nobody loses anything: no switch was asked for more */
	for (int i = 0; i < N; i++)
		s.r[i].loss = 0.3;
	finds(&s, DIAGNOSE_STORM_CONTROL, "above 100 Mbit/s", "cast.rate_mbit to 100");
	s.f.unicast_good_bytes_s = 13000000; /* nothing gets through faster: that is the link */
	finds_nothing(&s);
}

static void test_mtu(void **state)
{
	struct story s;

	(void)state;
	begin(&s);
	s.f.packet_bytes = s.f.mtu = 9000;
	for (int i = 0; i < N; i++)
		s.r[i].mtu = 9000;
	finds_nothing(&s);
	s.r[0].large = DIAGNOSE_NO;
	finds(&s, DIAGNOSE_MTU, "Jumbo frames (9000 bytes) do not reach n01", "every switch between");
	s.r[0].large = DIAGNOSE_YES;
	s.r[4].mtu = 1500;
	finds(&s, DIAGNOSE_MTU, "n05", "networks[].mtu");
	begin(&s);
	s.r[4].large = DIAGNOSE_NO;
	finds(&s, DIAGNOSE_MTU, "Packets of 1500 bytes do not reach n05", "tunnel");
	s.r[4].small = DIAGNOSE_NO; /* then it is not the length */
	finds_nothing(&s);
	s.f.mtu = 1400;
	finds(&s, DIAGNOSE_MTU, "sender's own interface", "MTU to 1500");
}

static void test_links(void **state)
{
	struct story s;

	(void)state;
	begin(&s);
	s.r[2].full_duplex = DIAGNOSE_NO;
	s.r[2].speed_mbit = 100;
	s.r[2].loss = 0.4; /* one cause, one finding */
	finds(&s, DIAGNOSE_DUPLEX, "n03", "replace the cable");
	s.r[2].full_duplex = DIAGNOSE_YES;
	finds(&s, DIAGNOSE_SLOW_LINK, "n03", "two broken pairs");
	begin(&s);
	s.f.full_duplex = DIAGNOSE_NO;
	finds(&s, DIAGNOSE_DUPLEX, "sender's link", "negotiate");
	begin(&s);
	s.f.speed_mbit = 100;
	finds(&s, DIAGNOSE_SLOW_LINK, "sender's own link has 100", "another port");
}

static void test_loss(void **state)
{
	struct story s;

	(void)state;
	begin(&s);
	s.r[5].loss = 0.07;
	finds(&s, DIAGNOSE_CABLE, "n06 at switch sw-b (port Gi0/7) alone loses 7.0 %", "replace its cable");
	s.r[5].switch_name = s.r[5].port = NULL;
	finds(&s, DIAGNOSE_CABLE, "n06 alone", "another port");
	begin(&s);
	for (int i = 4; i < N; i++)
		s.r[i].loss = 0.05;
	finds(&s, DIAGNOSE_SWITCH, "switch sw-b", "uplink");
	/* A receiver alone in the cast that loses is one with a bad cable, too. */
	begin(&s);
	s.f.n = 1;
	s.r[0].loss = 0.1;
	finds(&s, DIAGNOSE_CABLE, "n01", "10.0 %");
}

static void test_machines(void **state)
{
	struct story s;

	(void)state;
	begin(&s);
	s.r[6].waits_for_disk = true;
	s.r[6].disk_bytes_s = 5000000;
	s.r[6].loss = 0.9;
	finds(&s, DIAGNOSE_DISK, "n07", "smartctl");
	begin(&s);
	s.r[6].socket_bytes = 212992;
	finds_nothing(&s);
	s.r[6].loss = 0.01;
	finds(&s, DIAGNOSE_BUFFER, "n07", "net.core.rmem_max");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_is_well),   cmocka_unit_test(test_querier),  cmocka_unit_test(test_not_arriving),
		cmocka_unit_test(test_storm_control), cmocka_unit_test(test_mtu),      cmocka_unit_test(test_links),
		cmocka_unit_test(test_loss),	      cmocka_unit_test(test_machines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
