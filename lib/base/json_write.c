/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void json_out_init(struct json_out *w, struct buf *buf, bool pretty)
{
	*w = (struct json_out){ .buf = buf, .pretty = pretty };
}

static void newline(struct json_out *w)
{
	if (!w->pretty)
		return;
	buf_addc(w->buf, '\n');
	for (unsigned int i = 0; i < w->depth; i++)
		buf_adds(w->buf, "  ");
}

static void add_string(struct buf *b, const char *s)
{
	static const char shorts[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	size_t left = strlen(s);

	buf_addc(b, '"');
	while (left) {
		size_t n = str_utf8_len(s, left);
		const char *p = strchr(shorts, *s);

		if (p) {
			buf_addc(b, '\\');
			buf_addc(b, letters[p - shorts]);
		} else if (n == 0) {
			buf_adds(b, "\xef\xbf\xbd");
			n = 1;
		} else if ((unsigned char)*s < 0x20 || *s == 0x7f) {
			buf_addf(b, "\\u%04x", (unsigned int)*s);
		} else {
			buf_add(b, s, n);
		}
		s += n;
		left -= n;
	}
	buf_addc(b, '"');
}

/* What stands before a value: comma, line break, key. */
static void lead(struct json_out *w, const char *key)
{
	if (w->need_comma)
		buf_addc(w->buf, ',');
	if (w->depth > 0)
		newline(w);
	if (key) {
		add_string(w->buf, key);
		buf_adds(w->buf, w->pretty ? ": " : ":");
	}
	w->need_comma = true;
}

/* A document that is complete ends its line when it is for people. */
static void trail(struct json_out *w)
{
	if (w->depth == 0) {
		w->need_comma = false;
		if (w->pretty)
			buf_addc(w->buf, '\n');
	}
}

static void open_with(struct json_out *w, const char *key, char bracket)
{
	lead(w, key);
	buf_addc(w->buf, bracket);
	w->depth++;
	w->need_comma = false;
}

static void close_with(struct json_out *w, char bracket)
{
	bool empty = !w->need_comma;

	w->depth--;
	if (!empty)
		newline(w);
	buf_addc(w->buf, bracket);
	w->need_comma = true;
	trail(w);
}

void json_put_obj(struct json_out *w, const char *key)
{
	open_with(w, key, '{');
}

void json_end_obj(struct json_out *w)
{
	close_with(w, '}');
}

void json_put_arr(struct json_out *w, const char *key)
{
	open_with(w, key, '[');
}

void json_end_arr(struct json_out *w)
{
	close_with(w, ']');
}

void json_put_str(struct json_out *w, const char *key, const char *value)
{
	lead(w, key);
	if (value)
		add_string(w->buf, value);
	else
		buf_adds(w->buf, "null");
	trail(w);
}

void json_put_raw(struct json_out *w, const char *key, const char *json)
{
	lead(w, key);
	buf_adds(w->buf, json);
	trail(w);
}

void json_put_u64(struct json_out *w, const char *key, uint64_t value)
{
	lead(w, key);
	buf_addf(w->buf, "%llu", (unsigned long long)value);
	trail(w);
}

void json_put_i64(struct json_out *w, const char *key, int64_t value)
{
	lead(w, key);
	buf_addf(w->buf, "%lld", (long long)value);
	trail(w);
}

void json_put_bool(struct json_out *w, const char *key, bool value)
{
	json_put_raw(w, key, value ? "true" : "false");
}

void json_put_f64(struct json_out *w, const char *key, double value)
{
	char text[400], *point;

	if (!isfinite(value)) { /* JSON has no word for it */
		json_put_raw(w, key, "null");
		return;
	}
	snprintf(text, sizeof(text), "%.3f", value);
	point = strchr(text, ','); /* a program may have set a locale */
	if (point)
		*point = '.';
	json_put_raw(w, key, text);
}

void json_put_strs(struct json_out *w, const char *key, const struct str_list *list)
{
	json_put_arr(w, key);
	for (size_t i = 0; i < list->len; i++)
		json_put_str(w, NULL, list->items[i]);
	json_end_arr(w);
}

void json_put_err(struct json_out *w, const char *key, const struct err *err)
{
	json_put_obj(w, key);
	json_put_str(w, "kind", err_kind_name(err->kind));
	json_put_str(w, "text", err->text);
	json_put_str(w, "hint", err->hint);
	json_end_obj(w);
}
