/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/child.h"

#include "base/json.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/spawn.h"
#include "sys/spawn_stream.h"
#include "tui/screen.h"
#include "tui/signals.h"
#include "tui/view.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS 1000
#define OUTPUT_MAX ((size_t)8 << 20)
#define READ_GRACE_NS (2 * NS_PER_S) /* of one that only looks */

char *child_orthrus(void)
{
	static const char *const places[] = { "/orthrus", "/../bin/orthrus" };
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		self[n] = '\0';
		for (size_t i = 0; strrchr(self, '/') && i < ARRAY_LEN(places); i++) {
			autofree char *path = str_format("%.*s%s", (int)(strrchr(self, '/') - self), self, places[i]);

			if (access(path, X_OK) == 0)
				return steal(path);
		}
	}
	return mem_strdup("orthrus");
}

static int read_error(struct json_obj *o, void *ctx, struct err *err)
{
	struct err *out = ctx;
	struct json_obj e;
	autofree char *kind = NULL, *text = NULL, *hint = NULL;

	if (json_obj(o, "error", JSON_MUST, &e, err) < 0 || json_str(&e, "kind", JSON_MUST, &kind, err) < 0 ||
	    json_str(&e, "text", JSON_MUST, &text, err) < 0 || json_str(&e, "hint", JSON_MAY, &hint, err) < 0)
		return -1;
	err_set(out, err_kind_of(kind), "%s", text);
	if (hint && *hint)
		err_hint(out, "%s", hint);
	return 0;
}

bool child_error(const char *text, size_t len, struct err *err)
{
	struct err none = { 0 };

	return json_read(text, len, read_error, err, &none) == 0;
}

/* Of what it wrote to standard error the last line: without the name of the program, which the reader did not start. */
static void last_words(const char *program, int status, const char *said, struct err *err)
{
	autofree char *all = mem_strdup(said), *prefix = str_format("%s: ", program), *shown = NULL;
	const char *line = "";
	char *save = NULL;

	for (char *p = strtok_r(all, "\n", &save); p; p = strtok_r(NULL, "\n", &save))
		if (p[strspn(p, " \t")])
			line = p;
	shown = str_printable(line, strlen(line));
	if (*shown)
		err_set(err, ERR_FAILED, "%s", str_starts(shown, prefix) ? shown + strlen(prefix) : shown);
	else
		err_set(err, ERR_FAILED, "%s ended with exit %d and said nothing", program, status);
}

static const char *name_of(const struct str_list *argv)
{
	const char *slash = strrchr(argv->items[0], '/');

	return slash ? slash + 1 : argv->items[0];
}

static int still_wanted(void *ctx, struct err *err)
{
	(void)ctx;
	return signals_ending() ? err_set(err, ERR_FAILED, "it was ended before that was done") : 0;
}

/* All that it prints; what is more than anybody reads is passed over. */
static int read_all(struct spawn_stream *st, int64_t timeout_ns, struct buf *out, struct err *err)
{
	for (;;) {
		char chunk[4096];
		ssize_t n = spawn_stream_read(st, chunk, sizeof(chunk), timeout_ns, err);

		if (n <= 0)
			return (int)n;
		if (out->len < OUTPUT_MAX)
			buf_add(out, chunk, (size_t)n);
	}
}

int child_read(const struct str_list *argv, int64_t timeout_ns, struct buf *out, struct err *err)
{
	struct spawn s = { .argv = (const char *const *)argv->items };
	autoclean(spawn_stream_free) struct spawn_stream st = { 0 };
	autoclean(buf_free) struct buf text = { 0 };

	if (spawn_stream_open(&s, &st, err) < 0)
		return -1;
	close(steal_fd(st.in));
	st.idle = still_wanted;
	if (read_all(&st, timeout_ns, &text, err) < 0) {
		kill(st.pid, SIGTERM);
		spawn_stream_close(&st, READ_GRACE_NS);
		return -1;
	}
	spawn_stream_close(&st, timeout_ns);
	if (st.status != 0) {
		if (!child_error(buf_str(&text), text.len, err))
			last_words(name_of(argv), st.status, buf_str(&st.said), err);
		return -1;
	}
	buf_add(out, buf_str(&text), text.len);
	return 0;
}

/* Takes whole lines out of what was read. */
static void give_lines(const struct child_watch *w, struct buf *text, bool end)
{
	char *p = text->data, *stop;

	while (p && text->len && ((stop = memchr(p, '\n', text->len - (size_t)(p - text->data))) || (end && *p))) {
		if (stop)
			*stop = '\0';
		w->line(w->ctx, p);
		if (!stop)
			break;
		p = stop + 1;
	}
	if (end) {
		buf_clear(text);
	} else if (p && p != text->data) {
		size_t left = text->len - (size_t)(p - text->data);

		memmove(text->data, p, left + 1);
		text->len = left;
	}
}

/* What can be read by now. False at its end. */
static bool take(const struct child_watch *w, struct spawn_stream *st, struct buf *text)
{
	struct err none = { 0 };
	char chunk[4096];
	ssize_t n = spawn_stream_read(st, chunk, sizeof(chunk), 0, &none);

	if (n > 0) {
		buf_add(text, chunk, (size_t)n);
		give_lines(w, text, false);
	}
	return n != 0;
}

/* Nobody looks on any more; it is not to suffer from that. */
static void take_rest(const struct child_watch *w, struct spawn_stream *st, struct buf *text)
{
	while (take(w, st, text))
		;
}

/* *line is what was made to be seen last: as long as that stays, whoever looks may scroll. */
static enum screen_event look(struct screen *screen, const struct child_watch *w, int fd, int64_t begin_ns, bool fresh,
			      bool stopped, size_t *line)
{
	const char *focus = NULL, *key;
	struct screen_how how = { .fresh = fresh, .watch_fd = fd, .tick_ms = TICK_MS, .back = stopped ? NULL : "Stop" };
	struct page *page = w->page(w->ctx, clock_now_ns() - begin_ns, &focus, &how.line);
	enum screen_event event;

	if (stopped) {
		free(page->intro);
		page->intro = mem_strdup(w->stopping);
	}
	how.focus = fresh || how.line != *line ? focus : NULL;
	*line = how.line;
	event = screen->ops->show(screen, page, &how, &key);
	page_free(page);
	return event;
}

static enum child_end how_it_ended(const struct child_watch *w, const struct spawn_stream *st, bool stopped, bool gone,
				   struct err *err)
{
	if (st->status == 0)
		return gone ? CHILD_GONE : CHILD_ENDED;
	if (!err->text[0])
		last_words(name_of(w->argv), st->status, buf_str(&st->said), err);
	return gone ? CHILD_GONE : stopped ? CHILD_STOPPED : CHILD_FAILED;
}

enum child_end child_watch(struct screen *screen, const struct child_watch *w, struct err *err)
{
	struct spawn s = { .argv = (const char *const *)w->argv->items };
	autoclean(spawn_stream_free) struct spawn_stream st = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	int64_t begin = clock_now_ns();
	bool stopped = false, gone = false, fresh = true;
	size_t line = 0;

	if (spawn_stream_open(&s, &st, err) < 0)
		return CHILD_FAILED;
	for (bool more = true; more;) {
		enum screen_event event = look(screen, w, st.out, begin, fresh, stopped, &line);

		fresh = false;
		if (event == SCREEN_GONE) {
			gone = true;
			take_rest(w, &st, &text);
			break;
		}
		if ((event == SCREEN_BACK || event == SCREEN_QUIT) && !stopped && screen->ops->ask(screen, w->stop, false)) {
			kill(st.pid, SIGTERM);
			stopped = true;
			if (screen->plain)
				screen->ops->say(screen, w->stopping);
		}
		if (event == SCREEN_READY || event == SCREEN_TICK)
			more = take(w, &st, &text);
	}
	give_lines(w, &text, true);
	spawn_stream_close(&st, w->grace_ns);
	return how_it_ended(w, &st, stopped, gone, err);
}
