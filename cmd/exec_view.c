/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What nodes say and what became of them, in three ways: live with the node's name before each line, folded at the end, as JSON.
 */
#include "base/mem.h"
#include "cmd/exec.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)65536)
#define KEPT_MAX ((uint64_t)256 << 20) /* of all nodes together */
#define STATUS_FIRST_NS (300 * NS_PER_MS)
#define STATUS_LINE_NS (10 * NS_PER_S) /* where no line can be drawn again */
#define WIDTH 80

const char *exec_state_name(enum exec_state s)
{
	static const char *const names[] = {
		[EXEC_DONE] = "done",	    [EXEC_FAILED] = "failed",	    [EXEC_UNREACHABLE] = "unreachable",
		[EXEC_TIMEOUT] = "timeout", [EXEC_TOO_MUCH] = "too-much",   [EXEC_INTERRUPTED] = "interrupted",
		[EXEC_UNBEGUN] = "unbegun", [EXEC_UNSTARTED] = "unstarted",
	};

	return names[s];
}

void exec_view_init(struct exec_view *v, enum exec_mode mode, struct nodeset *nodes, struct exec_out *out, bool quiet)
{
	struct winsize size = { 0 };

	*v = (struct exec_view){ .mode = mode, .quiet = quiet, .out = out, .nodes = nodes, .begun_ns = clock_now_ns() };
	v->told_ns = v->begun_ns;
	v->terminal[0] = isatty(STDOUT_FILENO) == 1;
	v->terminal[1] = isatty(STDERR_FILENO) == 1;
	v->width = v->terminal[1] && ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : WIDTH;
	v->said = mem_array(nodeset_count(nodes), sizeof(*v->said));
}

void exec_view_free(struct exec_view *v)
{
	for (size_t i = 0; v->said && i < nodeset_count(v->nodes); i++) {
		buf_free(&v->said[i].text[0]);
		buf_free(&v->said[i].text[1]);
	}
	free(v->said);
	free(v->status);
	fold_free(&v->fold[0]);
	fold_free(&v->fold[1]);
	fold_free(&v->ends);
	nodeset_free(&v->silent);
}

void exec_printable(const char *data, size_t len, struct buf *out)
{
	for (size_t at = 0; at < len;) {
		size_t n = at;
		autofree char *clean = NULL;

		while (n < len && data[n] != '\n' && data[n] != '\t')
			n++;
		clean = str_printable(data + at, n - at);
		buf_adds(out, clean);
		if (n < len)
			buf_addc(out, data[n++]);
		at = n;
	}
}

static void add_text(const struct exec_view *v, bool is_stderr, const char *data, size_t len, struct buf *out)
{
	if (v->terminal[is_stderr])
		exec_printable(data, len, out);
	else
		buf_add(out, data, len);
}

static void put(struct exec_view *v, bool is_stderr, const struct buf *text)
{
	static const char erase[] = "\r\033[K"; /* ECMA-48 EL */

	if (v->status) {
		exec_put(v->out, STDERR_FILENO, erase, sizeof(erase) - 1);
		free(v->status);
		v->status = NULL;
	}
	exec_put(v->out, is_stderr ? STDERR_FILENO : STDOUT_FILENO, buf_str(text), text->len);
}

/* What is held of a line of node `i` becomes one. */
static void end_line(const struct exec_view *v, size_t i, bool is_stderr, struct buf *out)
{
	struct buf *line = &v->said[i].text[is_stderr];

	buf_addf(out, "%s: ", nodeset_get(v->nodes, i));
	add_text(v, is_stderr, buf_str(line), line->len, out);
	buf_addc(out, '\n');
	buf_clear(line);
}

/* Whole lines only: those of two nodes never mix. One that is too long is told in pieces. */
static void live(struct exec_view *v, size_t i, bool is_stderr, const char *data, size_t len)
{
	struct buf *line = &v->said[i].text[is_stderr];
	autoclean(buf_free) struct buf out = { 0 };

	while (len) {
		const char *end = memchr(data, '\n', len);
		size_t n = end ? (size_t)(end - data) : len, room = LINE_MAX_BYTES - line->len;
		bool whole = end && n <= room;

		if (n > room)
			n = room;
		buf_add(line, data, n);
		if (whole || line->len == LINE_MAX_BYTES)
			end_line(v, i, is_stderr, &out);
		data += n + whole;
		len -= n + whole;
	}
	if (out.len)
		put(v, is_stderr, &out);
}

bool exec_view_output(struct exec_view *v, size_t i, bool is_stderr, const char *data, size_t len)
{
	struct exec_said *said = &v->said[i];
	bool all = said->bytes + len <= v->max_bytes;

	if (!all)
		len = (size_t)(v->max_bytes - said->bytes);
	said->bytes += len;
	if (is_stderr)
		exec_tail_add(&said->tail, data, len);
	if (v->mode == EXEC_LIVE) {
		live(v, i, is_stderr, data, len);
		return all;
	}
	if (v->kept_bytes + v->fold[0].bytes + v->fold[1].bytes + len > KEPT_MAX)
		return false;
	v->kept_bytes += len;
	buf_add(&said->text[is_stderr], data, len);
	return all;
}

static int keep(struct exec_view *v, size_t i, const struct exec_end *end, struct err *err)
{
	const char *node = nodeset_get(v->nodes, i);
	struct exec_said *said = &v->said[i];
	bool silent = true;

	for (int k = 0; k < 2; k++) {
		if (!said->text[k].len)
			continue;
		silent = false;
		if (fold_add(&v->fold[k], node, &said->text[k], err) < 0)
			return -1;
	}
	return silent && end->state == EXEC_DONE ? nodeset_add(&v->silent, node, err) : 0;
}

static void end_live(struct exec_view *v, size_t i)
{
	for (int k = 0; k < 2; k++) {
		autoclean(buf_free) struct buf out = { 0 };

		if (!v->said[i].text[k].len)
			continue;
		end_line(v, i, k == 1, &out);
		put(v, k == 1, &out);
	}
}

/* In live output a failure is told when it happens; what Ctrl-C did, and everything in folded output, at the end by its reason.
 */
static int tell_end(struct exec_view *v, size_t i, const struct exec_end *end, struct err *err)
{
	const char *node = nodeset_get(v->nodes, i);
	autoclean(buf_free) struct buf text = { 0 };

	if (!end->why)
		return 0;
	if (v->mode == EXEC_FOLD || end->state == EXEC_INTERRUPTED || end->state == EXEC_UNBEGUN) {
		buf_adds(&text, end->why);
		return fold_add(&v->ends, node, &text, err);
	}
	buf_addf(&text, "orthrus: %s: %s\n", node, end->why);
	put(v, true, &text);
	return 0;
}

int exec_view_end(struct exec_view *v, size_t i, const struct exec_end *end, size_t own_len, struct err *err)
{
	struct exec_said *said = &v->said[i];
	int rc = 0;

	v->ended++;
	said->ended = true;
	if (v->mode != EXEC_LIVE) {
		v->kept_bytes -= said->text[0].len + said->text[1].len;
		if (own_len && own_len <= said->text[1].len)
			said->text[1].data[said->text[1].len -= own_len] = '\0';
	}
	if (v->mode == EXEC_JSON) {
		autoclean(buf_free) struct buf line = { 0 };

		exec_json(nodeset_get(v->nodes, i), end, said->text, &line);
		put(v, false, &line);
	}
	if (v->mode == EXEC_FOLD)
		rc = keep(v, i, end, err);
	else if (v->mode == EXEC_LIVE)
		end_live(v, i);
	buf_free(&said->text[0]);
	buf_free(&said->text[1]);
	return rc < 0 || v->mode == EXEC_JSON ? rc : tell_end(v, i, end, err);
}

static char *status_line(struct exec_view *v, const struct fanout *f)
{
	size_t n = nodeset_count(v->nodes), begun = fanout_begun(f);
	autoclean(nodeset_free) struct nodeset waiting = { 0 };
	autoclean(buf_free) struct buf b = { 0 };
	struct err ignored = { 0 };

	for (size_t i = 0; i < begun; i++)
		if (!v->said[i].ended && nodeset_add(&waiting, nodeset_get(v->nodes, i), &ignored) < 0)
			break;
	buf_addf(&b, "%zu of %zu done", v->ended, n);
	if (begun < n)
		buf_addf(&b, ", %zu to begin", n - begun);
	if (nodeset_count(&waiting)) {
		buf_adds(&b, ", waiting for ");
		nodeset_fold(&waiting, &b);
	}
	/* Never the last column: some terminals wrap there. */
	if (v->terminal[1] && b.len >= v->width && v->width > 4) {
		b.len = v->width - 4;
		buf_adds(&b, "...");
	}
	return buf_steal(&b);
}

void exec_view_tick(struct exec_view *v, const struct fanout *f, int64_t now_ns)
{
	autofree char *line = NULL;
	autoclean(buf_free) struct buf out = { 0 };

	if (v->quiet || v->mode == EXEC_JSON || now_ns - v->begun_ns < STATUS_FIRST_NS)
		return;
	if (!v->terminal[1] && now_ns - v->told_ns < STATUS_LINE_NS)
		return;
	v->told_ns = now_ns;
	line = status_line(v, f);
	if (str_eq(line, v->status))
		return;
	buf_addf(&out, v->terminal[1] ? "\r%s\033[K" : "%s\n", line);
	exec_put(v->out, STDERR_FILENO, buf_str(&out), out.len);
	if (!v->terminal[1])
		return;
	free(v->status);
	v->status = steal(line);
}

static void put_block(struct exec_view *v, bool is_stderr, struct fold_entry *e)
{
	autoclean(buf_free) struct buf out = { 0 };

	buf_adds(&out, "---- ");
	fold_who(&e->who, &out);
	buf_addf(&out, "%s ----\n", is_stderr ? " standard error" : "");
	add_text(v, is_stderr, buf_str(&e->text), e->text.len, &out);
	if (out.data[out.len - 1] != '\n')
		buf_addc(&out, '\n');
	put(v, is_stderr, &out);
}

void exec_view_close(struct exec_view *v)
{
	autoclean(buf_free) struct buf none = { 0 };

	put(v, true, &none); /* the status line goes */
	for (int k = 0; k < 2; k++) {
		fold_sort(&v->fold[k]);
		for (size_t i = 0; i < v->fold[k].len; i++)
			put_block(v, k == 1, &v->fold[k].entries[i]);
		if (k == 0 && nodeset_count(&v->silent)) {
			buf_adds(&none, "---- ");
			fold_who(&v->silent, &none);
			buf_adds(&none, " no output ----\n");
			put(v, false, &none);
		}
	}
	fold_sort(&v->ends);
	for (size_t i = 0; i < v->ends.len; i++) {
		autoclean(buf_free) struct buf line = { 0 };

		buf_adds(&line, "orthrus: ");
		fold_who(&v->ends.entries[i].who, &line);
		buf_addf(&line, ": %s\n", buf_str(&v->ends.entries[i].text));
		put(v, true, &line);
	}
}

static bool is_utf8(const struct buf *b)
{
	size_t n;

	for (size_t at = 0; at < b->len; at += n) {
		n = str_utf8_len(b->data + at, b->len - at);
		if (!n || !b->data[at])
			return false;
	}
	return true;
}

/* A string of JSON has neither a NUL nor what is no UTF-8: then all bytes stand beside it. */
static void put_text(struct json_out *w, const char *key, const struct buf *b)
{
	autofree char *hex_key = NULL, *hex = NULL;

	json_put_str(w, key, buf_str(b));
	if (is_utf8(b))
		return;
	hex_key = str_format("%s_hex", key);
	hex = mem_zalloc(2 * b->len + 1);
	str_hex(b->data, b->len, hex);
	json_put_str(w, hex_key, hex);
}

void exec_json(const char *node, const struct exec_end *end, const struct buf text[2], struct buf *out)
{
	struct json_out w;

	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "node", node);
	json_put_str(&w, "state", exec_state_name(end->state));
	if (end->exit >= 0)
		json_put_i64(&w, "exit", end->exit);
	else
		json_put_str(&w, "exit", NULL);
	json_put_f64(&w, "seconds", (double)end->took_ns / (double)NS_PER_S);
	json_put_str(&w, "why", end->why);
	put_text(&w, "stdout", &text[0]);
	put_text(&w, "stderr", &text[1]);
	json_end_obj(&w);
	buf_addc(out, '\n');
}
