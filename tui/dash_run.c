/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dashboard on a terminal: keys, answers and the lines of commands come to one loop; who waits for an answer is another
 * thread. */
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/loop.h"
#include "tui/dash.h"
#include "tui/dash_ask.h"
#include "tui/dash_child.h"
#include "tui/dash_draw.h"
#include "tui/dash_input.h"
#include "tui/dash_plain.h"
#include "tui/dash_view.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define GUARD_NS (500 * NS_PER_MS)  /* between two looks at the guard */
#define DAEMON_NS (200 * NS_PER_MS) /* between two questions to the daemon, each of which waits for news */
#define AGAIN_NS (1 * NS_PER_S)	    /* until one that did not answer is asked again */
#define LINES_NS (100 * NS_PER_MS)  /* lines of a command come by thousands: they are shown so often */
#define SLOW_NS (4 * NS_PER_S)	    /* an answer that was not there by then is waited for in public */
#define MESSAGE_NS (10 * NS_PER_S)  /* what a message says may not be so any more */
#define ESC_NS (100 * NS_PER_MS)    /* the rest of a sequence comes sooner, also over ssh */

/* Somebody who is asked by turns, on a helper thread. */
struct asker {
	struct run *run;
	loop_fn work;
	struct loop_timer *timer;
	bool busy, again; /* again: at once, when this answer is there */
	bool now;	  /* of the question that is asked: do not wait for news */
	struct dash_state news;
	unsigned int parts;
};
struct run {
	const struct dash_opts *opts;
	struct loop *loop;
	struct dash_state state;
	struct dash_ui ui;
	struct dash_draw *draw;
	struct dash_input input;
	struct dash_ask ask;
	struct asker daemon, guard;
	struct dash_child *child;
	struct loop_fd *keys;
	struct loop_timer *esc, *lines, *slow, *message;
	bool lines_due;
	struct loop_signal *signals[4];
	bool over;
};

static void show(struct run *r)
{
	struct dash_screen screen = { 0 };
	size_t rows, cols;

	if (r->over)
		return;
	dash_draw_size(r->draw, &rows, &cols);
	dash_view(&r->state, &r->ui, rows, cols, dash_draw_ascii(r->draw), &screen);
	dash_draw_show(r->draw, &screen);
	dash_screen_free(&screen);
}

static void quit(struct run *r)
{
	if (r->over)
		return;
	r->over = true;
	if (r->child)
		dash_child_stop(r->child);
	atomic_store(&r->ask.stop, true);
	/* Whoever is asked may still take a moment: the terminal is given back before that. */
	dash_draw_close(r->draw);
	r->draw = NULL;
	loop_stop(r->loop);
}

/* --- asking --- */

static void daemon_work(void *ctx)
{
	struct asker *a = ctx;

	a->parts = dash_ask_daemon(&a->run->ask, a->now, &a->news);
}

static void guard_work(void *ctx)
{
	struct asker *a = ctx;

	a->parts = dash_ask_guard(a->run->opts, &a->news);
}

static void answered(void *ctx);

static void begin(struct asker *a, bool now)
{
	struct err err = { 0 };

	if (a->run->over)
		return;
	if (a->busy) {
		a->again |= now;
		return;
	}
	a->busy = true;
	if (a == &a->run->daemon)
		loop_timer_set(a->run->slow, SLOW_NS, 0);
	a->now = now;
	a->parts = 0;
	if (loop_work(a->run->loop, a->work, answered, a, &err) == 0)
		return;
	a->busy = false;
	loop_timer_set(a->timer, AGAIN_NS, 0);
}

static void on_timer(void *ctx)
{
	begin(ctx, false);
}

static void answered(void *ctx)
{
	struct asker *a = ctx;
	struct run *r = a->run;
	const bool silent = a->news.daemon.text || a->news.guard_silence.text;

	a->busy = false;
	if (a == &r->daemon) {
		loop_timer_stop(r->slow);
		r->state.daemon_slow = false;
	}
	/* Who reads older events goes on reading them. */
	if (r->ui.at[DASH_EVENTS] && a->parts & DASH_EVENT_ROWS)
		r->ui.at[DASH_EVENTS] += a->news.events.len;
	dash_state_take(&r->state, &a->news, a->parts);
	if (r->over)
		return;
	dash_settle(&r->ui, &r->state);
	show(r);
	if (a->again) {
		a->again = false;
		begin(a, true);
		return;
	}
	loop_timer_set(a->timer, silent ? AGAIN_NS : a == &r->guard ? GUARD_NS : DAEMON_NS, 0);
}

static void on_slow(void *ctx)
{
	struct run *r = ctx;

	r->state.daemon_slow = true;
	show(r);
}

static void on_message(void *ctx)
{
	struct run *r = ctx;

	r->ui.message[0] = '\0';
	show(r);
}

static void refresh(struct run *r)
{
	begin(&r->daemon, true);
	begin(&r->guard, true);
}

/* --- commands --- */

static void on_line(void *ctx, const char *line)
{
	struct run *r = ctx;

	dash_heard(&r->ui, line);
	if (r->over || r->lines_due)
		return;
	r->lines_due = true;
	loop_timer_set(r->lines, LINES_NS, 0);
}

static void on_lines(void *ctx)
{
	struct run *r = ctx;

	r->lines_due = false;
	show(r);
}

static void on_ended(void *ctx, int status, const char *why)
{
	struct run *r = ctx;

	r->child = NULL;
	dash_ended(&r->ui, status, why);
	refresh(r);
	show(r);
}

static void run_command(struct run *r)
{
	const struct dash_child_calls calls = { .line = on_line, .ended = on_ended, .ctx = r };
	autoclean(str_list_free) struct str_list words = { 0 };
	struct err err = { 0 };

	for (size_t i = 0; i < r->ui.program.len; i++)
		str_list_add(&words, r->ui.program.items[i]);
	for (size_t i = 0; i < r->ui.words.len; i++)
		str_list_add(&words, r->ui.words.items[i]);
	str_list_add(&words, r->ui.last);
	if (dash_child_start(r->loop, &words, &calls, &r->child, &err) < 0)
		dash_ended(&r->ui, 1, err.text);
}

/* --- keys --- */

static void do_key(struct run *r, int key)
{
	size_t rows, cols;

	if (key == DASH_KEY_NONE)
		return;
	dash_draw_size(r->draw, &rows, &cols);
	/* There is nothing to see of what other keys would do, nor of what is typed. */
	if (rows < DASH_ROWS_MIN || cols < DASH_COLS_MIN) {
		if (key == 'q' || key == DASH_CTRL('c'))
			quit(r);
		return;
	}
	switch (dash_key(&r->ui, &r->state, key, rows / 3)) {
	case DASH_WANT_QUIT:
		quit(r);
		break;
	case DASH_WANT_REFRESH:
		if (key == DASH_CTRL('l') || key == DASH_KEY_F5)
			dash_draw_forget(r->draw);
		refresh(r);
		break;
	case DASH_WANT_PLAN:
	case DASH_WANT_RUN:
		run_command(r);
		break;
	case DASH_WANT_STOP:
		if (r->child)
			dash_child_stop(r->child);
		break;
	case DASH_WANT_NOTHING:
		break;
	}
	if (!r->over && r->ui.message[0])
		loop_timer_set(r->message, MESSAGE_NS, 0);
}

static void on_esc(void *ctx)
{
	struct run *r = ctx;

	do_key(r, dash_input_pause(&r->input));
	show(r);
}

static void on_keys(void *ctx)
{
	struct run *r = ctx;
	unsigned char bytes[256];
	const ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	/* The line was hung up. */
	if (n <= 0) {
		quit(r);
		return;
	}
	for (ssize_t i = 0; i < n && !r->over; i++) {
		int keys[2];
		const size_t whole = dash_input_byte(&r->input, bytes[i], keys);

		for (size_t k = 0; k < whole && !r->over; k++)
			do_key(r, keys[k]);
	}
	if (dash_input_waits(&r->input))
		loop_timer_set(r->esc, ESC_NS, 0);
	else
		loop_timer_stop(r->esc);
	show(r);
}

static void on_resize(void *ctx)
{
	struct run *r = ctx;

	if (r->over)
		return;
	dash_draw_resized(r->draw);
	show(r);
}

static void on_end(void *ctx)
{
	quit(ctx);
}

/* --- all of it --- */

static void add_option(struct str_list *words, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	str_list_add(words, name);
	str_list_add(words, value);
}

static void set_program(struct dash_ui *ui, const struct dash_opts *o)
{
	str_list_add(&ui->program, o->orthrus ? o->orthrus : "orthrus");
	add_option(&ui->program, "--root", o->root);
	add_option(&ui->program, "--api", o->api);
	add_option(&ui->program, "--ca", o->ca);
	add_option(&ui->program, "--cert", o->cert);
	add_option(&ui->program, "--key", o->key);
}

static int start(struct run *r, struct err *err)
{
	static const int ends[] = { SIGTERM, SIGHUP, SIGINT };

	if (loop_fd_new(r->loop, STDIN_FILENO, on_keys, r, &r->keys, err) < 0)
		return -1;
	r->esc = loop_timer_new(r->loop, on_esc, r);
	r->lines = loop_timer_new(r->loop, on_lines, r);
	r->slow = loop_timer_new(r->loop, on_slow, r);
	r->message = loop_timer_new(r->loop, on_message, r);
	r->signals[0] = loop_signal_new(r->loop, SIGWINCH, on_resize, r);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		r->signals[i + 1] = loop_signal_new(r->loop, ends[i], on_end, r);
	r->daemon = (struct asker){ .run = r, .work = daemon_work, .timer = loop_timer_new(r->loop, on_timer, &r->daemon) };
	r->guard = (struct asker){ .run = r, .work = guard_work, .timer = loop_timer_new(r->loop, on_timer, &r->guard) };
	show(r);
	refresh(r);
	return 0;
}

static int on_terminal(const struct dash_opts *o, struct err *err)
{
	struct run r = { .opts = o, .ask = { .opts = o } };
	int rc = -1;

	if (loop_new(&r.loop, err) < 0)
		return -1;
	set_program(&r.ui, o);
	r.ui.names = o->names;
	if (dash_draw_open(o->ascii, &r.draw, err) == 0) {
		rc = start(&r, err);
		if (rc == 0)
			loop_run(r.loop);
		r.over = true;
		dash_draw_close(r.draw); /* where it did not come to that */
	}
	loop_free(r.loop);
	dash_ask_free(&r.ask);
	dash_state_free(&r.daemon.news);
	dash_state_free(&r.guard.news);
	dash_state_free(&r.state);
	dash_ui_free(&r.ui);
	return rc;
}

int dash_run(const struct dash_opts *o, struct err *err)
{
	return o->plain ? dash_plain(o, err) : on_terminal(o, err);
}
