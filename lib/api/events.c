/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/events.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

#define WHAT "the daemon's events"

static void row_clear(struct event_row *r)
{
	free(r->at);
	free(r->level);
	free(r->kind);
	free(r->node);
	free(r->text);
	free(r->raw);
}

void event_page_free(struct event_page *page)
{
	for (size_t i = 0; i < page->len; i++)
		row_clear(&page->items[i]);
	free(page->items);
	*page = (struct event_page){ 0 };
}

static int read_row(const struct json_arr *a, size_t i, struct event_row *r, struct err *err)
{
	autofree char *text = NULL;
	struct json_obj o;

	if (json_arr_raw(a, i, &r->raw, err) < 0 || json_arr_obj(a, i, &o, err) < 0 ||
	    json_u64(&o, "number", JSON_MUST, 0, UINT64_MAX, &r->number, err) < 0 ||
	    json_str(&o, "at", JSON_MUST, &r->at, err) < 0 || json_str(&o, "level", JSON_MUST, &r->level, err) < 0 ||
	    json_str(&o, "kind", JSON_MUST, &r->kind, err) < 0 || json_str(&o, "node", JSON_MAY, &r->node, err) < 0 ||
	    json_str(&o, "text", JSON_MUST, &text, err) < 0)
		return -1;
	r->text = str_printable(text, strlen(text));
	return 0;
}

int event_page_read(const char *json, size_t len, struct event_page *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_arr events;
	struct json_obj o;

	if (json_parse(json, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_arr(&o, "events", JSON_MUST, &events, err) < 0 ||
	    json_u64(&o, "last", JSON_MUST, 0, UINT64_MAX, &out->last, err) < 0)
		return err_wrap(err, WHAT);
	out->items = mem_array(events.len, sizeof(*out->items));
	for (size_t i = 0; i < events.len; i++) {
		out->len++; /* what was read of it is freed too */
		if (read_row(&events, i, &out->items[i], err) < 0)
			return err_wrap(err, WHAT);
	}
	return 0;
}

void event_page_join(struct event_page *page, struct event_page *more, size_t keep)
{
	size_t all = page->len + more->len, drop = all > keep ? all - keep : 0;
	struct event_row *rows = mem_array(all - drop, sizeof(*rows));

	for (size_t i = 0; i < all; i++) {
		struct event_row *r = i < page->len ? &page->items[i] : &more->items[i - page->len];

		if (i < drop)
			row_clear(r);
		else
			rows[i - drop] = *r;
	}
	free(page->items);
	free(more->items);
	*page = (struct event_page){ .items = rows, .len = all - drop, .last = more->last };
	*more = (struct event_page){ 0 };
}
