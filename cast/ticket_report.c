/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said after the ticket: how it went, and digests for who fetches. */
#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cast/ticket.h"
#include "cast/wire.h"

#include <string.h>

static const char *const states[] = { "fetching", "done", "failed", "syncing", "held_up", NULL };

void ticket_report_clear(struct ticket_report *r)
{
	free(r->why);
	*r = (struct ticket_report){ 0 };
}

void ticket_report_write(const struct ticket_report *r, struct buf *out)
{
	char receipt[2 * TICKET_RECEIPT + 1];
	struct json_out w;

	str_hex(r->receipt, TICKET_RECEIPT, receipt);
	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	json_put_u64(&w, "number", r->number);
	json_put_str(&w, "receipt", receipt);
	json_put_str(&w, "state", states[r->state]);
	if (r->why)
		json_put_str(&w, "why", r->why);
	json_put_u64(&w, "ms", r->ms);
	json_put_u64(&w, "multicast_bytes", r->multicast_bytes);
	json_put_u64(&w, "tls_bytes", r->tls_bytes);
	json_put_u64(&w, "kept_bytes", r->kept_bytes);
	json_put_u64(&w, "refetched_bytes", r->refetched_bytes);
	json_put_u64(&w, "rejected_packets", r->rejected_packets);
	json_end_obj(&w);
}

static int report_root(struct json_obj *o, void *out, struct err *err)
{
	struct ticket_report *r = out;
	struct {
		const char *key;
		uint64_t *value;
	} const counts[] = { { "ms", &r->ms },
			     { "multicast_bytes", &r->multicast_bytes },
			     { "tls_bytes", &r->tls_bytes },
			     { "kept_bytes", &r->kept_bytes },
			     { "refetched_bytes", &r->refetched_bytes },
			     { "rejected_packets", &r->rejected_packets } };
	autofree char *receipt = NULL;
	uint64_t number = 0;
	int state = 0;

	if (json_u64(o, "number", JSON_MUST, 1, 65535, &number, err) < 0 ||
	    json_str(o, "receipt", JSON_MUST, &receipt, err) < 0 || json_enum(o, "state", JSON_MUST, states, &state, err) < 0 ||
	    json_str(o, "why", JSON_MAY, &r->why, err) < 0)
		return -1;
	if (r->why && strlen(r->why) > TICKET_WHY)
		return json_bad(o, "why", err, "longer than %d bytes", TICKET_WHY);
	if (str_unhex(receipt, r->receipt, TICKET_RECEIPT, err) < 0)
		return json_bad(o, "receipt", err, "not %d hex digits", 2 * TICKET_RECEIPT);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		if (json_u64(o, counts[i].key, JSON_MUST, 0, INT64_MAX, counts[i].value, err) < 0)
			return -1;
	r->number = (uint16_t)number;
	r->state = (enum ticket_state)state;
	return json_obj_end(o, err);
}

int ticket_report_read(const char *json, size_t len, struct ticket_report *out, struct err *err)
{
	return json_read(json, len, report_root, out, err);
}

static void put_base64(struct json_out *w, const char *key, const void *data, size_t len)
{
	struct buf text = { 0 };

	base64_put(&text, data, len);
	json_put_str(w, key, buf_str(&text));
	buf_free(&text);
}

void ticket_rows_write(const struct wire_rows *rows, size_t n, struct buf *out)
{
	struct json_out w;

	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	json_put_arr(&w, "rows");
	for (size_t i = 0; i < n; i++) {
		json_put_obj(&w, NULL);
		json_put_u64(&w, "first", rows[i].first);
		put_base64(&w, "digests", rows[i].digests, rows[i].n * sizeof(rows[i].digests[0]));
		put_base64(&w, "signature", rows[i].signature, WIRE_SIGNATURE);
		json_end_obj(&w);
	}
	json_end_arr(&w);
	json_end_obj(&w);
}

static int read_base64(struct json_obj *o, const char *key, struct buf *out, struct err *err)
{
	autofree char *text = NULL;
	struct err bad;

	if (json_str(o, key, JSON_MUST, &text, err) < 0)
		return -1;
	return base64_read(text, strlen(text), out, &bad) < 0 ? json_bad(o, key, err, "not base64") : 0;
}

static int read_row(struct json_obj *o, struct wire_rows *r, struct err *err)
{
	autoclean(buf_free) struct buf digests = { 0 }, signature = { 0 };
	uint64_t first = 0;

	if (json_u64(o, "first", JSON_MUST, 0, UINT32_MAX, &first, err) < 0 || read_base64(o, "digests", &digests, err) < 0 ||
	    read_base64(o, "signature", &signature, err) < 0)
		return -1;
	if (!digests.len || digests.len % DIGEST_LEN || digests.len > sizeof(r->digests))
		return json_bad(o, "digests", err, "not 1 to %d digests", WIRE_ROWS_MAX);
	if (signature.len != WIRE_SIGNATURE)
		return json_bad(o, "signature", err, "not %d bytes", WIRE_SIGNATURE);
	*r = (struct wire_rows){ .first = (uint32_t)first, .n = (uint16_t)(digests.len / DIGEST_LEN) };
	if (first + r->n > UINT32_MAX)
		return json_bad(o, "first", err, "behind the last piece that there can be");
	memcpy(r->digests, digests.data, digests.len);
	memcpy(r->signature, signature.data, WIRE_SIGNATURE);
	return json_obj_end(o, err);
}

int ticket_rows_read(const char *json, size_t len, struct wire_rows *out, size_t *n, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_arr rows;
	struct json_obj o;

	*n = 0;
	if (json_parse(json, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_arr_max(&o, "rows", JSON_MUST, TICKET_ROWS_MAX, &rows, err) < 0)
		return -1;
	for (; *n < rows.len; (*n)++) {
		struct json_obj row;

		if (json_arr_obj(&rows, *n, &row, err) < 0 || read_row(&row, &out[*n], err) < 0)
			return -1;
	}
	return json_obj_end(&o, err);
}
