/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interfaces of nodes in site.json: which list holds, whose router is used, and which address a node has elsewhere. What is wrong
 * in a file is in tests/golden/site. */
#include "base/mem.h"
#include "golden_site.h"
#include "site/site.h"
#include "site/words.h"

#include <string.h>

static void every_field_is_read(void **state)
{
	autoclean(site_free) struct site s = { 0 };
	const struct site_interfaces *l;

	(void)state;
	golden_site("ok-full.json", &s);
	l = site_interfaces(&s, "base", "nobody");
	assert_int_equal(l->len, 4);
	assert_string_equal(l->items[0].network, "provision");
	assert_true(l->items[0].match[0].boot);
	assert_string_equal(l->items[0].bond.mode, "active-backup");
	assert_true(l->items[0].bond.has_primary);
	assert_string_equal(l->items[0].bond.primary.name, "eno1");
	assert_null(l->items[0].bond.hash);
	assert_string_equal(l->items[1].match[0].path, "pci-0000:41:00.?");
	assert_string_equal(l->items[1].match[0].driver, "mlx5_core");
	assert_string_equal(l->items[1].bond.lacp_rate, "fast");
	assert_string_equal(l->items[1].bond.hash, "layer3+4");
	assert_string_equal(l->items[2].on, "bond1");
	assert_int_equal(l->items[2].addresses, SITE_STATIC);
	assert_false(l->items[2].addresses_given);
	assert_int_equal(l->items[3].addresses, SITE_DHCP);
	assert_true(l->items[3].default_route);
	assert_string_equal(l->items[3].match[1].mac, "52:54:00:bb:00:02");
	assert_string_equal(site_node(&s, "n007")->addresses[0].network, "fabric");
	assert_null(site_node(&s, "n008"));
	assert_null(site_node(&s, NULL));
}

/* A node's own list, else its group's, else that of the nearest group above it. */
static void the_nearest_list_holds(void **state)
{
	autoclean(site_free) struct site s = { 0 };
	const struct site_group *compute;

	(void)state;
	golden_site("ok-full.json", &s);
	compute = site_group(&s, "compute");
	assert_string_equal(compute->extends, "base");
	assert_false(compute->interfaces.given);
	assert_ptr_equal(site_interfaces(&s, "compute", "n007"), &site_group(&s, "base")->interfaces);
	assert_ptr_equal(site_interfaces(&s, "compute", "login1"), &site_node(&s, "login1")->interfaces);
	assert_ptr_equal(site_interfaces(&s, "compute", NULL), &site_group(&s, "base")->interfaces);
	assert_int_equal(site_interfaces(&s, "unheard-of", "n1")->len, 0);
	assert_false(site_interfaces(&s, NULL, NULL)->given);
}

static void one_network_has_the_default_route(void **state)
{
	autoclean(site_free) struct site s = { 0 };
	const struct site_interfaces none = { 0 }, *l;
	bool two = true;

	(void)state;
	golden_site("ok-networks.json", &s);
	l = site_interfaces(&s, "compute", NULL);
	assert_string_equal(site_default_network(&s, l, &two)->name, "provision");
	assert_false(two);
	s.groups[0].interfaces.items[2].default_route = true;
	assert_string_equal(site_default_network(&s, l, &two)->name, "campus");
	s.groups[0].interfaces.items[2].default_route = false;
	s.networks[0].gateway4 = 0;
	assert_string_equal(site_default_network(&s, l, &two)->name, "campus");
	assert_null(site_default_network(&s, &none, &two)); /* the node is not on campus */
	s.networks[2].has_gateway6 = true;
	s.networks[2].gateway6 = s.networks[2].net6.base;
	s.networks[2].gateway6.bytes[15] = 1;
	assert_null(site_default_network(&s, l, &two));
	assert_true(two);
	s.groups[0].interfaces.items[2].addresses = SITE_NO_ADDRESS;
	assert_string_equal(site_default_network(&s, l, &two)->name, "storage");
	assert_false(two);
}

static void is_addr4(const struct site *s, const char *net, const char *node, uint64_t host, const char *want)
{
	struct err err = { 0 };
	char text[ADDR4_LEN];
	uint32_t a = 0;

	if (site_node_addr4(s, site_network(s, net), node, host, &a, &err) < 0)
		fail_msg("%s", err.text);
	addr4_print(a, text);
	assert_string_equal(text, want);
}

static void is_addr6(const struct site *s, const char *net, const char *node, uint64_t host, const char *want)
{
	struct err err = { 0 };
	char text[ADDR6_LEN];
	struct addr6 a;

	if (site_node_addr6(s, site_network(s, net), node, host, &a, &err) < 0)
		fail_msg("%s", err.text);
	addr6_print(&a, text);
	assert_string_equal(text, want);
}

static void no_addr4(const struct site *s, const char *net, uint64_t host, enum err_kind kind, const char *why)
{
	struct err err = { 0 };
	uint32_t a = 0;

	assert_int_equal(site_node_addr4(s, site_network(s, net), "n01", host, &a, &err), -1);
	assert_int_equal(err.kind, kind);
	if (!strstr(err.text, why) || !strstr(err.text, "n01"))
		fail_msg("%s", err.text);
	assert_non_null(strstr(err.hint, "nodes[].addresses"));
}

static void addresses_follow_the_number(void **state)
{
	autoclean(site_free) struct site s = { 0 };
	struct err err = { 0 };
	struct addr6 a6;

	(void)state;
	golden_site("ok-networks.json", &s);
	is_addr4(&s, "fabric", "n01", 11, "10.2.0.11");
	is_addr4(&s, "fabric", "n07", 17, "10.2.0.99"); /* named in the file */
	is_addr4(&s, "fabric", "n01", 254, "10.2.0.254");
	is_addr4(&s, "campus", "n07", 17, "192.0.2.17"); /* nothing is named for it there */
	is_addr6(&s, "storage", "n01", 11, "fd00:3::b");
	is_addr6(&s, "storage", "n01", 0x10203, "fd00:3::1:203");
	is_addr6(&s, "storage", "n07", 17, "fd00:3::99");
	no_addr4(&s, "fabric", 255, ERR_INVALID, "10.2.0.0/24");
	no_addr4(&s, "fabric", 300, ERR_INVALID, "is 300");
	no_addr4(&s, "fabric", 0, ERR_INVALID, "10.2.0.0/24");
	no_addr4(&s, "fabric", UINT64_MAX, ERR_INVALID, "10.2.0.0/24");
	no_addr4(&s, "fabric", 99, ERR_EXISTS, "is n07's");
	no_addr4(&s, "campus", 1, ERR_EXISTS, "the gateway's");
	no_addr4(&s, "provision", 1, ERR_EXISTS, "head1");
	assert_int_equal(site_node_addr6(&s, site_network(&s, "storage"), "n01", 0x99, &a6, &err), -1);
	assert_int_equal(err.kind, ERR_EXISTS);
	s.networks[2].net6.prefix = 120;
	is_addr6(&s, "storage", "n01", 255, "fd00:3::ff");
	assert_int_equal(site_node_addr6(&s, site_network(&s, "storage"), "n01", 256, &a6, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	assert_int_equal(site_node_addr6(&s, site_network(&s, "storage"), "n01", 0, &a6, &err), -1);
}

static void words_for_devices_and_patterns(void **state)
{
	static const char *const devices[] = { "bond0", "eno1", "b.1_x-y" };
	static const char *const no_devices[] = { "",	  "lo", "17", "all", "default", "a@b", "a b", "a/b", "sixteen-letters-",
						  "$(x)", "%n" };
	static const char *const patterns[] = { "enp65s0f*", "pci-0000:41:00.[01]", "mlx5_core", "?" };
	static const char *const no_patterns[] = { "", "a b", "a\nb", "$(x)", "a;b", "a/b", "a%b", "!a" };
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(devices); i++)
		assert_int_equal(word_device(devices[i], &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(no_devices); i++)
		if (word_device(no_devices[i], &err) == 0)
			fail_msg("device '%s' was accepted", no_devices[i]);
	for (size_t i = 0; i < ARRAY_LEN(patterns); i++)
		assert_int_equal(word_pattern(patterns[i], &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(no_patterns); i++)
		if (word_pattern(no_patterns[i], &err) == 0)
			fail_msg("pattern '%s' was accepted", no_patterns[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_read),
		cmocka_unit_test(the_nearest_list_holds),
		cmocka_unit_test(one_network_has_the_default_route),
		cmocka_unit_test(addresses_follow_the_number),
		cmocka_unit_test(words_for_devices_and_patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
