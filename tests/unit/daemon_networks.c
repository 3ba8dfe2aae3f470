/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From site.json and a machine's interfaces to the networks of a node, and what is refused on the way. */
#include "base/mem.h"
#include "daemon/node_networks.h"
#include "daemon/roster.h"
#include "golden_site.h"

#include <string.h>

#define MAC1 "52:54:00:77:00:01"
#define MAC2 "52:54:00:77:00:02"
#define MLX1 "0c:42:a1:00:00:01"
#define MLX2 "0c:42:a1:00:00:02"

/* ok-networks.json with its group's interfaces replaced. */
static void make_site(const char *interfaces, struct site *out)
{
	autofree char *text = golden_text("ok-networks.json");
	autoclean(buf_free) struct buf edited = { 0 };
	static const char begin[] = "\"interfaces\": [\n";
	struct err err = { 0 };
	const char *at, *end;

	at = strstr(text, begin);
	end = at ? strstr(at, "\n      ]\n") : NULL;
	assert_non_null(end);
	buf_add(&edited, text, (size_t)(at - text));
	buf_addf(&edited, "\"interfaces\": [%s]", interfaces);
	buf_adds(&edited, end + strlen("\n      ]"));
	if (site_read(buf_str(&edited), edited.len, "test", out, &err) < 0)
		fail_msg("%s", err.text);
}

static struct node make_node(const char *name, uint32_t host)
{
	struct node n = { .name = mem_strdup(name), .group = mem_strdup("compute"), .addr4 = 0x0a010000 + host };

	str_list_add(&n.macs, MAC1);
	str_list_add(&n.macs, MAC2);
	return n;
}

static struct machine make_machine(void)
{
	static const char *const nics[][3] = {
		{ "eth0", MAC1, "tg3" }, { "eth1", MAC2, "tg3" }, { "eth2", MLX1, "mlx5_core" }, { "eth3", MLX2, "mlx5_core" }
	};
	struct machine m = { .nics = mem_array(ARRAY_LEN(nics), sizeof(*m.nics)), .n_nics = ARRAY_LEN(nics) };

	for (size_t i = 0; i < ARRAY_LEN(nics); i++) {
		m.nics[i].name = mem_strdup(nics[i][0]);
		m.nics[i].mac = mem_strdup(nics[i][1]);
		m.nics[i].driver = mem_strdup(nics[i][2]);
	}
	return m;
}

static const char good[] = "{\"name\":\"bond0\",\"network\":\"fabric\",\"match\":[{\"driver\":\"mlx5*\"}],"
			   "\"bond\":{\"mode\":\"802.3ad\",\"lacp_rate\":\"fast\",\"hash\":\"layer3+4\"}},{\"network\":"
			   "\"storage\",\"on\":\"bond0\"},"
			   "{\"network\":\"campus\",\"on\":\"bond0\",\"addresses\":\"dhcp\"}";

static char *compact(const struct order_networks *l)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	json_out_init(&w, &out, false);
	json_put_obj(&w, NULL);
	order_networks_print(l, &w);
	json_end_obj(&w);
	return buf_steal(&out);
}

/* What node n01 with number 11 gets; `seen`: its machine has reported. */
static void gives(const char *interfaces, bool seen, const char *want)
{
	autoclean(site_free) struct site s = { 0 };
	autoclean(node_free) struct node n = make_node("n01", 11);
	autoclean(machine_free) struct machine m = make_machine();
	autoclean(order_networks_free) struct order_networks l = { 0 };
	autofree char *got = NULL, *whole = str_format("{\"networks\":[%s]}", want);
	struct err err = { 0 };

	make_site(interfaces, &s);
	if (node_networks(&s, &n, seen ? &m : NULL, &l, &err) < 0)
		fail_msg("%s: %s", interfaces, err.text);
	got = compact(&l);
	assert_string_equal(got, whole);
}

#define NONE "\"addresses\":[],\"gateways\":[],\"dns\":[],"
#define BOOT_PORTS "\"ports\":[{\"mac\":\"" MAC1 "\"},{\"mac\":\"" MAC2 "\"}],"
#define DHCP4 "\"dhcp4\":true,\"dhcp6\":false,"
#define STATIC "\"dhcp4\":false,\"dhcp6\":false,"
#define PROVISION                                                                                                                \
	"{\"name\":\"provision\",\"role\":\"provision\",\"device\":\"provision\"," BOOT_PORTS DHCP4 NONE "\"default_route\":"    \
	"true}"
#define BOND "\"bond\":{\"mode\":\"802.3ad\",\"lacp_rate\":\"fast\",\"hash\":\"layer3+4\"},"
#define FABRIC(ports)                                                                                                            \
	"{\"name\":\"fabric\",\"role\":\"compute\",\"device\":\"bond0\",\"ports\":[" ports "],\"mtu\":9000," BOND STATIC         \
	"\"addresses\":[\"10.2.0.11/24\"],\"gateways\":[],\"dns\":[],\"default_route\":false}"
#define STORAGE                                                                                                                  \
	"{\"name\":\"storage\",\"role\":\"compute\",\"device\":\"vlan20\",\"on\":\"bond0\",\"vlan\":20,\"mtu\":9000," STATIC     \
	"\"addresses\":[\"10.3.0.11/24\",\"fd00:3::b/64\"],\"gateways\":[],\"dns\":[],\"default_route\":false}"
#define CAMPUS                                                                                                                   \
	"{\"name\":\"campus\",\"role\":\"outside\",\"device\":\"vlan21\",\"on\":\"bond0\",\"vlan\":21," DHCP4 NONE               \
	"\"default_route\":false}"

static void networks_follow_from_the_site(void **state)
{
	(void)state;
	gives("", true, PROVISION);
	gives(good, true, PROVISION "," FABRIC("{\"mac\":\"" MLX1 "\"},{\"mac\":\"" MLX2 "\"}") "," STORAGE "," CAMPUS);
	/* Not seen yet: the node finds them by the driver itself. */
	gives(good, false, PROVISION "," FABRIC("{\"driver\":\"mlx5*\"}") "," STORAGE "," CAMPUS);
	gives("{\"network\":\"provision\",\"name\":\"bond0\",\"bond\":{\"mode\":\"active-backup\",\"primary\":{\"mac\":\"" MAC2
	      "\"}}}",
	      true,
	      "{\"name\":\"provision\",\"role\":\"provision\",\"device\":\"bond0\",\"ports\":[{\"mac\":\"" MAC1
	      "\"},{\"mac\":\"" MAC2 "\",\"primary\":true}],\"bond\":{\"mode\":\"active-backup\"}," DHCP4 NONE
	      "\"default_route\":true}");
	/* A name is looked up by the node, so a primary that is named stands beside the pattern. */
	gives("{\"network\":\"fabric\",\"name\":\"bond1\",\"match\":[{\"name\":\"ens*\"}],\"bond\":{\"mode\":\"active-backup\","
	      "\"primary\":{\"name\":\"ens2\"}}}",
	      true,
	      PROVISION ",{\"name\":\"fabric\",\"role\":\"compute\",\"device\":\"bond1\",\"ports\":[{\"name\":\"ens*\"},"
			"{\"name\":\"ens2\",\"primary\":true}],\"mtu\":9000,\"bond\":{\"mode\":\"active-backup\"}," STATIC
			"\"addresses\":[\"10.2.0.11/24\"],\"gateways\":[],\"dns\":[],\"default_route\":false}");
	/* Static on the provision network too, and a way out by another one. */
	gives("{\"network\":\"provision\",\"match\":[{\"mac\":\"" MAC1
	      "\"}],\"addresses\":\"static\"},{\"network\":\"campus\",\"match\":[{\"path\":\"pci-*\"}],\"default_route\":true}",
	      true,
	      "{\"name\":\"provision\",\"role\":\"provision\",\"device\":\"provision\",\"ports\":[{\"mac\":\"" MAC1 "\"}]," STATIC
	      "\"addresses\":[\"10.1.0.11/24\"],\"gateways\":[],\"dns\":[],\"default_route\":false},"
	      "{\"name\":\"campus\",\"role\":\"outside\",\"device\":\"campus\",\"ports\":[{\"path\":\"pci-*\"}]," STATIC
	      "\"addresses\":[\"192.0.2.11/24\"],\"gateways\":[\"192.0.2.1\"],\"dns\":[],\"default_route\":true}");
	/* What only carries VLANs has the MTU that they need. */
	gives("{\"name\":\"trunk\",\"match\":[{\"mac\":\"" MLX1 "\"}]},{\"network\":\"storage\",\"on\":\"trunk\","
	      "\"addresses\":\"none\"}",
	      true,
	      PROVISION ",{\"device\":\"trunk\",\"ports\":[{\"mac\":\"" MLX1 "\"}],\"mtu\":9000," STATIC NONE
			"\"default_route\":false},{\"name\":\"storage\",\"role\":\"compute\",\"device\":\"vlan20\","
			"\"on\":\"trunk\",\"vlan\":20,\"mtu\":9000," STATIC NONE "\"default_route\":false}");
}

static void refuses(const char *interfaces, const char *why, const char *hint)
{
	autoclean(site_free) struct site s = { 0 };
	autoclean(node_free) struct node n = make_node("n01", 11);
	autoclean(machine_free) struct machine m = make_machine();
	autoclean(order_networks_free) struct order_networks l = { 0 };
	struct err err = { 0 };

	make_site(interfaces, &s);
	if (node_networks(&s, &n, &m, &l, &err) == 0)
		fail_msg("%s was accepted", interfaces);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_int_equal(l.len, 0);
	if (!str_starts(err.text, "n01: ") || !strstr(err.text, why) || !strstr(err.hint, hint))
		fail_msg("%s; %s", err.text, err.hint);
}

static void what_does_not_fit_the_machine_is_refused(void **state)
{
	(void)state;
	refuses("{\"network\":\"fabric\",\"match\":[{\"driver\":\"ice\"}]}", "no interface with the driver ice",
		"eth0 (" MAC1 ", tg3), eth1");
	refuses("{\"network\":\"fabric\",\"match\":[{\"mac\":\"0c:42:a1:00:00:03\"}]}",
		"no interface with the MAC address 0c:42:a1:00:00:03, which site.json wants for fabric", "it has eth0");
	refuses("{\"network\":\"fabric\",\"match\":[{\"driver\":\"mlx5_core\"}]}",
		"2 interfaces would have its address on fabric", "make a bond");
	refuses("{\"network\":\"fabric\",\"match\":[{\"mac\":\"" MAC2 "\"}]}", MAC2 " would be used for provision and for fabric",
		"say more exactly");
	refuses("{\"network\":\"provision\",\"addresses\":\"static\"}", "2 interfaces would have its address on provision",
		"make a bond");
	refuses("{\"name\":\"t\",\"match\":[{\"driver\":\"mlx5*\"}]},{\"network\":\"storage\",\"on\":\"t\"}",
		"2 interfaces would have its address on t", "make a bond");
	refuses("{\"network\":\"fabric\",\"name\":\"b\",\"match\":[{\"driver\":\"mlx5*\"}],\"bond\":{\"mode\":\"active-backup\","
		"\"primary\":{\"driver\":\"mlx5_core\"}}}",
		"several of the ports of b fit its \"primary\"", "MAC address");
	refuses("{\"network\":\"fabric\",\"name\":\"b\",\"match\":[{\"driver\":\"mlx5*\"}],\"bond\":{\"mode\":\"active-backup\","
		"\"primary\":{\"mac\":\"" MAC1 "\"}}}",
		"none of the ports of b fit its \"primary\"", "MAC address");
}

/* A node that waits for its machine has a place, but nothing that could be ordered. */
static void without_a_mac_address_nothing_is_ordered(void **state)
{
	autoclean(site_free) struct site s = { 0 };
	autoclean(node_free) struct node n = make_node("n01", 11);
	autoclean(order_networks_free) struct order_networks l = { 0 };
	struct err err = { 0 };

	(void)state;
	make_site(good, &s);
	str_list_free(&n.macs);
	assert_int_equal(node_networks_check(&s, &n, &err), 0);
	assert_int_equal(node_networks(&s, &n, NULL, &l, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_non_null(strstr(err.text, "n01: it has no MAC address yet"));
	assert_int_equal(l.len, 0);
}

/* A node that could not have its address somewhere is not taken in, nor is a site that would make it so. */
static void addresses_are_checked_with_the_roster(void **state)
{
	autoclean(site_free) struct site s = { 0 };
	autoclean(node_free) struct node good_node = make_node("n01", 11), far = make_node("n02", 200),
					 clash = make_node("n03", 99);
	autoclean(roster_free) struct roster r = { 0 };
	struct err err = { 0 };

	(void)state;
	make_site(good, &s);
	if (roster_check(&r, &s, &good_node, &err) < 0 || node_networks_check(&s, &good_node, &err) < 0)
		fail_msg("%s", err.text);
	s.networks[1].net4.prefix = 25;
	assert_int_equal(roster_check(&r, &s, &far, &err), -1);
	assert_non_null(strstr(err.text, "n02: its number on the provision network is 200"));
	assert_int_equal(roster_check(&r, &s, &clash, &err), -1);
	assert_non_null(strstr(err.text, "10.2.0.99, is n07's"));
}

/* The provision network of `n` in a site that site_init() makes. */
static void provision(const char *subnet, const char *ipv6, const struct node *n, const char *gateway6, const char *want)
{
	struct site_seed seed = { .subnet = subnet, .ipv6 = ipv6, .head_name = "h1" };
	autoclean(site_free) struct site s = { 0 };
	autoclean(order_networks_free) struct order_networks l = { 0 };
	autofree char *got = NULL, *whole = str_format("{\"networks\":[{\"name\":\"provision\",\"role\":\"provision\",\"device\":"
						       "\"provision\"," BOOT_PORTS "%s,\"default_route\":%s}]}",
						       want, gateway6 ? "true" : "false");
	struct err err = { 0 };

	if (site_init(&seed, &s, &err) < 0 || (gateway6 && addr6_read(gateway6, &s.networks[0].gateway6, &err) < 0))
		fail_msg("%s", err.text);
	s.networks[0].has_gateway6 = gateway6 != NULL;
	if (node_networks(&s, n, NULL, &l, &err) < 0)
		fail_msg("%s", err.text);
	got = compact(&l);
	assert_string_equal(got, whole);
}

/* Over DHCPv6 the node would be another client than its firmware, whose lease the address is. */
static void ipv6_of_the_provision_network_is_static(void **state)
{
	autoclean(node_free) struct node n = make_node("n01", 11), only6 = make_node("n02", 0);

	(void)state;
	only6.addr4 = 0;
	only6.has6 = true;
	only6.addr6 = (struct addr6){ .bytes = { 0xfd, 0x12, [15] = 0x77 } };
	provision("10.1.0.0/16", "off", &n, NULL, DHCP4 "\"addresses\":[],\"gateways\":[],\"dns\":[]");
	provision("10.1.0.0/16", "fd12::/64", &n, NULL, DHCP4 "\"addresses\":[\"fd12::b/64\"],\"gateways\":[],\"dns\":[]");
	provision("off", "fd12::/64", &only6, NULL,
		  STATIC "\"addresses\":[\"fd12::77/64\"],\"gateways\":[],\"dns\":[\"fd12::1\"]");
	provision("off", "fd12::/64", &only6, "fd12::fe",
		  STATIC "\"addresses\":[\"fd12::77/64\"],\"gateways\":[\"fd12::fe\"],\"dns\":[\"fd12::1\"]");
}

/* The host number is that of whichever family the node has its place in. */
static void other_networks_follow_from_either_family(void **state)
{
	struct site_seed seed = { .subnet = "off", .ipv6 = "fd12::/64" };
	autoclean(node_free) struct node n = make_node("n01", 0);
	autoclean(site_free) struct site s = { 0 };
	struct site_network fabric = { .role = SITE_COMPUTE, .has4 = true, .net4 = { 0x0a020000, 24 } };
	struct site_interface on = { .network = mem_strdup("fabric") };
	autoclean(order_networks_free) struct order_networks l = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(site_init(&seed, &s, &err), 0);
	s.networks = mem_grow(s.networks, 2, sizeof(*s.networks));
	fabric.name = mem_strdup("fabric");
	s.networks[s.n_networks++] = fabric;
	on.match = mem_array(1, sizeof(*on.match));
	on.match[on.n_match++].mac = mem_strdup(MLX1);
	s.groups[0].interfaces.items = mem_array(1, sizeof(on));
	s.groups[0].interfaces.items[0] = on;
	s.groups[0].interfaces.len = 1;
	s.groups[0].interfaces.given = true;
	n.addr4 = 0;
	n.has6 = true;
	n.addr6 = (struct addr6){ .bytes = { 0xfd, 0x12, [15] = 0x77 } };
	if (node_networks(&s, &n, NULL, &l, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(l.len, 2);
	assert_string_equal(l.items[1].addresses.items[0], "10.2.0.119/24");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_follow_from_the_site),
		cmocka_unit_test(what_does_not_fit_the_machine_is_refused),
		cmocka_unit_test(addresses_are_checked_with_the_roster),
		cmocka_unit_test(without_a_mac_address_nothing_is_ordered),
		cmocka_unit_test(ipv6_of_the_provision_network_is_static),
		cmocka_unit_test(other_networks_follow_from_either_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
