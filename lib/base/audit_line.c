/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/audit_line.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define WORD_MAX ((size_t)200) /* bytes of who, from, at */
#define TEXT_MAX ((size_t)1000)
#define HASH_KEY ",\"hash\":\""
#define TAIL_LEN (sizeof(HASH_KEY) - 1 + DIGEST_HEX_LEN - 1 + 2) /* with the quote and the brace at the end */

static const char *const phases[] = { [AUDIT_BEGIN] = "begin",	     [AUDIT_END] = "end",   [AUDIT_REFUSED] = "refused",
				      [AUDIT_REFUSALS] = "refusals", [AUDIT_NOTE] = "note", NULL };
static const char *const results[] = { [AUDIT_DONE] = "done", [AUDIT_DENIED] = "refused", [AUDIT_FAILED] = "failed", NULL };

const char *audit_phase_name(enum audit_phase p)
{
	return phases[p];
}

const char *audit_result_name(enum audit_result r)
{
	return results[r];
}

/* Cut between two characters; three dots say so. */
static void put_words(struct json_out *w, const char *key, const char *value, size_t max)
{
	autofree char *cut = NULL;
	size_t len = value ? strlen(value) : 0;

	if (!value)
		return;
	if (len > max) {
		len = max - 3;
		while (len > 0 && ((unsigned char)value[len] & 0xc0) == 0x80)
			len--;
		cut = str_format("%.*s...", (int)len, value);
	}
	json_put_str(w, key, cut ? cut : value);
}

static bool has_result(enum audit_phase p)
{
	return p == AUDIT_END || p == AUDIT_REFUSED;
}

void audit_line_print(const struct audit_entry *e, uint64_t number, const char *at, const char prev[DIGEST_HEX_LEN],
		      struct buf *out, char hash[DIGEST_HEX_LEN])
{
	size_t start = out->len;
	struct digest d;
	struct json_out w;

	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	json_put_u64(&w, "number", number);
	put_words(&w, "at", at, WORD_MAX);
	json_put_str(&w, "phase", phases[e->phase]);
	if (e->begun)
		json_put_u64(&w, "begun", e->begun);
	put_words(&w, "who", e->who, WORD_MAX);
	put_words(&w, "from", e->from, WORD_MAX);
	put_words(&w, "what", e->what, TEXT_MAX);
	put_words(&w, "nodes", e->nodes, TEXT_MAX);
	put_words(&w, "request", e->request, WORD_MAX);
	if (has_result(e->phase))
		json_put_str(&w, "result", results[e->result]);
	if (e->status)
		json_put_u64(&w, "status", e->status);
	if (e->count)
		json_put_u64(&w, "count", e->count);
	put_words(&w, "text", e->text, TEXT_MAX);
	json_put_str(&w, "prev", prev);
	digest_of(out->data + start, out->len - start, &d);
	digest_hex(&d, hash);
	json_put_str(&w, "hash", hash);
	json_end_obj(&w);
	buf_addc(out, '\n');
}

void audit_line_free(struct audit_line *l)
{
	free(l->at);
	free(l->who);
	free(l->from);
	free(l->what);
	free(l->nodes);
	free(l->request);
	free(l->text);
	*l = (struct audit_line){ 0 };
}

/* 64 lower-case hex digits: an upper-case one would be another byte with the same meaning. */
static int take_hash(struct json_obj *o, const char *key, char out[DIGEST_HEX_LEN], struct err *err)
{
	autofree char *text = NULL;

	if (json_str(o, key, JSON_MUST, &text, err) < 0)
		return -1;
	if (strlen(text) != DIGEST_HEX_LEN - 1 || strspn(text, "0123456789abcdef") != DIGEST_HEX_LEN - 1)
		return json_bad(o, key, err, "is not 64 hex digits");
	memcpy(out, text, DIGEST_HEX_LEN);
	return 0;
}

static int read_keys(struct json_obj *o, void *out, struct err *err)
{
	struct audit_line *l = out;
	int phase = 0, result = 0;

	if (json_u64(o, "number", JSON_MUST, 1, UINT64_MAX - 1, &l->number, err) < 0 ||
	    json_str(o, "at", JSON_MUST, &l->at, err) < 0 || json_enum(o, "phase", JSON_MUST, phases, &phase, err) < 0 ||
	    json_u64(o, "begun", JSON_MAY, 1, UINT64_MAX, &l->begun, err) < 0 || json_str(o, "who", JSON_MAY, &l->who, err) < 0 ||
	    json_str(o, "from", JSON_MAY, &l->from, err) < 0 || json_str(o, "what", JSON_MAY, &l->what, err) < 0 ||
	    json_str(o, "nodes", JSON_MAY, &l->nodes, err) < 0 || json_str(o, "request", JSON_MAY, &l->request, err) < 0 ||
	    json_enum(o, "result", has_result((enum audit_phase)phase) ? JSON_MUST : JSON_MAY, results, &result, err) < 0 ||
	    json_u64(o, "status", JSON_MAY, 0, 999, &l->status, err) < 0 ||
	    json_u64(o, "count", JSON_MAY, 1, UINT64_MAX, &l->count, err) < 0 ||
	    json_str(o, "text", JSON_MAY, &l->text, err) < 0 || take_hash(o, "prev", l->prev, err) < 0 ||
	    take_hash(o, "hash", l->hash, err) < 0)
		return -1;
	l->phase = (enum audit_phase)phase;
	l->result = (enum audit_result)result;
	return json_obj_end(o, err);
}

/* `,"hash":"HEX"}` at the end; *body is how long what comes before it is. */
static bool has_tail(const char *text, size_t len, size_t *body)
{
	const char *tail = text + len - TAIL_LEN;

	if (len <= TAIL_LEN || memcmp(tail, HASH_KEY, sizeof(HASH_KEY) - 1) != 0 || memcmp(text + len - 2, "\"}", 2) != 0)
		return false;
	*body = len - TAIL_LEN;
	return true;
}

enum audit_check audit_line_read(const char *text, size_t len, struct audit_line *out, struct err *err)
{
	char hex[DIGEST_HEX_LEN];
	struct digest d;
	size_t body = 0;

	*out = (struct audit_line){ 0 };
	if (len >= AUDIT_LINE_MAX) {
		err_set(err, ERR_DAMAGED, "it is longer than the %zu bytes of a line", AUDIT_LINE_MAX);
		return AUDIT_UNREADABLE;
	}
	if (!has_tail(text, len, &body)) {
		err_set(err, ERR_DAMAGED, "it does not end in a hash");
		return AUDIT_UNREADABLE;
	}
	if (json_read(text, len, read_keys, out, err) < 0) {
		audit_line_free(out);
		err->kind = ERR_DAMAGED;
		return AUDIT_UNREADABLE;
	}
	digest_of(text, body, &d);
	digest_hex(&d, hex);
	if (memcmp(hex, text + body + sizeof(HASH_KEY) - 1, DIGEST_HEX_LEN - 1) == 0 && str_eq(hex, out->hash))
		return AUDIT_GOOD;
	err_set(err, ERR_DAMAGED, "its hash is not that of its text");
	return AUDIT_CHANGED;
}
