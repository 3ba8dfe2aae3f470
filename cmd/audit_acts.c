/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/audit_acts.h"

#include "base/mem.h"
#include "base/nodeset.h"
#include "base/str.h"

#include <string.h>

void audit_acts_free(struct audit_acts *a)
{
	for (size_t i = 0; i < a->len; i++) {
		audit_line_free(&a->items[i].line);
		audit_line_free(&a->items[i].end);
	}
	free(a->items);
	*a = (struct audit_acts){ 0 };
}

/* Ends come soon after their begins. */
static struct audit_act *find(struct audit_acts *a, uint64_t number)
{
	for (size_t i = a->len; i > 0 && a->items[i - 1].line.number >= number; i--)
		if (a->items[i - 1].line.number == number && a->items[i - 1].line.phase == AUDIT_BEGIN)
			return &a->items[i - 1];
	return NULL;
}

void audit_acts_add(struct audit_acts *a, const char *text)
{
	struct audit_line l;
	struct err err = { 0 };
	struct audit_act *act;

	if (audit_line_read(text, strlen(text), &l, &err) != AUDIT_GOOD) {
		uint64_t number = l.number ? l.number : a->len ? a->items[a->len - 1].line.number + 1 : 1;

		audit_line_free(&l);
		l = (struct audit_line){ .number = number, .phase = AUDIT_NOTE, .at = mem_strdup("?") };
		l.text = str_format("this line was changed (%s): `orthrus audit verify`", err.text);
	}
	act = l.phase == AUDIT_END ? find(a, l.begun) : NULL;
	if (act && !act->ended) {
		act->ended = true;
		act->end = l;
		return;
	}
	a->items = mem_room(a->items, a->len, &a->cap, sizeof(*a->items));
	a->items[a->len++] = (struct audit_act){ .line = l };
}

static bool holds(const char *text, const char *word)
{
	return text && strstr(text, word);
}

static bool has_node(const char *nodes, const char *node)
{
	autoclean(nodeset_free) struct nodeset set = { 0 };
	struct err ignored = { 0 };

	if (!nodes)
		return false;
	/* A list that was too long for its line still names those that it names. */
	if (nodeset_parse(nodes, NULL, NULL, &set, &ignored) < 0)
		return strstr(nodes, node) != NULL;
	return nodeset_has(&set, node);
}

bool audit_act_fits(const struct audit_act *a, const struct audit_filter *f)
{
	if (f->since && a->line.at && strcmp(a->line.at, f->since) < 0)
		return false;
	if (f->who && !holds(a->line.who, f->who) && !holds(a->line.from, f->who))
		return false;
	return !f->node || has_node(a->line.nodes, f->node);
}

bool audit_is_time(const char *text)
{
	static const char form[] = "0000-00-00T00:00:00Z";
	size_t len = strlen(text);

	if (len != 10 && len != 16 && len != 19 && len != 20)
		return false;
	for (size_t i = 0; i < len; i++)
		if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			return false;
	return true;
}

static char *result_text(const struct audit_line *l)
{
	const char *word = audit_result_name(l->result);

	if (l->status >= 400)
		return str_format("%s (%llu)%s%s", word, (unsigned long long)l->status, l->text ? ": " : "",
				  l->text ? l->text : "");
	return str_format("%s%s%s", word, l->text ? ": " : "", l->text ? l->text : "");
}

char *audit_act_result(const struct audit_act *a)
{
	switch (a->line.phase) {
	case AUDIT_BEGIN:
		return a->ended ? result_text(&a->end) : mem_strdup("begun, no end is written");
	case AUDIT_END:
		return str_format("end of %llu: %s", (unsigned long long)a->line.begun, audit_result_name(a->line.result));
	case AUDIT_REFUSED:
		return result_text(&a->line);
	case AUDIT_REFUSALS:
		return str_format("%llu more refused", (unsigned long long)a->line.count);
	case AUDIT_NOTE:
		break;
	}
	return mem_strdup(a->line.text ? a->line.text : "");
}

static void put_optional(struct json_out *w, const char *key, const char *value)
{
	if (value)
		json_put_str(w, key, value);
}

void audit_act_json(const struct audit_act *a, struct json_out *w)
{
	const struct audit_line *last = a->ended ? &a->end : &a->line;
	bool judged = last->phase == AUDIT_END || last->phase == AUDIT_REFUSED;

	json_put_obj(w, NULL);
	json_put_u64(w, "number", a->line.number);
	json_put_str(w, "at", a->line.at);
	json_put_str(w, "phase", audit_phase_name(a->line.phase));
	put_optional(w, "who", a->line.who);
	put_optional(w, "from", a->line.from);
	put_optional(w, "what", a->line.what);
	put_optional(w, "nodes", a->line.nodes);
	put_optional(w, "request", a->line.request);
	if (a->ended)
		json_put_str(w, "ended", a->end.at);
	if (a->line.begun)
		json_put_u64(w, "begun", a->line.begun);
	if (judged)
		json_put_str(w, "result", audit_result_name(last->result));
	if (last->status)
		json_put_u64(w, "status", last->status);
	if (a->line.count)
		json_put_u64(w, "count", a->line.count);
	put_optional(w, "text", last->text);
	json_end_obj(w);
}
