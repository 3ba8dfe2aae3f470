/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/tx.h: what the sender decides is done, in its order. */
#include "base/mem.h"
#include "cast/tx_priv.h"
#include "sys/clock.h"

#include <errno.h>
#include <poll.h>
#include <sys/prctl.h>

#define WAIT_MIN_NS 5000 /* a time that has come already costs this: nothing spins */
#define SLACK_NS 1000	 /* of timers: a burst is 52 us at 10 Gbit/s, and the kernel's default is 50 */
#define OVER_ROUNDS 1000

static void next(struct tx *t, struct sender_out *out)
{
	const int64_t now = clock_now_ns();

	pthread_mutex_lock(&t->lock);
	sender_next(t->sender, now, out);
	if (out->act == SENDER_SEND_DATA && !t->first_ns)
		t->first_ns = now;
	t->over |= out->act == SENDER_ENDED;
	pthread_mutex_unlock(&t->lock);
}

static int put_burst(struct tx *t, struct tx_burst *b, struct err *err)
{
	switch (b->out.act) {
	case SENDER_SEND_POLL:
		/* No more bursts may come that rows wait for, or would be said again after. */
		if (b->out.poll.stage != WIRE_PASS && (tx_put_fresh_rows(t, true, err) < 0 || tx_put_rows_again(t, err) < 0))
			return -1;
		return tx_put_poll(t, &b->out.poll, err);
	case SENDER_SEND_ROWS:
		return tx_put_rows(t, b->out.rows_first, b->out.rows_n, err);
	case SENDER_SEND_DATA:
		break;
	case SENDER_WAIT:
	case SENDER_ENDED:
		return 0;
	}
	if (b->failed) {
		*err = b->err;
		return -1;
	}
	return tx_put_fresh_rows(t, false, err) < 0 ? -1 : tx_put(t, b->packets, b->len, t->packet, err);
}

static int send_oldest(struct tx *t, struct err *err)
{
	struct tx_burst *b = tx_ring_oldest(&t->ring);
	const int rc = b ? put_burst(t, b, err) : 0;

	if (b)
		tx_ring_drop(&t->ring);
	return rc;
}

static int wait_until(struct tx *t, int64_t until_ns, struct err *err)
{
	struct pollfd fds[] = { { .fd = t->wake, .events = POLLIN },
				{ .fd = t->fds[0], .events = POLLIN },
				{ .fd = t->fds[1], .events = POLLIN } };
	const int64_t left = until_ns - clock_now_ns(), ns = left < WAIT_MIN_NS ? WAIT_MIN_NS : left;
	const struct timespec time = { .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };
	uint64_t times;

	if (ppoll(fds, 1 + t->n_fds, until_ns == INT64_MAX ? NULL : &time, NULL) < 0)
		return errno == EINTR ? 0 : err_errno(err, errno, "poll");
	if (fds[0].revents && read(t->wake, &times, sizeof(times)) < 0 && errno != EAGAIN && errno != EINTR)
		return err_errno(err, errno, "read an eventfd");
	return 0;
}

static int send_all(struct tx *t, struct err *err)
{
	/* With one hand: first all are made, then all are sent, so that whoever receives them is woken once for all. */
	tx_ring_seal(&t->ring);
	while (t->ring.sent != t->ring.made)
		if (send_oldest(t, err) < 0)
			return -1;
	return 0;
}

/* One round: hear, decide, send. 1: go on; 0: it is over. */
static int round_once(struct tx *t, struct err *err)
{
	struct tx_burst *b = tx_ring_place(&t->ring);
	struct sender_out *out = &b->out;

	if (tx_hear(t, err) < 0)
		return -1;
	if (atomic_load(&t->stop) && !t->stopping) {
		t->stopping = true;
		pthread_mutex_lock(&t->lock);
		sender_stop(t->sender, clock_now_ns());
		pthread_mutex_unlock(&t->lock);
	}
	next(t, out);
	if (out->act == SENDER_SEND_DATA || out->act == SENDER_SEND_POLL || out->act == SENDER_SEND_ROWS) {
		b->counter = t->counter + 1;
		t->counter += out->act == SENDER_SEND_DATA ? out->n : 0;
		tx_ring_put(&t->ring);
		if (tx_ring_place(&t->ring))
			return 1;
		return (t->ring.n_threads ? send_oldest(t, err) : send_all(t, err)) < 0 ? -1 : 1;
	}
	if (send_all(t, err) < 0)
		return -1;
	if (out->act == SENDER_ENDED)
		return 0;
	return wait_until(t, out->until_ns, err) < 0 ? -1 : 1;
}

/* The source failed: who listens is told that it is over, and gets the rest elsewhere. */
static void say_over(struct tx *t)
{
	struct tx_burst *b = &t->ring.bursts[0];
	struct err ignored = { 0 };

	pthread_mutex_lock(&t->lock);
	sender_stop(t->sender, clock_now_ns());
	pthread_mutex_unlock(&t->lock);
	for (unsigned int i = 0; i < OVER_ROUNDS; i++) {
		next(t, &b->out);
		if (b->out.act == SENDER_ENDED)
			return;
		if (b->out.act == SENDER_SEND_POLL && tx_put_poll(t, &b->out.poll, &ignored) < 0)
			return;
		if (b->out.act == SENDER_WAIT && wait_until(t, b->out.until_ns, &ignored) < 0)
			return;
	}
}

static int run(struct tx *t, struct err *err)
{
	int rc = tx_store_start(&t->store, err) < 0 || tx_ring_start(&t->ring, err) < 0 ? -1 : 1;

	while (rc > 0)
		rc = round_once(t, err);
	return rc;
}

int tx_run(struct tx *t, struct err *err)
{
	const int slack = prctl(PR_GET_TIMERSLACK);
	int rc;

	(void)prctl(PR_SET_TIMERSLACK, SLACK_NS);
	rc = run(t, err);
	tx_ring_stop(&t->ring);
	tx_store_stop(&t->store);
	if (rc < 0)
		say_over(t);
	pthread_mutex_lock(&t->lock);
	t->over = true;
	t->last_ns = clock_now_ns();
	pthread_mutex_unlock(&t->lock);
	if (slack > 0)
		(void)prctl(PR_SET_TIMERSLACK, slack);
	return rc < 0 ? -1 : 0;
}
