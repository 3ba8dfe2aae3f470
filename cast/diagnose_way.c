/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/diagnose.h: what keeps packets from arriving at all. */
#include "base/mem.h"
#include "cast/diagnose_priv.h"

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

static bool unheard(const struct work *w, const struct diagnose_receiver *r)
{
	(void)w;
	return r->unheard;
}

static void about_arriving(struct work *w)
{
	size_t heard = 0, n;
	autofree char *names = NULL, *gone = NULL;

	for (size_t i = 0; i < w->f->n; i++)
		heard += w->f->receivers[i].multicast == DIAGNOSE_YES;
	names = diagnose_take(w, deaf, &n);
	if (names && heard == 0)
		diagnose_say(w, DIAGNOSE_NOT_ARRIVING, names,
			     "Multicast reaches nobody, though packets to a single node do (%s): see whether a firewall on the "
			     "%s or on nodes drops it, and whether the switches have multicast filtering on with nobody who asks "
			     "for members.",
			     names, diagnose_sender(w));
	else if (names)
		diagnose_say(w, DIAGNOSE_NOT_ARRIVING, names,
			     "Multicast does not reach %s, though packets to a single node do, and others hear it: see what lies "
			     "between, a switch that filters multicast or a firewall.",
			     names);
	gone = diagnose_take(w, unreachable, &n);
	if (gone)
		diagnose_say(
			w, DIAGNOSE_UNREACHABLE, gone,
			"Nothing of the cast reaches %s, not even packets to %s alone, though %s reports come: see whether a "
			"firewall there drops UDP.",
			gone, n == 1 ? "it" : "each", n == 1 ? "its" : "their");
}

/* A receiver reports that it is there whatever it hears: it is the reports that do not come through, or the receiver is gone. */
static void about_reports(struct work *w)
{
	const char *at = w->f->reports_at ? w->f->reports_at : "the sender's UDP port";
	size_t n;
	autofree char *names = diagnose_take(w, unheard, &n);

	if (names && n == w->f->n)
		diagnose_say(w, DIAGNOSE_NO_REPORTS, names,
			     "%s %s a ticket, but no report arrives at %s: see whether a firewall on the %s must let it in, "
			     "or one on %s must let it out.",
			     names, n == 1 ? "has" : "have", at, diagnose_sender(w), n == 1 ? "it" : "them");
	else if (names)
		diagnose_say(w, DIAGNOSE_UNHEARD, names,
			     "%s %s a ticket, but no report of %s arrives at %s, and others' do: see whether %s on, and whether "
			     "a firewall there lets it out.",
			     names, n == 1 ? "has" : "have", n == 1 ? "it" : "theirs", at, n == 1 ? "it is" : "they are");
}

/* Many at a time do not go silent by themselves. */
static bool multicast_ended(const struct work *w)
{
	size_t stopped = 0;

	for (size_t i = 0; i < w->f->n; i++)
		stopped += w->f->receivers[i].stopped;
	return stopped >= 2 && stopped * 2 >= w->f->n;
}

static bool stopped(const struct work *w, const struct diagnose_receiver *r)
{
	(void)w;
	return r->stopped;
}

static char *who_may_ask(const struct work *w)
{
	if (w->f->no_head)
		return mem_strdup("enable a querier (IGMP, MLD) on a switch or router");
	if (w->f->querier_off)
		return mem_strdup("set cast.querier to \"auto\" in site.json, or enable a querier on a switch or router");
	return mem_strdup("see `orthrus head status` for what keeps the head's querier from it");
}

static void about_querier(struct work *w)
{
	autofree char *step = who_may_ask(w), *names = NULL;
	size_t n;

	if (w->f->querier == DIAGNOSE_NO) {
		diagnose_say(w, DIAGNOSE_NO_QUERIER, NULL,
			     "Nobody asks who wants multicast%s, so switches with IGMP or MLD snooping stop to bring it after "
			     "some minutes: %s.",
			     w->f->no_head || w->f->querier_off ? "" : ", not even the head", step);
		return;
	}
	if (w->f->querier == DIAGNOSE_YES || !multicast_ended(w))
		return;
	names = diagnose_take(w, stopped, &n);
	if (names)
		diagnose_say(w, DIAGNOSE_NO_QUERIER, names,
			     "%s heard the cast, and at once no more, as when switches with IGMP or MLD snooping forget their "
			     "members because nobody asks for them%s: %s.",
			     names, w->f->querier_off ? " (cast.querier is \"off\")" : "", step);
}

void diagnose_way(struct work *w)
{
	about_arriving(w);
	about_reports(w);
	about_querier(w);
}
