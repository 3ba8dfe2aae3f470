/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many nodes at once, added or changed: all problems are told together, and nothing is written while there is one. */
#include "base/mem.h"
#include "base/nodeset.h"
#include "daemon/api.h"
#include "daemon/change.h"
#include "daemon/reconcile.h"
#include "daemon/roster.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 20000
#define ROWS_PER_WRITE 1000 /* what one write of the state holds, with their events */

struct row {
	uint64_t line;
	char *name;
	size_t at; /* in `after`; SIZE_MAX: it could not be read */
	bool new;
};
struct import {
	struct daemon *d;
	struct site site;
	struct roster before, after; /* before: by name; so are the first before.len of after */
	struct row *rows;
	size_t n_rows;
	struct plan plan;
	struct buf problems; /* the elements of a JSON array */
	struct json_out w;
	size_t n_problems;
};

static void import_free(struct import *m)
{
	for (size_t i = 0; i < m->n_rows; i++)
		free(m->rows[i].name);
	free(m->rows);
	site_free(&m->site);
	roster_free(&m->before);
	roster_free(&m->after);
	plan_free(&m->plan);
	buf_free(&m->problems);
}

static void problem(struct import *m, const struct row *r, const struct err *why)
{
	if (m->n_problems++ == 0) {
		json_out_init(&m->w, &m->problems, false);
		json_put_arr(&m->w, NULL);
	}
	json_put_obj(&m->w, NULL);
	json_put_u64(&m->w, "line", r->line);
	json_put_str(&m->w, "name", r->name);
	json_put_str(&m->w, "text", why->text);
	json_put_str(&m->w, "hint", why->hint);
	json_end_obj(&m->w);
}

static int node_by_name(const void *name, const void *node)
{
	return strcmp(name, ((const struct node *)node)->name);
}

static struct node *known(const struct roster *by_name, size_t len, const char *name)
{
	return len ? bsearch(name, by_name->nodes, len, sizeof(*by_name->nodes), node_by_name) : NULL;
}

/* The wishes of a row, over what is known of the node. */
static int read_wishes(struct import *m, struct json_obj *o, struct row *r, struct err *err)
{
	struct node *old, fresh = { 0 };

	if (str_check_hostname(r->name, err) < 0)
		return err_wrap(err, "node");
	old = known(&m->after, m->before.len, r->name);
	r->new = !old;
	if (!old)
		fresh.name = mem_strdup(r->name);
	if (api_read_wishes(o, &m->site, old ? old : &fresh, err) < 0 ||
	    (!(old ? old : &fresh)->group && err_set(err, ERR_INVALID, "%s: no group is given", r->name) < 0)) {
		node_free(&fresh);
		return -1;
	}
	r->at = old ? (size_t)(old - m->after.nodes) : m->after.len;
	if (!old)
		roster_add(&m->after, &fresh);
	return 0;
}

static int read_row(struct import *m, struct json_obj *o, struct row *r, struct err *err)
{
	struct err why = { 0 };

	if (json_u64(o, "line", JSON_MUST, 1, UINT32_MAX, &r->line, err) < 0 || json_str(o, "name", JSON_MUST, &r->name, err) < 0)
		return -1;
	r->at = SIZE_MAX;
	if (read_wishes(m, o, r, &why) < 0)
		problem(m, r, &why);
	return 0;
}

static int by_name_then_line(const void *a, const void *b)
{
	const struct row *x = *(const struct row *const *)a, *y = *(const struct row *const *)b;
	int c = strcmp(x->name, y->name);

	return c ? c : x->line < y->line ? -1 : x->line > y->line;
}

static void check_once(struct import *m)
{
	autofree struct row **sorted = mem_array(m->n_rows, sizeof(*sorted));

	for (size_t i = 0; i < m->n_rows; i++)
		sorted[i] = &m->rows[i];
	qsort(sorted, m->n_rows, sizeof(*sorted), by_name_then_line);
	for (size_t i = 1; i < m->n_rows; i++) {
		struct err why = { 0 };

		if (!str_eq(sorted[i - 1]->name, sorted[i]->name))
			continue;
		err_set(&why, ERR_INVALID, "%s stands in line %llu already", sorted[i]->name,
			(unsigned long long)sorted[i - 1]->line);
		problem(m, sorted[i], &why);
		sorted[i]->at = SIZE_MAX;
	}
}

static int read_rows(struct import *m, struct json_obj *o, struct err *err)
{
	struct json_arr a;

	if (json_arr_max(o, "nodes", JSON_MUST, ROWS_MAX, &a, err) < 0)
		return -1;
	if (a.len == 0)
		return json_bad(o, "nodes", err, "there are no nodes in it");
	m->rows = mem_array(a.len, sizeof(*m->rows));
	for (size_t i = 0; i < a.len; i++) {
		struct json_obj e;

		m->n_rows++;
		if (json_arr_obj(&a, i, &e, err) < 0 || read_row(m, &e, &m->rows[i], err) < 0)
			return -1;
	}
	check_once(m);
	return 0;
}

/* Only when all rows are in the roster: a file may give one node's address to another. */
static void check_rows(struct import *m)
{
	uint64_t from = 0;

	for (size_t i = 0; i < m->n_rows; i++) {
		struct row *r = &m->rows[i];
		struct node *n = r->at == SIZE_MAX ? NULL : &m->after.nodes[r->at];
		struct err why = { 0 };

		if (!n)
			continue;
		if (r->new &&roster_place(&m->after, &m->site, &from, n, &why) < 0) {
			problem(m, r, &why);
			continue;
		}
		if (roster_check(&m->after, &m->site, n, &why) < 0)
			problem(m, r, &why);
		else if (r->new)
			n->boot = node_first_boot(&m->site, n);
	}
}

/* What the row changes goes into `c`. 1: something; 0: nothing. */
static int put_row(struct import *m, struct change *c, const struct row *r, struct err *err)
{
	autoclean(run_free) struct run run = { 0 };
	const struct node *n = &m->after.nodes[r->at];
	size_t steps = m->plan.len;

	if (r->new) {
		api_say_added(&m->plan, &m->site, n);
	} else {
		if (daemon_run(m->d, n->name, &run, err) < 0)
			return -1;
		api_say_changes(&m->plan, &m->site, known(&m->before, m->before.len, n->name), n);
		if (m->plan.len == steps)
			return 0;
		if (api_not_installing(n->name, &run, false, err) < 0 || api_forget_machine(m->d, c, n, &run, &m->plan, err) < 0)
			return -1;
	}
	change_node(c, n);
	return 1;
}

static void say_event(struct change *c, const char *kind, const char *verb, struct nodeset *names, const char *who)
{
	autoclean(buf_free) struct buf folded = { 0 };

	if (!nodeset_count(names))
		return;
	nodeset_fold(names, &folded);
	change_event(c, EVENT_INFO, kind, nodeset_count(names) == 1 ? nodeset_get(names, 0) : NULL, "%s %s by %s (import)",
		     buf_str(&folded), verb, who);
}

/* Rows from `first` on, as many as one write holds. `c` is committed when it is not only a plan. */
static int write_rows(struct import *m, struct change *c, size_t first, size_t end, const char *who, bool only_plan,
		      struct err *err)
{
	autoclean(nodeset_free) struct nodeset added = { 0 };
	autoclean(nodeset_free) struct nodeset changed = { 0 };

	for (size_t i = first; i < end; i++) {
		const struct row *r = &m->rows[i];
		int rc = put_row(m, c, r, err);

		if (rc < 0)
			return err_wrap(err, "line %llu", (unsigned long long)r->line);
		if (rc && nodeset_add(r->new ? &added : &changed, r->name, err) < 0)
			return -1;
	}
	if (only_plan)
		return 0;
	say_event(c, "node-added", "added", &added, who);
	say_event(c, "node-changed", "changed", &changed, who);
	return change_commit(c, err);
}

/* Installations under way are found before the first write. */
static void check_idle(struct import *m)
{
	for (size_t i = 0; i < m->n_rows; i++) {
		const struct row *r = &m->rows[i];
		autoclean(plan_free) struct plan diff = { 0 };
		autoclean(run_free) struct run run = { 0 };
		struct err why = { 0 };

		if (r->at == SIZE_MAX || r->new)
			continue;
		api_say_changes(&diff, &m->site, known(&m->before, m->before.len, r->name), &m->after.nodes[r->at]);
		if (diff.len && (daemon_run(m->d, r->name, &run, &why) < 0 || api_not_installing(r->name, &run, false, &why) < 0))
			problem(m, r, &why);
	}
}

static int write_all(struct import *m, struct change *c, const char *who, bool only_plan, struct err *err)
{
	for (size_t first = 0; first < m->n_rows; first += ROWS_PER_WRITE) {
		size_t end = first + ROWS_PER_WRITE < m->n_rows ? first + ROWS_PER_WRITE : m->n_rows;

		if (write_rows(m, c, first, end, who, only_plan, err) == 0)
			continue;
		if (!first || only_plan)
			return -1;
		err_wrap(err, "%zu of %zu nodes are written", first, m->n_rows);
		return err_hint(err, "import the file again: what is written already is left as it is");
	}
	return 0;
}

static void answer_problems(struct http_call *call, struct import *m)
{
	autofree char *text = str_format("%zu problem%s; nothing was changed", m->n_problems, m->n_problems == 1 ? "" : "s");
	struct err e = { 0 };
	struct json_out w;

	json_end_arr(&m->w);
	err_set(&e, ERR_INVALID, "%s", text);
	http_set_status(call, 400);
	json_out_init(&w, http_out(call), true);
	json_put_obj(&w, NULL);
	json_put_err(&w, "error", &e);
	json_put_raw(&w, "problems", buf_str(&m->problems));
	json_end_obj(&w);
}

int api_import(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(import_free) struct import m = { .d = d };
	autoclean(change_end) struct change c = { 0 };
	struct err late = { 0 };
	bool only_plan = false;
	struct json_obj o;

	change_begin(&c, d);
	if (api_body(call, &doc, &o, err) < 0 || json_bool(&o, "plan", JSON_MAY, &only_plan, err) < 0 ||
	    daemon_site(d, &m.site, NULL, err) < 0 || roster_load(d, &m.before, err) < 0 || roster_load(d, &m.after, err) < 0 ||
	    read_rows(&m, &o, err) < 0 || json_obj_end(&o, err) < 0)
		return -1;
	check_rows(&m);
	check_idle(&m);
	if (m.n_problems) {
		answer_problems(call, &m);
		return 0;
	}
	if (write_all(&m, &c, http_who(call), only_plan, err) < 0)
		return -1;
	if (!only_plan && m.plan.len) {
		change_release(&c);
		if (reconcile_wait(d->reconcile, &late) < 0)
			api_step(&m.plan, "problem", "done, but network boot does not follow yet: %s", late.text);
	}
	api_steps(call, &m.plan);
	return 0;
}
