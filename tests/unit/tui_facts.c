/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the probe says of a machine is read whole and strictly, and what others wrote reaches no terminal as it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "tests/unit/tui_machine.h"

static void reads_all(void **state)
{
	autoclean(facts_free) struct facts f = { 0 };
	const struct facts_interface *x;

	(void)state;
	machine(MACHINE_USUAL, &f);
	assert_string_equal(f.hostname, "head1");
	assert_string_equal(f.timezone, "Europe/Berlin");
	assert_string_equal(f.machine_id, MACHINE_ID);
	assert_string_equal(f.suite, "bookworm");
	assert_true(f.uefi);
	assert_int_equal(f.cpus, 32);
	assert_int_equal(f.store_free_bytes, UINT64_C(50) << 30);
	assert_int_equal(f.n_interfaces, 2);
	x = facts_interface(&f, "eno1");
	assert_non_null(x);
	assert_true(x->physical && x->link && x->default_route);
	assert_int_equal(x->speed_mbit, 1000);
	assert_int_equal(x->n_ipv4, 1);
	assert_int_equal(x->ipv4[0].addr, 0xc0000207);
	assert_int_equal(x->ipv4[0].net.base, 0xc0000200);
	assert_int_equal(x->ipv4[0].net.prefix, 24);
	assert_string_equal(x->ipv6.items[0], "2001:db8::7/64");
	assert_null(facts_interface(&f, "eno9"));
	assert_int_equal(f.disks.len, 3);
	assert_string_equal(f.disks.items[0].in_use, "mounted at /");
	assert_string_equal(f.missing[0].name, "dnsmasq-base");
	assert_int_equal(f.ssh_keys.len, 2);
	assert_null(facts_dhcp_on(&f, "eno2"));
}

static void reads_what_is_in_the_way(void **state)
{
	autoclean(facts_free) struct facts f = { 0 };

	(void)state;
	machine(MACHINE_BUSY, &f);
	assert_int_equal(f.n_ports, 2);
	assert_string_equal(f.ports[0].program, "dhcpd");
	assert_null(f.ports[1].program);
	assert_int_equal(f.ports[1].port, 8443);
	assert_string_equal(f.configurations[0].path, "/etc/dnsmasq.conf");
	assert_string_equal(facts_dhcp_on(&f, "eno2"), "10.5.0.1");
	assert_string_equal(f.problems.items[0], "this kernel is too old");
	assert_false(facts_interface(&f, "docker0")->physical);
}

static void prints_what_it_read(void **state)
{
	static const char *const machines[] = { MACHINE_USUAL, MACHINE_BARE, MACHINE_BUSY };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
		autoclean(facts_free) struct facts f = { 0 }, again = { 0 };
		autoclean(buf_free) struct buf one = { 0 }, two = { 0 };
		struct json_out w;

		machine(machines[i], &f);
		json_out_init(&w, &one, true);
		facts_print(&f, &w, NULL);
		machine(buf_str(&one), &again);
		json_out_init(&w, &two, true);
		facts_print(&again, &w, NULL);
		assert_string_equal(buf_str(&one), buf_str(&two));
	}
}

/* `from` in the usual machine's text becomes `to`. Caller frees. */
static char *changed(const char *from, const char *to)
{
	const char *at = strstr(MACHINE_USUAL, from);
	struct buf b = { 0 };

	assert_non_null(at);
	buf_add(&b, MACHINE_USUAL, (size_t)(at - MACHINE_USUAL));
	buf_adds(&b, to);
	buf_adds(&b, at + strlen(from));
	return buf_steal(&b);
}

static void refuses(void **state)
{
	static const struct {
		const char *from, *to, *word;
	} cases[] = {
		{ "\"hostname\":\"head1\",", "", "hostname" },
		{ "\"uefi\":true", "\"uefi\":1", "uefi" },
		{ "\"problems\":[]", "\"problems\":[],\"more\":1", "more" },
		{ "192.0.2.7/24", "192.0.2.7", "interfaces[0].ipv4" },
		{ "192.0.2.7/24", "192.0.2.7/33", "interfaces[0].ipv4" },
		{ "192.0.2.7/24", "x/24", "interfaces[0].ipv4" },
		{ "\"speed_mbit\":1000,", "\"speed_mbit\":-1,", "interfaces[0].speed_mbit" },
		{ "\"why\":", "\"reason\":", "missing_packages[0].why" },
		{ "\"ports\":[]", "\"ports\":[{\"protocol\":\"udp\",\"port\":0}]", "ports[0].port" },
		{ "\"size_bytes\":10737418240", "\"size_bytes\":\"large\"", "disks[0].size_bytes" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autofree char *text = changed(cases[i].from, cases[i].to);
		autoclean(facts_free) struct facts f = { 0 };
		struct err err = { 0 };

		assert_int_equal(facts_read(text, strlen(text), &f, &err), -1);
		if (!strstr(err.text, cases[i].word))
			fail_msg("%zu: '%s' does not name '%s'", i, err.text, cases[i].word);
		assert_null(f.hostname);
		assert_int_equal(f.n_interfaces, 0);
	}
}

static void is_printable(void **state)
{
	autofree char *text = changed("\"cpu\":\"AMD EPYC 7313\"", "\"cpu\":\"\\u001b[2J\\n! nothing\"");
	autoclean(facts_free) struct facts f = { 0 };

	(void)state;
	machine(text, &f);
	assert_null(strchr(f.cpu, '\033'));
	assert_null(strchr(f.cpu, '\n'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_all),	       cmocka_unit_test(reads_what_is_in_the_way),
		cmocka_unit_test(prints_what_it_read), cmocka_unit_test(refuses),
		cmocka_unit_test(is_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
