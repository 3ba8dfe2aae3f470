/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of headfailover/guard/talk.h: the other head is to be off. The core asks for it after two leases of silence, which is soon: a
 * cable that was out for a moment is no reason to switch a machine off, and two heads that don't hear each other must not do it
 * to each other at once. So there is a patience before it, and it is forgotten when the other head is heard again. */
#include "headfailover/guard/talk.h"
#include "sys/clock.h"

#include <stdio.h>
#include <syslog.h>

static void give_up(struct talk *t)
{
	t->fence_state = FENCE_IDLE;
	loop_order(t->loop, LEASE_ON_FENCED, t->fenced, false);
}

static void ask_helper(struct talk *t)
{
	t->fence_state = FENCE_WORKS;
	if (fence_helper_ask(&t->fence, ++t->fences))
		return;
	talk_say(t, LOG_ERR, "fence-failed", "the process that switches %s off is gone: restart the guard",
		 t->config->names[t->fenced]);
	give_up(t);
}

void talk_fence_begin(struct talk *t, uint8_t who)
{
	const bool first = t->last_holder == t->config->lease.self || (t->last_holder == LEASE_NOBODY && !t->config->lease.rank);

	t->fenced = who;
	t->fence_unneeded = false;
	t->fence_state = FENCE_PATIENCE;
	t->fence_at_ns = clock_now_ns() + fence_patience_ns(first);
}

bool talk_other_lives(const struct talk *t, const struct loop_now *now)
{
	const struct lease_peer *p = &now->lease.peers[t->config->lease.self ? 0 : 1];

	return t->config->head && p->heard && now->lease.now_ns - p->heard_ns < 2 * t->config->lease.lease_ns;
}

void talk_fence_tick(struct talk *t, const struct loop_now *now)
{
	if (t->fence_state != FENCE_PATIENCE && t->fence_state != FENCE_PERSON)
		return;
	if (talk_other_lives(t, now)) {
		t->fence_unneeded = true;
		talk_say(t, LOG_INFO, "fence-not-needed", "%s is heard again: it stays on", t->config->names[t->fenced]);
		give_up(t);
	} else if (t->fence_state == FENCE_PATIENCE && clock_now_ns() >= t->fence_at_ns) {
		talk_say(t, LOG_WARNING, "fence", "%s stays silent: it is being switched off, to take over from it",
			 t->config->names[t->fenced]);
		ask_helper(t);
	}
}

bool talk_fence_note(struct talk *t, uint32_t kind)
{
	const bool unneeded = kind == LEASE_NOTE_FENCE_FAILED && t->fence_unneeded;

	if (unneeded)
		t->fence_unneeded = false;
	return !unneeded;
}

void talk_fence_heard(struct talk *t)
{
	const char *who = t->config->names[t->fenced];
	struct fence_answer a;
	int got = fence_helper_take(&t->fence, &a);

	if (got == 0 || (got > 0 && a.number != t->fences))
		return;
	if (got < 0) {
		fence_helper_end(&t->fence);
		snprintf(a.text, sizeof(a.text), "the process that does it died: restart the guard");
	}
	if (got > 0 && a.verdict == FENCE_WAITS) {
		t->fence_state = FENCE_PERSON;
		talk_say(t, LOG_ERR, "fence-waits", "make sure that %s is off, and say so: orthrus head fenced %s", who, who);
		return;
	}
	t->fence_state = FENCE_IDLE;
	if (got > 0 && a.verdict == FENCE_CONFIRMED)
		talk_say(t, LOG_WARNING, "fence-done", "%s is off, as was ordered and seen", who);
	else
		talk_say(t, LOG_ERR, "fence-failed", "%s may be on: %.200s", who, a.text);
	loop_order(t->loop, LEASE_ON_FENCED, t->fenced, got > 0 && a.verdict == FENCE_CONFIRMED);
}
