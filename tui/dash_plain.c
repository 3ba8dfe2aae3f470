/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/dash_plain.h"

#include "base/buf.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "tui/dash.h"
#include "tui/dash_ask.h"
#include "tui/dash_view.h"

#include <errno.h>
#include <langinfo.h>
#include <stdio.h>

#define COLUMNS 80
#define LOOK_NS (500 * NS_PER_MS)

static void look(struct dash_ask *ask, bool now, struct dash_state *s)
{
	struct dash_state news = { 0 };
	unsigned int parts = dash_ask_daemon(ask, now, &news);

	dash_state_take(s, &news, parts);
	parts = dash_ask_guard(ask->opts, &news);
	dash_state_take(s, &news, parts);
}

static char *text_of(const struct dash_state *s, const struct dash_opts *o, bool still)
{
	const bool ascii = o->ascii || !str_eq(nl_langinfo(CODESET), "UTF-8");
	struct dash_ui ui = { .plain = true, .still = still };
	struct dash_screen screen = { 0 };
	struct buf out = { 0 };

	dash_view(s, &ui, 0, COLUMNS, ascii, &screen);
	dash_screen_text(&screen, &out);
	dash_screen_free(&screen);
	dash_ui_free(&ui);
	return buf_steal(&out);
}

int dash_plain(const struct dash_opts *o, struct err *err)
{
	autofree char *said = NULL;
	struct dash_ask ask = { .opts = o };
	struct dash_state s = { 0 };
	bool first = true;

	do {
		autofree char *still = NULL, *text = NULL;

		look(&ask, first, &s);
		still = text_of(&s, o, true);
		if (!str_eq(still, said)) {
			text = text_of(&s, o, false);
			printf("%s%s", first ? "" : "\n", text);
			fflush(stdout);
			free(said);
			said = steal(still);
		}
		first = false;
		if (o->watch && s.daemon.text)
			clock_sleep_ns(LOOK_NS);
	} while (o->watch && !ferror(stdout));
	dash_ask_free(&ask);
	dash_state_free(&s);
	return ferror(stdout) && !o->watch ? err_errno(err, errno, "standard output") : 0;
}
