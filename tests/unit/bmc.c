/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is given to a BMC is checked before it is used, and what a BMC says before it is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "power/bmc.h"
#include "power/ipmi_parse.h"
#include "power/redfish_parse.h"

#include <string.h>

static void test_addresses(void **state)
{
	static const struct {
		const char *text, *host, *port;
	} good[] = {
		{ "10.2.0.7", "10.2.0.7", NULL },
		{ "10.2.0.7:6230", "10.2.0.7", "6230" },
		{ "[fd00::7]", "fd00::7", NULL },
		{ "[fd00::7]:1", "fd00::7", "1" },
		{ "n07-bmc.example", "n07-bmc.example", NULL },
		{ "n07-bmc:65535", "n07-bmc", "65535" },
	};
	static const char *const bad[] = { "",
					   "-x",
					   "10.2.0",
					   "10.2.0.256",
					   "10.2.0.7:",
					   "10.2.0.7:0",
					   "10.2.0.7:65536",
					   "10.2.0.7:1x",
					   "fd00::7",
					   "[fd00::7",
					   "[fd00::7]x",
					   "[]",
					   "[10.2.0.7]",
					   "a b",
					   "a/b",
					   "a@b",
					   "n07\n",
					   "$(x)",
					   ":1",
					   ".",
					   "[fd00::7]:-1" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		autofree char *host = NULL, *port = NULL;
		struct err err = { 0 };

		if (bmc_address_check(good[i].text, &err) < 0)
			fail_msg("%s: %s", good[i].text, err.text);
		bmc_address_split(good[i].text, &host, &port);
		assert_string_equal(host, good[i].host);
		assert_true(str_eq(port, good[i].port));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = { 0 };

		if (bmc_address_check(bad[i], &err) == 0)
			fail_msg("'%s' is taken for an address", bad[i]);
		assert_int_equal(err.kind, ERR_INVALID);
		assert_true(err.text[0] != '\0');
	}
	/* The commonest of them: the colons are no port. */
	{
		struct err err = { 0 };

		assert_int_equal(bmc_address_check("fd00:88::1", &err), -1);
		assert_non_null(strstr(err.text, "stands between [ and ]"));
		assert_string_equal(err.hint, "write it as [fd00:88::1]");
	}
}

static void test_logins(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(bmc_login_check(BMC_IPMI, "admin", "0123456789abcdef0123", &err), 0);
	assert_int_equal(bmc_login_check(BMC_IPMI, "admin", "0123456789abcdef01234", &err), -1);
	assert_int_equal(bmc_login_check(BMC_REDFISH, "admin", "0123456789abcdef01234", &err), 0);
	assert_int_equal(bmc_login_check(BMC_IPMI, "name-of-17-bytes.", NULL, &err), -1);
	assert_int_equal(bmc_login_check(BMC_IPMI, "-admin", NULL, &err), -1);
	assert_int_equal(bmc_login_check(BMC_REDFISH, "ad:min", NULL, &err), -1);
	assert_int_equal(bmc_login_check(BMC_REDFISH, "admin", "two\nlines", &err), -1);
	assert_null(strstr(err.text, "two"));
	assert_int_equal(bmc_login_check(BMC_REDFISH, "", NULL, &err), -1);
	assert_int_equal(bmc_protocol_used(BMC_AUTO, NULL), BMC_IPMI);
	assert_int_equal(bmc_protocol_used(BMC_AUTO, "00"), BMC_REDFISH);
	assert_int_equal(bmc_protocol_used(BMC_IPMI, "00"), BMC_IPMI);
}

static void test_pins(void **state)
{
	static const char plain[] = "28430839f4f0b54525fe5f3394c1071fccc96d49a0bbc113fc7c43ca5fcd4288";
	static const char colons[] =
		"28:43:08:39:F4:F0:B5:45:25:FE:5F:33:94:C1:07:1F:CC:C9:6D:49:A0:BB:C1:13:FC:7C:43:CA:5F:CD:42:88";
	static const char *const bad[] = {
		"",
		"28",
		"28430839f4f0b54525fe5f3394c1071fccc96d49a0bbc113fc7c43ca5fcd428",
		"zz",
		"28430839f4f0b54525fe5f3394c1071fccc96d49a0bbc113fc7c43ca5fcd42881",
		"28430839f4f0b54525fe5f3394c1071fccc96d49a0bbc113fc7c43ca5fcd42:8",
		"28430839f4f0b54525fe5f3394c1071fccc96d49a0bbc113fc7c43ca5fcd4288:",
	};
	char out[BMC_PIN_LEN];
	struct err err = { 0 };

	(void)state;
	assert_int_equal(bmc_pin_read(plain, out, &err), 0);
	assert_string_equal(out, plain);
	assert_int_equal(bmc_pin_read(colons, out, &err), 0);
	assert_string_equal(out, plain);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (bmc_pin_read(bad[i], out, &err) == 0)
			fail_msg("'%s' is taken for a fingerprint", bad[i]);
}

static void test_ipmi_power(void **state)
{
	static const char on[] = "Loading IANA PEN Registry...\nSystem Power         : on\nPower Overload       : true\n";
	static const char odd[] = "System Power : perhaps\n", none[] = "Power Overload : false\nSystem Power",
			  empty[] = "System Power :\n";
	struct ipmi_chassis c = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(ipmi_read_chassis(on, strlen(on), &c, &err), 0);
	assert_int_equal(c.power, BMC_POWER_ON);
	assert_true(c.overload);
	assert_int_equal(ipmi_read_chassis(odd, strlen(odd), &c, &err), -1);
	assert_non_null(strstr(err.text, "perhaps"));
	assert_int_equal(ipmi_read_chassis(none, strlen(none), &c, &err), -1);
	assert_int_equal(ipmi_read_chassis(empty, strlen(empty), &c, &err), -1);
	assert_int_equal(ipmi_read_chassis("", 0, &c, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
}

static void test_ipmi_sensors(void **state)
{
	static const char text[] = "CPU Temp         | 01h | ok  |  3.1 | 45 degrees C\n"
				   "A|B Temp         | 02h | cr  |  7.1 | -3.50 degrees C\n"
				   "Fan2             | 42h | ns  | 29.2 | No Reading\n"
				   "PS1 Status       | C8h | ok  | 10.1 | Presence detected\n"
				   "Intrusion        | AAh | ok  | 23.1 | \n"
				   "not a sensor\n";
	autoclean(bmc_sensors_free) struct bmc_sensors s = { 0 }, many = { 0 };
	autoclean(buf_free) struct buf flood = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(ipmi_read_sensors(text, strlen(text), &s, &err), 0);
	assert_int_equal(s.len, 4);
	assert_string_equal(s.items[0].name, "CPU Temp");
	assert_string_equal(s.items[0].value, "45");
	assert_string_equal(s.items[0].unit, "degrees C");
	assert_false(s.items[0].bad);
	assert_string_equal(s.items[1].name, "A|B Temp");
	assert_string_equal(s.items[1].value, "-3.50");
	assert_true(s.items[1].bad);
	assert_string_equal(s.items[2].value, "Presence detected");
	assert_string_equal(s.items[2].unit, "");
	assert_null(s.items[3].value);
	assert_int_equal(ipmi_read_sensors("hello\n", 6, &many, &err), -1);
	for (int i = 0; i <= BMC_SENSORS_MAX; i++)
		buf_adds(&flood, "x | 01h | ok | 3.1 | 1 Volts\n");
	assert_int_equal(ipmi_read_sensors(buf_str(&flood), flood.len, &many, &err), -1);
}

static void test_ipmi_facts(void **state)
{
	static const char mc[] =
		"Firmware Revision         : 3.88\nIPMI Version              : 2.0\nManufacturer Name         : Ex\x1b[2Jample\n";
	static const char lan[] = "IP Address Source       : DHCP Address\nMAC Address             : 0C:C4:7A:01:02:03\n";
	static const char zero[] = "IP Address Source       : Static Address\nMAC Address             : 00:00:00:00:00:00\n";
	autoclean(bmc_facts_free) struct bmc_facts f = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(ipmi_read_mc(mc, strlen(mc), &f, &err), 0);
	assert_string_equal(f.firmware, "3.88");
	assert_string_equal(f.version, "2.0");
	assert_null(strchr(f.maker, '\x1b'));
	assert_null(f.model);
	assert_int_equal(ipmi_read_lan(lan, strlen(lan), &f, &err), 0);
	assert_string_equal(f.mac, "0c:c4:7a:01:02:03");
	assert_string_equal(f.mac_source, "dhcp");
	assert_int_equal(ipmi_read_lan(zero, strlen(zero), &f, &err), 0);
	assert_null(f.mac);
	assert_string_equal(f.mac_source, "static");
	assert_int_equal(ipmi_read_mc("x : y\n", 6, &f, &err), -1);
	assert_int_equal(ipmi_read_lan("x : y\n", 6, &f, &err), -1);
}

static void test_ipmi_failures_say_what_to_do(void **state)
{
	struct bmc b = { .node = "n01", .address = "10.2.0.1" };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(ipmi_explain(&b, "> RAKP 2 HMAC is invalid\nError: Unable to establish IPMI v2 / RMCP+ session\n", &err),
			 -1);
	assert_non_null(strstr(err.text, "n01: the BMC does not accept this password"));
	assert_non_null(strstr(err.hint, "node set n01"));
	assert_int_equal(ipmi_explain(&b, "first\n\n  some \x1b[1m words  \n\n", &err), -1);
	assert_non_null(strstr(err.text, "some \\x1b[1m words"));
	assert_int_equal(ipmi_explain(&b, "", &err), -1);
	assert_non_null(strstr(err.text, "said nothing"));
}

static void test_redfish_links_stay_in_the_service(void **state)
{
	static const char *const good[] = { "/redfish/v1", "/redfish/v1/", "/redfish/v1/Systems/System.Embedded.1",
					    "/redfish/v1/Chassis/1U/Thermal" };
	static const char *const bad[] = { "",
					   "/",
					   "/redfish/v2/x",
					   "https://10.0.0.1/redfish/v1/",
					   "/redfish/v1/../x",
					   "/redfish/v1//10.0.0.1/",
					   "/redfish/v11",
					   "/redfish/v1/a b",
					   "/redfish/v1/a?x",
					   "/redfish/v1/a#x",
					   "/redfish/v1/%2e%2e",
					   "/redfish/v1/a\r\nb",
					   "//10.0.0.1/redfish/v1/" };
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(redfish_path_check(good[i], &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (redfish_path_check(bad[i], &err) == 0)
			fail_msg("'%s' is followed", bad[i]);
}

#define ACTION "\"Actions\":{\"#ComputerSystem.Reset\":{\"target\":\"/redfish/v1/Systems/1/Reset\"%s}}"

static void test_redfish_system(void **state)
{
	autofree char *all = str_format("{\"PowerState\":\"On\"," ACTION "}", "");
	autofree char *some = str_format("{\"PowerState\":\"PoweringOff\",\"LocationIndicatorActive\":false," ACTION "}",
					 ",\"ResetType@Redfish.AllowableValues\":[\"ForceOn\",\"ForceOff\"]");
	autoclean(redfish_system_free) struct redfish_system a = { 0 }, b = { 0 }, c = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(redfish_read_system(all, strlen(all), &a, &err), 0);
	assert_int_equal(a.power, BMC_POWER_ON);
	assert_string_equal(a.reset, "/redfish/v1/Systems/1/Reset");
	assert_string_equal(redfish_reset_type(&a, BMC_CYCLE), "PowerCycle");
	assert_int_equal(redfish_read_system(some, strlen(some), &b, &err), 0);
	assert_int_equal(b.power, BMC_POWER_UNKNOWN);
	assert_true(b.has_location);
	assert_string_equal(redfish_reset_type(&b, BMC_ON), "ForceOn");
	assert_string_equal(redfish_reset_type(&b, BMC_OFF), "ForceOff");
	assert_null(redfish_reset_type(&b, BMC_CYCLE));
	assert_int_equal(redfish_read_system("{\"PowerState\":1}", 16, &c, &err), -1);
	assert_non_null(strstr(err.text, "PowerState"));
}

static void test_redfish_documents(void **state)
{
	static const char thermal[] =
		"{\"Temperatures\":[{\"Name\":\"CPU\",\"ReadingCelsius\":41.5,\"Status\":{\"Health\":\"Critical\"}},"
		"{\"Name\":\"gone\",\"Status\":{\"State\":\"Absent\"}}],\"Fans\":[{\"FanName\":\"F\",\"Reading\":\"12\"}]}";
	static const char power[] = "{\"PowerControl\":[{\"MemberId\":\"0\",\"PowerConsumedWatts\":312}]}";
	static const char root[] = "{\"RedfishVersion\":\"1.2\",\"Systems\":{\"@odata.id\":\"/redfish/v1/Systems\"},\"Oem\":{}}";
	static const char chassis[] = "{\"Thermal\":{\"@odata.id\":\"/redfish/v1/T\"}}";
	static const char error[] = "{\"error\":{\"message\":\"m\",\"@Message.ExtendedInfo\":[{\"Message\":\"no\\u0007\"}]}}";
	static const char members[] = "{\"Members\":[{\"@odata.id\":\"/redfish/v1/Systems/1\"}]}";
	autoclean(bmc_sensors_free) struct bmc_sensors s = { 0 };
	autoclean(redfish_root_free) struct redfish_root r = { 0 };
	autoclean(bmc_facts_free) struct bmc_facts f = { 0 };
	autoclean(str_list_free) struct str_list links = { 0 };
	autofree char *t = NULL, *p = NULL, *words = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(redfish_read_thermal(thermal, strlen(thermal), &s, &err), 0);
	assert_int_equal(redfish_read_power(power, strlen(power), &s, &err), 0);
	assert_int_equal(s.len, 3);
	assert_string_equal(s.items[0].value, "41.5");
	assert_true(s.items[0].bad);
	assert_string_equal(s.items[1].name, "F");
	assert_string_equal(s.items[1].value, "12");
	assert_string_equal(s.items[1].unit, "RPM");
	assert_string_equal(s.items[2].name, "0");
	assert_string_equal(s.items[2].unit, "Watts");
	assert_int_equal(redfish_read_root(root, strlen(root), &r, &err), 0);
	assert_string_equal(r.systems, "/redfish/v1/Systems");
	assert_null(r.chassis);
	assert_int_equal(redfish_read_root("{}", 2, &r, &err), -1);
	assert_int_equal(redfish_read_chassis(chassis, strlen(chassis), &t, &p, &err), 0);
	assert_string_equal(t, "/redfish/v1/T");
	assert_null(p);
	assert_int_equal(redfish_read_members(members, strlen(members), &links, &err), 0);
	assert_int_equal(links.len, 1);
	assert_int_equal(redfish_read_manager("{\"FirmwareVersion\":\"2\"}", 23, &f, &err), 0);
	assert_string_equal(f.firmware, "2");
	words = redfish_error_words(error, strlen(error));
	assert_string_equal(words, "no\\x07");
	assert_null(redfish_error_words("<html>", 6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_logins),
		cmocka_unit_test(test_pins),
		cmocka_unit_test(test_ipmi_power),
		cmocka_unit_test(test_ipmi_sensors),
		cmocka_unit_test(test_ipmi_facts),
		cmocka_unit_test(test_ipmi_failures_say_what_to_do),
		cmocka_unit_test(test_redfish_links_stay_in_the_service),
		cmocka_unit_test(test_redfish_system),
		cmocka_unit_test(test_redfish_documents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
