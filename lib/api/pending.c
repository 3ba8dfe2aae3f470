/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/pending.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static void row_free(struct pending_row *r)
{
	free(r->fingerprint);
	free(r->words);
	free(r->mac);
	free(r->from);
	free(r->first_seen);
	free(r->last_seen);
	free(r->state);
	free(r->node);
	free(r->why);
	free(r->machine);
	free(r->vendor);
	free(r->product);
	free(r->serial);
}

void pending_rows_free(struct pending_rows *rows)
{
	for (size_t i = 0; i < rows->len; i++)
		row_free(&rows->items[i]);
	free(rows->items);
	*rows = (struct pending_rows){ 0 };
}

/* What of the inventory is shown in a line; an older or newer one may have other keys. */
static void read_dmi(struct pending_row *row)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct err ignored = { 0 };
	struct json_obj o, dmi;

	if (json_parse(row->machine, strlen(row->machine), &doc, &ignored) == 0 && json_root_obj(&doc, &o, &ignored) == 0 &&
	    json_obj(&o, "dmi", JSON_MAY, &dmi, &ignored) > 0 &&
	    (json_str(&dmi, "vendor", JSON_MAY, &row->vendor, &ignored) < 0 ||
	     json_str(&dmi, "product", JSON_MAY, &row->product, &ignored) < 0 ||
	     json_str(&dmi, "serial", JSON_MAY, &row->serial, &ignored) < 0))
		ignored = (struct err){ 0 };
	row->vendor = row->vendor ? row->vendor : mem_strdup("");
	row->product = row->product ? row->product : mem_strdup("");
	row->serial = row->serial ? row->serial : mem_strdup("");
}

static int read_row(struct json_obj *o, struct pending_row *row, struct err *err)
{
	if (json_str(o, "fingerprint", JSON_MUST, &row->fingerprint, err) < 0 ||
	    json_str(o, "words", JSON_MUST, &row->words, err) < 0 || json_str(o, "mac", JSON_MUST, &row->mac, err) < 0 ||
	    json_str(o, "from", JSON_MUST, &row->from, err) < 0 ||
	    json_str(o, "first_seen", JSON_MUST, &row->first_seen, err) < 0 ||
	    json_str(o, "last_seen", JSON_MUST, &row->last_seen, err) < 0 ||
	    json_str(o, "state", JSON_MUST, &row->state, err) < 0 || json_str(o, "node", JSON_MAY, &row->node, err) < 0 ||
	    json_bool(o, "other_key", JSON_MAY, &row->other_key, err) < 0 ||
	    json_bool(o, "conflict", JSON_MAY, &row->conflict, err) < 0 || json_str(o, "why", JSON_MUST, &row->why, err) < 0 ||
	    json_raw(o, "machine", JSON_MUST, &row->machine, err) < 0)
		return -1;
	read_dmi(row);
	return json_obj_end(o, err);
}

int pending_rows_read(const char *json, size_t len, struct pending_rows *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(pending_rows_free) struct pending_rows rows = { 0 };
	struct json_obj o;
	struct json_arr a;

	if (json_parse(json, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_arr(&o, "pending", JSON_MUST, &a, err) < 0)
		return err_wrap(err, "the daemon's answer");
	rows.items = mem_array(a.len ? a.len : 1, sizeof(*rows.items));
	for (; rows.len < a.len; rows.len++) {
		struct json_obj e;

		if (json_arr_obj(&a, rows.len, &e, err) < 0 || read_row(&e, &rows.items[rows.len], err) < 0) {
			rows.len++; /* what was read of it is freed too */
			return err_wrap(err, "the daemon's answer");
		}
	}
	*out = rows;
	rows = (struct pending_rows){ 0 };
	return 0;
}
