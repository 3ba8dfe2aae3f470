/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "base/str.h"
#include "base/template_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int template_bad(struct err *err, const char *text, size_t at, const char *fmt, ...)
{
	size_t line = 1, column = 1;
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < at; i++, column++)
		if (text[i] == '\n') {
			line++;
			column = 0;
		}
	return err_set(err, ERR_INVALID, "line %zu, column %zu: %s", line, column, why);
}

struct open_block {
	size_t op; /* index */
	bool has_else;
};
struct compiler {
	const char *text;
	size_t len;
	struct template_ops *ops;
	struct open_block open[TEMPLATE_DEPTH_MAX];
	size_t depth;
};
/* One tag: its outside [at, after) and the words inside, without the blanks around them. */
struct tag {
	size_t at, after;
	const char *s;
	size_t len;
};

static const struct block_word {
	const char *name;
	enum template_kind kind;
} block_words[] = { { "if", TEMPLATE_IF }, { "unless", TEMPLATE_UNLESS }, { "each", TEMPLATE_EACH } };

static struct template_op *add_op(struct compiler *c, enum template_kind kind, size_t at, const char *s, size_t len)
{
	struct template_ops *ops = c->ops;

	ops->items = mem_room(ops->items, ops->len, &ops->cap, sizeof(*ops->items));
	ops->items[ops->len] = (struct template_op){ .kind = kind, .at = at, .s = s, .len = len };
	return &ops->items[ops->len++];
}

static bool is_name(const char *s, size_t len)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz", rest[] = "abcdefghijklmnopqrstuvwxyz0123456789_.";

	if (len == 1 && s[0] == '.')
		return true;
	if (len && s[0] == '@')
		s++, len--;
	if (!len || !memchr(first, s[0], sizeof(first) - 1) || s[len - 1] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!memchr(rest, s[i], sizeof(rest) - 1) || (s[i] == '.' && i && s[i - 1] == '.'))
			return false;
	return true;
}

static bool is_word(const struct tag *t, const char *word)
{
	return t->len == strlen(word) && memcmp(t->s, word, t->len) == 0;
}

/* What follows `word` and blanks; *len 0 when the tag does not begin with that word. */
static const char *after_word(const struct tag *t, const char *word, size_t *len)
{
	size_t n = strlen(word), at = n;

	*len = 0;
	if (t->len <= n || memcmp(t->s, word, n) != 0 || (t->s[n] != ' ' && t->s[n] != '\t'))
		return NULL;
	while (at < t->len && (t->s[at] == ' ' || t->s[at] == '\t'))
		at++;
	*len = t->len - at;
	return t->s + at;
}

static int bad_name(struct compiler *c, const struct tag *t, const char *s, size_t len, struct err *err)
{
	autofree char *shown = str_printable(s, len < 40 ? len : 40);

	template_bad(err, c->text, t->at, "'%s' is no name", shown);
	return err_hint(err, "names are like node.name; write {{\"{{\"}} for two braces as text");
}

static int open_block(struct compiler *c, const struct tag *t, struct err *err)
{
	const struct tag inside = { .at = t->at, .s = t->s + 1, .len = t->len - 1 };

	for (size_t i = 0; i < ARRAY_LEN(block_words); i++) {
		size_t len;
		const char *name = after_word(&inside, block_words[i].name, &len);

		if (!name)
			continue;
		if (!is_name(name, len))
			return bad_name(c, t, name, len, err);
		if (c->depth == TEMPLATE_DEPTH_MAX)
			return template_bad(err, c->text, t->at, "more than %d blocks in each other", TEMPLATE_DEPTH_MAX);
		add_op(c, block_words[i].kind, t->at, name, len);
		c->open[c->depth++] = (struct open_block){ .op = c->ops->len - 1 };
		return 0;
	}
	template_bad(err, c->text, t->at, "a block is {{#if NAME}}, {{#unless NAME}} or {{#each NAME}}");
	return -1;
}

static const char *word_of(enum template_kind kind)
{
	for (size_t i = 0; i < ARRAY_LEN(block_words); i++)
		if (block_words[i].kind == kind)
			return block_words[i].name;
	return "";
}

static int close_block(struct compiler *c, const struct tag *t, struct err *err)
{
	const struct tag inside = { .s = t->s + 1, .len = t->len - 1 };
	struct open_block *b = c->depth ? &c->open[c->depth - 1] : NULL;
	struct template_op *op = b ? &c->ops->items[b->op] : NULL;

	if (!op)
		return template_bad(err, c->text, t->at, "no block is open here");
	if (!is_word(&inside, word_of(op->kind)))
		return template_bad(err, c->text, t->at, "{{/%s}} is expected: that is the block that is open",
				    word_of(op->kind));
	op->end = c->ops->len;
	if (!b->has_else)
		op->otherwise = op->end;
	c->depth--;
	return 0;
}

static int otherwise(struct compiler *c, const struct tag *t, struct err *err)
{
	struct open_block *b = c->depth ? &c->open[c->depth - 1] : NULL;

	if (!b || b->has_else)
		return template_bad(err, c->text, t->at, "{{else}} %s", b ? "a second time" : "without a block");
	b->has_else = true;
	c->ops->items[b->op].otherwise = c->ops->len;
	return 0;
}

static int put_name(struct compiler *c, const struct tag *t, struct err *err)
{
	enum template_kind kind = TEMPLATE_NAME;
	const char *s = t->s;
	size_t len = t->len, n;

	if (after_word(t, "sh", &n)) {
		kind = TEMPLATE_SH;
		s = after_word(t, "sh", &len);
	} else if (after_word(t, "json", &n)) {
		kind = TEMPLATE_JSON;
		s = after_word(t, "json", &len);
	}
	if (!is_name(s, len))
		return bad_name(c, t, s, len, err);
	add_op(c, kind, t->at, s, len);
	return 0;
}

static bool is_block_tag(const struct tag *t)
{
	return is_word(t, "else") || (t->len && (t->s[0] == '#' || t->s[0] == '/' || t->s[0] == '!'));
}

static int put_tag(struct compiler *c, const struct tag *t, struct err *err)
{
	if (!t->len)
		return template_bad(err, c->text, t->at, "there is no name between the braces");
	switch (t->s[0]) {
	case '!':
		return 0;
	case '"':
		if (t->len < 2)
			return template_bad(err, c->text, t->at, "the text has no end");
		add_op(c, TEMPLATE_TEXT, t->at, t->s + 1, t->len - 2);
		return 0;
	case '#':
		return open_block(c, t, err);
	case '/':
		return close_block(c, t, err);
	default:
		return is_word(t, "else") ? otherwise(c, t, err) : put_name(c, t, err);
	}
}

static const char *find(const char *s, size_t len, const char *what)
{
	return len ? memmem(s, len, what, strlen(what)) : NULL;
}

static int read_tag(struct compiler *c, size_t at, struct tag *t, struct err *err)
{
	const char *s = c->text + at + 2, *end_of_text = c->text + c->len, *end;
	bool quoted = s < end_of_text && *s == '"';

	end = quoted ? find(s + 1, (size_t)(end_of_text - s - 1), "\"}}") : find(s, (size_t)(end_of_text - s), "}}");
	if (!end)
		return template_bad(err, c->text, at, "'{{' is never closed by '%s'", quoted ? "\"}}" : "}}");
	end += quoted;
	*t = (struct tag){ .at = at, .after = (size_t)(end + 2 - c->text), .s = s, .len = (size_t)(end - s) };
	if (memchr(s, '\n', t->len) && !quoted && s[0] != '!')
		return template_bad(err, c->text, at, "'{{' is not closed on its line");
	while (!quoted && t->len && (t->s[0] == ' ' || t->s[0] == '\t'))
		t->s++, t->len--;
	while (!quoted && t->len && (t->s[t->len - 1] == ' ' || t->s[t->len - 1] == '\t'))
		t->len--;
	return 0;
}

/* Alone on its line, a block tag takes blanks and line break with it. */
static void widen(const struct compiler *c, struct tag *t, size_t *text_end)
{
	size_t from = t->at, to = t->after;

	while (from > 0 && (c->text[from - 1] == ' ' || c->text[from - 1] == '\t'))
		from--;
	while (to < c->len && (c->text[to] == ' ' || c->text[to] == '\t'))
		to++;
	if ((from > 0 && c->text[from - 1] != '\n') || (to < c->len && c->text[to] != '\n'))
		return;
	*text_end = from;
	t->after = to < c->len ? to + 1 : to;
}

int template_compile(const char *text, size_t len, struct template_ops *ops, struct err *err)
{
	struct compiler c = { .text = text, .len = len, .ops = ops };

	for (size_t at = 0; at < len;) {
		const char *next = find(text + at, len - at, "{{");
		size_t text_end = next ? (size_t)(next - text) : len;
		struct tag t;

		if (!next) {
			add_op(&c, TEMPLATE_TEXT, at, text + at, len - at);
			break;
		}
		if (read_tag(&c, text_end, &t, err) < 0)
			return -1;
		if (is_block_tag(&t))
			widen(&c, &t, &text_end);
		if (text_end > at)
			add_op(&c, TEMPLATE_TEXT, at, text + at, text_end - at);
		if (put_tag(&c, &t, err) < 0)
			return -1;
		at = t.after;
	}
	if (c.depth) {
		const struct template_op *op = &ops->items[c.open[c.depth - 1].op];

		return template_bad(err, text, op->at, "this block has no {{/%s}}", word_of(op->kind));
	}
	return 0;
}
