/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One step of the lease: the time passes, the event is handed to the voter or the head, then whatever is due is done. */
#include "headfailover/guard/core_priv.h"

#include <string.h>

static const char *const state_names[] = { "?", "quarantine", "watch", "preparing", "proposing", "holding", "releasing" };
static const char *const note_names[LEASE_NOTE_END] = { "?",	  "quarantine", "votes", "clock",   "stalled",	    "takeover",
							"late",	  "given",	"alone", "refused", "fence-failed", "not-holder",
							"unable", "longer" };

const char *lease_state_name(enum lease_state state)
{
	return state_names[(unsigned int)state < sizeof(state_names) / sizeof(state_names[0]) ? state : 0];
}

const char *lease_note_name(enum lease_note_kind kind)
{
	return note_names[(unsigned int)kind < LEASE_NOTE_END ? kind : 0];
}

int64_t lease_margin_ns(int64_t lease_ns)
{
	return lease_ns / 1000 + 1000000;
}

int lease_config_check(const struct lease_config *c, struct err *err)
{
	if (c->n_voters != 2 && c->n_voters != 3 && c->n_voters != LEASE_VOTERS)
		return err_set(err, ERR_INVALID, "%u voters: there are two (the heads), three or five", c->n_voters);
	if (c->self >= c->n_voters)
		return err_set(err, ERR_INVALID, "voter %u of %u: they are counted from 0", c->self, c->n_voters);
	if (c->rank > 1)
		return err_set(err, ERR_INVALID, "rank %u of a head: it is 0 or 1", c->rank);
	if (c->lease_ns < LEASE_MIN_NS || c->lease_ns > LEASE_MAX_NS)
		return err_set(err, ERR_INVALID, "a lease of %lld us: it lasts 10 ms to 60 s", (long long)c->lease_ns / 1000);
	/* Three tries before it ends: one that is lost is no failover. */
	if (c->renew_ns < 1000000 || c->renew_ns > (c->lease_ns - lease_margin_ns(c->lease_ns)) / 3)
		return err_set(err, ERR_INVALID, "a lease of %lld us renewed every %lld us: at least 1 ms, at most a third of it",
			       (long long)c->lease_ns / 1000, (long long)c->renew_ns / 1000);
	if (c->hold_off_ns < 2 * c->lease_ns || c->hold_off_ns > 60 * LEASE_MAX_NS)
		return err_set(err, ERR_INVALID, "a hold-off of %lld us: it is at least two leases, and at most an hour",
			       (long long)c->hold_off_ns / 1000);
	if (c->first_round >= LEASE_HIGHEST >> (LEASE_NUMBER_BITS + 1))
		return err_set(err, ERR_INVALID, "a first ballot that leaves no room for others");
	return 0;
}

void lease_init(struct lease *l, const struct lease_config *config)
{
	*l = (struct lease){ .config = *config,
			     .margin = lease_margin_ns(config->lease_ns),
			     .random = (config->seed ^ UINT64_C(0x9e3779b97f4a7c15)) | 1,
			     .owner = LEASE_NOBODY,
			     .busy_owner = LEASE_NOBODY,
			     .last_owner = LEASE_NOBODY,
			     .heir = LEASE_NOBODY,
			     .state = HEAD_QUARANTINE,
			     .heard_ballot = config->first_round << LEASE_NUMBER_BITS };
}

int64_t lease_chance(struct lease *l, int64_t below)
{
	l->random ^= l->random >> 12;
	l->random ^= l->random << 25;
	l->random ^= l->random >> 27;
	return (int64_t)((l->random * UINT64_C(0x2545f4914f6cdd1d) >> 1) % (uint64_t)below);
}

uint8_t lease_other(const struct lease *l)
{
	return l->config.self ^ 1;
}

static bool is_head(const struct lease *l)
{
	return l->config.self < LEASE_HEADS;
}

static uint8_t flags(const struct lease *l)
{
	return (uint8_t)((l->quarantine_until ? LEASE_QUARANTINE : 0) | (l->paused || l->stopped ? LEASE_PAUSED : 0) |
			 (l->unfit ? LEASE_UNFIT : 0));
}

void lease_note(struct lease_actions *a, enum lease_note_kind kind, uint8_t who, int64_t value)
{
	if (a->n_notes < LEASE_NOTES)
		a->notes[a->n_notes++] = (struct lease_note){ kind, who, value };
}

void lease_send(struct lease *l, struct lease_actions *a, const struct lease_msg *m)
{
	struct lease_msg *out = &a->send[a->n_send];

	if (a->n_send == LEASE_SENDS)
		return;
	a->n_send++;
	*out = *m;
	out->from = l->config.self;
	out->flags = flags(l);
	l->peers[m->to].said_ns = l->now;
}

/* It does not know what it granted, or not for how long: nobody gets anything from it until that must be over. Times of a clock
 * that went back mean nothing now, so all begin anew. */
static void quarantine(struct lease *l, struct lease_actions *a, int64_t at_least)
{
	if (l->state == HEAD_HOLDING)
		lease_head_lose(l, a);
	l->state = HEAD_QUARANTINE;
	l->quarantine_until = l->now + l->config.lease_ns + l->margin;
	if (l->quarantine_until < l->now + at_least)
		l->quarantine_until = l->now + at_least;
	l->owner_until = l->busy_until = l->next_ns = l->now;
	l->backoff = 0;
	l->last_owner = LEASE_NOBODY;
	if (l->hold_off_until > l->now + l->config.hold_off_ns)
		l->hold_off_until = l->now + l->config.hold_off_ns;
	if (l->fence_ns > l->now + l->config.hold_off_ns)
		l->fence_ns = l->now + l->config.hold_off_ns;
	for (unsigned int v = 0; v < l->config.n_voters; v++) {
		l->peers[v].heard_ns = l->now;
		l->peers[v].said_ns = l->now - l->config.lease_ns;
	}
	lease_note(a, LEASE_NOTE_QUARANTINE, l->config.self, l->quarantine_until);
}

static void pass_time(struct lease *l, struct lease_actions *a, int64_t now)
{
	int64_t passed = now - l->now;

	l->now = now;
	if (passed < 0) {
		lease_note(a, LEASE_NOTE_CLOCK, l->config.self, -passed);
		quarantine(l, a, 0);
	} else if (passed >= l->config.lease_ns) {
		lease_note(a, LEASE_NOTE_STALLED, l->config.self, passed);
		quarantine(l, a, 0);
	}
	if (l->quarantine_until && now >= l->quarantine_until) {
		l->quarantine_until = 0;
		l->state = HEAD_WATCH;
		lease_note(a, LEASE_NOTE_VOTES, l->config.self, 0);
	}
	if (l->state == HEAD_HOLDING && now >= l->until)
		lease_head_lose(l, a);
}

/* Is it one that a voter sends to this one? What the wire checks is checked here again: it is cheap. */
static bool makes_sense(const struct lease *l, const struct lease_msg *m)
{
	if (m->to != l->config.self || m->from == m->to || m->from >= l->config.n_voters)
		return false;
	if (m->ballot >= LEASE_HIGHEST || m->epoch >= LEASE_HIGHEST || m->lease_ns < 0 || m->lease_ns > LEASE_MAX_NS)
		return false;
	if (m->owner != LEASE_NOBODY && m->owner >= LEASE_HEADS)
		return false;
	switch (m->kind) {
	case LEASE_PREPARE:
	case LEASE_PROPOSE:
	case LEASE_RELEASE:
		return m->from < LEASE_HEADS && (m->ballot & LEASE_NUMBER_MASK) == m->from;
	case LEASE_PROMISE:
	case LEASE_ACCEPT:
	case LEASE_REJECT:
	case LEASE_RELEASED:
		return is_head(l);
	case LEASE_HELLO:
		return true;
	case LEASE_KIND_END:
		break;
	}
	return false;
}

/* Whatever it says, its sender lives, and may know more than this voter. */
static void learn(struct lease *l, const struct lease_msg *m)
{
	struct lease_peer *p = &l->peers[m->from];

	p->heard = true;
	p->heard_ns = l->now;
	p->flags = m->flags;
	if (l->heard_ballot < m->ballot)
		l->heard_ballot = m->ballot;
	if (l->heard_epoch < m->epoch)
		l->heard_epoch = m->epoch;
	if (m->kind != LEASE_RELEASE && m->owner != LEASE_NOBODY && l->now + m->lease_ns > l->busy_until) {
		l->busy_owner = m->owner;
		l->busy_until = l->now + m->lease_ns;
	}
	l->refused = false;
	/* While it is in quarantine it has granted nothing to anybody. Afterwards it is asked again, as any voter. */
	if (!(m->flags & LEASE_QUARANTINE))
		l->fenced = false;
}

static void hear(struct lease *l, struct lease_actions *a, const struct lease_msg *m)
{
	struct lease_msg reply;

	if (!makes_sense(l, m))
		return;
	learn(l, m);
	if (m->kind == LEASE_PREPARE || m->kind == LEASE_PROPOSE || m->kind == LEASE_RELEASE) {
		if (lease_voter_hear(l, a, m, &reply))
			lease_send(l, a, &reply);
	} else if (m->kind != LEASE_HELLO) {
		lease_head_hear(l, a, m);
	}
}

/* It forgot what it promised and accepted. (What it granted is safe: it is in quarantine.) */
static void restarted(struct lease *l, unsigned int who)
{
	if (who >= l->config.n_voters || who == l->config.self)
		return;
	l->peers[who].heard = false;
	l->peers[who].flags = 0;
	l->yes &= (uint8_t) ~(1U << who);
}

/* Was it sent something in this step? */
static bool told(const struct lease_actions *a, unsigned int voter)
{
	for (unsigned int i = 0; i < a->n_send; i++)
		if (a->send[i].to == voter)
			return true;
	return false;
}

static void hello(struct lease *l, struct lease_actions *a)
{
	struct lease_msg m = {
		.kind = LEASE_HELLO, .owner = lease_voter_owner(l), .ballot = l->promised, .epoch = l->heard_epoch
	};
	bool changed = flags(l) != l->flags_told;

	if (m.owner != LEASE_NOBODY)
		m.lease_ns = l->owner_until - l->now;
	for (unsigned int v = 0; v < l->config.n_voters; v++) {
		m.to = (uint8_t)v;
		if (v == l->config.self || told(a, v))
			continue;
		if (changed || l->now - l->peers[v].said_ns >= l->config.lease_ns / 2)
			lease_send(l, a, &m);
	}
	l->flags_told = flags(l);
}

static int64_t next_timer(const struct lease *l)
{
	int64_t at = l->quarantine_until;

	if (!at)
		at = is_head(l) ? lease_head_timer(l) : LEASE_NEVER;
	for (unsigned int v = 0; v < l->config.n_voters; v++) {
		int64_t due = l->peers[v].said_ns + l->config.lease_ns / 2;

		if (v != l->config.self && due < at)
			at = due;
	}
	return at;
}

static void happen(struct lease *l, struct lease_actions *a, const struct lease_event *e)
{
	if (e->kind == LEASE_ON_MESSAGE)
		hear(l, a, &e->msg);
	else if (e->kind == LEASE_ON_RESTARTED)
		restarted(l, e->who);
	else if (is_head(l))
		lease_head_order(l, a, e);
}

void lease_step(struct lease *l, const struct lease_event *e, struct lease_actions *a)
{
	a->gate_changed = a->lost = a->gained = false;
	a->n_send = a->n_notes = 0;
	a->fence = LEASE_NOBODY;
	if (!l->started && e->kind == LEASE_ON_START) {
		l->started = true;
		l->now = e->now_ns;
		quarantine(l, a, l->config.first_quarantine_ns);
		l->next_ns = l->quarantine_until + l->config.rank * l->config.lease_ns;
	}
	if (l->started) {
		pass_time(l, a, e->now_ns);
		happen(l, a, e);
		if (is_head(l))
			lease_head_turn(l, a);
		hello(l, a);
	}
	a->epoch = l->epoch;
	a->gate_ns = l->state == HEAD_HOLDING ? l->until : 0;
	a->gate_changed = a->gate_ns != l->gate_told;
	l->gate_told = a->gate_ns;
	a->timer_ns = l->started ? next_timer(l) : LEASE_NEVER;
}

void lease_look(const struct lease *l, struct lease_view *out)
{
	*out = (struct lease_view){ .state = l->state,
				    .owner = LEASE_NOBODY,
				    .epoch = l->heard_epoch,
				    .quarantine = l->quarantine_until,
				    .promised = l->promised,
				    .paused = l->paused,
				    .fit = !l->unfit,
				    .stopped = l->stopped,
				    .fenced = l->fenced,
				    .fencing = l->fencing,
				    .now_ns = l->now,
				    .gate_ns = l->gate_told,
				    .n_voters = l->config.n_voters };
	memcpy(out->peers, l->peers, sizeof(out->peers));
	if (l->state == HEAD_HOLDING) {
		out->owner = l->config.self;
		out->until_ns = l->until;
	} else if (l->now < l->busy_until) {
		out->owner = l->busy_owner;
		out->until_ns = l->busy_until;
	}
}

bool lease_over(const struct lease *l)
{
	return l->stopped && l->state != HEAD_RELEASING;
}
