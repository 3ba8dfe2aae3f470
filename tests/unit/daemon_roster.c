/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes beside each other in one site, and what applying another site would change. */
#include "base/mem.h"
#include "daemon/roster.h"
#include "daemon/site_diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka.h wants setjmp.h and stdarg.h. */
#include <cmocka.h>

struct bench {
	struct site site;
	struct roster roster;
};

static int setup(void **state)
{
	struct site_seed seed = { .cluster = "lab",
				  .interface = "eth0",
				  .subnet = "10.77.0.0/28",
				  .head_addr = "10.77.0.1",
				  .head_name = "head1",
				  .suite = "bookworm",
				  .trust_mac = true };
	struct bench *b = mem_zalloc(sizeof(*b));
	struct err err = { 0 };

	if (site_init(&seed, &b->site, &err) < 0) {
		print_error("%s\n", err.text);
		return -1;
	}
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	roster_free(&b->roster);
	site_free(&b->site);
	free(b);
	return 0;
}

static struct node make(const char *name, const char *mac, uint32_t addr4)
{
	struct node n = { .name = mem_strdup(name), .group = mem_strdup("compute"), .addr4 = addr4 };

	str_list_add(&n.macs, mac);
	return n;
}

#define NET 0x0a4d0000u /* 10.77.0.0 */

static void test_addresses_are_the_lowest_free(void **state)
{
	struct bench *b = *state;
	struct site_network *net = &b->site.networks[0];
	struct err err = { 0 };
	uint32_t a = 0;

	/* .1 is the head; .4-.6 the pool, .7 the gateway; .15 the broadcast */
	net->pool4_first = NET + 4;
	net->pool4_last = NET + 6;
	net->gateway4 = NET + 7;
	static const uint32_t want[] = { 2, 3, 8, 9, 10, 11, 12, 13, 14 };

	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		autofree char *name = str_format("n%zu", i);
		autofree char *mac = str_format("52:54:00:00:00:%02zx", i);
		struct node n;

		assert_int_equal(roster_next_addr(&b->roster, &b->site, 0, &a, &err), 0);
		assert_int_equal(a, NET + want[i]);
		n = make(name, mac, a);
		assert_int_equal(roster_check(&b->roster, &b->site, &n, &err), 0);
		roster_add(&b->roster, &n);
	}
	assert_int_equal(roster_next_addr(&b->roster, &b->site, 0, &a, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	/* What was given back is given again; a start further up is kept to. */
	b->roster.nodes[1].addr4 = NET + 200;
	assert_int_equal(roster_next_addr(&b->roster, &b->site, 0, &a, &err), 0);
	assert_int_equal(a, NET + 3);
	assert_int_equal(roster_next_addr(&b->roster, &b->site, NET + 4, &a, &err), -1);
}

static void refuse(struct bench *b, struct node *n, enum err_kind kind, const char *words)
{
	struct err err = { 0 };

	assert_int_equal(roster_check(&b->roster, &b->site, n, &err), -1);
	if (!strstr(err.text, words))
		fail_msg("'%s' lacks '%s'", err.text, words);
	assert_int_equal(err.kind, kind);
	node_free(n);
}

static struct addr6 a6(const char *text)
{
	struct addr6 a = { { 0 } };
	struct err err = { 0 };

	if (addr6_read(text, &a, &err) < 0)
		fail_msg("%s", err.text);
	return a;
}

static void refuse_addr(struct bench *b, const struct node *n, const char *words)
{
	struct err err = { 0 };

	assert_int_equal(roster_check_addr(&b->roster, &b->site, n, &err), -1);
	if (!strstr(err.text, words))
		fail_msg("'%s' lacks '%s'", err.text, words);
}

/* The site's provision network as both families (`four`), or IPv6 alone. */
static void six(struct bench *b, bool four)
{
	struct site_seed seed = { .cluster = "lab",
				  .interface = "eth0",
				  .subnet = four ? "10.77.0.0/28" : "off",
				  .ipv6 = "fd00:77::/64",
				  .head_name = "head1" };
	struct err err = { 0 };

	site_free(&b->site);
	if (site_init(&seed, &b->site, &err) < 0)
		fail_msg("%s", err.text);
}

static void has(struct bench *b, const struct node *n, uint32_t addr4, const char *addr6)
{
	struct node_addrs a;
	char text[ADDR6_LEN];

	node_addresses(&b->site, n, &a);
	assert_int_equal(a.addr4, addr4);
	assert_int_equal(a.has6, addr6 != NULL);
	addr6_print(&a.addr6, text);
	if (addr6)
		assert_string_equal(text, addr6);
}

/* One's own address in one family is its place in the other too, whichever family comes and goes. */
static void test_a_place_is_kept_between_families(void **state)
{
	struct bench *b = *state;
	struct node old = make("n1", "52:54:00:00:00:01", NET + 5), own = make("n2", "52:54:00:00:00:02", NET + 6);
	struct node only6 = make("n3", "52:54:00:00:00:03", 0);
	struct err err = { 0 };

	own.has6 = only6.has6 = true;
	own.addr6 = a6("fd00:77::aaaa");
	only6.addr6 = a6("fd00:77::9");
	has(b, &old, NET + 5, NULL);
	has(b, &own, NET + 6, NULL);
	has(b, &only6, 0, NULL);
	assert_int_equal(roster_check_addr(&b->roster, &b->site, &only6, &err), -1);
	assert_non_null(strstr(err.text, "n3: has no IPv4 address"));
	assert_non_null(strstr(err.hint, "node set n3 --ipv4"));
	six(b, true);
	has(b, &old, NET + 5, "fd00:77::5");
	has(b, &own, NET + 6, "fd00:77::aaaa");
	has(b, &only6, NET + 9, "fd00:77::9");
	assert_int_equal(roster_check_addr(&b->roster, &b->site, &only6, &err), 0);
	only6.addr6 = a6("fd00:77::f"); /* number 15: the broadcast address */
	has(b, &only6, 0, "fd00:77::f");
	assert_int_equal(roster_check_addr(&b->roster, &b->site, &only6, &err), -1);
	only6.addr6 = a6("fd00:77::9");
	six(b, false);
	has(b, &old, 0, NULL);
	has(b, &own, 0, "fd00:77::aaaa");
	has(b, &only6, 0, "fd00:77::9");
	assert_int_equal(roster_check_addr(&b->roster, &b->site, &old, &err), -1);
	assert_non_null(strstr(err.text, "n1: has no IPv6 address"));
	assert_int_equal(roster_check_addr(&b->roster, &b->site, &own, &err), 0);
	node_free(&old);
	node_free(&own);
	node_free(&only6);
}

/* What is taken in either family is not given away in the other. */
static void test_places_are_free_in_both_families(void **state)
{
	struct bench *b = *state;
	struct site_network *net;
	static const uint64_t want[] = { 2, 5, 6, 7, 13, 14 };
	struct err err = { 0 };
	uint64_t from = 0;
	struct node n;

	six(b, true);
	net = &b->site.networks[0];
	net->has_pool6 = true; /* ::8 to ::b */
	net->pool6_first = a6("fd00:77::8");
	net->pool6_last = a6("fd00:77::b");
	net->has_gateway6 = true;
	net->gateway6 = a6("fd00:77::c");
	n = make("a", "52:54:00:00:01:01", NET + 4);
	n.has6 = true;
	n.addr6 = a6("fd00:77::3");
	assert_int_equal(roster_check_addr(&b->roster, &b->site, &n, &err), 0);
	roster_add(&b->roster, &n);
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		autofree char *name = str_format("n%zu", i);
		autofree char *mac = str_format("52:54:00:00:00:%02zx", i);

		n = make(name, mac, 0);
		assert_int_equal(roster_place(&b->roster, &b->site, &from, &n, &err), 0);
		assert_int_equal(n.addr4, NET + want[i]);
		assert_false(n.has6);
		assert_int_equal(from, want[i] + 1);
		if (roster_check(&b->roster, &b->site, &n, &err) < 0)
			fail_msg("%s", err.text);
		roster_add(&b->roster, &n);
	}
	n = make("z", "52:54:00:00:02:01", 0);
	assert_int_equal(roster_place(&b->roster, &b->site, &from, &n, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	n.addr4 = NET + 3; /* n.addr6 would be a's */
	refuse_addr(b, &n, "fd00:77::3 is a's already");
	n.addr4 = NET + 9;
	refuse_addr(b, &n, "in the pool");
	n.addr4 = NET + 12;
	refuse_addr(b, &n, "the gateway's");
	n.addr4 = 0;
	n.has6 = true;
	n.addr6 = a6("fd00:77::1");
	refuse_addr(b, &n, "10.77.0.1 is the head head1's");
	n.addr6 = a6("fd00:77::4");
	refuse_addr(b, &n, "10.77.0.4 is a's already");
	n.addr4 = NET + 12;
	n.addr6 = a6("fd00:77::2");
	refuse_addr(b, &n, "fd00:77::2 is n0's already");
	n.addr6 = a6("fd00:78::2");
	refuse_addr(b, &n, "fd00:78::2 is no host address of the provision network");
	n.addr6 = a6("fd00:77::1");
	refuse_addr(b, &n, "the head head1's");
	node_free(&n);
}

static void test_places_with_ipv6_alone(void **state)
{
	struct bench *b = *state;
	static const char *const want[] = { "fd00:77::2", "fd00:77::3", "fd00:77::1:0:5" };
	struct site_network *net;
	struct err err = { 0 };
	uint64_t from = 0;
	struct node n;

	six(b, false);
	net = &b->site.networks[0];
	net->has_pool6 = true; /* nearly all of it: it is stepped over at once */
	net->pool6_first = a6("fd00:77::4");
	net->pool6_last = a6("fd00:77::1:0:4");
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		autofree char *name = str_format("n%zu", i);
		autofree char *mac = str_format("52:54:00:00:00:%02zx", i);

		from = 0;
		n = make(name, mac, 0);
		assert_int_equal(roster_place(&b->roster, &b->site, &from, &n, &err), 0);
		assert_int_equal(n.addr4, 0);
		has(b, &n, 0, want[i]);
		assert_int_equal(roster_check(&b->roster, &b->site, &n, &err), 0);
		roster_add(&b->roster, &n);
	}
	n = make("own", "52:54:00:00:02:01", 0);
	n.has6 = true;
	n.addr6 = a6("fd00:77::77");
	assert_int_equal(roster_place(&b->roster, &b->site, &from, &n, &err), 0);
	has(b, &n, 0, "fd00:77::77");
	node_free(&n);
}

static void test_what_one_may_not_take_from_another(void **state)
{
	struct bench *b = *state;
	struct node first = make("n1", "52:54:00:00:00:01", NET + 2), n;
	struct err err = { 0 };

	str_list_add(&first.macs, "52:54:00:00:00:11");
	roster_add(&b->roster, &first);
	n = make("n1", "52:54:00:00:00:01", NET + 2); /* itself */
	assert_int_equal(roster_check(&b->roster, &b->site, &n, &err), 0);
	node_free(&n);
	n = make("n2", "52:54:00:00:00:11", NET + 3);
	refuse(b, &n, ERR_EXISTS, "n1's already");
	n = make("n2", "52:54:00:00:00:02", NET + 2);
	refuse(b, &n, ERR_EXISTS, "10.77.0.2 is n1's already");
	n = make("n2", "52:54:00:00:00:02", NET + 1);
	refuse(b, &n, ERR_EXISTS, "head head1's");
	n = make("n2", "52:54:00:00:00:02", NET);
	refuse(b, &n, ERR_INVALID, "no host address");
	n = make("n2", "52:54:00:00:00:02", NET + 15);
	refuse(b, &n, ERR_INVALID, "no host address");
	n = make("n2", "52:54:00:00:00:02", NET + 16);
	refuse(b, &n, ERR_INVALID, "no host address");
	n = make("head1", "52:54:00:00:00:02", NET + 3);
	refuse(b, &n, ERR_EXISTS, "name of a head");
	n = make("n2", "52:54:00:00:00:02", NET + 3);
	model_set(&n.group, "gpu");
	refuse(b, &n, ERR_INVALID, "no group 'gpu'");
	n = make("n2", "52:54:00:00:00:02", NET + 3);
	model_set(&n.image, "nothing/1");
	refuse(b, &n, ERR_INVALID, "no image 'nothing'");
	n = make("n2", "52:54:00:00:00:02", NET + 3);
	model_set(&n.layout, "raid7");
	refuse(b, &n, ERR_INVALID, "no disk layout 'raid7'");
	n = make("n2", "52:54:00:00:00:02", NET + 3);
	str_list_free(&n.macs);
	refuse(b, &n, ERR_INVALID, "at least one MAC");
	n = make("n2", "52:54:00:00:00:02", NET + 3);
	for (int i = 0; i < 16; i++)
		str_list_addf(&n.macs, "52:54:00:00:01:%02x", (unsigned int)i);
	refuse(b, &n, ERR_INVALID, "too many");
	n = make("n2", "52:54:00:00:00:02", NET + 3);
	model_set(&n.serial, "A\x1b[2J");
	refuse(b, &n, ERR_INVALID, "serial number");
	b->site.networks[0].pool4_first = NET + 4;
	b->site.networks[0].pool4_last = NET + 6;
	n = make("n2", "52:54:00:00:00:02", NET + 6);
	refuse(b, &n, ERR_EXISTS, "in the pool");
	n = make("n2", "52:54:00:00:00:02", NET + 7);
	assert_int_equal(roster_check(&b->roster, &b->site, &n, &err), 0);
	node_free(&n);
	assert_null(roster_find(&b->roster, "n2"));
}

static bool has_step(const struct plan *plan, const char *words)
{
	for (size_t i = 0; i < plan->len; i++)
		if (strstr(plan->steps[i].text, words))
			return true;
	return false;
}

static void test_a_site_against_another(void **state)
{
	struct bench *b = *state;
	autoclean(site_free) struct site other = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	autoclean(plan_free) struct plan all = { 0 };
	autoclean(plan_free) struct plan none = { 0 };
	autoclean(plan_free) struct plan some = { 0 };
	struct err err = { 0 };

	assert_int_equal(site_diff(NULL, &b->site, &all, &err), 0);
	assert_true(has_step(&all, "add node group compute"));
	assert_true(has_step(&all, "set cluster.name to \"lab\""));
	assert_int_equal(site_diff(&b->site, &b->site, &none, &err), 0);
	assert_int_equal(none.len, 0);
	site_print(&b->site, &text);
	assert_int_equal(site_read(buf_str(&text), text.len, "copy", &other, &err), 0);
	other.trust_mac = false;
	model_set(&other.heads[0].name, "head9");
	other.networks[0].mtu = 9000;
	assert_int_equal(site_diff(&b->site, &other, &some, &err), 0);
	assert_int_equal(some.len, 4);
	assert_true(has_step(&some, "change enrol.trust_mac from true to false"));
	assert_true(has_step(&some, "add head head9"));
	assert_true(has_step(&some, "remove head head1"));
	assert_true(has_step(&some, "change network provision"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_addresses_are_the_lowest_free, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_place_is_kept_between_families, setup, teardown),
		cmocka_unit_test_setup_teardown(test_places_are_free_in_both_families, setup, teardown),
		cmocka_unit_test_setup_teardown(test_places_with_ipv6_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_one_may_not_take_from_another, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_site_against_another, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
