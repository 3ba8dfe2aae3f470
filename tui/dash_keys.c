/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of tui/dash_ui.h: what each key does. */
#include "base/mem.h"
#include "tui/dash_acts.h"
#include "tui/dash_ui.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void dash_ui_free(struct dash_ui *ui)
{
	dash_act_end(ui);
	for (size_t i = 0; i < DASH_PANELS; i++)
		free(ui->chosen[i]);
	free(ui->about_what);
	str_list_free(&ui->program);
	str_list_free(&ui->marked);
	*ui = (struct dash_ui){ 0 };
}

bool dash_is_grave(enum dash_act act)
{
	return act == DASH_APPROVE || act == DASH_INSTALL || act == DASH_REMOVE;
}

static void add_quoted(const char *word, struct buf *out)
{
	if (out->len)
		buf_addc(out, ' ');
	if (*word && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:,@=+") == strlen(word)) {
		buf_adds(out, word);
		return;
	}
	buf_addc(out, '\'');
	for (; *word; word++)
		if (*word == '\'')
			buf_adds(out, "'\\''");
		else
			buf_addc(out, *word);
	buf_addc(out, '\'');
}

void dash_command(const struct dash_ui *ui, const char *last, struct buf *out)
{
	for (size_t i = 0; i < ui->program.len; i++) {
		const char *word = ui->program.items[i], *slash = i ? NULL : strrchr(word, '/');

		/* Where the program lies is not what one would type. */
		add_quoted(slash ? slash + 1 : word, out);
	}
	for (size_t i = 0; i < ui->words.len; i++)
		add_quoted(ui->words.items[i], out);
	if (last)
		add_quoted(last, out);
}

/* --- text that is typed --- */

/* The last character goes, whatever its length in bytes. */
static void rub_out(char *value)
{
	size_t len = strlen(value);

	while (len && ((unsigned char)value[--len] & 0xc0) == 0x80)
		;
	value[len] = '\0';
}

/* True: the key changed the text. Names and addresses are ASCII, so nothing else is taken. */
static bool type(char *value, size_t size, int key)
{
	const size_t len = strlen(value);

	if (key == DASH_KEY_BACK || key == DASH_CTRL('h'))
		rub_out(value);
	else if (key == DASH_CTRL('u'))
		value[0] = '\0';
	else if (key >= ' ' && key < 127 && len + 1 < size)
		value[len] = (char)key, value[len + 1] = '\0';
	else
		return false;
	return true;
}

/* --- browsing --- */

static void move(struct dash_ui *ui, const struct dash_state *s, int key, size_t page)
{
	size_t *at = &ui->at[ui->focus];
	/* The newest event is the lowest. */
	const bool up_is_more = ui->focus == DASH_EVENTS;
	const bool up = key == DASH_KEY_UP || key == DASH_KEY_PGUP;
	const size_t step = key == DASH_KEY_UP || key == DASH_KEY_DOWN ? 1 : page ? page : 1;

	if (key == DASH_KEY_HOME)
		*at = up_is_more ? SIZE_MAX / 2 : 0;
	else if (key == DASH_KEY_END)
		*at = up_is_more ? 0 : SIZE_MAX / 2;
	else if (up != up_is_more)
		*at -= *at < step ? *at : step;
	else
		*at += step;
	/* It is the place that counts now. */
	free(ui->chosen[ui->focus]);
	ui->chosen[ui->focus] = NULL;
	dash_settle(ui, s);
}

static void mark(struct dash_ui *ui)
{
	const char *name = ui->chosen[DASH_NODES];
	struct str_list rest = { 0 };

	if (!name)
		return;
	if (!str_list_has(&ui->marked, name)) {
		str_list_add(&ui->marked, name);
		return;
	}
	for (size_t i = 0; i < ui->marked.len; i++)
		if (!str_eq(ui->marked.items[i], name))
			str_list_add(&rest, ui->marked.items[i]);
	str_list_free(&ui->marked);
	ui->marked = rest;
}

/* All that are shown; when some are marked, none. */
static void mark_all(struct dash_ui *ui, const struct dash_state *s)
{
	size_t n;
	autofree size_t *shown = dash_shown(s, ui->filter, &n);

	if (ui->marked.len) {
		str_list_free(&ui->marked);
		return;
	}
	for (size_t i = 0; i < n; i++)
		str_list_add(&ui->marked, s->nodes.items[shown[i]].name);
}

/* What is chosen where one walks, whatever is chosen by the time it is read. */
static void about(struct dash_ui *ui)
{
	const char *what = ui->focus <= DASH_WAITING ? ui->chosen[ui->focus] : NULL;

	if (!what)
		return;
	free(ui->about_what);
	ui->about_what = mem_strdup(what);
	ui->about_node = ui->focus == DASH_NODES;
	ui->mode = DASH_ABOUT;
	ui->scroll = 0;
}

static enum dash_want browse(struct dash_ui *ui, const struct dash_state *s, int key, size_t page)
{
	switch (key) {
	case 'q':
	case DASH_CTRL('c'):
		return DASH_WANT_QUIT;
	case DASH_KEY_F5:
	case DASH_CTRL('l'):
		return DASH_WANT_REFRESH;
	case DASH_KEY_F1:
	case DASH_CTRL('g'):
	case '?':
		ui->mode = DASH_HELP;
		ui->scroll = 0;
		break;
	case '/':
		ui->mode = DASH_FILTER;
		ui->focus = DASH_NODES;
		break;
	case DASH_KEY_ESC:
		ui->filter[0] = '\0';
		str_list_free(&ui->marked);
		dash_settle(ui, s);
		break;
	case DASH_KEY_TAB:
		ui->focus = (enum dash_panel)((ui->focus + 1) % DASH_PANELS);
		break;
	case DASH_KEY_BACKTAB:
		ui->focus = (enum dash_panel)((ui->focus + DASH_PANELS - 1) % DASH_PANELS);
		break;
	case DASH_KEY_UP:
	case DASH_KEY_DOWN:
	case DASH_KEY_PGUP:
	case DASH_KEY_PGDN:
	case DASH_KEY_HOME:
	case DASH_KEY_END:
		move(ui, s, key, page);
		break;
	case ' ':
		if (ui->focus == DASH_NODES) {
			mark(ui);
			move(ui, s, DASH_KEY_DOWN, 1);
		}
		break;
	case '*':
		mark_all(ui, s);
		break;
	case DASH_KEY_ENTER:
		about(ui);
		break;
	case 'a':
		return dash_act_begin(ui, s, DASH_APPROVE);
	case 'n':
		return dash_act_begin(ui, s, DASH_ADD);
	case 'i':
		return dash_act_begin(ui, s, DASH_INSTALL);
	case 'd':
		return dash_act_begin(ui, s, DASH_REMOVE);
	case 's':
		return dash_act_begin(ui, s, DASH_SWITCH);
	default:
		break;
	}
	return DASH_WANT_NOTHING;
}

static void filter(struct dash_ui *ui, const struct dash_state *s, int key)
{
	if (key == DASH_KEY_ENTER)
		ui->mode = DASH_BROWSE;
	else if (key == DASH_KEY_ESC || key == DASH_CTRL('c')) {
		ui->mode = DASH_BROWSE;
		ui->filter[0] = '\0';
	} else
		(void)type(ui->filter, sizeof(ui->filter), key);
	dash_settle(ui, s);
}

/* --- boxes --- */

static bool scroll(struct dash_ui *ui, int key, size_t page)
{
	const size_t step = key == DASH_KEY_UP || key == DASH_KEY_DOWN ? 1 : page ? page : 1;

	if (key == DASH_KEY_UP || key == DASH_KEY_PGUP)
		ui->scroll -= ui->scroll < step ? ui->scroll : step;
	else if (key == DASH_KEY_DOWN || key == DASH_KEY_PGDN)
		ui->scroll += step;
	else if (key == DASH_KEY_HOME)
		ui->scroll = 0;
	else if (key == DASH_KEY_END)
		ui->scroll = SIZE_MAX / 2;
	else
		return false;
	return true;
}

static enum dash_want form(struct dash_ui *ui, const struct dash_state *s, int key)
{
	const bool last = ui->field + 1 == ui->n_fields;

	if (key == DASH_KEY_ESC || key == DASH_CTRL('c')) {
		dash_act_end(ui);
	} else if (key == DASH_KEY_ENTER && last) {
		if (!dash_act_take(ui, s))
			return DASH_WANT_NOTHING;
		return dash_act_plan(ui);
	} else if (key == DASH_KEY_ENTER || key == DASH_KEY_TAB || key == DASH_KEY_DOWN) {
		ui->field = last ? 0 : ui->field + 1;
	} else if (key == DASH_KEY_UP || key == DASH_KEY_BACKTAB) {
		ui->field = ui->field ? ui->field - 1 : ui->n_fields - 1;
	} else if (type(ui->fields[ui->field].value, sizeof(ui->fields[ui->field].value), key)) {
		ui->fields[ui->field].problem[0] = '\0';
	}
	return DASH_WANT_NOTHING;
}

/* What is shown, and nothing else, is what a yes is given to. False: it can't be bound to that. */
static bool bind_plan(struct dash_ui *ui)
{
	static const char mark[] = "as shown: ";

	for (size_t i = ui->said.len; ui->act == DASH_INSTALL && i-- > 0;) {
		if (!str_starts(ui->said.items[i], mark))
			continue;
		str_list_add(&ui->words, "--as-shown");
		str_list_add(&ui->words, ui->said.items[i] + strlen(mark));
		return true;
	}
	return ui->act != DASH_INSTALL;
}

static void leave(struct dash_ui *ui)
{
	dash_act_end(ui);
	snprintf(ui->message, sizeof(ui->message), "Not confirmed; nothing was changed.");
}

static enum dash_want go(struct dash_ui *ui)
{
	if (!bind_plan(ui)) {
		leave(ui);
		snprintf(ui->message, sizeof(ui->message), "This plan has no digest to bind a yes to; nothing was changed.");
		return DASH_WANT_NOTHING;
	}
	ui->mode = DASH_RUNNING;
	ui->last = "--yes";
	ui->scroll = 0;
	str_list_free(&ui->said);
	return DASH_WANT_RUN;
}

static enum dash_want confirm(struct dash_ui *ui, int key, size_t page)
{
	if (scroll(ui, key, page))
		return DASH_WANT_NOTHING;
	if (key == DASH_KEY_ESC || key == DASH_CTRL('c')) {
		leave(ui);
	} else if (!dash_is_grave(ui->act)) {
		if (key == 'y' || key == 'Y')
			return go(ui);
		if (key == 'n' || key == 'N')
			leave(ui);
	} else if (key == DASH_KEY_ENTER) {
		if (str_eq(ui->typed, "yes"))
			return go(ui);
		leave(ui);
	} else {
		(void)type(ui->typed, sizeof(ui->typed), key);
	}
	return DASH_WANT_NOTHING;
}

enum dash_want dash_key(struct dash_ui *ui, const struct dash_state *s, int key, size_t page)
{
	ui->message[0] = '\0';
	if (key == '\n')
		key = DASH_KEY_ENTER;
	switch (ui->mode) {
	case DASH_BROWSE:
		return browse(ui, s, key, page);
	case DASH_FILTER:
		filter(ui, s, key);
		break;
	case DASH_HELP:
	case DASH_ABOUT:
		if (!scroll(ui, key, page) && key != DASH_KEY_NONE)
			ui->mode = DASH_BROWSE;
		break;
	case DASH_FORM:
		return form(ui, s, key);
	case DASH_PLANNING:
	case DASH_RUNNING:
		/* A plan changes nothing; what changes something is not ended by the key that leaves every box. */
		if (key == DASH_CTRL('c') || (key == DASH_KEY_ESC && ui->mode == DASH_PLANNING)) {
			ui->left = ui->mode == DASH_PLANNING;
			return DASH_WANT_STOP;
		}
		(void)scroll(ui, key, page);
		break;
	case DASH_CONFIRM:
		return confirm(ui, key, page);
	case DASH_DONE:
		if (scroll(ui, key, page))
			break;
		if (key == DASH_KEY_ENTER || key == DASH_KEY_ESC || key == 'q' || key == DASH_CTRL('c')) {
			dash_act_end(ui);
			return DASH_WANT_REFRESH;
		}
		break;
	}
	return DASH_WANT_NOTHING;
}

void dash_heard(struct dash_ui *ui, const char *line)
{
	autofree char *clean = str_printable(line, strlen(line));

	str_list_add(&ui->said, clean);
	if (ui->mode == DASH_RUNNING)
		ui->scroll = SIZE_MAX / 2;
}

void dash_ended(struct dash_ui *ui, int status, const char *why)
{
	if (ui->left) {
		leave(ui);
		return;
	}
	ui->failed = status != 0 || why;
	if (why)
		dash_heard(ui, why);
	/* A plan is read from its beginning; how something ended stands in its last lines. */
	ui->scroll = SIZE_MAX / 2;
	if (ui->mode == DASH_PLANNING && !ui->failed) {
		ui->mode = DASH_CONFIRM;
		ui->scroll = 0;
		ui->typed[0] = '\0';
		return;
	}
	if (ui->mode == DASH_RUNNING && !ui->failed)
		str_list_free(&ui->marked);
	ui->mode = DASH_DONE;
}
