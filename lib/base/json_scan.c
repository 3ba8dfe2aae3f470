/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json_scan.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

/* A key seen in an object that is still open: where its decoded text lies in scan.keys_text, and where it stands in the input. */
struct key {
	size_t text, at;
	const char *base; /* set only while sorting, when the texts no longer move */
};

struct scan {
	const char *text;
	size_t len, at;
	unsigned int depth;
	struct buf keys_text;
	struct key *keys;
	size_t n_keys, keys_cap;
	struct err *err;
};

static int fail_at(struct scan *s, size_t at, const char *fmt, ...) PRINTF_LIKE(3, 4);
static int fail_at(struct scan *s, size_t at, const char *fmt, ...)
{
	size_t line = 1, column = 1;
	char why[256];
	va_list ap;

	for (size_t i = 0; i < at && i < s->len; i++) {
		unsigned char c = (unsigned char)s->text[i];

		if (c == '\n') {
			line++;
			column = 1;
		} else if ((c & 0xc0) != 0x80) {
			column++;
		}
	}
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return err_set(s->err, ERR_INVALID, "line %zu, column %zu: %s", line, column, why);
}

static int unexpected(struct scan *s, const char *wanted)
{
	autofree char *found = NULL;
	size_t n;

	if (s->at >= s->len)
		return fail_at(s, s->at, "the text ends where %s should be", wanted);
	n = str_utf8_len(s->text + s->at, s->len - s->at);
	found = str_printable(s->text + s->at, n ? n : 1);
	return fail_at(s, s->at, "'%s' stands where %s should be", found, wanted);
}

/* The byte here, or 0 at the end (a NUL is nowhere valid outside strings, so both end up in unexpected()). */
static char peek(const struct scan *s)
{
	return s->at < s->len ? s->text[s->at] : '\0';
}

static void skip_space(struct scan *s)
{
	while (s->at < s->len && memchr(" \t\r\n", s->text[s->at], 4))
		s->at++;
}

static int scan_hex4(struct scan *s, unsigned int *out)
{
	*out = 0;
	for (int i = 0; i < 4; i++, s->at++) {
		char c = peek(s);
		unsigned int v;

		if (c >= '0' && c <= '9')
			v = (unsigned int)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			v = (unsigned int)((c | 32) - 'a') + 10;
		else
			return unexpected(s, "a hex digit of \\uXXXX");
		*out = *out << 4 | v;
	}
	return 0;
}

static void add_utf8(struct buf *b, unsigned int u)
{
	if (u < 0x80) {
		buf_addc(b, (char)u);
	} else if (u < 0x800) {
		buf_addc(b, (char)(0xc0 | u >> 6));
		buf_addc(b, (char)(0x80 | (u & 0x3f)));
	} else if (u < 0x10000) {
		buf_addc(b, (char)(0xe0 | u >> 12));
		buf_addc(b, (char)(0x80 | (u >> 6 & 0x3f)));
		buf_addc(b, (char)(0x80 | (u & 0x3f)));
	} else {
		buf_addc(b, (char)(0xf0 | u >> 18));
		buf_addc(b, (char)(0x80 | (u >> 12 & 0x3f)));
		buf_addc(b, (char)(0x80 | (u >> 6 & 0x3f)));
		buf_addc(b, (char)(0x80 | (u & 0x3f)));
	}
}

/* After the backslash; `out` may be NULL. */
static int scan_escape(struct scan *s, struct buf *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	size_t begin = s->at - 1;
	char c = peek(s);
	const char *p = c ? strchr(from, c) : NULL;
	unsigned int u, low;

	if (p) {
		s->at++;
		if (out)
			buf_addc(out, to[p - from]);
		return 0;
	}
	if (c != 'u')
		return unexpected(s, "one of \"\\/bfnrtu after the backslash");
	s->at++;
	if (scan_hex4(s, &u) < 0)
		return -1;
	if (u >= 0xd800 && u < 0xe000) {
		if (u >= 0xdc00 || s->len - s->at < 2 || s->text[s->at] != '\\' || s->text[s->at + 1] != 'u')
			return fail_at(s, begin, "half of a surrogate pair");
		s->at += 2;
		if (scan_hex4(s, &low) < 0)
			return -1;
		if (low < 0xdc00 || low >= 0xe000)
			return fail_at(s, begin, "half of a surrogate pair");
		u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
	}
	if (u == 0 && out)
		return fail_at(s, begin, "a key with a NUL");
	if (out)
		add_utf8(out, u);
	return 0;
}

/* A string; its decoded text goes to `out` unless that is NULL. */
static int scan_string(struct scan *s, struct buf *out)
{
	size_t begin = s->at++;

	while (s->at < s->len) {
		unsigned char c = (unsigned char)s->text[s->at];
		size_t n = str_utf8_len(s->text + s->at, s->len - s->at);

		if (c == '"') {
			s->at++;
			return 0;
		}
		if (c < 0x20)
			return fail_at(s, s->at, "a control character (0x%02x) in a string must be written as \\u%04x", c, c);
		if (n == 0)
			return fail_at(s, s->at, "a byte (0x%02x) that is not UTF-8", c);
		if (c == '\\') {
			s->at++;
			if (scan_escape(s, out) < 0)
				return -1;
			continue;
		}
		if (out)
			buf_add(out, s->text + s->at, n);
		s->at += n;
	}
	return fail_at(s, begin, "a string that does not end");
}

static size_t skip_digits(struct scan *s)
{
	size_t begin = s->at;

	while (peek(s) >= '0' && peek(s) <= '9')
		s->at++;
	return s->at - begin;
}

static int scan_number(struct scan *s)
{
	size_t begin = s->at, digits, first;
	bool minus = peek(s) == '-';
	uint64_t v = 0, max = minus ? (uint64_t)INT64_MAX + 1 : UINT64_MAX;

	if (minus)
		s->at++;
	first = s->at;
	digits = skip_digits(s);
	if (digits == 0)
		return unexpected(s, "a digit");
	if (digits > 1 && s->text[first] == '0')
		return fail_at(s, begin, "a number with a leading 0");
	if (peek(s) != '.' && (peek(s) | 32) != 'e') {
		for (size_t i = first; i < s->at; i++)
			if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(s->text[i] - '0'), &v) ||
			    v > max)
				return fail_at(s, begin, "a whole number that does not fit 64 bits");
		return 0;
	}
	if (peek(s) == '.') {
		s->at++;
		if (skip_digits(s) == 0)
			return unexpected(s, "a digit after the point");
	}
	if ((peek(s) | 32) == 'e') {
		s->at++;
		if (peek(s) == '+' || peek(s) == '-')
			s->at++;
		if (skip_digits(s) == 0)
			return unexpected(s, "a digit of the exponent");
	}
	return 0;
}

static int key_cmp(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int c = strcmp(x->base + x->text, y->base + y->text);

	return c ? c : x->at < y->at ? -1 : 1;
}

/* All keys of an object are in s->keys[from..]: sorted, a duplicate stands next to its first. */
static int check_unique(struct scan *s, size_t from)
{
	size_t n = s->n_keys - from;
	struct key *keys;

	if (n < 2)
		return 0;
	keys = s->keys + from; /* not before: there may be no array yet */
	for (size_t i = 0; i < n; i++)
		keys[i].base = s->keys_text.data;
	qsort(keys, n, sizeof(*keys), key_cmp);
	for (size_t i = 1; i < n; i++) {
		const char *text = s->keys_text.data + keys[i].text;

		if (strcmp(keys[i - 1].base + keys[i - 1].text, text) == 0) {
			autofree char *shown = str_printable(text, strnlen(text, 64));

			return fail_at(s, keys[i].at, "the key \"%s\" was given before in the same object", shown);
		}
	}
	return 0;
}

static int scan_value(struct scan *s);

static int scan_member(struct scan *s)
{
	struct key key = { .text = s->keys_text.len, .at = s->at };

	if (peek(s) != '"')
		return unexpected(s, "a key in double quotes");
	if (scan_string(s, &s->keys_text) < 0)
		return -1;
	buf_addc(&s->keys_text, '\0');
	s->keys = mem_room(s->keys, s->n_keys, &s->keys_cap, sizeof(*s->keys));
	s->keys[s->n_keys++] = key;
	skip_space(s);
	if (peek(s) != ':')
		return unexpected(s, "':' after the key");
	s->at++;
	return scan_value(s);
}

/* An object or an array, whose opening bracket is here. */
static int scan_container(struct scan *s)
{
	bool object = peek(s) == '{';
	char close = object ? '}' : ']';
	size_t keys_from = s->n_keys, text_from = s->keys_text.len;

	if (++s->depth > JSON_DEPTH_MAX)
		return fail_at(s, s->at, "more than %d levels of nesting", JSON_DEPTH_MAX);
	s->at++;
	skip_space(s);
	if (peek(s) != close) {
		for (;;) {
			skip_space(s);
			if ((object ? scan_member(s) : scan_value(s)) < 0)
				return -1;
			if (peek(s) != ',')
				break;
			s->at++;
		}
		if (peek(s) != close)
			return unexpected(s, object ? "',' or '}'" : "',' or ']'");
	}
	s->at++;
	s->depth--;
	if (object && check_unique(s, keys_from) < 0)
		return -1;
	s->n_keys = keys_from;
	s->keys_text.len = text_from;
	return 0;
}

/* A value with the white space around it. */
static int scan_value(struct scan *s)
{
	static const char *const words[] = { "true", "false", "null" };
	int done = 1;
	char c;

	skip_space(s);
	c = peek(s);
	if (c == '{' || c == '[')
		done = scan_container(s);
	else if (c == '"')
		done = scan_string(s, NULL);
	else if (c == '-' || (c >= '0' && c <= '9'))
		done = scan_number(s);
	for (size_t i = 0; done == 1 && i < ARRAY_LEN(words); i++) {
		size_t n = strlen(words[i]);

		if (s->len - s->at >= n && memcmp(s->text + s->at, words[i], n) == 0) {
			s->at += n;
			done = 0;
		}
	}
	if (done == 1)
		return unexpected(s, "a value");
	skip_space(s);
	return done;
}

int json_scan(const char *text, size_t len, struct err *err)
{
	struct scan s = { .text = text, .len = len, .err = err };
	int rc = scan_value(&s);

	if (rc == 0 && s.at < s.len)
		rc = unexpected(&s, "the end of the text");
	buf_free(&s.keys_text);
	free(s.keys);
	return rc;
}
