/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/events.h"
#include "sys/http_client.h"

#include <stdio.h>
#include <string.h>

#define WAIT_S 5u /* one long poll: short enough that Ctrl-C and a restarted daemon are noticed */

struct event_page {
	struct json_doc doc;
	struct json_arr events;
	uint64_t last;
};

static int ask(struct cmd *c, const char *query, struct event_page *page, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autofree char *path = str_format("/v1/events?%s", query);
	struct json_obj o;

	if (cmd_call(c, "GET", path, NULL, &reply, err) < 0)
		return -1;
	if (json_parse(buf_str(&reply.body), reply.body.len, &page->doc, err) < 0 || json_root_obj(&page->doc, &o, err) < 0 ||
	    json_arr(&o, "events", JSON_MUST, &page->events, err) < 0 ||
	    json_u64(&o, "last", JSON_MUST, 0, UINT64_MAX, &page->last, err) < 0)
		return err_wrap(err, "the daemon's events");
	return 0;
}

static int get_page(struct cmd *c, uint64_t since, unsigned int wait_s, struct event_page *page, struct err *err)
{
	autofree char *query = str_format("since=%llu&wait=%u", (unsigned long long)since, wait_s);

	return ask(c, query, page, err);
}

int events_newest(struct cmd *c, uint64_t *number, struct err *err)
{
	struct event_page page = { 0 };
	int rc = ask(c, "latest=0", &page, err);

	if (rc == 0)
		*number = page.last;
	json_doc_free(&page.doc);
	return rc;
}

int events_wait(struct cmd *c, uint64_t *since, struct err *err)
{
	struct event_page page = { 0 };
	int rc = get_page(c, *since, WAIT_S, &page, err);

	if (rc == 0)
		*since = page.last;
	json_doc_free(&page.doc);
	return rc;
}

static int print_event(const struct json_arr *events, size_t i, struct err *err)
{
	autofree char *at = NULL, *kind = NULL, *node = NULL, *text = NULL, *clean = NULL;
	struct json_obj o;
	uint64_t number;

	if (json_arr_obj(events, i, &o, err) < 0 || json_u64(&o, "number", JSON_MUST, 0, UINT64_MAX, &number, err) < 0 ||
	    json_str(&o, "at", JSON_MUST, &at, err) < 0 || json_str(&o, "kind", JSON_MUST, &kind, err) < 0 ||
	    json_str(&o, "node", JSON_MAY, &node, err) < 0 || json_str(&o, "text", JSON_MUST, &text, err) < 0)
		return err_wrap(err, "the daemon's events");
	clean = str_printable(text, strlen(text));
	printf("%6llu  %s  %-12s %s%s%s\n", (unsigned long long)number, at, kind, node ? node : "", node ? ": " : "", clean);
	return 0;
}

/* The first `n` of the page: lines for people, one JSON object a line with --json. */
static int print_page(const struct cmd *c, const struct event_page *page, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		autofree char *raw = NULL;

		if (!c->json && print_event(&page->events, i, err) < 0)
			return -1;
		if (c->json && json_arr_raw(&page->events, i, &raw, err) < 0)
			return -1;
		if (raw)
			printf("%s\n", raw);
	}
	fflush(stdout);
	return 0;
}

/* Print what is behind `*since` and not behind `upto`, or comes within `wait_s` when that is nothing, and go on behind it. */
static int print_next(struct cmd *c, uint64_t *since, uint64_t upto, unsigned int wait_s, struct err *err)
{
	struct event_page page = { 0 };
	int rc = get_page(c, *since, wait_s, &page, err);
	uint64_t over = rc == 0 && page.last > upto ? page.last - upto : 0;

	if (rc == 0)
		rc = print_page(c, &page, page.events.len > over ? page.events.len - over : 0, err);
	if (rc == 0)
		*since = page.last;
	json_doc_free(&page.doc);
	return rc;
}

int cmd_event_list(struct cmd *c, struct err *err)
{
	uint64_t since = 0, limit = 100, newest;
	int rc = 0;

	c->json_lines = true;
	if (cmd_args(c, 0, 0, err) < 0 || cmd_option_u64(c, "since", 0, UINT64_MAX, &since, err) < 0 ||
	    cmd_option_u64(c, "limit", 1, 100000, &limit, err) < 0 || events_newest(c, &newest, err) < 0)
		return -1;
	/* Up to the newest that there was: with those that happen meanwhile it would be more than `limit`. */
	if (newest > limit && since < newest - limit)
		since = newest - limit;
	while (rc == 0 && since < newest && !ferror(stdout))
		rc = print_next(c, &since, newest, 0, err);
	return rc;
}

int cmd_event_watch(struct cmd *c, struct err *err)
{
	uint64_t since = 0;
	int rc = 0;

	c->json_lines = true;
	if (cmd_args(c, 0, 0, err) < 0 || cmd_option_u64(c, "since", 0, UINT64_MAX, &since, err) < 0)
		return -1;
	if (!cmd_option(c, "since") && events_newest(c, &since, err) < 0)
		return -1;
	/* Until Ctrl-C, or until nobody reads any more. */
	while (rc == 0 && !ferror(stdout))
		rc = print_next(c, &since, UINT64_MAX, WAIT_S, err);
	return rc;
}
