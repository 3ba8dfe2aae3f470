/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/nodeset.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_MAX 17 /* as nodeset_fold.c: a number and its width share 64 bits there */

struct range {
	uint64_t lo, count, step;
	int width; /* digits to pad to; 0 without padding */
};

/* A piece of a name: plain text, or a list of ranges to choose from. */
struct part {
	size_t text, text_len; /* place in parser.text; used when n == 0 */
	struct range *ranges;
	size_t n, cap;
	uint64_t count;
};

struct item {
	bool group;
	size_t at;
	struct part *parts;
	size_t len, cap;
};

struct parser {
	const char *text;
	size_t at;
	size_t made; /* names made so far, repeats counted */
	unsigned int ops;
	nodeset_resolver resolver;
	void *ctx;
	struct str_list *written; /* every name as it is mentioned, or NULL */
	struct err *err;
};

static int bad_at(struct parser *p, size_t at, const char *fmt, ...) PRINTF_LIKE(3, 4);
static int bad_at(struct parser *p, size_t at, const char *fmt, ...)
{
	autofree char *shown = str_printable(p->text, strnlen(p->text, 80));
	char why[384];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return err_set(p->err, ERR_INVALID, "position %zu of '%s': %s", at + 1, shown, why);
}

static int unexpected(struct parser *p, const char *wanted)
{
	autofree char *found = NULL;
	size_t left = strlen(p->text + p->at), n = str_utf8_len(p->text + p->at, left);

	if (left == 0)
		return bad_at(p, p->at, "the text ends where %s should be", wanted);
	found = str_printable(p->text + p->at, n ? n : 1);
	return bad_at(p, p->at, "'%s' stands where %s should be", found, wanted);
}

static char peek(const struct parser *p)
{
	return p->text[p->at];
}

static void skip_spaces(struct parser *p)
{
	while (peek(p) == ' ' || peek(p) == '\t' || peek(p) == '\n')
		p->at++;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool in_name(char c)
{
	return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'z') || (c && strchr("._-:", c));
}

static void item_free(struct item *item)
{
	for (size_t i = 0; i < item->len; i++)
		free(item->parts[i].ranges);
	free(item->parts);
}

static int parse_number(struct parser *p, uint64_t *value, int *digits)
{
	size_t begin = p->at;

	*value = 0;
	while (is_digit(peek(p))) {
		if (p->at - begin == DIGITS_MAX)
			return bad_at(p, begin, "a number of more than %d digits", DIGITS_MAX);
		*value = *value * 10 + (uint64_t)(p->text[p->at++] - '0');
	}
	*digits = (int)(p->at - begin);
	return *digits ? 0 : unexpected(p, "a number");
}

/* "5", "05-12" or "1-9/2". */
static int parse_range(struct parser *p, struct range *r)
{
	size_t begin = p->at, hi_at;
	uint64_t hi;
	int lo_digits, hi_digits, step_digits;

	if (parse_number(p, &r->lo, &lo_digits) < 0)
		return -1;
	r->width = p->text[begin] == '0' && lo_digits > 1 ? lo_digits : 0;
	r->count = r->step = 1;
	if (peek(p) != '-')
		return 0;
	hi_at = ++p->at;
	if (parse_number(p, &hi, &hi_digits) < 0)
		return -1;
	if (hi < r->lo)
		return bad_at(p, begin, "a range that runs backwards");
	if (p->text[hi_at] == '0' && hi_digits > 1 && hi_digits != lo_digits)
		return bad_at(p, begin, "a range whose ends are padded to %d and %d digits", lo_digits, hi_digits);
	if (peek(p) == '/') {
		p->at++;
		if (parse_number(p, &r->step, &step_digits) < 0)
			return -1;
		if (r->step == 0)
			return bad_at(p, p->at - (size_t)step_digits, "a step of 0");
	}
	r->count = (hi - r->lo) / r->step + 1;
	return 0;
}

/* "[1-3,07]"; the bracket is here. */
static int parse_brackets(struct parser *p, struct part *part)
{
	size_t begin = p->at;

	do {
		p->at++;
		part->ranges = mem_room(part->ranges, part->n, &part->cap, sizeof(*part->ranges));
		if (parse_range(p, &part->ranges[part->n]) < 0)
			return -1;
		part->count += part->ranges[part->n++].count; /* both below 10^17, and few: no overflow in a text of 2^32 */
		if (part->count > NODESET_MAX)
			return bad_at(p, begin, "more than %d numbers in one pair of brackets", NODESET_MAX);
	} while (peek(p) == ',');
	if (peek(p) != ']')
		return unexpected(p, "',', '-' or ']'");
	p->at++;
	return 0;
}

/* The pieces of one name or group, up to an operator, a space or the end. */
static int parse_item(struct parser *p, struct item *item)
{
	item->at = p->at;
	if (peek(p) == '@') {
		item->group = true;
		p->at++;
	}
	for (;;) {
		struct part part = { .text = p->at };
		int rc = 0;

		if (peek(p) == '[') {
			rc = parse_brackets(p, &part);
		} else if (item->group && item->len == 0 && peek(p) == '*') {
			p->at++;
		} else {
			while (in_name(peek(p)))
				p->at++;
			if (p->at == part.text)
				break;
		}
		part.text_len = p->at - part.text;
		item->parts = mem_room(item->parts, item->len, &item->cap, sizeof(*item->parts));
		item->parts[item->len++] = part;
		if (rc < 0)
			return -1;
	}
	return item->len ? 0 : unexpected(p, item->group ? "the name of a group" : "a node name");
}

static size_t put_number(char *out, uint64_t v, int width)
{
	char digits[24];
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	while (n < (size_t)width)
		digits[n++] = '0';
	for (size_t i = 0; i < n; i++)
		out[i] = digits[n - 1 - i];
	return n;
}

static int use_group(struct parser *p, const struct item *item, const char *name, struct nodeset *out)
{
	autoclean(nodeset_free) struct nodeset members = { 0 };

	if (!p->resolver)
		return bad_at(p, item->at, "groups like '@%s' are not known here", name);
	if (p->resolver(p->ctx, name, &members, p->err) < 0)
		return err_wrap(p->err, "position %zu: group '@%s'", item->at + 1, name);
	p->made += nodeset_count(&members);
	for (size_t i = 0; p->written && i < nodeset_count(&members); i++)
		str_list_add(p->written, nodeset_get(&members, i));
	return nodeset_union(out, &members, p->err);
}

/* What is done with each name an item stands for. */
static int use_name(struct parser *p, const struct item *item, const char *name, struct nodeset *out)
{
	if (item->group)
		return use_group(p, item, name, out);
	if (p->written)
		str_list_add(p->written, name);
	return nodeset_add(out, name, p->err);
}

/* Make every combination of the parts from `part` on; name[0..used) is what stands before. */
static int expand(struct parser *p, const struct item *item, size_t part, char *name, size_t used, struct nodeset *out)
{
	const struct part *here = &item->parts[part];

	if (used > NODESET_NAME_MAX)
		return bad_at(p, item->at, "a name of more than %d characters", NODESET_NAME_MAX);
	if (part == item->len) {
		name[used] = '\0';
		return use_name(p, item, name, out);
	}
	if (here->n == 0) {
		if (used + here->text_len > NODESET_NAME_MAX)
			return bad_at(p, item->at, "a name of more than %d characters", NODESET_NAME_MAX);
		memcpy(name + used, p->text + here->text, here->text_len);
		return expand(p, item, part + 1, name, used + here->text_len, out);
	}
	for (size_t r = 0; r < here->n; r++) {
		const struct range *range = &here->ranges[r];

		for (uint64_t i = 0; i < range->count; i++) {
			size_t n = put_number(name + used, range->lo + i * range->step, range->width);

			if (expand(p, item, part + 1, name, used + n, out) < 0)
				return -1;
		}
	}
	return 0;
}

static int parse_operand(struct parser *p, struct nodeset *out)
{
	autoclean(item_free) struct item item = { 0 };
	char name[NODESET_NAME_MAX + DIGITS_MAX + 1];
	uint64_t count = 1;

	if (parse_item(p, &item) < 0)
		return -1;
	for (size_t i = 0; i < item.len; i++)
		if (item.parts[i].n && __builtin_mul_overflow(count, item.parts[i].count, &count))
			count = UINT64_MAX;
	if (count > NODESET_MAX - p->made)
		return bad_at(p, item.at, "the text makes more than %d names", NODESET_MAX);
	if (!item.group)
		p->made += count;
	if (expand(p, &item, 0, name, 0, out) < 0)
		return -1;
	if (p->made > NODESET_MAX)
		return bad_at(p, item.at, "the text makes more than %d names", NODESET_MAX);
	return 0;
}

static int apply(struct parser *p, size_t at, char op, struct nodeset *a, struct nodeset *b)
{
	if (op == ',')
		return nodeset_union(a, b, p->err);
	if (++p->ops > NODESET_OPS_MAX)
		return bad_at(p, at, "more than %d of the operators '!', '&' and '^'", NODESET_OPS_MAX);
	if (op == '!')
		nodeset_difference(a, b);
	else if (op == '&')
		nodeset_intersection(a, b);
	else
		nodeset_xor(a, b);
	return 0;
}

static int parse_all(struct parser *p, struct nodeset *out)
{
	skip_spaces(p);
	if (parse_operand(p, out) < 0)
		return -1;
	for (;;) {
		autoclean(nodeset_free) struct nodeset right = { 0 };
		size_t op_at;

		skip_spaces(p);
		op_at = p->at;
		if (peek(p) == '\0')
			return 0;
		if (!strchr(",!&^", peek(p)))
			return unexpected(p, "one of , ! & ^ or the end");
		p->at++;
		skip_spaces(p);
		if (parse_operand(p, &right) < 0 || apply(p, op_at, p->text[op_at], out, &right) < 0)
			return -1;
	}
}

static int parse(struct parser *p, struct nodeset *out)
{
	*out = (struct nodeset){ 0 };
	if (parse_all(p, out) == 0)
		return 0;
	nodeset_free(out);
	return -1;
}

int nodeset_parse(const char *text, nodeset_resolver resolver, void *ctx, struct nodeset *out, struct err *err)
{
	struct parser p = { .text = text, .resolver = resolver, .ctx = ctx, .err = err };

	return parse(&p, out);
}

int nodeset_parse_written(const char *text, nodeset_resolver resolver, void *ctx, struct nodeset *out, size_t **places,
			  struct err *err)
{
	autoclean(str_list_free) struct str_list written = { 0 };
	struct parser p = { .text = text, .resolver = resolver, .ctx = ctx, .written = &written, .err = err };
	size_t n, next = 0;

	*places = NULL;
	if (parse(&p, out) < 0)
		return -1;
	n = nodeset_count(out);
	*places = mem_array(n, sizeof(**places));
	for (size_t i = 0; i < n; i++)
		(*places)[i] = SIZE_MAX;
	for (size_t i = 0; i < written.len; i++) {
		size_t at = nodeset_index(out, written.items[i]);

		if (at != SIZE_MAX && (*places)[at] == SIZE_MAX)
			(*places)[at] = next++;
	}
	return 0;
}
