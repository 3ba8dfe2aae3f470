/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What site.json means for one guard, and what its loop notes in words. */
#include "headfailover/guard/config.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "golden_site.h"
#include "headfailover/guard/bare.h"
#include "headfailover/guard/notes.h"
#include "site/site.h"
#include "sys/fs.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void expect_address(const struct sockaddr_storage *a, const char *ip, uint16_t port)
{
	char text[INET6_ADDRSTRLEN] = "none";

	if (a->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)a;

		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		assert_int_equal(ntohs(in->sin_port), port);
	} else if (a->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)a;

		inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof(text));
		assert_int_equal(ntohs(in->sin6_port), port);
	}
	assert_string_equal(text, ip);
}

static void test_a_head_with_two_links(void **state)
{
	autoclean(site_free) struct site site = { 0 };
	autofree struct guard_config *c = mem_zalloc(sizeof(*c));
	struct err err = { 0 };

	(void)state;
	golden_site("ok-pair.json", &site);
	assert_int_equal(guard_config_of(&site, "head2", c, &err), 0);
	assert_true(c->head);
	assert_int_equal(c->lease.self, 1);
	assert_int_equal(c->lease.n_voters, 3);
	assert_int_equal(c->lease.rank, 1); /* head1 is preferred when nobody says otherwise */
	assert_string_equal(c->names[0], "head1");
	assert_string_equal(c->names[2], "w1");
	assert_int_equal(c->lease.lease_ns, 100000000);
	assert_int_equal(c->lease.renew_ns, 20000000);
	assert_int_equal(c->lease.first_quarantine_ns, 1100000000);
	assert_int_equal(c->n_links, 2);
	expect_address(&c->links[0].local, "10.1.0.2", (uint16_t)site.pair.port);
	expect_address(&c->links[0].peers[0], "10.1.0.1", (uint16_t)site.pair.port);
	expect_address(&c->links[0].peers[2], "10.1.0.5", (uint16_t)site.pair.port);
	assert_int_equal(c->links[0].peers[1].ss_family, 0);
	assert_int_equal(c->links[0].peers[3].ss_family, 0);
	expect_address(&c->links[1].local, "10.2.0.2", (uint16_t)site.pair.port);
	expect_address(&c->links[1].peers[2], "10.1.0.5", (uint16_t)site.pair.port);
	assert_string_equal(c->links[0].interface, "eth1");
	assert_int_equal(c->n_addrs, 2); /* the IPv6 one has the host number of the IPv4 one */
	assert_string_equal(c->addrs[0].interface, "eth1");
	assert_int_equal(c->addrs[0].prefix, 32);
	assert_false(c->addrs[0].route);
	assert_int_equal(c->addrs[1].prefix, 128);
	assert_int_equal(c->gate.n_addrs, 2);
	assert_memory_equal(c->gate.addrs[0].bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x01\x00\x09", 16);
	assert_int_equal(c->gate.n_interfaces, 1);
}

/* 0 and -1: what is not given. */
static bool take_times(const struct buf *text, unsigned int lease, unsigned int renew, int hold_off)
{
	autoclean(site_free) struct site site = { 0 };
	autofree struct guard_config *c = mem_zalloc(sizeof(*c));
	autoclean(buf_free) struct buf with = { 0 };
	const char *pair = strstr(buf_str(text), "\"pair\": {");
	struct err err = { 0 };

	assert_non_null(pair);
	pair += strlen("\"pair\": {");
	buf_add(&with, text->data, (size_t)(pair - buf_str(text)));
	buf_addf(&with, "\"lease_ms\": %u,", lease);
	if (renew)
		buf_addf(&with, "\"renew_ms\": %u,", renew);
	if (hold_off >= 0)
		buf_addf(&with, "\"hold_off_s\": %d,", hold_off);
	buf_adds(&with, pair);
	if (site_read(buf_str(&with), with.len, "site", &site, &err) < 0) {
		assert_true(strstr(err.text, "renew_ms") || strstr(err.text, "hold_off_s"));
		return false;
	}
	if (guard_config_of(&site, "head1", c, &err) < 0)
		fail_msg("lease %u, renew %u, hold-off %d: %s", lease, renew, hold_off, err.text);
	return true;
}

/* Of what site.json may say there is nothing that the guard refuses: it would not start, and nobody would know before. */
static void test_times_that_the_site_takes(void **state)
{
	static const unsigned int leases[] = { 10, 11, 12, 13, 30, 100, 101, 999, 1000, 1500, 1501, 2000, 9999, 10000 };
	autofree char *pair = golden_text("ok-pair.json");
	autoclean(buf_free) struct buf text = { 0 };
	unsigned int refused = 0;

	(void)state;
	buf_adds(&text, pair);
	for (size_t i = 0; i < ARRAY_LEN(leases); i++) {
		assert_true(take_times(&text, leases[i], 0, -1)); /* the others fit any lease when nobody gives them */
		for (unsigned int less = 0; less < 4 && less + 1 <= leases[i] / 3; less++)
			refused += !take_times(&text, leases[i], leases[i] / 3 - less, -1);
		for (int hold_off = 0; hold_off < 5; hold_off++)
			refused += !take_times(&text, leases[i], 0, hold_off);
	}
	assert_true(refused > ARRAY_LEN(leases));
}

static void test_a_witness_has_no_gate(void **state)
{
	autoclean(site_free) struct site site = { 0 };
	autofree struct guard_config *c = mem_zalloc(sizeof(*c));
	struct err err = { 0 };

	(void)state;
	golden_site("ok-pair-five.json", &site);
	assert_int_equal(guard_config_of(&site, "w1", c, &err), 0);
	assert_false(c->head);
	assert_int_equal(c->lease.self, 3);
	assert_int_equal(c->lease.n_voters, 5);
	assert_int_equal(c->n_addrs + c->gate.n_addrs + c->gate.n_interfaces, 0);
	expect_address(&c->links[0].local, "fd00:9::2", (uint16_t)site.pair.port);
	expect_address(&c->links[0].peers[0], "fd00:1::1", (uint16_t)site.pair.port);
	assert_string_equal(c->links[0].interface, "");
	site.pair.cpu = 3; /* of the heads */
	assert_int_equal(guard_config_of(&site, "w1", c, &err), 0);
	assert_int_equal(c->cpu, -1);
	assert_int_equal(guard_config_of(&site, "head1", c, &err), 0);
	assert_int_equal(c->cpu, 3);
}

static void test_what_is_no_guard(void **state)
{
	autoclean(site_free) struct site pair = { 0 }, single = { 0 };
	autofree struct guard_config *c = mem_zalloc(sizeof(*c));
	struct err err = { 0 };

	(void)state;
	golden_site("ok-pair.json", &pair);
	assert_int_equal(guard_config_of(&pair, "n01", c, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	golden_site("ok-full.json", &single);
	if (!single.pair.given) {
		assert_int_equal(guard_config_of(&single, "head1", c, &err), -1);
		assert_int_equal(err.kind, ERR_REFUSED);
		assert_true(err.hint[0]);
	}
	pair.n_vips = 0;
	assert_int_equal(guard_config_of(&pair, "head1", c, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_non_null(strstr(err.text, "no service address"));
	pair.n_vips = 1;
}

static void put_interface(const char *dir, const char *name, const char *flags, const char *type, const char *index,
			  const char *under, const char *kind)
{
	const char *const facts[][2] = {
		{ "flags", flags }, { "type", type }, { "ifindex", index }, { "iflink", under }, { "uevent", kind }
	};
	autofree char *at = str_format("%s/sys/class/net/%s", dir, name);
	struct err err = { 0 };

	assert_int_equal(fs_mkdirs(at, 0755, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
		autofree char *path = str_format("%s/%s", at, facts[i][0]);
		autofree char *line = str_format("%s\n", facts[i][1]);

		assert_int_equal(fs_write_atomic(path, line, strlen(line), 0644, &err), 0);
	}
}

/* The machine has more interfaces than site.json names: those by which it would answer are told. */
static void test_interfaces_without_a_gate(void **state)
{
	const struct gate_config gate = { .interfaces = { "bond0", "eth5" }, .n_interfaces = 2 };
	char dir[] = "/tmp/orthrus-guard-bare.XXXXXX";
	autoclean(str_list_free) struct str_list bare = { 0 };
	autofree char *port = str_format("%s/sys/class/net/eth0/master", mkdtemp(dir));
	struct err err = { 0 };

	(void)state;
	guard_bare_interfaces(dir, &gate, &bare);
	assert_int_equal(bare.len, 0);
	put_interface(dir, "lo", "0x9", "772", "1", "1", "INTERFACE=lo");
	put_interface(dir, "eth0", "0x1003", "1", "2", "2", "INTERFACE=eth0");
	put_interface(dir, "bond0", "0x1003", "1", "3", "3", "DEVTYPE=bond");
	put_interface(dir, "bond0.7", "0x1003", "1", "4", "3", "DEVTYPE=vlan");
	put_interface(dir, "eth1", "0x1003", "1", "5", "5", "INTERFACE=eth1");
	put_interface(dir, "eth1.7", "0x1003", "1", "6", "5", "DEVTYPE=vlan");
	put_interface(dir, "eth2", "0x1002", "1", "7", "7", "INTERFACE=eth2");	 /* down */
	put_interface(dir, "veth9", "0x1003", "1", "8", "3", "INTERFACE=veth9"); /* its other end, elsewhere, has the number 3 */
	put_interface(dir, "tun0", "0x1003", "65534", "9", "9", "INTERFACE=tun0");
	assert_int_equal(symlink("../bond0", port), 0);
	guard_bare_interfaces(dir, &gate, &bare);
	assert_int_equal(bare.len, 3);
	assert_string_equal(bare.items[0], "eth1");
	assert_string_equal(bare.items[1], "eth1.7");
	assert_string_equal(bare.items[2], "veth9");
	assert_int_equal(fs_remove_tree(dir, &err), 0);
}

/* Each note has words of its own, or is only counted; and it names whom it is about. */
static void test_notes_in_words(void **state)
{
	autoclean(site_free) struct site site = { 0 };
	autofree struct guard_config *c = mem_zalloc(sizeof(*c));
	struct control_event e, before = { 0 };
	unsigned int told = 0;
	struct err err = { 0 };

	(void)state;
	golden_site("ok-pair.json", &site);
	assert_int_equal(guard_config_of(&site, "head1", c, &err), 0);
	for (uint32_t kind = 1; kind <= LOOP_GATE_FAIL; kind++) {
		const struct loop_note n = { .kind = kind, .who = 1, .value = 12300000, .interface = "eth1" };

		if (!note_tell(c, &n, 0, &e))
			continue;
		told++;
		assert_int_equal(e.version, CONTROL_VERSION);
		assert_true(e.kind[0] && e.text[0] && strlen(e.text) < CONTROL_TEXT - 1);
		assert_string_not_equal(e.text, before.text);
		assert_null(strstr(e.text, "(null)"));
		before = e;
	}
	assert_true(told >= 24);
	assert_true(note_tell(c, &(struct loop_note){ .kind = LEASE_NOTE_TAKEOVER, .who = 1, .value = 18400000 }, 0, &e));
	assert_string_equal(e.text, "takes over from head2, of which nothing was heard for 18.4 ms");
	assert_true(note_tell(c, &(struct loop_note){ .kind = LEASE_NOTE_GIVEN, .who = LEASE_NOBODY }, 0, &e));
	assert_string_equal(e.text, "gave the lease away: anybody may have it");
	assert_false(note_tell(c, &(struct loop_note){ .kind = LOOP_RENEWED }, 0, &e));
	assert_false(note_tell(c, &(struct loop_note){ .kind = 0 }, 0, &e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_head_with_two_links),	  cmocka_unit_test(test_times_that_the_site_takes),
		cmocka_unit_test(test_a_witness_has_no_gate),	  cmocka_unit_test(test_what_is_no_guard),
		cmocka_unit_test(test_interfaces_without_a_gate), cmocka_unit_test(test_notes_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
