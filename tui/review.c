/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/review.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "tui/pages.h"
#include "tui/view.h"

#include <string.h>

#define STEPS_MAX 10000

void review_free(struct review *r)
{
	for (size_t i = 0; i < r->n_steps; i++) {
		free(r->steps[i].id);
		free(r->steps[i].text);
		str_list_free(&r->steps[i].files);
		str_list_free(&r->steps[i].diff);
	}
	free(r->steps);
	free(r->problem);
	free(r->hint);
	*r = (struct review){ 0 };
}

/* Words of another program: no escape codes to the terminal. */
static void printable(char **s)
{
	char *fresh = str_printable(*s, strlen(*s));

	free(*s);
	*s = fresh;
}

/* A terminal's tabs are not where the file's are once a line is moved in. */
static void take_diff(const char *text, struct str_list *out)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		autofree char *line = mem_strndup(text, len), *shown = NULL;

		for (char *p = line; *p; p++)
			if (*p == '\t')
				*p = ' ';
		shown = str_printable(line, strlen(line));
		str_list_add(out, shown);
		text += len + (text[len] == '\n');
	}
}

static int read_step(struct json_obj *o, struct review_step *s, struct err *err)
{
	autofree char *diff = NULL;

	if (json_str(o, "id", JSON_MUST, &s->id, err) < 0 || json_str(o, "text", JSON_MUST, &s->text, err) < 0 ||
	    json_strs(o, "files", JSON_MAY, &s->files, err) < 0 || json_str(o, "diff", JSON_MAY, &diff, err) < 0 ||
	    json_bool(o, "destructive", JSON_MUST, &s->destructive, err) < 0)
		return -1;
	printable(&s->text);
	for (size_t i = 0; i < s->files.len; i++)
		printable(&s->files.items[i]);
	take_diff(diff ? diff : "", &s->diff);
	return 0;
}

static int read_steps(struct json_obj *o, void *ctx, struct err *err)
{
	struct review *r = ctx;
	struct json_arr steps;

	if (json_arr_max(o, "steps", JSON_MUST, STEPS_MAX, &steps, err) < 0)
		return -1;
	r->steps = mem_array(steps.len, sizeof(r->steps[0]));
	for (size_t i = 0; i < steps.len; i++) {
		struct json_obj one;

		r->n_steps = i + 1;
		if (json_arr_obj(&steps, i, &one, err) < 0 || read_step(&one, &r->steps[i], err) < 0)
			return -1;
		r->n_destructive += r->steps[i].destructive;
	}
	return 0;
}

int review_read(const char *text, size_t len, struct review *out, struct err *err)
{
	if (json_read(text, len, read_steps, out, err) == 0)
		return 0;
	review_free(out);
	return err_wrap(err, "the plan of `orthrus head install`");
}

char *review_lines(const struct review *r, bool destructive_only)
{
	struct buf b = { 0 };
	int digits = r->n_steps > 99 ? 3 : r->n_steps > 9 ? 2 : 1;

	for (size_t i = 0; i < r->n_steps; i++) {
		const struct review_step *s = &r->steps[i];

		if (destructive_only && !s->destructive)
			continue;
		buf_addf(&b, "%s%c %*zu. %s", b.len ? "\n" : "", s->destructive ? '!' : ' ', digits, i + 1, s->text);
		for (size_t k = 0; k < s->files.len; k++)
			if (!strstr(s->text, s->files.items[k])) /* the sentence may have named it */
				buf_addf(&b, "\n  %*s  %s", digits, "", s->files.items[k]);
		for (size_t k = 0; k < s->diff.len; k++)
			buf_addf(&b, "\n  %*s    %s", digits, "", s->diff.items[k]);
	}
	return buf_steal(&b);
}

static void add_choices(struct field *f, const struct review *r, const struct page_kind *const *kinds, size_t n_kinds)
{
	if (!r->problem)
		field_choice(f, REVIEW_APPLY, "Apply this plan");
	for (size_t i = 0; i < n_kinds; i++) {
		autofree char *label = str_format("Change: %s", kinds[i]->title);

		field_choice(f, kinds[i]->key, label);
	}
	field_choice(f, REVIEW_LEAVE, "Leave, and do nothing yet");
	field_set(f, !r->problem ? REVIEW_APPLY : r->page ? r->page : n_kinds ? kinds[0]->key : REVIEW_LEAVE);
}

static void add_problem(struct page *p, const struct review *r)
{
	autofree char *text = str_format("%s%s%s", r->problem, r->hint && *r->hint ? "\nnext: " : "", r->hint ? r->hint : "");

	page_add(p, FIELD_NOTE, "problem", "There is no plan yet:", text,
		 "Nothing can be applied until this is mended. Go to the page that it is about, or leave, mend it on this "
		 "machine, and start "
		 "orthrus-setup again: it goes on here.");
}

/* What was done before, by a run that failed or was stopped, is not among the steps. */
static char *review_intro(const struct review *r)
{
	if (!r->n_steps)
		return mem_strdup("No step is left. Apply this plan, and orthrus-setup shows the dashboard from now on.");
	if (!r->n_destructive)
		return mem_strdup("Nothing of this has been done yet. These are all the steps, in their order. None of them "
				  "erases anything.");
	return str_format("Nothing of this has been done yet. These are all the steps, in their order. %zu of them, marked with "
			  "'!', erase%s data that is there now.",
			  r->n_destructive, r->n_destructive == 1 ? "s" : "");
}

struct page *review_page(const struct review *r, const struct page_kind *const *kinds, size_t n_kinds, const char *command)
{
	struct page *p = page_new("review", "Review");
	struct field *then;

	p->command = mem_strdup(command);
	if (r->problem) {
		p->intro = mem_strdup("Nothing is done without a plan.");
		add_problem(p, r);
	} else {
		autofree char *lines = review_lines(r, false);

		p->intro = review_intro(r);
		page_add(p, FIELD_NOTE, "plan", "", *lines ? lines : "Nothing is left to do: all of it is as it shall be.",
			 "What `orthrus head install --plan` shows: each step with the files that it writes. Each one is written "
			 "down before it "
			 "begins and when it is done, so an installation that was stopped goes on where it was; `orthrus head "
			 "uninstall` takes "
			 "all of it back.");
	}
	then = page_add(p, FIELD_CHOICE, REVIEW_THEN, "What next", "",
			"Apply the plan, go back to a page to change what it says, or leave: what was answered is kept, and "
			"orthrus-setup goes on "
			"here when it is started again.");
	add_choices(then, r, kinds, n_kinds);
	return p;
}

struct page *review_confirm_page(const struct review *r, const char *command)
{
	struct page *p = page_new("confirm", "Apply");
	autofree char *lines = review_lines(r, true);

	p->command = mem_strdup(command);
	if (r->n_destructive) {
		p->intro = r->n_steps == 1
				   ? mem_strdup("1 step will be done now. What it erases is gone for good:")
				   : str_format("%zu steps will be done now. What these erase is gone for good:", r->n_steps);
		page_add(p, FIELD_NOTE, "erases", "", lines, NULL);
	} else if (r->n_steps > 1) {
		p->intro = str_format("%zu steps will be done now. None of them erases anything.", r->n_steps);
	} else {
		p->intro = mem_strdup(r->n_steps ? "1 step will be done now. It erases nothing."
						 : "No step is left: nothing will be changed.");
	}
	page_add(p, FIELD_TEXT, REVIEW_CONFIRM, "Type yes to begin", "",
		 "Only the word yes begins. Esc goes back to the plan; nothing of it has been done so far.");
	return p;
}
