/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/newt_priv.h"

#include "base/mem.h"
#include "tui/text.h"

#include <string.h>

/* Wide enough for the longest line, and never wider than the screen. */
static size_t wrap(const struct newt *n, const char *text, struct str_list *lines)
{
	size_t most = n->columns > 14 ? (size_t)n->columns - 10 : 4, widest = 24 < most ? 24 : most;

	text_wrap(text, most < 66 ? most : 66, lines);
	for (size_t i = 0; i < lines->len; i++)
		if (text_columns(lines->items[i]) > widest)
			widest = text_columns(lines->items[i]);
	return widest;
}

struct box {
	struct str_list lines;
	size_t width, height, top;
	const char *buttons[2]; /* or NULL */
	size_t button;
};

static newtComponent draw(struct newt *n, const struct box *b)
{
	newtComponent form = newtForm(NULL, NULL, NEWT_FLAG_NOF12);
	int column = 1;

	newt_label(n, form, 0, 0, " ", 1, NEWT_COLORSET_LABEL);
	newt_label(n, form, (int)b->width + 1, (int)b->height - 1 + (b->buttons[0] ? 2 : 0), " ", 1, NEWT_COLORSET_LABEL);
	for (size_t i = 0; i < b->height && b->top + i < b->lines.len; i++)
		newt_label(n, form, 1, (int)i, b->lines.items[b->top + i], b->width, NEWT_COLORSET_LABEL);
	for (size_t i = 0; i < 2 && b->buttons[i]; i++) {
		newt_label(n, form, column, (int)b->height + 1, b->buttons[i], b->width,
			   i == b->button ? NEWT_COLORSET_ACTBUTTON : NEWT_COLORSET_COMPACTBUTTON);
		column += (int)text_columns(b->buttons[i]) + 2;
	}
	return form;
}

/* Keys that something follows from; for all others nothing happens. -1: the terminal is gone, 0: it has another size. */
static int key(struct newt *n, const struct box *b)
{
	static const int keys[] = { NEWT_KEY_ENTER,
				    NEWT_KEY_ESCAPE,
				    NEWT_KEY_F1,
				    NEWT_KEY_F12,
				    NEWT_KEY_UP,
				    NEWT_KEY_DOWN,
				    NEWT_KEY_PGUP,
				    NEWT_KEY_PGDN,
				    NEWT_KEY_LEFT,
				    NEWT_KEY_RIGHT,
				    NEWT_KEY_TAB,
				    NEWT_KEY_UNTAB,
				    ' ',
				    '\a',
				    NEWT_AWAKE,
				    '\3',
				    'y',
				    'Y',
				    'n',
				    'N',
				    'q' };
	newtComponent form;
	struct newtExitStruct es = { 0 };

	if (newt_is_other(n)) {
		n->resized = true;
		return 0;
	}
	form = draw(n, b);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		newtFormAddHotKey(form, keys[i]);
	newtFormWatchFd(form, n->signals.fd, NEWT_FD_READ);
	newtCursorOff();
	newtFormRun(form, &es);
	newtFormDestroy(form);
	if (es.reason == NEWT_EXIT_HOTKEY && es.u.key == NEWT_AWAKE) {
		n->resized = true;
		return 0;
	}
	if (es.reason == NEWT_EXIT_HOTKEY)
		return es.u.key;
	if (es.reason == NEWT_EXIT_ERROR) {
		n->gone = true;
		return -1;
	}
	switch (newt_signals(n)) {
	case NEWT_GONE:
		return -1;
	case NEWT_RESIZED:
		n->resized = true;
		return 0;
	case NEWT_NOTHING:
		break;
	}
	return NEWT_KEY_F12 + 1; /* nothing */
}

static void open_box(struct newt *n, struct box *b, const char *title, const char *text, const char *keys)
{
	size_t around = b->buttons[0] ? 9 : 7;

	b->width = wrap(n, text, &b->lines);
	b->height = (size_t)n->rows > around + 1 ? (size_t)n->rows - around : 1;
	if (b->height > b->lines.len)
		b->height = b->lines.len;
	newtCenteredWindow((unsigned int)b->width + 2, (unsigned int)(b->height + (b->buttons[0] ? 2 : 0)), title);
	newtPushHelpLine(keys);
}

static void close_box(struct box *b)
{
	newtPopHelpLine();
	newtPopWindow();
	str_list_free(&b->lines);
}

static void scroll(struct box *b, int k)
{
	size_t most = b->lines.len - b->height, by = k == NEWT_KEY_PGUP || k == NEWT_KEY_PGDN ? b->height : 1;

	if (k == NEWT_KEY_UP || k == NEWT_KEY_PGUP)
		b->top = b->top > by ? b->top - by : 0;
	else
		b->top = b->top + by < most ? b->top + by : most;
}

void newt_box_help(struct newt *n, const char *text)
{
	struct box b = { 0 };
	int k;

	open_box(n, &b, "Help", text, " Esc close  Up, Down scroll");
	do {
		k = key(n, &b);
		if (k == NEWT_KEY_UP || k == NEWT_KEY_PGUP || k == NEWT_KEY_DOWN || k == NEWT_KEY_PGDN)
			scroll(&b, k);
	} while (k > 0 && k != NEWT_KEY_ESCAPE && k != NEWT_KEY_ENTER && k != NEWT_KEY_F1 && k != NEWT_KEY_F12 && k != ' ' &&
		 k != 'q' && k != '\a' && k != '\3');
	close_box(&b);
}

bool newt_box_ask(struct newt *n, const char *question, bool otherwise)
{
	struct box b = { .buttons = { "< Yes >", "< No >" }, .button = otherwise ? 0 : 1 };
	bool yes = otherwise, asked = false;

	while (!asked && !n->gone) {
		int k;

		open_box(n, &b, "Question", question, " y yes  n no  Tab move  Enter choose");
		do {
			k = key(n, &b);
			if (k == NEWT_KEY_LEFT || k == NEWT_KEY_RIGHT || k == NEWT_KEY_TAB || k == NEWT_KEY_UNTAB)
				b.button = !b.button;
			asked = k == 'y' || k == 'Y' || k == 'n' || k == 'N' || k == NEWT_KEY_ENTER || k == ' ' ||
				k == NEWT_KEY_ESCAPE || k == '\3';
		} while (k > 0 && !asked);
		yes = k < 0 ? otherwise : k == 'y' || k == 'Y' || ((k == NEWT_KEY_ENTER || k == ' ') && b.button == 0);
		close_box(&b);
		if (k == 0)
			newt_resize(n);
	}
	return yes;
}
