/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Consoles: opening one is an act; what is typed then belongs to it. */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/audit.h"
#include "daemon/change.h"
#include "daemon/console.h"
#include "sys/clock.h"

#include <string.h>

#define WAIT_MAX_S 60

static int check_node(struct daemon *d, const char *name, struct err *err)
{
	autoclean(node_free) struct node n = { 0 };

	return daemon_node(d, name, &n, NULL, err);
}

static void put_hex(struct json_out *w, const struct buf *data)
{
	autofree char *hex = mem_array(data->len + 1, 2);

	str_hex(buf_str(data), data->len, hex);
	json_put_str(w, "data", hex);
}

static int open_it(struct daemon *d, struct http_call *call, const char *node, struct err *err)
{
	uint64_t from;
	struct json_out w;

	if (audit_act(d, call, "open the console", node, err) < 0 || console_open(d->consoles, node, &from, err) < 0)
		return -1;
	event_note(d, EVENT_INFO, "node-console", node, "console opened by %s", http_who(call));
	json_out_init(&w, http_out(call), false);
	json_put_obj(&w, NULL);
	json_put_u64(&w, "next", from);
	json_end_obj(&w);
	return 0;
}

static int type_it(struct daemon *d, struct http_call *call, const char *node, const char *hex, struct err *err)
{
	size_t len = strlen(hex) / 2;
	autofree uint8_t *raw = mem_array(len + 1, 1);
	struct json_out w;

	if (len == 0 || len > CONSOLE_INPUT_MAX || strlen(hex) % 2)
		return err_set(err, ERR_INVALID, "input: 1 to %zu bytes in hex", CONSOLE_INPUT_MAX);
	if (str_unhex(hex, raw, len, err) < 0)
		return err_wrap(err, "input");
	if (console_type(d->consoles, node, raw, len, err) < 0)
		return -1;
	json_out_init(&w, http_out(call), false);
	json_put_obj(&w, NULL);
	json_put_bool(&w, "ok", true);
	json_end_obj(&w);
	return 0;
}

int api_console(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	const char *node = http_param(call, "name");
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autofree char *input = NULL;
	struct json_obj o;

	if (check_node(d, node, err) < 0 || api_body(call, &doc, &o, err) < 0 ||
	    json_str(&o, "input", JSON_MAY, &input, err) < 0 || json_obj_end(&o, err) < 0)
		return -1;
	return input ? type_it(d, call, node, input, err) : open_it(d, call, node, err);
}

int api_console_read(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	const char *node = http_param(call, "name");
	autofree char *topic = str_format(CONSOLE_TOPIC "%.64s", node);
	autoclean(buf_free) struct buf data = { 0 };
	uint64_t since = 0, wait_s = 0;
	struct err end = { 0 };
	struct json_out w;
	bool open;

	if (check_node(d, node, err) < 0 || http_query_u64(call, "since", 0, UINT64_MAX, &since, err) < 0 ||
	    http_query_u64(call, "wait", 0, WAIT_MAX_S, &wait_s, err) < 0 ||
	    console_read(d->consoles, node, &since, &data, &open, &end, err) < 0)
		return -1;
	if (!data.len && open && wait_s && http_wait(call, topic, (int64_t)wait_s * NS_PER_S))
		return 0;
	json_out_init(&w, http_out(call), false);
	json_put_obj(&w, NULL);
	json_put_bool(&w, "open", open);
	json_put_u64(&w, "next", since + data.len);
	put_hex(&w, &data);
	api_put_error(&w, "error", &end);
	json_end_obj(&w);
	return 0;
}

int api_console_log(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	const char *node = http_param(call, "name");
	autoclean(buf_free) struct buf data = { 0 };
	struct json_out w;

	if (check_node(d, node, err) < 0 || console_log(d, node, &data, err) < 0)
		return -1;
	json_out_init(&w, http_out(call), false);
	json_put_obj(&w, NULL);
	put_hex(&w, &data);
	json_end_obj(&w);
	return 0;
}
