/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said of the nodes that a cast goes to: a line for each when there is news, and at the end who has it, and who has not.
 */
#include "base/fold.h"
#include "base/mem.h"
#include "cmd/cast_send.h"

#include <stdio.h>
#include <stdlib.h>

#define FEW 16 /* so many are shown by tenths, more when they begin and end */
#define STEP_PERCENT 10

static void put_node(struct json_out *w, const struct fleet_node *n, const char *name)
{
	json_put_str(w, "node", name);
	json_put_str(w, "state", fleet_state_name(n->state));
	json_put_u64(w, "percent", fleet_node_percent(n));
	if (n->state == FLEET_RECEIVES)
		json_put_str(w, "stage", n->stage);
	if (n->why)
		json_put_str(w, "why", n->why);
	if (n->hint)
		json_put_str(w, "hint", n->hint);
}

static bool is_news(struct fleet_node *n, bool few)
{
	autofree char *news = str_format("%d %s %u", (int)n->state, n->stage && few ? n->stage : "",
					 few ? fleet_node_percent(n) / STEP_PERCENT : 0);

	if (str_eq(news, n->told))
		return false;
	free(n->told);
	n->told = steal(news);
	return true;
}

void cast_to_say(struct cast_send *s, size_t i)
{
	struct fleet *f = &s->to->fleet;
	struct fleet_node *n = &f->items[i];
	autoclean(buf_free) struct buf line = { 0 };
	struct json_out w;

	if (!is_news(n, s->receivers <= FEW) || s->to->c->quiet)
		return;
	if (!s->to->c->json) {
		if (s->watch.progress.mode == PROGRESS_BAR) /* which is drawn again below */
			fputs("\r\033[K", stderr);
		fleet_node_line(n, nodeset_get(&f->nodes, i), &line);
		cmd_say(s->to->c, "%s", buf_str(&line));
		return;
	}
	json_out_init(&w, &line, false);
	json_put_obj(&w, NULL);
	put_node(&w, n, nodeset_get(&f->nodes, i));
	json_end_obj(&w);
	fprintf(stderr, "%s\n", buf_str(&line));
}

void cast_to_put(const struct cast_send *s, struct json_out *w)
{
	struct fleet *f = &s->to->fleet;

	json_put_str(w, "path", s->to->path);
	json_put_arr(w, "nodes");
	for (size_t i = 0; i < nodeset_count(&f->nodes); i++) {
		const struct fleet_node *n = &f->items[i];

		json_put_obj(w, NULL);
		put_node(w, n, nodeset_get(&f->nodes, i));
		json_put_f64(w, "seconds", n->seconds);
		if (n->state == FLEET_DONE) {
			json_put_u64(w, "tls_bytes", n->tls_bytes);
			json_put_u64(w, "kept_bytes", n->kept_bytes);
		}
		json_end_obj(w);
	}
	json_end_arr(w);
}

static void add_rows(const struct cast_send *s, enum fleet_state state, struct cmd_table *t)
{
	struct fleet *f = &s->to->fleet;
	autoclean(fold_free) struct fold rows = { 0 };
	struct err no = { 0 };

	for (size_t i = 0; i < nodeset_count(&f->nodes); i++) {
		const struct fleet_node *n = &f->items[i];
		struct buf why = { 0 };

		if (n->state != state)
			continue;
		buf_adds(&why, state == FLEET_FAILED ? n->why : n->tls_bytes ? "some or all of it by TLS" : "");
		if (fold_add(&rows, nodeset_get(&f->nodes, i), &why, &no) < 0)
			no.kind = ERR_NONE;
		buf_free(&why);
	}
	fold_sort(&rows);
	for (size_t i = 0; i < rows.len; i++) {
		autoclean(buf_free) struct buf who = { 0 };

		fold_who(&rows.entries[i].who, &who);
		cmd_table_add(t, buf_str(&who));
		cmd_table_add(t, fleet_state_name(state));
		cmd_table_add(t, rows.entries[i].text.len ? buf_str(&rows.entries[i].text) : NULL);
	}
}

void cast_to_table(const struct cast_send *s)
{
	static const char *const heads[] = { "NODES", "RESULT", "WHY", NULL };
	autoclean(cmd_table_free) struct cmd_table t = { 0 };

	if (!s->to->fleet.items)
		return;
	cmd_table_init(&t, heads);
	add_rows(s, FLEET_DONE, &t);
	add_rows(s, FLEET_FAILED, &t);
	cmd_table_print(&t);
	fflush(stdout);
}

int cast_to_judge(const struct cmd *c, struct cast_send *s, struct err *err)
{
	struct fleet *f = &s->to->fleet;
	autoclean(nodeset_free) struct nodeset failed = { 0 };
	autoclean(buf_free) struct buf names = { 0 };
	size_t n = nodeset_count(&f->nodes), n_failed;
	const char *hint = NULL;

	for (size_t i = 0; i < n; i++) {
		if (f->items[i].state == FLEET_DONE)
			continue;
		if (nodeset_add(&failed, nodeset_get(&f->nodes, i), err) < 0)
			return -1;
		hint = hint ? hint : f->items[i].hint;
	}
	n_failed = nodeset_count(&failed);
	if (!n_failed)
		return 0;
	nodeset_fold(&failed, &names);
	err_set(err, n_failed < n ? ERR_PARTIAL : ERR_FAILED, "%s%zu of %zu node%s failed: %.600s",
		atomic_load(&s->watch.stopped) ? "stopped: " : "", n_failed, n, n == 1 ? "" : "s", buf_str(&names));
	if (c->json) /* it is said in the result */
		err->text[0] = '\0';
	return err_hint(err, "%s", hint ? hint : "send it again: what nodes have kept is not sent twice");
}
