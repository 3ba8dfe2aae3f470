/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Casts as administrators see them. */
#include "base/mem.h"
#include "daemon/cast_facts.h"
#include "daemon/cast_priv.h"
#include "sys/clock.h"

#define SILENT_MS 10000

static const char *state_name(const struct cast *c)
{
	static const char *const stages[] = { [WIRE_GATHER] = "gathering",
					      [WIRE_PASS] = "sending",
					      [WIRE_ASK] = "repairing",
					      [WIRE_SLOW] = "stragglers",
					      [WIRE_OVER] = "over" };

	switch (c->state) {
	case CAST_STARTING:
		return "starting";
	case CAST_RUNNING:
		return c->progress.stage ? stages[c->progress.stage] : "gathering";
	case CAST_CLOSING:
		return "ending";
	case CAST_ENDED:
		return "over";
	case CAST_FAILED:
		return "failed";
	}
	return "?";
}

static bool runs(const struct cast *c)
{
	return c->state != CAST_ENDED && c->state != CAST_FAILED;
}

static bool is_whole(const struct cast_member *m)
{
	return m->view.state == WIRE_COMPLETE || m->view.state == WIRE_DONE;
}

static const char *member_state(const struct cast_member *m)
{
	static const char *const names[] = {
		[WIRE_READY] = "ready",	      [WIRE_RECEIVING] = "receiving", [WIRE_LAGGING] = "lagging",
		[WIRE_COMPLETE] = "complete", [WIRE_DONE] = "complete",	      [WIRE_FAILED] = "failed"
	};

	if (m->state != MEMBER_JOINED)
		return m->state == MEMBER_REFUSED ? "refused" : "asked";
	if (!m->view.state)
		return "silent";
	if (is_whole(m) && !m->stored)
		return "storing";
	return is_whole(m) || m->view.heard_ms < SILENT_MS ? names[m->view.state] : "silent";
}

static const char *member_way(const struct cast *c, const struct cast_member *m)
{
	bool lost =
		m->state == MEMBER_REFUSED || m->view.state == WIRE_FAILED || (m->view.state && m->view.heard_ms >= SILENT_MS);

	return is_whole(m) || (runs(c) && !lost) ? "cast" : "https";
}

/* Of its blocks; what it had before counts. */
static uint64_t percent(const struct cast *c, const struct cast_member *m)
{
	uint64_t lacking = m->view.lacking < c->blocks ? m->view.lacking : c->blocks;

	if (is_whole(m))
		return 100;
	return m->view.state && c->blocks ? (c->blocks - lacking) * 100 / c->blocks : 0;
}

static void print_member(const struct cast *c, const struct cast_member *m, struct json_out *w)
{
	json_put_obj(w, NULL);
	json_put_str(w, "node", m->node);
	json_put_str(w, "state", member_state(m));
	json_put_u64(w, "percent", percent(c, m));
	json_put_u64(w, "loss_ppm", m->view.loss_ppm);
	json_put_bool(w, "straggler", m->view.straggler);
	json_put_str(w, "way", member_way(c, m));
	cable_put(&m->cable, w);
	json_put_str(w, "switch", m->switch_name);
	json_put_str(w, "switch_port", m->switch_port);
	json_end_obj(w);
}

static void print_nodes(const struct cast *c, struct json_out *w)
{
	uint64_t sum = 0, n = 0, whole = 0;

	json_put_arr(w, "expected");
	for (size_t i = 0; i < c->expected.len && runs(c); i++)
		json_put_str(w, NULL, c->expected.items[i]);
	json_end_arr(w);
	json_put_arr(w, "nodes");
	for (size_t i = 0; i < c->n_members; i++) {
		if (c->members[i].old)
			continue;
		print_member(c, &c->members[i], w);
		sum += percent(c, &c->members[i]);
		whole += is_whole(&c->members[i]);
		n++;
	}
	json_end_arr(w);
	json_put_u64(w, "complete", whole);
	json_put_u64(w, "percent", n ? sum / n : 0);
}

static void print_ways(uint64_t ways, struct json_out *w)
{
	static const char *const names[] = {
		[WIRE_MC6] = "multicast6", [WIRE_MC4] = "multicast4", [WIRE_BROADCAST] = "broadcast", [WIRE_UNICAST] = "unicast"
	};

	json_put_arr(w, "ways");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (ways >> i & 1)
			json_put_str(w, NULL, names[i]);
	json_end_arr(w);
}

static void print_cast(const struct cast *c, const struct cast_network *n, struct json_out *w)
{
	autofree char *image = str_format("%s/%s", c->name, c->id);
	int64_t end = runs(c) ? clock_now_ns() : c->ended_ns;

	json_put_obj(w, NULL);
	json_put_str(w, "image", image);
	json_put_u64(w, "cast", c->number);
	json_put_str(w, "state", state_name(c));
	json_put_bool(w, "runs", runs(c));
	json_put_str(w, "error", c->error);
	json_put_str(w, "ended_by", c->ended_by);
	json_put_str(w, "group", c->group[0] ? c->group : NULL);
	json_put_str(w, "sender", c->sender[0] ? c->sender : NULL);
	json_put_u64(w, "port", c->port);
	json_put_u64(w, "symbol_bytes", c->symbol_bytes);
	print_ways(c->progress.ways, w);
	json_put_u64(w, "seconds", (uint64_t)((end - c->begun_ns) / NS_PER_S));
	json_put_u64(w, "bytes", c->bytes);
	json_put_u64(w, "wire_bytes", c->progress.wire_bytes);
	json_put_u64(w, "sending_ms", c->progress.ms);
	json_put_u64(w, "rate", c->progress.rate);
	json_put_u64(w, "pass", c->progress.pass);
	json_put_u64(w, "loss_ppm", c->progress.loss_ppm);
	json_put_u64(w, "rejected", c->progress.rejected);
	print_nodes(c, w);
	cast_zones_print(c, w);
	cast_findings_put(c, n, w);
	json_end_obj(w);
}

void casts_print(struct casts *cs, struct json_out *w)
{
	struct cast_network n;

	cast_network_look(cs->d, &n);
	pthread_mutex_lock(&cs->lock);
	cast_forget_old(cs);
	json_put_obj(w, NULL);
	json_put_arr(w, "casts");
	for (struct cast *c = cs->list; c; c = c->link) {
		cast_look_stored(c);
		print_cast(c, &n, w);
	}
	json_end_arr(w);
	cast_print_stopped(cs, w);
	json_end_obj(w);
	pthread_mutex_unlock(&cs->lock);
}
