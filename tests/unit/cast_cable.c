/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an interface says of itself, told and read again; a pair of veth has a speed, an MTU and full duplex. */
#include "tests/unit/cast_lan.h"

#include "base/json.h"
#include "cast/cable.h"

static int root(struct json_obj *o, void *out, struct err *err)
{
	return cable_read(o, out, err) < 0 ? -1 : json_obj_end(o, err);
}

static int reads(const char *text, struct cable *out)
{
	struct err err = { 0 };

	return json_read(text, strlen(text), root, out, &err);
}

static void test_look(void **state)
{
	struct sockaddr_storage to = lan_addr("10.77.0.9", 1), nowhere = lan_addr("192.0.2.1", 1);
	struct err err = { 0 };
	struct cable c;

	(void)state;
	cable_look("d0", &c);
	assert_string_equal(c.interface, "d0");
	assert_int_equal(c.mtu, 1500);
	assert_int_equal(c.speed_mbit, 10000);
	assert_int_equal(c.duplex, CABLE_FULL);
	assert_int_equal(SPAWN(&err, "ip", "link", "set", "d0", "mtu", "1400"), 0);
	cable_towards(&to, &c);
	assert_string_equal(c.interface, "d0");
	assert_int_equal(c.mtu, 1400);
	assert_int_equal(SPAWN(&err, "ip", "link", "set", "d0", "mtu", "1500"), 0);
	cable_towards(&nowhere, &c);
	assert_string_equal(c.interface, "");
	cable_look("nothere0", &c);
	assert_int_equal(c.interface[0] + c.mtu + c.speed_mbit + c.duplex, 0);
	cable_look("a-name-that-no-interface-has", &c);
	assert_string_equal(c.interface, "");
}

static void test_told(void **state)
{
	static const char *const wrong[] = {
		"{\"link\":{}}",
		"{\"link\":{\"interface\":\"\"}}",
		"{\"link\":{\"interface\":\"0123456789abcdef\"}}",
		"{\"link\":{\"interface\":\"a b\"}}",
		"{\"link\":{\"interface\":\"../x\"}}",
		"{\"link\":{\"interface\":\"\\u001b[2J\"}}",
		"{\"link\":{\"interface\":\"e\",\"duplex\":\"most\"}}",
		"{\"link\":{\"interface\":\"e\",\"speed_mbit\":10000001}}",
		"{\"link\":{\"interface\":\"e\",\"mtu\":-1}}",
		"{\"link\":{\"interface\":\"e\",\"more\":1}}",
	};
	struct cable c = { .interface = "enp0s31f6", .speed_mbit = 100, .duplex = CABLE_HALF, .mtu = 9000 }, back;
	autoclean(buf_free) struct buf text = { 0 }, none = { 0 };
	struct json_out w;

	(void)state;
	json_out_init(&w, &text, false);
	json_put_obj(&w, NULL);
	cable_put(&c, &w);
	json_end_obj(&w);
	assert_int_equal(reads(buf_str(&text), &back), 0);
	assert_memory_equal(&back, &c, sizeof(c));
	/* Of nothing nothing is told. */
	json_out_init(&w, &none, false);
	json_put_obj(&w, NULL);
	cable_put(&(struct cable){ .mtu = 1500 }, &w);
	json_end_obj(&w);
	assert_string_equal(buf_str(&none), "{}");
	assert_int_equal(reads(buf_str(&none), &back), 0);
	assert_string_equal(back.interface, "");
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		if (reads(wrong[i], &back) == 0)
			fail_msg("%s was read", wrong[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_look), cmocka_unit_test(test_told) };

	if (!lan_make())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
