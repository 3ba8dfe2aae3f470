/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/diagnose.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdlib.h>

#define ENOUGH_PACKETS 1000
#define MUCH 0.02      /* loss that somebody should look at; a good network has next to none */
#define ABOVE_OTHERS 5 /* and so many times that of the median */
#define LINK_MIN_MBIT 1000
#define BUFFER_MIN ((uint64_t)2 << 20) /* 20 ms at 1 Gbit/s, which a busy machine may be away */
#define NAMES 5			       /* are said, of more only how many */

struct work {
	const struct diagnose_facts *f;
	struct diagnose *out;
	bool *done; /* of each receiver: explained */
	double median;
};

static void say(struct work *w, enum diagnose_kind kind, char *text)
{
	w->out->findings = mem_grow(w->out->findings, w->out->n + 1, sizeof(*w->out->findings));
	w->out->findings[w->out->n++] = (struct diagnose_finding){ .kind = kind, .text = text };
}

/* "n01, n02 and 3 more": those that are marked. */
static char *names_of(const struct work *w, const bool *marked)
{
	autoclean(buf_free) struct buf text = { 0 };
	size_t n = 0, all = 0;

	for (size_t i = 0; i < w->f->n; i++)
		all += marked[i];
	for (size_t i = 0; i < w->f->n && n < NAMES; i++)
		if (marked[i])
			buf_addf(&text, "%s%s", n++ ? (n == all ? " and " : ", ") : "", w->f->receivers[i].name);
	if (all > NAMES)
		buf_addf(&text, " and %zu more", all - NAMES);
	return buf_steal(&text);
}

typedef bool (*test)(const struct work *w, const struct diagnose_receiver *r);

/* Those which `is` true of, and which nothing explains yet; these are explained then. NULL: none. */
static char *take(struct work *w, test is, size_t *n)
{
	autofree bool *marked = mem_array(w->f->n + 1, sizeof(*marked));

	*n = 0;
	for (size_t i = 0; i < w->f->n; i++) {
		marked[i] = !w->done[i] && is(w, &w->f->receivers[i]);
		w->done[i] |= marked[i];
		*n += marked[i];
	}
	return *n ? names_of(w, marked) : NULL;
}

static bool deaf(const struct work *w, const struct diagnose_receiver *r)
{
	(void)w;
	return r->multicast == DIAGNOSE_NO && r->unicast == DIAGNOSE_YES;
}

static bool unreachable(const struct work *w, const struct diagnose_receiver *r)
{
	(void)w;
	return r->multicast != DIAGNOSE_YES && r->unicast == DIAGNOSE_NO;
}

static bool cut_short(const struct work *w, const struct diagnose_receiver *r)
{
	return (r->large == DIAGNOSE_NO && r->small == DIAGNOSE_YES) || (r->mtu && r->mtu < w->f->packet_bytes);
}

static bool half(const struct work *w, const struct diagnose_receiver *r)
{
	(void)w;
	return r->full_duplex == DIAGNOSE_NO;
}

/* Slow for itself, or beside others with faster ones: then the cast is not held back by it, but it is late. */
static bool slow_link(const struct work *w, const struct diagnose_receiver *r)
{
	(void)w;
	return r->speed_mbit && r->speed_mbit < LINK_MIN_MBIT;
}

static bool slow_disk(const struct work *w, const struct diagnose_receiver *r)
{
	return r->waits_for_disk && r->disk_bytes_s && r->disk_bytes_s < w->f->rate_bytes_s;
}

static bool loses(const struct work *w, const struct diagnose_receiver *r)
{
	return r->packets >= ENOUGH_PACKETS && r->loss >= MUCH && r->loss >= ABOVE_OTHERS * w->median;
}

static bool small_buffer(const struct work *w, const struct diagnose_receiver *r)
{
	return r->packets >= ENOUGH_PACKETS && r->loss >= MUCH / 4 && r->loss > w->median && r->socket_bytes &&
	       r->socket_bytes < BUFFER_MIN;
}

static void about_arriving(struct work *w)
{
	size_t heard = 0, n;
	autofree char *names = NULL, *gone = NULL;

	for (size_t i = 0; i < w->f->n; i++)
		heard += w->f->receivers[i].multicast == DIAGNOSE_YES;
	names = take(w, deaf, &n);
	if (names && heard == 0)
		say(w, DIAGNOSE_NOT_ARRIVING,
		    str_format("Multicast reaches nobody, though packets to a single node do (%s): see whether a firewall on the "
			       "head or on "
			       "nodes drops it, and whether the switches have multicast filtering on with nobody who asks for "
			       "members.",
			       names));
	else if (names)
		say(w, DIAGNOSE_NOT_ARRIVING,
		    str_format("Multicast does not reach %s, though packets to a single node do, and others hear it: see what "
			       "lies between, a "
			       "switch that filters multicast or a firewall.",
			       names));
	gone = take(w, unreachable, &n);
	if (gone)
		say(w, DIAGNOSE_UNREACHABLE,
		    str_format("Nothing that the sender says reaches %s: see whether %s on, and in the same network.", gone,
			       n == 1 ? "it is" : "they are"));
}

static void about_querier(struct work *w)
{
	if (w->f->querier != DIAGNOSE_NO)
		return;
	if (w->f->querier_off)
		say(w, DIAGNOSE_NO_QUERIER,
		    mem_strdup("Nobody asks who wants multicast, so switches with IGMP or MLD snooping stop to bring it after "
			       "some minutes: "
			       "set cast.querier to \"auto\" in site.json, or enable a querier on a switch or router."));
	else
		say(w, DIAGNOSE_NO_QUERIER,
		    mem_strdup("Nobody asks who wants multicast, not even the head, so switches with IGMP or MLD snooping stop "
			       "to bring it "
			       "after some minutes: see `orthrus head status` for what keeps the head's querier from it."));
}

/* Loss that begins at a rate, of multicast only: a switch cuts it off there. */
static void about_storm_control(struct work *w)
{
	const struct diagnose_facts *f = w->f;
	size_t losing = 0;

	for (size_t i = 0; i < f->n; i++)
		losing += f->receivers[i].loss >= MUCH && f->receivers[i].packets >= ENOUGH_PACKETS;
	if (!f->multicast_good_bytes_s || f->unicast_good_bytes_s < 2 * f->multicast_good_bytes_s || losing * 2 < f->n || !losing)
		return;
	for (size_t i = 0; i < f->n; i++)
		w->done[i] |= f->receivers[i].loss >= MUCH;
	say(w, DIAGNOSE_STORM_CONTROL,
	    str_format("Multicast gets lost above %llu Mbit/s, and packets to a single node do not: storm control of a switch is "
		       "likely; "
		       "raise its limit for multicast, or set cast.rate_mbit to %llu in site.json.",
		       (unsigned long long)(f->multicast_good_bytes_s / 125000),
		       (unsigned long long)(f->multicast_good_bytes_s / 125000)));
}

static void about_mtu(struct work *w)
{
	unsigned int bytes = w->f->packet_bytes;
	size_t n;
	autofree char *names = NULL;

	if (w->f->mtu && w->f->mtu < bytes)
		say(w, DIAGNOSE_MTU,
		    str_format("The sender's own interface takes packets of %u bytes, and the cast's have %u: set its MTU to %u.",
			       w->f->mtu, bytes, bytes));
	names = take(w, cut_short, &n);
	if (!names)
		return;
	if (bytes > 1500)
		say(w, DIAGNOSE_MTU,
		    str_format("Jumbo frames (%u bytes) do not reach %s, small packets do: enable them on every switch between "
			       "and on the "
			       "nodes' interfaces, or take networks[].mtu out of site.json.",
			       bytes, names));
	else
		say(w, DIAGNOSE_MTU,
		    str_format("Packets of %u bytes do not reach %s, small ones do: a tunnel or a wrong MTU lies between; set it "
			       "to 1500 "
			       "there.",
			       bytes, names));
}

static void about_links(struct work *w)
{
	size_t n;
	autofree char *halves = NULL, *slow = NULL;

	if (w->f->full_duplex == DIAGNOSE_NO)
		say(w, DIAGNOSE_DUPLEX,
		    mem_strdup("The sender's link is half duplex, so each answer collides with what it sends: let both ends "
			       "negotiate, or "
			       "replace the cable."));
	if (w->f->speed_mbit && w->f->speed_mbit < LINK_MIN_MBIT)
		say(w, DIAGNOSE_SLOW_LINK,
		    str_format(
			    "The sender's own link has %u Mbit/s, and no cast is faster: replace its cable, or try another port.",
			    w->f->speed_mbit));
	halves = take(w, half, &n);
	if (halves)
		say(w, DIAGNOSE_DUPLEX,
		    str_format("The link of %s is half duplex: let both ends of it negotiate, or replace the cable.", halves));
	slow = take(w, slow_link, &n);
	if (slow)
		say(w, DIAGNOSE_SLOW_LINK,
		    str_format("The link of %s has only 10 or 100 Mbit/s: replace the cable (one with two broken pairs does "
			       "that), or try "
			       "another port.",
			       slow));
}

static bool behind(const struct diagnose_receiver *r, const char *switch_name)
{
	return r->switch_name && str_eq(r->switch_name, switch_name);
}

/* All that are known to be behind it, at least two, lose much, and there are others elsewhere that do not. */
static bool switch_is_bad(const struct work *w, const char *name)
{
	size_t there = 0, losing = 0, fine = 0;

	for (size_t i = 0; i < w->f->n; i++) {
		const struct diagnose_receiver *r = &w->f->receivers[i];
		bool bad = r->packets >= ENOUGH_PACKETS && r->loss >= MUCH;

		if (behind(r, name)) {
			there += r->packets >= ENOUGH_PACKETS;
			losing += bad;
		} else {
			fine += r->packets >= ENOUGH_PACKETS && !bad;
		}
	}
	return there >= 2 && losing == there && fine > 0;
}

static void about_switches(struct work *w)
{
	for (size_t i = 0; i < w->f->n; i++) {
		const char *name = w->f->receivers[i].switch_name;

		if (w->done[i] || !name || !switch_is_bad(w, name))
			continue;
		for (size_t k = i; k < w->f->n; k++)
			w->done[k] |= behind(&w->f->receivers[k], name);
		say(w, DIAGNOSE_SWITCH,
		    str_format("All nodes behind switch %s lose packets, and others do not: look at the errors of its uplink, "
			       "and replace that "
			       "cable or transceiver.",
			       name));
	}
}

static void about_single_ones(struct work *w)
{
	for (size_t i = 0; i < w->f->n; i++) {
		const struct diagnose_receiver *r = &w->f->receivers[i];
		autofree char *port = r->port ? str_format(" (port %s)", r->port) : mem_strdup("");
		autofree char *where = r->switch_name ? str_format(" at switch %s%s", r->switch_name, port) : mem_strdup("");

		if (w->done[i] || !loses(w, r))
			continue;
		w->done[i] = true;
		say(w, DIAGNOSE_CABLE,
		    str_format("%s%s alone loses %.1f %% of the packets: replace its cable, then try another port.", r->name,
			       where, r->loss * 100));
	}
}

static void about_machines(struct work *w)
{
	size_t n;
	autofree char *disks = take(w, slow_disk, &n), *buffers = NULL;

	if (disks)
		say(w, DIAGNOSE_DISK,
		    str_format("The disk of %s is slower than the cast, which goes on without waiting: it is done later, by "
			       "itself; see "
			       "smartctl -a if it should be as fast as the others'.",
			       disks));
	buffers = take(w, small_buffer, &n);
	if (buffers)
		say(w, DIAGNOSE_BUFFER,
		    str_format("The receive buffer of %s is small, and packets get lost in bursts: set net.core.rmem_max to "
			       "16777216 there "
			       "(sysctl).",
			       buffers));
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median_loss(const struct diagnose_facts *f)
{
	autofree double *all = mem_array(f->n + 1, sizeof(*all));
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		if (f->receivers[i].packets >= ENOUGH_PACKETS && f->receivers[i].loss >= 0)
			all[n++] = f->receivers[i].loss;
	qsort(all, n, sizeof(*all), by_size);
	return n > 1 ? all[(n - 1) / 2] : 0;
}

void diagnose_make(const struct diagnose_facts *f, struct diagnose *out)
{
	autofree bool *done = mem_array(f->n + 1, sizeof(*done));
	struct work w = { .f = f, .out = out, .done = done, .median = median_loss(f) };

	*out = (struct diagnose){ 0 };
	about_arriving(&w);
	about_querier(&w);
	about_mtu(&w);
	about_links(&w);
	about_storm_control(&w);
	about_machines(&w);
	about_switches(&w);
	about_single_ones(&w);
}

bool diagnose_has(const struct diagnose *d, enum diagnose_kind kind)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->findings[i].kind == kind)
			return true;
	return false;
}

void diagnose_free(struct diagnose *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->findings[i].text);
	free(d->findings);
	*d = (struct diagnose){ 0 };
}
