/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sealed secret opens with its key, for its purpose and as it was; everything else is refused and gives nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "sys/fs.h"
#include "sys/secretbox.h"
#include "sys/threads.h"

#include <string.h>
#include <sys/stat.h>

#define CANARY "canary-hunter2-\xc3\xbc"

static int setup(void **state)
{
	char *dir = mem_strdup("/tmp/orthrus-secretbox.XXXXXX");

	*state = dir;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	struct err err = { 0 };
	int rc = fs_remove_tree(*state, &err);

	free(*state);
	return rc;
}

static void load(const char *dir, struct secret_key *key)
{
	struct err err = { 0 };

	if (secretbox_key(dir, true, key, &err) < 0)
		fail_msg("%s", err.text);
}

static void seal(const struct secret_key *key, const char *context, const char *text, struct buf *out)
{
	struct err err = { 0 };

	if (secretbox_seal(key, context, text, strlen(text), out, &err) < 0)
		fail_msg("%s", err.text);
}

static void refused(const struct secret_key *key, const char *context, const char *b64, const char *words)
{
	autoclean(secret_buf_free) struct buf plain = { 0 };
	struct err err = { 0 };

	buf_adds(&plain, "as it was");
	assert_int_equal(secretbox_open(key, context, b64, &plain, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
	assert_non_null(strstr(err.text, words));
	assert_non_null(strstr(err.text, context));
	assert_true(err.hint[0] != '\0');
	assert_string_equal(buf_str(&plain), "as it was");
}

static void test_what_was_sealed_opens(void **state)
{
	autoclean(secret_key_clear) struct secret_key key = { 0 }, again = { 0 };
	autoclean(secret_buf_free) struct buf plain = { 0 };
	autoclean(buf_free) struct buf one = { 0 }, two = { 0 }, empty = { 0 };
	struct err err = { 0 };

	load(*state, &key);
	load(*state, &again);
	assert_memory_equal(key.bytes, again.bytes, sizeof(key.bytes));
	seal(&key, "bmc/n01", CANARY, &one);
	seal(&key, "bmc/n01", CANARY, &two);
	assert_string_not_equal(buf_str(&one), buf_str(&two));
	assert_null(strstr(buf_str(&one), "canary"));
	assert_null(strpbrk(buf_str(&one), "\r\n\" "));
	assert_int_equal(secretbox_open(&again, "bmc/n01", buf_str(&one), &plain, &err), 0);
	assert_string_equal(buf_str(&plain), CANARY);
	seal(&key, "none", "", &empty);
	buf_clear(&plain);
	assert_int_equal(secretbox_open(&key, "none", buf_str(&empty), &plain, &err), 0);
	assert_int_equal(plain.len, 0);
}

static void test_another_purpose_key_or_bit_is_refused(void **state)
{
	autoclean(secret_key_clear) struct secret_key key = { 0 }, other = { .bytes = { 1 } };
	autoclean(buf_free) struct buf sealed = { 0 };

	load(*state, &key);
	seal(&key, "bmc/n01", CANARY, &sealed);
	refused(&key, "bmc/n02", buf_str(&sealed), "not what was sealed");
	refused(&key, "bmc/n0", buf_str(&sealed), "not what was sealed");
	refused(&other, "bmc/n01", buf_str(&sealed), "another key");
	for (size_t i = 0; i < sealed.len; i++) {
		autofree char *bad = mem_strdup(buf_str(&sealed));
		autoclean(secret_buf_free) struct buf plain = { 0 };
		struct err err = { 0 };

		bad[i] = bad[i] == 'A' ? 'B' : 'A';
		assert_int_equal(secretbox_open(&key, "bmc/n01", bad, &plain, &err), -1);
		assert_int_equal(err.kind, ERR_DAMAGED);
		assert_int_equal(plain.len, 0);
		bad[i] = '\0'; /* cut short */
		assert_int_equal(secretbox_open(&key, "bmc/n01", bad, &plain, &err), -1);
	}
	refused(&key, "bmc/n01", "", "no sealed secret");
	refused(&key, "bmc/n01", "!!!!", "no sealed secret");
}

static void test_sealing_has_limits(void **state)
{
	autoclean(secret_key_clear) struct secret_key key = { 0 }, none = { 0 };
	autofree char *big = mem_zalloc(SECRETBOX_MAX + 1);
	autoclean(buf_free) struct buf out = { 0 };
	struct err err = { 0 };

	load(*state, &key);
	assert_int_equal(secretbox_seal(&key, "big", big, SECRETBOX_MAX + 1, &out, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	assert_int_equal(secretbox_seal(&none, "no key", "x", 1, &out, &err), -1);
	assert_int_equal(out.len, 0);
	assert_int_equal(secretbox_seal(&key, "big", big, SECRETBOX_MAX, &out, &err), 0);
}

/* What a key file must not be: readable by others, short, no hex, zeros. It is never replaced by a new one. */
static void test_a_bad_key_file_is_refused(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
	} bad[] = {
		{ "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n", 0644 },
		{ "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n", 0640 },
		{ "0123456789abcdef\n", 0600 },
		{ "", 0600 },
		{ "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg\n", 0600 },
		{ "0000000000000000000000000000000000000000000000000000000000000000\n", 0600 },
	};
	autofree char *path = fs_join(*state, "secrets.key");

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		autoclean(secret_key_clear) struct secret_key key = { 0 };
		static const struct secret_key zero;
		autoclean(buf_free) struct buf after = { 0 };
		struct err err = { 0 };

		assert_int_equal(fs_write_atomic(path, bad[i].text, strlen(bad[i].text), bad[i].mode, &err), 0);
		assert_int_equal(secretbox_key(*state, true, &key, &err), -1);
		assert_int_equal(err.kind, ERR_REFUSED);
		assert_non_null(strstr(err.text, path));
		assert_memory_equal(&key, &zero, sizeof(key));
		assert_int_equal(fs_read(path, 4096, &after, &err), 0);
		assert_string_equal(buf_str(&after), bad[i].text);
	}
}

static void test_the_key_file_is_ours_alone(void **state)
{
	autoclean(secret_key_clear) struct secret_key key = { 0 };
	autofree char *path = fs_join(*state, "secrets.key");
	autofree char *nowhere = fs_join(*state, "absent");
	struct err err = { 0 };
	struct stat st;

	load(*state, &key);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(secretbox_key(nowhere, true, &key, &err), -1);
	assert_false(fs_exists(nowhere));
	/* Something was sealed with the one that is gone: no other one takes its place. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(secretbox_key(*state, false, &key, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_non_null(strstr(err.text, "is missing"));
	assert_false(fs_exists(path));
}

static void *load_one(void *dir)
{
	struct secret_key *key = mem_zalloc(sizeof(*key));
	struct err err = { 0 };

	return secretbox_key(dir, true, key, &err) == 0 ? key : NULL;
}

static void test_of_many_that_make_it_one_wins(void **state)
{
	pthread_t threads[8];
	struct secret_key *keys[8];
	struct err err = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(thread_start(&threads[i], load_one, *state, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		pthread_join(threads[i], (void **)&keys[i]);
		assert_non_null(keys[i]);
		assert_memory_equal(keys[i]->bytes, keys[0]->bytes, sizeof(keys[i]->bytes));
	}
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		free(keys[i]);
}

static void test_wiped_strings(void **state)
{
	autosecret char *s = mem_strdup(CANARY);
	struct buf b = { 0 };

	(void)state;
	buf_adds(&b, CANARY);
	secret_buf_free(&b);
	assert_null(b.data);
	secret_str_free(NULL);
	assert_string_equal(s, CANARY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_was_sealed_opens, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_purpose_key_or_bit_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sealing_has_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_bad_key_file_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_key_file_is_ours_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_of_many_that_make_it_one_wins, setup, teardown),
		cmocka_unit_test(test_wiped_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
