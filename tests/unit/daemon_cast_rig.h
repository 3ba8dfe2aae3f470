/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tests of orthrusd's casts stand on: a daemon with a real state around them, nodes that ask, administrators that look. */
#ifndef ORTHRUS_TESTS_DAEMON_CAST_RIG_H
#define ORTHRUS_TESTS_DAEMON_CAST_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "daemon/cast_priv.h"
#include "daemon/change.h"
#include "daemon_cast_child.h"
#include "golden_site.h"
#include "state_help.h"
#include "sys/clock.h"
#include "sys/keys.h"

#include <poll.h>

#define LIMIT_NS (30 * NS_PER_S)
#define OK(call)                                                                                                                 \
	do {                                                                                                                     \
		struct err err_ = { 0 }, *err = &err_;                                                                           \
		if ((call) != 0)                                                                                                 \
			fail_msg("%s: %s", #call, err_.text);                                                                    \
	} while (0)

/* --- the daemon around it --- */

struct rig {
	struct daemon d;
	char *dir;
};

static void put_site(struct rig *r, const char *cast)
{
	autofree char *small = golden_text("ok-small.json"), *text = str_format("{\"cast\":{%s},%s", cast, small + 1);

	must_put(r->d.state, "site", text, STATE_ANY);
}

/* Without orders, nodes of no image. */
static void put_run(struct rig *r, const char *node, enum run_state state, const char *image, const char *restore)
{
	autoclean(change_end) struct change c = { 0 };
	autoclean(run_free) struct run run = { 0 };
	autoclean(node_free) struct node n = { .name = mem_strdup(node), .group = mem_strdup("compute") };

	run_set_state(&run, state, 1);
	model_set(&run.image, image);
	if (restore)
		model_set(&run_step(&run, "restore")->result, restore);
	change_begin(&c, &r->d);
	change_node(&c, &n);
	change_run(&c, node, &run);
	OK(change_commit(&c, err));
}

static void begin(struct rig *r)
{
	OK(casts_start(&r->d, &r->d.casts, err));
	r->d.casts->times.begin_ns = LIMIT_NS;
}

static int setup(void **state)
{
	struct rig *r = mem_zalloc(sizeof(*r));
	autofree char *key = NULL, *pub = NULL;
	struct sign_key sign;
	struct verify_key verify;
	char hex[65];
	void *dir;

	assert_int_equal(memory_dir_setup(&dir), 0);
	r->dir = dir;
	r->d.paths.run_dir = r->d.paths.tftp_dir = r->d.paths.ssh_dir = r->d.paths.pki_dir = r->d.paths.store_dir = r->dir;
	pthread_mutex_init(&r->d.change_lock, NULL);
	r->d.state = must_open(r->dir, NULL);
	OK(event_start(&r->d, err));
	key = fs_join(r->dir, "sign.key");
	pub = fs_join(r->dir, "sign.pub");
	OK(sign_key_create(key, err));
	OK(sign_key_load(key, &sign, err));
	verify_key_of(&sign, &verify);
	verify_key_print(&verify, hex);
	OK(fs_write_atomic(pub, hex, strlen(hex), 0644, err));
	sign_key_clear(&sign);
	put_site(r, "");
	begin(r);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;
	void *dir = r->dir;

	assert_true(casts_stop(r->d.casts));
	state_close(r->d.state);
	mac_index_free(&r->d.macs);
	waiting_free(&r->d.waiting);
	pthread_mutex_destroy(&r->d.change_lock);
	free(r);
	return dir_teardown(&dir);
}

/* --- what nodes and administrators do --- */

static enum cast_word ask_once(struct rig *r, struct cast_ask *ask, struct cast_ticket *t)
{
	enum cast_word word;

	ask->id = "i1";
	pthread_mutex_lock(&r->d.change_lock);
	word = casts_ask(r->d.casts, ask, t);
	pthread_mutex_unlock(&r->d.change_lock);
	return word;
}

/* Until it is decided. */
static enum cast_word ask(struct rig *r, const char *node, const char *image, bool again, struct cast_ticket *t)
{
	static const uint8_t have[HAVE_LEN] = { 0xff, 1, 0 };
	struct cast_ask a = { .node = node, .name = image, .again = again, .have = have, .have_len = again ? HAVE_LEN : 0 };
	int64_t until = clock_now_ns() + LIMIT_NS;
	enum cast_word word;

	while ((word = ask_once(r, &a, t)) == CAST_WAIT) {
		assert_true(clock_now_ns() < until);
		poll(NULL, 0, 2);
	}
	return word;
}

static struct cast_ticket must_get(struct rig *r, const char *node, const char *image, bool again)
{
	struct cast_ticket t;

	if (ask(r, node, image, again, &t) != CAST_TICKET)
		fail_msg("%s gets no ticket of %s: %s", node, image, t.reason);
	return t;
}

static void must_not_get(struct rig *r, const char *node, const char *image, bool again, const char *why)
{
	struct cast_ticket t;

	if (ask(r, node, image, again, &t) != CAST_NONE || !strstr(t.reason, why))
		fail_msg("%s, %s: '%s' is not '%s'", node, image, t.reason, why);
}

static void tell(struct rig *r, const char *image, const char *word)
{
	autofree char *path = fs_join(r->dir, image);

	OK(fs_write_atomic(path, word, strlen(word), 0600, err));
}

static char *shown(struct rig *r)
{
	struct buf b = { 0 };
	struct json_out w;

	json_out_init(&w, &b, false);
	casts_print(r->d.casts, &w);
	return buf_steal(&b);
}

static bool shows(struct rig *r, const char *words)
{
	autofree char *all = shown(r);

	return strstr(all, words) != NULL;
}

static void until_shown(struct rig *r, const char *words)
{
	int64_t until = clock_now_ns() + LIMIT_NS;

	while (!shows(r, words)) {
		if (clock_now_ns() > until)
			fail_msg("not shown: %s, but %s", words, shown(r));
		poll(NULL, 0, 2);
	}
}

static void until_all_ended(struct rig *r)
{
	int64_t until = clock_now_ns() + LIMIT_NS;

	while (shows(r, "\"runs\":true")) {
		assert_true(clock_now_ns() < until);
		poll(NULL, 0, 2);
	}
}

static size_t events(struct rig *r, const char *kind)
{
	autoclean(state_docs_free) struct state_docs l = { 0 };
	autofree char *words = str_format("\"kind\":\"%s\"", kind);
	size_t n = 0;

	OK(state_list(r->d.state, "event/", &l, err));
	for (size_t i = 0; i < l.len; i++)
		n += strstr(l.items[i].value, words) != NULL;
	return n;
}

#endif
