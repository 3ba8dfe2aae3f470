/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A schedule of the lease told in lines: who heard, did and decided what, and what was done to them. HELLOs are left out. */
#ifndef ORTHRUS_LAB_LEASESIM_STORY_H
#define ORTHRUS_LAB_LEASESIM_STORY_H

#include "leasesim_world.h"

static const char *const kind_names[] = {
	"?", "HELLO", "PREPARE", "PROMISE", "PROPOSE", "ACCEPT", "REJECT", "RELEASE", "RELEASED"
};
static const char *const on_names[] = { "?",	  "START", "TIMER", "MESSAGE", "SWITCH",    "PAUSE",
					"RESUME", "FIT",   "UNFIT", "FENCED",  "RESTARTED", "STOP" };
static const char *const op_names[OP_END] = { "CUT",	    "ISOLATE", "DEAF",	      "MUTE",  "KILL", "CRASH", "PAUSE", "STALL",
					      "GATE_FIRST", "SWITCH",  "ORDER_PAUSE", "UNFIT", "STOP", "JUMP",	"RATE",	 "BACK" };

static void tell_who(const struct world *w, unsigned int i)
{
	printf("[%.3f ms] %s %u", (double)w->now / 1e6, i < LEASE_HEADS ? "head" : "witness", i);
}

static void tell_msg(const struct lease_msg *m)
{
	printf("%s ballot %llu.%u epoch %llu", kind_names[m->kind], (unsigned long long)m->ballot >> 8,
	       (unsigned int)m->ballot & 0xff, (unsigned long long)m->epoch);
	if (m->owner != LEASE_NOBODY)
		printf(" owner %u", m->owner);
	if (m->lease_ns)
		printf(" for %.3f ms", (double)m->lease_ns / 1e6);
	if (m->flags)
		printf(" flags %u", m->flags);
}

static void tell_event(const struct world *w, unsigned int i, const struct lease_event *e)
{
	if (!w->story || (e->kind == LEASE_ON_TIMER && w->steps < STEPS - 20))
		return;
	if (e->kind == LEASE_ON_RESTARTED || (e->kind == LEASE_ON_MESSAGE && e->msg.kind == LEASE_HELLO))
		return;
	tell_who(w, i);
	if (e->kind == LEASE_ON_MESSAGE) {
		printf(" < %u ", e->msg.from);
		tell_msg(&e->msg);
		printf("\n");
	} else {
		printf(" < %s %u %d\n", on_names[e->kind], e->who, e->ok);
	}
}

static void tell_actions(const struct world *w, unsigned int i, const struct lease_actions *a)
{
	if (!w->story)
		return;
	for (unsigned int k = 0; k < a->n_notes; k++) {
		tell_who(w, i);
		printf(" : %s %u %lld\n", lease_note_name(a->notes[k].kind), a->notes[k].who, (long long)a->notes[k].value);
	}
	if (a->gate_changed) {
		tell_who(w, i);
		printf(a->gate_ns ? " GATE until %.3f ms\n" : " GATE shut\n",
		       a->gate_ns ? (double)true_time(&w->nodes[i], a->gate_ns) / 1e6 : 0.0);
	}
	for (unsigned int k = 0; k < a->n_send; k++) {
		if (a->send[k].kind == LEASE_HELLO)
			continue;
		tell_who(w, i);
		printf(" > %u ", a->send[k].to);
		tell_msg(&a->send[k]);
		printf("\n");
	}
	if (a->lost || a->gained) {
		tell_who(w, i);
		printf("%s%s epoch %llu\n", a->lost ? " LOST" : "", a->gained ? " GAINED" : "", (unsigned long long)a->epoch);
	}
	if (a->fence != LEASE_NOBODY) {
		tell_who(w, i);
		printf(" FENCE %u\n", a->fence);
	}
}

static void tell_op(const struct world *w, const struct op *op)
{
	if (w->story)
		printf("[%.3f ms] --- %s %u %u until %.3f ms, %lld\n", (double)w->now / 1e6, op_names[op->kind], op->a, op->b,
		       (double)op->until / 1e6, (long long)op->amount);
}

static void tell_plan(const struct plan *p)
{
	printf("%u voters%s, T %.3f ms, R %.3f ms, hold-off %.0f ms, faults until %.0f ms; messages take %.3f to %.3f ms, of "
	       "65536 lost %u, "
	       "twice %u, again %u, corrupt %u; clocks %lld to %lld ppm\n",
	       p->n_voters, p->has_fence ? " and a fence" : "", (double)p->T / 1e6, (double)p->R / 1e6, (double)p->hold_off / 1e6,
	       (double)p->end / 1e6, (double)p->delay / 1e6, (double)(p->delay + p->more) / 1e6, p->loss, p->twice, p->again,
	       p->corrupt, (long long)p->slowest_ppm, (long long)(p->slowest_ppm + p->spread_ppm));
}

#endif
