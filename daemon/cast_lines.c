/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/cast_lines.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"

#include <string.h>

#define NUMBER_MAX 65535
#define COUNT_MAX ((uint64_t)1 << 53)

static const char *const do_words[] = { "open", "join", "leave", "stop", NULL };

/* --- keys --- */

static void put_hex(struct json_out *w, const char *key, const uint8_t *raw)
{
	char hex[2 * CAST_KEY + 1];

	str_hex(raw, CAST_KEY, hex);
	json_put_str(w, key, hex);
	explicit_bzero(hex, sizeof(hex));
}

static int read_hex(struct json_obj *o, const char *key, uint8_t out[CAST_KEY], struct err *err)
{
	autofree char *hex = NULL;
	struct err why = { 0 };
	int rc;

	if (json_str(o, key, JSON_MUST, &hex, err) < 0)
		return -1;
	rc = strlen(hex) == (size_t)2 * CAST_KEY ? str_unhex(hex, out, CAST_KEY, &why) : -1;
	explicit_bzero(hex, strlen(hex));
	return rc < 0 ? json_bad(o, key, err, "is not %d hex digits", 2 * CAST_KEY) : 0;
}

/* --- orthrusd to the child --- */

static int read_open(struct json_obj *o, struct cast_open *x, struct err *err)
{
	if (json_str(o, "store", JSON_MUST, &x->store, err) < 0 || json_str(o, "name", JSON_MUST, &x->name, err) < 0 ||
	    json_str(o, "id", JSON_MUST, &x->id, err) < 0 || json_str(o, "group", JSON_MUST, &x->group, err) < 0 ||
	    json_str(o, "sender", JSON_MUST, &x->sender, err) < 0 || json_str(o, "group2", JSON_MAY, &x->group2, err) < 0 ||
	    json_str(o, "sender2", JSON_MAY, &x->sender2, err) < 0 ||
	    json_str(o, "broadcast", JSON_MAY, &x->broadcast, err) < 0 ||
	    json_bool(o, "small_instead", JSON_MAY, &x->small_instead, err) < 0 ||
	    read_hex(o, "verify_key", x->verify_key, err) < 0 || read_hex(o, "group_key", x->group_key, err) < 0 ||
	    json_u64(o, "cast", JSON_MUST, 1, UINT32_MAX, &x->cast, err) < 0 ||
	    json_u64(o, "port", JSON_MUST, 1, 65535, &x->port, err) < 0 ||
	    json_u64(o, "reports", JSON_MUST, 1, 65535, &x->reports, err) < 0 ||
	    json_u64(o, "ports", JSON_MUST, 1, 256, &x->ports, err) < 0 ||
	    json_u64(o, "symbol_bytes", JSON_MUST, 64, 8896, &x->symbol_bytes, err) < 0 ||
	    json_u64(o, "rate_max", JSON_MUST, 0, COUNT_MAX, &x->rate_max, err) < 0 ||
	    json_u64(o, "expected", JSON_MUST, 0, UINT32_MAX, &x->expected, err) < 0 ||
	    json_u64(o, "gather_s", JSON_MUST, 0, 3600, &x->gather_s, err) < 0 ||
	    json_u64(o, "empty_s", JSON_MUST, 0, 3600, &x->empty_s, err) < 0 ||
	    json_strs(o, "relays", JSON_MAY, &x->relays, err) < 0)
		return -1;
	if (x->relays.len > CAST_RELAYS_MAX)
		return json_bad(o, "relays", err, "are %zu", x->relays.len);
	if (!x->group2 != !x->sender2)
		return json_bad(o, "group2", err, "goes with sender2");
	if (str_check_name(x->name, err) < 0)
		return err_wrap(err, "name");
	return str_check_name(x->id, err) < 0 ? err_wrap(err, "id") : 0;
}

static int read_have(struct json_obj *o, struct buf *out, struct err *err)
{
	autofree char *text = NULL;
	struct err why = { 0 };

	if (json_str(o, "have", JSON_MAY, &text, err) < 0)
		return -1;
	if (text && (base64_read(text, strlen(text), out, &why) < 0 || out->len > CAST_HAVE_MAX))
		return json_bad(o, "have", err, "is no bitmap in Base64");
	return 0;
}

static int read_join(struct json_obj *o, struct cast_do_line *l, struct err *err)
{
	return json_u64(o, "number", JSON_MUST, 1, NUMBER_MAX, &l->number, err) < 0 ||
			       read_hex(o, "own_key", l->own_key, err) < 0 || read_have(o, &l->have, err) < 0 ||
			       json_u64(o, "relay", JSON_MAY, 0, CAST_RELAYS_MAX, &l->relay, err) < 0
		       ? -1
		       : 0;
}

static int read_do(struct json_obj *o, void *out, struct err *err)
{
	struct cast_do_line *l = out;
	int word = 0, rc = 0;

	if (json_enum(o, "do", JSON_MUST, do_words, &word, err) < 0)
		return -1;
	l->what = (enum cast_do)(word + 1);
	switch (l->what) {
	case CAST_DO_OPEN:
		rc = read_open(o, &l->open, err);
		break;
	case CAST_DO_JOIN:
		rc = read_join(o, l, err);
		break;
	case CAST_DO_LEAVE:
		rc = json_u64(o, "number", JSON_MUST, 1, NUMBER_MAX, &l->number, err);
		break;
	case CAST_DO_STOP:
		break;
	}
	return rc < 0 ? -1 : json_obj_end(o, err);
}

int cast_do_read(const char *line, size_t len, struct cast_do_line *out, struct err *err)
{
	*out = (struct cast_do_line){ 0 };
	if (len > CAST_LINE_MAX)
		return err_set(err, ERR_INVALID, "the line has %zu bytes", len);
	if (json_read(line, len, read_do, out, err) == 0)
		return 0;
	cast_do_free(out);
	return -1;
}

static void put_open(struct json_out *w, const struct cast_open *x)
{
	json_put_str(w, "store", x->store);
	json_put_str(w, "name", x->name);
	json_put_str(w, "id", x->id);
	json_put_str(w, "group", x->group);
	json_put_str(w, "sender", x->sender);
	if (x->group2) {
		json_put_str(w, "group2", x->group2);
		json_put_str(w, "sender2", x->sender2);
	}
	if (x->broadcast)
		json_put_str(w, "broadcast", x->broadcast);
	if (x->small_instead)
		json_put_bool(w, "small_instead", true);
	put_hex(w, "verify_key", x->verify_key);
	put_hex(w, "group_key", x->group_key);
	json_put_u64(w, "cast", x->cast);
	json_put_u64(w, "port", x->port);
	json_put_u64(w, "reports", x->reports);
	json_put_u64(w, "ports", x->ports);
	json_put_u64(w, "symbol_bytes", x->symbol_bytes);
	json_put_u64(w, "rate_max", x->rate_max);
	json_put_u64(w, "expected", x->expected);
	json_put_u64(w, "gather_s", x->gather_s);
	json_put_u64(w, "empty_s", x->empty_s);
	json_put_strs(w, "relays", &x->relays);
}

static void put_join(struct json_out *w, const struct cast_do_line *l)
{
	autoclean(buf_free) struct buf text = { 0 };

	json_put_u64(w, "number", l->number);
	put_hex(w, "own_key", l->own_key);
	if (l->relay)
		json_put_u64(w, "relay", l->relay);
	if (!l->have.len)
		return;
	base64_put(&text, l->have.data, l->have.len);
	json_put_str(w, "have", buf_str(&text));
}

void cast_do_write(const struct cast_do_line *l, struct buf *out)
{
	struct json_out w;

	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "do", do_words[l->what - 1]);
	switch (l->what) {
	case CAST_DO_OPEN:
		put_open(&w, &l->open);
		break;
	case CAST_DO_JOIN:
		put_join(&w, l);
		break;
	case CAST_DO_LEAVE:
		json_put_u64(&w, "number", l->number);
		break;
	case CAST_DO_STOP:
		break;
	}
	json_end_obj(&w);
	buf_addc(out, '\n');
}

void cast_do_free(struct cast_do_line *l)
{
	free(l->open.store);
	free(l->open.name);
	free(l->open.id);
	free(l->open.group);
	free(l->open.sender);
	str_list_free(&l->open.relays);
	free(l->open.group2);
	free(l->open.sender2);
	free(l->open.broadcast);
	buf_free(&l->have);
	explicit_bzero(l, sizeof(*l));
}
