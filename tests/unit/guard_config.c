/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What site.json means for one guard, and what its loop notes in words. */
#include "headfailover/guard/config.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
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
#include <string.h>

static void read_golden(const char *name, struct site *site)
{
	const char *top = getenv("TOP");
	autofree char *path = str_format("%s/tests/golden/site/%s.json", top ? top : ".", name);
	autoclean(buf_free) struct buf text = { 0 };
	struct err err = { 0 };

	if (fs_read(path, (size_t)1 << 20, &text, &err) < 0 || site_read(buf_str(&text), text.len, path, site, &err) < 0)
		fail_msg("%s", err.text);
}

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
	read_golden("ok-pair", &site);
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

static void test_a_witness_has_no_gate(void **state)
{
	autoclean(site_free) struct site site = { 0 };
	autofree struct guard_config *c = mem_zalloc(sizeof(*c));
	struct err err = { 0 };

	(void)state;
	read_golden("ok-pair-five", &site);
	assert_int_equal(guard_config_of(&site, "w1", c, &err), 0);
	assert_false(c->head);
	assert_int_equal(c->lease.self, 3);
	assert_int_equal(c->lease.n_voters, 5);
	assert_int_equal(c->n_addrs + c->gate.n_addrs + c->gate.n_interfaces, 0);
	expect_address(&c->links[0].local, "fd00:9::2", (uint16_t)site.pair.port);
	expect_address(&c->links[0].peers[0], "fd00:1::1", (uint16_t)site.pair.port);
	assert_string_equal(c->links[0].interface, "");
}

static void test_what_is_no_guard(void **state)
{
	autoclean(site_free) struct site pair = { 0 }, single = { 0 };
	autofree struct guard_config *c = mem_zalloc(sizeof(*c));
	struct err err = { 0 };

	(void)state;
	read_golden("ok-pair", &pair);
	assert_int_equal(guard_config_of(&pair, "n01", c, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	read_golden("ok-full", &single);
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

/* Each note has words of its own, or is only counted; and it names whom it is about. */
static void test_notes_in_words(void **state)
{
	autoclean(site_free) struct site site = { 0 };
	autofree struct guard_config *c = mem_zalloc(sizeof(*c));
	struct control_event e, before = { 0 };
	unsigned int told = 0;
	struct err err = { 0 };

	(void)state;
	read_golden("ok-pair", &site);
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
		cmocka_unit_test(test_a_head_with_two_links),
		cmocka_unit_test(test_a_witness_has_no_gate),
		cmocka_unit_test(test_what_is_no_guard),
		cmocka_unit_test(test_notes_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
