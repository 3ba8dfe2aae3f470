/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ten times a second: how far the cast is, and whether anybody is still waited for. */
#include "cmd/cast_send.h"
#include "sys/clock.h"

#include <stdio.h>

uint64_t cast_send_awaited(struct cast_send *s)
{
	return s->receivers - (s->to ? atomic_load(&s->to->fleet.lost) : 0);
}

static const char *stage_name(const struct sender_view *v, bool over)
{
	if (over)
		return "waiting for the last words";
	switch (v->stage) {
	case WIRE_GATHER:
		return "waiting for receivers";
	case WIRE_PASS:
		return v->pass <= 1 ? "sending" : "sending again";
	case WIRE_ASK:
	case WIRE_SLOW:
		return "repairing";
	case WIRE_OVER:
		break;
	}
	return "waiting for the last words";
}

/* All that were expected are there, but some will never be ready: those that fetch, or are gone again. */
static bool nobody_is_missing(struct cast_send *s, const struct desk_view *v)
{
	uint64_t there = v->done + v->failed + v->fetching;
	struct sender_receiver_view r;
	struct desk_guest g;

	if (!s->receivers || (!there && !s->to))
		return false;
	for (size_t i = 0; desk_guest(s->desk, i, &g); i++) {
		there += g.state == DESK_WAITED_FOR && !g.fetching && tx_look_at(s->tx, g.number, &r) && r.heard_ns;
		desk_guest_clear(&g);
	}
	return there && there >= cast_send_awaited(s);
}

static void name_stage(struct cast_send *s, const char *name, const struct desk_view *desk, char *out, size_t len)
{
	struct fleet *f = s->to ? &s->to->fleet : NULL;
	char syncing[32] = "";

	if (desk->syncing)
		snprintf(syncing, sizeof(syncing), ", %u make it durable", desk->syncing);
	if (f)
		snprintf(out, len, "%s (%u of %llu nodes, %u done%s, %u failed)", name, desk->waited_for + f->done,
			 (unsigned long long)s->receivers, f->done, syncing, f->failed);
	else
		snprintf(out, len, "%s (%u receivers, %u done%s)", name, desk->waited_for + desk->done + desk->failed, desk->done,
			 syncing);
}

void cast_send_tick(void *ctx, struct progress *p)
{
	struct cast_send *s = ctx;
	uint64_t size = file_facts(s->file)->size_bytes, done = 0;
	struct desk_view desk;
	struct tx_view v;
	char stage[128];

	if (s->to)
		cast_to_tick(s);
	if (!atomic_load(&s->runs)) {
		progress_update(p, "waiting for receivers", 0, size, clock_now_ns());
		return;
	}
	tx_look(s->tx, &v);
	desk_look(s->desk, &desk);
	if (v.sender.stage == WIRE_GATHER && nobody_is_missing(s, &desk))
		tx_start(s->tx);
	cast_send_watch(s);
	if (v.sender.blocks_to_send)
		done = (uint64_t)((double)size * v.sender.blocks_sent / v.sender.blocks_to_send);
	name_stage(s, stage_name(&v.sender, s->over), &desk, stage, sizeof(stage));
	progress_update(p, stage, done < size ? done : size, size, clock_now_ns());
}
