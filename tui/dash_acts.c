/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/dash_acts.h"

#include "base/mem.h"
#include "base/naming.h"
#include "base/nodeset.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME, GROUP, MACS }; /* the fields of a form, in their order */

static void PRINTF_LIKE(2, 3) say(struct dash_ui *ui, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ui->message, sizeof(ui->message), fmt, ap);
	va_end(ap);
}

void dash_act_end(struct dash_ui *ui)
{
	free(ui->about);
	free(ui->subject);
	ui->about = ui->subject = NULL;
	str_list_free(&ui->words);
	str_list_free(&ui->said);
	ui->n_fields = ui->field = ui->scroll = 0;
	ui->typed[0] = '\0';
	ui->failed = ui->left = false;
	ui->mode = DASH_BROWSE;
}

enum dash_want dash_act_plan(struct dash_ui *ui)
{
	ui->mode = DASH_PLANNING;
	ui->last = "--plan";
	return DASH_WANT_PLAN;
}

static void add_words(struct dash_ui *ui, const char *noun, const char *verb)
{
	str_list_free(&ui->words);
	str_list_add(&ui->words, noun);
	str_list_add(&ui->words, verb);
}

static struct dash_field *add_field(struct dash_ui *ui, const char *label, const char *help, const char *value)
{
	struct dash_field *f = &ui->fields[ui->n_fields++];

	*f = (struct dash_field){ .label = label, .help = help };
	snprintf(f->value, sizeof(f->value), "%s", value);
	return f;
}

static bool is_taken(void *ctx, const char *name)
{
	const struct dash_state *s = ctx;

	return node_rows_find(&s->nodes, name) != NULL;
}

/* The lowest free name of the rule that the wizard was told. One that goes by switch ports names nobody here. */
static bool ruled_name(const char *rule, const struct dash_state *s, char out[DASH_VALUE_MAX])
{
	autoclean(naming_free) struct naming n = { 0 };
	struct dash_state seen = *s; /* a view */
	struct err none = { 0 };
	const char *name;

	if (!rule || naming_add(&n, rule, &none) < 0 || naming_name(&n, NULL, 0, is_taken, &seen, &name, &none) < 0)
		return false;
	snprintf(out, DASH_VALUE_MAX, "%s", name);
	return true;
}

/* As the rule says; else the name behind the last of those that there are: n07 is followed by n08. */
static void next_name(const struct dash_ui *ui, const struct dash_state *s, char out[DASH_VALUE_MAX])
{
	const char *last = s->nodes.len ? s->nodes.items[s->nodes.len - 1].name : "n00";
	size_t len = strlen(last), digits = 0;
	unsigned long number;

	if (ruled_name(ui->names, s, out))
		return;
	while (digits < len && digits < 9 && last[len - digits - 1] >= '0' && last[len - digits - 1] <= '9')
		digits++;
	number = digits ? strtoul(last + len - digits, NULL, 10) : 0;
	do
		snprintf(out, DASH_VALUE_MAX, "%.*s%0*lu", (int)(len - digits), last, (int)digits, ++number);
	while (node_rows_find(&s->nodes, out));
}

static void add_node_fields(struct dash_ui *ui, const struct dash_state *s, const char *name_help)
{
	char name[DASH_VALUE_MAX];

	next_name(ui, s, name);
	ui->n_fields = ui->field = 0;
	add_field(ui, "Node", name_help, name);
	add_field(ui, "Group", "The group of the site whose image and disk layout it gets; `orthrus site show` lists the groups.",
		  s->site.groups.len ? s->site.groups.items[0] : "");
	ui->mode = DASH_FORM;
}

/* --- approve --- */

static const struct pending_row *machine(const struct dash_state *s, const char *fingerprint)
{
	for (size_t i = 0; fingerprint && i < s->pending.len; i++)
		if (str_eq(s->pending.items[i].fingerprint, fingerprint) && str_eq(s->pending.items[i].state, "pending"))
			return &s->pending.items[i];
	return NULL;
}

static void approve_words(struct dash_ui *ui, const struct pending_row *m, const char *name, const char *group)
{
	add_words(ui, "node", "approve");
	str_list_add(&ui->words, name);
	if (group) {
		str_list_add(&ui->words, "--group");
		str_list_add(&ui->words, group);
	}
	str_list_add(&ui->words, "--fingerprint");
	str_list_add(&ui->words, m->words);
}

static enum dash_want begin_approve(struct dash_ui *ui, const struct dash_state *s)
{
	const struct pending_row *m = machine(s, ui->chosen[DASH_WAITING]);

	if (!m) {
		say(ui, "No machine waits for approval: switch one on, set to boot from the network.");
		return DASH_WANT_NOTHING;
	}
	if (m->conflict) {
		say(ui, "%s: %s", m->mac, m->why);
		return DASH_WANT_NOTHING;
	}
	ui->subject = mem_strdup(m->fingerprint);
	/* The words come first: they are compared, and stand in one line. */
	ui->about = str_format("Its console must show: %s (%s)%s%s%s", m->words, m->mac, m->other_key ? " NOTE: " : "",
			       m->other_key ? m->node : "", m->other_key ? " has another key, which this one replaces." : "");
	if (m->node) {
		approve_words(ui, m, m->node, NULL);
		return dash_act_plan(ui);
	}
	add_node_fields(ui, s, "The name that this machine gets: letters, digits and '-', as n07.");
	return DASH_WANT_NOTHING;
}

/* --- add --- */

static enum dash_want begin_add(struct dash_ui *ui, const struct dash_state *s)
{
	add_node_fields(ui, s, "The name of the node, or of several: n07 or n[07-12].");
	add_field(ui, "MAC addresses", "Of each node's network card, in the order of the names, with commas: 52:54:00:00:00:01.",
		  "");
	return DASH_WANT_NOTHING;
}

/* --- reinstall, remove --- */

/* Those that are marked, else the chosen one, as a node set; false: none. */
static bool targets(const struct dash_ui *ui, const struct dash_state *s, struct buf *out)
{
	autoclean(nodeset_free) struct nodeset set = { 0 };
	struct err ignored = { 0 };

	for (size_t i = 0; i < ui->marked.len; i++)
		if (node_rows_find(&s->nodes, ui->marked.items[i]))
			(void)!nodeset_add(&set, ui->marked.items[i], &ignored);
	if (!nodeset_count(&set) && ui->chosen[DASH_NODES])
		(void)!nodeset_add(&set, ui->chosen[DASH_NODES], &ignored);
	nodeset_fold(&set, out);
	return out->len > 0;
}

static enum dash_want begin_nodes(struct dash_ui *ui, const struct dash_state *s, const char *verb)
{
	autoclean(buf_free) struct buf names = { 0 };

	if (!targets(ui, s, &names)) {
		say(ui, "There is no node to %s.", verb);
		return DASH_WANT_NOTHING;
	}
	add_words(ui, "node", verb);
	str_list_add(&ui->words, buf_str(&names));
	return dash_act_plan(ui);
}

/* --- switch --- */

static enum dash_want begin_switch(struct dash_ui *ui, const struct dash_state *s)
{
	const struct guard_view *g = &s->guard;

	if (str_list_has(&ui->program, "--api"))
		say(ui, "The lease is given away on the head that has it: run the dashboard there.");
	else if (s->guard_silence.text || !g->self)
		say(ui, "No guard answers on this machine, so there is no lease to give away.");
	else if (!g->holder)
		say(ui, "Nobody that is known here has the lease.");
	else if (!str_eq(g->holder, g->self))
		say(ui, "%s has the lease: run `orthrus head switch`, or this dashboard, there.", g->holder);
	else {
		add_words(ui, "head", "switch");
		return dash_act_plan(ui);
	}
	return DASH_WANT_NOTHING;
}

enum dash_want dash_act_begin(struct dash_ui *ui, const struct dash_state *s, enum dash_act act)
{
	dash_act_end(ui);
	ui->act = act;
	if (act != DASH_SWITCH && s->daemon.text) {
		say(ui, "orthrusd does not answer, and nothing can be asked of it.");
		return DASH_WANT_NOTHING;
	}
	switch (act) {
	case DASH_APPROVE:
		return begin_approve(ui, s);
	case DASH_ADD:
		return begin_add(ui, s);
	case DASH_INSTALL:
		return begin_nodes(ui, s, "install");
	case DASH_REMOVE:
		return begin_nodes(ui, s, "remove");
	case DASH_SWITCH:
		return begin_switch(ui, s);
	case DASH_ACTS:
		break;
	}
	return DASH_WANT_NOTHING;
}

/* --- forms --- */

static bool refuse(struct dash_ui *ui, size_t field, const char *why)
{
	snprintf(ui->fields[field].problem, sizeof(ui->fields[field].problem), "%.120s", why);
	ui->field = field;
	return false;
}

static bool check_names(struct dash_ui *ui, bool one, size_t *n)
{
	autoclean(nodeset_free) struct nodeset set = { 0 };
	struct err err = { 0 };

	if (!ui->fields[NAME].value[0])
		return refuse(ui, NAME, "a name is needed");
	if (nodeset_parse(ui->fields[NAME].value, NULL, NULL, &set, &err) < 0)
		return refuse(ui, NAME, err.text);
	*n = nodeset_count(&set);
	if (one && *n != 1)
		return refuse(ui, NAME, "one machine gets one name");
	for (size_t i = 0; i < *n; i++)
		if (str_check_hostname(nodeset_get(&set, i), &err) < 0)
			return refuse(ui, NAME, err.text);
	return true;
}

/* A group that the site does not have is refused by the command too; here it is said on the field. */
static bool check_group(struct dash_ui *ui, const struct dash_state *s)
{
	if (!ui->fields[GROUP].value[0])
		return refuse(ui, GROUP, "a group is needed");
	if (s->site.groups.len && !str_list_has(&s->site.groups, ui->fields[GROUP].value))
		return refuse(ui, GROUP, "the site has no such group");
	return true;
}

static bool check_macs(struct dash_ui *ui, size_t n_names)
{
	const char *at = ui->fields[MACS].value;
	size_t n = 0;

	for (;; at++) {
		const size_t len = strcspn(at, ",");
		autofree char *one = mem_strndup(at, len);
		char mac[STR_MAC_LEN];
		struct err err = { 0 };

		if (str_to_mac(one, mac, &err) < 0)
			return refuse(ui, MACS, err.text);
		n++;
		at += len;
		if (!*at)
			break;
	}
	if (n != n_names && n_names != 1)
		return refuse(ui, MACS, "give one for each node, with commas between them");
	return true;
}

bool dash_act_take(struct dash_ui *ui, const struct dash_state *s)
{
	const struct pending_row *m = machine(s, ui->subject);
	const char *name = ui->fields[NAME].value, *group = ui->fields[GROUP].value;
	size_t n = 0;

	for (size_t i = 0; i < ui->n_fields; i++)
		ui->fields[i].problem[0] = '\0';
	if (!check_names(ui, ui->act == DASH_APPROVE, &n) || !check_group(ui, s) || (ui->act == DASH_ADD && !check_macs(ui, n)))
		return false;
	if (ui->act == DASH_APPROVE) {
		if (!m)
			return refuse(ui, NAME, "the machine does not wait any more");
		/* A node that there is has a group already. */
		approve_words(ui, m, name, node_rows_find(&s->nodes, name) ? NULL : group);
		return true;
	}
	add_words(ui, "node", "add");
	str_list_add(&ui->words, name);
	str_list_add(&ui->words, "--group");
	str_list_add(&ui->words, group);
	str_list_add(&ui->words, "--mac");
	str_list_add(&ui->words, ui->fields[MACS].value);
	return true;
}
