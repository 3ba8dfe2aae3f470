/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Damage in every part of the state's directory: found before anything is served, and nothing is changed (docs/adr/0003-raft.md).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/digest.h"
#include "headfailover/state/mark.h"
#include "state_help.h"
#include "state_raw.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

/* --- files --- */

/* The only file of the log whose name begins so; the one sorting last if there are several. Caller frees. */
static char *log_file(const char *dir, const char *prefix)
{
	autofree char *log_dir = fs_join(dir, "log");
	autoclean(str_list_free) struct str_list names = { 0 };
	struct err err = { 0 };
	char *found = NULL;

	assert_int_equal(fs_list(log_dir, &names, &err), 0);
	for (size_t i = 0; i < names.len; i++) {
		if (!str_starts(names.items[i], prefix) || str_ends(names.items[i], ".meta"))
			continue;
		free(found);
		found = fs_join(log_dir, names.items[i]);
	}
	if (!found)
		fail_msg("no file %s* in %s", prefix, log_dir);
	return found;
}

static void flip(const char *path, long at, uint8_t bits)
{
	autoclose int fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t b;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &b, 1, at), 1);
	b ^= bits;
	assert_int_equal(pwrite(fd, &b, 1, at), 1);
}

static long size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (long)st.st_size;
}

/* SHA-256 over the names and bytes of everything in the log directory. */
static void log_digest(const char *dir, char hex[DIGEST_HEX_LEN])
{
	autofree char *log_dir = fs_join(dir, "log");
	autoclean(str_list_free) struct str_list names = { 0 };
	struct digest_ctx *ctx = digest_new();
	struct digest d;
	struct err err = { 0 };

	assert_int_equal(fs_list(log_dir, &names, &err), 0);
	for (size_t i = 0; i < names.len; i++) {
		autofree char *path = fs_join(log_dir, names.items[i]);
		autoclean(buf_free) struct buf b = { 0 };

		assert_int_equal(fs_read(path, 64u << 20, &b, &err), 0);
		digest_add(ctx, names.items[i], strlen(names.items[i]) + 1);
		digest_add(ctx, b.data, b.len);
	}
	digest_end(ctx, &d);
	digest_hex(&d, hex);
}

static void copy_tree(const char *from, const char *to)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	struct err err = { 0 };

	assert_int_equal(fs_mkdirs(to, 0700, &err), 0);
	assert_int_equal(fs_list(from, &names, &err), 0);
	for (size_t i = 0; i < names.len; i++) {
		autofree char *a = fs_join(from, names.items[i]), *b = fs_join(to, names.items[i]);
		autoclean(buf_free) struct buf data = { 0 };
		struct stat st;

		assert_int_equal(stat(a, &st), 0);
		if (S_ISDIR(st.st_mode)) {
			copy_tree(a, b);
			continue;
		}
		assert_int_equal(fs_read(a, 64u << 20, &data, &err), 0);
		assert_int_equal(fs_write_atomic(b, data.data ? data.data : "", data.len, 0600, &err), 0);
	}
}

/* Refused as damaged, and not a byte of the log was changed. */
static void damaged_and_untouched(const char *dir, const char *word)
{
	char before[DIGEST_HEX_LEN], after[DIGEST_HEX_LEN];
	struct err err;

	log_digest(dir, before);
	must_be_damaged(dir, word, &err);
	log_digest(dir, after);
	assert_string_equal(before, after);
}

static void fill(const char *dir, int n, char hex[65])
{
	struct state *s = must_open(dir, NULL);

	for (int i = 0; i < n; i++) {
		char key[16];

		snprintf(key, sizeof(key), "k/%d", i);
		must_put(s, key, "{\"v\":1}", 0);
	}
	state_digest(s, hex);
	state_close(s);
}

/* --- damage in closed segments --- */

/* Trap: with auto_recovery, the default, a damaged closed segment is moved aside and a lone voter leads with nothing. */
static void test_damaged_closed_segment(void **state)
{
	autofree char *file = NULL;
	char hex[65];
	long size;

	fill(*state, 100, hex);
	file = log_file(*state, "000000000000");
	size = size_of(file);
	for (int i = 0; i < 12; i++) {
		long at = i == 0 ? 0 : i == 1 ? size - 1 : size * i / 12 + i;

		flip(file, at, 0x10);
		damaged_and_untouched(*state, "0000");
		flip(file, at, 0x10);
	}
	opens_with(*state, hex);
	/* Cut short; gone. */
	assert_int_equal(truncate(file, size - 8), 0);
	damaged_and_untouched(*state, "0000");
	assert_int_equal(unlink(file), 0);
	damaged_and_untouched(*state, "missing");
}

/* Our own check is not the only one: raft itself, as we set it, refuses such a log too. */
static void test_raft_refuses_too(void **state)
{
	autofree char *log_dir = fs_join(*state, "log"), *file = NULL;
	struct counter c;
	struct member *m;
	struct err err = { 0 };
	char hex[65];

	fill(*state, 20, hex);
	file = log_file(*state, "000000000000");
	flip(file, size_of(file) / 2, 1);
	assert_int_equal(raw_open(log_dir, false, &c, &m, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
	assert_int_equal(access(file, F_OK), 0);
}

/* --- damage in open segments --- */

/* A process that writes and is killed: leaves open segments as a power cut does. Says on the pipe how many writes were
 * acknowledged. */
static int crashed_writer(const char *dir, const char *count)
{
	struct state *s = must_open(dir, NULL);

	for (long i = 0, n = strtol(count, NULL, 10); i < n; i++) {
		autofree char *key = str_format("k/%ld", i);

		must_put(s, key, "{\"v\":1}", 0);
	}
	raise(SIGKILL);
	return 1;
}

static void crash(const char *dir, const char *count)
{
	autofree char *self = self_path();
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		execl(self, "state_damage", "--crash", dir, count, (char *)NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static char *used_open_segment(const char *dir)
{
	char *file = log_file(dir, "open-1");
	autoclean(buf_free) struct buf b = { 0 };
	struct err err = { 0 };

	assert_int_equal(fs_read(file, 64u << 20, &b, &err), 0);
	assert_int_equal(b.data[0], 1); /* it was written to */
	return file;
}

static long end_of_data(const char *file)
{
	autoclean(buf_free) struct buf b = { 0 };
	struct err err = { 0 };

	assert_int_equal(fs_read(file, 64u << 20, &b, &err), 0);
	while (b.len && !b.data[b.len - 1])
		b.len--;
	return (long)b.len;
}

/* Trap: raft cuts an open segment off at the first damage, without a word, and leads with what is left. */
static void test_damaged_open_segment(void **state)
{
	autofree char *file = NULL, *copy = str_format("%s.copy", (char *)*state), *log_dir = fs_join(copy, "log");
	struct counter c;
	struct member *m;
	struct err err = { 0 };
	struct state *s;
	bool shown = false;
	long end;

	crash(*state, "60");
	file = used_open_segment(*state);
	end = end_of_data(file);
	for (int i = 0; i < 8; i++) {
		/* The last is in the entry acknowledged last: the mark may not lag behind the answer. */
		long at = i < 7 ? 8 + end * i / 7 : end - 1;

		flip(file, at, 0x80);
		damaged_and_untouched(*state, "acknowledged");
		if (!shown) {
			shown = true;
			/* The trap is there: without the mark, raft serves less than 60. */
			copy_tree(*state, copy);
			assert_int_equal(raw_open(log_dir, false, &c, &m, &err), 0);
			assert_true(c.applied < 60);
			member_close(m);
			assert_int_equal(fs_remove_tree(copy, &err), 0);
		}
		flip(file, at, 0x80);
	}
	s = must_open(*state, NULL);
	for (int i = 0; i < 60; i++) {
		autoclean(state_doc_free) struct state_doc d = { 0 };
		autofree char *key = str_format("k/%d", i);

		assert_int_equal(state_get(s, key, &d, &err), 0);
	}
	state_close(s);
}

/* What a power cut leaves behind the last acknowledged entry is no damage. */
static void test_torn_tail(void **state)
{
	autofree char *file = NULL;
	struct state *s;
	long end;

	crash(*state, "30");
	file = used_open_segment(*state);
	end = end_of_data(file);
	for (long i = 0; i < 100; i++)
		flip(file, end + 16 + i, 0x5a);
	s = must_open(*state, NULL);
	must_put(s, "k/29", "2", STATE_ANY);
	state_close(s);
}

/* --- damage elsewhere --- */

/* Trap: raft_uv keeps no checksum over a snapshot's data. */
static void test_damaged_snapshot(void **state)
{
	struct state_tuning t = small_tuning();
	struct state *s = must_open(*state, &t);
	autofree char *file = NULL;
	char hex[65];

	for (int i = 0; i < 200; i++)
		must_put(s, "k", "{\"value\":\"something\"}", STATE_ANY);
	state_digest(s, hex);
	state_close(s);
	file = log_file(*state, "snapshot-");
	for (int i = 0; i < 6; i++) {
		flip(file, size_of(file) * i / 6, 4);
		damaged_and_untouched(*state, "snapshot-");
		flip(file, size_of(file) * i / 6, 4);
	}
	opens_with(*state, hex);
}

static void remove_in(const char *dir, const char *name)
{
	autofree char *path = fs_join(dir, name);

	assert_int_equal(unlink(path), 0);
}

static void test_missing_parts(void **state)
{
	autofree char *copy = str_format("%s.copy", (char *)*state), *log_dir = fs_join(copy, "log");
	struct err err;
	char hex[65];

	fill(*state, 20, hex);
	copy_tree(*state, copy);
	remove_in(copy, "mark");
	damaged_and_untouched(copy, "mark is missing");
	assert_int_equal(fs_remove_tree(copy, &err), 0);
	copy_tree(*state, copy);
	assert_int_equal(fs_remove_tree(log_dir, &err), 0);
	must_be_damaged(copy, "", &err);
	assert_int_equal(fs_remove_tree(copy, &err), 0);
	/* Metadata: raft takes a log without it for one of term 0, and would vote again in a term that it had voted in. */
	copy_tree(*state, copy);
	remove_in(log_dir, "metadata1");
	damaged_and_untouched(copy, "metadata");
	assert_int_equal(fs_remove_tree(copy, &err), 0);
}

/* Somebody puts an old copy of the log back. */
static void test_old_log(void **state)
{
	autofree char *log_dir = fs_join(*state, "log"), *old = fs_join(*state, "old");
	struct err err;
	char hex[65];
	struct state *s;

	fill(*state, 20, hex);
	copy_tree(log_dir, old);
	s = must_open(*state, NULL);
	must_put(s, "one-more", "1", 0);
	state_close(s);
	assert_int_equal(fs_remove_tree(log_dir, &err), 0);
	assert_int_equal(rename(old, log_dir), 0);
	damaged_and_untouched(*state, "acknowledged");
}

/* A log of the same length with another history in it. */
static void test_other_log(void **state)
{
	autofree char *one = fs_join(*state, "one"), *two = fs_join(*state, "two");
	autofree char *one_log = fs_join(one, "log"), *two_log = fs_join(two, "log");
	struct err err;
	char hex[65];

	fill(one, 20, hex);
	fill(two, 20, hex); /* the same keys, but other ids of the commands */
	assert_int_equal(fs_remove_tree(one_log, &err), 0);
	assert_int_equal(rename(two_log, one_log), 0);
	damaged_and_untouched(one, "not the one that was acknowledged");
}

static void test_damaged_mark(void **state)
{
	autofree char *mark = fs_join(*state, "mark");
	char hex[65];

	fill(*state, 5, hex);
	/* One copy torn: the other one counts. */
	flip(mark, 20, 1);
	opens_with(*state, hex);
	fill(*state, 0, hex);
	flip(mark, 4096 + 30, 1);
	opens_with(*state, hex);
	flip(mark, 20, 1);
	flip(mark, 4096 + 30, 1);
	damaged_and_untouched(*state, "no copy of the mark");
}

/* --- the first boot --- */

/* Killed between the mark and raft's first segment: raft alone could neither start nor bootstrap again. */
static void test_half_made(void **state)
{
	autofree char *mark = fs_join(*state, "mark"), *log_dir = fs_join(*state, "log"), *half = fs_join(log_dir, "metadata1");
	struct mark m = { .id = 1 };
	struct err err = { 0 };
	struct state *s;
	uint64_t v;

	assert_int_equal(fs_mkdirs(log_dir, 0700, &err), 0);
	assert_int_equal(mark_create(mark, &m, &err), 0);
	assert_int_equal(
		fs_write_atomic(half, "\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32, 0600, &err), 0);
	s = must_open(*state, NULL);
	v = must_put(s, "a", "1", 0);
	state_close(s);
	/* And never a second time. */
	s = must_open(*state, NULL);
	assert_true(must_put(s, "b", "1", 0) > v);
	state_close(s);
}

#define M(f) cmocka_unit_test_setup_teardown(f, memory_dir_setup, dir_teardown)
#define T(f) cmocka_unit_test_setup_teardown(f, dir_setup, dir_teardown)
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		M(test_damaged_closed_segment),
		M(test_raft_refuses_too),
		T(test_damaged_open_segment),
		T(test_torn_tail),
		M(test_damaged_snapshot),
		M(test_missing_parts),
		M(test_old_log),
		M(test_other_log),
		M(test_damaged_mark),
		T(test_half_made),
	};

	if (argc == 4 && str_eq(argv[1], "--crash"))
		return crashed_writer(argv[2], argv[3]);
	return cmocka_run_group_tests_name("state_damage", tests, NULL, NULL);
}
