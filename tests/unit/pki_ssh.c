/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ssh authorities with the real ssh-keygen: made once, refused when half, and what they sign is what was asked for. */
#include "base/mem.h"
#include "sys/fs.h"
#include "sys/keys_seal.h"
#include "sys/pki_ssh.h"
#include "sys/spawn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

static int setup(void **state)
{
	char *dir = mem_strdup("/tmp/orthrus-pkissh.XXXXXX");

	if (!mkdtemp(dir))
		return -1;
	*state = dir;
	return 0;
}

static int teardown(void **state)
{
	struct err err = { 0 };
	int rc = fs_remove_tree(*state, &err);

	free(*state);
	return rc;
}

static void ok(int rc, const struct err *err)
{
	if (rc < 0)
		fail_msg("%s", err->text);
}

static void node_key(const char *dir, const char *name, char key[SSH_KEY_LEN])
{
	autofree char *path = fs_join(dir, name);
	struct err err = { 0 };

	ok(pki_ssh_key(path, name, key, &err), &err);
}

/* What ssh-keygen says of a certificate. */
static char *shown(const char *dir, const struct buf *cert)
{
	autofree char *path = fs_join(dir, "shown");
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	const struct spawn s = { .argv = (const char *const[]){ "ssh-keygen", "-L", "-f", path, NULL } };
	struct err err = { 0 };

	ok(fs_write_atomic(path, buf_str(cert), cert->len, 0600, &err), &err);
	ok(spawn_run(&s, &r, &err), &err);
	assert_int_equal(r.status, 0);
	return buf_steal(&r.out);
}

static void test_made_once(void **state)
{
	char one[SSH_KEY_LEN], two[SSH_KEY_LEN], user[SSH_KEY_LEN];
	autofree char *key = str_format("%s/ssh/host_ca", (char *)*state);
	struct err err = { 0 };
	struct stat st;

	ok(pki_ssh_ensure(*state, &err), &err);
	ok(pki_ssh_public(*state, SSH_HOST_CA, one, &err), &err);
	ok(pki_ssh_public(*state, SSH_USER_CA, user, &err), &err);
	ok(pki_ssh_ensure(*state, &err), &err);
	ok(pki_ssh_public(*state, SSH_HOST_CA, two, &err), &err);
	assert_string_equal(one, two);
	assert_string_not_equal(one, user);
	assert_int_equal(stat(key, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_half_an_authority_is_refused(void **state)
{
	autofree char *key = str_format("%s/ssh/host_ca", (char *)*state);
	autofree char *pub = str_format("%s/ssh/host_ca.pub", (char *)*state);
	autofree char *other = str_format("%s/ssh/user_ca.pub", (char *)*state);
	autoclean(buf_free) struct buf text = { 0 };
	struct err err = { 0 };

	ok(pki_ssh_ensure(*state, &err), &err);
	assert_int_equal(chmod(key, 0644), 0);
	assert_int_equal(pki_ssh_ensure(*state, &err), -1);
	assert_non_null(strstr(err.hint, "restore"));
	assert_int_equal(chmod(key, 0600), 0);
	ok(fs_read(other, 4096, &text, &err), &err);
	ok(fs_write_atomic(pub, buf_str(&text), text.len, 0644, &err), &err);
	assert_int_equal(pki_ssh_ensure(*state, &err), -1);
	assert_non_null(strstr(err.text, "not the public half"));
	assert_int_equal(remove(key), 0);
	assert_int_equal(pki_ssh_ensure(*state, &err), -1);
	assert_false(fs_exists(key));
}

static void test_a_host_certificate_says_what_was_asked(void **state)
{
	autoclean(buf_free) struct buf cert = { 0 }, user = { 0 };
	autoclean(str_list_free) struct str_list names = { 0 };
	autofree char *text = NULL, *of_user = NULL;
	char key[SSH_KEY_LEN];
	struct err err = { 0 };
	struct ssh_cert c = {
		.ca = SSH_HOST_CA, .key = key, .identity = "n01.cluster.test", .principals = &names, .serial = 17, .valid_s = 3600
	};

	ok(pki_ssh_ensure(*state, &err), &err);
	node_key(*state, "n01", key);
	assert_int_equal(pki_ssh_sign(*state, &c, &cert, &err), -1); /* for everybody */
	str_list_add(&names, "n01");
	str_list_add(&names, "fd00::17");
	ok(pki_ssh_sign(*state, &c, &cert, &err), &err);
	text = shown(*state, &cert);
	assert_non_null(strstr(text, "host certificate"));
	assert_non_null(strstr(text, "Serial: 17\n"));
	assert_non_null(strstr(text, "Key ID: \"n01.cluster.test\""));
	assert_non_null(strstr(text, "                n01\n                fd00::17\n"));
	assert_non_null(strstr(text, "Valid: before "));
	c.ca = SSH_USER_CA;
	ok(pki_ssh_sign(*state, &c, &user, &err), &err);
	of_user = shown(*state, &user);
	assert_non_null(strstr(of_user, "user certificate"));
}

static void test_words_that_ssh_keygen_would_take_apart(void **state)
{
	static const char *const bad[] = { "a,b", "-h", "a b", "", "a\n", "*", "/etc/passwd" };
	autoclean(buf_free) struct buf cert = { 0 };
	char key[SSH_KEY_LEN];
	struct err err = { 0 };

	ok(pki_ssh_ensure(*state, &err), &err);
	node_key(*state, "n01", key);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		autoclean(str_list_free) struct str_list names = { 0 };
		struct ssh_cert c = { .key = key, .identity = "n01", .principals = &names, .valid_s = 60 };

		str_list_add(&names, bad[i]);
		assert_int_equal(pki_ssh_sign(*state, &c, &cert, &err), -1);
		str_list_free(&names);
		str_list_add(&names, "n01");
		c.identity = bad[i];
		assert_int_equal(pki_ssh_sign(*state, &c, &cert, &err), -1);
	}
}

/* Does the list say that this key is revoked? ssh-keygen -Q ends with 1 then. */
static bool revoked(const char *dir, const struct buf *krl, const char *name)
{
	autofree char *list = fs_join(dir, "krl");
	autofree char *pub = str_format("%s/%s.pub", dir, name);
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	const struct spawn s = { .argv = (const char *const[]){ "ssh-keygen", "-Q", "-f", list, pub, NULL } };
	struct err err = { 0 };

	ok(fs_write_atomic(list, buf_str(krl), krl->len, 0600, &err), &err);
	ok(spawn_run(&s, &r, &err), &err);
	assert_true(r.status == 0 || (r.status == 1 && strstr(buf_str(&r.out), "REVOKED")));
	return r.status == 1;
}

static void test_revoked_keys(void **state)
{
	autoclean(str_list_free) struct str_list keys = { 0 };
	autoclean(buf_free) struct buf none = { 0 }, one = { 0 };
	char key[SSH_KEY_LEN], other[SSH_KEY_LEN];
	struct err err = { 0 };

	node_key(*state, "n01", key);
	node_key(*state, "n02", other);
	assert_string_not_equal(key, other);
	ok(pki_ssh_krl(&keys, &none, &err), &err);
	assert_false(revoked(*state, &none, "n01"));
	str_list_add(&keys, key);
	ok(pki_ssh_krl(&keys, &one, &err), &err);
	assert_true(revoked(*state, &one, "n01"));
	assert_false(revoked(*state, &one, "n02"));
}

static void test_sealed_boxes_open_for_their_owner_only(void **state)
{
	uint8_t secret[SEAL_KEY_LEN], other[SEAL_KEY_LEN], public[SEAL_KEY_LEN], zero[SEAL_KEY_LEN] = { 0 };
	autoclean(buf_free) struct buf box = { 0 }, again = { 0 };
	struct buf plain = { 0 };
	struct err err = { 0 };

	(void)state;
	memset(secret, 7, sizeof(secret));
	memset(other, 8, sizeof(other));
	ok(seal_public(secret, public, &err), &err);
	ok(seal_make(public, "munge", 5, &box, &err), &err);
	ok(seal_make(public, "munge", 5, &again, &err), &err);
	assert_string_not_equal(buf_str(&box), buf_str(&again));
	ok(seal_open(secret, buf_str(&box), &plain, &err), &err);
	assert_string_equal(buf_str(&plain), "munge");
	seal_wipe(&plain);
	assert_int_equal(seal_open(other, buf_str(&box), &plain, &err), -1);
	for (size_t i = 0; i < box.len; i++) {
		box.data[i] ^= 1;
		assert_int_equal(seal_open(secret, buf_str(&box), &plain, &err), -1);
		assert_int_equal(err.kind, ERR_DAMAGED);
		box.data[i] ^= 1;
	}
	assert_int_equal(plain.len, 0);
	assert_int_equal(seal_open(secret, "", &plain, &err), -1);
	assert_int_equal(seal_make(zero, "munge", 5, &again, &err), -1);
	buf_free(&plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_made_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_half_an_authority_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_host_certificate_says_what_was_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_words_that_ssh_keygen_would_take_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_revoked_keys, setup, teardown),
		cmocka_unit_test(test_sealed_boxes_open_for_their_owner_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
