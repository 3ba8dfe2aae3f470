/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is cast to nodes: once as a table, or as it goes on, one line for each node and one for the whole. */
#include "api/casts.h"
#include "base/mem.h"
#include "base/nodeset.h"
#include "cmd/cast_zones.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "sys/clock.h"
#include "sys/http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_NS (500 * NS_PER_MS)
#define STEP_PERCENT 10 /* a line for each so many */

/* `reply`: the answer as it came; to be freed also after an error, as `out`. */
static int cast_views_get(struct cmd *c, struct http_reply *reply, struct cast_views *out, struct err *err)
{
	if (cmd_call(c, "GET", "/v1/casts", NULL, reply, err) < 0)
		return -1;
	return cast_views_read(buf_str(&reply->body), reply->body.len, out, err);
}

/* --- for people --- */

/* "compute/ID: sending, pass 1, 42 %, 118 MiB/s, 1.02 times its bytes sent, 1 of 4 nodes complete" */
static char *whole_line(const struct cast_shown *v)
{
	autoclean(buf_free) struct buf b = { 0 };
	char rate[STR_BYTES_MAX];
	uint64_t left;

	str_from_bytes(v->rate, rate);
	buf_addf(&b, "%s: %s", v->image, v->state);
	if (v->runs && v->pass)
		buf_addf(&b, ", pass %llu, %s/s", (unsigned long long)v->pass, rate);
	buf_addf(&b, ", %llu %%, %llu of %zu node%s complete", (unsigned long long)v->percent, (unsigned long long)v->complete,
		 v->n_rows, v->n_rows == 1 ? "" : "s");
	if (cast_shown_left(v, &left))
		buf_addf(&b, ", about %llu s to go", (unsigned long long)left);
	if (v->bytes && v->wire_bytes)
		buf_addf(&b, ", sent %.2f times its bytes", (double)v->wire_bytes / (double)v->bytes);
	if (v->rejected)
		buf_addf(&b, ", %llu wrong packets", (unsigned long long)v->rejected);
	if (v->ended_by)
		buf_addf(&b, ", ended by %s", v->ended_by);
	if (v->error)
		buf_addf(&b, ": %s", v->error);
	return buf_steal(&b);
}

static char *waits_line(const struct cast_shown *v, struct err *err)
{
	autoclean(nodeset_free) struct nodeset set = { 0 };
	autoclean(buf_free) struct buf names = { 0 };

	if (!v->runs || !v->expected.len)
		return NULL;
	for (size_t i = 0; i < v->expected.len; i++)
		if (nodeset_add(&set, v->expected.items[i], err) < 0)
			return NULL;
	nodeset_fold(&set, &names);
	return str_format("%s %s not asked for it yet", buf_str(&names), v->expected.len == 1 ? "has" : "have");
}

static const char *way_text(const struct cast_shown_node *r)
{
	if (str_eq(r->way, "https"))
		return "the rest over HTTPS";
	return r->straggler ? "late" : "cast";
}

static void print_table(const struct cast_shown *v)
{
	autoclean(cmd_table_free) struct cmd_table t = { 0 };
	static const char *const heads[] = { "NODE", "STATE", "DONE", "LOSS", "WAY", NULL };

	if (!v->n_rows)
		return;
	cmd_table_init(&t, heads);
	for (size_t i = 0; i < v->n_rows; i++) {
		const struct cast_shown_node *r = &v->rows[i];

		cmd_table_add(&t, r->node);
		cmd_table_add(&t, r->state);
		cmd_table_addf(&t, "%llu %%", (unsigned long long)r->percent);
		cmd_table_addf(&t, "%.2f %%", (double)r->loss_ppm / 10000.0);
		cmd_table_add(&t, way_text(r));
	}
	cmd_table_print(&t);
}

static void print_view(const struct cmd *c, const struct cast_shown *v)
{
	struct err ignored = { 0 };
	autofree char *line = whole_line(v), *waits = waits_line(v, &ignored);

	cmd_say(c, "%s", line);
	if (waits)
		cmd_say(c, "%s", waits);
	cast_zones_say(c, v->raw);
	if (!c->quiet)
		print_table(v);
	for (size_t i = 0; i < v->findings.len; i++)
		cmd_say_wrapped(c, "! ", v->findings.items[i]);
}

static int status(struct cmd *c, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(cast_views_free) struct cast_views l = { 0 };

	if (cast_views_get(c, &reply, &l, err) < 0)
		return -1;
	if (c->json) {
		cmd_print(buf_str(&reply.body));
		return 0;
	}
	if (!l.len)
		cmd_say(c, "nothing is cast, and nothing was lately");
	for (size_t i = 0; i < l.len; i++) {
		if (i)
			cmd_say(c, "%s", "");
		print_view(c, &l.items[i]);
	}
	for (size_t i = 0; i < l.stopped.len; i++)
		cmd_say(c, "%s", l.stopped.items[i]);
	return 0;
}

/* --- as it goes on --- */

/* What was last said, by what it was said of: a line is printed only for news. */
struct said {
	struct str_list keys, lines;
};

static size_t find(const struct said *s, const char *key)
{
	size_t i = 0;

	while (i < s->keys.len && !str_eq(s->keys.items[i], key))
		i++;
	return i;
}

static void say(struct cmd *c, struct said *s, const char *key, const char *news, const char *line)
{
	size_t i = find(s, key);

	if (i < s->keys.len && str_eq(s->lines.items[i], news))
		return;
	if (i == s->keys.len) {
		str_list_add(&s->keys, key);
		str_list_add(&s->lines, news);
	} else {
		free(s->lines.items[i]);
		s->lines.items[i] = mem_strdup(news);
	}
	cmd_say(c, "%s", line);
}

/* A bar of 20 places, for the eye. */
static void bar(uint64_t percent, char out[21])
{
	for (unsigned int i = 0; i < 20; i++)
		out[i] = i < percent / 5 ? '#' : '.';
	out[20] = '\0';
}

static void say_row(struct cmd *c, struct said *s, const struct cast_shown *v, const struct cast_shown_node *r)
{
	autofree char *key = str_format("%llu %s", (unsigned long long)v->cast, r->node);
	autofree char *news = str_format("%s %s %llu", r->state, way_text(r), (unsigned long long)(r->percent / STEP_PERCENT));
	autofree char *line = NULL;
	char place[21];

	bar(r->percent, place);
	line = str_format("%-12s [%s] %3llu %%  %s, loss %.2f %%, %s", r->node, place, (unsigned long long)r->percent, r->state,
			  (double)r->loss_ppm / 10000.0, way_text(r));
	say(c, s, key, news, line);
}

/* Each once. */
static void say_finding(struct cmd *c, struct said *s, const struct cast_shown *v, size_t i)
{
	if (find(s, v->finding_keys.items[i]) < s->keys.len)
		return;
	str_list_add(&s->keys, v->finding_keys.items[i]);
	str_list_add(&s->lines, "");
	cmd_say_wrapped(c, "! ", v->findings.items[i]);
}

/* One object a line with --json. */
static void say_view(struct cmd *c, struct said *s, const struct cast_shown *v)
{
	autofree char *key = str_format("%llu", (unsigned long long)v->cast);
	autofree char *news = str_format("%s %llu %llu %llu", v->state, (unsigned long long)(v->percent / STEP_PERCENT),
					 (unsigned long long)v->complete, (unsigned long long)v->n_rows);
	autofree char *line = whole_line(v);
	size_t at = find(s, key);

	/* What had ended before is no news. */
	if (!v->runs && at == s->keys.len)
		return;
	if (c->json) {
		if (at == s->keys.len || !str_eq(s->lines.items[at], v->raw))
			printf("%s\n", v->raw);
		say(c, s, key, v->raw, "");
		return;
	}
	for (size_t i = 0; i < v->n_rows; i++)
		say_row(c, s, v, &v->rows[i]);
	for (size_t i = 0; i < v->findings.len; i++)
		say_finding(c, s, v, i);
	say(c, s, key, news, line);
}

static int watch(struct cmd *c, struct err *err)
{
	struct said s = { 0 };
	int rc = 0;

	c->json_lines = true;
	/* Until Ctrl-C, or until nobody reads any more. */
	while (rc == 0 && !ferror(stdout)) {
		autoclean(http_reply_free) struct http_reply reply = { 0 };
		autoclean(cast_views_free) struct cast_views l = { 0 };

		rc = cast_views_get(c, &reply, &l, err);
		for (size_t i = l.len; rc == 0 && i-- > 0;)
			say_view(c, &s, &l.items[i]);
		fflush(stdout);
		if (rc == 0)
			clock_sleep_ns(LOOK_NS);
	}
	str_list_free(&s.keys);
	str_list_free(&s.lines);
	return rc;
}

int cmd_cast_status(struct cmd *c, struct err *err)
{
	if (cmd_args(c, 0, 0, err) < 0)
		return -1;
	return cmd_flag(c, "watch") ? watch(c, err) : status(c, err);
}
