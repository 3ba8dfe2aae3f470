/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/newt.h"

#include "base/mem.h"
#include "base/str.h"
#include "tui/form.h"
#include "tui/newt_priv.h"
#include "tui/screen.h"
#include "tui/signals.h"
#include "tui/view.h"
#include "tui/wizard.h"

#include <errno.h>
#include <langinfo.h>
#include <newt.h>
#include <slang.h> /* newt has no word for putting a key back */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Around the part that scrolls: the title, the frame and its shadow, the buttons, the command line, the keys. */
#define ROWS_AROUND 8
#define COLUMNS_AROUND 5

bool newt_can(void)
{
	const char *term = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && *term && !str_eq(term, "dumb") &&
	       !str_eq(term, "unknown");
}

/* One window from the beginning to the end: opening one throws away what was typed ahead. */
static void open_window(struct newt *n)
{
	int cols, rows;

	newtGetScreenSize(&cols, &rows);
	n->columns = cols;
	n->rows = rows;
	n->form.columns = cols > COLUMNS_AROUND + NEWT_BAR_COLUMNS + 10 ? (size_t)(cols - COLUMNS_AROUND - NEWT_BAR_COLUMNS) : 10;
	n->form.height = rows > ROWS_AROUND + 1 ? (size_t)(rows - ROWS_AROUND) : 1;
	newtOpenWindow(2, 2, (unsigned int)n->form.columns + NEWT_BAR_COLUMNS, (unsigned int)n->form.height + 2, NULL);
	newtPushHelpLine("");
}

static void tty_size(struct winsize *out)
{
	*out = (struct winsize){ 0 };
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, out) < 0)
		*out = (struct winsize){ 0 };
}

bool newt_is_other(const struct newt *n)
{
	struct winsize now;

	tty_size(&now);
	return now.ws_col != n->size.ws_col || now.ws_row != n->size.ws_row;
}

static int begin(struct newt *n, struct err *err)
{
	tty_size(&n->size);
	if (newtInit() != 0)
		return err_set(err, ERR_FAILED, "this terminal (%s) can't be drawn on", getenv("TERM"));
	newtCursorOff();
	newtSetColor(NEWT_COLORSET_LABEL, (char *)(uintptr_t) "black", (char *)(uintptr_t) "lightgray");
	open_window(n);
	return 0;
}

/* All anew: newt has no other way of learning how large the screen is now. */
void newt_resize(struct newt *n)
{
	struct err err = { 0 };

	newtFinished();
	n->resized = false;
	n->gone = begin(n, &err) < 0;
}

enum newt_news newt_signals(struct newt *n)
{
	switch (signals_read(&n->signals)) {
	case SIGNALS_END:
	case SIGNALS_INTERRUPT: /* from elsewhere: Ctrl-C is a key here */
		n->gone = true;
		return NEWT_GONE;
	case SIGNALS_RESIZED:
		return NEWT_RESIZED;
	case SIGNALS_NONE:
		break;
	}
	return newt_is_other(n) ? NEWT_RESIZED : NEWT_NOTHING;
}

struct hot_key {
	int newt;
	enum form_key key;
	bool typed; /* belongs to the line where there is one */
};
static const struct hot_key hot_keys[] = {
	{ NEWT_KEY_ENTER, FORM_KEY_ENTER, false },
	{ NEWT_KEY_ESCAPE, FORM_KEY_ESCAPE, false },
	{ NEWT_KEY_F1, FORM_KEY_HELP, false },
	{ '\a', FORM_KEY_HELP, false },
	{ NEWT_KEY_F12, FORM_KEY_ON, false },
	{ '\3', FORM_KEY_QUIT, false },
	{ NEWT_KEY_TAB, FORM_KEY_TAB, false },
	{ NEWT_KEY_UNTAB, FORM_KEY_UNTAB, false },
	{ NEWT_KEY_UP, FORM_KEY_UP, false },
	{ NEWT_KEY_DOWN, FORM_KEY_DOWN, false },
	{ NEWT_KEY_PGUP, FORM_KEY_PAGE_UP, false },
	{ NEWT_KEY_PGDN, FORM_KEY_PAGE_DOWN, false },
	{ NEWT_KEY_LEFT, FORM_KEY_LEFT, true },
	{ NEWT_KEY_RIGHT, FORM_KEY_RIGHT, true },
	{ NEWT_KEY_HOME, FORM_KEY_HOME, true },
	{ NEWT_KEY_END, FORM_KEY_END, true },
	{ ' ', FORM_KEY_SPACE, true },
	{ '?', FORM_KEY_HELP, true },
};

/* What came of one run of the form, and whether it is a key. */
enum seen { SEEN_KEY, SEEN_NOTHING, SEEN_RESIZED, SEEN_READY, SEEN_TICK, SEEN_GONE };

static enum seen see(struct newt *n, const struct newtExitStruct *es, int watch_fd, enum form_key *key)
{
	switch (es->reason) {
	case NEWT_EXIT_HOTKEY:
		if (es->u.key == NEWT_AWAKE)
			return SEEN_RESIZED;
		for (size_t i = 0; i < ARRAY_LEN(hot_keys); i++)
			if (hot_keys[i].newt == es->u.key) {
				*key = hot_keys[i].key;
				return SEEN_KEY;
			}
		return SEEN_NOTHING;
	case NEWT_EXIT_FDREADY:
		if (watch_fd && es->u.watch == watch_fd)
			return SEEN_READY;
		switch (newt_signals(n)) {
		case NEWT_GONE:
			return SEEN_GONE;
		case NEWT_RESIZED:
			return SEEN_RESIZED;
		case NEWT_NOTHING:
			break;
		}
		return SEEN_NOTHING;
	case NEWT_EXIT_TIMER:
		return SEEN_TICK;
	case NEWT_EXIT_ERROR:
		n->gone = true;
		return SEEN_GONE;
	case NEWT_EXIT_COMPONENT:
		break;
	}
	return SEEN_NOTHING;
}

/* Draws, and waits for one thing to happen. What was typed is in its field afterwards. */
static enum seen run(struct newt *n, const struct screen_how *how, enum form_key *key)
{
	newtComponent form = newt_draw(n, how);
	struct newtExitStruct es = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(hot_keys); i++)
		if (!n->entry || !hot_keys[i].typed)
			newtFormAddHotKey(form, hot_keys[i].newt);
	newtFormAddHotKey(form, NEWT_AWAKE);
	newtFormWatchFd(form, n->signals.fd, NEWT_FD_READ);
	if (how->watch_fd)
		newtFormWatchFd(form, how->watch_fd, NEWT_FD_READ);
	if (how->tick_ms)
		newtFormSetTimer(form, how->tick_ms);
	newtFormRun(form, &es);
	n->at = -1;
	if (n->entry) {
		field_set(form_field(&n->form), newtEntryGetValue(n->entry));
		n->at = newtEntryGetCursorPosition(n->entry);
		n->entry = NULL;
	}
	newtFormDestroy(form);
	return see(n, &es, how->watch_fd, key);
}

/* Where the cursor is, by name: the page may be made anew with other fields before it. */
static void note_place(struct newt *n)
{
	const struct field *f = form_field(&n->form);

	free(n->here);
	n->here = f ? mem_strdup(f->key) : NULL;
	n->button = f ? 0 : n->form.field - n->form.page->n_fields;
}

static void find_place(struct newt *n)
{
	const struct field *f = page_field(n->form.page, n->here);

	if (f)
		n->form.field = (size_t)(f - n->form.page->fields);
	else if (!n->here)
		n->form.field = n->form.page->n_fields + n->button;
}

static void remember(struct newt *n)
{
	const struct field *f = form_field(&n->form);

	if (n->began)
		explicit_bzero(n->began, strlen(n->began)); /* it may be a secret */
	free(n->began);
	n->began = f && form_types(&n->form) ? mem_strdup(f->value) : NULL;
}

/* Whether the line that the cursor left holds something else than when it came. */
static bool left_changed(struct newt *n, size_t field, const char **key)
{
	const struct field *f = field < n->form.page->n_fields ? &n->form.page->fields[field] : NULL;

	if (!f || !n->began || field == n->form.field || str_eq(f->value, n->began))
		return false;
	*key = f->key;
	return true;
}

static void turn_to(struct newt *n, struct page *page, const struct screen_how *how)
{
	bool other = how->fresh || !str_eq(n->page, page->key);

	n->form.page = page;
	n->form.next = how->next;
	n->form.back = how->back;
	if (other) {
		free(n->page);
		n->page = mem_strdup(page->key);
		n->form.top = n->form.item = 0;
		n->at = -1;
	} else {
		find_place(n);
	}
	if (other || how->focus) {
		const struct field *f = form_field(&n->form);

		if (f && !str_eq(f->key, how->focus))
			n->at = -1;
		if (f && !other && str_eq(f->key, how->focus) && f->kind != FIELD_NOTE)
			form_settle(&n->form); /* it is there already: on which of its items stays */
		else
			form_focus(&n->form, how->focus, how->line);
	} else {
		form_settle(&n->form);
	}
	note_place(n);
	remember(n);
}

/* What a key did; true: `event` is to be told. */
static bool press(struct newt *n, enum form_key k, enum screen_event *event, const char **key)
{
	size_t before = n->form.field;
	enum form_result result = form_press(&n->form, k);
	struct field *f = form_field(&n->form);

	note_place(n);
	*key = f ? f->key : NULL;
	if (before != n->form.field)
		n->at = -1;
	switch (result) {
	case FORM_NEXT:
		*event = SCREEN_NEXT;
		return true;
	case FORM_BACK:
		*event = SCREEN_BACK;
		return n->form.back != NULL;
	case FORM_QUIT:
		*event = SCREEN_QUIT;
		return true;
	case FORM_CHANGED:
		*event = SCREEN_CHANGED;
		return true;
	case FORM_ACTION:
		*event = SCREEN_ACTION;
		return true;
	case FORM_HELP: {
		autofree char *help = wizard_help(n->form.page, f);

		newt_box_help(n, help);
		return false;
	}
	case FORM_STAY:
		*event = SCREEN_CHANGED;
		return left_changed(n, before, key);
	}
	return false;
}

static enum screen_event show(struct screen *s, struct page *page, const struct screen_how *how, const char **key)
{
	struct newt *n = (struct newt *)s;
	enum screen_event event = SCREEN_GONE;
	enum form_key k = FORM_KEY_HELP;

	*key = NULL;
	turn_to(n, page, how);
	while (!n->gone) {
		if (n->resized || newt_is_other(n)) {
			newt_resize(n);
			form_settle(&n->form);
			continue;
		}
		switch (run(n, how, &k)) {
		case SEEN_KEY: {
			size_t before = n->form.field;

			if (press(n, k, &event, key))
				return event;
			if (before != n->form.field)
				remember(n);
			break;
		}
		case SEEN_RESIZED:
			n->resized = true;
			break;
		case SEEN_READY:
			return SCREEN_READY;
		case SEEN_TICK:
			return SCREEN_TICK;
		case SEEN_GONE:
			return SCREEN_GONE;
		case SEEN_NOTHING:
			break;
		}
	}
	return SCREEN_GONE;
}

static bool ask(struct screen *s, const char *question, bool otherwise)
{
	return newt_box_ask((struct newt *)s, question, otherwise);
}

static void say(struct screen *s, const char *text)
{
	struct newt *n = (struct newt *)s;

	newt_root_row(n, n->rows - 2, text, "");
	newtRefresh();
}

static void suspend(void *ctx)
{
	(void)ctx;
	newtSuspend();
	raise(SIGTSTP);
	newtResume();
	/* While it was stopped nobody told it of another size; and newt waits for a key now, whatever else there is to hear. */
	SLang_ungetkey(NEWT_AWAKE);
}

static void finish(struct screen *s)
{
	struct newt *n = (struct newt *)s;

	newtFinished();
	signals_close(&n->signals);
	free(n->title);
	free(n->page);
	free(n->here);
	free(n->began);
	free(n);
}

/* newt ends the program where there is no description of the terminal. */
static int check_terminal(struct err *err)
{
	if (SLtt_initialize(NULL) == 0)
		return 0;
	err_set(err, ERR_FAILED, "this terminal (%s) can't be drawn on: this machine knows none of that name", getenv("TERM"));
	return err_hint(err, "`TERM=vt100 orthrus-setup`, which most terminals understand, or `orthrus-setup --plain`");
}

int newt_open(const char *title, struct screen **out, struct err *err)
{
	static const struct screen_ops ops = { .show = show, .ask = ask, .say = say, .close = finish };
	struct newt *n = mem_zalloc(sizeof(*n));

	n->base.ops = &ops;
	n->title = mem_strdup(title);
	n->ascii = !str_eq(nl_langinfo(CODESET), "UTF-8");
	n->at = -1;
	if (check_terminal(err) < 0 || signals_open(&n->signals, err) < 0 || begin(n, err) < 0) {
		if (n->signals.fd > 0)
			signals_close(&n->signals);
		free(n->title);
		free(n);
		return -1;
	}
	newtSetSuspendCallback(suspend, NULL);
	*out = &n->base;
	return 0;
}
