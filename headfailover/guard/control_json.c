/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/guard/control_json.h"

#include "base/json.h"
#include "headfailover/guard/control.h"

static uint64_t us(int64_t ns)
{
	return ns < 0 ? 0 : (uint64_t)ns / 1000;
}

static void put_spread(struct json_out *w, const char *key, const struct spread_view *v)
{
	json_put_obj(w, key);
	json_put_u64(w, "count", v->count);
	json_put_u64(w, "last_us", v->last_us);
	json_put_u64(w, "p50_us", v->p50_us);
	json_put_u64(w, "p99_us", v->p99_us);
	json_put_u64(w, "max_us", v->max_us);
	json_put_u64(w, "worst_us", v->worst_us);
	json_end_obj(w);
}

static void put_peer(struct json_out *w, const struct control_peer *p)
{
	json_put_obj(w, NULL);
	json_put_str(w, "name", p->name);
	json_put_str(w, "role", p->head ? "head" : "witness");
	json_put_bool(w, "heard", p->heard);
	if (p->heard)
		json_put_u64(w, "ago_us", us(p->ago_ns));
	json_put_bool(w, "quarantine", p->flags & LEASE_QUARANTINE);
	json_put_bool(w, "paused", p->flags & LEASE_PAUSED);
	json_put_bool(w, "unfit", p->flags & LEASE_UNFIT);
	json_put_u64(w, "messages", p->got);
	json_end_obj(w);
}

void control_put_json(const struct control_status *s, struct json_out *w)
{
	json_put_str(w, "self", s->self);
	json_put_str(w, "role", s->role);
	json_put_str(w, "holder", s->holder[0] ? s->holder : NULL);
	json_put_u64(w, "epoch", s->epoch);
	json_put_u64(w, "held_us", us(s->held_ns));
	json_put_u64(w, "left_us", us(s->left_ns));
	json_put_u64(w, "lease_us", us(s->lease_ns));
	json_put_u64(w, "renew_us", us(s->renew_ns));
	json_put_str(w, "gate", s->gate);
	json_put_bool(w, "open", s->open);
	json_put_bool(w, "paused", s->paused);
	json_put_bool(w, "unfit", s->unfit);
	json_put_bool(w, "quarantine", s->quarantine);
	if (s->problem[0])
		json_put_str(w, "problem", s->problem);
	put_spread(w, "renewals", &s->renewals);
	put_spread(w, "gaps", &s->gaps);
	json_put_u64(w, "takeovers", s->takeovers);
	json_put_u64(w, "losses", s->losses);
	json_put_u64(w, "late_renewals", s->late);
	json_put_u64(w, "refused_messages", s->refused);
	json_put_arr(w, "voters");
	for (uint32_t i = 0; i < s->n_peers && i < LEASE_VOTERS; i++)
		put_peer(w, &s->peers[i]);
	json_end_arr(w);
}
