/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/cast_send.h"

#include <stdio.h>

static const char *state_name(enum desk_state state)
{
	switch (state) {
	case DESK_WAITED_FOR:
		return "unknown";
	case DESK_DONE:
		return "done";
	case DESK_FAILED:
		return "failed";
	case DESK_REPLACED:
		break;
	}
	return "replaced";
}

static const char *why(const struct desk_guest *g)
{
	return g->report.why ? g->report.why : g->state == DESK_DONE ? NULL : "nothing was heard of it at the end";
}

static void put_receivers(struct json_out *w, struct desk *d)
{
	struct desk_guest g;

	json_put_arr(w, "receivers");
	for (size_t i = 0; desk_guest(d, i, &g); i++) {
		if (g.state != DESK_REPLACED) {
			json_put_obj(w, NULL);
			json_put_u64(w, "number", g.number);
			json_put_str(w, "host", g.host);
			json_put_str(w, "address", g.address);
			json_put_str(w, "state", state_name(g.state));
			if (why(&g))
				json_put_str(w, "why", why(&g));
			json_put_f64(w, "seconds", (double)g.report.ms / 1000);
			json_put_u64(w, "multicast_bytes", g.report.multicast_bytes);
			json_put_u64(w, "tls_bytes", g.report.tls_bytes);
			json_put_u64(w, "kept_bytes", g.report.kept_bytes);
			json_put_u64(w, "refetched_bytes", g.report.refetched_bytes);
			json_put_u64(w, "rejected_packets", g.report.rejected_packets);
			json_end_obj(w);
		}
		desk_guest_clear(&g);
	}
	json_end_arr(w);
}

static void put_packets(struct json_out *w, const struct tx_view *v)
{
	json_put_obj(w, "packets");
	json_put_u64(w, "data", v->sender.data_packets);
	json_put_u64(w, "parity", v->sender.parity_packets);
	json_put_u64(w, "repair", v->sender.repair_packets);
	json_put_u64(w, "nacks", v->sender.nacks);
	json_put_u64(w, "nacks_worst", v->sender.nacks_worst);
	json_put_u64(w, "rejected", v->rejected);
	json_end_obj(w);
}

static void print_json(struct cast_send *s, const struct desk_view *desk, const struct tx_view *tx, const struct diagnose *found)
{
	uint64_t size = file_facts(s->file)->size_bytes;
	autoclean(buf_free) struct buf out = { 0 };
	double seconds = s->ended_seconds;
	struct json_out w;

	json_out_init(&w, &out, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "file", file_facts(s->file)->name);
	json_put_u64(&w, "bytes", size);
	json_put_f64(&w, "seconds", seconds);
	json_put_u64(&w, "bytes_per_second", seconds > 0 ? (uint64_t)((double)size / seconds) : 0);
	json_put_u64(&w, "wire_bytes", tx->wire_bytes);
	put_packets(&w, tx);
	json_put_u64(&w, "refused_requests", desk->refused);
	json_put_f64(&w, "cpu_seconds", cast_cpu_seconds());
	json_put_u64(&w, "memory_bytes", cast_memory_bytes());
	json_put_u64(&w, "done", s->to ? s->to->fleet.done : desk->done);
	json_put_u64(&w, "failed", s->to ? s->to->fleet.failed : desk->failed + desk->waited_for);
	if (s->to)
		cast_to_put(s, &w);
	else
		put_receivers(&w, s->desk);
	diagnose_print(found, &w);
	json_end_obj(&w);
	buf_addc(&out, '\n');
	cmd_print(buf_str(&out));
}

static void say_receivers(const struct cmd *c, struct desk *d)
{
	struct desk_guest g;
	char tls[STR_BYTES_MAX];

	for (size_t i = 0; desk_guest(d, i, &g); i++) {
		str_from_bytes(g.report.tls_bytes, tls);
		if (g.state == DESK_DONE && g.report.tls_bytes)
			cmd_say(c, "%s (%s): done, %s of it by TLS", g.host, g.address, tls);
		else if (g.state == DESK_DONE)
			cmd_say(c, "%s (%s): done", g.host, g.address);
		else if (g.state != DESK_REPLACED)
			cmd_say(c, "%s (%s): failed: %s", g.host, g.address, why(&g));
		desk_guest_clear(&g);
	}
}

static void say_result(const struct cmd *c, struct cast_send *s, const struct desk_view *desk, const struct diagnose *found)
{
	uint64_t size = file_facts(s->file)->size_bytes;
	char bytes[STR_BYTES_MAX], rate[STR_BYTES_MAX] = "";
	double seconds = s->ended_seconds; /* 0: no packet was sent, all came by TLS */
	autoclean(buf_free) struct buf after = { 0 };

	str_from_bytes(size, bytes);
	str_from_bytes(seconds > 0 ? (uint64_t)((double)size / seconds) : 0, rate);
	if (s->to && !c->quiet)
		cast_to_table(s);
	else if (!s->to)
		say_receivers(c, s->desk);
	for (size_t i = 0; i < found->n; i++)
		cmd_say_wrapped(c, "! ", found->findings[i].text);
	if (desk->refused)
		cmd_say(c, "%llu requests had a wrong secret", (unsigned long long)desk->refused);
	if (seconds > 0)
		buf_addf(&after, " after %.1f s, %s/s", seconds, rate);
	if (desk->done && !s->to)
		cmd_say(c, "%u %s %s (%s)%s", desk->done, desk->done == 1 ? "receiver has" : "receivers have",
			file_facts(s->file)->name, bytes, buf_str(&after));
}

int cast_send_result(const struct cmd *c, struct cast_send *s, struct err *err)
{
	autoclean(diagnose_free) struct diagnose found = { 0 };
	bool stopped = atomic_load(&s->watch.stopped);
	struct desk_view desk;
	struct tx_view tx;
	uint32_t failed, expected;

	tx_look(s->tx, &tx);
	desk_look(s->desk, &desk);
	cast_send_look(s, s->over_ns, &found);
	failed = desk.failed + desk.waited_for;
	if (c->json)
		print_json(s, &desk, &tx, &found);
	else
		say_result(c, s, &desk, &found);
	if (s->to)
		return cast_to_judge(c, s, err);
	/* Whoever stops it when all have it has just waited long enough for others. */
	if (desk.done && !failed && desk.done >= s->receivers)
		return 0;
	expected = desk.done + failed > s->receivers ? desk.done + failed : (uint32_t)s->receivers;
	err_set(err, desk.done ? ERR_PARTIAL : ERR_FAILED, "%s%u of %u receivers have the file", stopped ? "stopped: " : "",
		desk.done, expected);
	if (desk.done + failed == 0)
		err_set(err, ERR_FAILED, stopped ? "stopped before anybody came" : "nobody came");
	if (c->json) /* it is said in the result */
		err->text[0] = '\0';
	if (desk.done + failed == 0)
		return -1;
	return err_hint(err, "send it again: what receivers have kept is not sent twice");
}
