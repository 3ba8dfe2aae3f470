/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Networks with something wrong, and what is said about them: each story has what was seen, and the one finding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "cast/cable.h"
#include "cast/diagnose.h"
#include "cast/sender.h"

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

static void finds_all(const struct story *s, size_t n, const char *first, const char *last)
{
	struct diagnose d;

	diagnose_make(&s->f, &d);
	assert_int_equal(d.n, n);
	if (!strstr(d.findings[0].text, first) || !strstr(d.findings[n - 1].text, last))
		fail_msg("'%s', '%s'", d.findings[0].text, d.findings[n - 1].text);
	diagnose_free(&d);
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
	finds(&s, DIAGNOSE_UNREACHABLE, "n08, not even packets to it alone", "firewall");
	s.r[6].multicast = s.r[6].unicast = DIAGNOSE_NO;
	finds(&s, DIAGNOSE_UNREACHABLE, "n07 and n08, not even packets to each alone", "their reports come");
}

/* Six of sixteen, behind no switch that is known. */
static void many(struct story *s)
{
	static struct diagnose_receiver r[16];
	static const char *const more[] = { "n09", "n10", "n11", "n12", "n13", "n14", "n15", "n16" };

	for (int i = 0; i < 16; i++) {
		r[i] = s->r[0];
		r[i].name = i < N ? s->r[i].name : more[i - N];
		r[i].switch_name = r[i].port = NULL;
		r[i].loss = i < 6 ? 0.05 : 0.0001;
	}
	s->f.receivers = r;
	s->f.n = 16;
}

static void test_reports(void **state)
{
	struct story s;

	(void)state;
	begin(&s);
	s.f.reports_at = "UDP 10.1.0.1:4580";
	for (int i = 0; i < N; i++) {
		s.r[i] = (struct diagnose_receiver){ .name = s.r[i].name, .unicast = DIAGNOSE_YES, .loss = -1, .unheard = true };
		s.r[i].multicast = DIAGNOSE_UNKNOWN;
	}
	finds(&s, DIAGNOSE_NO_REPORTS, "no report arrives at UDP 10.1.0.1:4580", "firewall on the head must let it in");
	s.f.n = 1;
	finds(&s, DIAGNOSE_NO_REPORTS, "n01 has a ticket", "one on it must let it out");
	s.f.no_head = true;
	finds(&s, DIAGNOSE_NO_REPORTS, "n01", "firewall on the sender");
	/* Of one nothing is heard, and of the others it is. */
	begin(&s);
	s.f.reports_at = "UDP 10.1.0.1:4580";
	s.r[3].unheard = true;
	s.r[3].loss = -1;
	s.r[3].multicast = DIAGNOSE_UNKNOWN;
	finds(&s, DIAGNOSE_UNHEARD, "n04 has a ticket", "others' do");
	/* It hears packets to itself, and none to a group: then that is it. */
	s.r[3].multicast = DIAGNOSE_NO;
	finds(&s, DIAGNOSE_NOT_ARRIVING, "n04", "others hear it");
	assert_string_equal(diagnose_kind_name(DIAGNOSE_NO_REPORTS), "no-reports");
	for (int k = 0; k < DIAGNOSE_KINDS; k++)
		assert_non_null(diagnose_kind_name((enum diagnose_kind)k));
}

static void test_stopped(void **state)
{
	struct story s;

	(void)state;
	begin(&s);
	for (int i = 0; i < 5; i++)
		s.r[i].stopped = true;
	finds_nothing(&s); /* somebody asks: it is not that */
	s.f.querier = DIAGNOSE_UNKNOWN;
	finds(&s, DIAGNOSE_NO_QUERIER, "n01, n02, n03, n04 and n05 heard the cast, and at once no more", "orthrus head status");
	s.f.querier_off = true;
	finds(&s, DIAGNOSE_NO_QUERIER, "(cast.querier is \"off\")", "set cast.querier to \"auto\"");
	s.f.querier_off = false;
	s.f.no_head = true;
	finds(&s, DIAGNOSE_NO_QUERIER, "nobody asks", "a switch or router");
	/* One that goes silent alone may have been switched off. */
	for (int i = 1; i < 5; i++)
		s.r[i].stopped = false;
	finds_nothing(&s);
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
	s.f.unicast_good_bytes_s = 112000000;
	s.f.no_head = true;
	finds(&s, DIAGNOSE_STORM_CONTROL, "above 100 Mbit/s", "--rate 100");
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
	finds_nothing(&s); /* they arrive all the same */
	s.r[4].large = DIAGNOSE_UNKNOWN;
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
	/* Two at a time are not alone, and many have something in common. */
	begin(&s);
	s.r[2].loss = s.r[6].loss = 0.05;
	finds_all(&s, 2, "n03 at switch sw-a (port Gi0/7) loses 5.0 %", "n07 at switch sw-b (port Gi0/7) loses 5.0 %");
	many(&s);
	finds(&s, DIAGNOSE_CABLE, "n01, n02, n03, n04, n05 and 1 more lose packets", "in common");
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
	s.r[6].disk_bytes_s = 0; /* it is not known how slow */
	finds(&s, DIAGNOSE_DISK, "n07", "smartctl");
	begin(&s);
	s.r[6].socket_bytes = 212992;
	finds_nothing(&s);
	s.r[6].loss = 0.01;
	finds(&s, DIAGNOSE_BUFFER, "n07", "net.core.rmem_max");
}

static void test_seen(void **state)
{
	struct sender_receiver_view v = {
		.heard_ns = 1, .sent = 2000, .came = 1500, .reports = 40, .pressed = 9, .buffer_kib = 200
	};
	const struct cable half = { .interface = "e", .speed_mbit = 10, .duplex = CABLE_HALF, .mtu = 1500 }, none = { 0 };
	struct diagnose_receiver r;

	(void)state;
	assert_int_equal(diagnose_duplex(&half), DIAGNOSE_NO);
	assert_int_equal(diagnose_duplex(&none), DIAGNOSE_UNKNOWN);
	assert_int_equal(diagnose_packet(1408, false), 1476);
	assert_int_equal(diagnose_packet(8896, true), 8984);
	diagnose_seen(&v, &half, &r);
	assert_true(r.loss > 0.249 && r.loss < 0.251);
	assert_true(r.multicast == DIAGNOSE_YES && r.small == DIAGNOSE_YES && r.large == DIAGNOSE_YES);
	assert_true(r.packets == 2000 && r.socket_bytes == 204800 && r.speed_mbit == 10 && r.mtu == 1500);
	assert_false(r.waits_for_disk); /* now and then */
	v.pressed = 10;
	v.came = 0;
	v.probes = WIRE_HEARD(WIRE_BROADCAST, WIRE_FULL);
	diagnose_seen(&v, &none, &r);
	assert_true(r.waits_for_disk);
	assert_true(r.multicast == DIAGNOSE_NO && r.large == DIAGNOSE_NO);
	v.probes = WIRE_HEARD(WIRE_MC6, WIRE_SMALL);
	v.sent = 900; /* too few to say it */
	diagnose_seen(&v, &none, &r);
	assert_true(r.multicast == DIAGNOSE_YES && r.large == DIAGNOSE_UNKNOWN);
	v = (struct sender_receiver_view){ .hellos = 2 };
	diagnose_seen(&v, &none, &r);
	assert_true(r.multicast == DIAGNOSE_UNKNOWN && r.small == DIAGNOSE_UNKNOWN && r.loss < 0);
	assert_int_equal(r.unicast, DIAGNOSE_YES);
	v.hellos = 3; /* it is there, and nothing reaches it */
	diagnose_seen(&v, &none, &r);
	assert_int_equal(r.unicast, DIAGNOSE_NO);
	v.probes = WIRE_HEARD(WIRE_UNICAST, WIRE_SMALL);
	diagnose_seen(&v, &none, &r);
	assert_true(r.unicast == DIAGNOSE_YES && r.multicast == DIAGNOSE_NO);
}

static void test_print(void **state)
{
	autoclean(buf_free) struct buf text = { 0 };
	struct json_out w;
	struct diagnose d;
	struct story s;

	(void)state;
	begin(&s);
	s.r[2].full_duplex = DIAGNOSE_NO;
	s.f.full_duplex = DIAGNOSE_NO;
	diagnose_make(&s.f, &d);
	json_out_init(&w, &text, false);
	json_put_obj(&w, NULL);
	diagnose_print(&d, &w);
	json_end_obj(&w);
	assert_non_null(
		strstr(buf_str(&text), "{\"findings\":[{\"kind\":\"duplex\",\"about\":null,\"text\":\"The sender's link"));
	assert_non_null(strstr(buf_str(&text), "{\"kind\":\"duplex\",\"about\":\"n03\",\"text\":\"The link of n03"));
	diagnose_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_is_well), cmocka_unit_test(test_querier), cmocka_unit_test(test_not_arriving),
		cmocka_unit_test(test_reports),	    cmocka_unit_test(test_stopped), cmocka_unit_test(test_storm_control),
		cmocka_unit_test(test_mtu),	    cmocka_unit_test(test_links),   cmocka_unit_test(test_loss),
		cmocka_unit_test(test_machines),    cmocka_unit_test(test_seen),    cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
