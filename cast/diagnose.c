/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/diagnose_priv.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdlib.h>

#define ENOUGH_PACKETS 1000
#define MUCH 0.02      /* loss that somebody should look at; a good network has next to none */
#define ABOVE_OTHERS 5 /* and so many times that of the median */
#define LINK_MIN_MBIT 1000
#define BUFFER_MIN ((uint64_t)2 << 20) /* 20 ms at 1 Gbit/s, which a busy machine may be away */
#define NAMES 5			       /* are said, of more only how many */

static const char *const kind_names[DIAGNOSE_KINDS] = { [DIAGNOSE_NOT_ARRIVING] = "not-arriving",
							[DIAGNOSE_UNREACHABLE] = "unreachable",
							[DIAGNOSE_NO_REPORTS] = "no-reports",
							[DIAGNOSE_UNHEARD] = "unheard",
							[DIAGNOSE_NO_QUERIER] = "no-querier",
							[DIAGNOSE_STORM_CONTROL] = "storm-control",
							[DIAGNOSE_MTU] = "mtu",
							[DIAGNOSE_DUPLEX] = "duplex",
							[DIAGNOSE_SLOW_LINK] = "slow-link",
							[DIAGNOSE_SWITCH] = "switch",
							[DIAGNOSE_CABLE] = "cable",
							[DIAGNOSE_DISK] = "disk",
							[DIAGNOSE_BUFFER] = "buffer" };

const char *diagnose_kind_name(enum diagnose_kind kind)
{
	return kind_names[kind];
}

void diagnose_add(struct work *w, enum diagnose_kind kind, const char *about, char *text)
{
	w->out->findings = mem_grow(w->out->findings, w->out->n + 1, sizeof(*w->out->findings));
	w->out->findings[w->out->n++] =
		(struct diagnose_finding){ .kind = kind, .about = about ? mem_strdup(about) : NULL, .text = text };
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

const char *diagnose_sender(const struct work *w)
{
	return w->f->no_head ? "sender" : "head";
}

/* Those which `is` true of, and which nothing explains yet; these are explained then. NULL: none. */
char *diagnose_take(struct work *w, diagnose_test is, size_t *n)
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

static bool cut_short(const struct work *w, const struct diagnose_receiver *r)
{
	if (r->large == DIAGNOSE_YES) /* many a card takes more than its MTU says */
		return false;
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
	return r->waits_for_disk && (!r->disk_bytes_s || r->disk_bytes_s < w->f->rate_bytes_s);
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
	diagnose_say(w, DIAGNOSE_STORM_CONTROL, NULL,
		     "Multicast gets lost above %llu Mbit/s, and packets to a single node do not: storm control of a switch is "
		     "likely; raise its limit for multicast, or %s %llu%s.",
		     (unsigned long long)(f->multicast_good_bytes_s / 125000),
		     f->no_head ? "send with --rate" : "set cast.rate_mbit to",
		     (unsigned long long)(f->multicast_good_bytes_s / 125000), f->no_head ? "" : " in site.json");
}

static void about_mtu(struct work *w)
{
	unsigned int bytes = w->f->packet_bytes;
	size_t n;
	autofree char *names = NULL;

	if (w->f->mtu && w->f->mtu < bytes)
		diagnose_say(w, DIAGNOSE_MTU, NULL,
			     "The sender's own interface takes packets of %u bytes, and the cast's have %u: set its MTU to %u.",
			     w->f->mtu, bytes, bytes < 1500 ? 1500 : bytes);
	names = diagnose_take(w, cut_short, &n);
	if (!names)
		return;
	if (bytes > 1500)
		diagnose_say(w, DIAGNOSE_MTU, names,
			     "Jumbo frames (%u bytes) do not reach %s, small packets do: enable them on every switch between and "
			     "on the nodes' interfaces, or take networks[].mtu out of site.json.",
			     bytes, names);
	else
		diagnose_say(w, DIAGNOSE_MTU, names,
			     "Packets of %u bytes do not reach %s, small ones do: a tunnel or a wrong MTU lies between; set it "
			     "to 1500 there.",
			     bytes, names);
}

static void about_links(struct work *w)
{
	size_t n;
	autofree char *halves = NULL, *slow = NULL;

	if (w->f->full_duplex == DIAGNOSE_NO)
		diagnose_say(w, DIAGNOSE_DUPLEX, NULL,
			     "The sender's link is half duplex, so each answer collides with what it sends: let both ends "
			     "negotiate, or replace the cable.");
	if (w->f->speed_mbit && w->f->speed_mbit < LINK_MIN_MBIT)
		diagnose_say(
			w, DIAGNOSE_SLOW_LINK, NULL,
			"The sender's own link has %u Mbit/s, and no cast is faster: replace its cable, or try another port.",
			w->f->speed_mbit);
	halves = diagnose_take(w, half, &n);
	if (halves)
		diagnose_say(w, DIAGNOSE_DUPLEX, halves,
			     "The link of %s is half duplex: let both ends of it negotiate, or replace the cable.", halves);
	slow = diagnose_take(w, slow_link, &n);
	if (slow)
		diagnose_say(w, DIAGNOSE_SLOW_LINK, slow,
			     "The link of %s has only 10 or 100 Mbit/s: replace the cable (one with two broken pairs does that), "
			     "or try another port.",
			     slow);
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
		diagnose_say(w, DIAGNOSE_SWITCH, name,
			     "All nodes behind switch %s lose packets, and others do not: look at the errors of its uplink, and "
			     "replace that cable or transceiver.",
			     name);
	}
}

static void about_one(struct work *w, const struct diagnose_receiver *r, bool alone)
{
	autofree char *port = r->port ? str_format(" (port %s)", r->port) : mem_strdup("");
	autofree char *where = r->switch_name ? str_format(" at switch %s%s", r->switch_name, port) : mem_strdup("");

	diagnose_say(w, DIAGNOSE_CABLE, r->name, "%s%s%s loses %.1f %% of the packets: replace its cable, then try another port.",
		     r->name, where, alone ? " alone" : "", r->loss * 100);
}

/* Several at a time share something: a cable each is not likely. */
static void about_single_ones(struct work *w)
{
	autofree bool *before = mem_dup(w->done, (w->f->n + 1) * sizeof(w->done[0]));
	size_t n;
	autofree char *names = diagnose_take(w, loses, &n);

	if (n > NAMES)
		diagnose_say(
			w, DIAGNOSE_CABLE, names,
			"%s lose packets, and the others next to none: see what they have in common (a switch, a rack, a kind "
			"of network card).",
			names);
	for (size_t i = 0; i < w->f->n && n <= NAMES; i++)
		if (w->done[i] && !before[i])
			about_one(w, &w->f->receivers[i], n == 1);
}

static void about_machines(struct work *w)
{
	size_t n;
	autofree char *disks = diagnose_take(w, slow_disk, &n), *buffers = NULL;

	if (disks)
		diagnose_say(w, DIAGNOSE_DISK, disks,
			     "The disk of %s is slower than the cast, which goes on without waiting: it is done later, by "
			     "itself; see smartctl -a if it should be as fast as the others'.",
			     disks);
	buffers = diagnose_take(w, small_buffer, &n);
	if (buffers)
		diagnose_say(w, DIAGNOSE_BUFFER, buffers,
			     "The receive buffer of %s is small, and packets get lost in bursts: set net.core.rmem_max to "
			     "33554432 there, as /usr/lib/sysctl.d/60-orthrus.conf does where Orthrus is installed.",
			     buffers);
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
	autofree bool *done = mem_array(f->n + 1, sizeof(*done)); /* one more: never of 0 bytes */
	struct work w = { .f = f, .out = out, .done = done, .median = median_loss(f) };

	*out = (struct diagnose){ 0 };
	diagnose_way(&w);
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
	for (size_t i = 0; i < d->n; i++) {
		free(d->findings[i].text);
		free(d->findings[i].about);
	}
	free(d->findings);
	*d = (struct diagnose){ 0 };
}
