/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/guard/loop.h"

#include "headfailover/guard/loop_acts.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)
#define MEND_NS NS_PER_S
#define STOP_NS NS_PER_S /* who is to hear of the release may be dead */
#define LONGEST_NS NS_PER_S

/* --- time */

static int64_t boot_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t loop_clock(const struct loop *l)
{
	const int64_t now = boot_ns();

	if (l->rate == 1)
		return now;
	return l->rate_from_ns + (int64_t)((double)(now - l->rate_from_ns) * l->rate);
}

/* --- the other thread */

int loop_init(struct loop *l, const struct guard_config *config, struct err *err)
{
	l->config = config;
	l->rate = l->rate ? l->rate : 1;
	l->rate_from_ns = boot_ns();
	l->burst_ns = l->timer_ns = LEASE_NEVER;
	lease_init(&l->lease, &config->lease);
	burst_stop(&l->burst);
	return ring_open(&l->orders, sizeof(struct loop_order), err) < 0 ? -1
									 : ring_open(&l->notes, sizeof(struct loop_note), err);
}

void loop_clear(struct loop *l)
{
	ring_close(&l->orders);
	ring_close(&l->notes);
	guard_keys_clear(&l->keys);
	guard_keys_clear(&l->wire.keys);
}

bool loop_order(struct loop *l, uint32_t kind, uint8_t who, bool ok)
{
	const struct loop_order o = { .kind = kind, .who = who, .ok = ok };

	return ring_put(&l->orders, &o);
}

/* A sequence lock: one writes, whoever reads meanwhile reads again. */
static void show(struct loop *l)
{
	struct loop_now *n = &l->now;

	atomic_fetch_add_explicit(&l->version, 1, memory_order_acq_rel);
	atomic_thread_fence(memory_order_release);
	lease_look(&l->lease, &n->lease);
	n->turns = ++l->turns;
	n->unfit = l->unfit;
	n->addresses = l->addresses_state;
	n->refused = 0;
	memset(n->refused_by, 0, sizeof(n->refused_by));
	for (unsigned int i = 0; i < l->links.n; i++) {
		n->links[i] = l->links.link[i].counts;
		for (unsigned int why = 0; why < GUARD_REFUSED_END; why++) {
			n->refused_by[why] += l->wire.refused[i][why];
			n->refused += l->wire.refused[i][why];
		}
	}
	for (unsigned int v = 0; v < LEASE_VOTERS; v++) {
		n->got[v] = 0;
		for (unsigned int i = 0; i < l->links.n; i++)
			n->got[v] += l->wire.peers[v].links[i].heard;
	}
	atomic_fetch_add_explicit(&l->version, 1, memory_order_release);
}

void loop_see(struct loop *l, struct loop_now *out)
{
	uint32_t before;

	do {
		before = atomic_load_explicit(&l->version, memory_order_acquire);
		memcpy(out, &l->now, sizeof(*out));
		atomic_thread_fence(memory_order_acquire);
	} while ((before & 1) || before != atomic_load_explicit(&l->version, memory_order_relaxed));
}

/* --- what comes in */

/* False: it was of no use. */
static bool take_packet(struct loop *l, unsigned int link, const struct guard_got *got)
{
	uint8_t answer[GUARD_LINKS][GUARD_WIRE_LEN];
	struct guard_heard heard;
	const int64_t now = loop_clock(l);
	const enum guard_verdict verdict = guard_wire_hear(&l->wire, link, got->data, got->len, now, &heard);

	if (heard.answer) {
		guard_wire_answer(&l->wire, &heard, answer);
		guard_links_send(&l->links, heard.from, (const uint8_t(*)[GUARD_WIRE_LEN])answer, now);
	}
	if (verdict == GUARD_REFUSED) {
		loop_tell_twins(l);
		return false;
	}
	if (heard.new_boot) {
		const struct loop_note met = { .kind = LOOP_MET, .who = heard.from, .number = heard.boot };

		ring_put(&l->notes, &met);
		loop_step(l, LEASE_ON_RESTARTED, heard.from, true, NULL);
	}
	if (verdict == GUARD_TAKEN)
		loop_step(l, LEASE_ON_MESSAGE, heard.from, true, &heard.msg);
	return true;
}

static void hear(struct loop *l, unsigned int link)
{
	struct guard_got got[GUARD_BATCH];
	bool more = true, useful = false;

	/* Whatever arrives, the timer has its turn: one batch. What is left is readable again at once. */
	const unsigned int n = guard_links_receive(&l->links, link, got, &more, loop_clock(l));

	for (unsigned int i = 0; i < n; i++)
		useful |= take_packet(l, link, &got[i]);
	if (!useful)
		guard_links_useless(&l->links, link, loop_clock(l));
}

static void take_orders(struct loop *l)
{
	struct loop_order o;

	ring_rest(&l->orders);
	while (ring_take(&l->orders, &o)) {
		struct err ignored = { 0 };

		if (o.kind == LOOP_KEYS) {
			(void)!guard_wire_keys(&l->wire, &l->keys, &ignored); /* they were checked */
			atomic_store(&l->keys_wait, false);
		} else if (o.kind == LOOP_FIT || o.kind == LOOP_UNFIT)
			loop_unfit(l, (enum loop_unfit)o.who, o.kind == LOOP_UNFIT);
		else
			loop_step(l, (enum lease_on)o.kind, o.who, o.ok, NULL);
		if (o.kind == LEASE_ON_STOP)
			l->stop_ns = loop_clock(l) + STOP_NS;
	}
}

/* --- its turns */

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

enum { AT_ORDERS, AT_ANNOUNCE, AT_ADDRESSES, AT_LINKS };

static void wait(struct loop *l, struct pollfd fds[AT_LINKS + GUARD_LINKS])
{
	const int64_t when =
		earlier(earlier(l->timer_ns, l->burst_ns), earlier(l->mend_ns, l->stop_ns ? l->stop_ns : LEASE_NEVER));
	const int64_t now = loop_clock(l);
	struct timespec t;
	int64_t left;

	for (unsigned int i = 0; i < AT_LINKS + GUARD_LINKS; i++)
		fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	fds[AT_ORDERS].fd = l->orders.wake;
	if (l->announce && now >= l->look_ns)
		fds[AT_ANNOUNCE].fd = announce_fd(l->announce);
	if (l->addresses)
		fds[AT_ADDRESSES].fd = addresses_fd(l->addresses);
	left = earlier(when, guard_links_poll(&l->links, fds + AT_LINKS, now)) - now;
	left = left < 0 ? 0 : earlier(left, LONGEST_NS);
	t = (struct timespec){ .tv_sec = left / NS_PER_S, .tv_nsec = left % NS_PER_S };
	if (ppoll(fds, AT_LINKS + l->links.n, &t, NULL) < 0)
		for (unsigned int i = 0; i < AT_LINKS + GUARD_LINKS; i++)
			fds[i].revents = 0; /* EINTR: what is ready is so the next time */
}

static void turn(struct loop *l)
{
	struct pollfd fds[AT_LINKS + GUARD_LINKS];

	wait(l, fds);
	for (unsigned int i = 0; i < l->links.n; i++)
		if (fds[AT_LINKS + i].revents)
			hear(l, i);
	if (fds[AT_ORDERS].revents)
		take_orders(l);
	if (loop_clock(l) >= l->timer_ns)
		loop_step(l, LEASE_ON_TIMER, LEASE_NOBODY, true, NULL);
	if (fds[AT_ANNOUNCE].revents)
		loop_look_around(l);
	if (fds[AT_ADDRESSES].revents)
		loop_see_addresses(l);
	if (loop_clock(l) >= l->burst_ns)
		loop_burst(l);
	if (loop_clock(l) >= l->mend_ns) {
		l->mend_ns = loop_clock(l) + MEND_NS;
		(void)guard_links_mend(&l->links);
	}
	show(l);
}

void loop_run_lease(struct loop *l)
{
	l->mend_ns = loop_clock(l) + MEND_NS;
	loop_step(l, LEASE_ON_START, LEASE_NOBODY, true, NULL);
	if (l->announce)
		loop_look_around(l); /* a cable may be out from the beginning */
	while (!atomic_load_explicit(&l->dead, memory_order_relaxed) &&
	       (!l->stop_ns || (!lease_over(&l->lease) && loop_clock(l) < l->stop_ns)))
		turn(l);
	show(l);
}
