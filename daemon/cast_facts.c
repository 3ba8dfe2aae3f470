/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts of cast/diagnose.h from what orthrusd keeps. Pure. */
#include "daemon/cast_facts.h"

#include "base/mem.h"
#include "base/nodeset.h"
#include "cast/sender.h"
#include "daemon/querier_head.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNHEARD_NS (5 * NS_PER_S)     /* a node reports some milliseconds after it has joined the group */
#define UNHEARD_END_NS (1 * NS_PER_S) /* of a cast that ended without a word of anybody */
#define STOPPED_MS 4000
#define STOPPED_CROWD_MS 10000 /* of many only some are asked at a time */
#define CROWD 16
#define HEARD_JUMBO (WIRE_HEARD_WAYS << 4 * WIRE_JUMBO)

enum diagnose_fact cast_querier_fact(const struct querier_head_view *v, enum querier_family family)
{
	if (!v->running)
		return DIAGNOSE_UNKNOWN;
	switch (v->view.side[family].state) {
	case QUERIER_WE:
	case QUERIER_OTHER:
		return DIAGNOSE_YES;
	case QUERIER_NO_ADDRESS: /* for so long nobody was heard that it would ask itself */
		return DIAGNOSE_NO;
	case QUERIER_OFF:
	case QUERIER_LISTENING:
		break;
	}
	return DIAGNOSE_UNKNOWN;
}

static const struct nic *nic_of(const struct machine *m, const struct cable *cable)
{
	const struct nic *booted = NULL;

	for (size_t i = 0; i < m->n_nics; i++) {
		if (cable->interface[0] && str_eq(m->nics[i].name, cable->interface))
			return &m->nics[i];
		if (m->mac && str_eq(m->nics[i].mac, m->mac))
			booted = &m->nics[i];
	}
	return booted;
}

void cast_switch_of(const struct machine *m, const struct cable *cable, char **name, char **port)
{
	const struct nic *nic = nic_of(m, cable);

	*name = *port = NULL;
	if (!nic || !nic->heard.chassis)
		return;
	*name = mem_strdup(nic->heard.system && *nic->heard.system ? nic->heard.system : nic->heard.chassis);
	*port = mem_strdup(nic->heard.port);
}

static bool is_whole(const struct cast_view *v)
{
	return v->state == WIRE_COMPLETE || v->state == WIRE_DONE;
}

/* Silence alone says neither that multicast does not arrive nor that its reports don't. */
static void put_silence(const struct cast *c, const struct cast_member *m, int64_t now_ns, struct diagnose_receiver *out)
{
	const bool over = c->state == CAST_ENDED || c->state == CAST_FAILED;
	const struct cast_view *v = &m->view;

	out->unheard = !v->state && !v->hellos && now_ns - m->told_ns >= (over ? UNHEARD_END_NS : UNHEARD_NS);
	out->stopped = m->lost;
	out->stopped |= v->state && v->state != WIRE_FAILED && !is_whole(v) && c->progress.data_packets &&
			v->heard_ms >= (c->n_members > CROWD ? STOPPED_CROWD_MS : STOPPED_MS);
}

static void put_receiver(const struct cast *c, const struct cast_member *m, int64_t now_ns, struct diagnose_receiver *out)
{
	const struct cast_view *v = &m->view;
	const struct sender_receiver_view seen = { .state = (enum wire_state)v->state,
						   .heard_ns = v->state ? now_ns - (int64_t)v->heard_ms * NS_PER_MS : 0,
						   .buffer_kib = (uint32_t)v->buffer_kib,
						   .sent = v->sent,
						   .came = v->came < v->sent ? v->came : v->sent,
						   .reports = (uint32_t)v->reports,
						   .pressed = (uint32_t)v->pressed,
						   .hellos = (uint8_t)v->hellos,
						   .probes = v->probes };

	diagnose_seen(&seen, &m->cable, out);
	out->name = m->node;
	out->switch_name = m->switch_name;
	out->port = m->switch_port;
	/* It ended for that, before a packet of that size was DATA. */
	if (c->too_large && v->probes && !(v->probes & HEARD_JUMBO))
		out->large = DIAGNOSE_NO;
	put_silence(c, m, now_ns, out);
}

/* What is known of a node is what its last ticket brought; one that it asked for since and has not got says nothing. NULL: it has
 * had none, or this is not its newest entry. */
static const struct cast_member *last_told(const struct cast *c, const struct cast_member *m)
{
	if (m->old)
		return NULL;
	while (m && !m->told)
		m = m->before ? &c->members[m->before - 1] : NULL;
	return m;
}

static int by_name(const void *a, const void *b)
{
	return nodeset_cmp(((const struct diagnose_receiver *)a)->name, ((const struct diagnose_receiver *)b)->name);
}

void cast_facts_make(const struct cast *c, const struct cast_network *n, int64_t now_ns, struct cast_facts *out)
{
	const bool six = strchr(c->group, ':') != NULL;
	const struct diagnose_facts network = {
		.querier = n->querier[six ? QUERIER_IPV6 : QUERIER_IPV4],
		.querier_off = n->querier_off,
		.packet_bytes = diagnose_packet(c->symbol_bytes, six),
		.mtu = n->own.mtu,
		.speed_mbit = n->own.speed_mbit,
		.full_duplex = diagnose_duplex(&n->own),
		.rate_bytes_s = c->progress.rate,
	};

	*out = (struct cast_facts){ .f = network, .receivers = mem_array(c->n_members + 1, sizeof(out->receivers[0])) };
	if (c->sender_port) {
		snprintf(out->reports_at, sizeof(out->reports_at), six ? "UDP [%s]:%u" : "UDP %s:%u", c->sender, c->sender_port);
		out->f.reports_at = out->reports_at;
	}
	for (size_t i = 0; i < c->n_members; i++) {
		const struct cast_member *m = last_told(c, &c->members[i]);

		if (m)
			put_receiver(c, m, now_ns, &out->receivers[out->f.n++]);
	}
	qsort(out->receivers, out->f.n, sizeof(out->receivers[0]), by_name);
	out->f.receivers = out->receivers;
}

void cast_facts_free(struct cast_facts *f)
{
	free(f->receivers);
	*f = (struct cast_facts){ 0 };
}
