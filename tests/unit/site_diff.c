/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What applying another site changes, word by word: every value that differs is named with what it was and what it becomes. */
#include "base/mem.h"
#include "daemon/json_diff.h"
#include "daemon/site_diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h wants setjmp.h and stdarg.h. */
#include <cmocka.h>

static const char base_text[] =
	"{\"format\":1,\"cluster\":{\"name\":\"lab\",\"domain\":\"lab.internal\"},\"time\":{\"zone\":\"Etc/UTC\"},"
	"\"networks\":[{\"name\":\"provision\",\"role\":\"provision\",\"ipv4\":{\"subnet\":\"10.77.0.0/24\"}},"
	"{\"name\":\"fabric\",\"role\":\"compute\",\"ipv4\":{\"subnet\":\"10.78.0.0/24\"}}],"
	"\"heads\":[{\"name\":\"h1\",\"interface\":\"eth0\",\"network\":\"provision\",\"ipv4\":\"10.77.0.1\"},"
	"{\"name\":\"h2\",\"interface\":\"eth0\",\"network\":\"provision\",\"ipv4\":\"10.77.0.2\"}],"
	"\"images\":[{\"name\":\"a\",\"suite\":\"bookworm\"},{\"name\":\"b\",\"suite\":\"trixie\"}],"
	"\"disk_layouts\":[{\"name\":\"one\",\"disks\":{\"min\":1,\"want\":1},\"parts\":[{\"id\":\"esp\",\"size\":\"256M\"},"
	"{\"id\":\"root\",\"size\":\"rest\"}],\"fs\":[{\"on\":\"esp\",\"type\":\"vfat\",\"mount\":\"/boot/efi\"},"
	"{\"on\":\"root\",\"type\":\"ext4\",\"mount\":\"/\"}],\"boot\":{\"uefi\":true}}],"
	"\"groups\":[{\"name\":\"base\",\"image\":\"a\",\"layout\":\"one\"},{\"name\":\"gpu\",\"extends\":\"base\"}],"
	"\"console\":{\"serial\":\"ttyS0,115200\"},\"admin_ssh_keys\":[\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample "
	"anna@lab\"]}";

static void read_site(const char *text, struct site *out)
{
	struct err err = { 0 };

	if (site_read(text, strlen(text), "test", out, &err) < 0)
		fail_msg("%s in %s", err.text, text);
}

/* The base site with one piece of its text replaced. */
static char *edited(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	if (!at)
		fail_msg("'%s' is not in the text", from);
	return str_format("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

/* The steps from one text to the other, a line each, are `want`; their names differ. */
static void changes(const char *old_text, const char *new_text, const char *want)
{
	autoclean(site_free) struct site old = { 0 }, new_site = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(buf_free) struct buf lines = { 0 };
	struct err err = { 0 };

	read_site(old_text, &old);
	read_site(new_text, &new_site);
	if (site_diff(&old, &new_site, &plan, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < plan.len; i++) {
		buf_addf(&lines, "%s\n", plan.steps[i].text);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(plan.steps[k].name, plan.steps[i].name);
	}
	assert_string_equal(buf_str(&lines), want);
}

/* The piece `from` of the base text becomes `to`: `want`; and back: `back`. */
static void edit(const char *from, const char *to, const char *want, const char *back)
{
	autofree char *text = edited(base_text, from, to);

	changes(base_text, text, want);
	changes(text, base_text, back);
}

static void test_one_member(void **state)
{
	(void)state;
	changes(base_text, base_text, "");
	edit("\"name\":\"lab\"", "\"name\":\"hound\"", "change cluster.name from \"lab\" to \"hound\"\n",
	     "change cluster.name from \"hound\" to \"lab\"\n");
	edit("\"console\":{\"serial\":\"ttyS0,115200\"}", "\"console\":{}", "remove console.serial, which is \"ttyS0,115200\"\n",
	     "set console.serial to \"ttyS0,115200\"\n");
	edit("10.77.0.2", "10.77.0.3", "change head h2: ipv4 from \"10.77.0.2\" to \"10.77.0.3\"\n",
	     "change head h2: ipv4 from \"10.77.0.3\" to \"10.77.0.2\"\n");
	edit("\"role\":\"compute\",", "\"role\":\"compute\",\"mtu\":9000,", "change network fabric: mtu from none to 9000\n",
	     "change network fabric: mtu from 9000 to none\n");
}

static void test_nested_members(void **state)
{
	(void)state;
	edit("\"want\":1", "\"want\":1,\"exclude_bad\":false", "change disk layout one: disks.exclude_bad from true to false\n",
	     "change disk layout one: disks.exclude_bad from false to true\n");
	edit("\"want\":1", "\"want\":1,\"protect\":[\"LAB1\"]", "change disk layout one: disks.protect from [] to [\"LAB1\"]\n",
	     "change disk layout one: disks.protect from [\"LAB1\"] to []\n");
	edit("\"subnet\":\"10.78.0.0/24\"", "\"subnet\":\"10.78.0.0/24\",\"gateway\":\"10.78.0.1\"",
	     "change network fabric: ipv4.gateway from none to \"10.78.0.1\"\n",
	     "change network fabric: ipv4.gateway from \"10.78.0.1\" to none\n");
	edit("\"ipv4\":{\"subnet\":\"10.78.0.0/24\"}",
	     "\"ipv4\":{\"subnet\":\"10.78.0.0/24\"},\"ipv6\":{\"subnet\":\"fd00::/64\"}",
	     "change network fabric: ipv6 from none to {\"subnet\":\"fd00::/64\"}\n",
	     "change network fabric: ipv6 from {\"subnet\":\"fd00::/64\"} to none\n");
}

static void test_elements_by_their_names(void **state)
{
	(void)state;
	edit("256M", "512M", "change disk layout one: parts[esp].size from \"256M\" to \"512M\"\n",
	     "change disk layout one: parts[esp].size from \"512M\" to \"256M\"\n");
	edit("\"ext4\"", "\"xfs\"", "change disk layout one: fs[root].type from \"ext4\" to \"xfs\"\n",
	     "change disk layout one: fs[root].type from \"xfs\" to \"ext4\"\n");
	edit("{\"id\":\"root\"", "{\"id\":\"swap\",\"size\":\"1G\",\"use\":\"swap\"},{\"id\":\"root\"",
	     "change disk layout one: parts[swap] from none to {\"id\":\"swap\",\"size\":\"1G\",\"use\":\"swap\"}\n",
	     "change disk layout one: parts[swap] from {\"id\":\"swap\",\"size\":\"1G\",\"use\":\"swap\"} to none\n");
	edit("{\"name\":\"b\",\"suite\":\"trixie\"}", "{\"name\":\"c\",\"suite\":\"trixie\"}", "add image c\nremove image b\n",
	     "add image b\nremove image c\n");
}

/* Nodes talk to the first head: its place in the list is not nothing. */
static void test_order(void **state)
{
	(void)state;
	edit("{\"name\":\"h1\",\"interface\":\"eth0\",\"network\":\"provision\",\"ipv4\":\"10.77.0.1\"},"
	     "{\"name\":\"h2\",\"interface\":\"eth0\",\"network\":\"provision\",\"ipv4\":\"10.77.0.2\"}",
	     "{\"name\":\"h2\",\"interface\":\"eth0\",\"network\":\"provision\",\"ipv4\":\"10.77.0.2\"},"
	     "{\"name\":\"h1\",\"interface\":\"eth0\",\"network\":\"provision\",\"ipv4\":\"10.77.0.1\"}",
	     "change order of heads from [h1, h2] to [h2, h1]\n", "change order of heads from [h2, h1] to [h1, h2]\n");
	edit("{\"on\":\"esp\",\"type\":\"vfat\",\"mount\":\"/boot/efi\"},{\"on\":\"root\",\"type\":\"ext4\",\"mount\":\"/\"}",
	     "{\"on\":\"root\",\"type\":\"ext4\",\"mount\":\"/\"},{\"on\":\"esp\",\"type\":\"vfat\",\"mount\":\"/boot/efi\"}",
	     "change disk layout one: order of fs from [esp, root] to [root, esp]\n",
	     "change disk layout one: order of fs from [root, esp] to [esp, root]\n");
}

/* What a group has from another changes with the other, and is said of both. */
static void test_groups_inherit(void **state)
{
	(void)state;
	edit("\"image\":\"a\"", "\"image\":\"b\"",
	     "change node group base: image from \"a\" to \"b\"\nchange node group gpu: image from \"a\" to \"b\"\n",
	     "change node group base: image from \"b\" to \"a\"\nchange node group gpu: image from \"b\" to \"a\"\n");
	edit("\"extends\":\"base\"", "\"extends\":\"base\",\"image\":\"b\"", "change node group gpu: image from \"a\" to \"b\"\n",
	     "change node group gpu: image from \"b\" to \"a\"\n");
	edit("\"extends\":\"base\"", "\"image\":\"a\",\"layout\":\"one\"",
	     "change node group gpu: extends from \"base\" to none\n", "change node group gpu: extends from none to \"base\"\n");
	edit("\"layout\":\"one\"", "\"layout\":\"one\",\"kernel_args\":[\"quiet\"]",
	     "change node group base: kernel_args from [] to [\"quiet\"]\nchange node group gpu: kernel_args from [] to "
	     "[\"quiet\"]\n",
	     "change node group base: kernel_args from [\"quiet\"] to []\nchange node group gpu: kernel_args from [\"quiet\"] to "
	     "[]\n");
}

/* A long list says what comes and what goes; a long word is shortened, and says so. */
static void test_long_values(void **state)
{
	static const char anna[] = "\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample anna@lab\"";
	static const char bert[] = "\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAnother bert@lab\"";
	autofree char *both = str_format("%s,%s", anna, bert);
	autofree char *swapped = str_format("%s,%s", bert, anna);
	autofree char *comes = str_format("change admin_ssh_keys: add %s\n", bert);
	autofree char *goes = str_format("change admin_ssh_keys: remove %s\n", bert);
	autofree char *text = edited(base_text, anna, both);
	autofree char *other = edited(base_text, anna, swapped);
	autofree char *order = str_format("change admin_ssh_keys from [%s] to [%s]\n", both, swapped);
	char key[601];
	autofree char *rsa = NULL, *line = NULL;

	(void)state;
	edit(anna, both, comes, goes);
	changes(text, other, order);
	edit("\"suite\":\"trixie\"",
	     "\"suite\":\"trixie\",\"packages\":[\"linux-headers-amd64\",\"build-essential\",\"environment-modules\",\"slurmd\","
	     "\"munge\",\"openmpi-bin\",\"libopenmpi-dev\"]",
	     "change image b: add \"linux-headers-amd64\" to packages\nchange image b: add \"build-essential\" to packages\n"
	     "change image b: add \"environment-modules\" to packages\nchange image b: add \"slurmd\" to packages\n"
	     "change image b: add \"munge\" to packages\nchange image b: add \"openmpi-bin\" to packages\n"
	     "change image b: add \"libopenmpi-dev\" to packages\n",
	     "change image b: remove \"linux-headers-amd64\" from packages\nchange image b: remove \"build-essential\" from "
	     "packages\n"
	     "change image b: remove \"environment-modules\" from packages\nchange image b: remove \"slurmd\" from packages\n"
	     "change image b: remove \"munge\" from packages\nchange image b: remove \"openmpi-bin\" from packages\n"
	     "change image b: remove \"libopenmpi-dev\" from packages\n");
	memset(key, 'A', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	rsa = str_format("%s,\"ssh-rsa %s carl@lab\"", anna, key);
	line = str_format("change admin_ssh_keys: add \"ssh-rsa %.111s[... 449 bytes left out ...]%.40s carl@lab\"\n", key, key);
	free(text);
	text = edited(base_text, anna, rsa);
	changes(base_text, text, line);
}

static void test_shortened_alike_is_shown_whole(void **state)
{
	autofree char *a = mem_zalloc(404), *b = mem_zalloc(404), *cut = NULL, *umlauts = NULL;
	struct json_place at = { .thing = "", .path = "x" };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	struct err err = { 0 };

	(void)state;
	memset(a, 'A', 400);
	a[0] = a[399] = '"';
	memcpy(b, a, 400);
	b[200] = 'B';
	assert_int_equal(json_diff(&at, a, b, &plan, &err), 0);
	assert_int_equal(plan.len, 1);
	assert_non_null(strstr(plan.steps[0].text, a));
	assert_non_null(strstr(plan.steps[0].text, b));
	/* Cut between characters, never in one. */
	for (int i = 0; i < 150; i++)
		buf_adds(&text, "\xc3\xa4");
	for (int odd = 0; odd < 2; odd++) {
		if (odd)
			buf_adds(&text, "x");
		free(cut);
		cut = json_diff_shown(buf_str(&text) + odd * 2);
		free(umlauts);
		umlauts = str_printable(cut, strlen(cut));
		assert_null(strstr(umlauts, "\\x"));
		assert_non_null(strstr(cut, "bytes left out"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_member),
		cmocka_unit_test(test_nested_members),
		cmocka_unit_test(test_elements_by_their_names),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_groups_inherit),
		cmocka_unit_test(test_long_values),
		cmocka_unit_test(test_shortened_alike_is_shown_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
