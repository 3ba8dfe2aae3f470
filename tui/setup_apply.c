/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/setup_apply.h"

#include "base/buf.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "tui/answers.h"
#include "tui/apply.h"
#include "tui/child.h"
#include "tui/facts.h"
#include "tui/pages.h"
#include "tui/review.h"
#include "tui/screen.h"
#include "tui/setup.h"
#include "tui/view.h"
#include "tui/wizard.h"

#include <string.h>

#define PLAN_NS (5 * 60 * NS_PER_S)
#define STEP_GRACE_NS (15 * 60 * NS_PER_S) /* a step is not torn in the middle: apt is at work, for one */

void setup_root_words(const struct setup_opts *o, struct str_list *argv)
{
	if (!*o->root)
		return;
	str_list_add(argv, "--root");
	str_list_add(argv, o->root);
}

static void install_words(const struct setup_opts *o, const struct answers *a, const struct facts *f, struct str_list *argv)
{
	str_list_add(argv, "head");
	str_list_add(argv, "install");
	setup_root_words(o, argv);
	str_list_add(argv, "--site");
	str_list_add(argv, o->site);
	answers_install_words(a, f, argv);
}

/* What is typed to do the same. */
static char *install_line(const struct setup_opts *o, const struct answers *a, const struct facts *f)
{
	autoclean(str_list_free) struct str_list argv = { 0 };

	str_list_add(&argv, "orthrus");
	install_words(o, a, f, &argv);
	return answers_line(&argv);
}

/* For `orthrus head install`, which makes it this machine's site.json as one of its steps: what was planned with is what is done.
 */
static int write_site(const char *path, const struct buf *text, struct err *err)
{
	const char *slash = strrchr(path, '/');
	autofree char *dir = slash ? mem_strndup(path, (size_t)(slash - path)) : mem_strdup("");

	if (*dir && fs_mkdirs(dir, 0755, err) < 0)
		return -1;
	return fs_write_atomic(path, buf_str(text), text->len, 0600, err);
}

static int plan(const struct setup_opts *o, const struct answers *a, const struct facts *f, struct review *r, struct err *err)
{
	autoclean(str_list_free) struct str_list argv = { 0 };
	autoclean(buf_free) struct buf site = { 0 }, text = { 0 };

	if (answers_site(a, f, &site, err) < 0 || write_site(o->site, &site, err) < 0)
		return -1;
	str_list_add(&argv, o->orthrus);
	install_words(o, a, f, &argv);
	str_list_add(&argv, "--plan");
	str_list_add(&argv, "--json");
	if (child_read(&argv, PLAN_NS, &text, err) < 0)
		return -1;
	return review_read(buf_str(&text), text.len, r, err);
}

static void line(void *ctx, const char *text)
{
	struct apply *a = *(struct apply **)ctx;

	apply_line(a, text);
}

struct watched {
	struct apply *apply; /* first: line() */
	bool plain;
};

static struct page *watched_page(void *ctx, int64_t elapsed_ns, const char **focus, size_t *focus_line)
{
	const struct watched *w = ctx;

	*focus = APPLY_STEPS;
	return apply_page(w->apply, w->plain, elapsed_ns, focus_line);
}

static enum child_end run(const struct setup_review *s, struct apply *apply, struct err *err)
{
	autoclean(str_list_free) struct str_list argv = { 0 };
	struct watched w = { .apply = apply, .plain = s->screen->plain };
	struct child_watch watch = {
		.argv = &argv,
		.line = line,
		.page = watched_page,
		.stop = "Stop after the step that is under way? What is done stays done, and can be gone on with.",
		.stopping = "It stops as soon as the step that is under way is done. What is done stays done.",
		.grace_ns = STEP_GRACE_NS,
		.ctx = &w
	};
	enum child_end end;

	/* What follows from this machine may be otherwise once the first step is done: whoever goes on goes on with this. */
	answers_settle(s->answers, s->facts);
	if (s->keep(s->ctx, err) < 0)
		return CHILD_FAILED;
	str_list_add(&argv, s->o->orthrus);
	install_words(s->o, s->answers, s->facts, &argv);
	str_list_add(&argv, "--yes");
	str_list_add(&argv, "--json");
	end = child_watch(s->screen, &watch, err);
	if (apply->err.text[0])
		*err = apply->err; /* its own words, in place of its last line */
	return end;
}

/* One look at a page without fields that are taken: what was pressed. */
static enum screen_event look(struct screen *screen, struct page *page, const char *focus, bool fresh, const char *next,
			      const char *back)
{
	struct screen_how how = {
		.focus = focus, .fresh = fresh, .next = next, .back = back, .number = n_pages + 1, .of = n_pages + 1
	};
	const char *key;
	enum screen_event event;

	do {
		event = screen->ops->show(screen, page, &how, &key);
		how.fresh = false;
		how.focus = NULL;
	} while (event == SCREEN_CHANGED || event == SCREEN_ACTION);
	return event;
}

static enum reviewed apply(const struct setup_review *s, const struct review *r)
{
	autoclean(apply_free) struct apply state = { 0 };
	struct err err = { 0 };
	struct page *page;
	enum screen_event event;
	enum child_end end;

	apply_begin(&state, r);
	end = run(s, &state, &err);
	if (end == CHILD_GONE)
		return err.text[0] ? REVIEWED_GONE : REVIEWED_GONE_INSTALLED;
	if (end == CHILD_STOPPED && !err.hint[0])
		err_hint(&err, "Go on when it suits: the plan shows what is left to do.");
	page = apply_end_page(&state, end == CHILD_ENDED ? NULL : &err);
	event = look(s->screen, page, NULL, true, end == CHILD_ENDED ? "Finish" : "Back to the plan", NULL);
	page_free(page);
	if (end == CHILD_ENDED)
		return event == SCREEN_GONE ? REVIEWED_GONE_INSTALLED : REVIEWED_INSTALLED;
	return event == SCREEN_GONE ? REVIEWED_GONE : event == SCREEN_QUIT ? REVIEWED_LEAVE : REVIEWED_AGAIN;
}

/* "yes", or not: then -1 with what is done in its place. */
static int confirm(struct screen *screen, const struct review *r, const char *command, enum reviewed *instead)
{
	struct page *page = review_confirm_page(r, command);
	struct field *f = page_field(page, REVIEW_CONFIRM);
	bool fresh = true;

	for (;;) {
		enum screen_event event = look(screen, page, fresh ? NULL : REVIEW_CONFIRM, fresh, "Apply", "Back");

		fresh = false;
		*instead = event == SCREEN_GONE ? REVIEWED_GONE : event == SCREEN_QUIT ? REVIEWED_LEAVE : REVIEWED_AGAIN;
		if (event != SCREEN_NEXT || str_eq(f->value, "yes"))
			break;
		field_refuse(f, "only the word yes begins; Esc, or < in plain mode, goes back");
	}
	fresh = str_eq(f->value, "yes") && *instead == REVIEWED_AGAIN;
	page_free(page);
	return fresh ? 0 : -1;
}

void review_to_free(struct review_to *to)
{
	free(to->page);
	free(to->field);
	free(to->why);
	*to = (struct review_to){ 0 };
}

/* What was typed last is not what the plan would be made of. */
static int unfinished(const struct draft *left, struct review *r, struct err *err)
{
	if (!left)
		return 0;
	for (size_t i = 0; i < n_pages; i++)
		if (str_eq(pages[i]->key, left->page)) {
			autofree char *value = str_printable(left->value, strlen(left->value));

			r->page = pages[i]->key;
			err_set(err, ERR_INVALID, "%s: '%.80s' was typed there, and is not taken", pages[i]->title, value);
		}
	return err_hint(err, "the reason stands on that page; mend it there, and the plan follows");
}

/* What was answered on one page may not go with what was changed on another one since: that is said before anything is planned.
 */
static int contradiction(const struct answers *a, const struct facts *f, struct review *r, struct review_to *to, struct err *err)
{
	const char *page = NULL, *key = NULL;

	if (pages_check(a, f, &page, &key, err) == 0)
		return 0;
	r->page = page;
	to->field = key ? mem_strdup(key) : NULL;
	to->why = mem_strdup(err->text);
	for (size_t i = 0; i < n_pages; i++)
		if (str_eq(pages[i]->key, page))
			err_wrap(err, "%s", pages[i]->title);
	return err_hint(err, "change it on that page; the plan follows");
}

static struct page *review_make(const struct setup_review *s, struct review *r, const char *command, struct review_to *to)
{
	struct err why = { 0 };

	if (unfinished(s->left, r, &why) < 0 || contradiction(s->answers, s->facts, r, to, &why) < 0 ||
	    plan(s->o, s->answers, s->facts, r, &why) < 0) {
		r->problem = str_printable(why.text, strlen(why.text));
		r->hint = str_printable(why.hint, strlen(why.hint));
	}
	return review_page(r, pages, n_pages, command);
}

enum reviewed setup_review(const struct setup_review *s, struct review_to *to)
{
	autoclean(review_free) struct review r = { 0 };
	autofree char *command = install_line(s->o, s->answers, s->facts), *then = NULL;
	enum reviewed instead;
	enum screen_event event;
	struct page *page;

	s->screen->ops->say(s->screen, "Making the plan ...");
	page = review_make(s, &r, command, to);
	event = look(s->screen, page, r.problem ? NULL : "plan", true, "Next", "Back");
	then = mem_strdup(page_field(page, REVIEW_THEN)->value);
	page_free(page);
	if (event == SCREEN_GONE)
		return REVIEWED_GONE;
	if (event == SCREEN_BACK)
		return REVIEWED_BACK;
	if (event == SCREEN_QUIT || str_eq(then, REVIEW_LEAVE))
		return REVIEWED_LEAVE;
	if (!str_eq(then, REVIEW_APPLY)) {
		if (!str_eq(then, r.page)) { /* it is another one that is gone to */
			free(steal(to->field));
			free(steal(to->why));
		}
		to->page = steal(then);
		return REVIEWED_PAGE;
	}
	return confirm(s->screen, &r, command, &instead) < 0 ? instead : apply(s, &r);
}

/* The one thing that pages offer: packages, for one, are installed by the plan, which can be taken back. */
int setup_act(const char *key, struct err *err)
{
	if (str_eq(key, "again"))
		return 0; /* the caller looks at this machine again, whatever it was */
	return err_set(err, ERR_INVALID, "'%.40s' is nothing that can be done here", key);
}
