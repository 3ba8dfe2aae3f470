/* SPDX-License-Identifier: GPL-2.0-or-later */
/* headfailover/guard/key: a key file that is not what it should be is refused, and the error says which and what next. */
#include "base/mem.h"
#include "headfailover/guard/key.h"
#include "sys/fs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

#define GOOD "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define OTHER "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e20"

struct bench {
	char dir[32];
	char *path, *second;
};

static int setup(void **state)
{
	struct bench *b = mem_zalloc(sizeof(*b));

	memcpy(b->dir, "/tmp/orthrus-guard-key.XXXXXX", 30);
	if (!mkdtemp(b->dir))
		return -1;
	b->path = fs_join(b->dir, "guard.key");
	b->second = fs_join(b->dir, "guard.key.old");
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;
	struct err err = { 0 };
	int rc = fs_remove_tree(b->dir, &err);

	free(b->path);
	free(b->second);
	free(b);
	return rc;
}

static void put(const char *path, const char *text, size_t len, mode_t mode)
{
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && write(fd, text, len) == (ssize_t)len && fchmod(fd, mode) == 0);
}

static const struct guard_keys none;

static void must_refuse(const char *path, const char *also, const char *why)
{
	struct guard_keys keys;
	struct err err = { 0 };

	memset(&keys, 7, sizeof(keys));
	assert_int_equal(guard_keys_load(path, also, "atlas", &keys, &err), -1);
	if (err.kind != ERR_REFUSED || !strstr(err.text, why) || !err.hint[0] || !strstr(err.text, also ? also : path))
		fail_msg("expected '%s', got '%s' (%s)", why, err.text, err.hint);
	assert_null(strstr(err.text, "0102030405060708"));
	assert_memory_equal(&keys, &none, sizeof(keys));
}

static void test_made_and_read(void **state)
{
	const struct bench *b = *state;
	struct guard_keys one, two, both;
	struct err err = { 0 };
	struct stat st;

	assert_int_equal(guard_key_create(b->path, &err), 0);
	assert_int_equal(guard_key_create(b->second, &err), 0);
	assert_true(stat(b->path, &st) == 0 && (st.st_mode & 07777) == 0600 && st.st_size == 65);
	assert_int_equal(guard_keys_load(b->path, NULL, "atlas", &one, &err), 0);
	assert_int_equal(guard_keys_load(b->second, NULL, "atlas", &two, &err), 0);
	assert_true(one.n == 1 && one.key[0].id && one.key[0].id != two.key[0].id);
	assert_memory_not_equal(one.key[0].bytes, two.key[0].bytes, GUARD_KEY_LEN);
	assert_int_equal(guard_keys_load(b->path, b->second, "atlas", &both, &err), 0);
	assert_int_equal(both.n, 2);
	assert_memory_equal(&both.key[0], &one.key[0], sizeof(one.key[0]));
	assert_memory_equal(&both.key[1], &two.key[0], sizeof(two.key[0]));
	guard_keys_clear(&both);
	assert_memory_equal(&both, &none, sizeof(both));
	/* What is there stays. */
	assert_int_equal(guard_key_create(b->path, &err), -1);
	assert_int_equal(err.kind, ERR_EXISTS);
	assert_int_equal(guard_keys_load(b->path, NULL, "atlas", &both, &err), 0);
	assert_memory_equal(&both.key[0], &one.key[0], sizeof(one.key[0]));
}

/* The same everywhere, and another for another name or key. */
static void test_ids(void **state)
{
	struct guard_key k, name, key;
	uint8_t bytes[GUARD_KEY_LEN], same[GUARD_KEY_LEN];
	struct err err = { 0 };

	(void)state;
	for (uint8_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i;
	assert_int_equal(guard_key_of(bytes, "atlas", &k, &err), 0);
	assert_int_equal(guard_key_of(bytes, "atlas2", &name, &err), 0);
	bytes[31] ^= 1;
	assert_int_equal(guard_key_of(bytes, "atlas", &key, &err), 0);
	assert_true(k.id == name.id && k.id != key.id);
	assert_true(k.cluster != name.cluster && k.cluster != key.cluster && k.cluster && k.cluster != k.id);
	assert_true(k.id == 0x9ff92c3f && k.cluster == 0xbbc1611a7759f2a5); /* written down: other versions have the same */
	for (unsigned int i = 0; i < 256; i++) {
		memset(same, (int)i, sizeof(same));
		assert_int_equal(guard_key_of(same, "atlas", &k, &err), -1);
		assert_int_equal(err.kind, ERR_REFUSED);
	}
}

static void test_contents(void **state)
{
	const struct bench *b = *state;
	struct guard_keys keys;
	struct err err = { 0 };
	char text[200];

	must_refuse(b->path, NULL, "guard.key");
	put(b->path, GOOD "\n", 65, 0600);
	assert_int_equal(guard_keys_load(b->path, NULL, "atlas", &keys, &err), 0);
	for (unsigned int i = 0; i < sizeof(keys.key[0].bytes); i++)
		assert_int_equal(keys.key[0].bytes[i], i);
	for (size_t len = 0; len < 65; len++) {
		put(b->path, GOOD "\n", len, 0600);
		must_refuse(b->path, NULL, "not a key");
	}
	put(b->path, GOOD "\n\n", 66, 0600);
	must_refuse(b->path, NULL, "not a key");
	put(b->path, GOOD "ff\n", 67, 0600);
	must_refuse(b->path, NULL, "not a key");
	put(b->path, GOOD " ", 65, 0600);
	must_refuse(b->path, NULL, "not a key");
	put(b->path, " " GOOD, 65, 0600);
	must_refuse(b->path, NULL, "not a key");
	for (unsigned int i = 0; i < 64; i++) {
		memcpy(text, GOOD "\n", 65);
		text[i] = i % 2 ? 'g' : '\0';
		put(b->path, text, 65, 0600);
		must_refuse(b->path, NULL, "not a key");
	}
	memset(text, '0', 64);
	put(b->path, text, 65, 0600);
	must_refuse(b->path, NULL, "same");
	memset(text, 'f', 64);
	put(b->path, text, 65, 0600);
	must_refuse(b->path, NULL, "same");
}

static void test_modes(void **state)
{
	const struct bench *b = *state;
	struct guard_keys keys;
	struct err err = { 0 };

	put(b->path, GOOD "\n", 65, 0600);
	for (mode_t mode = 0; mode <= 07777; mode++) {
		assert_int_equal(chmod(b->path, mode), 0);
		if (mode == 0600 || mode == 0400)
			assert_int_equal(guard_keys_load(b->path, NULL, "atlas", &keys, &err), 0);
		else if (geteuid() == 0 || mode & 0400)
			must_refuse(b->path, NULL, "mode");
	}
}

/* systemd gives what LoadCredential= names to one user by an ACL, which shows as a group's bit. */
static void test_credentials(void **state)
{
	const struct bench *b = *state;
	autofree char *deeper = fs_join(b->dir, "deeper"), *there = fs_join(deeper, "guard.key");
	struct guard_keys keys;
	struct err err = { 0 };

	put(b->path, GOOD "\n", 65, 0440);
	must_refuse(b->path, NULL, "mode");
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", b->dir, 1), 0);
	assert_int_equal(guard_keys_load(b->path, NULL, "atlas", &keys, &err), 0);
	put(b->path, GOOD "\n", 65, 0444);
	must_refuse(b->path, NULL, "mode");
	assert_int_equal(mkdir(deeper, 0700), 0);
	put(there, GOOD "\n", 65, 0440);
	must_refuse(there, NULL, "mode");
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "", 1), 0);
	put(b->path, GOOD "\n", 65, 0440);
	must_refuse(b->path, NULL, "mode");
	unsetenv("CREDENTIALS_DIRECTORY");
}

static void test_what_is_no_file(void **state)
{
	const struct bench *b = *state;

	put(b->second, GOOD "\n", 65, 0600);
	assert_int_equal(symlink(b->second, b->path), 0);
	must_refuse(b->path, NULL, "guard.key");
	assert_int_equal(unlink(b->path), 0);
	assert_int_equal(mkdir(b->path, 0600), 0);
	must_refuse(b->path, NULL, "guard.key");
	assert_int_equal(rmdir(b->path), 0);
	assert_int_equal(mkfifo(b->path, 0600), 0);
	must_refuse(b->path, NULL, "guard.key");
}

static void test_owner(void **state)
{
	const struct bench *b = *state;

	if (geteuid() != 0)
		skip();
	put(b->path, GOOD "\n", 65, 0600);
	assert_int_equal(chown(b->path, 12345, 0), 0);
	must_refuse(b->path, NULL, "user 12345");
}

static void test_two(void **state)
{
	const struct bench *b = *state;
	struct guard_keys keys;
	struct err err = { 0 };

	put(b->path, GOOD "\n", 65, 0600);
	must_refuse(b->path, b->second, "guard.key.old");
	put(b->second, GOOD "\n", 65, 0400);
	must_refuse(b->path, b->second, "same key");
	put(b->second, OTHER "\n", 64, 0600);
	must_refuse(b->path, b->second, "not a key");
	put(b->second, OTHER "\n", 65, 0600);
	assert_int_equal(guard_keys_load(b->path, b->second, "atlas", &keys, &err), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_made_and_read), TEST(test_ids),	      TEST(test_contents),
					    TEST(test_modes),	      TEST(test_credentials), TEST(test_what_is_no_file),
					    TEST(test_owner),	      TEST(test_two) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
