/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/dash_ask.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "headfailover/guard/control.h"
#include "headfailover/guard/control_json.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/head_client.h"
#include "sys/http_client.h"
#include "tui/dash.h"

#include <stdlib.h>

#define FIRST_EVENTS 200
#define SMALL_NS (10 * NS_PER_S) /* until a short answer is there */
#define LARGE_NS (60 * NS_PER_S)
#define LARGE_MAX ((size_t)256 << 20)
#define IDLE_NS (5 * NS_PER_S)	   /* all is asked anew at the latest */
#define ACTIVE_NS (1 * NS_PER_S)   /* while something is under way */
#define EARLY_NS (900 * NS_PER_MS) /* an answer without events that comes before this one tells of progress */
#define MDSTAT_MAX ((size_t)1 << 20)

void dash_ask_free(struct dash_ask *a)
{
	if (a->client)
		http_client_free(a->client);
	a->client = NULL;
}

static int get(struct dash_ask *a, const char *path, int64_t limit_ns, struct http_reply *reply, struct err *err)
{
	const struct http_request req = {
		.method = "GET", .path = path, .timeout_ns = limit_ns, .max_body = LARGE_MAX, .stop = &a->stop
	};

	if (http_send(a->client, &req, reply, err) < 0)
		return -1;
	return http_reply_ok(reply, err);
}

static int ask_status(struct dash_ask *a, struct dash_state *news, unsigned int *parts, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };

	if (get(a, "/v1/status", SMALL_NS, &reply, err) < 0 ||
	    dash_status_read(buf_str(&reply.body), reply.body.len, &news->status, err) < 0)
		return -1;
	*parts |= DASH_STATUS;
	if (!a->opts->api)
		return 0;
	/* The guard of that head is nearer to it than to us. */
	*parts |= DASH_GUARD;
	if (news->status.has_guard) {
		news->guard = news->status.guard;
		news->status.guard = (struct guard_view){ 0 };
	} else {
		news->guard_silence.text = mem_strdup("no guard runs on the head that was asked");
	}
	return 0;
}

/* Before a site is applied there is none, which is no failure. */
static int ask_site(struct dash_ask *a, struct dash_state *news, unsigned int *parts, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	struct err why = { 0 };

	if (get(a, "/v1/site", SMALL_NS, &reply, &why) < 0 && why.kind != ERR_NOT_FOUND) {
		*err = why;
		return -1;
	}
	if (why.kind != ERR_NOT_FOUND && dash_site_read(buf_str(&reply.body), reply.body.len, &news->site, err) < 0)
		return -1;
	*parts |= DASH_SITE;
	return 0;
}

static int ask_nodes(struct dash_ask *a, struct dash_state *news, unsigned int *parts, struct err *err)
{
	autoclean(http_reply_free) struct http_reply nodes = { 0 }, pending = { 0 };

	if (get(a, "/v1/nodes", LARGE_NS, &nodes, err) < 0 ||
	    node_rows_read(buf_str(&nodes.body), nodes.body.len, &news->nodes, err) < 0)
		return -1;
	if (get(a, "/v1/pending", LARGE_NS, &pending, err) < 0 ||
	    pending_rows_read(buf_str(&pending.body), pending.body.len, &news->pending, err) < 0)
		return -1;
	for (size_t i = 0; i < news->nodes.len; i++)
		a->active |= str_eq(news->nodes.items[i].state, "installing");
	*parts |= DASH_NODE_ROWS | DASH_PENDING_ROWS;
	return 0;
}

static int ask_casts(struct dash_ask *a, struct dash_state *news, unsigned int *parts, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };

	if (get(a, "/v1/casts", LARGE_NS, &reply, err) < 0 ||
	    cast_views_read(buf_str(&reply.body), reply.body.len, &news->casts, err) < 0)
		return -1;
	for (size_t i = 0; i < news->casts.len; i++)
		a->active |= news->casts.items[i].runs;
	*parts |= DASH_CAST_VIEWS;
	return 0;
}

/* *some: something happened, or goes on. */
static int ask_events(struct dash_ask *a, bool now, struct dash_state *news, unsigned int *parts, bool *some, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autofree char *path = a->begun ? str_format("/v1/events?since=%llu&wait=%d", (unsigned long long)a->since, now ? 0 : 1)
				       : str_format("/v1/events?latest=%d", FIRST_EVENTS);
	const int64_t begin_ns = clock_now_ns();

	if (get(a, path, SMALL_NS, &reply, err) < 0 ||
	    event_page_read(buf_str(&reply.body), reply.body.len, &news->events, err) < 0)
		return -1;
	*some = news->events.len || news->events.last != a->since || (!now && clock_now_ns() - begin_ns < EARLY_NS);
	a->since = news->events.last;
	a->begun = true;
	*parts |= DASH_EVENT_ROWS;
	return 0;
}

/* The arrays of the machine that this runs on. */
static void read_mdstat(const struct dash_ask *a, struct dash_state *news, unsigned int *parts)
{
	autofree char *path = str_format("%s/proc/mdstat", a->opts->root);
	autoclean(buf_free) struct buf text = { 0 };
	struct err none = { 0 };

	if (a->opts->api)
		return;
	if (fs_read(path, MDSTAT_MAX, &text, &none) == 0)
		news->mdstat = buf_steal(&text);
	*parts |= DASH_MDSTAT;
}

static int ask_all(struct dash_ask *a, struct dash_state *news, unsigned int *parts, struct err *err)
{
	const int64_t begin_ns = clock_now_ns();

	a->active = false;
	if (ask_status(a, news, parts, err) < 0 || ask_site(a, news, parts, err) < 0 || ask_nodes(a, news, parts, err) < 0 ||
	    ask_casts(a, news, parts, err) < 0)
		return -1;
	read_mdstat(a, news, parts);
	a->whole_ns = clock_now_ns();
	a->took_ns = a->whole_ns - begin_ns;
	return 0;
}

static int ask(struct dash_ask *a, bool now, struct dash_state *news, unsigned int *parts, struct err *err)
{
	const struct head_where where = {
		.root = a->opts->root, .api = a->opts->api, .ca = a->opts->ca, .cert = a->opts->cert, .key = a->opts->key
	};
	bool some = false;
	int64_t ago;

	if (!a->client) {
		a->begun = false;
		a->since = 0;
		if (head_client_new(&where, &a->client, err) < 0)
			return -1;
	}
	if (!a->begun)
		now = true;
	if (ask_events(a, now, news, parts, &some, err) < 0)
		return -1;
	ago = clock_now_ns() - a->whole_ns;
	if (now || ago >= IDLE_NS + 10 * a->took_ns || ((some || a->active) && ago >= ACTIVE_NS + 4 * a->took_ns))
		return ask_all(a, news, parts, err);
	/* It waits for its turn: the next time will do. */
	a->active |= some;
	return 0;
}

unsigned int dash_ask_daemon(struct dash_ask *a, bool now, struct dash_state *news)
{
	struct err err = { 0 };
	unsigned int parts = 0;

	if (ask(a, now, news, &parts, &err) == 0)
		return parts | DASH_DAEMON;
	/* What came before it failed is not shown by halves. */
	dash_state_free(news);
	dash_ask_free(a);
	dash_silence_set(&news->daemon, &err);
	return DASH_DAEMON;
}

unsigned int dash_ask_guard(const struct dash_opts *opts, struct dash_state *news)
{
	const struct control_request q = { .ask = CONTROL_STATUS };
	autofree char *path = str_format("%s%s", opts->root, GUARD_SOCKET);
	autoclean(buf_free) struct buf json = { 0 };
	struct control_answer answer;
	struct err err = { 0 };
	struct json_out w;

	if (opts->api)
		return 0;
	if (control_call(path, &q, &answer, &err) == 0) {
		/* By the words that the API has for it: one reader for both. */
		json_out_init(&w, &json, false);
		json_put_obj(&w, NULL);
		json_put_obj(&w, "guard");
		control_put_json(&answer.status, &w);
		json_end_obj(&w);
		json_end_obj(&w);
		if (dash_guard_read(buf_str(&json), json.len, &news->guard, &err) == 0)
			return DASH_GUARD;
	}
	dash_silence_set(&news->guard_silence, &err);
	return DASH_GUARD;
}
