/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What headinstall reads: its journal, lists of users, offers of DHCP servers, and the tree that it gives back. */
#include "base/mem.h"
#include "headinstall/accounts.h"
#include "headinstall/dhcp.h"
#include "headinstall/journal.h"
#include "headinstall/tree.h"
#include "sys/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct head_path file_at(char *path, const char *digest)
{
	struct head_path p = { .path = path, .has_now = true, .now = { .type = HEAD_REGULAR, .mode = 0644, .size_bytes = 1 } };

	memset(p.now.digest, digest[0], DIGEST_HEX_LEN - 1);
	return p;
}

/* What is written is read; what was is what was said first, what is now, what was said last; a torn end is cut off. */
static void test_journal(void **state)
{
	autoclean(buf_free) struct buf out = { 0 };
	autoclean(head_journal_free) struct head_journal j = { 0 }, torn = { 0 };
	struct head_path p = file_at((char[]){ "/etc/x" }, "a"), later = file_at((char[]){ "/etc/x" }, "b");
	struct head_pkg pkg = { .name = (char[]){ "chrony" }, .has_now = true, .now_there = true };
	struct err err = { 0 };
	size_t good, whole;

	(void)state;
	p.has_was = p.own = true;
	head_line_path(&out, &p);
	head_line_path(&out, &later);
	head_line_package(&out, &pkg);
	head_line_unit(&out, "a.service", "disabled and stopped");
	head_line_unit(&out, "a.service", "enabled and running");
	head_line_setting(&out, "net.x", "1");
	head_line_link(&out, "eth1", "down");
	head_line_account(&out, "passwd:orthrus", false);
	head_line_kept(&out, "/srv/x, \"to which\" /srv/y led");
	head_line_kept(&out, "/srv/z");
	head_line_kept(&out, "/srv/z");
	head_line_step(&out, &(const struct head_event){ .step = (char[]){ "site" } }, "2026-11-22T00:00:00Z");
	head_line_step(&out, &(const struct head_event){ .step = (char[]){ "site" }, .done = true }, NULL);
	head_line_complete(&out);
	whole = out.len;
	buf_adds(&out, "{\"record\":\"unit\",\"na");
	assert_int_equal(head_journal_read(buf_str(&out), out.len, &j, &good, &err), 0);
	assert_int_equal(good, whole);
	head_journal_settle(&j);
	assert_int_equal(j.n_paths, 1);
	assert_int_equal(head_journal_path(&j, "/etc/x")->now.digest[0], 'b');
	assert_int_equal(head_journal_path(&j, "/etc/x")->was.type, HEAD_ABSENT);
	assert_true(head_journal_path(&j, "/etc/x")->own && head_journal_path(&j, "/etc/x")->touched);
	assert_null(head_journal_path(&j, "/etc/y"));
	assert_true(head_journal_package(&j, "chrony")->now_there);
	assert_string_equal(head_journal_unit(&j, "a.service"), "disabled and stopped");
	assert_string_equal(head_journal_setting(&j, "net.x"), "1");
	assert_true(head_journal_done(&j, "site") && j.complete && str_list_has(&j.accounts, "passwd:orthrus"));
	assert_int_equal(j.n_links, 1);
	assert_int_equal(j.kept.len, 2);
	assert_string_equal(j.kept.items[0], "/srv/x, \"to which\" /srv/y led");
	out.data[10] = '!';
	assert_int_equal(head_journal_read(buf_str(&out), out.len, &torn, &good, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
	assert_non_null(strstr(err.text, "line 1"));
}

/* What somebody else installed, removed or made since is no part of the installation. */
static void test_foreign(void **state)
{
	static const struct {
		bool was, ours, foreign; /* there, in this order */
		bool is_theirs;
	} cases[] = { { false, true, false, false }, { true, false, true, true }, { false, false, true, true } };
	autoclean(head_journal_free) struct head_journal j = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	struct err err = { 0 };
	size_t good;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autofree char *name = str_format("p%zu", i);
		struct head_pkg p = { .name = name, .was_there = cases[i].was };

		head_line_package(&out, &p);
		p.has_now = true;
		p.now_there = cases[i].ours;
		head_line_package(&out, &p);
		p.foreign = true;
		p.now_there = cases[i].foreign;
		head_line_package(&out, &p);
	}
	head_line_package(
		&out, &(const struct head_pkg){ .name = (char[]){ "new" }, .foreign = true, .has_now = true, .now_there = true });
	head_line_account(&out, "passwd:anna", true);
	head_line_step(&out, &(const struct head_event){ .step = (char[]){ "site" }, .seen = true }, NULL);
	assert_int_equal(head_journal_read(buf_str(&out), out.len, &j, &good, &err), 0);
	head_journal_settle(&j);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autofree char *name = str_format("p%zu", i);
		const struct head_pkg *p = head_journal_package(&j, name);

		assert_true(p->was_there == cases[i].is_theirs && !p->has_now);
	}
	assert_true(head_journal_package(&j, "new")->was_there && !head_journal_package(&j, "new")->has_now);
	assert_true(str_list_has(&j.others, "passwd:anna") && !j.accounts.len);
	assert_true(j.steps[0].seen && !head_journal_done(&j, "site"));
}

static void test_journal_paths(void **state)
{
	static const char *const bad[] = { "etc/x", "/", "/etc/../root", "/etc//x", "/etc/.", "/etc/x/" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		autofree char *line = str_format("{\"record\":\"path\",\"path\":\"%s\"}\n{\"record\":\"complete\"}\n", bad[i]);
		autoclean(head_journal_free) struct head_journal j = { 0 };
		struct err err = { 0 };
		size_t good;

		assert_int_equal(head_journal_read(line, strlen(line), &j, &good, &err), -1);
	}
}

static void test_accounts(void **state)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	autoclean(buf_free) struct buf out = { 0 }, group = { 0 };

	(void)state;
	head_accounts_added("root:x:0\n", "root:x:0\northrus:x:1\nanna:x:2", &names);
	assert_int_equal(names.len, 2);
	free(names.items[--names.len]);
	assert_true(head_accounts_number(1000) && !head_accounts_number(999) && !head_accounts_number(65534));
	assert_true(head_accounts_person("root:x:0:\nanna:x:1000:1000", "anna") && !head_accounts_person("root:x:0:", "root"));
	assert_false(head_accounts_person("anna:x:999:\nberta:x:1000:\n", "anna") ||
		     head_accounts_person("nobody:x:65534:", "nobody") || head_accounts_person("x", "x"));
	head_accounts_without("root:x:0\northrus:x:1\nanna:x:2\n", &names, false, &names, &out);
	assert_string_equal(buf_str(&out), "root:x:0\nanna:x:2\n");
	head_accounts_without("adm:x:4:orthrus,anna\northrus:x:1:\n", &names, true, &names, &group);
	assert_string_equal(buf_str(&group), "adm:x:4:anna\n");
}

/* An offer made from the question itself. */
static void test_dhcp(void **state)
{
	static const uint8_t mac[DHCP_MAC_LEN] = { 2, 0, 0, 0, 0, 7 }, other[DHCP_MAC_LEN] = { 2, 0, 0, 0, 0, 8 };
	autoclean(buf_free) struct buf frame = { 0 };
	uint8_t *ip, *dhcp, *at;
	uint32_t server = 0;
	size_t len;

	(void)state;
	dhcp_discover(&frame, mac, 0x12345678);
	assert_int_equal(frame.len, 14 + 20 + 8 + 300);
	ip = (uint8_t *)frame.data + 14;
	len = frame.len - 14;
	assert_false(dhcp_offer(ip, len, mac, 0x12345678, &server)); /* a question is no offer */
	memcpy(ip + 12, "\xc0\0\2\1", 4);
	memcpy(ip + 20, "\0\x43\0\x44", 4);
	dhcp = ip + 28;
	dhcp[0] = 2;
	at = dhcp + 240;
	memcpy(at, "\x35\1\2\xff", 4);
	assert_true(dhcp_offer(ip, len, mac, 0x12345678, &server));
	assert_int_equal(server, 0xc0000201);
	memcpy(at, "\x35\1\2\x36\4\xc0\0\2\x09\xff", 10);
	assert_true(dhcp_offer(ip, len, mac, 0x12345678, &server));
	assert_int_equal(server, 0xc0000209);
	assert_false(dhcp_offer(ip, len, other, 0x12345678, &server));
	assert_false(dhcp_offer(ip, len, mac, 0x12345679, &server));
	memcpy(at, "\x35\1\5\xff", 4); /* DHCPACK */
	assert_false(dhcp_offer(ip, len, mac, 0x12345678, &server));
	memcpy(at, "\x35\xff\2\x36", 4); /* longer than what is left */
	assert_false(dhcp_offer(ip, len, mac, 0x12345678, &server));
	for (size_t n = 0; n < len; n++)
		(void)dhcp_offer(ip, n, mac, 0x12345678, &server);
}

/* A file, a link and a directory are made again as they were. */
static void test_tree(void **state)
{
	autofree char *dir = mem_strdup("/tmp/orthrus-tree.XXXXXX"), *originals = NULL, *etc = NULL, *file = NULL, *link = NULL,
		      *sub = NULL;
	autoclean(head_journal_free) struct head_journal was = { 0 }, now = { 0 };
	struct head_tree t;
	struct err err = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	originals = fs_join(dir, "originals");
	etc = fs_join(dir, "etc");
	file = fs_join(dir, "etc/file");
	link = fs_join(dir, "etc/link");
	sub = fs_join(dir, "etc/sub");
	assert_int_equal(fs_mkdirs(originals, 0700, &err) | fs_mkdirs(sub, 0750, &err), 0);
	assert_int_equal(fs_write_atomic(file, "was", 3, 0640, &err), 0);
	assert_int_equal(symlink("file", link), 0);
	t = (struct head_tree){ .root = dir, .originals = originals };
	assert_int_equal(head_tree_look(&t, true, &was, &err), 0);
	assert_int_equal(was.n_paths, 4);
	assert_true(head_tree_watched("/etc/file") && !head_tree_watched("/usr/bin/true") &&
		    !head_tree_watched("/var/lib/dpkg/status") && !head_tree_watched("/root/notes") &&
		    !head_tree_watched("/opt/tool") && !head_tree_watched("/var/lib/etcd/member") &&
		    !head_tree_watched("/etc/.git/objects/ab") && !head_tree_watched("/etc/x/.git") &&
		    head_tree_watched("/etc/.gitignore"));
	assert_int_equal(fs_write_atomic(file, "now", 3, 0600, &err) | unlink(link) | rmdir(sub) | symlink("x", sub), 0);
	for (size_t i = 0; i < was.n_paths; i++)
		assert_int_equal(head_tree_restore(&t, was.paths[i].path, &was.paths[i].now, &err), 0);
	assert_int_equal(head_tree_look(&t, false, &now, &err), 0);
	assert_int_equal(now.n_paths, was.n_paths);
	for (size_t i = 0; i < was.n_paths; i++)
		assert_true(head_state_same(&was.paths[i].now, &now.paths[i].now));
	assert_int_equal(head_tree_restore(&t, "/etc", &(const struct head_state){ 0 }, &err), -1);
	assert_int_equal(err.kind, ERR_EXISTS);
	assert_int_equal(fs_remove_tree(dir, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_journal),	 cmocka_unit_test(test_foreign), cmocka_unit_test(test_journal_paths),
		cmocka_unit_test(test_accounts), cmocka_unit_test(test_dhcp),	 cmocka_unit_test(test_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
