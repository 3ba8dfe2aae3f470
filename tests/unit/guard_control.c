/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What orthrus-guard's two threads and other programs say to each other: rings, spreads, the control socket. */
#include "headfailover/guard/control.h"
#include "headfailover/guard/ring.h"
#include "headfailover/guard/spread.h"

#include "base/mem.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* --- spread */

static void test_a_spread_of_none_one_and_many(void **state)
{
	struct spread_view v;
	struct spread s = { 0 };

	(void)state;
	spread_look(&s, &v);
	assert_int_equal(v.count + v.p50_us + v.p99_us + v.max_us + v.worst_us + v.last_us, 0);
	spread_add(&s, 1500);
	spread_look(&s, &v);
	assert_int_equal(v.p50_us, 2);
	assert_int_equal(v.p99_us, 2);
	for (int i = 2; i <= 100; i++)
		spread_add(&s, INT64_C(1000) * i); /* with the one above: 2, 2, 3 ... 100 */
	spread_look(&s, &v);
	assert_int_equal(v.count, 100);
	assert_int_equal(v.p50_us, 50);
	assert_int_equal(v.p99_us, 99);
	assert_int_equal(v.max_us, 100);
	assert_int_equal(v.last_us, 100);
}

static void test_a_spread_forgets_all_but_the_worst(void **state)
{
	struct spread_view v;
	struct spread s = { 0 };

	(void)state;
	spread_add(&s, INT64_MAX);
	spread_add(&s, -5);
	for (int i = 0; i < SPREAD_KEPT; i++)
		spread_add(&s, 7000);
	spread_look(&s, &v);
	assert_int_equal(v.count, SPREAD_KEPT + 2);
	assert_int_equal(v.max_us, 7);
	assert_int_equal(v.worst_us, UINT32_MAX);
}

/* --- ring */

static void test_a_full_ring_drops_the_new_and_counts(void **state)
{
	struct err err = { 0 };
	autofree struct ring *r = mem_zalloc(sizeof(*r));
	uint64_t v;

	(void)state;
	assert_int_equal(ring_open(r, RING_RECORD + 1, &err), -1);
	assert_int_equal(ring_open(r, sizeof(v), &err), 0);
	assert_false(ring_take(r, &v));
	for (uint64_t i = 0; i < RING_SLOTS; i++)
		assert_true(ring_put(r, &i));
	v = 99;
	assert_false(ring_put(r, &v));
	assert_int_equal(r->dropped, 1);
	for (uint64_t i = 0; i < RING_SLOTS; i++) {
		assert_true(ring_take(r, &v));
		assert_int_equal(v, i);
	}
	assert_false(ring_take(r, &v));
	ring_close(r);
}

#define PUT_MANY 200000
static void *put_many(void *ctx)
{
	struct ring *r = ctx;

	for (uint64_t i = 0; i < PUT_MANY;)
		if (ring_put(r, &i))
			i++;
	return NULL;
}

static void test_a_ring_between_threads(void **state)
{
	struct err err = { 0 };
	autofree struct ring *r = mem_zalloc(sizeof(*r));
	uint64_t want = 0, v;
	pthread_t t;

	(void)state;
	assert_int_equal(ring_open(r, sizeof(v), &err), 0);
	assert_int_equal(pthread_create(&t, NULL, put_many, r), 0);
	while (want < PUT_MANY) {
		struct pollfd p = { .fd = r->wake, .events = POLLIN };

		assert_int_equal(poll(&p, 1, 60000), 1);
		ring_rest(r);
		while (ring_take(r, &v))
			assert_int_equal(v, want++);
	}
	pthread_join(t, NULL);
	ring_close(r);
}

/* --- the control socket */

struct world {
	char dir[64], path[96];
	struct control control;
	struct control_request last;
	unsigned int asked;
	int stop[2];
	pthread_t thread;
	pthread_mutex_t lock;
	struct control_event event;
	bool tell;
};

static void answer(void *ctx, const struct control_request *q, struct control_answer *a)
{
	struct world *w = ctx;

	w->last = *q;
	w->asked++;
	a->status.epoch = 42;
	if (q->ask == CONTROL_SWITCH) {
		a->error = ERR_REFUSED;
		snprintf(a->text, sizeof(a->text), "head2 is not heard");
		snprintf(a->hint, sizeof(a->hint), "look at its cable");
	}
}

static void *serve(void *ctx)
{
	struct world *w = ctx;

	for (;;) {
		struct pollfd fds[1 + CONTROL_POLLED] = { { .fd = w->stop[0], .events = POLLIN } };
		char c;

		control_poll(&w->control, fds + 1);
		assert_true(poll(fds, 1 + CONTROL_POLLED, -1) > 0);
		pthread_mutex_lock(&w->lock);
		control_serve(&w->control, fds + 1, answer, w);
		pthread_mutex_unlock(&w->lock);
		if (!fds[0].revents)
			continue;
		assert_int_equal(read(w->stop[0], &c, 1), 1);
		if (c == 'q')
			return NULL;
		control_tell(&w->control, &w->event);
	}
}

static int setup(void **state)
{
	struct world *w = mem_zalloc(sizeof(*w));
	struct err err = { 0 };

	snprintf(w->dir, sizeof(w->dir), "/tmp/orthrus-control.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/control", w->dir);
	assert_int_equal(control_open(&w->control, w->path, (gid_t)-1, &err), 0);
	assert_int_equal(pipe2(w->stop, O_CLOEXEC), 0);
	pthread_mutex_init(&w->lock, NULL);
	assert_int_equal(pthread_create(&w->thread, NULL, serve, w), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	assert_int_equal(write(w->stop[1], "q", 1), 1);
	pthread_join(w->thread, NULL);
	control_close(&w->control);
	unlink(w->path);
	rmdir(w->dir);
	close(w->stop[0]);
	close(w->stop[1]);
	free(w);
	return 0;
}

static void test_it_answers_and_refuses(void **state)
{
	struct world *w = *state;
	struct control_request q = { .ask = CONTROL_STATUS };
	struct control_answer a;
	struct err err = { 0 };
	struct stat st;

	assert_int_equal(control_call(w->path, &q, &a, &err), 0);
	assert_int_equal(a.status.epoch, 42);
	q = (struct control_request){ .ask = CONTROL_SWITCH, .name = "head2" };
	assert_int_equal(control_call(w->path, &q, &a, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_string_equal(err.text, "head2 is not heard");
	assert_string_equal(err.hint, "look at its cable");
	assert_string_equal(w->last.name, "head2");
	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
}

static void test_nobody_answers(void **state)
{
	struct world *w = *state;
	const struct control_request q = { .ask = CONTROL_STATUS };
	struct control_answer a;
	struct err err = { 0 };
	char path[128];

	snprintf(path, sizeof(path), "%s/other", w->dir);
	assert_int_equal(control_call(path, &q, &a, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	assert_true(err.hint[0]);
}

/* Other sizes, versions, kinds, and texts without an end. */
static void test_what_is_no_request_is_hung_up_on(void **state)
{
	struct world *w = *state;
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct control_request q[2];

	memcpy(to.sun_path, w->path, sizeof(w->path));
	for (int i = 0; i < 6; i++) {
		const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		size_t len = sizeof(q[0]);
		char c;

		memset(q, 0, sizeof(q));
		q[0].version = CONTROL_VERSION;
		q[0].ask = CONTROL_STATUS;
		switch (i) {
		case 0:
			len--;
			break;
		case 1:
			len++;
			break;
		case 2:
			q[0].version++;
			break;
		case 3:
			q[0].ask = CONTROL_ASK_END;
			break;
		case 4:
			memset(q[0].name, 'x', sizeof(q[0].name));
			break;
		default:
			memset(q[0].text, 'x', sizeof(q[0].text));
			break;
		}
		assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
		assert_int_equal(send(fd, q, len, MSG_NOSIGNAL), len);
		assert_int_equal(recv(fd, &c, 1, 0), 0);
		close(fd);
	}
	assert_int_equal(w->asked, 0);
}

static void test_more_clients_than_room(void **state)
{
	struct world *w = *state;
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const struct control_request q = { .ask = CONTROL_STATUS };
	int fds[CONTROL_CLIENTS + 1];
	struct control_answer a;
	struct err err = { 0 };
	char c;

	memcpy(to.sun_path, w->path, sizeof(w->path));
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&to, sizeof(to)), 0);
	}
	/* Who says nothing makes room for whoever comes: those that came first, first. */
	assert_int_equal(recv(fds[0], &c, 1, 0), 0);
	assert_int_equal(control_call(w->path, &q, &a, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	/* Who watches is not hung up on for others. */
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		while (control_watch(w->path, &fds[i], &err) < 0) /* those above may be there still */
			assert_int_equal(err.kind, ERR_FAILED);
	assert_int_equal(control_call(w->path, &q, &a, &err), -1);
	assert_int_equal(err.kind, ERR_FAILED);
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		close(fds[i]);
}

static void test_events_reach_who_watches(void **state)
{
	struct world *w = *state;
	struct control_event e;
	struct err err = { 0 };
	int fd;

	w->event = (struct control_event){ .version = CONTROL_VERSION, .wall_s = 7, .kind = "lease-taken", .text = "epoch 5" };
	assert_int_equal(control_watch(w->path, &fd, &err), 0);
	assert_int_equal(write(w->stop[1], "t", 1), 1);
	assert_int_equal(control_next(fd, &e, &err), 1);
	assert_string_equal(e.kind, "lease-taken");
	assert_int_equal(e.wall_s, 7);
	close(fd);
}

/* Who watches and does not read must not hold up the guard. */
static void test_a_watcher_that_sleeps_is_hung_up_on(void **state)
{
	struct world *w = *state;
	struct control_event e;
	struct err err = { 0 };
	unsigned int got = 0;
	int fd, rc;

	w->event.version = CONTROL_VERSION;
	assert_int_equal(control_watch(w->path, &fd, &err), 0);
	for (int i = 0; i < 3000; i++)
		assert_int_equal(write(w->stop[1], "t", 1), 1);
	while ((rc = control_next(fd, &e, &err)) == 1)
		got++;
	assert_int_equal(rc, 0);
	assert_true(got > 0 && got < 3000);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_spread_of_none_one_and_many),
		cmocka_unit_test(test_a_spread_forgets_all_but_the_worst),
		cmocka_unit_test(test_a_full_ring_drops_the_new_and_counts),
		cmocka_unit_test(test_a_ring_between_threads),
		cmocka_unit_test_setup_teardown(test_it_answers_and_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_no_request_is_hung_up_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_more_clients_than_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_events_reach_who_watches, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_watcher_that_sleeps_is_hung_up_on, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
