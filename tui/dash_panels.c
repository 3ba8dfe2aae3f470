/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of tui/dash_view.h: what the panels say, but for the nodes. */
#include "base/mem.h"
#include "tui/dash_view.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WIDE 110 /* columns from which there is room for more */

void dash_lines_free(struct dash_lines *l)
{
	for (size_t i = 0; i < l->len; i++)
		free(l->items[i].text);
	free(l->items);
	*l = (struct dash_lines){ 0 };
}

static void add(struct dash_lines *l, enum dash_attr attr, char *text)
{
	l->items = mem_room(l->items, l->len, &l->cap, sizeof(*l->items));
	l->items[l->len++] = (struct dash_line){ .text = text, .attr = attr };
}

void dash_line_add(struct dash_lines *l, enum dash_attr attr, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	add(l, attr, mem_strdup(text));
}

void dash_line_wrap(struct dash_lines *l, enum dash_attr attr, size_t width, const char *text)
{
	autoclean(str_list_free) struct str_list lines = { 0 };

	dash_wrap(text, width, 2, &lines);
	for (size_t i = 0; i < lines.len; i++)
		add(l, attr, mem_strdup(lines.items[i]));
}

/* "! text", and how to go on. */
static void add_warning(struct dash_lines *l, size_t width, const char *text, const char *hint)
{
	autofree char *warning = str_format("! %s", text), *next = hint ? str_format("  next: %s", hint) : NULL;

	dash_line_wrap(l, DASH_WARN, width, warning);
	if (next)
		dash_line_wrap(l, DASH_NORMAL, width, next);
}

/* --- the daemon --- */

void dash_down_lines(const struct dash_state *s, size_t width, struct dash_lines *out)
{
	if (!s->daemon.text)
		return;
	add_warning(out, width, s->daemon.text, s->daemon.hint);
	if (s->status.version)
		dash_line_add(out, DASH_NORMAL, "  What stands below is what it said before.");
}

/* --- heads --- */

static void add_holder(const struct guard_view *g, const struct dash_ui *ui, struct dash_lines *out)
{
	char held[GUARD_SPAN_MAX];

	if (!g->holder) {
		dash_line_add(out, DASH_WARN, "! Nobody that is known here answers for the service addresses.");
		return;
	}
	guard_span(g->held_us, held);
	dash_line_add(out, DASH_BOLD, "%s answers for the service addresses, for %s or longer (epoch %llu)", g->holder,
		      ui->still ? "-" : held, (unsigned long long)g->epoch);
}

static void add_gap(const struct guard_view *g, struct dash_lines *out)
{
	size_t all, votes = dash_votes(g, &all);
	const bool few = votes * 2 <= all;
	char gap[128] = "no gap yet: this head took over from nobody";

	if (g->gaps.count)
		snprintf(gap, sizeof(gap), "last gap %.1f ms, half within %.1f ms, worst %.1f ms (%llu in all)",
			 (double)g->gaps.last_us / 1e3, (double)g->gaps.p50_us / 1e3, (double)g->gaps.worst_us / 1e3,
			 (unsigned long long)g->gaps.count);
	dash_line_add(out, few ? DASH_WARN : DASH_NORMAL, "%svotes %zu of %zu; %s", few ? "! " : "", votes, all, gap);
}

static void add_voters(const struct guard_view *g, const struct dash_ui *ui, size_t width, struct dash_lines *out)
{
	autoclean(buf_free) struct buf b = { 0 };
	bool silent = false;

	buf_addf(&b, "%s (here) %s, lease %.0f ms, gate %s", g->self, g->role, (double)g->lease_us / 1e3, g->gate);
	for (size_t i = 0; i < g->n_voters; i++) {
		const struct guard_voter *v = &g->voters[i];
		char ago[GUARD_SPAN_MAX];

		guard_span(v->ago_us, ago);
		buf_addf(&b, "; %s%s ", v->name, str_eq(v->role, "witness") ? " (witness)" : "");
		if (!v->heard)
			buf_adds(&b, "not heard yet");
		else if (v->ago_us >= DASH_SILENT_US)
			buf_addf(&b, "silent for %s", ui->still ? "-" : ago);
		else
			buf_adds(&b, "heard");
		buf_addf(&b, "%s%s%s", v->quarantine ? ", does not vote yet" : "", v->paused ? ", paused" : "",
			 v->unfit ? ", unfit" : "");
		silent |= !v->heard || v->ago_us >= DASH_SILENT_US || v->unfit;
	}
	dash_line_wrap(out, silent ? DASH_WARN : DASH_NORMAL, width, buf_str(&b));
}

static void add_guard(const struct dash_state *s, const struct dash_ui *ui, size_t width, struct dash_lines *out)
{
	if (!s->guard_asked)
		return;
	if (s->guard_silence.text && s->site.heads.len == 1) {
		dash_line_add(out, DASH_NORMAL, "%s is the only head: there is no lease, and no guard runs.",
			      s->site.heads.items[0]);
		return;
	}
	if (s->guard_silence.text) {
		autofree char *unless = s->guard_silence.hint && !s->site.heads.len
						? str_format("%s; a cluster with one head has none", s->guard_silence.hint)
						: NULL;

		add_warning(out, width, s->guard_silence.text, unless ? unless : s->guard_silence.hint);
		return;
	}
	add_holder(&s->guard, ui, out);
	add_gap(&s->guard, out);
	add_voters(&s->guard, ui, width, out);
	if (s->guard.problem) {
		autofree char *text = str_format("the guard: %s", s->guard.problem);

		add_warning(out, width, text, NULL);
	}
}

void dash_head_lines(const struct dash_state *s, const struct dash_ui *ui, size_t width, struct dash_lines *out)
{
	add_guard(s, ui, width, out);
	if (s->status.problem)
		add_warning(out, width, s->status.problem, NULL);
	if (s->status.version && !s->status.cluster)
		add_warning(out, width, "No site is applied yet.",
			    "orthrus-setup asks for all it needs; or `orthrus site init`, then `orthrus site apply`");
}

/* --- machines that wait --- */

void dash_waiting_lines(const struct dash_state *s, const struct dash_ui *ui, size_t width, struct dash_lines *out)
{
	size_t n;
	autofree size_t *waiting = dash_waiting(s, &n);

	for (size_t i = 0; i < n; i++) {
		const struct pending_row *m = &s->pending.items[waiting[i]];
		const bool chosen = !ui->plain && i == ui->at[DASH_WAITING], warn = m->conflict || m->other_key;
		autofree char *what = NULL;

		if (m->conflict)
			what = str_format("! %s", m->why);
		else if (m->other_key)
			what = str_format("! %s, with another key", m->node);
		else
			what = str_format("%s%s%s", m->node ? m->node : m->vendor, m->node || !m->product[0] ? "" : " ",
					  m->node ? "" : m->product);
		dash_line_add(out,
			      chosen && ui->focus == DASH_WAITING ? (warn ? DASH_WARN_REVERSE : DASH_REVERSE)
			      : warn				  ? DASH_WARN
								  : DASH_NORMAL,
			      "%c %s  %-29s  %s%s%s", chosen ? '>' : ' ', m->mac, m->words, what,
			      width >= WIDE && m->serial[0] ? "  serial " : "", width >= WIDE ? m->serial : "");
	}
}

/* --- casts --- */

static void add_span(uint64_t seconds, struct buf *out)
{
	if (seconds < 3600)
		buf_addf(out, "%llu:%02llu", (unsigned long long)(seconds / 60), (unsigned long long)(seconds % 60));
	else
		buf_addf(out, "%llu h %02llu min", (unsigned long long)(seconds / 3600), (unsigned long long)(seconds / 60 % 60));
}

/* In steps while it is only asked whether something is new. */
static unsigned int percent_of(uint64_t percent, const struct dash_ui *ui)
{
	return (unsigned int)(ui->still ? percent - percent % 10 : percent);
}

static void add_cast(const struct cast_shown *v, const struct dash_ui *ui, size_t width, bool ascii, struct dash_lines *out)
{
	autoclean(buf_free) struct buf b = { 0 };
	char rate[STR_BYTES_MAX];
	uint64_t left;

	str_from_bytes(v->rate, rate);
	buf_addf(&b, "%s%.*s %s ", v->error ? "! " : "",
		 (int)(ui->plain       ? strlen(v->image)
		       : width >= WIDE ? 64
				       : 24),
		 v->image, v->state);
	dash_bar(percent_of(v->percent, ui), width >= WIDE ? 30 : 12, ascii, &b);
	buf_addf(&b, " %u %%, %llu of %zu nodes", percent_of(v->percent, ui), (unsigned long long)v->complete, v->n_rows);
	if (v->runs && !ui->still) {
		if (v->rate)
			buf_addf(&b, ", %s/s", rate);
		buf_addf(&b, ", loss %.2f %%", (double)v->loss_ppm / 1e4);
		if (cast_shown_left(v, &left)) {
			buf_adds(&b, ", ETA ");
			add_span(left, &b);
		}
	}
	if (v->ended_by)
		buf_addf(&b, ", ended by %s", v->ended_by);
	if (v->error)
		buf_addf(&b, ": %s", v->error);
	dash_line_wrap(out, v->error ? DASH_WARN : DASH_BOLD, width, buf_str(&b));
}

/* Those that have all are only counted above. */
static void add_receivers(const struct cast_shown *v, const struct dash_ui *ui, bool ascii, struct dash_lines *out)
{
	for (size_t i = 0; i < v->n_rows; i++) {
		const struct cast_shown_node *r = &v->rows[i];
		const bool bad = str_eq(r->state, "failed") || str_eq(r->state, "refused") || str_eq(r->state, "silent");
		autoclean(buf_free) struct buf b = { 0 };

		if (str_eq(r->state, "complete"))
			continue;
		dash_bar(percent_of(r->percent, ui), 20, ascii, &b);
		buf_addf(&b, " %3u %%  %s", percent_of(r->percent, ui), r->state);
		if (!ui->still)
			buf_addf(&b, ", loss %.2f %%", (double)r->loss_ppm / 1e4);
		if (str_eq(r->way, "https"))
			buf_adds(&b, ", the rest over HTTPS");
		else if (r->straggler)
			buf_adds(&b, ", late");
		dash_line_add(out, bad ? DASH_WARN : DASH_NORMAL, "%c %-12s %s", bad ? '!' : ' ', r->node, buf_str(&b));
	}
}

void dash_cast_lines(const struct dash_state *s, const struct dash_ui *ui, size_t width, bool ascii, struct dash_lines *out)
{
	for (size_t i = 0; i < s->casts.len; i++) {
		const struct cast_shown *v = &s->casts.items[i];

		add_cast(v, ui, width, ascii, out);
		for (size_t k = 0; k < v->findings.len; k++)
			add_warning(out, width, v->findings.items[k], NULL);
		if (v->runs)
			add_receivers(v, ui, ascii, out);
	}
	for (size_t i = 0; i < s->casts.stopped.len; i++)
		add_warning(out, width, s->casts.stopped.items[i], NULL);
}

/* --- arrays, events --- */

void dash_array_lines(const struct dash_state *s, struct dash_lines *out)
{
	for (size_t i = 0; i < s->arrays.lines.len; i++) {
		const char *line = s->arrays.lines.items[i];

		dash_line_add(out, line[0] == '!' ? DASH_WARN : DASH_NORMAL, "%s", line);
	}
}

void dash_event_lines(const struct dash_state *s, size_t width, bool whole, struct dash_lines *out)
{
	for (size_t i = 0; i < s->events.len; i++) {
		const struct event_row *e = &s->events.items[i];
		const enum dash_attr attr = str_eq(e->level, "info") ? DASH_NORMAL : DASH_WARN;
		/* 2026-11-21T05:30:00Z: the date only where there is room. */
		const size_t from = strlen(e->at) >= 19 ? (width >= WIDE ? 5 : 11) : 0;
		autofree char *when = mem_strndup(e->at + from, from == 5 ? 14 : 8), *line = NULL;

		if (from == 5)
			when[5] = ' ';
		line = str_format("%c %s  %s%s%s", attr == DASH_WARN ? '!' : ' ', when, e->node ? e->node : "",
				  e->node ? ": " : "", e->text);
		if (whole)
			dash_line_wrap(out, attr, width, line);
		else
			dash_line_add(out, attr, "%s", line);
	}
}
