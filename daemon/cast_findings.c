/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the facts of a cast show, where administrators look: status and events. */
#include "base/mem.h"
#include "daemon/cast_facts.h"
#include "daemon/change.h"
#include "daemon/querier_head.h"
#include "daemon/reconcile.h"
#include "sys/clock.h"

#include <string.h>

#define TEXT_MAX ((size_t)700) /* an event holds it whole */

/* Who asks for members is not looked at: whatever is wrong with a querier that is wanted is not said then. */
static void look_without_querier(struct daemon *d, struct cast_network *out)
{
	autoclean(site_free) struct site site = { 0 };
	const struct site_head *head;
	struct err none = { 0 };

	*out = (struct cast_network){ 0 };
	if (daemon_site(d, &site, NULL, &none) < 0)
		return;
	out->querier_off = !site.cast.querier;
	head = daemon_head(&site, &none);
	if (head)
		cable_look(head->interface, &out->own);
	for (int f = 0; f < QUERIER_FAMILIES; f++)
		out->querier[f] = site.cast.querier ? DIAGNOSE_YES : DIAGNOSE_UNKNOWN;
}

void cast_network_look(struct daemon *d, struct cast_network *out)
{
	struct querier_head_view v;

	look_without_querier(d, out);
	if (!d->reconcile) /* it begins after the casts */
		return;
	reconcile_querier(d->reconcile, &v);
	for (int f = 0; f < QUERIER_FAMILIES; f++)
		out->querier[f] = cast_querier_fact(&v, (enum querier_family)f);
}

static void look(const struct cast *c, const struct cast_network *n, struct diagnose *out)
{
	const bool over = c->state == CAST_ENDED || c->state == CAST_FAILED;
	autoclean(cast_facts_free) struct cast_facts facts = { 0 };

	cast_facts_make(c, n, over ? c->ended_ns : clock_now_ns(), &facts);
	diagnose_make(&facts.f, out);
}

void cast_findings_put(const struct cast *c, const struct cast_network *n, struct json_out *w)
{
	autoclean(diagnose_free) struct diagnose now = { 0 };

	if (!c->looked)
		look(c, n, &now);
	diagnose_print(c->looked ? &c->found : &now, w);
}

static char *text_of(const struct diagnose *d)
{
	autoclean(buf_free) struct buf text = { 0 };

	for (size_t i = 0; i < d->n; i++) {
		if (text.len + strlen(d->findings[i].text) > TEXT_MAX) {
			buf_addf(&text, " %zu more: orthrus cast status.", d->n - i);
			break;
		}
		buf_addf(&text, "%s%s", text.len ? " " : "", d->findings[i].text);
	}
	return buf_steal(&text);
}

char *cast_findings_end(struct cast *c)
{
	struct diagnose found;
	struct cast_network n;

	look_without_querier(c->all->d, &n);
	look(c, &n, &found);
	pthread_mutex_lock(&c->all->lock);
	c->found = found;
	c->looked = true;
	pthread_mutex_unlock(&c->all->lock);
	return text_of(&c->found);
}

static bool nobody_is_heard(const struct cast *c)
{
	bool told = false;

	for (size_t i = 0; i < c->n_members; i++) {
		if (c->members[i].view.state || c->members[i].view.hellos)
			return false;
		told |= c->members[i].told;
	}
	return told;
}

void cast_findings_watch(struct cast *c)
{
	autoclean(diagnose_free) struct diagnose found = { 0 };
	const struct cast_network unknown = { 0 };

	pthread_mutex_lock(&c->all->lock);
	if (!c->unheard && nobody_is_heard(c)) {
		look(c, &unknown, &found);
		c->unheard = diagnose_has(&found, DIAGNOSE_NO_REPORTS);
	}
	pthread_mutex_unlock(&c->all->lock);
	for (size_t i = 0; i < found.n; i++)
		if (found.findings[i].kind == DIAGNOSE_NO_REPORTS)
			event_note(c->all->d, EVENT_WARNING, "cast-unheard", NULL, "the cast of %s/%s: %s", c->name, c->id,
				   found.findings[i].text);
}
