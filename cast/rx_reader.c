/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/rx.h: the thread that hears and answers, and sees when it is over. */
#include "base/mem.h"
#include "cast/rx_priv.h"
#include "sys/clock.h"

#include <errno.h>
#include <poll.h>

#define RX_WAIT_MIN_NS 5000 /* what is due at once costs this: nothing spins */
#define RX_LOOK_NS NS_PER_S /* at least so often the silence is measured */
#define RX_PAUSE_NS (NS_PER_MS / 2)
#define RX_PAUSE_LONG_NS NS_PER_MS /* what comes in it at 40 Gbit/s fits in: */
#define RX_BUFFER_LARGE 8192	   /* KiB */
#define RX_STREAM 2		   /* units since the last wait */

struct rx_pace {
	unsigned int units, came;
	bool full;
};

void rx_wake(const struct rx *r)
{
	const int was = errno;
	const uint64_t one = 1;

	(void)!write(r->wake, &one, sizeof(one)); /* full: it is awake already */
	errno = was;
}

/* Under the lock. Nothing is on its way to the sink or waits for a digest. */
static bool idle(const struct rx *r)
{
	return !r->queue.first && !r->parked.first && !r->hands_taken;
}

/* Nothing of the sender is heard, or only its small packets: somewhere on the way large ones are lost, all of them. */
static bool silent(const struct rx *r, int64_t now_ns)
{
	int64_t since = r->heard_ns < r->data_ns ? r->heard_ns : r->data_ns;

	return now_ns - since > r->opts.silence_ns;
}

static enum rx_end ended(struct rx *r, int64_t now_ns)
{
	struct receiver_view v;

	if (r->end != RX_GOING)
		return r->end;
	receiver_look(r->receiver, &v);
	if (v.chunks_good == layout_chunks(r->layout))
		return RX_WHOLE;
	if (atomic_load(&r->stop))
		return RX_STOPPED;
	r->ending = v.over || v.blocks_lacking == 0 || silent(r, now_ns);
	if (!r->ending)
		return RX_GOING;
	/* What is whole already is stored still; what waits for its digest won't get it. */
	if (v.over)
		return r->queue.first || r->hands_taken ? RX_GOING : RX_OVER;
	if (silent(r, now_ns))
		return r->queue.first || r->hands_taken ? RX_GOING : RX_SILENT;
	/* Only chunks are left that were wrong twice: they come another way. */
	return v.blocks_lacking == 0 && idle(r) && !r->memory.oldest ? RX_OVER : RX_GOING;
}

/* Out of the lock. */
static void send_report(struct rx *r, const struct wire_report *report)
{
	const struct wire_head head = {
		.type = WIRE_REPORT, .from = r->session.number, .cast = r->session.cast, .counter = ++r->reports
	};
	uint8_t packet[WIRE_HEAD + WIRE_PACKET_MAX + WIRE_TAG], nonce[SEAL_NONCE];
	const size_t len = wire_report_write(report, packet + WIRE_HEAD);
	struct seal_job job = { .nonce = nonce,
				.aad = packet,
				.aad_len = WIRE_HEAD,
				.in = packet + WIRE_HEAD,
				.out = packet + WIRE_HEAD,
				.len = len,
				.tag = packet + WIRE_HEAD + len };
	struct err err = { 0 };

	wire_head_write(&head, packet);
	rx_nonce(head.from, head.counter, nonce);
	seal_close_many(r->own_seal, &job, 1);
	/* What does not leave is as good as lost on the way; that it never does, the sender tells by saying nothing. */
	(void)!net_send(&r->back, packet, WIRE_HEAD + len + WIRE_TAG, WIRE_HEAD + len + WIRE_TAG, &err);
}

/* All that is due; then until when nothing is. */
static int64_t say(struct rx *r)
{
	struct wire_report report;

	for (;;) {
		const int64_t now = clock_now_ns();
		int64_t until = now + RX_LOOK_NS;
		bool due;

		pthread_mutex_lock(&r->lock);
		/* What is left is fetched elsewhere: no more is asked for here. */
		due = (r->end == RX_GOING || r->end == RX_WHOLE || r->durable) &&
		      (r->polled ? rx_ways_told(r, now, &until) && receiver_report(r->receiver, now, &report, &until)
				 : rx_ways_hello(r, now, &report, &until));
		report.probes = r->probes;
		if (due && r->durable && ++r->said_done)
			pthread_cond_broadcast(&r->news);
		pthread_mutex_unlock(&r->lock);
		if (!due)
			return until < now + RX_LOOK_NS ? until : now + RX_LOOK_NS;
		send_report(r, &report);
	}
}

static int take_all(struct rx *r, int n, int64_t now_ns)
{
	bool full;

	pthread_mutex_lock(&r->lock);
	for (int i = 0; i < n; i++)
		rx_take(r, &r->got[i], now_ns);
	rx_flush(r, now_ns);
	if (r->full) /* nobody listens: that is not the sender's silence */
		r->heard_ns = r->data_ns = now_ns;
	if (r->end == RX_GOING) {
		r->end = ended(r, now_ns);
		r->hands_off |= r->end != RX_GOING;
	}
	if (r->end != RX_GOING)
		pthread_cond_broadcast(&r->news);
	rx_queue_judge(r);
	full = r->full;
	pthread_mutex_unlock(&r->lock);
	return full;
}

/* `deaf`: what comes meanwhile waits in the socket. */
static int wait_until(struct rx *r, int64_t until_ns, bool deaf, struct err *err)
{
	struct pollfd fds[1 + WIRE_WAYS] = { { .fd = r->wake, .events = POLLIN } };
	const int64_t left = until_ns - clock_now_ns(), ns = left < RX_WAIT_MIN_NS ? RX_WAIT_MIN_NS : left;
	const struct timespec time = { .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };
	uint64_t times;

	for (unsigned int i = 0; i < r->n_ways; i++)
		fds[1 + i] = (struct pollfd){ .fd = r->ways[i].fd, .events = POLLIN };
	if (ppoll(fds, deaf ? 1 : 1 + r->n_ways, &time, NULL) < 0)
		return errno == EINTR ? 0 : err_errno(err, errno, "poll");
	if (fds[0].revents && read(r->wake, &times, sizeof(times)) < 0 && errno != EAGAIN && errno != EINTR)
		return err_errno(err, errno, "read an eventfd");
	return 0;
}

/* How many units are asked for at a time: few large ones, so that they stay in a core's cache, but many single packets. */
static unsigned int units(const struct rx *r, int n)
{
	for (int i = 0; i < n; i++)
		if (r->got[i].len > r->got[i].each)
			return RX_GOT_LARGE;
	return n > 1 ? RX_GOT : RX_GOT_LARGE;
}

/* Takes what there is, then waits. In a stream it waits for a while and not for the next packet: to be woken for each one costs
 * more than to take it. */
static int round_once(struct rx *r, struct rx_pace *p, struct err *err)
{
	const bool deaf = p->full;
	const int64_t now = clock_now_ns(), pause = r->buffer_kib >= RX_BUFFER_LARGE ? RX_PAUSE_LONG_NS : RX_PAUSE_NS;
	bool stream, more = false;
	int64_t until;

	p->full = false;
	for (unsigned int i = 0; i < r->n_ways; i++) {
		const unsigned int asked = p->units;
		const int n = deaf ? 0 : net_receive(r->ways[i].fd, r->got, asked, err);

		if (n < 0)
			return -1;
		r->way = &r->ways[i];
		p->full |= take_all(r, n, i ? clock_now_ns() : now);
		p->came += (unsigned int)n;
		p->units = units(r, n);
		more |= (unsigned int)n == asked;
	}
	rx_ways_settle(r);
	until = say(r);
	if (more || rx_store_quick(r))
		return 0;
	stream = p->came >= RX_STREAM && !p->full;
	p->came = 0;
	if (stream && until > now + pause)
		until = now + pause;
	return wait_until(r, until, stream || p->full, err);
}

static bool closing(struct rx *r)
{
	bool yes;

	pthread_mutex_lock(&r->lock);
	yes = r->closing;
	pthread_mutex_unlock(&r->lock);
	return yes;
}

void *rx_reader(void *arg)
{
	struct rx *r = arg;
	struct err err = { 0 };
	struct rx_pace pace = { .units = RX_GOT };
	int rc = 0;

	while (rc == 0 && !closing(r))
		rc = round_once(r, &pace, &err);
	pthread_mutex_lock(&r->lock);
	if (r->end == RX_GOING) {
		r->end = rc < 0 ? RX_FAILED : RX_STOPPED;
		r->err = err;
	}
	r->hands_off = true;
	r->running = false;
	pthread_cond_broadcast(&r->news);
	pthread_mutex_unlock(&r->lock);
	return NULL;
}
