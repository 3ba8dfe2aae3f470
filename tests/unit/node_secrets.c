/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a node makes of the head's answer: read strictly, written with owner and mode, nowhere but below its root, and removed
 * when it is not for the node any more. */
#include "base/mem.h"
#include "installer/hostpath.h"
#include "installer/node_secrets.h"
#include "installer/node_ssh.h"
#include "installer/templates.h"
#include "sys/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

struct bench {
	char *dir;
	int fd;
	uint8_t secret[SEAL_KEY_LEN], public[SEAL_KEY_LEN];
};

static void ok(int rc, const struct err *err)
{
	if (rc < 0)
		fail_msg("%s", err->text);
}

static char *below(const struct bench *b, const char *path)
{
	return fs_join(b->dir, path);
}

static void put(const struct bench *b, const char *path, const char *text)
{
	autofree char *full = below(b, path), *dir = mem_strdup(full);
	struct err err = { 0 };

	*strrchr(dir, '/') = '\0';
	ok(fs_mkdirs(dir, 0755, &err), &err);
	ok(fs_write_atomic(full, text, strlen(text), 0644, &err), &err);
}

static int setup(void **state)
{
	struct bench *b = mem_zalloc(sizeof(*b));
	struct err err = { 0 };

	b->dir = mem_strdup("/tmp/orthrus-node.XXXXXX");
	if (!mkdtemp(b->dir))
		return -1;
	b->fd = fs_open_dir(b->dir, &err);
	memset(b->secret, 9, sizeof(b->secret));
	if (b->fd < 0 || seal_public(b->secret, b->public, &err) < 0)
		return -1;
	put(b, "etc/passwd", "root:x:0:0::/root:/bin/sh\nmunge:x:111:112::/:/bin/false\nbroken:x\n");
	put(b, "etc/group", "root:x:0:\nmunge:x:112:\n");
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;
	autofree char *outside = str_format("%s.outside", b->dir);
	struct err err = { 0 };
	int rc = fs_remove_tree(b->dir, &err) < 0 || fs_remove_tree(outside, &err) < 0 ? -1 : 0;

	close(b->fd);
	free(b->dir);
	free(b);
	return rc;
}

/* One of an answer. */
static char *entry(const struct bench *b, const char *name, const char *path, const char *owner, const char *value)
{
	autoclean(buf_free) struct buf box = { 0 };
	struct err err = { 0 };

	ok(seal_make(b->public, value, strlen(value), &box, &err), &err);
	return str_format("{\"name\":\"%s\",\"path\":\"%s\",\"owner\":\"%s\",\"group\":\"munge\",\"mode\":\"0400\",\"restart\":"
			  "\"munge\",\"version\":1,"
			  "\"sealed\":\"%s\"}",
			  name, path, owner, buf_str(&box));
}

struct outcome {
	int rc;
	struct err err;
	struct str_list units, done;
};

static void apply(const struct bench *b, const char *entries, struct outcome *out)
{
	autoclean(node_secrets_free) struct node_secrets s = { 0 };
	autofree char *json = str_format("{\"secrets\":[%s]}", entries);

	*out = (struct outcome){ 0 };
	ok(node_secrets_read(json, strlen(json), &s, &out->err), &out->err);
	out->rc = node_secrets_apply(b->fd, &s, b->secret, &out->units, &out->done, &out->err);
}

static void outcome_free(struct outcome *o)
{
	str_list_free(&o->units);
	str_list_free(&o->done);
}

static void file_is(const struct bench *b, const char *path, const char *want)
{
	autofree char *full = below(b, path);
	autoclean(buf_free) struct buf text = { 0 };
	struct err err = { 0 };

	if (!want) {
		assert_false(fs_exists(full));
		return;
	}
	ok(fs_read(full, 1 << 20, &text, &err), &err);
	assert_string_equal(buf_str(&text), want);
}

static void test_written_once_with_owner_and_mode(void **state)
{
	struct bench *b = *state;
	autofree char *one = entry(b, "munge", "etc/munge/munge.key", "munge", "abc");
	autofree char *path = below(b, "etc/munge/munge.key");
	autoclean(outcome_free) struct outcome first, again, after;
	struct stat st;

	apply(b, one, &first);
	assert_int_equal(first.rc, 0);
	assert_int_equal(first.units.len, 1);
	assert_string_equal(first.units.items[0], "munge");
	file_is(b, "etc/munge/munge.key", "abc");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	assert_int_equal(st.st_uid, 111);
	assert_int_equal(st.st_gid, 112);
	apply(b, one, &again);
	assert_int_equal(again.units.len + again.done.len, 0);
	assert_int_equal(chmod(path, 0444), 0); /* somebody opened it to all */
	apply(b, one, &after);
	assert_int_equal(after.done.len, 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
}

static void test_what_is_gone_is_removed_and_nothing_else(void **state)
{
	struct bench *b = *state;
	autofree char *one = entry(b, "a", "etc/a", "root", "A"), *two = entry(b, "b", "etc/b", "root", "B");
	autofree char *both = str_format("%s,%s", one, two);
	autoclean(outcome_free) struct outcome r1, r2, r3;

	put(b, "etc/c", "own");
	apply(b, both, &r1);
	file_is(b, "etc/b", "B");
	apply(b, one, &r2);
	assert_int_equal(r2.rc, 0);
	file_is(b, "etc/a", "A");
	file_is(b, "etc/b", NULL);
	file_is(b, "var/lib/orthrus/secrets", "etc/a\n");
	apply(b, "", &r3);
	file_is(b, "etc/a", NULL);
	file_is(b, "etc/c", "own");
	file_is(b, "etc/passwd", "root:x:0:0::/root:/bin/sh\nmunge:x:111:112::/:/bin/false\nbroken:x\n");
}

static void test_one_that_fails_does_not_keep_the_others_away(void **state)
{
	struct bench *b = *state;
	autofree char *none = entry(b, "none", "etc/none", "nobody-here", "x"), *good = entry(b, "good", "etc/good", "root", "G");
	autofree char *broken = entry(b, "broken", "etc/broken", "broken", "x");
	autofree char *all = str_format("%s,%s,%s", none, broken, good);
	autoclean(outcome_free) struct outcome r;

	apply(b, all, &r);
	assert_int_equal(r.rc, -1);
	assert_non_null(strstr(r.err.text, "secret none: 'nobody-here' is not in"));
	file_is(b, "etc/good", "G");
	file_is(b, "etc/none", NULL);
	file_is(b, "etc/broken", NULL);
}

static void test_links_lead_nowhere_else(void **state)
{
	struct bench *b = *state;
	autofree char *out = str_format("%s.outside", b->dir), *link = below(b, "etc/link"), *last = below(b, "etc/last"),
		      *victim = fs_join(out, "victim");
	autofree char *one = entry(b, "one", "etc/link/x", "root", "X"), *two = entry(b, "two", "etc/last", "root", "L");
	autoclean(outcome_free) struct outcome r1, r2;
	struct err err = { 0 };

	ok(fs_mkdirs(out, 0755, &err), &err);
	ok(fs_write_atomic(victim, "v", 1, 0644, &err), &err);
	assert_int_equal(symlink(out, link), 0);
	apply(b, one, &r1);
	assert_int_equal(r1.rc, -1);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(symlink(victim, last), 0);
	apply(b, two, &r2);
	assert_int_equal(r2.rc, 0);
	file_is(b, "etc/last", "L"); /* the link was replaced, not followed */
	{
		autoclean(buf_free) struct buf text = { 0 };

		ok(fs_read(victim, 10, &text, &err), &err);
		assert_string_equal(buf_str(&text), "v");
	}
	ok(fs_remove_tree(out, &err), &err);
}

static void refused(const struct bench *b, const char *from, const char *to)
{
	autofree char *one = entry(b, "munge", "etc/munge/munge.key", "munge", "abc");
	autofree char *good = str_format("{\"secrets\":[%s]}", one);
	const char *at = strstr(good, from);
	autofree char *bad = str_format("%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
	struct node_secrets s;
	struct err err = { 0 };

	if (node_secrets_read(bad, strlen(bad), &s, &err) == 0)
		fail_msg("%s is taken", bad);
	assert_null(s.items);
}

static void test_answers_are_read_strictly(void **state)
{
	struct bench *b = *state;
	autofree char *one = entry(b, "munge", "etc/a", "munge", "abc");
	autofree char *twice = str_format("{\"secrets\":[%s,%s]}", one, one);
	struct node_secrets s;
	struct err err = { 0 };

	refused(b, "etc/munge/munge.key", "/etc/munge/munge.key");
	refused(b, "etc/munge/munge.key", "etc/../etc/x");
	refused(b, "etc/munge/munge.key", "etc/shadow");
	refused(b, "etc/munge/munge.key", "etc/orthrus/node.key");
	refused(b, "etc/munge/munge.key", "usr/lib/orthrus/orthrus-node");
	refused(b, "0400", "0404");
	refused(b, "0400", "4755");
	refused(b, "\"restart\":\"munge\"", "\"restart\":\"reboot\"");
	refused(b, "\"owner\":\"munge\"", "\"owner\":\"../x\"");
	refused(b, "\"group\":\"munge\"", "\"group\":\"\"");
	refused(b, "\"version\":1", "\"version\":0");
	refused(b, "\"version\":1", "\"version\":1,\"more\":1");
	assert_int_equal(node_secrets_read(twice, strlen(twice), &s, &err), -1);
	assert_non_null(strstr(err.text, "two of them"));
}

#define CA "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
#define CERT "ssh-ed25519-cert-v01@openssh.com AAAA n01"

static void test_ssh(void **state)
{
	static const char good[] = "{\"certificate\":\"" CERT "\\n\",\"user_ca\":\"" CA
				   "\",\"known_hosts\":\"@cert-authority *.x " CA "\\n\",\"revoked\":\"AAAA\"}";
	static const char *const bad[][2] = { { "certificate\":\"ssh", "certificate\":\"x\\nssh" },
					      { "cert-v01", "cert-v02" },
					      { "\"user_ca\":\"ssh-ed25519", "\"user_ca\":\"ssh-rsa" },
					      { "\"revoked\":\"AAAA", "\"revoked\":\"" },
					      { "\"revoked\":\"AAAA", "\"revoked\":\"A" },
					      { "@cert", "\\u0007" } };
	struct bench *b = *state;
	autoclean(node_ssh_free) struct node_ssh s = { 0 };
	struct err err = { 0 };
	bool changed;

	ok(node_ssh_read(good, strlen(good), &s, &err), &err);
	ok(node_ssh_apply(b->fd, &s, &changed, &err), &err);
	assert_true(changed);
	file_is(b, "etc/ssh/ssh_host_ed25519_key-cert.pub", CERT "\n");
	file_is(b, "etc/ssh/orthrus_user_ca.pub", CA "\n");
	ok(node_ssh_apply(b->fd, &s, &changed, &err), &err);
	assert_false(changed);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *at = strstr(good, bad[i][0]);
		autofree char *text = str_format("%.*s%s%s", (int)(at - good), good, bad[i][1], at + strlen(bad[i][0]));
		struct node_ssh none;

		if (node_ssh_read(text, strlen(text), &none, &err) == 0)
			fail_msg("%s is taken", text);
	}
}

static void test_paths_of_a_site(void **state)
{
	static const char *const good[] = { "etc/hosts", "root/.bashrc", "etc/a@b/c+d", "opt/x/..y" };
	static const char *const bad[] = {
		"",	  "/etc/hosts", "etc//hosts", "etc/./x",      "etc/",	"..",	       "../x",
		"etc/..", "etc/a b",	"etc/\n",     "etc/\xc3\xa4", "proc/1", "etc/passwd-", "boot/x"
	};
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		ok(hostpath_check(good[i], &err), &err);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (hostpath_check(bad[i], &err) == 0)
			fail_msg("'%s' is taken", bad[i]);
}

static void test_templates_document_comes_back(void **state)
{
	static const char json[] = "{\"templates\":[{\"group\":\"gpu\",\"path\":\"etc/"
				   "motd\",\"executable\":true,\"text\":\"a\\n\"},{\"path\":\"etc/x\",\"executable\":"
				   "false,\"text\":\"\"}]}";
	autoclean(templates_free) struct templates t = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	struct err err = { 0 };
	struct json_out w;

	(void)state;
	ok(templates_read(json, strlen(json), &t, &err), &err);
	assert_int_equal(t.len, 2);
	assert_int_equal(t.items[0].mode, 0755);
	assert_null(t.items[1].group);
	json_out_init(&w, &text, false);
	templates_print(&t, &w);
	assert_string_equal(buf_str(&text), json);
	assert_true(templates_mention(&t, "a"));
	assert_false(templates_mention(&t, "nodes"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_written_once_with_owner_and_mode, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_gone_is_removed_and_nothing_else, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_that_fails_does_not_keep_the_others_away, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links_lead_nowhere_else, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answers_are_read_strictly, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ssh, setup, teardown),
		cmocka_unit_test(test_paths_of_a_site),
		cmocka_unit_test(test_templates_document_comes_back),
	};

	if (geteuid() != 0) {
		puts("needs root: files of other owners are made");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
