/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the process that casts tells orthrusd: how far it is, and each receiver. */
#include "base/mem.h"
#include "daemon/cast_child_priv.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <poll.h>
#include <unistd.h>

#define TELL_NS (500 * NS_PER_MS)

void cast_child_tell(struct cast_child *c, const struct cast_said_line *l)
{
	pthread_mutex_lock(&c->lock);
	cast_said_write(l, &c->out);
	pthread_mutex_unlock(&c->lock);
}

static void tell_progress(struct cast_child *c)
{
	struct cast_said_line l = { .what = CAST_SAID_PROGRESS };
	struct cast_progress *p = &l.progress;
	struct tx_view v = { 0 };

	tx_look(c->tx, &v);
	*p = (struct cast_progress){ .stage = v.sender.stage ? v.sender.stage : WIRE_GATHER,
				     .pass = v.sender.pass,
				     .data_packets = v.sender.data_packets,
				     .parity_packets = v.sender.parity_packets,
				     .repair_packets = v.sender.repair_packets,
				     .wire_bytes = v.wire_bytes,
				     .rejected = v.rejected,
				     .rate = v.sender.rate,
				     .blocks_to_send = v.sender.blocks_to_send,
				     .blocks_sent = v.sender.blocks_sent,
				     .grtt_us = v.sender.grtt_us,
				     .loss_ppm = v.sender.loss_ppm,
				     .ms = (uint64_t)(v.seconds * 1000),
				     .ways = v.ways };
	cast_child_tell(c, &l);
}

static bool look_at(struct cast_child *c, uint16_t number, int64_t now, struct cast_view *out)
{
	struct sender_receiver_view v = { 0 };

	if (!tx_look_at(c->tx, number, &v))
		return false;
	*out = (struct cast_view){ .number = number,
				   .state = v.heard_ns ? v.state : 0,
				   .lacking = v.blocks_lacking,
				   .loss_ppm = v.loss_ppm,
				   .heard_ms = v.heard_ns && now > v.heard_ns ? (uint64_t)((now - v.heard_ns) / NS_PER_MS) : 0,
				   .straggler = v.straggler,
				   .sent = v.sent,
				   .came = v.came,
				   .reports = v.reports,
				   .pressed = v.pressed,
				   .hellos = v.hellos,
				   .buffer_kib = v.buffer_kib,
				   .probes = v.probes };
	return true;
}

static void tell_receivers(struct cast_child *c)
{
	struct cast_view views[CAST_VIEWS_MAX];
	struct cast_said_line l = { .what = CAST_SAID_RECEIVERS, .views = views };
	int64_t now = clock_now_ns();
	uint16_t last;

	pthread_mutex_lock(&c->lock);
	last = c->last;
	pthread_mutex_unlock(&c->lock);
	for (unsigned int n = 1; n <= last; n++) {
		l.n_views += look_at(c, (uint16_t)n, now, &views[l.n_views]);
		if (l.n_views < CAST_VIEWS_MAX && n < last)
			continue;
		cast_child_tell(c, &l);
		l.n_views = 0;
	}
}

bool cast_child_say(struct cast_child *c)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct err err = { 0 };

	pthread_mutex_lock(&c->lock);
	out = c->out;
	c->out = (struct buf){ 0 };
	pthread_mutex_unlock(&c->lock);
	return fs_write_all(STDOUT_FILENO, "standard output", buf_str(&out), out.len, &err) == 0;
}

void *cast_child_tell_all(void *arg)
{
	struct cast_child *c = arg;
	struct pollfd p = { .fd = c->quit, .events = POLLIN };
	int64_t told = 0;

	for (;;) {
		bool over = poll(&p, 1, 50) > 0;
		int64_t now = clock_now_ns();

		if (over || now - told >= TELL_NS) {
			told = now;
			tell_progress(c);
			tell_receivers(c);
		}
		if (!cast_child_say(c)) {
			tx_stop(c->tx);
			return NULL;
		}
		if (over)
			return NULL;
	}
}
