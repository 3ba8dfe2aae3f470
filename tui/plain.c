/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/plain.h"

#include "base/mem.h"
#include "base/str.h"
#include "tui/plain_answer.h"
#include "tui/screen.h"
#include "tui/signals.h"
#include "tui/text.h"
#include "tui/view.h"
#include "tui/wizard.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)65536)
#define COLUMNS 78

struct plain {
	struct screen base;
	struct signals signals;
	char *page;	      /* the key of the page under way */
	char *asked;	      /* the field that was asked last, or NULL */
	size_t asked_at;      /* its place, should it be gone by now */
	bool to_end;	      /* only what was refused is asked once more: then on */
	bool went_on;	      /* the last thing told was SCREEN_NEXT */
	struct str_list seen; /* notes as they were printed: key, value */
	struct buf input;     /* read and not used yet */
	bool ended;
	bool interrupted; /* Ctrl-C: to leave, or to stop, was asked for; cleared by whoever tells of it */
};

/* Whether it is to end. Where nobody could be asked anything, Ctrl-C ends it as well. */
static bool shall_end(struct plain *p)
{
	switch (signals_read(&p->signals)) {
	case SIGNALS_INTERRUPT:
		p->interrupted = isatty(STDIN_FILENO);
		if (p->interrupted)
			printf("\n");
		return true;
	case SIGNALS_END:
		return true;
	case SIGNALS_NONE:
	case SIGNALS_RESIZED:
		break;
	}
	return false;
}

static bool take_interrupt(struct plain *p)
{
	bool was = p->interrupted;

	p->interrupted = false;
	return was;
}

/* What else is waited for beside input: 0, 1 watch_fd is ready, -1 the end, or it was interrupted. */
static int wait_for(struct plain *p, int fd, int timeout_ms)
{
	struct pollfd fds[2] = { { .fd = p->signals.fd, .events = POLLIN }, { .fd = fd, .events = POLLIN } };

	for (;;) {
		int n = poll(fds, 2, timeout_ms > 0 ? timeout_ms : -1);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n == 0)
			return 0;
		if (n > 0 && fds[0].revents && shall_end(p))
			return -1;
		if (n > 0 && fds[1].revents)
			return 1;
	}
}

/* The next line without its end; NULL at the end of the input, and where nobody reads the questions. A last line without an end
 * counts. */
static char *read_line(struct plain *p)
{
	if (ferror(stdout))
		return NULL;
	for (;;) {
		char *end = p->input.len ? memchr(p->input.data, '\n', p->input.len) : NULL;
		char chunk[1024];
		ssize_t n;

		if (end || (p->ended && p->input.len)) {
			size_t len = end ? (size_t)(end - p->input.data) : p->input.len, all = end ? len + 1 : len;
			char *line = mem_strndup(p->input.data, len && p->input.data[len - 1] == '\r' ? len - 1 : len);

			memmove(p->input.data, p->input.data + all, p->input.len - all);
			p->input.len -= all;
			return line;
		}
		if (p->ended || p->input.len > LINE_MAX_BYTES || wait_for(p, STDIN_FILENO, 0) < 0)
			return NULL;
		n = read(STDIN_FILENO, chunk, sizeof(chunk));
		if (n > 0)
			buf_add(&p->input, chunk, (size_t)n);
		else if (n == 0 || errno != EINTR)
			p->ended = true;
	}
}

static char *trimmed(char *line)
{
	size_t from = strspn(line, " \t"), to = strlen(line);
	char *s;

	while (to > from && strchr(" \t", line[to - 1]))
		to--;
	s = mem_strndup(line + from, to - from);
	free(line);
	return s;
}

/* What is typed is not shown, where a terminal would show it. */
static char *read_hidden(struct plain *p)
{
	struct termios was, quiet;
	bool terminal = tcgetattr(STDIN_FILENO, &was) == 0;
	char *line;

	if (!terminal)
		return read_line(p);
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
	line = read_line(p);
	tcsetattr(STDIN_FILENO, TCSANOW, &was);
	putchar('\n');
	return line;
}

/* Between words, behind `before`; what follows as far in. */
static void print_wrapped(const char *before, const char *text)
{
	autoclean(str_list_free) struct str_list lines = { 0 };

	text_wrap(text, COLUMNS - strlen(before), &lines);
	for (size_t i = 0; i < lines.len; i++)
		printf("%*s%s\n", (int)strlen(before), i ? "" : before, lines.items[i]);
}

static void print_note(struct plain *p, const struct field *f)
{
	const char *was = NULL;
	size_t i = 0;

	for (; i + 1 < p->seen.len; i += 2)
		if (str_eq(p->seen.items[i], f->key)) {
			was = p->seen.items[i + 1];
			break;
		}
	if (was && str_eq(was, f->value))
		return;
	if (was && *was && str_starts(f->value, was)) {
		print_wrapped("  ", f->value + strlen(was) + (f->value[strlen(was)] == '\n')); /* it only grew */
	} else if (*f->value) {
		printf("\n%s%s", f->label, *f->label ? "\n" : "");
		print_wrapped("  ", f->value);
	}
	if (was) {
		free(p->seen.items[i + 1]);
		p->seen.items[i + 1] = mem_strdup(f->value);
	} else {
		str_list_add(&p->seen, f->key);
		str_list_add(&p->seen, f->value);
	}
}

static void print_notes(struct plain *p, const struct page *page, size_t before)
{
	for (size_t i = 0; i < before && i < page->n_fields; i++)
		if (page->fields[i].kind == FIELD_NOTE)
			print_note(p, &page->fields[i]);
}

static void head(struct plain *p, const struct page *page, const struct screen_how *how)
{
	free(p->page);
	p->page = mem_strdup(page->key);
	free(p->asked);
	p->asked = NULL;
	p->asked_at = 0;
	p->to_end = p->went_on = false;
	str_list_free(&p->seen);
	printf("\n== %s", page->title);
	if (how->number)
		printf(" (page %zu of %zu)", how->number, how->of);
	printf("\n");
	if (page->intro)
		print_wrapped("", page->intro);
	if (page->command)
		printf("The same by command: %s\n", page->command);
}

static void help(const struct page *page, const struct field *f)
{
	autofree char *text = wizard_help(page, f);

	print_wrapped("", text);
	switch (f->kind) {
	case FIELD_CHOICE:
		printf("Type the number of a choice. ");
		break;
	case FIELD_SET:
		printf("Type the numbers of what is wanted, with commas between them, or - for none. ");
		break;
	case FIELD_SWITCH:
	case FIELD_ACTION:
		printf("Type yes or no. ");
		break;
	case FIELD_TEXT:
	case FIELD_SECRET:
	case FIELD_NOTE:
		printf("Type - for an empty value. ");
		break;
	}
	printf("An empty line takes what is in brackets; < goes back, ! leaves: nothing is lost.\n");
}

enum asked { ASKED_SAME, ASKED_CHANGED, ASKED_YES, ASKED_BACK, ASKED_QUIT, ASKED_END };

static enum asked ask_once(struct plain *p, const struct page *page, struct field *f, bool *again)
{
	autoclean(buf_free) struct buf out = { 0 };
	autofree char *typed = NULL, *value = NULL;
	struct err err = { 0 };

	*again = false;
	if (f->problem)
		print_wrapped("! ", f->problem);
	plain_choices(f, &out);
	plain_prompt(f, &out);
	printf("%s", buf_str(&out));
	fflush(stdout);
	typed = f->kind == FIELD_SECRET ? read_hidden(p) : read_line(p);
	if (!typed)
		return take_interrupt(p) ? ASKED_QUIT : ASKED_END;
	if (f->kind != FIELD_SECRET)
		typed = trimmed(steal(typed));
	if (!isatty(STDIN_FILENO))
		printf("%s\n", f->kind == FIELD_SECRET ? "" : typed); /* a script's answers stand in its log */
	if (str_eq(typed, "<"))
		return ASKED_BACK;
	if (str_eq(typed, "!"))
		return ASKED_QUIT;
	*again = true;
	if (str_eq(typed, "?")) {
		help(page, f);
		return ASKED_SAME;
	}
	if (plain_answer(f, typed, &value, &err) < 0) {
		print_wrapped("! ", err.text);
		return ASKED_SAME;
	}
	*again = false;
	if (f->kind == FIELD_ACTION)
		return str_eq(value, "yes") ? ASKED_YES : ASKED_SAME;
	if (str_eq(value, f->value))
		return ASKED_SAME;
	field_set(f, value);
	return ASKED_CHANGED;
}

static enum asked ask_field(struct plain *p, const struct page *page, struct field *f)
{
	enum asked got;
	bool again;

	do
		got = ask_once(p, page, f, &again);
	while (again);
	free(p->asked);
	p->asked = mem_strdup(f->key);
	p->asked_at = (size_t)(f - page->fields);
	return got;
}

/* Where to go on: a page that is made anew may have other fields by now. */
static size_t next_field(struct plain *p, const struct page *page, const struct screen_how *how)
{
	const struct field *f = page_field(page, how->focus);

	if (f) {
		p->to_end = p->went_on || p->to_end;
		return (size_t)(f - page->fields);
	}
	if (p->to_end)
		return page->n_fields;
	if (!p->asked)
		return 0;
	f = page_field(page, p->asked);
	return f ? (size_t)(f - page->fields) + 1 : p->asked_at;
}

/* Nothing to type: what is new on the page, and then what happens. */
static enum screen_event look(struct plain *p, const struct page *page, const struct screen_how *how)
{
	print_notes(p, page, page->n_fields);
	fflush(stdout);
	switch (wait_for(p, how->watch_fd ? how->watch_fd : -1, how->tick_ms)) {
	case 1:
		return SCREEN_READY;
	case 0:
		return SCREEN_TICK;
	default:
		return take_interrupt(p) ? SCREEN_QUIT : SCREEN_GONE;
	}
}

static enum screen_event show(struct screen *s, struct page *page, const struct screen_how *how, const char **key)
{
	struct plain *p = (struct plain *)s;
	size_t i;

	*key = NULL;
	if (how->fresh || !str_eq(p->page, page->key))
		head(p, page, how);
	if (how->watch_fd || how->tick_ms)
		return look(p, page, how);
	i = next_field(p, page, how);
	p->went_on = false;
	print_notes(p, page, i);
	for (; i < page->n_fields; i++) {
		struct field *f = &page->fields[i];

		if (f->kind == FIELD_NOTE) {
			print_note(p, f);
			continue;
		}
		*key = f->key;
		switch (ask_field(p, page, f)) {
		case ASKED_CHANGED:
			return SCREEN_CHANGED;
		case ASKED_YES:
			return SCREEN_ACTION;
		case ASKED_BACK:
			return SCREEN_BACK;
		case ASKED_QUIT:
			return SCREEN_QUIT;
		case ASKED_END:
			return SCREEN_GONE;
		case ASKED_SAME:
			break;
		}
		if (p->to_end)
			break;
	}
	p->went_on = true;
	return SCREEN_NEXT;
}

static bool ask(struct screen *s, const char *question, bool otherwise)
{
	struct plain *p = (struct plain *)s;

	for (;;) {
		autofree char *typed = NULL;

		printf("%s [%s]: ", question, otherwise ? "yes" : "no");
		fflush(stdout);
		typed = read_line(p);
		if (!typed) {
			(void)take_interrupt(p);
			return otherwise;
		}
		typed = trimmed(steal(typed));
		if (!isatty(STDIN_FILENO))
			printf("%s\n", typed);
		if (!*typed)
			return otherwise;
		if (typed[0] == 'y' || typed[0] == 'Y')
			return true;
		if (typed[0] == 'n' || typed[0] == 'N')
			return false;
	}
}

static void say(struct screen *s, const char *text)
{
	(void)s;
	printf("%s\n", text);
	fflush(stdout);
}

static void finish(struct screen *s)
{
	struct plain *p = (struct plain *)s;

	signals_close(&p->signals);
	if (p->input.data)
		explicit_bzero(p->input.data, p->input.cap);
	buf_free(&p->input);
	str_list_free(&p->seen);
	free(p->page);
	free(p->asked);
	free(p);
}

int plain_open(const char *title, struct screen **out, struct err *err)
{
	static const struct screen_ops ops = { .show = show, .ask = ask, .say = say, .close = finish };
	struct plain *p = mem_zalloc(sizeof(*p));

	p->base.ops = &ops;
	p->base.plain = true;
	if (signals_open(&p->signals, err) < 0) {
		free(p);
		return -1;
	}
	printf("%s\nAn empty line takes what is in brackets; ? explains, < goes back, ! leaves: nothing is lost.\n", title);
	*out = &p->base;
	return 0;
}
