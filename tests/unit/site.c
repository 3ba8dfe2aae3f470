/* SPDX-License-Identifier: GPL-2.0-or-later */
/* site.json: a corpus of files, each with all the problems it has (none: .err is empty), and what the reader makes of a right
 * one. */
#include "base/mem.h"
#include "golden_site.h"
#include "site/site.h"
#include "sys/fs.h"

#include <stdio.h>
#include <string.h>

static void check_case(const char *json)
{
	autoclean(str_list_free) struct str_list problems = { 0 };
	autoclean(buf_free) struct buf all = { 0 };
	autoclean(site_free) struct site site = { 0 };
	autofree char *stem = mem_strndup(json, strlen(json) - strlen(".json"));
	autofree char *err_name = str_format("%s.err", stem);
	autofree char *text = golden_text(json), *wanted = golden_text(err_name);
	struct err err = { 0 };
	int rc = site_read(text, strlen(text), json, &site, &err);
	size_t n = site_problems(text, strlen(text), &problems);

	assert_int_equal(n, problems.len);
	for (size_t i = 0; i < problems.len; i++)
		buf_addf(&all, "%s\n", problems.items[i]);
	if (strcmp(buf_str(&all), wanted) != 0)
		fail_msg("%s: said\n%sbut %s has\n%s", json, buf_str(&all), err_name, wanted);
	assert_int_equal(rc, problems.len ? -1 : 0);
	if (problems.len) { /* the first of them, with the file's name in front */
		assert_int_equal(err.kind, ERR_INVALID);
		assert_true(str_starts(err.text, json));
		assert_non_null(strstr(problems.items[0], err.text + strlen(json) + 2));
		assert_true(err.hint[0]);
	}
}

static void golden_cases(void **state)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	autofree char *dir = golden_path("");
	struct err err = { 0 };
	size_t n = 0;

	(void)state;
	assert_int_equal(fs_list(dir, &names, &err), 0);
	for (size_t i = 0; i < names.len; i++) {
		if (!str_ends(names.items[i], ".json"))
			continue;
		check_case(names.items[i]);
		n++;
	}
	assert_true(n >= 303);
}

/* Printing is a fixed point: what was printed reads as the same site, which prints the same text. */
static void prints_what_it_read(void **state)
{
	static const char *const names[] = { "ok-small.json", "ok-full.json",	      "ok-group-bmc.json",
					     "ok-dual.json",  "ok-ipv6-only.json",    "ok-networks.json",
					     "ok-pair.json",  "ok-pair-default.json", "ok-pair-five.json" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		autoclean(site_free) struct site a = { 0 }, b = { 0 };
		autoclean(buf_free) struct buf first = { 0 }, second = { 0 };
		struct err err = { 0 };

		golden_site(names[i], &a);
		site_print(&a, &first);
		if (site_read(buf_str(&first), first.len, "printed", &b, &err) < 0)
			fail_msg("%s", err.text);
		site_print(&b, &second);
		assert_string_equal(buf_str(&first), buf_str(&second));
	}
}

static void reads_every_field(void **state)
{
	autoclean(site_free) struct site s = { 0 };
	const struct site_network *n;

	(void)state;
	golden_site("ok-full.json", &s);
	assert_string_equal(s.cluster, "hound");
	assert_string_equal(s.domain, "hound.internal");
	assert_string_equal(s.timezone, "Europe/Berlin");
	assert_int_equal(s.ntp.len, 3);
	n = site_network(&s, "provision");
	assert_ptr_equal(n, site_provision(&s));
	assert_int_equal(n->net4.base, 0x0a010000);
	assert_int_equal(n->net4.prefix, 16);
	assert_int_equal(n->gateway4, 0x0a010009);
	assert_int_equal(n->pool4_first, 0x0a01c801);
	assert_int_equal(n->pool4_last, 0x0a01faff);
	assert_true(n->has6);
	assert_int_equal(n->vlan, 11);
	assert_int_equal(n->mtu, 9000);
	assert_string_equal(n->bond_mode, "802.3ad");
	assert_int_equal(n->bond_ports.len, 2);
	assert_int_equal(n->dns.len, 2);
	assert_int_equal(site_network(&s, "bmc")->role, SITE_BMC);
	assert_false(site_network(&s, "campus")->has4);
	assert_int_equal(s.n_heads, 2);
	assert_string_equal(s.heads[1].name, "head2");
	assert_int_equal(s.heads[1].addr4, 0x0a010002);
	assert_int_equal(site_service_addr4(&s), 0x0a010009);
	assert_string_equal(site_image(&s, "next")->suite, "trixie");
	assert_string_equal(site_image(&s, "compute")->mirror, "https://deb.hound.internal/debian");
	assert_true(s.trust_mac);
	assert_true(s.discover);
	assert_int_equal(s.api_port, 9443);
	assert_string_equal(s.serial_console, "ttyS1,57600n8");
	assert_string_equal(s.admin_keys, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample admin@hound\n");
	assert_null(site_network(&s, "nothing"));
	assert_null(site_group(&s, NULL));
}

/* Groups follow from the cluster's name, and each cast has its own; they stay away from addresses that switches flood. */
static void cast_settings(void **state)
{
	autoclean(site_free) struct site full = { 0 }, small = { 0 }, other = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	struct addr6 group;
	struct err err = { 0 };
	char *name;

	(void)state;
	golden_site("ok-full.json", &full);
	assert_false(full.cast.on);
	assert_false(full.cast.querier);
	assert_int_equal(full.cast.gather_s, 30);
	assert_int_equal(full.cast.rate_mbit, 8000);
	assert_int_equal(full.cast.port, 4600);
	assert_int_equal(site_cast_group4(&full.cast, 0), 0xefff0740);
	assert_int_equal(site_cast_group4(&full.cast, 63), 0xefff077f);
	assert_int_equal(site_cast_group4(&full.cast, 64), 0xefff0740);
	site_cast_group6(&full.cast, 65, &group);
	assert_int_equal(group.bytes[1], 0x15);
	assert_int_equal(group.bytes[15], 0x41);
	golden_site("ok-small.json", &small);
	assert_true(small.cast.on && small.cast.querier);
	assert_int_equal(small.cast.gather_s, 10);
	assert_int_equal(small.cast.rate_mbit, 0);
	assert_int_equal(small.cast.port, 4580);
	assert_int_equal(small.cast.group4 >> 24, 232);
	assert_true((small.cast.group4 & 0x7fff00) != 0);
	assert_int_equal(small.cast.group4 & 0x3f, 0);
	assert_int_equal(small.cast.group6.bytes[1], 0x35);
	assert_true(small.cast.group6.bytes[12] & 0x80);
	assert_int_equal(small.cast.group6.bytes[15] & 0x3f, 0);
	/* Another name, other groups: printing must not have fixed them. */
	site_print(&small, &text);
	name = strstr(text.data, small.cluster);
	assert_non_null(name);
	name[0] = name[0] == 'q' ? 'x' : 'q';
	assert_int_equal(site_read(buf_str(&text), text.len, "other", &other, &err), 0);
	assert_int_not_equal(other.cast.group4, small.cast.group4);
	assert_false(addr6_same(&other.cast.group6, &small.cast.group6));
}

/* One relay may be behind another one. */
static void relays(void **state)
{
	autoclean(site_free) struct site s = { 0 };
	autoclean(buf_free) struct buf words = { 0 };
	const struct site_relay *fabric, *storage;
	struct site_relay_role role;

	(void)state;
	golden_site("ok-full.json", &s);
	assert_int_equal(s.cast.n_relays, 2);
	fabric = site_relay(&s.cast, "fabric");
	storage = site_relay(&s.cast, "storage");
	assert_string_equal(fabric->machine, "n17");
	assert_int_equal(fabric->addr4, 0x0a020009);
	assert_true(fabric->has6);
	assert_null(fabric->from);
	assert_string_equal(storage->from, "fabric");
	assert_false(storage->has6);
	assert_ptr_equal(site_relay_first(&s.cast, storage), fabric);
	assert_ptr_equal(site_relay_first(&s.cast, fabric), fabric);
	assert_null(site_relay(&s.cast, "campus"));
	assert_null(site_relay(&s.cast, NULL));
	site_relay_role(&s, fabric, &role);
	site_relay_words(&role, &words);
	assert_string_equal(buf_str(&words),
			    "--address 10.2.0.9 --port 4600 --group 239.255.7.64 --from 10.1.0.1 --from 10.1.0.2 "
			    "--to 10.4.0.9");
	site_relay_role_free(&role);
	site_relay_role(&s, storage, &role);
	assert_int_equal(role.from.len, 1);
	assert_string_equal(role.from.items[0], "10.2.0.9");
	assert_int_equal(role.to.len, 0);
	site_relay_role_free(&role);
}

static void groups_inherit(void **state)
{
	autoclean(site_free) struct site s = { 0 };
	const struct site_group *base, *compute, *test;

	(void)state;
	golden_site("ok-full.json", &s);
	base = site_group(&s, "base");
	compute = site_group(&s, "compute");
	test = site_group(&s, "test");
	assert_null(base->image);
	assert_string_equal(base->network, "provision");
	assert_string_equal(compute->image, "compute");
	assert_string_equal(compute->layout, "raid1");
	assert_int_equal(compute->kernel_args.len, 2);
	assert_string_equal(compute->kernel_args.items[0], "mitigations=auto");
	assert_string_equal(test->image, "next");
	assert_string_equal(test->layout, "raid6");
	assert_int_equal(test->kernel_args.len, 0); /* an empty list is a wish of its own */
}

static void small_gets_defaults(void **state)
{
	autoclean(site_free) struct site s = { 0 };

	(void)state;
	golden_site("ok-small.json", &s);
	assert_int_equal(s.api_port, 8443);
	assert_string_equal(s.timezone, "Etc/UTC");
	assert_false(s.trust_mac);
	assert_false(s.discover);
	assert_null(s.serial_console);
	assert_null(s.admin_keys);
	assert_string_equal(s.heads[0].network, "provision");
	assert_string_equal(site_group(&s, "compute")->network, "provision");
	assert_int_equal(site_service_addr4(&s), 0x0a010001); /* no "svc": the first head's */
}

static void init_is_right(void **state)
{
	struct site_seed seed = {
		.cluster = "packs", .interface = "eth0", .subnet = "10.77.0.0/24", .suite = "trixie", .trust_mac = true
	};
	autoclean(site_free) struct site s = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	autoclean(str_list_free) struct str_list problems = { 0 };
	const struct layout *l;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(site_init(&seed, &s, &err), 0);
	site_print(&s, &text);
	assert_int_equal(site_problems(buf_str(&text), text.len, &problems), 0);
	assert_string_equal(s.domain, "packs.internal");
	assert_int_equal(s.heads[0].addr4, 0x0a4d0001);
	assert_string_equal(s.images[0].suite, "trixie");
	assert_true(s.trust_mac);
	assert_string_equal(s.serial_console, "ttyS0,115200");
	l = site_layout(&s, site_group(&s, "compute")->layout);
	assert_int_equal(l->want, 2);
	assert_int_equal(l->min, 1);
	assert_true(l->bios && l->uefi && l->exclude_bad);
	assert_string_equal(l->md[0].metadata, "1.0");
	assert_true(l->md[1].bitmap);
}

/* Every level with either file system and firmware; the fewest disks, and some more. */
static void init_layouts(void **state)
{
	static const struct {
		const char *raid, *name;
		unsigned int least, lack; /* with the fewest disks, and how many of them may lack */
	} levels[] = { { "0", "raid0", 2, 0 }, { "1", "raid1", 2, 1 },	 { "5", "raid5", 3, 1 },
		       { "6", "raid6", 4, 2 }, { "10", "raid10", 2, 1 }, { "none", "single", 1, 0 } };
	static const char *const systems[] = { "ext4", "xfs" }, *const firmwares[] = { "both", "bios", "uefi" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(levels) * 6; i++) {
		struct site_seed seed = { .raid = levels[i / 6].raid,
					  .filesystem = systems[i % 2],
					  .firmware = firmwares[i % 3] };
		autoclean(site_free) struct site s = { 0 };
		const struct layout *l;
		struct err err = { 0 };

		if (site_init(&seed, &s, &err) < 0)
			fail_msg("%s %s %s: %s", seed.raid, seed.filesystem, seed.firmware, err.text);
		l = site_layout(&s, site_group(&s, "compute")->layout);
		assert_string_equal(l->name, levels[i / 6].name);
		assert_int_equal(l->want, levels[i / 6].least);
		assert_int_equal(l->min, l->want - levels[i / 6].lack);
		assert_int_equal(l->bios, !str_eq(seed.firmware, "uefi"));
		assert_int_equal(l->uefi, !str_eq(seed.firmware, "bios"));
		assert_string_equal(l->fs[l->n_fs - 1].type, seed.filesystem);
		assert_int_equal(l->n_md > 0, l->want > 1);
	}
}

/* The pool keeps clear of what has an address at the subnet's end. */
static void init_pool(void **state)
{
	static const struct {
		struct site_seed seed;
		uint32_t first, last; /* 0: none */
	} cases[] = {
		{ { .unknown = "disk" }, 0, 0 },
		{ { .unknown = "discover" }, 0x0a01fe01, 0x0a01fffe },
		{ { .unknown = "discover", .gateway = "10.1.255.254" }, 0x0a01fe00, 0x0a01fffd },
		{ { .unknown = "discover", .subnet = "10.9.8.0/24" }, 0x0a0908c0, 0x0a0908fe },
		{ { .unknown = "discover", .subnet = "10.9.8.0/24", .head_addr = "10.9.8.253", .gateway = "10.9.8.254" },
		  0x0a0908be,
		  0x0a0908fc },
		{ { .pool = "10.1.9.1-10.1.9.99" }, 0x0a010901, 0x0a010963 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autoclean(site_free) struct site s = { 0 };
		struct err err = { 0 };

		if (site_init(&cases[i].seed, &s, &err) < 0)
			fail_msg("%zu: %s", i, err.text);
		assert_int_equal(site_provision(&s)->pool4_first, cases[i].first);
		assert_int_equal(site_provision(&s)->pool4_last, cases[i].last);
	}
}

static bool is6(const struct addr6 *a, const char *text)
{
	char shown[ADDR6_LEN];

	addr6_print(a, shown);
	return str_eq(shown, text);
}

/* Both families, the head with the same host number in both; the prefix is this machine's and cluster's own, and stays. */
static void init_is_dual(void **state)
{
	struct site_seed seed = { .unique = "0123456789abcdef0123456789abcdef",
				  .subnet = "10.77.0.0/24",
				  .head_addr = "10.77.0.33" };
	autoclean(site_free) struct site s = { 0 }, again = { 0 }, other = { 0 };
	const struct site_network *n;
	struct addr6 a;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(site_init(&seed, &s, &err), 0);
	assert_int_equal(site_init(&seed, &again, &err), 0);
	seed.cluster = "other";
	assert_int_equal(site_init(&seed, &other, &err), 0);
	n = site_provision(&s);
	assert_true(n->has4 && n->has6);
	assert_int_equal(n->net6.prefix, 64);
	assert_int_equal(n->net6.base.bytes[0], 0xfd);
	assert_true(addr6_same(&n->net6.base, &site_provision(&again)->net6.base));
	assert_false(net6_overlap(&n->net6, &site_provision(&other)->net6));
	assert_int_equal(s.heads[0].addr4, 0x0a4d0021);
	assert_true(s.heads[0].has6 && net6_at(&n->net6, 0x21, &a) && addr6_same(&a, &s.heads[0].addr6));
	assert_true(n->has_pool6 && net6_at(&n->net6, 0xb00700000005, &a) && site_in_pool6(n, &a));
	assert_true(site_service_addr6(&s, &a) && addr6_same(&a, &s.heads[0].addr6));
	seed.unique = NULL;
	site_free(&other);
	assert_int_equal(site_init(&seed, &other, &err), 0);
	assert_false(site_provision(&other)->has6 || site_service_addr6(&other, &a));
}

static void init_families(void **state)
{
	static const struct {
		struct site_seed seed;
		const char *head6; /* NULL: none */
		uint32_t head4;
	} cases[] = {
		{ { .ipv6 = "fd12:3456:789a::/48" }, "fd12:3456:789a::1", 0x0a010001 },
		{ { .ipv6 = "2001:db8:1:2::/64", .subnet = "off" }, "2001:db8:1:2::1", 0 },
		{ { .ipv6 = "fd12::/64", .subnet = "off", .head_addr = "fd12::99" }, "fd12::99", 0 },
		{ { .ipv6 = "fd12::/64", .head_addr = "fd12::99" }, "fd12::99", 0x0a010001 },
		{ { .ipv6 = "off", .unique = "x" }, NULL, 0x0a010001 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autoclean(site_free) struct site s = { 0 };
		struct err err = { 0 };

		if (site_init(&cases[i].seed, &s, &err) < 0)
			fail_msg("%zu: %s", i, err.text);
		assert_int_equal(s.heads[0].addr4, cases[i].head4);
		assert_int_equal(site_service_addr4(&s), cases[i].head4);
		assert_int_equal(s.heads[0].has6, cases[i].head6 != NULL);
		if (cases[i].head6)
			assert_true(is6(&s.heads[0].addr6, cases[i].head6));
	}
}

static void pool6(void **state)
{
	autoclean(site_free) struct site s = { 0 };
	const struct site_network *n;
	struct addr6 a;

	(void)state;
	golden_site("ok-full.json", &s);
	n = site_provision(&s);
	assert_true(n->has_pool6 && n->has_gateway6);
	a = n->pool6_last;
	assert_true(site_in_pool6(n, &n->pool6_first) && site_in_pool6(n, &a));
	a.bytes[12]++;
	assert_false(site_in_pool6(n, &a) || site_in_pool6(n, &n->gateway6));
	assert_false(site_in_pool6(site_network(&s, "campus"), &a) || site_network(&s, "campus")->has_pool6);
	assert_true(site_service_addr6(&s, &a) && is6(&a, "fd00:1::9")); /* "svc" */
}

static void init_says_what_is_wrong(void **state)
{
	static const struct {
		struct site_seed seed;
		const char *word;
	} cases[] = {
		{ { .subnet = "10.1.0.1/24" }, "subnet" },
		{ { .head_addr = "10.2.0.1" }, "heads[0].ipv4: 10.2.0.1 is outside the subnet 10.1.0.0/16" },
		{ { .suite = "sid" }, "images[0].suite" },
		{ { .ipv6 = "fd00::/65" }, "has no /64 in it" },
		{ { .ipv6 = "10.1.0.0/16" }, "IPv6" },
		{ { .subnet = "off" }, "both are off" },
		{ { .subnet = "off", .ipv6 = "fd00::/64", .head_addr = "10.1.0.1" }, "heads[0].ipv4: 10.1.0.1, but" },
		{ { .ipv6 = "fd00::/64", .head_addr = "fd01::1" }, "heads[0].ipv6: fd01::1 is not" },
		{ { .cluster = "a b" }, "cluster.name" },
		{ { .interface = "lo" }, "heads[0].interface" },
		{ { .head_name = "-" }, "heads[0].name" },
		{ { .raid = "4" }, "RAID: '4' is no level" },
		{ { .raid = "5", .disks = "2" }, "level 5 with 0 spare(s) needs at least 3 disks" },
		{ { .raid = "none", .disks = "2" }, "without RAID one disk is used" },
		{ { .disks = "many" }, "disks: 'many' is not a whole number" },
		{ { .filesystem = "zfs" }, "file system: 'zfs'" },
		{ { .firmware = "coreboot" }, "firmware: 'coreboot'" },
		{ { .pool = "10.1.0.9" }, "is not FIRST-LAST" },
		{ { .pool = "10.1.9.9-10.1.9.1" }, "is behind last" },
		{ { .pool = "10.1.9.1-10.1.9.9", .subnet = "off", .ipv6 = "fd00::/64" }, "the network has no IPv4" },
		{ { .unknown = "discover", .subnet = "10.1.0.0/30" }, "no room for machines" },
		{ { .unknown = "sleep" }, "netboot.unknown" },
		{ { .gateway = "10.2.0.1" }, "networks[0].ipv4.gateway" },
		{ { .gateway = "10.1.0.1", .subnet = "off", .ipv6 = "fd00::/64" }, "gateway: 10.1.0.1" },
		{ { .service_address = "10.1.0.1" }, "service_addresses[0].ipv4" },
		{ { .timezone = "/etc" }, "time.zone" },
		{ { .serial = "com1" }, "console.serial" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autoclean(site_free) struct site s = { 0 };
		struct err err = { 0 };

		assert_int_equal(site_init(&cases[i].seed, &s, &err), -1);
		if (!strstr(err.text, cases[i].word))
			fail_msg("'%s' does not say '%s'", err.text, cases[i].word);
	}
}

/* Escape codes in a file's values reach nobody's terminal. */
static void problems_are_printable(void **state)
{
	static const char text[] =
		"{\"format\":1,\"cluster\":{\"name\":\"\\u001b[2J\",\"domain\":\"\\u0007\"},\"networks\":[{\"name\":\"\\u001b\","
		"\"role\":\"\\u001b\"}],\"heads\":[],\"api\":{\"\\u001b\":1},\"time\":{\"servers\":[\"\\u001b\"]}}";
	autoclean(str_list_free) struct str_list problems = { 0 };

	(void)state;
	assert_int_equal(site_problems(text, strlen(text), &problems), 5);
	for (size_t i = 0; i < problems.len; i++)
		for (const char *p = problems.items[i]; *p; p++)
			assert_true((unsigned char)*p >= 0x20);
	assert_non_null(strstr(problems.items[0], "\\x1b[2J"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_cases),
		cmocka_unit_test(prints_what_it_read),
		cmocka_unit_test(reads_every_field),
		cmocka_unit_test(cast_settings),
		cmocka_unit_test(relays),
		cmocka_unit_test(groups_inherit),
		cmocka_unit_test(small_gets_defaults),
		cmocka_unit_test(init_is_right),
		cmocka_unit_test(init_is_dual),
		cmocka_unit_test(init_families),
		cmocka_unit_test(init_layouts),
		cmocka_unit_test(init_pool),
		cmocka_unit_test(pool6),
		cmocka_unit_test(init_says_what_is_wrong),
		cmocka_unit_test(problems_are_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
