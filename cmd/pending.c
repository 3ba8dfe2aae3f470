/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/pending.h"

#include "base/keywords.h"
#include "base/mem.h"
#include "sys/http_client.h"

#include <string.h>

#define HEX_MIN 16 /* as many bits as the words have */

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

int pending_rows_get(struct cmd *c, struct pending_rows *out, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(pending_rows_free) struct pending_rows rows = { 0 };
	struct json_obj o;
	struct json_arr a;

	if (cmd_call(c, "GET", "/v1/pending", NULL, &reply, err) < 0)
		return -1;
	if (json_parse(buf_str(&reply.body), reply.body.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
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

/* The beginning of the fingerprint's hex digits that `key` stands for. */
static int to_hex(const char *key, char out[DIGEST_HEX_LEN], struct err *err)
{
	uint8_t bits[KEYWORDS_BYTES];
	size_t len = strlen(key);

	if (len >= HEX_MIN && len < DIGEST_HEX_LEN && strspn(key, "0123456789abcdef") == len) {
		memcpy(out, key, len + 1);
		return 0;
	}
	if (keywords_read(key, bits, err) < 0) {
		err_wrap(err, "--fingerprint");
		return err_hint(err,
				"write the six words that the machine's console shows, in quotes: --fingerprint 'TIDE ITCH ...'");
	}
	str_hex(bits, sizeof(bits), out);
	return 0;
}

const struct pending_row *pending_rows_find(const struct pending_rows *rows, const char *key, struct err *err)
{
	const struct pending_row *found = NULL;
	char hex[DIGEST_HEX_LEN];

	if (to_hex(key, hex, err) < 0)
		return NULL;
	for (size_t i = 0; i < rows->len; i++) {
		if (!str_starts(rows->items[i].fingerprint, hex))
			continue;
		if (found && !str_eq(found->fingerprint, rows->items[i].fingerprint)) {
			err_set(err, ERR_CONFLICT, "two machines wait whose keys begin like %.64s", key);
			err_hint(err,
				 "give all 64 hex digits of the fingerprint: `orthrus node discover --once --json` has them");
			return NULL;
		}
		found = &rows->items[i];
	}
	if (!found) {
		err_set(err, ERR_NOT_FOUND, "no machine waits whose key is %.64s", key);
		err_hint(err, "`orthrus node discover --once` lists those that do");
	}
	return found;
}

void pending_row_describe(const struct pending_row *row, struct buf *out)
{
	buf_addf(out, "MAC %s, serial %s, %s%s%s, from %s, key %s", row->mac, row->serial[0] ? row->serial : "none",
		 row->vendor[0] ? row->vendor : "unknown maker", row->product[0] ? " " : "", row->product, row->from, row->words);
}
