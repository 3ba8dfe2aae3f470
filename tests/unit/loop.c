/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/sys/loop: posts from many threads in order, calls, work, timers, children, signals, and an orderly end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "sys/clock.h"
#include "sys/loop.h"
#include "sys/spawn.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct loop *started(void)
{
	struct loop *loop = NULL;
	struct err err = { 0 };

	assert_int_equal(loop_new(&loop, &err), 0);
	assert_int_equal(loop_start(loop, "test-loop", &err), 0);
	return loop;
}

#define POSTERS 4
#define POSTS 500
struct seen {
	struct loop *loop;
	int last[POSTERS];
	int total;
	bool disorder, elsewhere;
};
struct one {
	struct seen *seen;
	int poster, number;
};

static void on_post(void *arg)
{
	struct one *o = arg;

	if (o->seen->last[o->poster] + 1 != o->number)
		o->seen->disorder = true;
	if (!loop_here(o->seen->loop))
		o->seen->elsewhere = true;
	o->seen->last[o->poster] = o->number;
	o->seen->total++; /* no lock: all run on one thread */
	free(o);
}

struct poster {
	struct seen *seen;
	int number;
};

static void *poster_main(void *arg)
{
	struct poster *p = arg;

	for (int i = 1; i <= POSTS; i++) {
		struct one *o = mem_zalloc(sizeof(*o));

		*o = (struct one){ p->seen, p->number, i };
		if (!loop_post(p->seen->loop, on_post, o))
			return p;
	}
	return NULL;
}

static void test_posts_in_order(void **state)
{
	struct seen seen = { .loop = started() };
	struct poster posters[POSTERS];
	pthread_t threads[POSTERS];

	(void)state;
	assert_false(loop_here(seen.loop));
	for (int i = 0; i < POSTERS; i++) {
		posters[i] = (struct poster){ &seen, i };
		assert_int_equal(pthread_create(&threads[i], NULL, poster_main, &posters[i]), 0);
	}
	for (int i = 0; i < POSTERS; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	/* What was posted before the stop still runs. */
	loop_free(seen.loop);
	assert_int_equal(seen.total, POSTERS * POSTS);
	assert_false(seen.disorder);
	assert_false(seen.elsewhere);
}

static void add_one(void *arg)
{
	++*(int *)arg;
}

static void call_inside(void *arg)
{
	struct seen *s = arg;

	if (!loop_call(s->loop, add_one, &s->total))
		s->disorder = true;
}

static void test_call(void **state)
{
	struct seen seen = { .loop = started() };

	(void)state;
	assert_true(loop_call(seen.loop, add_one, &seen.total));
	assert_int_equal(seen.total, 1); /* it has run when the call returns */
	assert_true(loop_call(seen.loop, call_inside, &seen));
	assert_int_equal(seen.total, 2);
	assert_false(seen.disorder);
	loop_stop(seen.loop);
	loop_stop(seen.loop);
	assert_false(loop_post(seen.loop, add_one, &seen.total));
	assert_false(loop_call(seen.loop, add_one, &seen.total));
	loop_free(seen.loop);
	assert_int_equal(seen.total, 2);
	loop_free(NULL);
}

struct job {
	struct loop *loop;
	bool work_here, done_here;
};

static void job_work(void *arg)
{
	struct job *j = arg;

	j->work_here = loop_here(j->loop);
}

static void job_done(void *arg)
{
	struct job *j = arg;

	j->done_here = loop_here(j->loop);
	loop_stop(j->loop);
}

static void test_work_on_a_helper(void **state)
{
	struct job j = { .work_here = true };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(loop_new(&j.loop, &err), 0);
	assert_int_equal(loop_work(j.loop, job_work, job_done, &j, &err), 0);
	loop_run(j.loop);
	assert_false(j.work_here);
	assert_true(j.done_here);
	loop_free(j.loop);
}

struct ticks {
	struct loop *loop;
	struct loop_timer *repeat, *once, *never;
	int repeated, fired;
	int64_t once_at;
};

static void on_repeat(void *arg)
{
	struct ticks *t = arg;

	if (++t->repeated < 3)
		return;
	loop_timer_free(t->repeat); /* in its own function */
	t->repeat = NULL;
}

static void on_once(void *arg)
{
	struct ticks *t = arg;

	if (t->repeated < 3) { /* a busy machine */
		loop_timer_set(t->once, 5 * NS_PER_MS, 0);
		return;
	}
	t->fired++;
	t->once_at = clock_now_ns();
	loop_timer_set(t->once, 60 * NS_PER_S, 0);
	loop_stop(t->loop); /* frees the timers that are left */
}

static void on_never(void *arg)
{
	struct ticks *t = arg;

	t->fired += 100;
}

static void test_timers(void **state)
{
	struct ticks t = { 0 };
	struct err err = { 0 };
	int64_t begin = clock_now_ns();

	(void)state;
	assert_int_equal(loop_new(&t.loop, &err), 0);
	t.repeat = loop_timer_new(t.loop, on_repeat, &t);
	t.once = loop_timer_new(t.loop, on_once, &t);
	t.never = loop_timer_new(t.loop, on_never, &t);
	loop_timer_set(t.never, NS_PER_MS, 0);
	loop_timer_stop(t.never);
	loop_timer_set(t.repeat, 0, 2 * NS_PER_MS);
	loop_timer_set(t.once, 60 * NS_PER_S, 0);
	loop_timer_set(t.once, 40 * NS_PER_MS, 0); /* anew */
	loop_run(t.loop);
	assert_int_equal(t.repeated, 3);
	assert_int_equal(t.fired, 1);
	assert_true(t.once_at - begin >= 40 * NS_PER_MS);
	loop_free(t.loop);
	loop_timer_free(NULL);
}

struct children {
	struct loop *loop;
	pid_t pid[3];
	int status[3];
	int n;
};

static void on_child(void *ctx, pid_t pid, int status)
{
	struct children *c = ctx;

	for (int i = 0; i < 3; i++)
		if (c->pid[i] == pid)
			c->status[i] = status;
	if (++c->n == 3)
		loop_stop(c->loop);
}

static pid_t sleeper(unsigned int ms, int code)
{
	pid_t pid = fork();

	if (pid == 0) {
		usleep(ms * 1000);
		_exit(code);
	}
	return pid;
}

static void test_children(void **state)
{
	struct children c = { 0 };
	struct err err = { 0 };
	pid_t other;

	(void)state;
	if (syscall(SYS_pidfd_open, getpid(), 0) < 0 && errno == ENOSYS)
		skip(); /* an old valgrind does not know it */
	assert_int_equal(loop_new(&c.loop, &err), 0);
	other = sleeper(0, 9);
	c.pid[0] = sleeper(0, 0);
	c.pid[1] = sleeper(20, 7);
	c.pid[2] = sleeper(60000, 0);
	for (int i = 0; i < 3; i++) {
		c.status[i] = -1;
		assert_int_equal(loop_child(c.loop, c.pid[i], on_child, &c, &err), 0);
	}
	assert_int_equal(kill(c.pid[2], SIGTERM), 0);
	/* Beside it, spawn_run() waits for its own. */
	assert_int_equal(SPAWN(&err, "true"), 0);
	loop_run(c.loop);
	assert_int_equal(c.status[0], 0);
	assert_int_equal(c.status[1], 7);
	assert_int_equal(c.status[2], 128 + SIGTERM);
	assert_int_equal(waitpid(other, NULL, 0), other); /* not taken from its owner */
	assert_int_equal(loop_child(c.loop, other, on_child, &c, &err), -1);
	assert_int_equal(err.kind, ERR_FAILED);
	loop_free(c.loop);
}

struct signals {
	struct loop *loop;
	atomic_int n;
};

static void on_signal(void *arg)
{
	struct signals *s = arg;

	if (++s->n == 2)
		loop_stop(s->loop);
}

static void raise_usr1(void *arg)
{
	(void)arg;
	kill(getpid(), SIGUSR1);
}

static void test_signals(void **state)
{
	struct signals s = { 0 };
	struct loop_signal *unused;
	struct loop_timer *timer;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(loop_new(&s.loop, &err), 0);
	loop_signal_new(s.loop, SIGUSR1, on_signal, &s);
	unused = loop_signal_new(s.loop, SIGUSR2, on_signal, &s);
	loop_signal_free(unused);
	loop_signal_free(NULL);
	timer = loop_timer_new(s.loop, raise_usr1, NULL);
	loop_timer_set(timer, 0, 2 * NS_PER_MS);
	loop_run(s.loop);
	assert_int_equal(s.n, 2);
	loop_free(s.loop);
}

struct piped {
	struct loop *loop;
	struct loop_fd *watch;
	int fds[2], called;
	char got[8];
	size_t len;
};

/* Four bytes come in two writes, then the end: read as they come, and called for the end too. */
static void on_pipe(void *arg)
{
	struct piped *p = arg;
	ssize_t n = read(p->fds[0], p->got + p->len, sizeof(p->got) - p->len);

	p->called++;
	assert_true(n >= 0);
	p->len += (size_t)n;
	if (p->called == 1) {
		assert_int_equal(write(p->fds[1], "cd", 2), 2);
		close(steal_fd(p->fds[1]));
	}
	if (n == 0) {
		loop_fd_free(p->watch); /* in its own function */
		close(steal_fd(p->fds[0]));
		loop_stop(p->loop);
	}
}

static void test_fd(void **state)
{
	struct piped p = { 0 };
	struct loop_fd *left = NULL, *none = NULL;
	struct err err = { 0 };
	int other[2], closed;

	(void)state;
	assert_int_equal(pipe(p.fds), 0);
	assert_int_equal(pipe(other), 0);
	assert_int_equal(loop_new(&p.loop, &err), 0);
	assert_int_equal(loop_fd_new(p.loop, p.fds[0], on_pipe, &p, &p.watch, &err), 0);
	assert_int_equal(loop_fd_new(p.loop, other[0], on_pipe, NULL, &left, &err), 0); /* never: freed with the loop */
	assert_int_equal(write(p.fds[1], "ab", 2), 2);
	loop_run(p.loop);
	assert_memory_equal(p.got, "abcd", 4);
	assert_int_equal(p.called, 3);
	/* What can't be polled is an error, with nothing to free. */
	closed = dup(other[0]);
	close(closed);
	assert_int_equal(loop_fd_new(p.loop, closed, on_pipe, NULL, &none, &err), -1);
	assert_null(none);
	loop_fd_free(NULL);
	loop_free(p.loop);
	close(other[0]);
	close(other[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_posts_in_order), cmocka_unit_test(test_call), cmocka_unit_test(test_work_on_a_helper),
		cmocka_unit_test(test_timers),	       cmocka_unit_test(test_fd),   cmocka_unit_test(test_children),
		cmocka_unit_test(test_signals),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
