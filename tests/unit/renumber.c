/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where nodes go when the provision network becomes another one, and how that is said. */
#include "base/mem.h"
#include "daemon/renumber.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka.h wants setjmp.h and stdarg.h. */
#include <cmocka.h>

static void make_site(const char *subnet, const char *ipv6, struct site *out)
{
	struct site_seed seed = {
		.cluster = "lab", .interface = "eth0", .subnet = subnet, .ipv6 = ipv6, .head_name = "head1", .suite = "bookworm"
	};
	struct err err = { 0 };

	if (site_init(&seed, out, &err) < 0)
		fail_msg("%s", err.text);
}

static void add(struct roster *r, const char *name, const char *ipv4, const char *ipv6)
{
	struct node n = { .name = mem_strdup(name), .group = mem_strdup("compute") };
	struct err err = { 0 };

	str_list_addf(&n.macs, "52:54:00:00:00:%02zx", r->len + 1);
	if ((ipv4 && addr4_read(ipv4, &n.addr4, &err) < 0) || (ipv6 && addr6_read(ipv6, &n.addr6, &err) < 0))
		fail_msg("%s", err.text);
	n.has6 = ipv6 != NULL;
	roster_add(r, &n);
}

static void has(const struct roster *r, size_t i, const char *ipv4, const char *ipv6)
{
	char addr[ADDR6_LEN];

	addr4_print(r->nodes[i].addr4, addr);
	assert_string_equal(addr, ipv4);
	assert_int_equal(r->nodes[i].has6, ipv6 != NULL);
	addr6_print(&r->nodes[i].addr6, addr);
	if (ipv6)
		assert_string_equal(addr, ipv6);
}

struct rig {
	struct site old, site;
	struct roster was, is;
	enum renumbered how[16];
	struct address_change changes[16];
	struct plan plan;
};

static void rig_free(struct rig *r)
{
	site_free(&r->old);
	site_free(&r->site);
	roster_free(&r->was);
	roster_free(&r->is);
	plan_free(&r->plan);
}

static void add_both(struct rig *r, const char *name, const char *ipv4, const char *ipv6)
{
	add(&r->was, name, ipv4, ipv6);
	add(&r->is, name, ipv4, ipv6);
}

static void move(struct rig *r)
{
	struct err err = { 0 };

	if (renumber(&r->old, &r->site, &r->is, r->how, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < r->is.len; i++)
		if (roster_check_addr(&r->is, &r->site, &r->is.nodes[i], &err) < 0)
			fail_msg("%s", err.text);
	if (address_changes(&r->old, &r->site, &r->was, &r->is, r->how, r->changes, &r->plan, &err) < 0)
		fail_msg("%s", err.text);
}

static void says(const struct rig *r, size_t step, const char *text)
{
	assert_true(step < r->plan.len);
	assert_string_equal(r->plan.steps[step].text, text);
}

static void who_keeps_a_place_has_it_for_certain(void **state)
{
	autoclean(rig_free) struct rig r = { 0 };

	(void)state;
	make_site("10.1.0.0/16", "off", &r.old);
	make_site("10.2.0.0/24", "off", &r.site);
	/* The first has no place in the new one; the lowest free one is the second's own. */
	add_both(&r, "a", "10.1.3.7", NULL);
	add_both(&r, "b", "10.1.0.2", NULL);
	add_both(&r, "c", "10.1.0.255", NULL); /* broadcast there */
	add_both(&r, "d", "10.1.0.4", NULL);
	move(&r);
	has(&r.is, 0, "10.2.0.3", NULL);
	has(&r.is, 1, "10.2.0.2", NULL);
	has(&r.is, 2, "10.2.0.5", NULL);
	has(&r.is, 3, "10.2.0.4", NULL);
	assert_int_equal(r.how[0], RENUMBER_NEXT);
	assert_int_equal(r.how[1], RENUMBER_PLACE);
	assert_true(r.changes[0].leased && !r.changes[0].in_files);
	says(&r, 0, "a: address on network provision from 10.1.3.7 to 10.2.0.3, the next free one");
	says(&r, 1, "b: address on network provision from 10.1.0.2 to 10.2.0.2");
	assert_int_equal(r.plan.len, 4);
}

static void who_fits_stays(void **state)
{
	autoclean(rig_free) struct rig r = { 0 };

	(void)state;
	make_site("10.1.0.0/24", "off", &r.old);
	make_site("10.0.0.0/8", "off", &r.site);
	add_both(&r, "a", "10.1.0.2", NULL);
	add_both(&r, "b", "10.1.0.3", NULL);
	r.site.heads[0].addr4 = r.is.nodes[1].addr4; /* and who is in the head's way goes */
	move(&r);
	has(&r.is, 0, "10.1.0.2", NULL);
	has(&r.is, 1, "10.0.0.1", NULL);
	assert_int_equal(r.how[0], RENUMBER_STAYS);
	assert_false(r.changes[0].any);
	assert_int_equal(r.plan.len, 1);
}

static void families(void **state)
{
	autoclean(rig_free) struct rig r = { 0 };

	(void)state;
	make_site("10.1.0.0/24", "fd00:1::/64", &r.old);
	make_site("10.1.0.0/24", "fd00:2::/64", &r.site);
	add_both(&r, "follows", "10.1.0.2", NULL);
	add_both(&r, "own", "10.1.0.3", "fd00:1::abcd");
	add_both(&r, "pool", "10.1.0.4", "fd00:1::b007:0:7");
	move(&r);
	has(&r.is, 0, "10.1.0.2", NULL);
	has(&r.is, 1, "10.1.0.3", "fd00:2::abcd");
	assert_int_equal(r.how[0], RENUMBER_STAYS);
	assert_true(r.changes[0].in_files && !r.changes[0].leased);
	says(&r, 0, "follows: address on network provision from fd00:1::2 to fd00:2::2");
	says(&r, 1, "own: address on network provision from fd00:1::abcd to fd00:2::abcd");
	/* A family that comes: addresses of its own that are left from long ago do not count. */
	rig_free(&r);
	memset(&r, 0, sizeof(r));
	make_site("off", "fd00:1::/64", &r.old);
	make_site("10.9.0.0/24", "fd00:1::/64", &r.site);
	add_both(&r, "a", "10.1.0.2", "fd00:1::5");
	move(&r);
	has(&r.is, 0, "0.0.0.0", "fd00:1::5");
	says(&r, 0, "a: gets the address 10.9.0.5 on network provision");
	assert_true(r.changes[0].in_files && !r.changes[0].leased); /* its files have no DHCP for IPv4 */
	/* And one that goes. */
	rig_free(&r);
	memset(&r, 0, sizeof(r));
	make_site("10.9.0.0/24", "fd00:1::/64", &r.old);
	make_site("10.9.0.0/24", "off", &r.site);
	add_both(&r, "a", "10.9.0.2", NULL);
	move(&r);
	says(&r, 0, "a: loses the address fd00:1::2 on network provision");
}

/* A family that comes, and goes, where the other one's host number is no place in it. */
static void the_only_family(void **state)
{
	autoclean(rig_free) struct rig r = { 0 };

	(void)state;
	make_site("off", "fd00:1::/64", &r.old);
	make_site("10.9.0.0/24", "fd00:1::/64", &r.site);
	add_both(&r, "a", NULL, "fd00:1::1:5");
	add_both(&r, "b", NULL, "fd00:1::2");
	move(&r);
	has(&r.is, 0, "10.9.0.3", "fd00:1::1:5");
	has(&r.is, 1, "0.0.0.0", "fd00:1::2");
	says(&r, 0, "a: gets the address 10.9.0.3 on network provision");
	/* IPv4 goes: what followed from it stays. */
	rig_free(&r);
	memset(&r, 0, sizeof(r));
	make_site("10.9.0.0/24", "fd00:1::/64", &r.old);
	make_site("off", "fd00:2::/64", &r.site);
	add_both(&r, "a", "10.9.0.7", NULL);
	add_both(&r, "b", "10.9.0.8", "fd00:1::9");
	move(&r);
	assert_true(r.is.nodes[0].has6);
	has(&r.is, 0, "10.9.0.7", "fd00:2::7");
	has(&r.is, 1, "10.9.0.8", "fd00:2::9");
	/* IPv6 goes, and from the one to the other at once. */
	rig_free(&r);
	memset(&r, 0, sizeof(r));
	make_site("10.9.0.0/24", "fd00:1::/64", &r.old);
	make_site("10.9.0.0/24", "off", &r.site);
	add_both(&r, "a", NULL, "fd00:1::7");
	move(&r);
	has(&r.is, 0, "10.9.0.7", "fd00:1::7");
	rig_free(&r);
	memset(&r, 0, sizeof(r));
	make_site("10.9.0.0/24", "off", &r.old);
	make_site("off", "fd00:1::/64", &r.site);
	add_both(&r, "a", "10.9.0.7", NULL);
	move(&r);
	assert_true(r.is.nodes[0].has6);
}

static void many_are_folded(void **state)
{
	autoclean(rig_free) struct rig r = { 0 };

	(void)state;
	make_site("10.1.0.0/16", "off", &r.old);
	make_site("10.2.0.0/16", "off", &r.site);
	for (unsigned int i = 0; i < 12; i++) {
		autofree char *name = str_format("n%u", i + 1), *addr = str_format("10.1.0.%u", i < 10 ? 10 + i : 90 + i);

		add_both(&r, name, addr, NULL);
	}
	move(&r);
	assert_int_equal(r.plan.len, 2);
	says(&r, 0, "n[1-10]: addresses on network provision from 10.1.0.10-10.1.0.19 to 10.2.0.10-10.2.0.19");
	says(&r, 1, "n[11-12]: addresses on network provision from 10.1.0.100-10.1.0.101 to 10.2.0.100-10.2.0.101");
}

static void no_place_for_all(void **state)
{
	autoclean(rig_free) struct rig r = { 0 };
	struct err err = { 0 };

	(void)state;
	make_site("10.1.0.0/24", "off", &r.old);
	make_site("10.2.0.0/30", "off", &r.site);
	add(&r.is, "a", "10.1.0.7", NULL);
	add(&r.is, "b", "10.1.0.8", NULL);
	assert_int_equal(renumber(&r.old, &r.site, &r.is, r.how, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_non_null(strstr(err.text, "b: the provision network 'provision' (10.2.0.0/30) has no free address left"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_keeps_a_place_has_it_for_certain),
		cmocka_unit_test(who_fits_stays),
		cmocka_unit_test(families),
		cmocka_unit_test(the_only_family),
		cmocka_unit_test(many_are_folded),
		cmocka_unit_test(no_place_for_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
