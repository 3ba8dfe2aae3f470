/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of the state share: a directory of its own for each test, and short forms of the calls. */
#ifndef ORTHRUS_TESTS_STATE_HELP_H
#define ORTHRUS_TESTS_STATE_HELP_H

#include "base/mem.h"
#include "base/str.h"
#include "headfailover/state/open.h"
#include "headfailover/state/state.h"
#include "sys/fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static inline int dir_setup_in(void **state, const char *parent)
{
	char *dir = str_format("%s/orthrus-state.XXXXXX", parent);

	*state = dir;
	return mkdtemp(dir) ? 0 : -1;
}

/* cmocka setup and teardown: *state is the path of a new directory. */
static inline int dir_setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	return dir_setup_in(state, tmp ? tmp : "/tmp");
}

/* The same on a tmpfs, where there is one: a flush costs nothing there. */
static inline int memory_dir_setup(void **state)
{
	return access("/dev/shm", W_OK) == 0 ? dir_setup_in(state, "/dev/shm") : dir_setup(state);
}

static inline int dir_teardown(void **state)
{
	struct err err = { 0 };
	char *dir = *state;
	int rc = fs_remove_tree(dir, &err);

	free(dir);
	return rc;
}

/* Our own program, for exec: the link itself would be valgrind's. Caller frees. */
static inline char *self_path(void)
{
	char path[512];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path));

	assert_true(n > 0 && (size_t)n < sizeof(path));
	return mem_strndup(path, (size_t)n);
}

/* Small enough that snapshots and new segments come often. */
static inline struct state_tuning small_tuning(void)
{
	return (struct state_tuning){ .member = { .snapshot_threshold = 64, .snapshot_trailing = 16 } };
}

static inline int try_open(const char *dir, const struct state_tuning *t, struct state **out, struct err *err)
{
	static const struct state_tuning defaults;
	struct state_opts o = { .dir = dir, .id = 1, .address = "127.0.0.1:8444" };

	return state_open_tuned(&o, t ? t : &defaults, out, err);
}

static inline struct state *must_open(const char *dir, const struct state_tuning *t)
{
	struct state *s = NULL;
	struct err err = { 0 };

	if (try_open(dir, t, &s, &err) < 0)
		fail_msg("%s (%s)", err.text, err.hint);
	return s;
}

static inline int put(struct state *s, const char *key, const char *value, uint64_t expect, uint64_t *revision, struct err *err)
{
	return state_write(s, &(struct state_op){ key, value, expect }, 1, revision, err);
}

static inline uint64_t must_put(struct state *s, const char *key, const char *value, uint64_t expect)
{
	struct err err = { 0 };
	uint64_t revision = 0;

	if (put(s, key, value, expect, &revision, &err) < 0)
		fail_msg("%s: %s (%s)", key, err.text, err.hint);
	return revision;
}

/* It opens, and holds what it held. */
static inline void opens_with(const char *dir, const char *hex)
{
	struct state *s = must_open(dir, NULL);
	char now[65];

	state_digest(s, now);
	assert_string_equal(now, hex);
	state_close(s);
}

/* The open of `dir` fails as damaged, says `word` and has a hint. */
static inline void must_be_damaged(const char *dir, const char *word, struct err *err)
{
	struct state *s = NULL;

	*err = (struct err){ 0 };
	if (try_open(dir, NULL, &s, err) == 0) {
		state_close(s);
		fail_msg("a damaged state was opened");
	}
	if (err->kind != ERR_DAMAGED || !err->hint[0] || !strstr(err->text, word))
		fail_msg("kind %d: %s (%s); expected '%s'", err->kind, err->text, err->hint, word);
}

#endif
