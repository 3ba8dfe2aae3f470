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

static int get_page(struct cmd *c, uint64_t since, unsigned int wait_s, struct event_page *page, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autofree char *path = str_format("/v1/events?since=%llu&wait=%u", (unsigned long long)since, wait_s);
	struct json_obj o;

	if (cmd_call(c, "GET", path, NULL, &reply, err) < 0)
		return -1;
	if (json_parse(buf_str(&reply.body), reply.body.len, &page->doc, err) < 0 || json_root_obj(&page->doc, &o, err) < 0 ||
	    json_arr(&o, "events", JSON_MUST, &page->events, err) < 0 ||
	    json_u64(&o, "last", JSON_MUST, 0, UINT64_MAX, &page->last, err) < 0)
		return err_wrap(err, "the daemon's events");
	return 0;
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

/* The last `limit` of the page: lines for people, one JSON object a line with --json. */
static int print_page(const struct cmd *c, const struct event_page *page, uint64_t limit, struct err *err)
{
	size_t first = page->events.len > limit ? page->events.len - limit : 0;

	for (size_t i = first; i < page->events.len; i++) {
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

int cmd_event_list(struct cmd *c, struct err *err)
{
	struct event_page page = { 0 };
	uint64_t since = 0, limit = 100;
	int rc;

	c->json_lines = true;
	if (cmd_args(c, 0, 0, err) < 0 || cmd_option_u64(c, "since", 0, UINT64_MAX, &since, err) < 0 ||
	    cmd_option_u64(c, "limit", 1, 100000, &limit, err) < 0)
		return -1;
	rc = get_page(c, since, 0, &page, err);
	if (rc == 0)
		rc = print_page(c, &page, limit, err);
	json_doc_free(&page.doc);
	return rc;
}

int cmd_event_watch(struct cmd *c, struct err *err)
{
	uint64_t since = 0;
	int rc = 0;

	c->json_lines = true;
	if (cmd_args(c, 0, 0, err) < 0 || cmd_option_u64(c, "since", 0, UINT64_MAX, &since, err) < 0)
		return -1;
	if (!cmd_option(c, "since") && events_wait(c, &since, err) < 0)
		return -1;
	/* Until Ctrl-C, or until nobody reads any more. */
	while (rc == 0 && !ferror(stdout)) {
		struct event_page page = { 0 };

		rc = get_page(c, since, WAIT_S, &page, err);
		if (rc == 0)
			rc = print_page(c, &page, UINT64_MAX, err);
		if (rc == 0)
			since = page.last;
		json_doc_free(&page.doc);
	}
	return rc;
}
