/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers: defaults that fit the machine, what is kept of them, the site that they make, and the command lines that make the
 * same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "site/site.h"
#include "sys/fs.h"
#include "sys/spawn.h"
#include "tests/unit/tui_machine.h"
#include "tui/answers.h"
#include "tui/pages.h"

static void is(const struct answers *a, const struct facts *f, enum answer k, const char *value)
{
	autofree char *now = answers_get(a, f, k);

	if (!str_eq(now, value))
		fail_msg("%s is '%s', not '%s'", answer_key(k), now, value);
	assert_true(answers_is(a, f, k, value));
}

static void keys_are_names(void **state)
{
	(void)state;
	for (enum answer k = 0; k < ANSWER_END; k++)
		assert_int_equal(answer_of(answer_key(k)), k);
	assert_int_equal(answer_of("nothing"), ANSWER_END);
	assert_int_equal(answer_of(NULL), ANSWER_END);
}

static void usual_machine(void **state)
{
	autoclean(answers_free) struct answers a = { 0 };
	autoclean(facts_free) struct facts f = { 0 };

	(void)state;
	machine(MACHINE_USUAL, &f);
	is(&a, &f, ANSWER_DOMAIN, "cluster.internal");
	is(&a, &f, ANSWER_TIME_ZONE, "Europe/Berlin");
	is(&a, &f, ANSWER_INTERFACE, "eno2");
	is(&a, &f, ANSWER_SUBNET, "10.1.0.0/16");
	is(&a, &f, ANSWER_IPV6, "own");
	is(&a, &f, ANSWER_HEAD_ADDRESS, "10.1.0.1");
	is(&a, &f, ANSWER_DISCOVER, "yes");
	is(&a, &f, ANSWER_POOL, "10.1.254.1-10.1.255.254");
	is(&a, &f, ANSWER_HEAD_NAME, "head1");
	is(&a, &f, ANSWER_STORE_RAID, "none");
	is(&a, &f, ANSWER_STORE_DISKS, "");
	is(&a, &f, ANSWER_SUITE, "bookworm");
	is(&a, &f, ANSWER_RAID, "1");
	is(&a, &f, ANSWER_DISKS, "2");
	is(&a, &f, ANSWER_NAMES, "n[001-064]");
	is(&a, &f, ANSWER_TRUST_MAC, "no");
}

/* It has one interface, which leads elsewhere: nothing is guessed. */
static void bare_machine(void **state)
{
	autoclean(answers_free) struct answers a = { 0 };
	autoclean(facts_free) struct facts f = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	struct err err = { 0 };

	(void)state;
	machine(MACHINE_BARE, &f);
	is(&a, &f, ANSWER_INTERFACE, "");
	is(&a, &f, ANSWER_TIME_ZONE, "Etc/UTC");
	is(&a, &f, ANSWER_IPV6, "off");
	is(&a, &f, ANSWER_HEAD_NAME, "head1");
	is(&a, &f, ANSWER_SUITE, "bookworm");
	assert_int_equal(answers_site(&a, &f, &text, &err), -1);
	assert_non_null(strstr(err.text, "interface: none is chosen"));
	answers_put(&a, &f, ANSWER_INTERFACE, "eth0");
	is(&a, &f, ANSWER_SUBNET, "10.0.2.0/24"); /* its own */
	is(&a, &f, ANSWER_HEAD_ADDRESS, "10.0.2.15");
	assert_int_equal(answers_site(&a, &f, &text, &err), 0);
	answers_put(&a, &f, ANSWER_IPV6, "own");
	assert_int_equal(answers_site(&a, &f, &text, &err), -1);
	assert_non_null(strstr(err.text, "ipv6: "));
}

static void busy_machine(void **state)
{
	autoclean(answers_free) struct answers a = { 0 };
	autoclean(facts_free) struct facts f = { 0 };

	(void)state;
	machine(MACHINE_BUSY, &f);
	is(&a, &f, ANSWER_INTERFACE, "eno4"); /* not eno2, where a DHCP server is, nor eno3, without a link */
	is(&a, &f, ANSWER_SUBNET, "10.9.0.0/24");
	is(&a, &f, ANSWER_HEAD_ADDRESS, "10.9.0.5");
	is(&a, &f, ANSWER_POOL, "10.9.0.192-10.9.0.254");
	is(&a, &f, ANSWER_HEAD_NAME, "alpha");
	is(&a, &f, ANSWER_SUITE, "trixie");
	answers_put(&a, &f, ANSWER_INTERFACE, "eno3");
	is(&a, &f, ANSWER_SUBNET, "10.2.0.0/16"); /* 10.1.0.0/16 is elsewhere */
}

/* What is not answered follows what it is made of; what is answered stays. */
static void defaults_follow(void **state)
{
	autoclean(answers_free) struct answers a = { 0 };
	autoclean(facts_free) struct facts f = { 0 };

	(void)state;
	machine(MACHINE_USUAL, &f);
	answers_put(&a, &f, ANSWER_DOMAIN, "cluster.internal"); /* as it was shown */
	assert_null(a.given[ANSWER_DOMAIN]);
	answers_put(&a, &f, ANSWER_CLUSTER, "hound");
	is(&a, &f, ANSWER_DOMAIN, "hound.internal");
	answers_put(&a, &f, ANSWER_DOMAIN, "dogs.example");
	answers_put(&a, &f, ANSWER_CLUSTER, "cat");
	is(&a, &f, ANSWER_DOMAIN, "dogs.example");
	answers_put(&a, &f, ANSWER_SUBNET, "10.9.8.0/24");
	is(&a, &f, ANSWER_HEAD_ADDRESS, "10.9.8.1");
	is(&a, &f, ANSWER_POOL, "10.9.8.192-10.9.8.254");
	answers_put(&a, &f, ANSWER_GATEWAY, "10.9.8.254");
	is(&a, &f, ANSWER_POOL, "10.9.8.191-10.9.8.253");
	answers_put(&a, &f, ANSWER_DISCOVER, "no");
	is(&a, &f, ANSWER_POOL, "off");
	answers_put(&a, &f, ANSWER_RAID, "6");
	is(&a, &f, ANSWER_DISKS, "4");
	answers_put(&a, &f, ANSWER_SUBNET, "10.9.8.0/30"); /* two hosts: no room to lend any */
	answers_put(&a, &f, ANSWER_GATEWAY, "");
	answers_put(&a, &f, ANSWER_DISCOVER, "no");
	is(&a, &f, ANSWER_DISCOVER, "no");
	is(&a, &f, ANSWER_NAMES, "n[1-1]");
	answers_settle(&a, &f);
	for (enum answer k = 0; k < ANSWER_END; k++)
		assert_non_null(a.given[k]);
}

static int read_answers(struct json_obj *o, void *out, struct err *err)
{
	return answers_read(o, out, err);
}

static void round_trip(void **state)
{
	static const char unknown[] = "{\"cluster\":\"a\",\"colour\":\"b\"}", number[] = "{\"cluster\":\"a\",\"domain\":1}";
	autoclean(answers_free) struct answers a = { 0 }, again = { 0 }, wrong = { 0 };
	autoclean(buf_free) struct buf one = { 0 }, two = { 0 };
	autoclean(facts_free) struct facts f = { 0 };
	struct err err = { 0 };
	struct json_out w;

	(void)state;
	machine(MACHINE_USUAL, &f);
	for (enum answer k = 0; k < ANSWER_END; k += 2) {
		autofree char *value = str_format("%s \"\\ %u", answer_key(k), (unsigned int)k);

		answers_put(&a, &f, k, value);
	}
	json_out_init(&w, &one, false);
	answers_print(&a, &w, NULL);
	assert_int_equal(json_read(buf_str(&one), one.len, read_answers, &again, &err), 0);
	for (enum answer k = 0; k < ANSWER_END; k++)
		assert_true(str_eq(a.given[k], again.given[k]));
	json_out_init(&w, &two, false);
	answers_print(&again, &w, NULL);
	assert_string_equal(buf_str(&one), buf_str(&two));
	assert_int_equal(json_read(unknown, strlen(unknown), read_answers, &wrong, &err), -1);
	assert_non_null(strstr(err.text, "colour"));
	assert_null(wrong.given[ANSWER_CLUSTER]);
	assert_int_equal(json_read(number, strlen(number), read_answers, &wrong, &err), -1);
	assert_null(wrong.given[ANSWER_CLUSTER]);
}

static void words_and_levels(void **state)
{
	autoclean(str_list_free) struct str_list words = { 0 }, list = { 0 };
	autofree char *key = answers_key_of("ssh-ed25519\tAAAA  me, you"), *bare = answers_key_of("odd"), *line = NULL;

	(void)state;
	answers_split(" a,,b  c,", " ,", &words);
	assert_int_equal(words.len, 3);
	assert_string_equal(words.items[2], "c");
	assert_string_equal(key, "ssh-ed25519 AAAA");
	assert_string_equal(bare, "odd ");
	assert_int_equal(answers_level_least("6"), 4);
	assert_int_equal(answers_level_least("4"), 0);
	assert_int_equal(answers_level_loses("1", 3), 2);
	assert_int_equal(answers_level_loses("6", 5), 2);
	assert_int_equal(answers_level_loses("10", 4), 1);
	assert_int_equal(answers_level_loses("0", 4), 0);
	str_list_add(&list, "orthrus");
	str_list_add(&list, "it's $HOME");
	str_list_add(&list, "");
	str_list_add(&list, "n[1-2]");
	line = answers_line(&list);
	assert_string_equal(line, "orthrus 'it'\\''s $HOME' '' 'n[1-2]'");
}

static void install_words(void **state)
{
	autoclean(answers_free) struct answers a = { 0 };
	autoclean(facts_free) struct facts f = { 0 };
	autoclean(str_list_free) struct str_list none = { 0 }, some = { 0 };
	autofree char *line = NULL;

	(void)state;
	machine(MACHINE_USUAL, &f);
	answers_install_words(&a, &f, &none);
	assert_int_equal(none.len, 1);
	assert_string_equal(none.items[0], "--images");
	answers_put(&a, &f, ANSWER_STORE_RAID, "1");
	answers_put(&a, &f, ANSWER_STORE_DISKS, "serial QM1,serial QM2");
	answers_install_words(&a, &f, &some);
	line = answers_line(&some);
	assert_string_equal(
		line, "--images --store-raid 1 --store-disk 'serial QM1' --store-disk 'serial QM2' --store-wipe 'serial QM2'");
}

static void take(struct answers *a, const struct facts *f, const char *page, enum answer k, const char *value)
{
	struct err err = { 0 };

	for (size_t i = 0; i < n_pages; i++)
		if (str_eq(pages[i]->key, page) && pages[i]->take(a, f, answer_key(k), value, &err) < 0)
			fail_msg("%s '%s': %s", answer_key(k), value, err.text);
}

static void site_is_right(const struct answers *a, const struct facts *f)
{
	autoclean(str_list_free) struct str_list problems = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	const char *page, *key;
	struct err err = { 0 };

	if (answers_site(a, f, &text, &err) < 0)
		fail_msg("%s", err.text);
	if (site_problems(buf_str(&text), text.len, &problems))
		fail_msg("%s", problems.items[0]);
	if (pages_check(a, f, &page, &key, &err) < 0)
		fail_msg("%s, %s: %s", page, key, err.text);
}

static const char *const levels[] = { "1", "none", "0", "5", "6", "10" }, *const networks[][2] = {
	{ "10.1.0.0/16", "own" }, { "10.9.8.0/24", "off" }, { "off", "2001:db8:5::/48" }, { "172.20.0.0/20", "fd12:3456::/64" }
};

/* One of many: `i` says which. */
static void answer(struct answers *a, const struct facts *f, size_t i)
{
	static const char *const systems[] = { "ext4", "xfs" }, *const firmwares[] = { "both", "uefi", "bios" };
	const char *level = levels[i % ARRAY_LEN(levels)], *const *net = networks[i / 6 % ARRAY_LEN(networks)];
	autofree char *disks = str_format("%u", answers_level_least(level) + (str_eq(level, "none") ? 0 : (unsigned int)(i % 3)));

	take(a, f, "cluster", ANSWER_CLUSTER, i % 2 ? "hound" : "cluster");
	take(a, f, "cluster", ANSWER_TIME_SERVERS, i % 3 ? "" : "ntp1.example 192.0.2.1");
	take(a, f, "networks", ANSWER_IPV6, net[1]);
	take(a, f, "networks", ANSWER_SUBNET, net[0]);
	take(a, f, "networks", ANSWER_GATEWAY, str_eq(net[0], "10.9.8.0/24") && i % 5 ? "10.9.8.254" : "");
	take(a, f, "networks", ANSWER_DISCOVER, i / 24 % 2 ? "no" : "yes");
	take(a, f, "head", ANSWER_HEAD_NAME, i % 7 ? "head1" : "alpha");
	take(a, f, "head", ANSWER_SERVICE_ADDRESS, str_eq(net[0], "10.9.8.0/24") && i % 2 ? "10.9.8.9" : "");
	take(a, f, "image", ANSWER_SUITE, i % 2 ? "trixie" : "bookworm");
	take(a, f, "image", ANSWER_SETS, i % 4 ? "slurm,mpi" : "");
	take(a, f, "image", ANSWER_PACKAGES, i % 5 ? "" : "htop munge");
	take(a, f, "image", ANSWER_SERIAL, i % 6 ? "off" : "ttyS1,115200");
	take(a, f, "nodedisks", ANSWER_RAID, level);
	take(a, f, "nodedisks", ANSWER_DISKS, disks);
	take(a, f, "nodedisks", ANSWER_FILE_SYSTEM, systems[i / 48 % 2]);
	take(a, f, "nodedisks", ANSWER_FIRMWARE, firmwares[i / 96 % 3]);
	take(a, f, "keys", ANSWER_ADMIN_KEYS, i % 3 ? MACHINE_KEY "," MACHINE_KEY2 : "");
	take(a, f, "keys", ANSWER_ADMIN_KEY, i % 4 ? "" : MACHINE_KEY " it's me");
	take(a, f, "keys", ANSWER_TRUST_MAC, i % 9 ? "no" : "yes");
}
#define MATRIX 288

static void every_site_is_right(void **state)
{
	autoclean(facts_free) struct facts f = { 0 };

	(void)state;
	machine(MACHINE_USUAL, &f);
	for (size_t i = 0; i < MATRIX; i++) {
		autoclean(answers_free) struct answers a = { 0 };

		answer(&a, &f, i);
		site_is_right(&a, &f);
		answers_settle(&a, &f);
		site_is_right(&a, &f);
	}
}

/* The site that the pages made gives them the answers that make it again, and are right on each page. */
static void begins_from_site(void **state)
{
	autoclean(facts_free) struct facts f = { 0 };

	(void)state;
	machine(MACHINE_USUAL, &f);
	for (size_t i = 0; i < MATRIX; i++) {
		autoclean(answers_free) struct answers a = { 0 }, again = { 0 };
		autoclean(buf_free) struct buf text = { 0 }, is = { 0 }, made = { 0 };
		struct err err = { 0 };

		answer(&a, &f, i);
		assert_int_equal(answers_site(&a, &f, &text, &err), 0);
		if (answers_installed(buf_str(&text), text.len, "site.json", &f, &again, &is, &err) < 0)
			fail_msg("%zu: %s", i, err.text);
		assert_string_equal(buf_str(&is), buf_str(&text));
		assert_null(again.given[ANSWER_NAMES]);
		assert_null(again.given[ANSWER_STORE_RAID]);
		site_is_right(&again, &f);
		assert_int_equal(answers_site(&again, &f, &made, &err), 0);
		assert_string_equal(buf_str(&made), buf_str(&text));
		for (enum answer k = 0; k < ANSWER_END; k++) {
			autofree char *one = answers_get(&a, &f, k), *other = answers_get(&again, &f, k);

			if (k != ANSWER_IPV6 && k != ANSWER_ADMIN_KEY && k != ANSWER_PACKAGES && k != ANSWER_NAMES &&
			    !str_eq(one, other))
				fail_msg("%zu: %s is '%s', was '%s'", i, answer_key(k), other, one);
		}
	}
}

/* What no page has a field for is not lost. */
static void refuses_what_no_page_says(void **state)
{
	static const char *const changes[][3] = {
		{ "\"role\": \"provision\"", "\"role\": \"provision\", \"mtu\": 9000", "mtu" },
		{ "\"suite\": \"bookworm\"", "\"suite\": \"bookworm\", \"mirror\": \"http://mirror.example/debian\"", "mirror" },
		{ "\"gather\": 10", "\"gather\": 30", "gather" },
		{ "\"min\": 1", "\"min\": 2", "min" },
	};
	autoclean(answers_free) struct answers a = { 0 };
	autoclean(facts_free) struct facts f = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	struct err err = { 0 };

	(void)state;
	machine(MACHINE_USUAL, &f);
	assert_int_equal(answers_site(&a, &f, &text, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		autoclean(answers_free) struct answers out = { 0 };
		autoclean(buf_free) struct buf other = { 0 }, is = { 0 };
		const char *at = strstr(buf_str(&text), changes[i][0]);

		if (!at)
			fail_msg("no %s in %s", changes[i][0], buf_str(&text));
		buf_add(&other, text.data, (size_t)(at - buf_str(&text)));
		buf_adds(&other, changes[i][1]);
		buf_adds(&other, at + strlen(changes[i][0]));
		assert_int_equal(answers_installed(buf_str(&other), other.len, "site.json", &f, &out, &is, &err), -1);
		if (err.kind != ERR_REFUSED || !strstr(err.text, changes[i][2]) || !strstr(err.hint, "orthrus site apply"))
			fail_msg("%s: %s", err.text, err.hint);
		assert_null(out.given[ANSWER_CLUSTER]);
		err = (struct err){ 0 };
	}
	{
		autoclean(buf_free) struct buf is = { 0 };

		assert_int_equal(answers_installed("{}", 2, "site.json", &f, &a, &is, &err), -1);
		assert_int_equal(err.kind, ERR_INVALID);
	}
}

static void says_what_was_answered(void **state)
{
	autoclean(answers_free) struct answers a = { 0 };
	autoclean(facts_free) struct facts f = { 0 };
	autofree char *first = NULL, *cluster = NULL, *all = NULL;

	(void)state;
	machine(MACHINE_USUAL, &f);
	first = answers_init_line(&a, &f, ANSWER_TRUST_MAC);
	assert_string_equal(first,
			    "orthrus site init --head-name head1 --unknown discover --interface eno2 --time-zone Europe/Berlin");
	answers_put(&a, &f, ANSWER_CLUSTER, "hound");
	answers_put(&a, &f, ANSWER_ADMIN_KEY, MACHINE_KEY " it's me");
	cluster = answers_init_line(&a, &f, ANSWER_TIME_SERVERS);
	assert_string_equal(cluster, "orthrus site init --time-zone Europe/Berlin --cluster hound --interface eno2");
	all = answers_init_line(&a, &f, ANSWER_TRUST_MAC);
	assert_non_null(strstr(all, "--admin-key '" MACHINE_KEY " it'\\''s me'"));
}

/* This machine's own id, of which `site init` makes the prefix. */
static void own_id(struct facts *f)
{
	autoclean(buf_free) struct buf id = { 0 };
	struct err err = { 0 };

	free(f->machine_id);
	f->machine_id = mem_strdup("");
	if (fs_read("/etc/machine-id", 256, &id, &err) < 0 || id.len != 33)
		return;
	free(f->machine_id);
	f->machine_id = mem_strndup(id.data, 32);
}

/* The command that a page shows, run as it is: the very file. */
static void commands_make_the_same(void **state)
{
	autofree char *program = str_format("%s/orthrus", getenv("BUILD") ? getenv("BUILD") : "build");
	autoclean(facts_free) struct facts f = { 0 };

	(void)state;
	machine(MACHINE_USUAL, &f);
	own_id(&f);
	for (size_t i = 0; i < MATRIX; i += 7) {
		autoclean(str_list_free) struct str_list words = { 0 };
		autoclean(spawn_result_free) struct spawn_result r = { 0 };
		autoclean(answers_free) struct answers a = { 0 };
		autoclean(buf_free) struct buf text = { 0 };
		struct spawn s = { .program = program };
		struct err err = { 0 };

		answer(&a, &f, i);
		if (!*f.machine_id && answers_is(&a, &f, ANSWER_IPV6, "own"))
			continue;
		assert_int_equal(answers_site(&a, &f, &text, &err), 0);
		answers_init_words(&a, &f, ANSWER_TRUST_MAC, &words);
		str_list_add(&words, "--plan");
		str_list_add(&words, "--quiet");
		s.argv = (const char *const *)words.items;
		if (spawn_run(&s, &r, &err) < 0 || r.status != 0)
			fail_msg("%zu: %s %s", i, err.text, buf_str(&r.err));
		assert_string_equal(buf_str(&r.out), buf_str(&text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_names),
		cmocka_unit_test(usual_machine),
		cmocka_unit_test(bare_machine),
		cmocka_unit_test(busy_machine),
		cmocka_unit_test(defaults_follow),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(words_and_levels),
		cmocka_unit_test(install_words),
		cmocka_unit_test(every_site_is_right),
		cmocka_unit_test(says_what_was_answered),
		cmocka_unit_test(commands_make_the_same),
		cmocka_unit_test(begins_from_site),
		cmocka_unit_test(refuses_what_no_page_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
