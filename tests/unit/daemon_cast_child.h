/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process that casts for orthrusd and sends nothing: it answers as one would, and ends as the test of daemon/cast.c wants. What
 * it does differs by the image's name: "unreadable" does not begin, "unbound" says why it does not, "slow" is not ready, "full"
 * takes nobody. */
#ifndef ORTHRUS_TESTS_DAEMON_CAST_CHILD_H
#define ORTHRUS_TESTS_DAEMON_CAST_CHILD_H

#include "base/mem.h"
#include "cast/wire.h"
#include "daemon/cast_lines.h"
#include "sys/fs.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#define CHUNKS 20
#define HAVE_LEN 3

static inline void say(const struct cast_said_line *l)
{
	autoclean(buf_free) struct buf b = { 0 };
	struct err err = { 0 };

	cast_said_write(l, &b);
	if (fs_write_all(STDOUT_FILENO, "standard output", b.data, b.len, &err) < 0)
		_exit(9);
}

/* What the test wants now: the file STORE/NAME, each word of it once. */
static inline char *wish(const struct cast_open *o)
{
	autofree char *path = fs_join(o->store, o->name);
	autoclean(buf_free) struct buf b = { 0 };
	struct err err = { 0 };

	if (fs_read(path, 64, &b, &err) < 0)
		return NULL;
	unlink(path);
	return buf_steal(&b);
}

static inline void say_views(uint64_t n, uint64_t lacking, uint64_t heard_ms)
{
	struct cast_view views[CAST_VIEWS_MAX] = { 0 };
	const struct cast_said_line l = { .what = CAST_SAID_RECEIVERS, .views = views, .n_views = n };

	for (uint64_t i = 0; i < n; i++)
		views[i] = (struct cast_view){
			.number = i + 1, .state = lacking ? WIRE_RECEIVING : WIRE_DONE, .lacking = lacking, .heard_ms = heard_ms
		};
	say(&l);
}

static inline void end(uint64_t joined, uint64_t heard_ms)
{
	const struct cast_said_line ended = { .what = CAST_SAID_ENDED };

	say_views(joined, 5, heard_ms);
	say(&ended);
	_exit(0);
}

static inline void obey(const char *word, uint64_t joined)
{
	if (str_eq(word, "die"))
		_exit(3);
	else if (str_eq(word, "whole"))
		say_views(joined, 0, 10);
	else if (str_eq(word, "hang"))
		raise(SIGSTOP);
	else if (str_eq(word, "over"))
		end(joined, 10);
	else if (str_eq(word, "lost"))
		end(joined, 5000);
	else
		_exit(8);
}

static inline void answer(const struct cast_do_line *l, const struct cast_open *o, uint64_t *joined)
{
	const struct cast_said_line opened = {
		.what = CAST_SAID_OPENED, .port = 4000, .chunks = CHUNKS, .blocks = 7, .bytes = 1 << 20
	};
	const struct cast_said_line yes = { .what = CAST_SAID_JOINED, .number = l->number };
	static char words[] = "no room", why[] = "the address is not here";
	const struct cast_said_line no = { .what = CAST_SAID_REFUSED, .number = l->number, .text = words };
	const struct cast_said_line failed = { .what = CAST_SAID_ENDED, .text = why };

	switch (l->what) {
	case CAST_DO_OPEN:
		if (str_eq(o->name, "unreadable"))
			_exit(4);
		if (str_eq(o->name, "unbound")) {
			say(&failed);
			_exit(1);
		}
		if (!str_eq(o->name, "slow"))
			say(&opened);
		break;
	case CAST_DO_JOIN:
		*joined = l->number;
		say(str_eq(o->name, "full") ? &no : &yes);
		break;
	case CAST_DO_LEAVE:
		break;
	case CAST_DO_STOP:
		end(*joined, 10);
	}
}

/* Reads lines as a cast would, until it is told to end, or its input ends. */
static inline int fake_child(void)
{
	autoclean(buf_free) struct buf in = { 0 };
	struct cast_open open = { 0 };
	uint64_t joined = 0;

	for (;;) {
		struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
		const struct cast_said_line progress = { .what = CAST_SAID_PROGRESS, .progress = { .stage = WIRE_PASS } };
		autofree char *word = open.name ? wish(&open) : NULL;
		char c;

		if (word)
			obey(word, joined);
		if (poll(&p, 1, 20) <= 0) {
			if (open.name && !str_eq(open.name, "slow"))
				say(&progress);
			continue;
		}
		if (read(STDIN_FILENO, &c, 1) != 1)
			return 0;
		if (c == '\n') {
			struct cast_do_line l;
			struct err err = { 0 };

			if (cast_do_read(in.data, in.len, &l, &err) < 0)
				return 7;
			if (l.what == CAST_DO_OPEN)
				open = l.open;
			answer(&l, &open, &joined);
			buf_clear(&in);
		} else {
			buf_addc(&in, c);
		}
	}
}

#endif
