/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From what orthrusd keeps of a cast to the facts of its diagnosis, and to what is said at the end. */
#include "base/mem.h"
#include "cast/wire.h"
#include "daemon/cast_facts.h"
#include "daemon/querier_head.h"
#include "sys/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka.h wants setjmp.h and stdarg.h. */
#include <cmocka.h>

#define NOW (100 * NS_PER_S)

struct story {
	struct cast c;
	struct cast_member m[4];
	struct cast_network n;
};

/* Three nodes whose tickets are ten seconds old, and who receive. */
static void begin(struct story *s)
{
	static char names[3][8] = { "n3", "n10", "n2" };

	*s = (struct story){ .c = { .state = CAST_RUNNING,
				    .group = "232.1.2.3",
				    .sender = "10.1.0.1",
				    .sender_port = 4581,
				    .symbol_bytes = 1408,
				    .n_members = 3,
				    .progress = { .data_packets = 9000, .rate = 1000000 } },
			     .n = { .querier = { DIAGNOSE_YES, DIAGNOSE_NO },
				    .own = { .interface = "eth1", .speed_mbit = 10000, .duplex = CABLE_FULL, .mtu = 1500 } } };
	s->c.members = s->m;
	for (uint16_t i = 0; i < 3; i++) {
		s->m[i] = (struct cast_member){ .node = names[i],
						.number = (uint16_t)(i + 1),
						.state = MEMBER_JOINED,
						.told = true,
						.told_ns = NOW - 10 * NS_PER_S };
		s->m[i].view = (struct cast_view){ .number = i + 1U,
						   .state = WIRE_RECEIVING,
						   .heard_ms = 3,
						   .sent = 5000,
						   .came = 4990,
						   .reports = 40,
						   .buffer_kib = 8192 };
	}
}

static const struct diagnose_receiver *of(const struct cast_facts *f, const char *name)
{
	for (size_t i = 0; i < f->f.n; i++)
		if (str_eq(f->f.receivers[i].name, name))
			return &f->f.receivers[i];
	fail_msg("no %s", name);
	return f->f.receivers;
}

static void the_network(void **state)
{
	struct cast_facts f;
	struct story s;

	(void)state;
	begin(&s);
	cast_facts_make(&s.c, &s.n, NOW, &f);
	assert_int_equal(f.f.querier, DIAGNOSE_YES);
	assert_int_equal(f.f.packet_bytes, 1476);
	assert_int_equal(f.f.mtu, 1500);
	assert_int_equal(f.f.speed_mbit, 10000);
	assert_int_equal(f.f.full_duplex, DIAGNOSE_YES);
	assert_int_equal(f.f.rate_bytes_s, 1000000);
	assert_string_equal(f.f.reports_at, "UDP 10.1.0.1:4581");
	assert_int_equal(f.f.multicast_good_bytes_s + f.f.unicast_good_bytes_s, 0); /* nobody has tried */
	assert_false(f.f.no_head);
	/* In the order of their names. */
	assert_string_equal(f.f.receivers[0].name, "n2");
	assert_string_equal(f.f.receivers[2].name, "n10");
	cast_facts_free(&f);
	assert_null(f.receivers);
	/* IPv6 is another querier, and has longer heads. */
	memcpy(s.c.group, "ff35::8000:1", sizeof("ff35::8000:1"));
	memcpy(s.c.sender, "fd00::1", sizeof("fd00::1"));
	cast_facts_make(&s.c, &s.n, NOW, &f);
	assert_int_equal(f.f.querier, DIAGNOSE_NO);
	assert_int_equal(f.f.packet_bytes, 1496);
	assert_string_equal(f.f.reports_at, "UDP [fd00::1]:4581");
	cast_facts_free(&f);
}

static void each_node(void **state)
{
	const struct diagnose_receiver *r;
	struct cast_facts f;
	struct story s;

	(void)state;
	begin(&s);
	s.m[0].cable = (struct cable){ .interface = "eth0", .speed_mbit = 100, .duplex = CABLE_HALF, .mtu = 1280 };
	s.m[0].switch_name = (char[]){ "sw-a" };
	s.m[0].switch_port = (char[]){ "7" };
	s.m[0].view.pressed = 10;
	s.m[1].view.came = 0;
	s.m[1].view.probes = WIRE_HEARD(WIRE_UNICAST, WIRE_SMALL);
	s.m[2].view = (struct cast_view){ .number = 3 };
	cast_facts_make(&s.c, &s.n, NOW, &f);
	r = of(&f, "n3");
	assert_string_equal(r->switch_name, "sw-a");
	assert_string_equal(r->port, "7");
	assert_int_equal(r->speed_mbit, 100);
	assert_int_equal(r->full_duplex, DIAGNOSE_NO);
	assert_int_equal(r->mtu, 1280);
	assert_int_equal(r->multicast, DIAGNOSE_YES);
	assert_int_equal(r->large, DIAGNOSE_YES);
	assert_int_equal(r->socket_bytes, 8 << 20);
	assert_true(r->packets == 5000 && r->loss > 0.0019 && r->loss < 0.0021);
	assert_true(r->waits_for_disk);
	assert_false(r->unheard || r->stopped);
	r = of(&f, "n10");
	assert_int_equal(r->multicast, DIAGNOSE_NO);
	assert_int_equal(r->unicast, DIAGNOSE_YES);
	assert_int_equal(r->small, DIAGNOSE_YES);
	assert_int_equal(r->large, DIAGNOSE_NO);
	assert_false(r->waits_for_disk);
	assert_int_equal(r->full_duplex, DIAGNOSE_UNKNOWN);
	/* Silence says nothing but that it is silent. */
	r = of(&f, "n2");
	assert_true(r->unheard);
	assert_true(r->loss < 0);
	assert_int_equal(r->multicast, DIAGNOSE_UNKNOWN);
	assert_int_equal(r->small, DIAGNOSE_UNKNOWN);
	assert_int_equal(r->large, DIAGNOSE_UNKNOWN);
	cast_facts_free(&f);
}

static void who_is_silent(void **state)
{
	struct cast_facts f;
	struct story s;

	(void)state;
	begin(&s);
	s.m[0].view = (struct cast_view){ .number = 1 };
	s.m[0].told_ns = NOW - 2 * NS_PER_S; /* it may be about to join the group */
	s.m[1].view.heard_ms = 6000;
	s.m[2].view.heard_ms = 6000;
	s.m[2].view.state = WIRE_COMPLETE;
	cast_facts_make(&s.c, &s.n, NOW, &f);
	assert_false(of(&f, "n3")->unheard);
	assert_true(of(&f, "n10")->stopped);
	assert_false(of(&f, "n2")->stopped); /* it has all, and says so seldom */
	cast_facts_free(&f);
	/* When the cast ended without a word of it, two seconds were enough. */
	s.c.state = CAST_ENDED;
	cast_facts_make(&s.c, &s.n, NOW, &f);
	assert_true(of(&f, "n3")->unheard);
	cast_facts_free(&f);
}

/* A node that asked again: what is known is of the ticket that it had. */
static void came_again(void **state)
{
	struct cast_facts f;
	struct story s;

	(void)state;
	begin(&s);
	s.m[3] = (struct cast_member){ .node = s.m[1].node, .number = 4, .state = MEMBER_REFUSED, .before = 2 };
	s.m[1].old = true;
	s.c.n_members = 4;
	cast_facts_make(&s.c, &s.n, NOW, &f);
	assert_int_equal(f.f.n, 3);
	assert_int_equal(of(&f, "n10")->packets, 5000);
	cast_facts_free(&f);
	s.m[3].told = true;
	s.m[3].view = (struct cast_view){ .number = 4, .state = WIRE_RECEIVING, .sent = 7, .came = 7 };
	cast_facts_make(&s.c, &s.n, NOW, &f);
	assert_int_equal(f.f.n, 3);
	assert_int_equal(of(&f, "n10")->packets, 7);
	cast_facts_free(&f);
	/* One that never had a ticket is not there. */
	s.m[0].told = false;
	cast_facts_make(&s.c, &s.n, NOW, &f);
	assert_int_equal(f.f.n, 2);
	assert_string_equal(f.f.receivers[0].name, "n2");
	assert_string_equal(f.f.receivers[1].name, "n10");
	cast_facts_free(&f);
}

static void who_asks(void **state)
{
	static const struct {
		enum querier_state state;
		enum diagnose_fact fact;
	} table[] = { { QUERIER_WE, DIAGNOSE_YES },
		      { QUERIER_OTHER, DIAGNOSE_YES },
		      { QUERIER_LISTENING, DIAGNOSE_UNKNOWN },
		      { QUERIER_NO_ADDRESS, DIAGNOSE_NO },
		      { QUERIER_OFF, DIAGNOSE_UNKNOWN } };
	struct querier_head_view v = { .wanted = true, .running = true };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		v.view.side[QUERIER_IPV6].state = table[i].state;
		assert_int_equal(cast_querier_fact(&v, QUERIER_IPV6), table[i].fact);
	}
	v.view.side[QUERIER_IPV6].state = QUERIER_WE;
	v.running = false;
	assert_int_equal(cast_querier_fact(&v, QUERIER_IPV6), DIAGNOSE_UNKNOWN);
}

static void where_its_cable_ends(void **state)
{
	struct nic nics[] = {
		{ .name = (char[]){ "eno1" },
		  .mac = (char[]){ "02:00:00:00:00:01" },
		  .heard = { .system = (char[]){ "sw-a" }, .port = (char[]){ "Gi0/1" }, .chassis = (char[]){ "c1" } } },
		{ .name = (char[]){ "eno2" },
		  .mac = (char[]){ "02:00:00:00:00:02" },
		  .heard = { .port = (char[]){ "7" }, .chassis = (char[]){ "c2" } } },
		{ .name = (char[]){ "eno3" }, .mac = (char[]){ "02:00:00:00:00:03" } },
	};
	const struct machine m = { .mac = nics[0].mac, .nics = nics, .n_nics = 3 };
	static const struct {
		const char *interface, *name, *port;
	} table[] = { { "eno2", "c2", "7" }, { "eno1", "sw-a", "Gi0/1" }, { "eno3", NULL, NULL }, { "bond0", "sw-a", "Gi0/1" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		autofree char *name = NULL, *port = NULL;
		struct cable c = { 0 };

		memcpy(c.interface, table[i].interface, strlen(table[i].interface));
		cast_switch_of(&m, &c, &name, &port);
		assert_true(table[i].name ? name && str_eq(name, table[i].name) : !name);
		assert_true(table[i].port ? port && str_eq(port, table[i].port) : !port);
	}
}

/* As the status has it. */
static void what_is_shown(void **state)
{
	autoclean(buf_free) struct buf text = { 0 };
	struct json_out w;
	struct story s;

	(void)state;
	begin(&s);
	for (int i = 0; i < 3; i++)
		s.m[i].view = (struct cast_view){ .number = 1U + (unsigned int)i };
	s.c.state = CAST_ENDED;
	s.c.ended_ns = NOW;
	json_out_init(&w, &text, false);
	json_put_obj(&w, NULL);
	cast_findings_put(&s.c, &s.n, &w);
	json_end_obj(&w);
	assert_non_null(strstr(buf_str(&text),
			       "{\"findings\":[{\"kind\":\"no-reports\",\"about\":\"n2, n3 and n10\",\"text\":\"n2, "
			       "n3 and n10 have a ticket, but no report arrives at UDP 10.1.0.1:4581: "));
	/* What was found when it ended stays. */
	s.c.looked = true;
	buf_clear(&text);
	json_out_init(&w, &text, false);
	json_put_obj(&w, NULL);
	cast_findings_put(&s.c, &s.n, &w);
	json_end_obj(&w);
	assert_string_equal(buf_str(&text), "{\"findings\":[]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_network),	 cmocka_unit_test(each_node), cmocka_unit_test(who_is_silent),
		cmocka_unit_test(came_again),	 cmocka_unit_test(who_asks),  cmocka_unit_test(where_its_cable_ends),
		cmocka_unit_test(what_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
