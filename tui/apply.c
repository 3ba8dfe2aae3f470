/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/apply.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "tui/child.h"
#include "tui/review.h"
#include "tui/view.h"

#include <string.h>

#define BAR_COLUMNS 40
#define STEPS_MAX 100000

void apply_free(struct apply *a)
{
	for (size_t i = 0; i < a->n_steps; i++) {
		free(a->steps[i].id);
		free(a->steps[i].text);
	}
	free(a->steps);
	str_list_free(&a->log);
	*a = (struct apply){ 0 };
}

static size_t add(struct apply *a, const char *id, const char *text)
{
	a->steps = mem_grow(a->steps, a->n_steps + 1, sizeof(a->steps[0]));
	a->steps[a->n_steps] = (struct apply_step){ .id = mem_strdup(id), .text = str_printable(text, strlen(text)) };
	return a->n_steps++;
}

void apply_begin(struct apply *a, const struct review *r)
{
	for (size_t i = 0; i < r->n_steps; i++)
		add(a, r->steps[i].id, r->steps[i].text);
}

struct told {
	char *step, *text;
	int state;
	uint64_t number, of;
};

static int read_told(struct json_obj *o, void *ctx, struct err *err)
{
	static const char *const states[] = { "begun", "done", "failed", "kept", NULL };
	struct told *t = ctx;

	if (json_str(o, "step", JSON_MUST, &t->step, err) < 0 || json_enum(o, "state", JSON_MUST, states, &t->state, err) < 0 ||
	    json_u64(o, "number", JSON_MUST, 1, STEPS_MAX, &t->number, err) < 0 ||
	    json_u64(o, "of", JSON_MUST, 1, STEPS_MAX, &t->of, err) < 0)
		return -1;
	return json_str(o, "text", JSON_MAY, &t->text, err);
}

static size_t find(struct apply *a, const struct told *t)
{
	for (size_t i = 0; i < a->n_steps; i++)
		if (str_eq(a->steps[i].id, t->step))
			return i;
	return add(a, t->step, t->text ? t->text : t->step);
}

static void note(struct apply *a, const struct told *t)
{
	static const enum apply_state states[] = { APPLY_RUNS, APPLY_DONE, APPLY_FAILED, APPLY_KEPT };
	static const char *const words[] = { "...", "done", "FAILED", "left as it is" };
	struct apply_step *s;
	autofree char *why = NULL;

	a->at = find(a, t);
	s = &a->steps[a->at];
	s->state = states[t->state];
	if (s->state == APPLY_FAILED && t->text && !str_eq(s->text, t->text)) {
		why = str_printable(t->text, strlen(t->text));
		if (!a->err.text[0])
			err_set(&a->err, ERR_FAILED, "%s", why);
	}
	str_list_addf(&a->log, "[%zu/%zu] %s: %s%s%s", a->at + 1, a->n_steps, s->text, words[t->state], why ? ": " : "",
		      why ? why : "");
}

void apply_line(struct apply *a, const char *line)
{
	struct told t = { 0 };
	struct err none = { 0 };

	if (!child_error(line, strlen(line), &a->err) && json_read(line, strlen(line), read_told, &t, &none) == 0)
		note(a, &t);
	free(t.step);
	free(t.text);
}

size_t apply_count(const struct apply *a, enum apply_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n_steps; i++)
		n += a->steps[i].state == state;
	return n;
}

static char mark(enum apply_state state)
{
	switch (state) {
	case APPLY_WAITS:
		return ' ';
	case APPLY_RUNS:
		return '>';
	case APPLY_DONE:
		return 'x';
	case APPLY_KEPT:
		return '=';
	case APPLY_FAILED:
		return '!';
	}
	return '?';
}

static char *marked_lines(const struct apply *a)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < a->n_steps; i++)
		buf_addf(&b, "%s[%c] %s", i ? "\n" : "", mark(a->steps[i].state), a->steps[i].text);
	return buf_steal(&b);
}

static char *bar(const struct apply *a, int64_t elapsed_ns)
{
	size_t done = apply_count(a, APPLY_DONE) + apply_count(a, APPLY_KEPT),
	       full = a->n_steps ? BAR_COLUMNS * done / a->n_steps : 0;
	int64_t s = elapsed_ns / 1000000000;
	struct buf b = { 0 };

	buf_addc(&b, '[');
	for (size_t i = 0; i < BAR_COLUMNS; i++)
		buf_addc(&b, i < full ? '#' : '.');
	buf_addf(&b, "] %zu of %zu, ", done, a->n_steps);
	if (s >= 60)
		buf_addf(&b, "%lld min ", (long long)(s / 60));
	buf_addf(&b, "%lld s", (long long)(s % 60));
	return buf_steal(&b);
}

static char *joined(const struct str_list *lines)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < lines->len; i++)
		buf_addf(&b, "%s%s", i ? "\n" : "", lines->items[i]);
	return buf_steal(&b);
}

struct page *apply_page(const struct apply *a, bool plain, int64_t elapsed_ns, size_t *line)
{
	struct page *p = page_new("apply", "Apply");
	autofree char *lines = plain ? joined(&a->log) : marked_lines(a), *progress = bar(a, elapsed_ns);

	p->intro = str_format("Each step is written down when it is done. If this terminal is lost, the work goes on.%s",
			      plain ? " Ctrl-C asks whether to stop." : "");
	if (!plain)
		page_add(p, FIELD_NOTE, "progress", "", progress, NULL);
	page_add(p, FIELD_NOTE, APPLY_STEPS, "", lines,
		 "[x] done, [=] left as it is, [>] under way, [!] failed, [ ] still to come. Esc asks whether to stop; what is "
		 "done stays done, "
		 "and orthrus-setup goes on from there when it is started again.");
	*line = a->at;
	return p;
}

/* Of a plan that is gone on with, few steps are left, or none. */
static char *done_intro(const struct apply *a)
{
	size_t kept = apply_count(a, APPLY_KEPT), done = apply_count(a, APPLY_DONE);

	if (kept)
		return str_format("This machine is a head now: %zu step%s done, %zu left as %s.", done,
				  done == 1 ? " was" : "s were", kept, kept == 1 ? "it was" : "they were");
	if (done > 1)
		return str_format("This machine is a head now: all %zu steps are done.", done);
	return str_format("This machine is a head now: %s.", done ? "the one step is done" : "nothing was left to do");
}

struct page *apply_end_page(const struct apply *a, const struct err *err)
{
	struct page *p = page_new("end", err ? "Not done yet" : "Done");
	autofree char *said = NULL;
	enum apply_state state;

	if (!err) {
		p->intro = done_intro(a);
		page_add(p, FIELD_NOTE, "next", "What comes next:",
			 "Power the nodes on: they start from the network, report what they are, and wait for your approval.\n"
			 "The dashboard shows them: `orthrus-setup`, from now on. On the command line it is `orthrus node "
			 "discover` and "
			 "`orthrus node approve`.\n"
			 "`orthrus head status` says how this head is.",
			 "Everything that was done can be taken back with `orthrus head uninstall`.");
		return p;
	}
	state = a->at < a->n_steps ? a->steps[a->at].state : APPLY_WAITS;
	p->intro =
		str_format("%zu of %zu steps are done, and stay done.%s", apply_count(a, APPLY_DONE) + apply_count(a, APPLY_KEPT),
			   a->n_steps, state == APPLY_FAILED ? " The one that failed can be tried again." : "");
	/* What ended without a word ended in the middle of one. */
	if (state == APPLY_FAILED || state == APPLY_RUNS)
		page_add(p, FIELD_NOTE, "step",
			 state == APPLY_FAILED ? "The step:" : "The step that was under way:", a->steps[a->at].text, NULL);
	said = str_printable(err->text, strlen(err->text));
	page_add(p, FIELD_NOTE, "why", "What it said:", said, NULL);
	page_add(p, FIELD_NOTE, "hint", "What to do next:",
		 err->hint[0] ? err->hint : "Mend what it says, then go on: the steps that are done are not done again.",
		 "`orthrus head install` on the command line goes on in the same way. `orthrus head uninstall` takes back what "
		 "was done.");
	return p;
}
