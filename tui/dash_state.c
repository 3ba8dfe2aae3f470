/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/dash_state.h"

#include "api/arrays.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>

static void status_free(struct dash_status *s)
{
	free(s->version);
	free(s->cluster);
	free(s->head);
	free(s->problem);
	guard_view_free(&s->guard);
	*s = (struct dash_status){ 0 };
}

static void site_free(struct dash_site *s)
{
	str_list_free(&s->groups);
	str_list_free(&s->heads);
	*s = (struct dash_site){ 0 };
}

static void silence_free(struct dash_silence *s)
{
	free(s->text);
	free(s->hint);
	*s = (struct dash_silence){ 0 };
}

void dash_state_free(struct dash_state *s)
{
	silence_free(&s->daemon);
	status_free(&s->status);
	site_free(&s->site);
	node_rows_free(&s->nodes);
	pending_rows_free(&s->pending);
	cast_views_free(&s->casts);
	event_page_free(&s->events);
	silence_free(&s->guard_silence);
	guard_view_free(&s->guard);
	free(s->mdstat);
	str_list_free(&s->arrays.lines);
	*s = (struct dash_state){ 0 };
}

void dash_silence_set(struct dash_silence *s, const struct err *why)
{
	silence_free(s);
	s->text = mem_strdup(why->text);
	s->hint = why->hint[0] ? mem_strdup(why->hint) : NULL;
}

static void add_arrays(struct dash_arrays *a, const char *who, const char *mdstat)
{
	struct array_rows rows;
	char line[ARRAY_LINE_MAX];

	if (!mdstat)
		return;
	array_rows_read(mdstat, &rows);
	a->machines += rows.len > 0;
	a->arrays += rows.len;
	for (size_t i = 0; i < rows.len; i++) {
		a->broken += !rows.items[i].whole;
		if (rows.items[i].whole && !rows.items[i].work[0])
			continue;
		array_row_line(&rows.items[i], line);
		str_list_addf(&a->lines, "%s%s: %s", rows.items[i].whole ? "" : "! ", who, line);
	}
}

static void look_at_arrays(struct dash_state *s)
{
	str_list_free(&s->arrays.lines);
	s->arrays = (struct dash_arrays){ 0 };
	add_arrays(&s->arrays, "this machine", s->mdstat);
	for (size_t i = 0; i < s->nodes.len; i++)
		add_arrays(&s->arrays, s->nodes.items[i].name, s->nodes.items[i].mdstat);
}

/* The old part goes with `news`. */
#define TAKE(part, member)                                                                                                       \
	do {                                                                                                                     \
		if (parts & (part)) {                                                                                            \
			__typeof__(s->member) old_ = s->member;                                                                  \
			s->member = news->member;                                                                                \
			news->member = old_;                                                                                     \
		}                                                                                                                \
	} while (0)

void dash_state_take(struct dash_state *s, struct dash_state *news, unsigned int parts)
{
	TAKE(DASH_STATUS, status);
	TAKE(DASH_SITE, site);
	TAKE(DASH_NODE_ROWS, nodes);
	TAKE(DASH_PENDING_ROWS, pending);
	TAKE(DASH_CAST_VIEWS, casts);
	TAKE(DASH_DAEMON, daemon);
	TAKE(DASH_GUARD, guard_silence);
	TAKE(DASH_GUARD, guard);
	TAKE(DASH_MDSTAT, mdstat);
	s->asked |= parts & DASH_DAEMON;
	s->guard_asked |= parts & DASH_GUARD;
	if (parts & DASH_EVENT_ROWS) {
		const struct event_page *old = &s->events, *more = &news->events;

		/* It was asked from the beginning again, or its state was made anew. */
		if (more->last < old->last || (more->len && old->len && more->items[0].number <= old->items[old->len - 1].number))
			event_page_free(&s->events);
		event_page_join(&s->events, &news->events, DASH_EVENTS_MAX);
	}
	if (parts & (DASH_NODE_ROWS | DASH_MDSTAT))
		look_at_arrays(s);
	dash_state_free(news);
}

/* The first image whose imager could not be made. */
static int read_payloads(struct json_obj *o, struct dash_status *out, struct err *err)
{
	struct json_arr a;
	int have = json_arr(o, "payloads", JSON_MAY, &a, err);

	for (size_t i = 0; have > 0 && i < a.len; i++) {
		autofree char *image = NULL, *state = NULL, *why = NULL;
		struct json_obj p;

		if (json_arr_obj(&a, i, &p, err) < 0 || json_str(&p, "image", JSON_MUST, &image, err) < 0 ||
		    json_str(&p, "state", JSON_MUST, &state, err) < 0 || json_str(&p, "error", JSON_MAY, &why, err) < 0)
			return -1;
		if (str_eq(state, "failed") && !out->problem)
			out->problem = str_format("nodes with image %s stay on their disks, its imager cannot be made: %s", image,
						  why ? why : "no reason given");
	}
	return have < 0 ? -1 : 0;
}

int dash_status_read(const char *json, size_t len, struct dash_status *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autofree char *problem = NULL;
	struct json_obj o;
	int guard;

	if (json_parse(json, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_str(&o, "version", JSON_MUST, &out->version, err) < 0 ||
	    json_str(&o, "cluster", JSON_MAY, &out->cluster, err) < 0 || json_str(&o, "head", JSON_MAY, &out->head, err) < 0 ||
	    json_str(&o, "problem", JSON_MAY, &problem, err) < 0)
		return err_wrap(err, "the daemon's status");
	if (problem)
		out->problem = str_format("network boot does not follow the state: %s", problem);
	guard = guard_view_read(&o, &out->guard, err);
	if (guard < 0 || read_payloads(&o, out, err) < 0)
		return err_wrap(err, "the daemon's status");
	out->has_guard = guard > 0;
	return 0;
}

static int read_names(struct json_obj *o, const char *key, struct str_list *out, struct err *err)
{
	struct json_arr a;
	int have = json_arr(o, key, JSON_MAY, &a, err);

	for (size_t i = 0; have > 0 && i < a.len; i++) {
		autofree char *name = NULL;
		struct json_obj e;

		if (json_arr_obj(&a, i, &e, err) < 0 || json_str(&e, "name", JSON_MUST, &name, err) < 0)
			return -1;
		str_list_add(out, name);
	}
	return have < 0 ? -1 : 0;
}

int dash_site_read(const char *json, size_t len, struct dash_site *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;

	if (json_parse(json, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    read_names(&o, "groups", &out->groups, err) < 0 || read_names(&o, "heads", &out->heads, err) < 0)
		return err_wrap(err, "the site");
	return 0;
}

int dash_guard_read(const char *json, size_t len, struct guard_view *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;
	int found;

	if (json_parse(json, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0)
		return err_wrap(err, "the guard's status");
	found = guard_view_read(&o, out, err);
	if (found == 0)
		err_set(err, ERR_INVALID, "there is none");
	return found > 0 ? 0 : err_wrap(err, "the guard's status");
}

size_t dash_votes(const struct guard_view *g, size_t *all)
{
	size_t n = g->quarantine ? 0 : 1;

	*all = g->n_voters + 1;
	for (size_t i = 0; i < g->n_voters; i++) {
		const struct guard_voter *v = &g->voters[i];

		n += v->heard && !v->quarantine && v->ago_us < DASH_SILENT_US;
	}
	return n;
}
