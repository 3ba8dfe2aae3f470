/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `orthrus event hooks`: what is run with each event, and how that goes. */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "sys/http_client.h"

struct shown {
	uint64_t queued, delivered, failed, dropped;
	char *name, *event, *state, *why, *error, *error_at;
};

static void shown_free(struct shown *s)
{
	free(s->name);
	free(s->event);
	free(s->state);
	free(s->why);
	free(s->error);
	free(s->error_at);
}

static int read_hook(const struct json_arr *hooks, size_t i, struct shown *s, struct err *err)
{
	struct json_obj o;

	return json_arr_obj(hooks, i, &o, err) < 0 || json_str(&o, "name", JSON_MUST, &s->name, err) < 0 ||
			       json_str(&o, "event", JSON_MAY, &s->event, err) < 0 ||
			       json_str(&o, "state", JSON_MUST, &s->state, err) < 0 ||
			       json_str(&o, "why", JSON_MAY, &s->why, err) < 0 ||
			       json_u64(&o, "queued", JSON_MAY, 0, UINT64_MAX, &s->queued, err) < 0 ||
			       json_u64(&o, "delivered", JSON_MAY, 0, UINT64_MAX, &s->delivered, err) < 0 ||
			       json_u64(&o, "failed", JSON_MAY, 0, UINT64_MAX, &s->failed, err) < 0 ||
			       json_u64(&o, "dropped", JSON_MAY, 0, UINT64_MAX, &s->dropped, err) < 0 ||
			       json_str(&o, "error", JSON_MAY, &s->error, err) < 0 ||
			       json_str(&o, "error_at", JSON_MAY, &s->error_at, err) < 0
		       ? -1
		       : 0;
}

static void add_row(struct cmd_table *t, const struct shown *s)
{
	cmd_table_add(t, s->name);
	cmd_table_add(t, s->event ? s->event : "all");
	cmd_table_add(t, s->state);
	cmd_table_addf(t, "%llu", (unsigned long long)s->queued);
	cmd_table_addf(t, "%llu", (unsigned long long)s->delivered);
	cmd_table_addf(t, "%llu", (unsigned long long)s->failed);
	cmd_table_addf(t, "%llu", (unsigned long long)s->dropped);
	if (s->why || !s->error)
		cmd_table_add(t, s->why);
	else
		cmd_table_addf(t, "%s: %s", s->error_at ? s->error_at : "?", s->error);
}

int cmd_event_hooks(struct cmd *c, struct err *err)
{
	static const char *const heads[] = { "HOOK", "EVENTS", "STATE", "QUEUED", "GIVEN", "FAILED", "DROPPED", "WHY", NULL };
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(cmd_table_free) struct cmd_table table = { 0 };
	autofree char *dir = NULL, *user = NULL;
	struct json_arr hooks;
	struct json_obj o;

	if (cmd_args(c, 0, 0, err) < 0 || cmd_call(c, "GET", "/v1/hooks", NULL, &reply, err) < 0)
		return -1;
	if (c->json) {
		cmd_print(buf_str(&reply.body));
		return 0;
	}
	if (json_parse(buf_str(&reply.body), reply.body.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_str(&o, "directory", JSON_MUST, &dir, err) < 0 || json_str(&o, "user", JSON_MUST, &user, err) < 0 ||
	    json_arr(&o, "hooks", JSON_MUST, &hooks, err) < 0)
		return err_wrap(err, "the daemon's hooks");
	if (!hooks.len) {
		cmd_say(c, "There are no hooks in %s.", dir);
		return 0;
	}
	cmd_table_init(&table, heads);
	for (size_t i = 0; i < hooks.len; i++) {
		autoclean(shown_free) struct shown s = { 0 };

		if (read_hook(&hooks, i, &s, err) < 0)
			return err_wrap(err, "the daemon's hooks");
		add_row(&table, &s);
	}
	cmd_table_print(&table);
	return 0;
}
