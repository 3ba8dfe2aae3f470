/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/pending.h"

#include "base/keywords.h"
#include "base/mem.h"
#include "sys/http_client.h"

#include <string.h>

#define HEX_MIN 16 /* as many bits as the words have */

int pending_rows_get(struct cmd *c, struct pending_rows *out, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };

	if (cmd_call(c, "GET", "/v1/pending", NULL, &reply, err) < 0)
		return -1;
	return pending_rows_read(buf_str(&reply.body), reply.body.len, out, err);
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
