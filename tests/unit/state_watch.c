/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Watchers and the change callback: every change, once, in order, also over snapshots and restarts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "state_help.h"
#include "sys/clock.h"

#include <pthread.h>
#include <stdatomic.h>

/* --- watching --- */

#define WRITERS 4
#define WRITES 100
#define WATCHERS 3
struct watcher {
	struct state *s;
	const char *prefix;
	size_t want;
	char *seen[WRITERS * WRITES + 1]; /* "key value" */
	uint64_t revision[WRITERS * WRITES + 1];
	size_t n;
	const char *failed;
};

static void *watch_main(void *arg)
{
	struct watcher *w = arg;
	uint64_t since = 0;

	while (w->n < w->want) {
		autoclean(state_changes_free) struct state_changes c = { 0 };
		struct err err = { 0 };

		if (state_watch(w->s, w->prefix, since, 20 * NS_PER_S, &c, &err) < 0 || c.len == 0 ||
		    w->n + c.len > ARRAY_LEN(w->seen)) {
			w->failed = "watch";
			return NULL;
		}
		for (size_t i = 0; i < c.len; i++) {
			w->revision[w->n] = c.items[i].revision;
			w->seen[w->n++] = str_format("%s %s", c.items[i].key, c.items[i].value ? c.items[i].value : "-");
		}
		since = c.revision;
	}
	return NULL;
}

struct scribe {
	struct state *s;
	int number;
};

static void *scribe_main(void *arg)
{
	struct scribe *b = arg;

	for (int i = 0; i < WRITES; i++) {
		char key[32], value[32];
		struct err err = { 0 };

		snprintf(key, sizeof(key), "w%d/k", b->number);
		snprintf(value, sizeof(value), "%d", i);
		if (put(b->s, key, i % 10 == 9 ? NULL : value, STATE_ANY, NULL, &err) < 0)
			return b;
	}
	return NULL;
}

/* Each watcher sees each change once, in the same order, each writer's in the order written; snapshots come in between. */
static void check_seen(const struct watcher *all, const struct watcher *one)
{
	int next[WRITERS] = { 0 };

	assert_int_equal(all->n, WRITERS * WRITES);
	assert_int_equal(one->n, WRITES);
	for (size_t i = 0, j = 0; i < all->n; i++) {
		int w = all->seen[i][1] - '0';
		autofree char *want = next[w] % 10 == 9 ? str_format("w%d/k -", w) : str_format("w%d/k %d", w, next[w]);

		assert_string_equal(all->seen[i], want);
		assert_true(i == 0 || all->revision[i] > all->revision[i - 1]);
		next[w]++;
		if (w == 2) {
			assert_string_equal(one->seen[j], all->seen[i]);
			assert_int_equal(one->revision[j++], all->revision[i]);
		}
	}
}

static void test_watchers_see_all(void **state)
{
	struct state_tuning t = small_tuning();
	struct state *s = must_open(*state, &t);
	struct watcher *w = mem_array(WATCHERS, sizeof(*w));
	struct scribe scribes[WRITERS];
	pthread_t watchers[WATCHERS], writers[WRITERS];

	for (int i = 0; i < WATCHERS; i++) {
		w[i] = (struct watcher){ .s = s, .prefix = i == 2 ? "w2/" : "", .want = i == 2 ? WRITES : WRITERS * WRITES };
		assert_int_equal(pthread_create(&watchers[i], NULL, watch_main, &w[i]), 0);
	}
	for (int i = 0; i < WRITERS; i++) {
		scribes[i] = (struct scribe){ s, i };
		assert_int_equal(pthread_create(&writers[i], NULL, scribe_main, &scribes[i]), 0);
	}
	for (int i = 0; i < WRITERS; i++) {
		void *failed;

		pthread_join(writers[i], &failed);
		assert_null(failed);
	}
	for (int i = 0; i < WATCHERS; i++) {
		pthread_join(watchers[i], NULL);
		assert_null(w[i].failed);
	}
	check_seen(&w[0], &w[2]);
	check_seen(&w[1], &w[2]);
	for (int i = 0; i < WATCHERS; i++)
		for (size_t k = 0; k < w[i].n; k++)
			free(w[i].seen[k]);
	free(w);
	state_close(s);
}

static void test_watch_over_restart(void **state)
{
	struct state_tuning t = small_tuning();
	struct state *s = must_open(*state, &t);
	autoclean(state_changes_free) struct state_changes c = { 0 };
	struct err err = { 0 };
	uint64_t middle = 0;

	for (int i = 0; i < 300; i++) {
		uint64_t r = must_put(s, "k", i % 2 ? "1" : "2", STATE_ANY);

		middle = i == 100 ? r : middle;
	}
	state_close(s);
	s = must_open(*state, &t);
	assert_int_equal(state_watch(s, "", middle, 0, &c, &err), 0);
	assert_int_equal(c.len, 199);
	assert_int_equal(c.revision, state_revision(s));
	state_close(s);
}

static void test_watch_edges(void **state)
{
	struct state_tuning t = { .limits = { .changes = 4 } };
	struct state *s = must_open(*state, &t);
	struct state_changes c;
	struct err err = { 0 };
	int64_t begin;

	for (int i = 0; i < 10; i++)
		must_put(s, "k", "1", STATE_ANY);
	assert_int_equal(state_watch(s, "", 1, 0, &c, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	assert_non_null(strstr(err.hint, "list"));
	/* Nothing of that prefix: waits, then says how far it looked. */
	begin = clock_now_ns();
	assert_int_equal(state_watch(s, "other", state_revision(s) - 2, 50 * NS_PER_MS, &c, &err), 0);
	assert_true(clock_now_ns() - begin >= 50 * NS_PER_MS);
	assert_int_equal(c.len, 0);
	assert_int_equal(c.revision, state_revision(s));
	state_close(s);
}

/* --- the callback --- */

struct called {
	struct state *s;
	atomic_uint n;
	atomic_ullong revision;
	atomic_bool backwards, refused;
};

static void on_change(void *ctx, uint64_t revision)
{
	struct called *c = ctx;
	struct err err = { 0 };

	if (revision < c->revision)
		c->backwards = true;
	if (put(c->s, "x", "1", STATE_ANY, NULL, &err) < 0 && err.kind == ERR_USAGE)
		c->refused = true;
	c->revision = revision;
	c->n++;
}

static void test_callback(void **state)
{
	struct called c = { .s = must_open(*state, NULL) };
	uint64_t r = 0;

	state_on_change(c.s, on_change, &c);
	for (int i = 0; i < 20; i++)
		r = must_put(c.s, "k", "1", STATE_ANY);
	state_close(c.s);
	assert_true(c.n > 0 && c.n <= 20);
	assert_int_equal(c.revision, r);
	assert_true(c.refused);
	assert_false(c.backwards);
}

#define T(f) cmocka_unit_test_setup_teardown(f, memory_dir_setup, dir_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_watchers_see_all),
		T(test_watch_over_restart),
		T(test_watch_edges),
		T(test_callback),
	};

	return cmocka_run_group_tests_name("state_watch", tests, NULL, NULL);
}
