/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Base64 and ssh public keys: one text for each value, all others refused. */
#include "base/base64.h"
#include "base/mem.h"
#include "base/ssh_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

static void test_vectors_of_rfc_4648(void **state)
{
	static const char *const pairs[][2] = { { "", "" },
						{ "f", "Zg==" },
						{ "fo", "Zm8=" },
						{ "foo", "Zm9v" },
						{ "foob", "Zm9vYg==" },
						{ "fooba", "Zm9vYmE=" },
						{ "foobar", "Zm9vYmFy" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		autoclean(buf_free) struct buf text = { 0 }, back = { 0 };
		struct err err = { 0 };

		base64_put(&text, pairs[i][0], strlen(pairs[i][0]));
		assert_string_equal(buf_str(&text), pairs[i][1]);
		assert_int_equal(base64_read(buf_str(&text), text.len, &back, &err), 0);
		assert_string_equal(buf_str(&back), pairs[i][0]);
	}
}

static void test_every_byte_comes_back(void **state)
{
	unsigned char all[256];
	autoclean(buf_free) struct buf text = { 0 }, back = { 0 };
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (unsigned char)i;
	base64_put(&text, all, sizeof(all));
	assert_int_equal(base64_read(buf_str(&text), text.len, &back, &err), 0);
	assert_int_equal(back.len, sizeof(all));
	assert_memory_equal(back.data, all, sizeof(all));
}

static void test_anything_else_is_refused(void **state)
{
	static const char *const bad[] = { "Zg=",      "Zg",   "Z===",	"====", "Zh==", "Zm9=",
					   "Zg==Zg==", "Zm 9", "Zm9\n", "Zm9-", "Zm9_", "=Zm9" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		autoclean(buf_free) struct buf out = { 0 };
		struct err err = { 0 };

		buf_adds(&out, "before");
		if (base64_read(bad[i], strlen(bad[i]), &out, &err) == 0)
			fail_msg("'%s' is taken", bad[i]);
		assert_int_equal(err.kind, ERR_INVALID);
		assert_string_equal(buf_str(&out), "before");
	}
}

#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"

static void test_ssh_key(void **state)
{
	static const char *const good[] = { KEY, KEY "\n", KEY " root@n01", KEY " a b c\n" };
	static const char *const bad[] = {
		"",
		"ssh-ed25519",
		KEY "x",
		KEY "\n\n",
		KEY "\ncommand=x",
		" " KEY,
		"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQCyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE4AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4",
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhsc===="
	};
	char out[SSH_KEY_LEN];
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		if (ssh_key_read(good[i], strlen(good[i]), out, &err) < 0)
			fail_msg("%s: %s", good[i], err.text);
		assert_string_equal(out, KEY);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (ssh_key_read(bad[i], strlen(bad[i]), out, &err) == 0)
			fail_msg("'%s' is taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors_of_rfc_4648),
		cmocka_unit_test(test_every_byte_comes_back),
		cmocka_unit_test(test_anything_else_is_refused),
		cmocka_unit_test(test_ssh_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
