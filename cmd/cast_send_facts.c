/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a sender without a head saw of its network and its receivers, as facts of cast/diagnose.h. */
#include "base/mem.h"
#include "cmd/cast_send.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdlib.h>

#define UNHEARD_NS (5 * NS_PER_S)
#define REPORTS_NS (2 * NS_PER_S) /* within so long of its ticket everybody has reported whose reports arrive */
#define STOPPED_NS (4 * NS_PER_S)

struct seen {
	struct desk_guest *guests; /* whose names and reports it points to */
	struct diagnose_receiver *receivers;
	size_t n, cap;
};

static void seen_free(struct seen *s)
{
	for (size_t i = 0; i < s->n; i++)
		desk_guest_clear(&s->guests[i]);
	free(s->guests);
	free(s->receivers);
}

/* One that had all already, or wanted nothing by multicast, has nothing to report; whoever came just now has not yet. */
static bool should_report(const struct desk_guest *g, int64_t now_ns)
{
	return !g->tls_only && now_ns - g->ticket_ns >= REPORTS_NS &&
	       (g->state != DESK_DONE || g->report.tls_bytes || g->report.multicast_bytes);
}

static void add(struct cast_send *s, int64_t now_ns, struct seen *all, const struct desk_guest *g)
{
	struct sender_receiver_view v;
	struct diagnose_receiver *r;

	if (!tx_look_at(s->tx, g->number, &v)) /* it came when the cast was over */
		return;
	if (all->n == all->cap) {
		all->cap = all->cap ? 2 * all->cap : 16;
		all->guests = mem_grow(all->guests, all->cap, sizeof(all->guests[0]));
		all->receivers = mem_grow(all->receivers, all->cap, sizeof(all->receivers[0]));
	}
	r = &all->receivers[all->n];
	diagnose_seen(&v, &g->cable, r);
	r->name = g->host;
	r->unheard = !v.heard_ns && !v.hellos && should_report(g, now_ns);
	r->stopped = v.heard_ns && v.state != WIRE_COMPLETE && v.state != WIRE_DONE && v.state != WIRE_FAILED &&
		     now_ns - v.heard_ns >= STOPPED_NS;
	all->guests[all->n++] = *g;
}

/* Reports of somebody who takes part come some milliseconds after the ticket. */
void cast_send_watch(struct cast_send *s)
{
	autoclean(diagnose_free) struct diagnose found = { 0 };
	const int64_t now = clock_now_ns();
	struct desk_view desk;

	desk_look(s->desk, &desk);
	if (!desk.waited_for || s->unheard_said || !s->asked_ns)
		s->asked_ns = now;
	if (now - s->asked_ns < UNHEARD_NS)
		return;
	cast_send_look(s, now, &found);
	for (size_t i = 0; i < found.n; i++)
		if (found.findings[i].kind == DIAGNOSE_NO_REPORTS)
			log_warn("cast", "%s", found.findings[i].text);
	s->unheard_said = true; /* once: who is heard after that was slow */
}

void cast_send_look(struct cast_send *s, int64_t now_ns, struct diagnose *out)
{
	const bool six = s->session.sender.ss_family == AF_INET6;
	autofree char *at = str_format(six ? "UDP [%s]:%u" : "UDP %s:%u", s->place.address, tx_port(s->tx));
	autoclean(seen_free) struct seen all = { 0 };
	struct diagnose_facts facts = { .no_head = true,
					.reports_at = at,
					.packet_bytes = diagnose_packet(s->session.symbol_bytes, six) };
	struct desk_guest g;
	struct cable own;

	for (size_t i = 0; desk_guest(s->desk, i, &g); i++) {
		const size_t before = all.n;

		if (g.state != DESK_REPLACED)
			add(s, now_ns, &all, &g);
		if (all.n == before)
			desk_guest_clear(&g);
	}
	cable_look(s->place.interface, &own);
	facts.mtu = own.mtu;
	facts.speed_mbit = own.speed_mbit;
	facts.full_duplex = diagnose_duplex(&own);
	facts.receivers = all.receivers;
	facts.n = all.n;
	diagnose_make(&facts, out);
}
