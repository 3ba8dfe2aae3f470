/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/site_change.h"

#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/host_files.h"
#include "daemon/secret_store.h"
#include "daemon/site_diff.h"
#include "daemon/site_steps.h"
#include "sys/fs.h"

#include <string.h>

/* While it is there, orders have to be made to fit the site that is applied. */
#define UNSETTLED "site-orders"

void site_change_free(struct site_change *s)
{
	site_free(&s->old);
	site_free(&s->site);
	templates_free(&s->templates);
	site_nodes_free(&s->nodes);
	standing_orders_free(&s->orders);
	plan_free(&s->plan);
}

int site_change_begin(struct daemon *d, struct site_change *s, struct err *err)
{
	struct err why = { 0 };

	s->had = daemon_site(d, &s->old, &s->version, &why) == 0;
	if (s->had || why.kind == ERR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

/* Steps that others put there, from `from` on. */
static void tag(struct plan *plan, size_t from, enum site_step_kind kind)
{
	for (size_t i = from; i < plan->len; i++) {
		const char *name = plan->steps[i].name;

		plan->steps[i].type = (int)kind;
		if (str_eq(name, "addresses:head"))
			plan->steps[i].type = SITE_STEP_DANGER;
		else if (str_starts(name, "addresses:"))
			plan->steps[i].type = SITE_STEP_NODES;
	}
}

static int look_at_templates(struct daemon *d, struct site_change *s, struct err *err)
{
	autoclean(buf_free) struct buf before = { 0 };
	size_t from = s->plan.len;

	if (!s->wanted->restores) {
		if (host_files_look(d, &s->site, &s->templates, &s->plan, err) < 0)
			return -1;
	} else if (site_history_templates(d, s->wanted->restores, &before, err) < 0 ||
		   host_files_back(d, &s->site, &before, &s->templates, &s->plan, err) < 0) {
		return -1;
	}
	tag(&s->plan, from, SITE_STEP_TEMPLATE);
	if (s->wanted->restores && s->plan.len > from)
		site_step_add(&s->plan, SITE_STEP_BYHAND, "by-hand:templates", NULL,
			      "%s stays as it is: the next `orthrus site apply` takes what is in there again",
			      d->paths.templates_dir);
	return 0;
}

/* An interface that is not there can't be served; where the head was served before it goes on. */
static int check_interface(struct daemon *d, const struct site_change *s, const struct site_head *head, struct err *err)
{
	autofree char *path = str_format("/sys/class/net/%s", head->interface);
	struct err none = { 0 };
	const struct site_head *was = s->had ? daemon_head(&s->old, &none) : NULL;

	if (d->no_dnsmasq || !was || str_eq(was->interface, head->interface) || fs_exists(path))
		return 0;
	err_set(err, ERR_REFUSED, "this head has no interface %s, and now serves nodes on %s", head->interface, was->interface);
	return err_hint(err,
			"`ip link` lists what it has; put the card in or name the right one in \"heads\" of site.json first");
}

/* What follows beside the site's values: only looked for where these change. */
static int add_consequences(struct daemon *d, struct site_change *s, struct err *err)
{
	autoclean(site_facts_free) struct site_facts facts = { 0 };
	autofree char *url = daemon_server_url(&s->site), *munge = secrets_follow_plan(d, &s->site);

	if (!fs_exists(d->paths.pki_dir))
		api_step(&s->plan, "keys", "make the cluster's signing key and certificate authority in %s", d->paths.pki_dir);
	if (munge)
		api_step(&s->plan, "munge", "%s", munge);
	if (site_facts_gather(d, s, &facts, err) < 0)
		return -1;
	facts.url = url;
	return site_steps(&facts, s->wanted->diff, &s->plan, err);
}

int site_change_look(struct daemon *d, const struct site_wanted *wanted, struct site_change *s, struct err *err)
{
	const struct site *old = s->had ? &s->old : NULL;
	const struct site_head *head;
	bool differs;
	size_t from;

	s->wanted = wanted;
	/* What would fail when it is applied is refused before, and by the plan as well. */
	if (site_read(wanted->text, wanted->len, "the new site", &s->site, err) < 0)
		return -1;
	head = daemon_head(&s->site, err);
	if (!head || check_interface(d, s, head, err) < 0 ||
	    site_nodes_fit(d, old, &s->site, wanted->restores, &s->nodes, err) < 0 || site_diff(old, &s->site, &s->plan, err) < 0)
		return -1;
	tag(&s->plan, 0, SITE_STEP_VALUE);
	differs = s->plan.len > 0;
	from = s->plan.len;
	if (site_nodes_say(d, old, &s->site, &s->nodes, &s->plan, err) < 0)
		return -1;
	tag(&s->plan, from, SITE_STEP_ADDRESS);
	if (look_at_templates(d, s, err) < 0)
		return -1;
	from = s->plan.len;
	if (orders_follow(d, &s->site, &s->nodes.is, &s->orders, &s->plan, err) < 0)
		return -1;
	tag(&s->plan, from, SITE_STEP_ORDER);
	s->changes = s->plan.len > 0;
	return differs ? add_consequences(d, s, err) : 0;
}

static void put_mark(struct change *c)
{
	autoclean(buf_free) struct buf json = { 0 };

	buf_adds(&json, "{}");
	change_put(c, UNSETTLED, "all", &json);
}

/* Orders that do not fit the site any more are taken back, the others made to fit, with the templates that hold now. */
static int settle(struct change *c, const struct site *site, const struct roster *nodes, struct err *err)
{
	autoclean(standing_orders_free) struct standing_orders orders = { 0 };
	autoclean(plan_free) struct plan said = { 0 };

	if (orders_follow(c->d, site, nodes, &orders, &said, err) < 0 || orders_withdraw(c, &orders, err) < 0 ||
	    orders_refresh(c, &orders, err) < 0)
		return -1;
	change_delete(c, UNSETTLED, "all");
	return change_commit(c, err);
}

int site_change_resume(struct daemon *d, struct err *err)
{
	autoclean(change_end) struct change c = { 0 };
	autoclean(site_free) struct site site = { 0 };
	autoclean(roster_free) struct roster nodes = { 0 };
	autoclean(state_doc_free) struct state_doc mark = { 0 };
	struct err none = { 0 };

	change_begin(&c, d);
	if (state_get(d->state, UNSETTLED "/all", &mark, &none) < 0) {
		if (none.kind == ERR_NOT_FOUND)
			return 0;
		*err = none;
		return -1;
	}
	if (daemon_site(d, &site, NULL, err) < 0 || roster_load(d, &nodes, err) < 0 || settle(&c, &site, &nodes, err) < 0)
		return err_wrap(err, "orders that have to follow the site");
	return 0;
}

/* How many values, addresses and templates change: what somebody else did is in the other steps. */
static size_t count_changes(const struct plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->len; i++)
		n += plan->steps[i].type == SITE_STEP_VALUE || plan->steps[i].type == SITE_STEP_ADDRESS ||
		     plan->steps[i].type == SITE_STEP_TEMPLATE;
	return n;
}

static void tell(struct change *c, const struct site_change *s, const struct site_revision *r)
{
	const struct site_wanted *w = s->wanted;
	const char *colon = w->reason ? ": " : "", *reason = w->reason ? w->reason : "";
	size_t n = count_changes(&s->plan);

	if (w->restores)
		change_event(c, EVENT_INFO, "site-undone", NULL,
			     "the site was taken back to revision %llu by %s (%zu changes), as revision %llu%s%s",
			     (unsigned long long)w->restores, w->who, n, (unsigned long long)r->number, colon, reason);
	else
		change_event(c, EVENT_INFO, "site-applied", NULL,
			     "a new site was applied by %s (%zu changes), as revision %llu%s%s", w->who, n,
			     (unsigned long long)r->number, colon, reason);
}

/* With other templates each may be another one. */
static bool have_orders(const struct change *c)
{
	size_t bytes;

	return state_usage(c->d->state, "order/", &bytes) > 0;
}

/* The one write. */
static int write_all(struct change *c, const struct site_change *s, struct err *err)
{
	autoclean(site_revision_free) struct site_revision r = { .restores = s->wanted->restores, .nodes = s->nodes.is.len };
	autoclean(buf_free) struct buf text = { 0 };
	struct digest digest;

	buf_add(&text, s->wanted->text, s->wanted->len);
	digest_of(buf_str(&text), text.len, &digest);
	digest_hex(&digest, r.digest);
	r.who = mem_strdup(s->wanted->who);
	r.reason = s->wanted->reason ? mem_strdup(s->wanted->reason) : NULL;
	change_put_key(c, "site", &text);
	if (site_history_next(c, &r, err) < 0 || site_nodes_write(c, &s->nodes, s->wanted->who, err) < 0)
		return -1;
	host_files_write(c, &s->templates);
	if (have_orders(c))
		put_mark(c);
	tell(c, s, &r);
	return change_commit(c, err);
}

int site_change_apply(struct change *c, const struct site_change *s, struct err *err)
{
	if (site_history_keep(c, err) < 0 || site_history_moves(c, &s->nodes.was, &s->nodes.is, err) < 0 ||
	    write_all(c, s, err) < 0)
		return -1;
	if (have_orders(c) && settle(c, &s->site, &s->nodes.is, err) < 0)
		return err_wrap(err, "the site is applied, but not all orders follow it yet; that is tried again");
	return 0;
}
