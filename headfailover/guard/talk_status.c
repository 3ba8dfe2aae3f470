/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of headfailover/guard/talk.h: how things stand, for programs of this machine. */
#include "headfailover/guard/talk.h"

#include <stdio.h>
#include <string.h>

static const char *role_of(const struct talk *t, const struct loop_now *n)
{
	if (n->lease.quarantine)
		return "quarantine";
	if (!t->config->head)
		return "witness";
	if (n->lease.state == HEAD_HOLDING)
		return "holder";
	return n->lease.paused ? "paused" : "standby";
}

static void peers(const struct talk *t, const struct loop_now *n, struct control_status *s)
{
	for (uint8_t v = 0; v < t->config->lease.n_voters; v++) {
		const struct lease_peer *p = &n->lease.peers[v];
		struct control_peer *out = &s->peers[s->n_peers];

		if (v == t->config->lease.self)
			continue;
		s->n_peers++;
		*out = (struct control_peer){ .voter = v,
					      .flags = p->flags,
					      .head = v < LEASE_HEADS,
					      .heard = p->heard,
					      .ago_ns = p->heard ? n->lease.now_ns - p->heard_ns : 0,
					      .got = n->got[v] };
		snprintf(out->name, sizeof(out->name), "%s", t->config->names[v]);
	}
}

/* The first that stands in its way. */
static void problem(const struct talk *t, const struct loop_now *n, struct control_status *s)
{
	if (n->unfit & LOOP_SERVICES)
		snprintf(s->problem, sizeof(s->problem), "%s", t->unfit_text[0] ? t->unfit_text : "its services fail");
	else if (n->unfit & LOOP_CABLE)
		snprintf(s->problem, sizeof(s->problem), "an interface of the service addresses has no carrier");
	else if (n->unfit & LOOP_ADDRESSES)
		snprintf(s->problem, sizeof(s->problem), "the service addresses can't be put in place: %s", n->addresses.error);
	else if (n->unfit & LOOP_CLOCK)
		snprintf(s->problem, sizeof(s->problem),
			 "its clock is made to run too fast or too slow: see the event clock-rate");
	else
		memcpy(s->problem, t->problem, sizeof(s->problem));
}

void talk_status(struct talk *t, struct control_status *s)
{
	struct loop_now n;

	loop_see(t->loop, &n);
	*s = (struct control_status){ .epoch = n.lease.epoch,
				      .lease_ns = t->config->lease.lease_ns,
				      .renew_ns = t->config->lease.renew_ns,
				      .open = n.lease.gate_ns > loop_clock(t->loop),
				      .paused = n.lease.paused,
				      .unfit = !n.lease.fit,
				      .quarantine = n.lease.quarantine != 0,
				      .takeovers = t->takeovers,
				      .losses = t->losses,
				      .late = t->late,
				      .dropped = t->loop->notes.dropped,
				      .refused = n.refused };
	snprintf(s->cluster, sizeof(s->cluster), "%s", t->config->cluster);
	snprintf(s->self, sizeof(s->self), "%s", t->config->names[t->config->lease.self]);
	snprintf(s->role, sizeof(s->role), "%s", role_of(t, &n));
	snprintf(s->gate, sizeof(s->gate), "%s", t->gate_name);
	if (n.lease.owner < t->config->lease.n_voters) {
		snprintf(s->holder, sizeof(s->holder), "%s", t->config->names[n.lease.owner]);
		s->left_ns = n.lease.until_ns - n.lease.now_ns;
		s->held_ns = n.lease.owner == t->holder ? n.lease.now_ns - t->holder_ns : 0;
	}
	spread_look(&t->renewals, &s->renewals);
	spread_look(&t->gaps, &s->gaps);
	peers(t, &n, s);
	problem(t, &n, s);
}
