/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/diagnose.h: what a sender sees of a receiver, as facts. */
#include "cast/cable.h"
#include "cast/diagnose.h"
#include "cast/sender.h"

#define LARGE_ENOUGH 1000 /* packets of which not one came */
#define HELLOS 3	  /* reports of one that heard nothing */
#define PRESSED_MIN 4	  /* reports */
#define PRESSED_SHARE 4	  /* one of so many */
#define OF_WAY(way) (WIRE_HEARD(way, WIRE_SMALL) | WIRE_HEARD(way, WIRE_FULL) | WIRE_HEARD(way, WIRE_JUMBO))

/* The train goes by every way; where none of it was heard, what came did so by multicast. */
static enum diagnose_fact hears_multicast(const struct sender_receiver_view *v)
{
	if (v->probes)
		return v->probes & (OF_WAY(WIRE_MC6) | OF_WAY(WIRE_MC4)) ? DIAGNOSE_YES : DIAGNOSE_NO;
	return v->heard_ns ? DIAGNOSE_YES : DIAGNOSE_UNKNOWN;
}

/* A receiver says that it is there before it has heard anything, and is sent the train by itself then: who goes on to say so
 * hears nothing at all. */
static enum diagnose_fact hears_any(const struct sender_receiver_view *v)
{
	return v->hellos >= HELLOS && !v->probes && !v->heard_ns ? DIAGNOSE_NO : DIAGNOSE_YES;
}

/* A POLL is small, DATA is not. */
static enum diagnose_fact hears_large(const struct sender_receiver_view *v)
{
	if (v->came)
		return DIAGNOSE_YES;
	return v->sent >= LARGE_ENOUGH ? DIAGNOSE_NO : DIAGNOSE_UNKNOWN;
}

enum diagnose_fact diagnose_duplex(const struct cable *c)
{
	return c->duplex == CABLE_UNKNOWN ? DIAGNOSE_UNKNOWN : c->duplex == CABLE_FULL ? DIAGNOSE_YES : DIAGNOSE_NO;
}

unsigned int diagnose_packet(unsigned int symbol_bytes, bool ipv6)
{
	return symbol_bytes + WIRE_DATA_MORE + 8 + (ipv6 ? 40 : 20);
}

void diagnose_seen(const struct sender_receiver_view *v, const struct cable *c, struct diagnose_receiver *out)
{
	*out = (struct diagnose_receiver){
		.loss = v->sent ? (double)(v->sent - v->came) / (double)v->sent : -1,
		.packets = v->sent,
		.multicast = hears_multicast(v),
		.unicast = hears_any(v),
		.small = v->probes || v->heard_ns ? DIAGNOSE_YES : DIAGNOSE_UNKNOWN,
		.large = hears_large(v),
		.speed_mbit = c->speed_mbit,
		.full_duplex = diagnose_duplex(c),
		.mtu = c->mtu,
		.socket_bytes = (uint64_t)v->buffer_kib * 1024,
		.waits_for_disk = v->pressed >= PRESSED_MIN && v->pressed * PRESSED_SHARE >= v->reports,
	};
}

void diagnose_print(const struct diagnose *d, struct json_out *w)
{
	json_put_arr(w, "findings");
	for (size_t i = 0; i < d->n; i++) {
		json_put_obj(w, NULL);
		json_put_str(w, "kind", diagnose_kind_name(d->findings[i].kind));
		json_put_str(w, "about", d->findings[i].about);
		json_put_str(w, "text", d->findings[i].text);
		json_end_obj(w);
	}
	json_end_arr(w);
}
