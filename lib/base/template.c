/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/template.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/template_priv.h"

#include <stdbool.h>
#include <string.h>

#define STEPS_MAX 2000000 /* entries of lists gone through: lists in each other multiply */
#define KNOWN_MAX 64

struct scope {
	const struct template_map *map;
	bool first, last; /* of the list that it is an entry of */
};
struct renderer {
	const char *text;
	const struct template_ops *ops;
	struct scope scopes[TEMPLATE_DEPTH_MAX + 1];
	size_t n_scopes, steps, max;
	struct buf *out;
};
/* What a name stands for: a member, or a truth that has none (@first). */
struct found {
	const struct template_member *member;
	bool yes;
};

static int unknown(struct renderer *r, const struct template_op *op, const struct template_map *in, struct err *err)
{
	autofree char *name = mem_strndup(op->s, op->len < 60 ? op->len : 60);
	autoclean(buf_free) struct buf list = { 0 };
	const char *known[KNOWN_MAX], *near;
	const char *last = strrchr(name, '.');
	size_t n = 0;

	for (size_t s = in ? 1 : r->n_scopes; s-- > 0;) {
		const struct template_map *m = in ? in : r->scopes[s].map;

		for (size_t i = 0; i < m->len && n < KNOWN_MAX; i++) {
			known[n++] = m->items[i].name;
			buf_addf(&list, "%s%s", list.len ? ", " : "", m->items[i].name);
		}
	}
	near = str_nearest(in && last ? last + 1 : name, known, n);
	template_bad(err, r->text, op->at, "there is no '%s' here%s%s%s", name, near ? "; is '" : "", near ? near : "",
		     near ? "' meant?" : "");
	return err_hint(err, "what there is%s: %.300s", in ? " in it" : "", buf_str(&list));
}

static int find(struct renderer *r, const struct template_op *op, struct found *out, struct err *err)
{
	const char *s = op->s, *end = op->s + op->len;
	const struct template_map *in = NULL;

	*out = (struct found){ 0 };
	if (*s == '@') {
		const struct scope *top = &r->scopes[r->n_scopes - 1];
		bool first = op->len == 6 && memcmp(s, "@first", 6) == 0;

		if (r->n_scopes == 1 || (!first && (op->len != 5 || memcmp(s, "@last", 5) != 0)))
			return template_bad(err, r->text, op->at,
					    "@first and @last are for {{#if}} and {{#unless}} in {{#each}}");
		out->yes = first ? top->first : top->last;
		return 0;
	}
	for (bool top = true;; top = false) {
		const char *dot = op->len == 1 ? NULL : memchr(s, '.', (size_t)(end - s));
		size_t len = (size_t)((dot ? dot : end) - s);
		const struct template_member *m = NULL;

		for (size_t i = top ? r->n_scopes : 0; top && !m && i-- > 0;)
			m = template_member(r->scopes[i].map, s, len);
		if (!top)
			m = template_member(in, s, len);
		if (!m)
			return unknown(r, op, in, err);
		if (!dot) {
			out->member = m;
			return 0;
		}
		if (!m->map)
			return template_bad(err, r->text, op->at, "'%.*s' has nothing inside", (int)(dot - op->s), op->s);
		in = m->map;
		s = dot + 1;
	}
}

static int emit(struct renderer *r, const struct template_op *op, const char *s, size_t len, struct err *err)
{
	if (len > r->max || r->out->len > r->max - len)
		return template_bad(err, r->text, op->at, "the result is longer than %zu bytes", r->max);
	buf_add(r->out, s, len);
	return 0;
}

static int check_value(struct renderer *r, const struct template_op *op, const char *text, struct err *err)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f) {
			template_bad(err, r->text, op->at, "the value of '%.*s' has a control byte (0x%02x)", (int)op->len, op->s,
				     (unsigned char)*c);
			return err_hint(err, "write it as {{sh ..}} or {{json ..}} where the file has such a form");
		}
	return 0;
}

static void quote_sh(const char *text, struct buf *out)
{
	buf_addc(out, '\'');
	for (const char *c = text; *c; c++)
		if (*c == '\'')
			buf_adds(out, "'\\''");
		else
			buf_addc(out, *c);
	buf_addc(out, '\'');
}

static int put_value(struct renderer *r, const struct template_op *op, bool live, struct err *err)
{
	autoclean(buf_free) struct buf quoted = { 0 };
	struct found f;
	struct json_out w;

	if (find(r, op, &f, err) < 0)
		return -1;
	if (!f.member || !f.member->text) {
		template_bad(err, r->text, op->at, "'%.*s' is no text", (int)op->len, op->s);
		return err_hint(err, "%s",
				!f.member	 ? "use it in {{#if ..}}"
				: f.member->list ? "go through it with {{#each ..}}"
						 : "name what is inside, as in node.name");
	}
	if (!live)
		return 0;
	if (op->kind == TEMPLATE_SH) {
		quote_sh(f.member->text, &quoted);
	} else if (op->kind == TEMPLATE_JSON) {
		json_out_init(&w, &quoted, false);
		json_put_str(&w, NULL, f.member->text);
	} else {
		return check_value(r, op, f.member->text, err) < 0 ? -1
								   : emit(r, op, f.member->text, strlen(f.member->text), err);
	}
	return emit(r, op, buf_str(&quoted), quoted.len, err);
}

static int render(struct renderer *r, size_t from, size_t to, bool live, struct err *err);

static int enter(struct renderer *r, const struct template_op *op, size_t index, const struct scope *s, bool live,
		 struct err *err)
{
	int rc;

	if (++r->steps > STEPS_MAX)
		return template_bad(err, r->text, op->at, "lists in each other come to too many entries");
	r->scopes[r->n_scopes++] = *s;
	rc = render(r, index + 1, op->otherwise, live, err);
	r->n_scopes--;
	return rc;
}

static int put_each(struct renderer *r, const struct template_op *op, size_t index, bool live, struct err *err)
{
	const struct template_list *l;
	struct found f;

	if (find(r, op, &f, err) < 0)
		return -1;
	l = f.member ? f.member->list : NULL;
	if (!l)
		return template_bad(err, r->text, op->at, "'%.*s' is no list", (int)op->len, op->s);
	/* Once without writing, so that every name is looked up though the list may be empty. */
	if ((!live || !l->len) && enter(r, op, index, &(struct scope){ .map = &l->model }, false, err) < 0)
		return -1;
	for (size_t i = 0; live && i < l->len; i++) {
		const struct scope s = { .map = &l->items[i], .first = i == 0, .last = i + 1 == l->len };

		if (enter(r, op, index, &s, true, err) < 0)
			return -1;
	}
	return render(r, op->otherwise, op->end, live && !l->len, err);
}

static int put_choice(struct renderer *r, const struct template_op *op, size_t index, bool live, struct err *err)
{
	struct found f;
	bool yes;

	if (find(r, op, &f, err) < 0)
		return -1;
	yes = !f.member ? f.yes : f.member->text ? f.member->text[0] != '\0' : f.member->list ? f.member->list->len > 0 : true;
	if (op->kind == TEMPLATE_UNLESS)
		yes = !yes;
	return render(r, index + 1, op->otherwise, live && yes, err) < 0 ? -1
									 : render(r, op->otherwise, op->end, live && !yes, err);
}

static int render(struct renderer *r, size_t from, size_t to, bool live, struct err *err)
{
	for (size_t i = from; i < to; i++) {
		const struct template_op *op = &r->ops->items[i];
		int rc = 0;

		switch (op->kind) {
		case TEMPLATE_TEXT:
			rc = live ? emit(r, op, op->s, op->len, err) : 0;
			break;
		case TEMPLATE_NAME:
		case TEMPLATE_SH:
		case TEMPLATE_JSON:
			rc = put_value(r, op, live, err);
			break;
		case TEMPLATE_IF:
		case TEMPLATE_UNLESS:
			rc = put_choice(r, op, i, live, err);
			i = op->end - 1;
			break;
		case TEMPLATE_EACH:
			rc = put_each(r, op, i, live, err);
			i = op->end - 1;
			break;
		}
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* A NUL byte, or bytes that are no text, would only be found by whoever reads the file. */
static int check_text(const char *text, size_t len, struct err *err)
{
	if (len > TEMPLATE_TEXT_MAX)
		return err_set(err, ERR_INVALID, "the template has %zu bytes; at most %zu are read", len, TEMPLATE_TEXT_MAX);
	for (size_t i = 0, n; i < len; i += n) {
		n = str_utf8_len(text + i, len - i);
		if (!n || !text[i])
			return template_bad(err, text, i, "byte 0x%02x is no text (UTF-8)", (unsigned char)text[i]);
	}
	return 0;
}

int template_render(const char *text, size_t len, const struct template_map *data, size_t max, struct buf *out, struct err *err)
{
	struct template_ops ops = { 0 };
	struct buf made = { 0 };
	struct renderer r = { .text = text, .ops = &ops, .scopes = { { .map = data } }, .n_scopes = 1, .max = max, .out = &made };
	int rc = check_text(text, len, err) < 0 || template_compile(text, len, &ops, err) < 0 ||
				 render(&r, 0, ops.len, true, err) < 0
			 ? -1
			 : 0;

	if (rc == 0)
		buf_add(out, buf_str(&made), made.len);
	buf_free(&made);
	free(ops.items);
	return rc;
}
