/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/events.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/events.h"
#include "sys/http_client.h"

#include <stdio.h>

#define WAIT_S 5u /* one long poll: short enough that Ctrl-C and a restarted daemon are noticed */

static int ask(struct cmd *c, const char *query, struct event_page *page, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autofree char *path = str_format("/v1/events?%s", query);

	if (cmd_call(c, "GET", path, NULL, &reply, err) < 0)
		return -1;
	return event_page_read(buf_str(&reply.body), reply.body.len, page, err);
}

static int get_page(struct cmd *c, uint64_t since, unsigned int wait_s, struct event_page *page, struct err *err)
{
	autofree char *query = str_format("since=%llu&wait=%u", (unsigned long long)since, wait_s);

	return ask(c, query, page, err);
}

int events_newest(struct cmd *c, uint64_t *number, struct err *err)
{
	autoclean(event_page_free) struct event_page page = { 0 };
	int rc = ask(c, "latest=0", &page, err);

	if (rc == 0)
		*number = page.last;
	return rc;
}

int events_wait(struct cmd *c, uint64_t *since, struct err *err)
{
	autoclean(event_page_free) struct event_page page = { 0 };
	int rc = get_page(c, *since, WAIT_S, &page, err);

	if (rc == 0)
		*since = page.last;
	return rc;
}

/* The first `n` of the page: lines for people, one JSON object a line with --json. */
static void print_page(const struct cmd *c, const struct event_page *page, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct event_row *e = &page->items[i];

		if (c->json)
			printf("%s\n", e->raw);
		else
			printf("%6llu  %s  %-12s %s%s%s\n", (unsigned long long)e->number, e->at, e->kind, e->node ? e->node : "",
			       e->node ? ": " : "", e->text);
	}
	fflush(stdout);
}

/* Print what is behind `*since` and not behind `upto`, or comes within `wait_s` when that is nothing, and go on behind it. */
static int print_next(struct cmd *c, uint64_t *since, uint64_t upto, unsigned int wait_s, struct err *err)
{
	autoclean(event_page_free) struct event_page page = { 0 };
	int rc = get_page(c, *since, wait_s, &page, err);
	uint64_t over = rc == 0 && page.last > upto ? page.last - upto : 0;

	if (rc < 0)
		return rc;
	print_page(c, &page, page.len > over ? page.len - over : 0);
	*since = page.last;
	return 0;
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
