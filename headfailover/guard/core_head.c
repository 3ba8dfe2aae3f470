/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The head: when it asks for the lease, how it keeps it, and how it gives it up. Rules 5 to 8 of docs/failover.md. */
#include "headfailover/guard/core_priv.h"

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static uint8_t bit(unsigned int voter)
{
	return (uint8_t)(1U << voter);
}

static bool asking(const struct lease *l)
{
	return l->state == HEAD_PREPARING || l->state == HEAD_PROPOSING;
}

static bool majority(const struct lease *l)
{
	uint8_t yes = l->yes;

	if (l->fenced)
		yes |= bit(lease_other(l));
	return (unsigned int)__builtin_popcount(yes) > l->config.n_voters / 2U;
}

/* Nothing heard of it for 2 T. */
static bool silent(const struct lease *l, unsigned int voter)
{
	return l->now - l->peers[voter].heard_ns >= 2 * l->config.lease_ns;
}

static bool able(const struct lease *l, unsigned int voter)
{
	const struct lease_peer *p = &l->peers[voter];

	return p->heard && !silent(l, voter) && !p->flags;
}

/* Of what was sent at `asked_ns`: the end of the belief, if a majority grants it. */
static int64_t belief(const struct lease *l)
{
	return l->asked_ns + l->config.lease_ns - l->margin;
}

static void next_ballot(struct lease *l)
{
	l->ballot = ((l->heard_ballot >> LEASE_NUMBER_BITS) + 1) << LEASE_NUMBER_BITS | l->config.self;
	l->heard_ballot = l->ballot;
	l->yes = 0;
	l->asked_ns = l->now;
}

/* The same to all voters but `except` (bits). What the own one answers counts at once. */
static void say(struct lease *l, struct lease_actions *a, enum lease_kind kind, uint8_t except)
{
	struct lease_msg m = { .kind = kind, .from = l->config.self, .owner = LEASE_NOBODY, .ballot = l->ballot }, reply;

	if (kind == LEASE_PROPOSE)
		m.lease_ns = l->config.lease_ns;
	if (kind == LEASE_RELEASE)
		m.owner = l->heir;
	if (kind != LEASE_PREPARE)
		m.epoch = l->epoch;
	for (unsigned int v = 0; v < l->config.n_voters; v++) {
		m.to = (uint8_t)v;
		if (v != l->config.self && !(except & bit(v)))
			lease_send(l, a, &m);
	}
	m.to = l->config.self;
	lease_voter_hear(l, a, &m, &reply); /* out of quarantine it always answers */
	lease_head_hear(l, a, &reply);
}

static void propose(struct lease *l, struct lease_actions *a)
{
	if (l->state == HEAD_HOLDING) {
		next_ballot(l);
		l->next_ns = l->now + l->config.renew_ns;
	} else {
		l->state = HEAD_PROPOSING;
		l->epoch = l->heard_epoch + 1;
		l->heard_epoch = l->epoch;
		l->yes = 0;
		l->asked_ns = l->now;
		l->next_ns = l->now + later(l->backoff, l->config.renew_ns);
	}
	say(l, a, LEASE_PROPOSE, 0);
}

static void prepare(struct lease *l, struct lease_actions *a)
{
	int64_t renew = l->config.renew_ns;

	if (!asking(l))
		l->trying_since = l->now;
	l->state = HEAD_PREPARING;
	l->backoff = l->backoff ? sooner(2 * l->backoff, l->config.lease_ns) : renew;
	l->next_ns = l->now + l->backoff + lease_chance(l, renew);
	next_ballot(l);
	say(l, a, LEASE_PREPARE, 0);
}

/* The holder asks before it renews: that extends nothing at who hears it. */
static void prepare_renewal(struct lease *l, struct lease_actions *a)
{
	next_ballot(l);
	l->next_ns = l->now + l->config.renew_ns;
	say(l, a, LEASE_PREPARE, 0);
}

static void gain(struct lease *l, struct lease_actions *a)
{
	a->gained = true;
	l->state = HEAD_HOLDING;
	l->next_ns = l->asked_ns + l->config.renew_ns;
	l->backoff = 0;
	l->alone = false;
	if (l->last_owner != LEASE_NOBODY)
		lease_note(a, LEASE_NOTE_TAKEOVER, l->last_owner, l->now - l->last_owner_ns);
	l->last_owner = LEASE_NOBODY;
}

/* "No": another has it for so much longer, or a higher ballot was promised. */
static void rejected(struct lease *l, const struct lease_msg *m)
{
	int64_t wait = m->lease_ns;

	if (!asking(l))
		return;
	if (m->owner == LEASE_NOBODY || m->owner == l->config.self) {
		if (m->ballot <= l->ballot)
			return; /* to an older one of ours */
		wait = lease_chance(l, l->config.renew_ns);
	}
	l->next_ns = sooner(l->next_ns, l->now + wait);
	l->backoff = 0;
}

void lease_head_hear(struct lease *l, struct lease_actions *a, const struct lease_msg *m)
{
	if (m->kind == LEASE_REJECT) {
		rejected(l, m);
		return;
	}
	if (m->ballot != l->ballot)
		return;
	if (m->kind == LEASE_PROMISE && (l->state == HEAD_PREPARING || l->state == HEAD_HOLDING)) {
		l->yes |= bit(m->from);
		if (majority(l))
			propose(l, a);
	} else if (m->kind == LEASE_ACCEPT && (l->state == HEAD_PROPOSING || l->state == HEAD_HOLDING)) {
		l->yes |= bit(m->from);
		if (!majority(l) || l->now >= belief(l))
			return;
		l->until = belief(l);
		l->granted_ns = l->asked_ns;
		if (l->state == HEAD_PROPOSING)
			gain(l, a);
	} else if (m->kind == LEASE_RELEASED && l->state == HEAD_RELEASING) {
		l->yes |= bit(m->from);
	}
}

void lease_head_watch(struct lease *l)
{
	l->state = HEAD_WATCH;
	l->next_ns = l->now;
	l->backoff = 0;
}

void lease_head_lose(struct lease *l, struct lease_actions *a)
{
	a->lost = true;
	lease_head_watch(l);
}

void lease_head_release(struct lease *l, struct lease_actions *a, uint8_t heir)
{
	if (l->state == HEAD_HOLDING)
		lease_note(a, LEASE_NOTE_GIVEN, heir, 0);
	a->lost = l->state == HEAD_HOLDING;
	l->state = HEAD_RELEASING;
	l->heir = heir;
	l->yes = 0;
	l->trying_since = l->now;
	l->next_ns = l->now + l->config.renew_ns;
	l->hold_off_until = l->now + l->config.hold_off_ns;
	say(l, a, LEASE_RELEASE, 0);
}

static void give_way(struct lease *l, struct lease_actions *a)
{
	uint8_t other = lease_other(l);

	if (l->state == HEAD_HOLDING || l->state == HEAD_PROPOSING)
		lease_head_release(l, a, able(l, other) ? other : LEASE_NOBODY);
	else if (l->state == HEAD_PREPARING)
		lease_head_watch(l);
}

static void change(struct lease *l, struct lease_actions *a, uint8_t heir)
{
	if (l->state != HEAD_HOLDING)
		lease_note(a, LEASE_NOTE_NOT_HOLDER, heir, 0);
	else if (!able(l, heir))
		lease_note(a, LEASE_NOTE_UNABLE, heir, 0);
	else
		lease_head_release(l, a, heir);
}

static void fence_done(struct lease *l, struct lease_actions *a, bool ok)
{
	l->fencing = false;
	l->fenced = ok;
	l->next_ns = sooner(l->next_ns, l->now);
	if (ok)
		return;
	l->fence_ns = l->now + l->config.hold_off_ns;
	lease_note(a, LEASE_NOTE_FENCE_FAILED, lease_other(l), 0);
}

void lease_head_order(struct lease *l, struct lease_actions *a, const struct lease_event *e)
{
	bool other = e->who == lease_other(l);

	if (e->kind == LEASE_ON_SWITCH && other)
		change(l, a, e->who);
	else if (e->kind == LEASE_ON_FENCED && other && l->fencing)
		fence_done(l, a, e->ok);
	else if (e->kind == LEASE_ON_FIT || e->kind == LEASE_ON_UNFIT)
		l->unfit = e->kind == LEASE_ON_UNFIT;
	else if (e->kind == LEASE_ON_RESUME)
		l->paused = false;
	else if (e->kind == LEASE_ON_PAUSE || e->kind == LEASE_ON_STOP) {
		l->paused = l->paused || e->kind == LEASE_ON_PAUSE;
		l->stopped = l->stopped || e->kind == LEASE_ON_STOP;
		give_way(l, a);
	}
}

/* When it is to ask, if nothing changes. */
static int64_t ask_at(const struct lease *l)
{
	int64_t at = later(l->next_ns, l->hold_off_until);

	if (l->paused || l->stopped)
		return LEASE_NEVER;
	if (l->owner != l->config.self)
		at = later(at, l->owner_until);
	if (l->unfit)
		at = later(at, l->busy_until + l->config.hold_off_ns);
	return at;
}

/* Two voters need each other. */
static void alone_of_two(struct lease *l, struct lease_actions *a)
{
	uint8_t other = lease_other(l);

	if (!silent(l, other) || l->fenced || l->fencing)
		return;
	if (!l->config.has_fence) {
		if (!l->refused)
			lease_note(a, LEASE_NOTE_REFUSED, other, 0);
		l->refused = true;
	} else if (l->now >= l->fence_ns) {
		a->fence = other;
		l->fencing = true;
	}
}

static void alone_of_more(struct lease *l, struct lease_actions *a)
{
	unsigned int there = 1;

	for (unsigned int v = 0; v < l->config.n_voters; v++)
		there += v != l->config.self && !silent(l, v);
	if (there > l->config.n_voters / 2U || l->alone || l->now - l->trying_since < l->config.lease_ns)
		return;
	l->alone = true;
	lease_note(a, LEASE_NOTE_ALONE, LEASE_NOBODY, 0);
}

static void turn_holding(struct lease *l, struct lease_actions *a)
{
	uint8_t other = lease_other(l);

	if (l->unfit && able(l, other)) {
		lease_head_release(l, a, other);
		return;
	}
	if (l->now < l->next_ns)
		return;
	if (l->now - l->next_ns > l->config.renew_ns)
		lease_note(a, LEASE_NOTE_LATE, l->config.self, l->now - l->next_ns);
	/* Nobody may hear it, or it hears nobody: a PROPOSE that arrives then only makes others wait for longer. */
	if (l->now - l->granted_ns >= 2 * l->config.renew_ns)
		prepare_renewal(l, a);
	else
		propose(l, a);
}

static void turn_releasing(struct lease *l, struct lease_actions *a)
{
	bool all = l->yes == (1U << l->config.n_voters) - 1;

	if (all || l->now - l->trying_since >= l->config.lease_ns) {
		lease_head_watch(l);
	} else if (l->now >= l->next_ns) {
		l->next_ns = l->now + l->config.renew_ns;
		say(l, a, LEASE_RELEASE, l->yes);
	}
}

void lease_head_turn(struct lease *l, struct lease_actions *a)
{
	if (l->state == HEAD_HOLDING)
		turn_holding(l, a);
	if (l->state == HEAD_RELEASING)
		turn_releasing(l, a);
	if (l->state == HEAD_WATCH || asking(l)) {
		if (l->now >= ask_at(l))
			prepare(l, a);
	}
	if (!asking(l))
		return;
	if (l->config.n_voters == 2)
		alone_of_two(l, a);
	else
		alone_of_more(l, a);
}

int64_t lease_head_timer(const struct lease *l)
{
	const struct lease_peer *p = &l->peers[lease_other(l)];
	int64_t silence = p->heard_ns + 2 * l->config.lease_ns;

	if (l->state == HEAD_HOLDING)
		return sooner(l->next_ns, l->until);
	if (l->state == HEAD_RELEASING)
		return l->next_ns;
	if (asking(l) && l->config.n_voters == 2 && silence > l->now)
		return sooner(ask_at(l), silence);
	return ask_at(l);
}
