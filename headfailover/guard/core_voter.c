/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The voter: whom it grants the lease, and for how long. Rules 1 to 4 of docs/failover.md. */
#include "headfailover/guard/core_priv.h"

uint8_t lease_voter_owner(const struct lease *l)
{
	return l->now < l->owner_until ? l->owner : LEASE_NOBODY;
}

/* Would it let the sender have it? Never while another's lease is live: all safety is in that line. */
static bool lets(const struct lease *l, const struct lease_msg *m)
{
	uint8_t owner = lease_voter_owner(l);

	if (owner != LEASE_NOBODY && owner != m->from)
		return false;
	return m->ballot >= l->promised && m->ballot > l->closed;
}

static void grant(struct lease *l, const struct lease_msg *m)
{
	l->owner = m->from;
	l->owner_ballot = m->ballot;
	l->owner_epoch = m->epoch;
	l->owner_until = l->now + m->lease_ns;
	l->busy_owner = m->from;
	l->busy_until = l->owner_until;
	if (m->from == l->config.self)
		return;
	l->last_owner = m->from;
	l->last_owner_ns = l->now;
	l->hold_off_until = l->now; /* whom it was given to has it: should that one die now, somebody is to take over */
	/* Somebody was quicker, or took what was given: there is nothing to ask for. */
	if (l->state == HEAD_PREPARING || l->state == HEAD_PROPOSING || l->state == HEAD_RELEASING)
		lease_head_watch(l);
}

/* It is over at whoever gave it up; and nothing that he asked for before comes true. */
static void close_lease(struct lease *l, const struct lease_msg *m)
{
	if (m->ballot <= l->closed)
		return;
	l->closed = m->ballot;
	if (l->promised < m->ballot)
		l->promised = m->ballot;
	if (l->owner == m->from && l->owner_ballot <= m->ballot && l->owner_epoch <= m->epoch)
		l->owner_until = l->now;
	if (m->from == l->config.self)
		return;
	if (l->last_owner == m->from)
		l->last_owner = LEASE_NOBODY;
	if (l->busy_owner == m->from && l->busy_until > l->now)
		l->busy_until = l->now;
	if (m->owner == l->config.self) {
		l->hold_off_until = l->now;
		if (l->state == HEAD_RELEASING)
			lease_head_watch(l);
	}
	/* Who asked in vain asks anew. */
	if (l->state == HEAD_WATCH || l->state == HEAD_PREPARING)
		lease_head_watch(l);
}

static bool answer(struct lease *l, const struct lease_msg *m, enum lease_kind yes, struct lease_msg *reply)
{
	reply->kind = yes;
	reply->ballot = m->ballot;
	if (yes == LEASE_REJECT)
		reply->ballot = l->promised;
	if (yes == LEASE_REJECT || yes == LEASE_PROMISE) {
		reply->epoch = l->heard_epoch;
		reply->owner = lease_voter_owner(l);
		if (reply->owner != LEASE_NOBODY)
			reply->lease_ns = l->owner_until - l->now;
	}
	return true;
}

bool lease_voter_hear(struct lease *l, struct lease_actions *a, const struct lease_msg *m, struct lease_msg *reply)
{
	*reply = (struct lease_msg){ .from = l->config.self, .to = m->from, .owner = LEASE_NOBODY };
	if (m->kind == LEASE_RELEASE) {
		close_lease(l, m);
		return answer(l, m, LEASE_RELEASED, reply);
	}
	if (l->quarantine_until)
		return false;
	/* A quarantine of T is too short after such a lease. */
	if (m->kind == LEASE_PROPOSE && m->lease_ns > l->config.lease_ns) {
		lease_note(a, LEASE_NOTE_LONGER, m->from, m->lease_ns);
		return false;
	}
	if (!lets(l, m))
		return answer(l, m, LEASE_REJECT, reply);
	l->promised = m->ballot;
	if (m->kind == LEASE_PREPARE)
		return answer(l, m, LEASE_PROMISE, reply);
	grant(l, m);
	return answer(l, m, LEASE_ACCEPT, reply);
}
