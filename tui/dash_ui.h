/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the administrator is on the dashboard, and what each key does there: keys make commands of orthrus(8), which somebody
 * else runs. Pure. */
#ifndef ORTHRUS_TUI_DASH_UI_H
#define ORTHRUS_TUI_DASH_UI_H

#include "base/buf.h"
#include "base/str.h"
#include "tui/dash_state.h"

#include <stdbool.h>
#include <stddef.h>

enum dash_panel {
	DASH_NODES,
	DASH_WAITING,
	DASH_CASTS,
	DASH_EVENTS,
	DASH_PANELS
}; /* those that one walks in, in the order of Tab */

enum dash_mode {
	DASH_BROWSE,
	DASH_FILTER,   /* the filter is typed */
	DASH_HELP,     /* F1 */
	DASH_ABOUT,    /* all of one node or machine */
	DASH_FORM,     /* what a command needs is typed */
	DASH_PLANNING, /* the command runs with --plan */
	DASH_CONFIRM,  /* its plan is shown, and a yes is awaited */
	DASH_RUNNING,  /* it runs */
	DASH_DONE,     /* what it said is shown */
};

enum dash_act { DASH_APPROVE, DASH_ADD, DASH_INSTALL, DASH_REMOVE, DASH_SWITCH, DASH_ACTS };

#define DASH_FIELDS_MAX 3
#define DASH_VALUE_MAX 2048 /* the MAC addresses of a rack */
struct dash_field {
	const char *option;	    /* NULL: the value is a word of its own */
	const char *label, *help;   /* both literals */
	char value[DASH_VALUE_MAX]; /* what was typed, or what was proposed */
	char problem[128];	    /* why it was refused; "" */
};

struct dash_ui {
	struct str_list
		program;   /* "orthrus" and the options of every command that it gets: --root, or --api and what belongs to it */
	const char *names; /* the rule that new nodes are named by, or NULL */
	enum dash_panel focus;
	enum dash_mode mode;
	char filter[DASH_VALUE_MAX];
	char *chosen[DASH_PANELS]; /* the node's name, the fingerprint; NULL: none yet, and always of the others */
	size_t at[DASH_PANELS];	   /* its place among those that are shown; of the others, the first line that is shown; of events
				      from the newest on */
	struct str_list marked;	   /* nodes */
	char *about_what;	   /* of DASH_ABOUT: the node's name, else the machine's fingerprint; or NULL */
	bool about_node;
	char message[160]; /* said once in place of the keys */
	/* A command in the making: of DASH_FORM and the modes behind it. */
	enum dash_act act;
	struct dash_field fields[DASH_FIELDS_MAX];
	size_t n_fields, field;
	char *subject;	       /* the fingerprint of the machine that it is about, whatever is chosen by then; or NULL */
	char *about;	       /* a sentence to compare or to think of before the yes, or NULL */
	struct str_list words; /* behind those of `program`, without --plan and --yes */
	struct str_list said;  /* what it printed, line by line */
	const char *last;      /* "--plan" or "--yes", whichever it was run with last; a literal */
	bool left;	       /* its plan is not waited for any more */
	bool failed;	       /* it did not end with 0 */
	char typed[16];	       /* of the yes */
	size_t scroll;	       /* first line of the help or of what is shown of a command */
	bool plain;	       /* for print: no keys, nothing is chosen */
	bool still;	       /* without what grows by itself (how long it is since): to see whether two are the same */
};
void dash_ui_free(struct dash_ui *ui);

/* A key: a character, or one of these. */
enum dash_key {
	DASH_KEY_NONE = 0,
	DASH_KEY_TAB = '\t',
	DASH_KEY_ENTER = '\r',
	DASH_KEY_ESC = 27,
	DASH_KEY_BACK = 127,
	DASH_KEY_UP = 0x110000, /* behind all of Unicode */
	DASH_KEY_DOWN,
	DASH_KEY_LEFT,
	DASH_KEY_RIGHT,
	DASH_KEY_PGUP,
	DASH_KEY_PGDN,
	DASH_KEY_HOME,
	DASH_KEY_END,
	DASH_KEY_BACKTAB,
	DASH_KEY_F1,
	DASH_KEY_F5,
};
#define DASH_CTRL(letter) ((letter)&0x1f)

enum dash_want {
	DASH_WANT_NOTHING, /* but drawing anew */
	DASH_WANT_QUIT,
	DASH_WANT_REFRESH, /* ask everybody now, and draw all anew */
	DASH_WANT_PLAN,	   /* run ui->words with --plan, then dash_heard() and dash_ended() */
	DASH_WANT_RUN,	   /* run ui->words with --yes, likewise */
	DASH_WANT_STOP,	   /* end the command that runs; dash_ended() tells of it */
};
/* PAGE: rows of a page, for PgUp and PgDn. */
enum dash_want dash_key(struct dash_ui *ui, const struct dash_state *s, int key, size_t page);
/* A line that the command printed; and its end: exit status 0, or `why` it could not be run or what it ended with (NULL with 0).
 */
void dash_heard(struct dash_ui *ui, const char *line);
void dash_ended(struct dash_ui *ui, int status, const char *why);

/* Which nodes the filter leaves, by their places in s->nodes; the caller frees. The filter's words must all be right of a node:
 * "failed" (the beginning of a state), "@compute" (its group), n[01-20], or a part of its name, an address or a MAC address. */
size_t *dash_shown(const struct dash_state *s, const char *filter, size_t *n);
/* The machines that wait, by their places in s->pending: those that were not rejected. The caller frees. */
size_t *dash_waiting(const struct dash_state *s, size_t *n);
/* After the state or the filter changed: what was chosen stays so, or is the one in its place. */
void dash_settle(struct dash_ui *ui, const struct dash_state *s);

/* Appends the command as one would type it, quoted for a shell where it must be: "orthrus node install n01 --plan" with LAST
 * "--plan". */
void dash_command(const struct dash_ui *ui, const char *last, struct buf *out);
/* Whether a yes must be typed: what it does cannot be taken back, or somebody was trusted. */
bool dash_is_grave(enum dash_act act);

#endif
