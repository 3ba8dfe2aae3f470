/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes are changed: all of a request, or none of them. */
#include "base/mem.h"
#include "base/nodeset.h"
#include "daemon/api.h"
#include "daemon/bmc_wish.h"
#include "daemon/change.h"
#include "daemon/roster.h"

#define NODES_MAX 5000
#define NODES_PER_WRITE 128 /* each is up to 20 writes, and one change of the state holds 4096 */

struct item {
	char *name;
	struct node *n; /* in setting.after; NULL: it was refused */
	struct bmc_request bmc;
};
struct setting {
	struct daemon *d;
	struct site site;
	struct roster before, after;
	struct item *items;
	size_t n_items;
	struct plan plan;
	struct err first;	/* why the first one is refused */
	struct nodeset refused; /* all of them */
	bool only_plan;
};

static void setting_free(struct setting *m)
{
	for (size_t i = 0; i < m->n_items; i++) {
		free(m->items[i].name);
		bmc_request_free(&m->items[i].bmc);
	}
	free(m->items);
	site_free(&m->site);
	roster_free(&m->before);
	roster_free(&m->after);
	plan_free(&m->plan);
	nodeset_free(&m->refused);
}

/* Of several it is said which one; *it is out of the request, and the others are looked at. */
static int refuse(struct setting *m, struct item *it, struct err *why, struct err *err)
{
	autofree char *named = str_format("%s: ", it->name);

	it->n = NULL;
	if (m->n_items > 1 && !str_starts(why->text, named))
		err_wrap(why, "%s", it->name);
	if (!nodeset_count(&m->refused))
		m->first = *why;
	return nodeset_add(&m->refused, it->name, err);
}

static int verdict(struct setting *m, struct err *err)
{
	autoclean(nodeset_free) struct nodeset others = { 0 };
	autoclean(buf_free) struct buf names = { 0 };

	if (!nodeset_count(&m->refused))
		return 0;
	*err = m->first;
	if (m->n_items == 1)
		return -1;
	for (size_t i = 0; i < nodeset_count(&m->refused); i++) {
		autofree char *named = str_format("%s: ", nodeset_get(&m->refused, i));

		if (!str_starts(m->first.text, named) && nodeset_add(&others, nodeset_get(&m->refused, i), err) < 0)
			return -1;
	}
	nodeset_fold(&others, &names);
	err_set(err, m->first.kind, "%s%s%s; nothing was changed", m->first.text, names.len ? "; refused too: " : "",
		names.len ? buf_str(&names) : "");
	return m->first.hint[0] ? err_hint(err, "%s", m->first.hint) : -1;
}

/* What is wished, over what is known of the node. */
static int read_wishes(struct setting *m, struct json_obj *o, struct item *it, struct err *err)
{
	it->n = roster_find(&m->after, it->name);
	if (!it->n) {
		err_set(err, ERR_NOT_FOUND, "there is no node '%.64s'", it->name);
		return err_hint(err, "`orthrus node list` shows what there is");
	}
	if (bmc_request_read(o, &it->bmc, err) < 0 || api_read_wishes(o, &m->site, it->n, err) < 0)
		return -1;
	return it->n->group ? 0 : err_set(err, ERR_INVALID, "%s: a node must be in a group", it->name);
}

/* The object's own path says nothing to people: its node does. */
static int read_item(struct setting *m, struct json_obj *o, struct item *it, struct err *err)
{
	struct err why = { 0 };

	o->path[0] = '\0';
	return read_wishes(m, o, it, &why) < 0 ? refuse(m, it, &why, err) : 0;
}

static int load(struct setting *m, struct err *err)
{
	return daemon_site(m->d, &m->site, NULL, err) < 0 || roster_load(m->d, &m->before, err) < 0 ||
			       roster_load(m->d, &m->after, err) < 0
		       ? -1
		       : 0;
}

/* Only when all wishes are in the roster: one node may get the address that another gives away. */
static int check(struct setting *m, struct err *err)
{
	for (size_t i = 0; i < m->n_items; i++) {
		struct err why = { 0 };

		if (m->items[i].n && roster_check(&m->after, &m->site, m->items[i].n, &why) < 0 &&
		    refuse(m, &m->items[i], &why, err) < 0)
			return -1;
	}
	return 0;
}

/* Which of its addresses do not follow from the other one. */
static const char *own_families(const struct node *n)
{
	return n->addr4 && n->has6 ? "IPv4 and IPv6" : n->addr4 ? "IPv4" : n->has6 ? "IPv6" : "none";
}

/* Asked for by name; a table says what every node has, and changes nothing by that. */
static void say_own(struct plan *plan, const struct node *old, const struct node *n)
{
	autofree char *step = str_format("set:%s:address of its own", n->name);
	const char *from = own_families(old), *to = own_families(n);

	if (!str_eq(from, to))
		api_step(plan, step, "%s: address of its own from %s to %s", n->name, from, to);
}

/* Into the change, and what is new into the plan; the event only when it is written. */
static int put_item(struct setting *m, struct change *c, const struct item *it, const char *who, struct err *err)
{
	const struct node *old = roster_find(&m->before, it->name);
	autoclean(run_free) struct run r = { 0 };
	size_t steps = m->plan.len;

	api_say_changes(&m->plan, &m->site, old, it->n);
	if (m->plan.len == steps)
		say_own(&m->plan, old, it->n);
	/* How its BMC is reached does not matter to an installation, but to getting out of one that hangs. */
	if (daemon_run(m->d, it->name, &r, err) < 0 ||
	    ((m->plan.len > steps || !it->bmc.given) && api_not_installing(it->name, &r, false, err) < 0) ||
	    api_forget_machine(m->d, c, it->n, &r, &m->plan, err) < 0 ||
	    bmc_request_apply(c, &m->site, it->name, it->n->group, &it->bmc, &m->plan, err) < 0)
		return -1;
	if (m->plan.len == steps)
		return 0;
	change_node(c, it->n);
	if (who)
		change_event(c, EVENT_INFO, "node-changed", it->name, "changed by %s: %s", who, m->plan.steps[steps].text);
	return 0;
}

/* A rehearsal: what is refused only here is found before the first write. */
static int plan_all(struct setting *m, struct change *c, struct err *err)
{
	for (size_t i = 0; i < m->n_items; i++) {
		struct err why = { 0 };

		if (m->items[i].n && put_item(m, c, &m->items[i], NULL, &why) < 0 && refuse(m, &m->items[i], &why, err) < 0)
			return -1;
	}
	change_drop(c);
	return verdict(m, err);
}

static int write_all(struct setting *m, struct change *c, const char *who, struct err *err)
{
	plan_free(&m->plan);
	for (size_t i = 0; i < m->n_items; i++) {
		bool full = (i + 1) % NODES_PER_WRITE == 0 || i + 1 == m->n_items;

		if (put_item(m, c, &m->items[i], who, err) == 0 && (!full || change_commit(c, err) == 0))
			continue;
		if (i < NODES_PER_WRITE)
			return -1;
		err_wrap(err, "%zu of %zu nodes are changed", i / NODES_PER_WRITE * NODES_PER_WRITE, m->n_items);
		return err_hint(err, "say it again: what is changed already is left as it is");
	}
	return 0;
}

static int perform(struct setting *m, struct change *c, struct http_call *call, struct err *err)
{
	if (check(m, err) < 0 || plan_all(m, c, err) < 0)
		return -1;
	if (!m->only_plan && m->plan.len) {
		if (write_all(m, c, http_who(call), err) < 0)
			return -1;
		api_follow(m->d, c, &m->plan);
	}
	api_steps(call, &m->plan);
	return 0;
}

int api_node_set(void *ctx, struct http_call *call, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(setting_free) struct setting m = { .d = ctx };
	autoclean(change_end) struct change c = { 0 };
	struct json_obj o;

	change_begin(&c, ctx);
	if (http_query_flag(call, "plan", &m.only_plan, err) < 0 || api_body(call, &doc, &o, err) < 0 || load(&m, err) < 0)
		return -1;
	m.items = mem_array(1, sizeof(*m.items));
	m.n_items = 1;
	m.items[0].name = mem_strdup(http_param(call, "name"));
	return read_item(&m, &o, &m.items[0], err) < 0 ? -1 : perform(&m, &c, call, err);
}

static int read_items(struct setting *m, struct json_obj *o, struct err *err)
{
	autoclean(nodeset_free) struct nodeset once = { 0 };
	struct json_arr a;

	if (json_arr_max(o, "nodes", JSON_MUST, NODES_MAX, &a, err) < 0 ||
	    json_bool(o, "plan", JSON_MAY, &m->only_plan, err) < 0 || json_obj_end(o, err) < 0)
		return -1;
	if (a.len == 0)
		return json_bad(o, "nodes", err, "there are no nodes in it");
	m->items = mem_array(a.len, sizeof(*m->items));
	m->n_items = a.len;
	for (size_t i = 0; i < a.len; i++) {
		struct item *it = &m->items[i];
		struct json_obj e;

		if (json_arr_obj(&a, i, &e, err) < 0 || json_str(&e, "name", JSON_MUST, &it->name, err) < 0 ||
		    str_check_hostname(it->name, err) < 0 || nodeset_add(&once, it->name, err) < 0)
			return err_wrap(err, "nodes");
		if (nodeset_count(&once) <= i)
			return json_bad(o, "nodes", err, "names %s twice", it->name);
		if (read_item(m, &e, it, err) < 0)
			return -1;
	}
	return 0;
}

int api_nodes_set(void *ctx, struct http_call *call, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(setting_free) struct setting m = { .d = ctx };
	autoclean(change_end) struct change c = { 0 };
	struct json_obj o;

	change_begin(&c, ctx);
	if (api_body(call, &doc, &o, err) < 0 || load(&m, err) < 0 || read_items(&m, &o, err) < 0)
		return -1;
	return perform(&m, &c, call, err);
}
