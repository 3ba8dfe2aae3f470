/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/cast_receive.h"
#include "sys/clock.h"

#include <string.h>

uint64_t cast_refetched(struct cast_receive *r)
{
	const struct receiver_view *v = &r->heard.receiver;
	uint64_t need = r->ticket.file.size_bytes - r->kept_bytes;
	uint64_t took = (v->packets > v->known ? v->packets - v->known : 0) * r->ticket.file.symbol_bytes + r->tls_bytes;

	return took > need ? took - need : 0;
}

void cast_receive_report(struct cast_receive *r, enum ticket_state state, const char *why)
{
	struct ticket_report report = { .number = r->ticket.session.number, .state = state };
	struct err ignored = { 0 };

	if (!report.number)
		return;
	memcpy(report.receipt, r->ticket.receipt, TICKET_RECEIPT);
	report.why = why ? mem_strdup(why) : NULL;
	report.ms = (uint64_t)((clock_now_ns() - r->begun_ns) / NS_PER_MS);
	report.multicast_bytes = r->heard.stored_bytes;
	report.tls_bytes = r->tls_bytes;
	report.kept_bytes = r->kept_bytes;
	report.refetched_bytes = state == TICKET_DONE ? cast_refetched(r) : 0;
	report.rejected_packets = r->heard.rejected;
	/* A sender that is gone needs no report. */
	if (guest_report(r->guest, &report, &ignored) < 0)
		ignored.kind = ERR_NONE;
	ticket_report_clear(&report);
}

static void print_json(const struct cast_receive *r, uint64_t refetched)
{
	uint64_t size = r->ticket.file.size_bytes;
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	json_put_str(&w, "file", r->path);
	json_put_str(&w, "name", r->ticket.file.name);
	json_put_u64(&w, "bytes", size);
	json_put_f64(&w, "seconds", r->seconds);
	json_put_u64(&w, "bytes_per_second", r->seconds > 0 ? (uint64_t)((double)(size - r->kept_bytes) / r->seconds) : 0);
	json_put_u64(&w, "multicast_bytes", r->heard.stored_bytes);
	json_put_u64(&w, "tls_bytes", r->tls_bytes);
	json_put_u64(&w, "kept_bytes", r->kept_bytes);
	json_put_u64(&w, "refetched_bytes", refetched);
	json_put_u64(&w, "packets", r->heard.packets);
	json_put_u64(&w, "rejected", r->heard.rejected);
	json_put_u64(&w, "repaired_symbols", r->heard.repaired_symbols);
	json_put_u64(&w, "bad_pieces", r->heard.bad_chunks);
	json_put_f64(&w, "cpu_seconds", cast_cpu_seconds());
	json_put_u64(&w, "memory_bytes", cast_memory_bytes());
	json_end_obj(&w);
	cmd_print(buf_str(&out));
}

void cast_receive_result(const struct cmd *c, struct cast_receive *r)
{
	uint64_t size = r->ticket.file.size_bytes;
	char bytes[STR_BYTES_MAX], rate[STR_BYTES_MAX], kept[STR_BYTES_MAX], tls[STR_BYTES_MAX];
	autoclean(buf_free) struct buf more = { 0 };

	if (c->json) {
		print_json(r, cast_refetched(r));
		return;
	}
	str_from_bytes(size, bytes);
	str_from_bytes(r->seconds > 0 ? (uint64_t)((double)(size - r->kept_bytes) / r->seconds) : 0, rate);
	str_from_bytes(r->kept_bytes, kept);
	str_from_bytes(r->tls_bytes, tls);
	if (r->kept_bytes)
		buf_addf(&more, ", %s were there already", kept);
	if (r->tls_bytes)
		buf_addf(&more, ", %s came by TLS", tls);
	if (r->heard.rejected)
		buf_addf(&more, ", %llu packets were rejected", (unsigned long long)r->heard.rejected);
	cmd_say(c, "%s: %s in %.1f s, %s/s%s", r->shown, bytes, r->seconds, rate, buf_str(&more));
}
