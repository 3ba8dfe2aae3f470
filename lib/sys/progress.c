/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/progress.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/clock.h"

#include <string.h>
#include <sys/ioctl.h>

/* Rates are averaged with this time constant: short enough to show a stall, long enough to be read. */
#define AVERAGE_S 5.0

void progress_init(struct progress *p, FILE *out, bool json, bool quiet)
{
	struct winsize size = { 0 };
	bool terminal = isatty(fileno(out)) == 1;

	*p = (struct progress){ .out = out };
	p->mode = quiet ? PROGRESS_QUIET : json ? PROGRESS_JSON : terminal ? PROGRESS_BAR : PROGRESS_LINES;
	if (terminal && ioctl(fileno(out), TIOCGWINSZ, &size) == 0)
		p->width = size.ws_col;
}

static bool ended(const struct progress *p)
{
	return p->total_bytes > 0 && p->done_bytes >= p->total_bytes;
}

/* Whole seconds to go, or -1 when nobody can say. */
static int64_t seconds_left(const struct progress *p)
{
	double s;

	if (p->total_bytes == 0 || p->per_second < 1)
		return -1;
	if (ended(p))
		return 0;
	s = (double)(p->total_bytes - p->done_bytes) / p->per_second;
	return s < 360000 ? (int64_t)(s + 0.5) : -1;
}

static unsigned int percent(const struct progress *p)
{
	if (p->total_bytes == 0)
		return 0;
	return ended(p) ? 100 : (unsigned int)((double)p->done_bytes / (double)p->total_bytes * 100);
}

static void add_duration(struct buf *b, int64_t s)
{
	if (s >= 3600)
		buf_addf(b, "%lld:%02lld:%02lld", (long long)(s / 3600), (long long)(s / 60 % 60), (long long)(s % 60));
	else
		buf_addf(b, "%lld:%02lld", (long long)(s / 60), (long long)(s % 60));
}

/* " 42 %  1.2 GiB of 3.0 GiB  110 MiB/s  0:17 left" */
static void add_numbers(const struct progress *p, struct buf *b)
{
	char text[STR_BYTES_MAX];
	int64_t left = seconds_left(p);

	if (p->total_bytes)
		buf_addf(b, "%3u %%  ", percent(p));
	str_from_bytes(p->done_bytes, text);
	buf_adds(b, text);
	if (p->total_bytes) {
		str_from_bytes(p->total_bytes, text);
		buf_addf(b, " of %s", text);
	}
	if (p->per_second >= 1) {
		str_from_bytes((uint64_t)p->per_second, text);
		buf_addf(b, "  %s/s", text);
	}
	if (left > 0) {
		buf_adds(b, "  ");
		add_duration(b, left);
		buf_adds(b, " left");
	}
}

/* The bar fills what the words leave of the line; a line too narrow for one has none. */
static void format_bar(const struct progress *p, struct buf *out)
{
	autoclean(buf_free) struct buf numbers = { 0 };
	size_t width = p->width ? p->width : 80, used, room, filled;

	add_numbers(p, &numbers);
	buf_addf(out, "%s  ", p->stage);
	used = strlen(p->stage) + 2 + numbers.len +
	       5; /* brackets, a space, and never the last column: some terminals wrap there */
	room = width > used ? width - used : 0;
	if (room > 40)
		room = 40;
	if (room >= 8 && p->total_bytes) {
		filled = room * percent(p) / 100;
		buf_addc(out, '[');
		for (size_t i = 0; i < room; i++)
			buf_addc(out, i < filled ? '#' : '-');
		buf_adds(out, "] ");
	}
	buf_adds(out, buf_str(&numbers));
}

static void format_json(const struct progress *p, struct buf *out)
{
	struct json_out w;
	int64_t left = seconds_left(p);

	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	json_put_obj(&w, "progress");
	json_put_str(&w, "stage", p->stage);
	json_put_u64(&w, "done_bytes", p->done_bytes);
	if (p->total_bytes)
		json_put_u64(&w, "total_bytes", p->total_bytes);
	json_put_u64(&w, "bytes_per_second", (uint64_t)p->per_second);
	if (left >= 0)
		json_put_i64(&w, "seconds_left", left);
	json_end_obj(&w);
	json_end_obj(&w);
}

void progress_format(const struct progress *p, struct buf *out)
{
	switch (p->mode) {
	case PROGRESS_QUIET:
		return;
	case PROGRESS_BAR:
		format_bar(p, out);
		return;
	case PROGRESS_LINES:
		buf_addf(out, "%s: ", p->stage);
		add_numbers(p, out);
		return;
	case PROGRESS_JSON:
		format_json(p, out);
		return;
	}
}

static void show(struct progress *p, int64_t now_ns)
{
	autoclean(buf_free) struct buf line = { 0 };

	p->shown = true;
	p->shown_ns = now_ns;
	p->shown_bytes = p->done_bytes;
	if (p->mode == PROGRESS_QUIET)
		return;
	progress_format(p, &line);
	if (p->mode == PROGRESS_BAR)
		fprintf(p->out, "\r%s\033[K", buf_str(&line)); /* what a longer line before left over is erased (ECMA-48 EL) */
	else
		fprintf(p->out, "%s\n", buf_str(&line));
	fflush(p->out);
}

static int64_t interval_ns(enum progress_mode mode)
{
	switch (mode) {
	case PROGRESS_BAR:
		return 100 * NS_PER_MS;
	case PROGRESS_LINES:
		return 5 * NS_PER_S;
	case PROGRESS_JSON:
		return NS_PER_S;
	case PROGRESS_QUIET:
		break;
	}
	return INT64_MAX;
}

static void learn_rate(struct progress *p, int64_t now_ns)
{
	double dt = (double)(now_ns - p->seen_ns) / (double)NS_PER_S, since = (double)(now_ns - p->begin_ns) / (double)NS_PER_S;
	double rate, weight;

	if (dt < 0.05)
		return; /* too short to measure; the bytes count in the next sample */
	rate = p->done_bytes > p->seen_bytes ? (double)(p->done_bytes - p->seen_bytes) / dt : 0;
	/* The first seconds are a plain average since the begin: there is nothing older to lean on. */
	weight = since < AVERAGE_S ? dt / since : dt / (dt + AVERAGE_S);
	p->per_second += (rate - p->per_second) * weight;
	p->seen_ns = now_ns;
	p->seen_bytes = p->done_bytes;
}

static void begin_stage(struct progress *p, const char *stage, uint64_t done_bytes, int64_t now_ns)
{
	snprintf(p->stage, sizeof(p->stage), "%s", stage);
	p->open = true;
	p->shown = false;
	p->per_second = 0;
	p->seen_bytes = done_bytes; /* what resumed work had at its begin says nothing about its speed */
	p->begin_ns = p->seen_ns = p->shown_ns = now_ns;
}

void progress_update(struct progress *p, const char *stage, uint64_t done_bytes, uint64_t total_bytes, int64_t now_ns)
{
	if (p->open && strncmp(p->stage, stage, sizeof(p->stage) - 1) != 0)
		progress_end(p, now_ns);
	if (!p->open)
		begin_stage(p, stage, done_bytes, now_ns);
	p->done_bytes = done_bytes;
	p->total_bytes = total_bytes;
	learn_rate(p, now_ns);
	/* A bar shows at once what is going on; a log wants no line for a stage of a blink. */
	if ((p->mode == PROGRESS_BAR && !p->shown) || now_ns - p->shown_ns >= interval_ns(p->mode))
		show(p, now_ns);
}

void progress_end(struct progress *p, int64_t now_ns)
{
	if (!p->open)
		return;
	if (p->mode == PROGRESS_BAR || !p->shown || p->shown_bytes != p->done_bytes)
		show(p, now_ns);
	if (p->mode == PROGRESS_BAR) {
		fputc('\n', p->out);
		fflush(p->out);
	}
	p->open = false;
}
