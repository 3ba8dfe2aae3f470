/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ways in which libraft can lose what was acknowledged (docs/adr/0003-raft.md), each against the installed version: that we
 * avoid it, and where it can be shown, that the trap is really there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "headfailover/state/mark.h"
#include "headfailover/state/member.h"
#include "state_help.h"
#include "sys/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <raft.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
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

static void opens_with(const char *dir, const char *hex)
{
	struct state *s = must_open(dir, NULL);
	char now[65];

	state_digest(s, now);
	assert_string_equal(now, hex);
	state_close(s);
}

/* --- a machine that only counts, to see raft without the state around it --- */

struct counter {
	unsigned int applied;
	size_t bytes;
};

static int count_apply(void *ctx, uint64_t index, const void *entry, size_t len, struct err *err)
{
	struct counter *c = ctx;

	(void)index;
	(void)entry;
	(void)err;
	c->applied++;
	c->bytes += len;
	return 0;
}

static void count_snapshot(void *ctx, struct buf *out)
{
	struct counter *c = ctx;

	buf_add_u64(out, c->applied);
}

static int count_restore(void *ctx, const void *data, size_t len, struct err *err)
{
	struct counter *c = ctx;

	(void)err;
	assert_int_equal(len, 8);
	c->applied = *(const uint8_t *)data;
	return 0;
}

static int raw_open(const char *log_dir, bool bootstrap, struct counter *c, struct member **out, struct err *err)
{
	struct member_opts o = { .dir = log_dir, .id = 1, .address = "127.0.0.1:8444", .bootstrap = bootstrap };

	*c = (struct counter){ 0 };
	o.machine = (struct member_machine){ count_apply, count_snapshot, count_restore, c };
	o.tuning.patience_ns = NS_PER_S;
	return member_open(&o, out, err);
}

struct answer {
	sem_t came;
	enum member_outcome outcome;
};

static void on_answer(void *ctx, enum member_outcome outcome)
{
	struct answer *a = ctx;

	a->outcome = outcome;
	sem_post(&a->came);
}

static enum member_outcome raw_append(struct member *m, size_t len)
{
	autofree char *data = mem_zalloc(len);
	struct answer a = { 0 };

	sem_init(&a.came, 0, 0);
	memset(data, 'e', len);
	assert_true(member_submit(m, data, len, on_answer, &a));
	while (sem_wait(&a.came) < 0)
		;
	return a.outcome;
}

/* --- lengths --- */

/* Trap: an entry whose length is not a multiple of 8. 0.15 acknowledged it and lost it at the restart. Here: every length of a
 * value survives. */
static void test_lengths(void **state)
{
	struct state *s = must_open(*state, NULL);
	autofree char *value = mem_zalloc(80);
	char before[65];

	for (int len = 2; len < 70; len++) {
		char key[16];

		snprintf(key, sizeof(key), "k/%d", len);
		memset(value, 'x', 80);
		value[0] = value[len - 1] = '"';
		value[len] = 0;
		must_put(s, key, value, 0);
	}
	state_digest(s, before);
	state_close(s);
	opens_with(*state, before);
}

/* The installed raft refuses such an entry, but by then it has freed it and appended half of it, and crashes at the next one. So
 * none gets there. */
static void test_odd_length_is_refused(void **state)
{
	struct counter c;
	struct member *m;
	struct err err = { 0 };

	assert_int_equal(raw_open(*state, true, &c, &m, &err), 0);
	assert_int_equal(raw_append(m, 64), MEMBER_COMMITTED);
	for (size_t len = 0; len < 64; len++)
		if (len == 0 || len % 8)
			assert_false(member_submit(m, "0123456789012345678901234567890123456789012345678901234567890123", len,
						   on_answer, NULL));
	assert_int_equal(raw_append(m, 8), MEMBER_COMMITTED);
	assert_int_equal(c.applied, 2);
	member_close(m);
}

/* --- SIGPIPE, sockets --- */

static size_t count_sockets(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	size_t n = 0;

	assert_non_null(d);
	while ((e = readdir(d))) {
		autofree char *path = str_format("/proc/self/fd/%s", e->d_name);
		char target[64] = { 0 };

		if (readlink(path, target, sizeof(target) - 1) > 0)
			n += str_starts(target, "socket:");
	}
	closedir(d);
	return n;
}

/* Traps: a peer that hangs up kills the process; the stock TCP transport lets anybody append to the log. */
static void test_sigpipe_and_sockets(void **state)
{
	struct state *s;
	size_t before = count_sockets();
	int p[2];

	signal(SIGPIPE, SIG_DFL);
	s = must_open(*state, NULL);
	assert_int_equal(count_sockets(), before);
	assert_int_equal(pipe(p), 0);
	close(p[0]);
	assert_int_equal(write(p[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	close(p[1]);
	must_put(s, "a", "1", 0);
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
		execl(self, "state_traps", "--crash", dir, count, (char *)NULL);
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

/* --- lost leadership --- */

struct fault {
	atomic_int n;
	int every;
};

static int lose(void *ctx, int status)
{
	struct fault *f = ctx;

	return status == 0 && ++f->n % f->every == 0 ? RAFT_LEADERSHIPLOST : status;
}

struct bump {
	struct state *s;
	const char *failed;
};

static void *bump_main(void *arg)
{
	struct bump *b = arg;

	for (int i = 0; i < 25;) {
		autoclean(state_doc_free) struct state_doc d = { 0 };
		struct err err = { 0 };
		char value[32];

		if (state_get(b->s, "n", &d, &err) < 0)
			b->failed = "get";
		snprintf(value, sizeof(value), "%ld", strtol(d.value, NULL, 10) + 1);
		if (put(b->s, "n", value, d.version, NULL, &err) == 0)
			i++;
		else if (err.kind != ERR_CONFLICT)
			b->failed = "put";
		if (b->failed)
			break;
	}
	return NULL;
}

/* LEADERSHIPLOST leaves it open whether the entry is committed. It is sent again; the id keeps it from counting twice, and keeps
 * a write that did happen from being reported as a conflict with itself. */
static void test_leadership_lost(void **state)
{
	struct fault f = { .every = 3 };
	struct state_tuning t = { .member = { .fault = lose, .fault_ctx = &f } };
	struct bump b = { .s = must_open(*state, &t) };
	autoclean(state_doc_free) struct state_doc d = { 0 };
	pthread_t threads[4];
	struct err err = { 0 };
	char hex[65];

	must_put(b.s, "n", "0", 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, bump_main, &b), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	assert_null(b.failed);
	assert_int_equal(state_get(b.s, "n", &d, &err), 0);
	assert_string_equal(d.value, "100");
	assert_true(f.n > 100); /* some were sent twice */
	state_digest(b.s, hex);
	state_close(b.s);
	opens_with(*state, hex);
}

/* When it does not come back, the writer is told that it is not known. */
static void test_outcome_unknown(void **state)
{
	struct fault f = { .every = 1 };
	struct state_tuning t = { .member = { .patience_ns = 100 * NS_PER_MS, .fault = lose, .fault_ctx = &f } };
	struct state *s = must_open(*state, &t);
	autoclean(state_doc_free) struct state_doc d = { 0 };
	struct err err = { 0 };

	assert_int_equal(put(s, "a", "1", 0, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_FAILED);
	assert_non_null(strstr(err.text, "not known"));
	assert_true(err.hint[0]);
	assert_int_equal(state_get(s, "a", &d, &err), 0); /* it was */
	assert_true(f.n > 1);
	state_close(s);
}

/* --- a full disk --- */

/* Takes what is left, also while raft sets segments aside. */
static void fill_up(const char *path)
{
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	off_t at = 0;

	assert_true(fd >= 0);
	for (off_t piece = 1 << 20; piece >= 4096; piece /= 4)
		while (posix_fallocate(fd, at, piece) == 0)
			at += piece;
}

/* Writes until it is refused; returns how many were acknowledged. */
static int write_until_full(struct state *s, int first)
{
	autofree char *value = mem_zalloc(64 * 1024 + 1);

	memset(value, 'x', 64 * 1024);
	value[0] = value[64 * 1024 - 1] = '"';
	for (int i = first;; i++) {
		struct err err = { 0 };
		char key[16];

		snprintf(key, sizeof(key), "k/%d", i);
		if (put(s, key, value, 0, NULL, &err) == 0)
			continue;
		if (!strstr(err.text, "No space left") || !strstr(err.hint, "nothing was written"))
			fail_msg("%s (%s)", err.text, err.hint);
		return i;
	}
}

static void full_disk(void **state)
{
	struct state_tuning t = { .member = { .patience_ns = NS_PER_S } };
	autofree char *filler = fs_join(*state, "filler"), *dir = fs_join(*state, "raft");
	struct state *s, *other = NULL;
	struct err err = { 0 };
	char hex[65], now[65];
	int64_t freed;
	int n;

	/* Alone in its process: raft's helper threads must be in the new mount namespace too. */
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", *state, "tmpfs", 0, "size=60m") < 0)
		skip();
	s = must_open(dir, &t);
	fill_up(filler);
	n = write_until_full(s, 0);
	assert_true(n > 100);
	assert_true(n > 0);
	state_digest(s, hex);
	/* Still serving what it has; after space is made, it goes on by itself. */
	assert_int_equal(write_until_full(s, n), n);
	state_digest(s, now);
	assert_string_equal(now, hex);
	assert_int_equal(unlink(filler), 0);
	freed = clock_now_ns();
	while (put(s, "more", "1", 0, NULL, &err) < 0)
		assert_non_null(strstr(err.text, "No space left"));
	assert_true(clock_now_ns() - freed < 1500 * NS_PER_MS);
	fill_up(filler);
	n = write_until_full(s, n);
	state_digest(s, hex);
	state_close(s);
	/* Started on the full disk: it says so, or serves; but it loses nothing. */
	if (try_open(dir, &t, &other, &err) == 0)
		state_close(other);
	else if (!strstr(err.text, "No space left"))
		fail_msg("%s", err.text);
	assert_int_equal(unlink(filler), 0);
	opens_with(dir, hex);
	umount2(*state, MNT_DETACH);
}

static void test_full_disk(void **state)
{
	autofree char *self = self_path();
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		execl(self, "state_traps", "--full-disk", (char *)NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define M(f) cmocka_unit_test_setup_teardown(f, memory_dir_setup, dir_teardown)
#define T(f) cmocka_unit_test_setup_teardown(f, dir_setup, dir_teardown)
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		M(test_lengths),
		T(test_odd_length_is_refused),
		T(test_sigpipe_and_sockets),
		M(test_damaged_closed_segment),
		M(test_raft_refuses_too),
		T(test_damaged_open_segment),
		T(test_torn_tail),
		M(test_damaged_snapshot),
		M(test_missing_parts),
		M(test_old_log),
		M(test_other_log),
		T(test_damaged_mark),
		T(test_half_made),
		M(test_leadership_lost),
		M(test_outcome_unknown),
		T(test_full_disk),
	};
	const struct CMUnitTest alone[] = { T(full_disk) };

	if (argc == 4 && str_eq(argv[1], "--crash"))
		return crashed_writer(argv[2], argv[3]);
	if (argc == 2 && str_eq(argv[1], "--full-disk"))
		return cmocka_run_group_tests_name("a file system of its own", alone, NULL, NULL);
	return cmocka_run_group_tests_name("state_traps", tests, NULL, NULL);
}
