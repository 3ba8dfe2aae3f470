/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/events.h"
#include "cmd/nodes.h"
#include "sys/http_client.h"

#include <stdio.h>
#include <stdlib.h>

/* What was last said of each node, so that a line is printed only for news. */
struct said {
	char *line;
};

/* One that refused its order before the first step is what it was before, with the reason. */
static bool has_failed(const struct node_row *r)
{
	return str_eq(r->state, "failed") || (r->error && (str_eq(r->state, "up") || str_eq(r->state, "installed")));
}

static bool finished(const struct node_row *r)
{
	return str_eq(r->state, "up") || has_failed(r);
}

static void say_news(struct cmd *c, const struct node_row *r, struct said *said)
{
	autofree char *line = NULL;

	if (has_failed(r))
		line = str_format("%s: failed: %s", r->name, r->error ? r->error : "no reason given");
	else if (str_eq(r->state, "installing"))
		/* By tens: a line for every step and for a tenth of the long ones. */
		line = str_format("%s: %s %llu %%", r->name, r->step ? r->step : "begins",
				  (unsigned long long)(r->percent / 10 * 10));
	else
		line = str_format("%s: %s", r->name, r->state);
	if (str_eq(line, said->line))
		return;
	cmd_say(c, "%s", line);
	fflush(stdout);
	free(said->line);
	said->line = steal(line);
}

/* What became of each: with --json the only document, as `node list --json` has it. */
static void print_json(const struct node_rows *rows, struct nodeset *set)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	json_put_arr(&w, "nodes");
	for (size_t i = 0; i < nodeset_count(set); i++)
		json_put_raw(&w, NULL, node_rows_find(rows, nodeset_get(set, i))->raw);
	json_end_arr(&w);
	json_end_obj(&w);
	cmd_print(buf_str(&out));
}

/* One look at all nodes; counts those that are not finished, and those that failed (named in `failed`). */
static int look(struct cmd *c, struct nodeset *set, struct said *said, size_t *open, struct nodeset *failed, struct err *err)
{
	autoclean(node_rows_free) struct node_rows rows = { 0 };

	if (node_rows_get(c, &rows, err) < 0)
		return -1;
	*open = 0;
	for (size_t i = 0; i < nodeset_count(set); i++) {
		const struct node_row *r = node_rows_find(&rows, nodeset_get(set, i));

		if (!r)
			return err_set(err, ERR_FAILED, "node %s was removed while its installation was waited for",
				       nodeset_get(set, i));
		say_news(c, r, &said[i]);
		*open += !finished(r);
		if (has_failed(r) && nodeset_add(failed, r->name, err) < 0)
			return -1;
	}
	if (c->json && !*open)
		print_json(&rows, set);
	return 0;
}

static int judge(const struct cmd *c, struct nodeset *set, struct nodeset *failed, struct err *err)
{
	autoclean(buf_free) struct buf names = { 0 };

	if (nodeset_count(failed) == 0)
		return 0;
	nodeset_fold(failed, &names);
	err_set(err, nodeset_count(failed) < nodeset_count(set) ? ERR_PARTIAL : ERR_FAILED, "%zu of %zu nodes failed: %s",
		nodeset_count(failed), nodeset_count(set), buf_str(&names));
	if (c->json) /* said in the result */
		err->text[0] = '\0';
	return err_hint(err, "`orthrus node show NODE` says at which step and why");
}

int node_wait(struct cmd *c, struct nodeset *set, struct err *err)
{
	size_t n = nodeset_count(set), open = n;
	struct said *said = mem_array(n, sizeof(*said));
	uint64_t since = 0;
	int rc = events_newest(c, &since, err);

	if (rc < 0)
		err_wrap(err, "the order is given, but waiting for its end failed");
	while (rc == 0 && open) {
		autoclean(nodeset_free) struct nodeset failed = { 0 };

		rc = look(c, set, said, &open, &failed, err);
		if (rc == 0 && open)
			rc = events_wait(c, &since, err);
		if (rc < 0)
			err_wrap(err, "the order is given, but waiting for its end failed");
		else if (!open)
			rc = judge(c, set, &failed, err);
	}
	for (size_t i = 0; i < n; i++)
		free(said[i].line);
	free(said);
	return rc;
}
