/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "sys/http_client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_MIN 40 /* columns; at a narrower terminal nothing is broken */

void cmd_say(const struct cmd *c, const char *fmt, ...)
{
	va_list ap;

	if (c->quiet || c->json)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout); /* whoever reads a pipe sees what is done when it is done */
}

static size_t terminal_width(void)
{
	struct winsize size;

	return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > WIDTH_MIN ? size.ws_col : 0;
}

void cmd_say_wrapped(const struct cmd *c, const char *mark, const char *text)
{
	/* Never the last column: some terminals wrap there. */
	const size_t width = terminal_width(), indent = strlen(mark), room = width ? width - 1 - indent : SIZE_MAX;
	const char *lead = mark;

	while (strlen(text) > room) {
		size_t n = room;

		while (n > 0 && text[n] != ' ')
			n--;
		if (n == 0) /* a word longer than the line */
			n = strcspn(text, " ");
		cmd_say(c, "%*s%.*s", (int)indent, lead, (int)n, text);
		lead = "";
		text += n + strspn(text + n, " ");
	}
	if (*text)
		cmd_say(c, "%*s%s", (int)indent, lead, text);
}

void cmd_print(const char *text)
{
	fputs(text, stdout);
}

void cmd_error(const struct cmd *c, const struct err *err)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	if (!c->json) {
		/* Words from elsewhere stand in it: no escape codes to the terminal. */
		autofree char *text = str_printable(err->text, strlen(err->text));
		autofree char *hint = str_printable(err->hint, strlen(err->hint));

		fflush(stdout);
		fprintf(stderr, "orthrus: %s\n", text);
		if (*hint)
			fprintf(stderr, "  next: %s\n", hint);
		return;
	}
	json_out_init(&w, &out, !c->json_lines);
	json_put_obj(&w, NULL);
	json_put_err(&w, "error", err);
	json_end_obj(&w);
	if (c->json_lines)
		buf_addc(&out, '\n');
	cmd_print(buf_str(&out));
}

void cmd_print_plan(const struct cmd *c, const struct plan *plan)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	if (c->json) {
		json_out_init(&w, &out, true);
		plan_to_json(plan, &w, NULL);
	} else {
		plan_print(plan, &out);
	}
	cmd_print(buf_str(&out));
}

/* One of an answer's steps; those of a site tell more of themselves than others. */
struct step {
	char *name, *text, *kind, *diff;
	int effect;
};

static void step_free(struct step *s)
{
	free(s->name);
	free(s->text);
	free(s->kind);
	free(s->diff);
}

static int read_step(struct json_obj *o, struct step *s, struct err *err)
{
	static const char *const effects[] = { "reads", "writes", "destroys", NULL };
	static const char *const about[] = {
		"path", "action", "service", "clients", "nodes", "when", "files", "added", "removed"
	};

	if (json_str(o, "name", JSON_MAY, &s->name, err) < 0 || json_enum(o, "effect", JSON_MUST, effects, &s->effect, err) < 0 ||
	    json_str(o, "text", JSON_MUST, &s->text, err) < 0 || json_str(o, "kind", JSON_MAY, &s->kind, err) < 0 ||
	    json_str(o, "diff", JSON_MAY, &s->diff, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(about); i++) {
		autofree char *for_programs = NULL;

		if (json_raw(o, about[i], JSON_MAY, &for_programs, err) < 0)
			return -1;
	}
	return json_obj_end(o, err);
}

static void add_diff(const char *diff, const char *indent, struct buf *out)
{
	while (diff && *diff) {
		size_t n = strcspn(diff, "\n");
		autofree char *line = str_printable(diff, n);

		buf_addf(out, "%s       %s\n", indent, line);
		diff += n + (diff[n] == '\n');
	}
}

int cmd_steps(struct json_obj *o, const char *indent, struct buf *out, struct err *err)
{
	autofree char *digest = NULL;
	struct json_arr steps;
	int marked = 0;
	size_t shown = 0;

	if (json_str(o, "digest", JSON_MAY, &digest, err) < 0 || json_arr(o, "steps", JSON_MUST, &steps, err) < 0)
		return -1;
	for (size_t i = 0; i < steps.len; i++) {
		autoclean(step_free) struct step s = { .effect = PLAN_READS };
		autofree char *printable = NULL;
		struct json_obj step;
		bool mark;

		if (json_arr_obj(&steps, i, &step, err) < 0 || read_step(&step, &s, err) < 0)
			return -1;
		if (str_eq(s.name, "problem"))
			continue;
		mark = s.effect == PLAN_DESTROYS || str_eq(s.kind, "danger");
		printable = str_printable(s.text, strlen(s.text));
		buf_addf(out, "%s%c%3zu. %s\n", indent, mark ? '!' : ' ', ++shown, printable);
		add_diff(s.diff, indent, out);
		marked += mark;
	}
	return marked;
}

int cmd_say_steps(const struct cmd *c, const struct http_reply *reply, const char *none, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(buf_free) struct buf lines = { 0 };
	struct json_obj o;

	if (json_parse(buf_str(&reply->body), reply->body.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    cmd_steps(&o, "", &lines, err) < 0)
		return err_wrap(err, "the daemon's answer");
	if (lines.len)
		cmd_say(c, "%s%.*s", c->plan ? "would:\n" : "", (int)lines.len - 1, lines.data);
	else if (none)
		cmd_say(c, "%s", none);
	return 0;
}

/* The words of the answer's problem, or *text stays NULL. */
static int find_problem(struct json_obj *o, char **text, struct err *err)
{
	struct json_arr steps;
	int have;

	if (json_str(o, "problem", JSON_MAY, text, err) < 0)
		return -1;
	have = *text ? 0 : json_arr(o, "steps", JSON_MAY, &steps, err);
	for (size_t i = 0; have > 0 && i < steps.len; i++) {
		autofree char *name = NULL;
		struct json_obj step;

		if (json_arr_obj(&steps, i, &step, err) < 0 || json_str(&step, "name", JSON_MAY, &name, err) < 0)
			return -1;
		if (str_eq(name, "problem"))
			return json_str(&step, "text", JSON_MUST, text, err) < 0 ? -1 : 0;
	}
	return have < 0 ? -1 : 0;
}

int cmd_problem(const struct http_reply *reply, char **text, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;

	if (json_parse(buf_str(&reply->body), reply->body.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    find_problem(&o, text, err) < 0)
		return err_wrap(err, "the daemon's answer");
	return 0;
}

int cmd_followed(const struct cmd *c, const struct http_reply *reply, const char *before, struct err *err)
{
	autofree char *text = NULL;

	if (cmd_problem(reply, &text, err) < 0)
		return -1;
	if (!text)
		return 0;
	err_set(err, ERR_FAILED, "%s%s", c->json ? "" : before, c->json ? "" : text);
	return err_hint(err, CMD_FOLLOWS_HINT);
}

void cmd_table_init(struct cmd_table *t, const char *const *heads)
{
	*t = (struct cmd_table){ 0 };
	for (; heads[t->columns]; t->columns++)
		str_list_add(&t->cells, heads[t->columns]);
}

void cmd_table_add(struct cmd_table *t, const char *cell)
{
	autofree char *clean = str_printable(cell && *cell ? cell : "-", cell && *cell ? strlen(cell) : 1);

	str_list_add(&t->cells, clean);
}

void cmd_table_addf(struct cmd_table *t, const char *fmt, ...)
{
	autofree char *cell = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&cell, fmt, ap) < 0)
		abort();
	va_end(ap);
	cmd_table_add(t, cell);
}

/* Columns a terminal needs for UTF-8 text: one per code point (nothing we print is wider). */
static int width(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

void cmd_table_print(const struct cmd_table *t)
{
	autofree int *widest = mem_array(t->columns, sizeof(*widest));

	for (size_t i = 0; i < t->cells.len; i++)
		if (width(t->cells.items[i]) > widest[i % t->columns])
			widest[i % t->columns] = width(t->cells.items[i]);
	for (size_t i = 0; i < t->cells.len; i++) {
		size_t column = i % t->columns;
		const char *cell = t->cells.items[i];

		fputs(cell, stdout);
		if (column + 1 == t->columns)
			putchar('\n');
		else
			printf("%*s", widest[column] - width(cell) + 2, "");
	}
}

void cmd_table_free(struct cmd_table *t)
{
	str_list_free(&t->cells);
}
