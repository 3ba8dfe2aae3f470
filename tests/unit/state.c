/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state as its callers see it: many threads, restarts, snapshots, watchers. In memory where that is possible: what disks do
 * is the business of state_traps and state_kill. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "state_help.h"
#include "sys/clock.h"

#include <pthread.h>
#include <stdatomic.h>

static void test_survives_restart(void **state)
{
	struct state *s = must_open(*state, NULL);
	autoclean(state_doc_free) struct state_doc d = { 0 };
	struct err err = { 0 };
	char before[65], after[65];
	uint64_t v1, v2, rev;

	assert_int_equal(state_revision(s), 0);
	assert_int_equal(state_get(s, "site", &d, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	v1 = must_put(s, "site", "{\"a\":1}", 0);
	v2 = must_put(s, "node/n01", "{\"name\":\"n01\"}", STATE_ANY);
	assert_true(v2 > v1);
	assert_int_equal(state_revision(s), v2);
	state_digest(s, before);
	state_close(s);

	s = must_open(*state, NULL);
	state_digest(s, after);
	assert_string_equal(before, after);
	assert_int_equal(state_revision(s), v2);
	assert_int_equal(state_get(s, "site", &d, &err), 0);
	assert_string_equal(d.value, "{\"a\":1}");
	assert_int_equal(d.version, v1);
	/* The next write goes on where the log ended: a second bootstrap would begin again. */
	rev = must_put(s, "site", NULL, v1);
	assert_true(rev > v2);
	state_close(s);
}

static void test_conflicts(void **state)
{
	struct state *s = must_open(*state, NULL);
	struct err err = { 0 };
	char before[65], after[65];
	uint64_t v = must_put(s, "a", "1", 0), rev = 99;

	assert_int_equal(put(s, "a", "2", 0, &rev, &err), -1);
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_non_null(strstr(err.text, "a is there already"));
	assert_int_equal(rev, 99);
	assert_int_equal(put(s, "a", "2", v + 7, &rev, &err), -1);
	assert_non_null(strstr(err.text, "a was changed meanwhile"));
	assert_int_equal(put(s, "b", NULL, 5, &rev, &err), -1);
	assert_non_null(strstr(err.text, "b is gone"));
	state_digest(s, before);
	assert_int_equal(state_write(s, (struct state_op[]){ { "c", "1", 0 }, { "a", "2", 3333 } }, 2, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_CONFLICT);
	state_digest(s, after);
	assert_string_equal(before, after);
	state_close(s);
}

static void test_refuses(void **state)
{
	struct state *s = must_open(*state, NULL);
	static const char *const bad_keys[] = { "", "a b", "a\tb", "\xc3\xa4", "a?b" };
	static const char *const bad_values[] = { "", "{", "{\"a\":1}x", "nonsense", "{\"a\":1,\"a\":2}" };
	struct err err = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(bad_keys); i++) {
		assert_int_equal(put(s, bad_keys[i], "1", STATE_ANY, NULL, &err), -1);
		assert_int_equal(err.kind, ERR_INVALID);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad_values); i++) {
		assert_int_equal(put(s, "a", bad_values[i], STATE_ANY, NULL, &err), -1);
		assert_int_equal(err.kind, ERR_INVALID);
		assert_int_equal(strncmp(err.text, "a: ", 3), 0);
	}
	assert_int_equal(state_write(s, NULL, 0, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	assert_int_equal(state_revision(s), 0);
	state_close(s);
}

static void test_list_and_dump(void **state)
{
	struct state *s = must_open(*state, NULL);
	autoclean(state_docs_free) struct state_docs l = { 0 };
	autofree char *json = NULL;
	struct err err = { 0 };

	must_put(s, "node/n02", "2", 0);
	must_put(s, "node/n10", "3", 0);
	must_put(s, "node/n01", "1", 0);
	must_put(s, "node0", "0", 0);
	must_put(s, "site", "5", 0);
	assert_int_equal(state_list(s, "node/", &l, &err), 0);
	assert_int_equal(l.len, 3);
	assert_string_equal(l.items[0].key, "node/n01");
	assert_string_equal(l.items[1].key, "node/n02");
	assert_string_equal(l.items[2].key, "node/n10");
	assert_int_equal(l.revision, state_revision(s));
	state_docs_free(&l);
	assert_int_equal(state_list(s, "", &l, &err), 0);
	assert_int_equal(l.len, 5);
	state_docs_free(&l);
	assert_int_equal(state_list(s, "zzz", &l, &err), 0);
	assert_int_equal(l.len, 0);
	assert_int_equal(state_dump(s, &json, &err), 0);
	assert_non_null(strstr(json, "{\"key\":\"site\",\"version\":"));
	state_close(s);
}

/* --- many threads --- */

#define ADDERS 12
#define ADDS 40
struct adder {
	struct state *s;
	atomic_uint conflicts;
};

static void *add_main(void *arg)
{
	struct adder *a = arg;

	for (int i = 0; i < ADDS;) {
		autoclean(state_doc_free) struct state_doc d = { 0 };
		struct err err = { 0 };
		char value[32];

		if (state_get(a->s, "counter", &d, &err) < 0)
			return a;
		snprintf(value, sizeof(value), "%d", (int)strtol(d.value, NULL, 10) + 1);
		if (put(a->s, "counter", value, d.version, NULL, &err) == 0)
			i++;
		else if (err.kind == ERR_CONFLICT)
			atomic_fetch_add(&a->conflicts, 1);
		else
			return a;
	}
	return NULL;
}

static void test_counter_is_exact(void **state)
{
	struct state_tuning t = small_tuning();
	struct adder a = { .s = must_open(*state, &t) };
	autoclean(state_doc_free) struct state_doc d = { 0 };
	pthread_t threads[ADDERS];
	struct err err = { 0 };
	void *failed;

	must_put(a.s, "counter", "0", 0);
	for (int i = 0; i < ADDERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_main, &a), 0);
	for (int i = 0; i < ADDERS; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(state_get(a.s, "counter", &d, &err), 0);
	assert_int_equal(strtol(d.value, NULL, 10), ADDERS * ADDS);
	assert_true(a.conflicts > 0); /* else they never met, and this proved nothing */
	state_close(a.s);
}

struct creator {
	struct state *s;
	bool won, failed;
};

static void *create_main(void *arg)
{
	struct creator *c = arg;
	struct err err = { 0 };

	c->won = put(c->s, "lock", "1", 0, NULL, &err) == 0;
	c->failed = !c->won && err.kind != ERR_CONFLICT;
	return NULL;
}

static void test_one_creates(void **state)
{
	struct state *s = must_open(*state, NULL);

	for (int round = 0; round < 5; round++) {
		struct creator c[8];
		pthread_t threads[ARRAY_LEN(c)];
		int won = 0;

		for (size_t i = 0; i < ARRAY_LEN(c); i++) {
			c[i] = (struct creator){ .s = s };
			assert_int_equal(pthread_create(&threads[i], NULL, create_main, &c[i]), 0);
		}
		for (size_t i = 0; i < ARRAY_LEN(c); i++) {
			pthread_join(threads[i], NULL);
			assert_false(c[i].failed);
			won += c[i].won;
		}
		assert_int_equal(won, 1);
		must_put(s, "lock", NULL, STATE_ANY);
	}
	state_close(s);
}

/* --- sizes, snapshots --- */

static void test_big_values(void **state)
{
	struct state_tuning t = small_tuning();
	struct state *s = must_open(*state, &t);
	size_t len = 512 * 1024;
	autofree char *value = mem_zalloc(len + 2);
	char before[65], after[65];
	struct err err = { 0 };

	memset(value, 'x', len);
	value[0] = value[len - 1] = '"';
	for (int i = 0; i < 40; i++) {
		char key[16];

		snprintf(key, sizeof(key), "big/%d", i % 7);
		value[1] = (char)('a' + i % 26);
		must_put(s, key, value, STATE_ANY);
	}
	value[len - 1] = 'x';
	value[len] = '"';
	assert_int_equal(put(s, "big/8", value, STATE_ANY, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	state_digest(s, before);
	state_close(s);
	s = must_open(*state, &t);
	state_digest(s, after);
	assert_string_equal(before, after);
	state_close(s);
}

static void test_many_keys_at_once(void **state)
{
	struct state *s = must_open(*state, NULL);
	autofree struct state_op *ops = mem_array(4096, sizeof(*ops));
	autoclean(state_docs_free) struct state_docs l = { 0 };
	autoclean(str_list_free) struct str_list keys = { 0 };
	struct err err = { 0 };
	uint64_t r;

	for (int i = 0; i < 4096; i++) {
		str_list_addf(&keys, "node/n%04d", 4095 - i);
		ops[i] = (struct state_op){ keys.items[i], "{\"group\":\"compute\"}", 0 };
	}
	if (state_write(s, ops, 4096, &r, &err) < 0)
		fail_msg("%s", err.text);
	state_close(s);
	s = must_open(*state, NULL);
	assert_int_equal(state_list(s, "node/", &l, &err), 0);
	assert_int_equal(l.len, 4096);
	for (int i = 0; i < 4096; i++) {
		assert_string_equal(l.items[i].key, keys.items[4095 - i]);
		assert_int_equal(l.items[i].version, r);
	}
	state_close(s);
}

/* The log is cut off behind a snapshot, and what comes back is the same. */
static void test_snapshot_and_restart(void **state)
{
	struct state_tuning t = small_tuning();
	autofree char *log_dir = fs_join(*state, "log");
	autoclean(str_list_free) struct str_list names = { 0 };
	struct err err = { 0 };
	bool snapshot = false;

	for (int round = 0; round < 4; round++) {
		struct state *s = must_open(*state, &t);
		char before[65], after[65];

		for (int i = 0; i < 150; i++) {
			char key[16];

			snprintf(key, sizeof(key), "k/%d", i * 7 % 50);
			must_put(s, key, i % 5 ? "{\"v\":1}" : NULL, STATE_ANY);
		}
		state_digest(s, before);
		state_close(s);
		s = must_open(*state, &t);
		state_digest(s, after);
		assert_string_equal(before, after);
		state_close(s);
	}
	assert_int_equal(fs_list(log_dir, &names, &err), 0);
	for (size_t i = 0; i < names.len; i++) {
		assert_false(str_starts(names.items[i], "0000000000000001-")); /* the first entries are gone */
		snapshot = snapshot || (str_starts(names.items[i], "snapshot-") && !str_ends(names.items[i], ".meta"));
	}
	assert_true(snapshot);
}

static uint64_t log_bytes(const char *dir)
{
	autofree char *log_dir = fs_join(dir, "log");
	autoclean(str_list_free) struct str_list names = { 0 };
	struct err err = { 0 };
	uint64_t sum = 0;

	assert_int_equal(fs_list(log_dir, &names, &err), 0);
	for (size_t i = 0; i < names.len; i++) {
		autofree char *path = fs_join(log_dir, names.items[i]);
		struct stat st;

		assert_int_equal(stat(path, &st), 0);
		sum += (uint64_t)st.st_size;
	}
	return sum;
}

/* Few but large entries: the log is cut by its bytes, long before the number of entries calls for it. */
static void test_log_stays_small(void **state)
{
	struct state_tuning t = { .member = { .log_bytes = 4u << 20 }, .limits = { .changes_bytes = 1 << 20 } };
	struct state *s = must_open(*state, &t);
	size_t len = 128 * 1024;
	autofree char *value = mem_zalloc(len + 1);
	char before[65], after[65];

	memset(value, 'x', len);
	value[0] = value[len - 1] = '"';
	for (int i = 0; i < 500; i++) {
		value[1] = (char)('a' + i % 26);
		must_put(s, "big", value, STATE_ANY);
	}
	state_digest(s, before);
	state_close(s);
	assert_true(log_bytes(*state) < 40u << 20); /* 62 MiB were written */
	s = must_open(*state, &t);
	state_digest(s, after);
	assert_string_equal(before, after);
	state_close(s);
}

/* --- owning the directory, closing --- */

static void test_one_owner(void **state)
{
	struct state *s = must_open(*state, NULL), *second = NULL;
	struct state_opts other = { .dir = *state, .id = 2, .address = "127.0.0.1:8445" };
	struct err err = { 0 };

	assert_int_equal(try_open(*state, NULL, &second, &err), -1);
	assert_int_equal(err.kind, ERR_CONFLICT);
	must_put(s, "a", "1", 0);
	state_close(s);
	assert_int_equal(state_open(&other, &second, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	other.id = 0;
	assert_int_equal(state_open(&other, &second, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
}

struct busy {
	struct state *s;
	int number;
	int acknowledged; /* the highest number written */
	const char *failed;
};

static void *busy_main(void *arg)
{
	struct busy *b = arg;
	char key[16], value[16];

	snprintf(key, sizeof(key), "b/%d", b->number);
	for (int i = 1;; i++) {
		struct err err = { 0 };

		snprintf(value, sizeof(value), "%d", i);
		if (put(b->s, key, value, STATE_ANY, NULL, &err) == 0) {
			b->acknowledged = i;
			continue;
		}
		if (!strstr(err.text, "being closed"))
			b->failed = "an error that does not say why";
		return NULL;
	}
}

static void *idle_watch_main(void *arg)
{
	struct state_changes c;
	struct err err = { 0 };

	return state_watch(arg, "none", 0, 600 * NS_PER_S, &c, &err) < 0 ? NULL : arg;
}

static void test_stop_under_load(void **state)
{
	struct busy b[6];
	pthread_t threads[ARRAY_LEN(b)], watcher;
	struct state *s = must_open(*state, NULL);
	void *failed;

	assert_int_equal(pthread_create(&watcher, NULL, idle_watch_main, s), 0);
	for (size_t i = 0; i < ARRAY_LEN(b); i++) {
		b[i] = (struct busy){ .s = s, .number = (int)i };
		assert_int_equal(pthread_create(&threads[i], NULL, busy_main, &b[i]), 0);
	}
	while (state_revision(s) < 60)
		clock_sleep_ns(NS_PER_MS);
	state_stop(s);
	pthread_join(watcher, &failed);
	assert_null(failed);
	for (size_t i = 0; i < ARRAY_LEN(b); i++) {
		pthread_join(threads[i], NULL);
		assert_null(b[i].failed);
	}
	state_close(s);
	s = must_open(*state, NULL);
	for (size_t i = 0; i < ARRAY_LEN(b); i++) {
		autoclean(state_doc_free) struct state_doc d = { 0 };
		autofree char *key = str_format("b/%zu", i);
		struct err err = { 0 };

		if (!b[i].acknowledged)
			continue; /* it never got its turn */
		assert_int_equal(state_get(s, key, &d, &err), 0);
		assert_true(strtol(d.value, NULL, 10) >= b[i].acknowledged);
	}
	state_close(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, memory_dir_setup, dir_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_survives_restart),     T(test_conflicts),       T(test_refuses),	   T(test_list_and_dump),
		T(test_counter_is_exact),     T(test_one_creates),     T(test_big_values), T(test_many_keys_at_once),
		T(test_snapshot_and_restart), T(test_log_stays_small), T(test_one_owner),  T(test_stop_under_load),
	};

	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
