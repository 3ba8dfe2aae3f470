/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Templates against a real order: the identifiers that they name are those that the installation gives, whatever the disks are.
 */
#include "installer_input.h"

#include "installer/templates.h"

static void rendered(const struct order *o, const char *text, char **out)
{
	const struct template_node nodes[] = { { .name = "n01", .group = "compute", .ipv4 = "10.0.0.1" },
					       { .name = "n02", .group = "gpu", .ipv6 = "fd00::2" } };
	const struct template_facts facts = { .cluster = "test", .group = "compute", .nodes = nodes, .n_nodes = 2 };
	struct site_template one = { .path = (char *)(uintptr_t) "etc/x", .mode = 0644, .text = (char *)(uintptr_t)text };
	const struct templates t = { .items = &one, .len = 1 };
	autoclean(template_map_free) struct template_map names = { 0 };
	autoclean(order_files_free) struct order_files files = { 0 };
	struct err err = { 0 };

	if (templates_names(o, &facts, &names, &err) < 0 || templates_render(&t, "compute", &names, &files, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(files.len, 1);
	*out = mem_strdup(files.items[0].content);
}

static void one_order(const char *name)
{
	autofree char *path = golden_path(name), *text = NULL;
	autoclean(input_free) struct input in = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(raid_result_free) struct raid_result real = { 0 }, guess = { 0 };
	autoclean(buf_free) struct buf want = { 0 };
	struct err err = { 0 };

	load(path, &in);
	if (install_plan(&in.order, &in.disks, &plan, &real, &err) < 0 || order_layout_result(&in.order, &guess, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(real.n_fs, guess.n_fs);
	assert_int_equal(real.n_md, guess.n_md);
	for (size_t i = 0; i < real.n_fs; i++) {
		assert_string_equal(real.fs[i].uuid, guess.fs[i].uuid);
		buf_addf(&want, "%s=%s;", real.fs[i].mount ? real.fs[i].mount : "", real.fs[i].uuid);
	}
	for (size_t i = 0; i < real.n_md; i++) {
		assert_string_equal(real.md[i].uuid, guess.md[i].uuid);
		buf_addf(&want, "%s=%s;", real.md[i].name, real.md[i].uuid);
	}
	rendered(&in.order, "{{#each filesystems}}{{mount}}={{uuid}};{{/each}}{{#each arrays}}{{name}}={{uuid}};{{/each}}",
		 &text);
	assert_string_equal(text, buf_str(&want));
}

static void test_identifiers_are_those_of_the_installation(void **state)
{
	(void)state;
	one_order("raid1.in.json");
	one_order("boot-swap-xfs.in.json");
}

static void test_names(void **state)
{
	autoclean(input_free) struct input in = { 0 };
	autofree char *text = NULL, *want = NULL;

	(void)state;
	load_raid1(&in);
	rendered(&in.order,
		 "{{node.name}} {{node.fqdn}} {{node.group}} {{site.cluster}}{{#each nodes}} "
		 "{{name}}:{{group}}:{{ipv4}}{{ipv6}}{{/each}}",
		 &text);
	want = str_format("%s %s.%s compute test n01:compute:10.0.0.1 n02:gpu:fd00::2", in.order.node, in.order.node,
			  in.order.domain);
	assert_string_equal(text, want);
}

/* The site's file stands in the place of ours, once, and what is not ours comes too. */
static void test_in_place_of_ours(void **state)
{
	autoclean(input_free) struct input in = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	autoclean(hostfiles_free) struct hostfiles files = { 0 };
	struct err err = { 0 };
	size_t hosts = 0, motd = 0;

	(void)state;
	load_raid1(&in);
	assert_int_equal(order_files_add(&in.order.files, "etc/hosts", 0644, "site's\n", &err), 0);
	assert_int_equal(order_files_add(&in.order.files, "etc/motd", 0755, "hello\n", &err), 0);
	assert_int_equal(order_files_add(&in.order.files, "etc/motd", 0644, "again\n", &err), -1);
	assert_int_equal(order_files_add(&in.order.files, "etc/shadow", 0644, "x\n", &err), -1);
	assert_int_equal(order_files_add(&in.order.files, "etc/x", 0666, "x\n", &err), -1);
	assert_int_equal(order_layout_result(&in.order, &result, &err), 0);
	render(&in, &result, &files);
	for (size_t i = 0; i < files.len; i++) {
		if (str_eq(files.items[i].path, "etc/hosts")) {
			hosts++;
			assert_string_equal(files.items[i].content, "site's\n");
		}
		if (str_eq(files.items[i].path, "etc/motd")) {
			motd++;
			assert_int_equal(files.items[i].mode, 0755);
		}
	}
	assert_int_equal(hosts, 1);
	assert_int_equal(motd, 1);
}

static void test_files_of_a_node_have_limits(void **state)
{
	autoclean(order_files_free) struct order_files f = { 0 };
	autofree char *large = mem_zalloc(ORDER_FILE_BYTES_MAX + 2);
	struct err err = { 0 };

	(void)state;
	memset(large, 'x', ORDER_FILE_BYTES_MAX + 1);
	assert_int_equal(order_files_add(&f, "etc/a", 0644, large, &err), -1);
	large[ORDER_FILE_BYTES_MAX] = '\0';
	assert_int_equal(order_files_add(&f, "etc/a", 0644, large, &err), 0);
	assert_int_equal(order_files_add(&f, "etc/b", 0644, large, &err), 0);
	assert_int_equal(order_files_add(&f, "etc/c", 0644, "x", &err), -1);
	assert_non_null(strstr(err.text, "files of one node"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identifiers_are_those_of_the_installation),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_in_place_of_ours),
		cmocka_unit_test(test_files_of_a_node_have_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
