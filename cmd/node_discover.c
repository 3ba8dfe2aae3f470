/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machines that arrive, as they arrive: shown with the words of their keys, named, and approved when the administrator says
 * so. */
#include "base/mem.h"
#include "cmd/arrivals.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/events.h"
#include "sys/http_client.h"

#include <stdio.h>
#include <string.h>

#define AT_ONCE 200 /* of one request */

struct discover {
	struct cmd *c;
	struct arrival_filter filter;
	struct str_list rules;
	struct naming naming;
	struct str_list shown; /* lines that were printed: a machine is shown again when its line is another */
	struct str_list asked; /* fingerprints that the administrator, or the head, said no to */
	size_t approved, failed;
	struct err first;
};

static void discover_free(struct discover *d)
{
	str_list_free(&d->rules);
	naming_free(&d->naming);
	str_list_free(&d->shown);
	str_list_free(&d->asked);
}

/* --- showing ---------------------------------------------------------------------------------------------------------------- */

static char *disks_of(const struct arrival *a)
{
	char size[STR_BYTES_MAX];

	str_from_bytes(a->disks_bytes, size);
	return a->n_disks ? str_format("%zu, %s", a->n_disks, size) : mem_strdup("none");
}

static void add_row(struct cmd_table *t, const struct arrival *a)
{
	autofree char *disks = disks_of(a), *at = arrival_ports(a);
	char memory[STR_BYTES_MAX];

	str_from_bytes(a->memory_bytes, memory);
	cmd_table_add(t, a->row->words);
	cmd_table_add(t, a->row->mac);
	cmd_table_add(t, a->row->serial[0] ? a->row->serial : NULL);
	cmd_table_add(t, a->row->product[0] ? a->row->product : NULL);
	cmd_table_add(t, memory);
	cmd_table_add(t, disks);
	cmd_table_add(t, at);
	if (str_eq(a->row->state, "rejected"))
		cmd_table_add(t, "rejected");
	else if (a->name && a->row->other_key)
		cmd_table_addf(t, "%s, with another key", a->name);
	else
		cmd_table_add(t, a->name);
}

/* What is printed of a machine with --json: what the daemon says of it, and what it would be. */
static char *json_line(const struct arrival *a)
{
	autoclean(buf_free) struct buf out = { 0 };
	const struct pending_row *r = a->row;
	struct json_out w;

	json_out_init(&w, &out, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "fingerprint", r->fingerprint);
	json_put_str(&w, "words", r->words);
	json_put_str(&w, "mac", r->mac);
	json_put_str(&w, "from", r->from);
	json_put_str(&w, "first_seen", r->first_seen);
	json_put_str(&w, "state", r->state);
	json_put_str(&w, "node", r->node);
	json_put_bool(&w, "other_key", r->other_key);
	json_put_bool(&w, "conflict", r->conflict);
	json_put_str(&w, "why", r->why);
	json_put_str(&w, "name", a->name);
	json_put_str(&w, "unnamed", a->unnamed);
	json_put_raw(&w, "machine", r->machine);
	json_end_obj(&w);
	return buf_steal(&out);
}

/* The text by which two looks at a machine are compared. */
static char *look_of(const struct arrival *a)
{
	autofree char *at = arrival_ports(a), *disks = disks_of(a);

	return str_format("%s %s %s %s %s %s %d", a->row->fingerprint, a->row->state, a->row->mac, at ? at : "",
			  a->name ? a->name : "", disks, a->row->other_key);
}

static bool is_new(struct discover *d, const struct arrival *a)
{
	autofree char *look = look_of(a);

	if (str_list_has(&d->shown, look))
		return false;
	str_list_add(&d->shown, look);
	return true;
}

/* Why machines have no name: once for each reason, under the table. */
static void say_unnamed(const struct discover *d, const struct arrivals *a, const bool *fresh)
{
	autoclean(str_list_free) struct str_list said = { 0 };

	for (size_t i = 0; i < a->len; i++) {
		const struct arrival *x = &a->items[i];
		autofree char *line = NULL;

		if (!fresh[i] || !x->unnamed || (!d->rules.len && !x->row->conflict))
			continue;
		line = str_format("%s: no name: %s", x->row->mac, x->unnamed);
		if (!str_list_has(&said, line))
			cmd_say(d->c, "%s", line);
		str_list_add(&said, line);
	}
}

static void show(struct discover *d, const struct arrivals *a)
{
	static const char *const heads[] = {
		"KEY", "MAC", "SERIAL", "PRODUCT", "MEMORY", "DISKS", "SWITCH:PORT", "WOULD BE", NULL
	};
	autoclean(cmd_table_free) struct cmd_table t = { 0 };
	autofree bool *fresh = mem_array(a->len ? a->len : 1, sizeof(*fresh));
	size_t n = 0;

	cmd_table_init(&t, heads);
	for (size_t i = 0; i < a->len; i++) {
		fresh[i] = arrival_matches(&a->items[i], &d->filter) && is_new(d, &a->items[i]);
		if (!fresh[i])
			continue;
		n++;
		if (d->c->json) {
			autofree char *line = json_line(&a->items[i]);

			printf("%s\n", line);
		} else {
			add_row(&t, &a->items[i]);
		}
	}
	if (n && !d->c->json && !d->c->quiet)
		cmd_table_print(&t);
	say_unnamed(d, a, fresh);
	fflush(stdout);
}

/* --- approving -------------------------------------------------------------------------------------------------------------- */

/* Items first..end-1 of `who`; without names the head gives them by the rules, and nobody gets one twice. */
static void put_items(struct discover *d, const struct arrival *const *who, size_t n, bool named, struct buf *body)
{
	const char *group = cmd_option(d->c, "group");
	struct json_out w;

	json_out_init(&w, body, false);
	json_put_obj(&w, NULL);
	json_put_bool(&w, "plan", d->c->plan);
	json_put_strs(&w, "names", &d->rules);
	json_put_arr(&w, "items");
	for (size_t i = 0; i < n; i++) {
		json_put_obj(&w, NULL);
		json_put_str(&w, "fingerprint", who[i]->row->fingerprint);
		if (named)
			json_put_str(&w, "node", who[i]->name);
		if (group && !(named && who[i]->row->node))
			json_put_str(&w, "group", group);
		json_end_obj(&w);
	}
	json_end_arr(&w);
	json_end_obj(&w);
}

static int send(struct discover *d, const struct arrival *const *who, size_t n, bool named, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(buf_free) struct buf body = { 0 };

	put_items(d, who, n, named, &body);
	if (cmd_call(d->c, "POST", "/v1/approve", buf_str(&body), &reply, err) < 0 || cmd_say_steps(d->c, &reply, NULL, err) < 0)
		return -1;
	d->approved += n;
	return cmd_followed(d->c, &reply, "", err);
}

static void note_failure(struct discover *d, const struct err *why)
{
	if (!d->failed++)
		d->first = *why;
	cmd_error(d->c, why);
}

/* All in few requests; when one is refused as a whole, one by one, so that the others do not suffer. */
static void approve_batch(struct discover *d, const struct arrival *const *who, size_t n)
{
	struct err why = { 0 };

	if (send(d, who, n, false, &why) == 0)
		return;
	if (n == 1) {
		str_list_add(&d->asked, who[0]->row->fingerprint);
		/* Somebody else was quicker. */
		if (why.kind == ERR_NOT_FOUND)
			return;
		err_wrap(&why, "%s", who[0]->row->mac);
		note_failure(d, &why);
		return;
	}
	for (size_t i = 0; i < n; i++)
		approve_batch(d, who + i, 1);
}

static void ask_one(struct discover *d, const struct arrival *a)
{
	autofree char *at = arrival_ports(a);
	struct err why = { 0 };

	if (cmd_confirm(d->c, &why, "%s%s%s: does its console show %s; make it %s%s", a->row->mac, at ? " at " : "", at ? at : "",
			a->row->words, a->name, a->row->other_key ? " in place of the key it has" : "") == 0 &&
	    send(d, &a, 1, true, &why) == 0)
		return;
	str_list_add(&d->asked, a->row->fingerprint);
	if (!strstr(why.text, "not confirmed; nothing was changed"))
		note_failure(d, &why);
}

/* Which of them can be approved now. Whoever said --yes compared nothing: a node's key is not replaced so. */
static bool is_ready(struct discover *d, const struct arrival *a)
{
	struct err why = { 0 };

	if (!a->meant || !a->name || str_list_has(&d->asked, a->row->fingerprint))
		return false;
	if (!a->row->other_key || !(d->c->yes || d->c->plan))
		return true;
	str_list_add(&d->asked, a->row->fingerprint);
	err_set(&why, ERR_REFUSED, "%s: %s has another key already; --yes does not replace it", a->row->mac, a->name);
	err_hint(&why, "compare the words, then: orthrus node approve %s --fingerprint '%s'", a->name, a->row->words);
	note_failure(d, &why);
	return false;
}

static void approve_ready(struct discover *d, const struct arrivals *a)
{
	autofree const struct arrival **ready = mem_array(a->len ? a->len : 1, sizeof(*ready));
	size_t n = 0;

	for (size_t i = 0; i < a->len; i++)
		if (is_ready(d, &a->items[i]))
			ready[n++] = &a->items[i];
	if (!d->c->yes && !d->c->plan) {
		for (size_t i = 0; i < n; i++)
			ask_one(d, ready[i]);
		return;
	}
	for (size_t i = 0; i < n; i += AT_ONCE)
		approve_batch(d, ready + i, n - i < AT_ONCE ? n - i : AT_ONCE);
}

/* --- the verb --------------------------------------------------------------------------------------------------------------- */

static int look(struct discover *d, struct err *err)
{
	autoclean(pending_rows_free) struct pending_rows rows = { 0 };
	autoclean(node_rows_free) struct node_rows nodes = { 0 };
	autoclean(arrivals_free) struct arrivals a = { 0 };

	if (pending_rows_get(d->c, &rows, err) < 0 || (rows.len && node_rows_get(d->c, &nodes, err) < 0) ||
	    arrivals_read(&rows, &a, err) < 0)
		return -1;
	/* What a rule found taken may be free again, and the other way round. */
	for (size_t i = 0; i < d->naming.len; i++)
		d->naming.rules[i].next = 0;
	arrivals_name(&a, &d->filter, &d->naming, &nodes);
	show(d, &a);
	if (cmd_flag(d->c, "approve"))
		approve_ready(d, &a);
	else if (!rows.len && cmd_flag(d->c, "once"))
		cmd_say(d->c, "no machine waits for approval");
	return 0;
}

static int read_options(struct discover *d, struct err *err)
{
	struct cmd *c = d->c;

	d->filter = (struct arrival_filter){ cmd_option(c, "serial"), cmd_option(c, "switch"), cmd_option(c, "mac"),
					     cmd_option(c, "product") };
	for (size_t i = 0; i < c->n_values; i++)
		if (c->values[i].name_len == 4 && strncmp(c->values[i].name, "name", 4) == 0)
			str_list_add(&d->rules, c->values[i].value);
	for (size_t i = 0; i < d->rules.len; i++)
		if (naming_add(&d->naming, d->rules.items[i], err) < 0)
			return -1;
	if (c->plan && !cmd_flag(c, "approve")) {
		err_set(err, ERR_USAGE, "--plan shows what --approve would do, and that is not given");
		return err_hint(err, "without both, 'node discover' only looks");
	}
	if (!cmd_flag(c, "approve") || !c->yes || d->filter.serial || d->filter.at || d->filter.mac || d->filter.product)
		return 0;
	err_set(err, ERR_REFUSED, "--approve --yes takes in every machine that arrives, compared by nobody");
	return err_hint(err, "say which are meant: --serial, --switch, --mac or --product with a pattern; or leave --yes out");
}

static int end(struct discover *d, struct err *err)
{
	if (!d->failed)
		return 0;
	*err = d->first;
	err->text[0] = '\0'; /* each was said already */
	if (d->approved)
		err->kind = ERR_PARTIAL;
	return -1;
}

int cmd_node_discover(struct cmd *c, struct err *err)
{
	autoclean(discover_free) struct discover d = { .c = c };
	bool once = cmd_flag(c, "once") || c->plan;
	uint64_t since = 0;

	c->json_lines = true;
	if (cmd_args(c, 0, 0, err) < 0 || read_options(&d, err) < 0 || events_newest(c, &since, err) < 0 || look(&d, err) < 0)
		return -1;
	if (!once && !d.shown.len)
		cmd_say(c, "no machine waits yet; those that are started from the network appear here. Ctrl-C ends this");
	/* Until Ctrl-C, or until nobody reads any more. */
	while (!once && !ferror(stdout))
		if (events_wait(c, &since, err) < 0 || look(&d, err) < 0)
			return -1;
	return end(&d, err);
}
