/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dashboard, told anything: the first byte says what the rest is. What was told is shown after each; keys come as a terminal
 * sends them. */
#include "api/arrays.h"
#include "base/mem.h"
#include "tui/dash_input.h"
#include "tui/dash_view.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void show(struct dash_state *s, struct dash_ui *ui, size_t rows, size_t cols, bool ascii)
{
	autoclean(buf_free) struct buf text = { 0 };
	struct dash_screen screen;

	dash_settle(ui, s);
	dash_view(s, ui, rows, cols, ascii, &screen);
	dash_screen_marked(&screen, &text);
	/* Nothing that a terminal would obey. */
	for (size_t i = 0; i < text.len; i++) {
		const unsigned char c = (unsigned char)text.data[i];

		if ((c < ' ' && c != '\n') || c == 127)
			abort();
		/* Those of ISO 6429 that are one character of UTF-8: U+0080 to U+009F. */
		if (c == 0xc2 && i + 1 < text.len && (unsigned char)text.data[i + 1] < 0xa0)
			abort();
	}
	dash_screen_free(&screen);
}

static void keys(struct dash_state *s, struct dash_ui *ui, const char *text, size_t len)
{
	struct dash_input in = { 0 };

	for (size_t i = 0; i < len; i++) {
		int got[2];
		const size_t n = dash_input_byte(&in, (unsigned char)text[i], got);

		if (n > 2 || in.len > sizeof(in.held))
			abort();
		for (size_t k = 0; k < n; k++) {
			const enum dash_want want = dash_key(ui, s, got[k], 8);

			/* Commands end at once, and say what was typed. */
			if (want != DASH_WANT_PLAN && want != DASH_WANT_RUN)
				continue;
			dash_heard(ui, text);
			dash_ended(ui, 0, NULL);
		}
	}
	(void)dash_input_pause(&in);
}

static unsigned int tell(struct dash_state *news, int what, const char *text, size_t len, struct err *err)
{
	switch (what) {
	case 0:
		return node_rows_read(text, len, &news->nodes, err) == 0 ? DASH_NODE_ROWS : 0;
	case 1:
		return pending_rows_read(text, len, &news->pending, err) == 0 ? DASH_PENDING_ROWS : 0;
	case 2:
		return cast_views_read(text, len, &news->casts, err) == 0 ? DASH_CAST_VIEWS : 0;
	case 3:
		return event_page_read(text, len, &news->events, err) == 0 ? DASH_EVENT_ROWS : 0;
	case 4:
		return dash_status_read(text, len, &news->status, err) == 0 ? DASH_STATUS : 0;
	case 5:
		return dash_site_read(text, len, &news->site, err) == 0 ? DASH_SITE : 0;
	case 6:
		return dash_guard_read(text, len, &news->guard, err) == 0 ? DASH_GUARD : 0;
	default:
		news->mdstat = mem_strdup(text);
		return DASH_MDSTAT;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoclean(dash_state_free) struct dash_state s = { 0 };
	autoclean(dash_ui_free) struct dash_ui ui = { 0 };
	struct dash_state news = { 0 };
	struct err err = { 0 };
	autofree char *text = NULL;
	const char *rest;

	if (size < 1)
		return 0;
	text = mem_strndup((const char *)data + 1, size - 1);
	rest = text + strcspn(text, "\n");
	/* Of what is told the first line; keys are the others. */
	dash_state_take(&s, &news,
			tell(&news, data[0] & 7, text, data[0] & 8 ? (size_t)(rest - text) : strlen(text), &err) | DASH_DAEMON);
	show(&s, &ui, 24, 80, true);
	if (data[0] & 8)
		keys(&s, &ui, rest, strlen(rest));
	/* As it is printed, as wide as the longest line; or on another terminal. */
	ui.plain = data[0] & 32;
	show(&s, &ui, ui.plain ? 0 : 24 + data[0] / 4u, 80 + (ui.plain ? 0 : data[0]), data[0] & 16);
	return 0;
}
