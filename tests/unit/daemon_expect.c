/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines that arrive, and the nodes that wait for them: matched by what they say, and never by a guess. */
#include "base/mem.h"
#include "daemon/expect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka.h wants setjmp.h and stdarg.h. */
#include <cmocka.h>

#define MACHINE(mac, serial, nics)                                                                                               \
	"{\"mac\":\"52:54:00:00:00:" mac "\",\"firmware\":\"uefi\",\"dmi\":{\"serial\":" serial "},\"nics\":[" nics              \
	"],\"disks\":[]}"
#define NIC(mac, system, port)                                                                                                   \
	"{\"name\":\"e" mac "\",\"mac\":\"52:54:00:00:00:" mac                                                                   \
	"\",\"lldp\":{\"chassis\":\"02:00:00:00:00:01\",\"system\":" system ",\"port\":\"" port "\"}}"

static void add(struct roster *r, const char *name, const char *mac, const char *serial, const char *sw, const char *port)
{
	struct node n = { .name = mem_strdup(name), .group = mem_strdup("compute") };

	if (mac)
		str_list_addf(&n.macs, "52:54:00:00:00:%s", mac);
	model_set(&n.serial, serial);
	model_set(&n.switch_name, sw);
	model_set(&n.switch_port, port);
	roster_add(r, &n);
}

static int setup(void **state)
{
	struct roster *r = mem_zalloc(sizeof(*r));

	add(r, "by-mac", "01", NULL, NULL, NULL);
	add(r, "by-mac-and-serial", "02", "S2", NULL, NULL);
	add(r, "by-serial", NULL, "S3", NULL, NULL);
	add(r, "by-port", NULL, NULL, "sw-r1", "swp4");
	add(r, "by-serial-and-port", NULL, "S5", "sw-r1", "swp5");
	add(r, "has-one", "06", "S6", "sw-r1", "swp6");
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	roster_free(*state);
	free(*state);
	return 0;
}

static const struct {
	const char *machine, *want; /* a node; "" for nobody; else words of the error */
	enum err_kind kind;
} cases[] = {
	{ MACHINE("01", "\"X\"", ""), "by-mac", ERR_NONE },
	{ MACHINE("91", "\"X\"", NIC("01", "null", "1")), "by-mac", ERR_NONE }, /* booted by another card */
	{ MACHINE("02", "\"S2\"", ""), "by-mac-and-serial", ERR_NONE },
	{ MACHINE("02", "\"X\"", ""), "must have the serial number S2, this machine has X", ERR_REFUSED },
	{ MACHINE("02", "null", ""), "this machine has none", ERR_REFUSED },
	{ MACHINE("93", "\"S3\"", ""), "by-serial", ERR_NONE },
	{ MACHINE("93", "\"S2\"", ""), "", ERR_NONE }, /* that node has its machine */
	{ MACHINE("94", "\"X\"", NIC("94", "\"SW-R1.example.com\"", "swp4")), "by-port", ERR_NONE },
	{ MACHINE("94", "\"X\"", NIC("94", "\"sw-r1\"", "swp40")), "", ERR_NONE },
	{ MACHINE("94", "\"X\"", NIC("94", "\"sw-r1\"", "swp6")), "", ERR_NONE },
	{ MACHINE("95", "\"S5\"", ""), "by-serial-and-port", ERR_NONE }, /* the switch was not heard yet */
	{ MACHINE("95", "\"S5\"", NIC("95", "\"sw-r1\"", "swp5")), "by-serial-and-port", ERR_NONE },
	{ MACHINE("95", "\"S5\"", NIC("95", "\"sw-r1\"", "swp7")), "expected at port swp5 of sw-r1", ERR_REFUSED },
	{ MACHINE("95", "\"X\"", NIC("95", "\"sw-r1\"", "swp5")), "must have the serial number S5", ERR_REFUSED },
	{ MACHINE("93", "\"S3\"", NIC("93", "\"sw-r1\"", "swp4")),
	  "its serial number is by-serial's, its switch port is by-port's", ERR_CONFLICT },
	{ MACHINE("01", "\"S3\"", ""), "its MAC address is by-mac's, its serial number is by-serial's", ERR_CONFLICT },
	{ MACHINE("01", "\"X\"", NIC("06", "null", "1")), "its MAC address is by-mac's, its MAC address is has-one's",
	  ERR_CONFLICT },
	{ MACHINE("99", "null", ""), "", ERR_NONE },
};

static void machines_are_matched(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autoclean(machine_free) struct machine m = { 0 };
		const struct node *n = NULL;
		struct err err = { 0 };
		int rc;

		if (machine_read(cases[i].machine, strlen(cases[i].machine), &m, &err) < 0)
			fail_msg("case %zu: %s", i, err.text);
		rc = expect_match(*state, &m, &n, &err);
		if (cases[i].kind == ERR_NONE ? rc != (cases[i].want[0] != '\0') || (rc == 1 && !str_eq(n->name, cases[i].want))
					      : rc != -1 || err.kind != cases[i].kind || !strstr(err.text, cases[i].want))
			fail_msg("case %zu: %d, %s, %s", i, rc, n ? n->name : "nobody", err.text);
	}
}

static void a_machine_is_taken(void **state)
{
	const struct roster *r = *state;
	autoclean(machine_free) struct machine m = { 0 };
	const char *text = MACHINE("93", "\"S3\"",
				   NIC("01", "\"sw-r1\"", "swp4") "," NIC("02", "null", "5") ",{\"name\":\"e\",\"mac\":\"x\"}");
	struct naming_port ports[EXPECT_PORTS_MAX];
	struct err err = { 0 };

	assert_int_equal(machine_read(text, strlen(text), &m, &err), 0);
	assert_int_equal(expect_ports(&m, ports), 2);
	assert_string_equal(ports[0].system, "sw-r1");
	assert_string_equal(ports[0].port, "swp4");
	assert_string_equal(ports[1].system, "02:00:00:00:00:01"); /* a switch without a name */
	expect_take(roster_find(r, "by-serial"), &m);
	assert_string_equal(roster_find(r, "by-serial")->macs.items[0], "52:54:00:00:00:93");
	expect_take(roster_find(r, "by-mac"), &m);
	assert_int_equal(roster_find(r, "by-mac")->macs.len, 1);
	assert_string_equal(roster_find(r, "by-mac")->macs.items[0], "52:54:00:00:00:01");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(machines_are_matched, setup, teardown),
		cmocka_unit_test_setup_teardown(a_machine_is_taken, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
