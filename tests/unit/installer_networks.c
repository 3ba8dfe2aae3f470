/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Networks of an order and the files that systemd-networkd gets: tests/golden/networks/NAME.files is what follows from NAME.json.
 * UPDATE_GOLDEN=1 writes those anew. */
#include "installer_input.h"

#include "installer/check.h"

#include <glob.h>

static char *slurp(const char *path)
{
	autoclean(buf_free) struct buf text = { 0 };
	struct err err = { 0 };

	if (fs_read(path, 1 << 20, &text, &err) < 0)
		fail_msg("%s", err.text);
	return buf_steal(&text);
}

static int read_networks(const char *text, struct order_networks *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;

	*out = (struct order_networks){ 0 };
	if (json_parse(text, strlen(text), &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    order_networks_read(&o, out, err) < 0)
		return -1;
	return json_obj_end(&o, err);
}

/* As they are in a file: they are printed like that. */
static char *print(const struct order_networks *l)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	order_networks_print(l, &w);
	json_end_obj(&w);
	return buf_steal(&out);
}

static void one_golden(const char *path, bool resolved)
{
	autoclean(input_free) struct input in = { 0 };
	autoclean(hostfiles_free) struct hostfiles files = { 0 };
	autoclean(buf_free) struct buf got = { 0 };
	autofree char *stem = mem_strndup(path, strlen(path) - strlen(".json"));
	autofree char *want_path = str_format("%s.files", stem), *want = NULL, *text = slurp(path), *again = NULL;
	const struct hostfiles_input hi = { .order = &in.order, .facts = { .resolved = resolved } };
	struct err err = { 0 };

	load_raid1(&in);
	if (read_networks(text, &in.order.networks, &err) < 0)
		fail_msg("%s: %s", path, err.text);
	again = print(&in.order.networks);
	assert_string_equal(text, again);
	hostfiles_add_network(&hi, &files);
	for (size_t i = 0; i < files.len; i++)
		if (files.items[i].kind == HOSTFILE_TEXT)
			buf_addf(&got, "=== /%s %04o\n%s", files.items[i].path, files.items[i].mode, files.items[i].content);
	if (getenv("UPDATE_GOLDEN") && fs_write_atomic(want_path, buf_str(&got), got.len, 0644, &err) < 0)
		fail_msg("%s", err.text);
	want = slurp(want_path);
	if (!str_eq(want, buf_str(&got)))
		fail_msg("%s differs; now it is:\n%s", want_path, buf_str(&got));
}

static void golden_files_agree(void **state)
{
	const char *top = getenv("TOP");
	autofree char *pattern = str_format("%s/tests/golden/networks/*.json", top ? top : ".");
	glob_t found = { 0 };

	(void)state;
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= 10);
	for (size_t i = 0; i < found.gl_pathc; i++)
		one_golden(found.gl_pathv[i], true);
	globfree(&found);
}

/* An order without networks is of an older head: DHCPv4, on whichever interface has the cable. */
static void old_orders_mean_dhcp(void **state)
{
	autoclean(input_free) struct input in = { 0 };
	autoclean(hostfiles_free) struct hostfiles files = { 0 };
	const struct hostfiles_input hi = { .order = &in.order };
	const char *content = NULL;

	(void)state;
	load_raid1(&in);
	assert_int_equal(in.order.networks.len, 0);
	str_list_add(&in.order.more_macs, "52:54:00:77:00:09");
	hostfiles_add_network(&hi, &files);
	for (size_t i = 0; i < files.len; i++)
		if (str_eq(files.items[i].path, "etc/systemd/network/10-orthrus.network"))
			content = files.items[i].content;
	assert_non_null(content);
	assert_non_null(strstr(content, "MACAddress=52:54:00:77:00:01 52:54:00:77:00:09\n"));
	assert_non_null(strstr(content, "DHCP=ipv4\n"));
}

#define PROVISION                                                                                                                \
	"{\"name\":\"p\",\"role\":\"provision\",\"device\":\"p\",\"ports\":[{\"mac\":\"52:54:00:77:00:01\"}],\"dhcp4\":true}"

/* `more`: further networks behind a good one. */
static void refused(const char *more, const char *why)
{
	autoclean(order_networks_free) struct order_networks l = { 0 };
	autofree char *text = str_format("{\"networks\":[" PROVISION "%s%s]}", *more ? "," : "", more);
	struct err err = { 0 };

	if (read_networks(text, &l, &err) == 0)
		fail_msg("%s was accepted", more);
	if (err.kind != ERR_INVALID || !strstr(err.text, why))
		fail_msg("%s: %s", more, err.text);
}

static void bad_networks_are_refused(void **state)
{
	(void)state;
	refused(PROVISION, "device 'p' is there twice");
	refused("{\"name\":\"q\",\"role\":\"provision\",\"device\":\"q\",\"ports\":[{\"mac\":\"52:54:00:77:00:02\"}]}",
		"2 have the role");
	refused("{\"name\":\"q\",\"device\":\"q\",\"ports\":[{\"mac\":\"52:54:00:77:00:02\"}]}", "role");
	refused("{\"device\":\"../q\",\"ports\":[{\"mac\":\"52:54:00:77:00:02\"}]}", "device");
	refused("{\"device\":\"q\"}", "a device has ports, or is a VLAN");
	refused("{\"device\":\"q\",\"ports\":[{}]}", "every interface");
	refused("{\"device\":\"q\",\"ports\":[{\"mac\":\"52:54:00:77\"}]}", "ports[0].mac");
	refused("{\"device\":\"q\",\"ports\":[{\"name\":\"a\\n[Network]\"}]}", "ports[0].name");
	refused("{\"device\":\"q\",\"ports\":[{\"path\":\"a b\"}]}", "ports[0].path");
	refused("{\"device\":\"q\",\"ports\":[{\"driver\":\"%n\"}]}", "ports[0].driver");
	refused("{\"device\":\"q\",\"ports\":[{\"mac\":\"52:54:00:77:00:02\"}],\"mtu\":10}", "mtu");
	refused("{\"device\":\"q\",\"on\":\"r\",\"vlan\":2}", "stands before it");
	refused("{\"device\":\"q\",\"vlan\":2}", "stands before it");
	refused("{\"device\":\"q\",\"on\":\"p\"}", "stands before it");
	refused("{\"device\":\"q\",\"on\":\"q\",\"vlan\":2}", "stands before it");
	refused("{\"device\":\"vlan2\",\"on\":\"p\",\"vlan\":2},{\"device\":\"vlan3\",\"on\":\"vlan2\",\"vlan\":3}",
		"stands before it");
	refused("{\"device\":\"a-very-long-device-name\",\"on\":\"p\",\"vlan\":2}", "device");
	refused("{\"device\":\"q\",\"on\":\"p\",\"vlan\":4095}", "vlan");
	refused("{\"device\":\"q\",\"on\":\"p\",\"vlan\":2,\"ports\":[{\"name\":\"x\"}]}", "a device has ports, or is a VLAN");
	refused("{\"device\":\"q\",\"ports\":[{\"name\":\"x\"}],\"bond\":{\"mode\":\"balance-rr\"}}", "bond.mode");
	refused("{\"device\":\"q\",\"ports\":[{\"name\":\"x\"}],\"bond\":{\"mode\":\"802.3ad\",\"hash\":\"a\\nb\"}}",
		"bond.hash");
	refused("{\"device\":\"q\",\"ports\":[{\"name\":\"x\"}],\"addresses\":[\"10.1.0.1\"]}", "addresses");
	refused("{\"device\":\"q\",\"ports\":[{\"name\":\"x\"}],\"gateways\":[\"10.1.0.1/8\"]}", "gateways");
	refused("{\"device\":\"q\",\"ports\":[{\"name\":\"x\"}],\"gateways\":[\"10.1.0.1\",\"10.1.0.2\",\"10.1.0.3\"]}",
		"gateways: has 3");
	refused("{\"device\":\"q\",\"ports\":[{\"name\":\"x\"}],\"dns\":[\"a.b\"]}", "dns");
	refused("{\"device\":\"q\",\"ports\":[{\"name\":\"x\"}],\"surprise\":1}", "surprise");
}

static void prefixed_addresses(void **state)
{
	static const char *const good[] = { "10.1.0.1/16", "fd00:1::1/64", "10.0.0.1/32", "fd00::1/128" };
	static const char *const wrong[] = { "",	   "10.1.0.1",	  "10.1.0.1/", "10.1.0.1/33",
					     "10.1.0.1/0", "fd00::1/129", "x/8",       "10.1.0.1/8/8" };
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(check_prefixed(good[i], &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		if (check_prefixed(wrong[i], &err) == 0)
			fail_msg("'%s' was accepted", wrong[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_files_agree),
		cmocka_unit_test(old_orders_mean_dhcp),
		cmocka_unit_test(bad_networks_are_refused),
		cmocka_unit_test(prefixed_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
