/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/setup.h"

#include "base/json.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "tui/answers.h"
#include "tui/child.h"
#include "tui/facts.h"
#include "tui/pages.h"
#include "tui/save.h"
#include "tui/screen.h"
#include "tui/setup_apply.h"
#include "tui/signals.h"
#include "tui/view.h"

#include <string.h>

#define PROBE_NS (5 * 60 * NS_PER_S)
#define SITE "/etc/orthrus/site.json"
#define SITE_MAX ((size_t)16 << 20)
#define LEAVE "Leave orthrus-setup? What was answered is kept, and it goes on there when it is started again."

struct setup {
	const struct setup_opts *o;
	struct saved *saved;
	struct screen *screen;
	struct facts facts;
	struct answers answers;
	struct wizard wizard;
};

static void setup_clear(struct setup *s)
{
	wizard_clear(&s->wizard);
	answers_free(&s->answers);
	facts_free(&s->facts);
}

/* What this machine has. */
static int probe(struct setup *s, struct err *err)
{
	autoclean(str_list_free) struct str_list argv = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	struct facts fresh = { 0 };

	s->screen->ops->say(s->screen, "Looking at this machine ...");
	str_list_add(&argv, s->o->orthrus);
	str_list_add(&argv, "head");
	str_list_add(&argv, "install");
	str_list_add(&argv, "--probe");
	str_list_add(&argv, "--json");
	setup_root_words(s->o, &argv);
	if (child_read(&argv, PROBE_NS, &text, err) < 0 || facts_read(buf_str(&text), text.len, &fresh, err) < 0)
		return err_wrap(err, "look at this machine");
	facts_free(&s->facts);
	s->facts = fresh;
	return 0;
}

/* Where nobody waits for it any more it is no mistake that it did not come to its end. */
static int probe_unless_gone(struct setup *s, bool *goes_on, enum setup_end *end, struct err *err)
{
	*goes_on = true;
	if (probe(s, err) == 0)
		return 0;
	if (!signals_end())
		return -1;
	*goes_on = false;
	*end = SETUP_GONE;
	return 0;
}

static int read_answers(struct json_obj *o, void *ctx, struct err *err)
{
	return answers_read(o, ctx, err);
}

/* What was kept, into the wizard. */
static int restore(struct setup *s, struct err *err)
{
	s->wizard = (struct wizard){ .kinds = pages, .n_kinds = n_pages, .answers = &s->answers, .facts = &s->facts };
	s->wizard.drafts = s->saved->drafts;
	s->saved->drafts = (struct drafts){ 0 };
	if (s->saved->answers && json_read(s->saved->answers, strlen(s->saved->answers), read_answers, &s->answers, err) < 0)
		return save_damaged(s->o->root, err);
	return 0;
}

/* What is kept is not what this machine is by now: it begins anew, from what it is, with what site.json says nothing of. */
static void begin_from(struct setup *s, struct answers *installed)
{
	static const enum answer others[] = { ANSWER_NAMES, ANSWER_STORE_RAID, ANSWER_STORE_DISKS };

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		installed->given[others[i]] = steal(s->answers.given[others[i]]);
	answers_free(&s->answers);
	s->answers = *installed;
	*installed = (struct answers){ 0 };
	drafts_free(&s->wizard.drafts);
	free(steal(s->saved->page));
}

/* Whoever wrote last is right: what was answered here, or what site.json says since. */
static int look_at_site(struct setup *s, struct err *err)
{
	autofree char *path = str_format("%s" SITE, s->o->root);
	autoclean(answers_free) struct answers installed = { 0 };
	autoclean(buf_free) struct buf text = { 0 }, is = { 0 }, kept = { 0 };
	struct err none = { 0 };

	if (fs_read(path, SITE_MAX, &text, err) < 0) {
		if (err->kind != ERR_NOT_FOUND)
			return -1;
		*err = (struct err){ 0 };
		return 0;
	}
	if (answers_installed(buf_str(&text), text.len, path, &s->facts, &installed, &is, err) < 0)
		return -1;
	if (!s->saved->answers || (save_older(s->o->root, path) && (answers_site(&s->answers, &s->facts, &kept, &none) < 0 ||
								    !str_eq(buf_str(&kept), buf_str(&is)))))
		begin_from(s, &installed);
	return 0;
}

static int save(struct setup *s, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	struct json_out w;
	int rc;

	json_out_init(&w, &text, false);
	answers_print(&s->answers, &w, NULL);
	free(s->saved->answers);
	s->saved->answers = buf_steal(&text);
	free(s->saved->page);
	s->saved->page = mem_strdup(wizard_key(&s->wizard));
	s->saved->drafts = s->wizard.drafts; /* lent */
	rc = save_store(s->o->root, s->saved, err);
	s->saved->drafts = (struct drafts){ 0 };
	s->wizard.unsaved = false;
	return rc;
}

static int act(struct setup *s, const char *key, struct err *err)
{
	autofree char *what = mem_strdup(key);

	wizard_keep(&s->wizard);
	if (setup_act(what, err) < 0 || probe(s, err) < 0)
		return -1;
	wizard_again(&s->wizard, &s->facts);
	return 0;
}

static enum screen_event show(struct setup *s, const char **key)
{
	struct wizard *w = &s->wizard;
	autofree char *focus = steal(w->focus);
	struct screen_how how = { .focus = focus,
				  .fresh = w->fresh,
				  .number = w->at + 1,
				  .of = w->n_kinds + 1,
				  .next = "Next",
				  .back = w->at ? "Back" : "Leave" };

	w->fresh = false;
	return s->screen->ops->show(s->screen, w->page, &how, key);
}

/* What an action could not do stands on its button. */
static void refuse_action(struct setup *s, const char *key, const struct err *why)
{
	struct field *f = page_field(s->wizard.page, key);

	if (f)
		field_refuse(f, why->text);
	free(s->wizard.focus);
	s->wizard.focus = f ? mem_strdup(f->key) : NULL;
}

/* One page until it is left. *turn says what comes. False: the wizard ends here, as *end says. */
static bool page(struct setup *s, enum wizard_turn *turn, enum setup_end *end)
{
	const char *key = NULL;
	struct err why = { 0 };

	switch (show(s, &key)) {
	case SCREEN_NEXT:
		*turn = wizard_next(&s->wizard);
		return true;
	case SCREEN_BACK:
		*turn = wizard_back(&s->wizard);
		break;
	case SCREEN_CHANGED:
		*turn = wizard_changed(&s->wizard, key);
		return true;
	case SCREEN_ACTION:
		if (act(s, key, &why) < 0)
			refuse_action(s, key, &why);
		return true;
	case SCREEN_QUIT:
		wizard_keep(&s->wizard);
		*turn = WIZARD_LEAVE;
		break;
	case SCREEN_GONE:
	case SCREEN_READY:
	case SCREEN_TICK:
		wizard_keep(&s->wizard);
		*end = SETUP_GONE;
		return false;
	}
	if (*turn != WIZARD_LEAVE)
		return true;
	*turn = WIZARD_PAGE;
	*end = SETUP_LEFT;
	return !s->screen->ops->ask(s->screen, LEAVE, true);
}

static int keep(void *ctx, struct err *err)
{
	return save(ctx, err);
}

/* The review, and what follows from it. False: the wizard ends here. */
static int review(struct setup *s, enum wizard_turn *turn, enum setup_end *end, bool *goes_on, struct err *err)
{
	autoclean(review_to_free) struct review_to to = { 0 };
	const struct setup_review of = { .o = s->o,
					 .screen = s->screen,
					 .answers = &s->answers,
					 .facts = &s->facts,
					 .left = wizard_left(&s->wizard),
					 .keep = keep,
					 .ctx = s };

	*goes_on = true;
	switch (setup_review(&of, &to)) {
	case REVIEWED_BACK:
		*turn = wizard_back(&s->wizard);
		return 0;
	case REVIEWED_PAGE:
		*turn = wizard_goto(&s->wizard, to.page);
		if (to.why)
			wizard_refuse(&s->wizard, to.field, to.why);
		return 0;
	case REVIEWED_AGAIN:
		return probe_unless_gone(s, goes_on, end, err);
	case REVIEWED_LEAVE:
		*goes_on = !s->screen->ops->ask(s->screen, LEAVE, true);
		*end = SETUP_LEFT;
		return 0;
	case REVIEWED_INSTALLED:
		s->saved->installed = true;
		*goes_on = false;
		*end = SETUP_INSTALLED;
		return save(s, err);
	case REVIEWED_GONE_INSTALLED:
		s->saved->installed = true;
		*goes_on = false;
		*end = SETUP_GONE_INSTALLED;
		return save(s, err);
	case REVIEWED_GONE:
		*goes_on = false;
		*end = SETUP_GONE;
		return 0;
	}
	return 0;
}

static int turn_pages(struct setup *s, enum setup_end *end, struct err *err)
{
	enum wizard_turn turn = wizard_goto(&s->wizard, s->saved->installed ? NULL : s->saved->page);

	for (bool goes_on = true; goes_on;) {
		if (turn == WIZARD_AT_REVIEW) {
			if (review(s, &turn, end, &goes_on, err) < 0)
				return -1;
		} else {
			goes_on = page(s, &turn, end);
		}
		if (s->wizard.unsaved && save(s, err) < 0)
			return -1;
	}
	return 0;
}

int setup_run(const struct setup_opts *o, struct saved *saved, struct screen *screen, enum setup_end *end, struct err *err)
{
	autoclean(setup_clear) struct setup s = { .o = o, .saved = saved, .screen = screen };
	bool goes_on;

	*end = SETUP_LEFT;
	if (restore(&s, err) < 0 || probe_unless_gone(&s, &goes_on, end, err) < 0)
		return -1;
	if (!goes_on)
		return 0;
	return look_at_site(&s, err) < 0 ? -1 : turn_pages(&s, end, err);
}
