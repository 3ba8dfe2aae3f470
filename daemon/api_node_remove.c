/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes go: what they had is taken from them on every door. All of a request are looked at before the first is touched, and go by
 * one change, or by as few as the state allows; whoever was cut off asks again, and is told which are gone already. */
#include "base/mem.h"
#include "base/nodeset.h"
#include "daemon/api.h"
#include "daemon/change.h"
#include "daemon/ident.h"
#include "daemon/revoke.h"
#include "daemon/ssh_trust.h"

#include <string.h>

#define NODES_MAX 5000
/* One change of the state holds 4096 documents, and 1 MiB; some are for host keys that have ended. */
#define DOCS_PER_WRITE 2560
#define DOCS_PER_NODE 20 /* without its host keys: one that starts often without disks has shown hundreds */

struct removal {
	struct daemon *d;
	struct str_list names;
	bool plan, force, keep, one; /* one: of a node that is asked for by its path, which must be there */
	struct str_list there;	     /* of the names, those that are nodes */
	struct gone {
		const char *name;
		char *at, *text; /* when and by whom; NULL: the events do not reach back to it */
	} * gone;
	size_t n_gone;
	struct revoke *parts;	/* one for each write */
	size_t n_parts, n_docs; /* of the last one */
	struct plan said;	/* "remove n01 ..." */
};

static void removal_free(struct removal *m)
{
	for (size_t i = 0; i < m->n_gone; i++) {
		free(m->gone[i].at);
		free(m->gone[i].text);
	}
	for (size_t i = 0; i < m->n_parts; i++)
		revoke_free(&m->parts[i]);
	free(m->gone);
	free(m->parts);
	str_list_free(&m->names);
	str_list_free(&m->there);
	plan_free(&m->said);
}

/* --- those that are gone already --- */

struct past {
	char *kind, *node, *at, *text;
};

static void past_free(struct past *p)
{
	free(p->kind);
	free(p->node);
	free(p->at);
	free(p->text);
}

static int read_past(struct json_obj *o, void *out, struct err *err)
{
	struct past *p = out;
	autofree char *level = NULL;
	uint64_t number;

	if (json_u64(o, "number", JSON_MUST, 0, UINT64_MAX, &number, err) < 0 || json_str(o, "at", JSON_MUST, &p->at, err) < 0 ||
	    json_str(o, "level", JSON_MUST, &level, err) < 0 || json_str(o, "kind", JSON_MUST, &p->kind, err) < 0 ||
	    json_str(o, "node", JSON_MAY, &p->node, err) < 0 || json_str(o, "text", JSON_MUST, &p->text, err) < 0)
		return -1;
	return json_obj_end(o, err);
}

/* The newest event of its removal, for each. *known: how many have one; *whole: no event was forgotten yet. */
static int look_back(struct removal *m, size_t *known, bool *whole, struct err *err)
{
	autoclean(state_docs_free) struct state_docs events = { 0 };

	*known = 0;
	if (state_list(m->d->state, "event/", &events, err) < 0)
		return -1;
	*whole = events.len && str_eq(events.items[0].key, "event/000000000001");
	for (size_t i = 0; i < events.len; i++) {
		autoclean(past_free) struct past p = { 0 };

		if (json_read(events.items[i].value, strlen(events.items[i].value), read_past, &p, err) < 0)
			return err_wrap(err, "%s", events.items[i].key);
		for (size_t k = 0; str_eq(p.kind, "node-removed") && k < m->n_gone; k++) {
			if (!str_eq(p.node, m->gone[k].name))
				continue;
			*known += !m->gone[k].at;
			model_set(&m->gone[k].at, p.at);
			model_set(&m->gone[k].text, p.text);
		}
	}
	return 0;
}

/* A name that never was a node's is a slip of the pen, and nothing is removed; unless this is the rest of a removal of which the
 * events know no more than a part. */
static int judge_gone(struct removal *m, struct err *err)
{
	autoclean(nodeset_free) struct nodeset missing = { 0 };
	autoclean(buf_free) struct buf names = { 0 };
	size_t known;
	bool whole;

	if (!m->n_gone)
		return 0;
	if (look_back(m, &known, &whole, err) < 0)
		return -1;
	if (known == m->n_gone || (known && !whole))
		return 0;
	for (size_t i = 0; i < m->n_gone; i++)
		if (!m->gone[i].at && nodeset_add(&missing, m->gone[i].name, err) < 0)
			return -1;
	nodeset_fold(&missing, &names);
	err_set(err, ERR_NOT_FOUND, nodeset_count(&missing) == 1 ? "there is no node '%s'" : "there are no nodes %s",
		buf_str(&names));
	return err_hint(err, "`orthrus node list` shows what there is");
}

/* --- look --- */

static int look_at(struct removal *m, const char *name, size_t host_keys, struct err *err)
{
	struct revoke *part = m->n_parts ? &m->parts[m->n_parts - 1] : NULL;
	autoclean(node_free) struct node n = { 0 };
	autoclean(run_free) struct run r = { 0 };
	autofree char *step = NULL, *known_by = NULL;

	if (daemon_node(m->d, name, &n, NULL, err) < 0) {
		if (m->one || err->kind != ERR_NOT_FOUND)
			return -1;
		*err = (struct err){ 0 };
		m->gone[m->n_gone++] = (struct gone){ .name = name };
		return 0;
	}
	if (daemon_run(m->d, name, &r, err) < 0 || api_not_installing(name, &r, m->force, err) < 0)
		return -1;
	if (!part || m->n_docs + DOCS_PER_NODE + host_keys > DOCS_PER_WRITE) {
		part = &m->parts[m->n_parts++];
		*part = (struct revoke){ .d = m->d, .keep_secrets = m->keep };
		m->n_docs = 0;
	}
	m->n_docs += DOCS_PER_NODE + host_keys;
	step = str_format("remove:%s", name);
	known_by = api_known_by(&n);
	api_step(&m->said, step,
		 "remove %s (%s): its key, its address and its image are taken from it; its disks are left as they are", name,
		 known_by);
	str_list_add(&m->there, name);
	return revoke_add(part, &n, err);
}

static int look(struct removal *m, struct err *err)
{
	autofree size_t *host_keys = mem_array(m->names.len, sizeof(*host_keys));

	if (ssh_count(m->d, &m->names, host_keys, err) < 0)
		return -1;
	m->gone = mem_array(m->names.len, sizeof(*m->gone));
	m->parts = mem_array(m->names.len, sizeof(*m->parts));
	for (size_t i = 0; i < m->names.len; i++)
		if (look_at(m, m->names.items[i], host_keys[i], err) < 0)
			return -1;
	for (size_t i = 0; i < m->n_parts; i++)
		if (revoke_look(&m->parts[i], err) < 0)
			return -1;
	return judge_gone(m, err);
}

/* --- do --- */

static int write_part(const struct revoke *part, struct change *c, const char *who, struct err *err)
{
	static const char *const prefixes[] = { "node", "run", "inv", "order", "report" };
	autoclean(str_list_free) struct str_list names = { 0 };

	for (size_t i = 0; i < part->n_nodes; i++) {
		str_list_add(&names, part->nodes[i].name);
		for (size_t k = 0; k < ARRAY_LEN(prefixes); k++)
			change_delete(c, prefixes[k], part->nodes[i].name);
	}
	if (ident_forget(c, &names, err) < 0 || revoke_put(part, c, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++)
		change_event(c, EVENT_INFO, "node-removed", names.items[i], "removed by %s", who);
	return change_commit(c, err);
}

static int write_all(struct removal *m, struct change *c, const char *who, struct err *err)
{
	size_t done = 0;

	for (size_t i = 0; i < m->n_parts; i++) {
		if (write_part(&m->parts[i], c, who, err) == 0) {
			done += m->parts[i].n_nodes;
			continue;
		}
		if (!i)
			return -1;
		err_wrap(err, "%zu of %zu nodes are removed", done, m->there.len);
		return err_hint(err, "remove them again: what is gone is left alone");
	}
	return 0;
}

/* What is said of each node comes after what is done with it; what was gone before is first. */
static void say(struct removal *m, struct http_call *call, bool confirmed)
{
	autoclean(plan_free) struct plan plan = { 0 };

	for (size_t i = 0; i < m->n_gone; i++) {
		const struct gone *g = &m->gone[i];
		autofree char *step = str_format("gone:%s", g->name);

		if (g->at)
			api_step(&plan, step, "%s: it is gone already: %s at %s", g->name, g->text, g->at);
		else
			api_step(&plan, step, "%s: there is no such node any more", g->name);
	}
	for (size_t i = 0; i < m->said.len; i++)
		api_step(&plan, m->said.steps[i].name, "%s", m->said.steps[i].text);
	for (size_t i = 0; i < m->n_parts; i++) {
		if (confirmed)
			revoke_confirm(&m->parts[i], NULL, &plan);
		else
			revoke_say(&m->parts[i], NULL, &plan);
	}
	api_steps(call, &plan);
}

static int perform(struct removal *m, struct change *c, struct http_call *call, struct err *err)
{
	int rc;

	if (look(m, err) < 0)
		return -1;
	if (m->plan || !m->n_parts) {
		say(m, call, false);
		return 0;
	}
	rc = write_all(m, c, http_who(call), err);
	/* Also when only some of them are gone: whose cast ends for nothing gets a new ticket. */
	api_shut_casts(m->d, &m->there, &m->said);
	if (rc < 0)
		return -1;
	api_follow(m->d, c, &m->said);
	say(m, call, true);
	return 0;
}

int api_node_remove(void *ctx, struct http_call *call, struct err *err)
{
	autoclean(removal_free) struct removal m = { .d = ctx, .one = true };
	autoclean(change_end) struct change c = { 0 };

	change_begin(&c, ctx);
	if (http_query_flag(call, "plan", &m.plan, err) < 0 || http_query_flag(call, "force", &m.force, err) < 0 ||
	    http_query_flag(call, "keep_secrets", &m.keep, err) < 0)
		return -1;
	str_list_add(&m.names, http_param(call, "name"));
	return perform(&m, &c, call, err);
}

static int read_request(const struct http_call *call, struct removal *m, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(nodeset_free) struct nodeset once = { 0 };
	struct json_obj o;

	if (api_body(call, &doc, &o, err) < 0 || json_strs(&o, "nodes", JSON_MUST, &m->names, err) < 0 ||
	    json_bool(&o, "plan", JSON_MAY, &m->plan, err) < 0 || json_bool(&o, "force", JSON_MAY, &m->force, err) < 0 ||
	    json_bool(&o, "keep_secrets", JSON_MAY, &m->keep, err) < 0)
		return -1;
	if (m->names.len == 0 || m->names.len > NODES_MAX)
		return json_bad(&o, "nodes", err, "has %zu entries; 1 to %d are removed at once", m->names.len, NODES_MAX);
	for (size_t i = 0; i < m->names.len; i++)
		if (str_check_hostname(m->names.items[i], err) < 0 || nodeset_add(&once, m->names.items[i], err) < 0)
			return err_wrap(err, "nodes");
	if (nodeset_count(&once) < m->names.len)
		return json_bad(&o, "nodes", err, "names a node twice");
	return json_obj_end(&o, err);
}

int api_nodes_remove(void *ctx, struct http_call *call, struct err *err)
{
	autoclean(removal_free) struct removal m = { .d = ctx };
	autoclean(change_end) struct change c = { 0 };

	change_begin(&c, ctx);
	return read_request(call, &m, err) < 0 ? -1 : perform(&m, &c, call, err);
}
