/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cast_fleet.h"

#include "base/json.h"
#include "base/mem.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES ((size_t)4096) /* longer lines of a node are cut */
#define OUT_MAX_BYTES ((size_t)65536)
#define WORDS_MAX 300
#define NO_PROGRAM 127 /* of a shell (POSIX, 2.8.2) */
#define NO_START 126

const char *fleet_state_name(enum fleet_state s)
{
	static const char *const names[] = {
		[FLEET_BEGINS] = "begins", [FLEET_RECEIVES] = "receives", [FLEET_DONE] = "done", [FLEET_FAILED] = "failed"
	};

	return names[s];
}

void fleet_node_clear(struct fleet_node *n)
{
	free(n->stage);
	free(n->why);
	free(n->hint);
	free(n->words);
	free(n->told);
	buf_free(&n->line);
	buf_free(&n->out);
	*n = (struct fleet_node){ 0 };
}

static char *printable(const char *text)
{
	size_t len = strlen(text);

	return str_printable(text, len < WORDS_MAX ? len : WORDS_MAX);
}

/* --- what it says: keys that are not for us are passed over --- */

static int read_progress(const struct buf *line, struct fleet_node *n, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	uint64_t done = 0, total = 0;
	autofree char *stage = NULL;
	struct json_obj root, o;

	if (json_parse(buf_str(line), line->len, &doc, err) < 0 || json_root_obj(&doc, &root, err) < 0 ||
	    json_obj(&root, "progress", JSON_MUST, &o, err) < 0 || json_str(&o, "stage", JSON_MUST, &stage, err) < 0 ||
	    json_u64(&o, "done_bytes", JSON_MUST, 0, UINT64_MAX, &done, err) < 0 ||
	    json_u64(&o, "total_bytes", JSON_MAY, 0, UINT64_MAX, &total, err) < 0)
		return -1;
	free(n->stage);
	n->stage = printable(stage);
	n->done_bytes = done;
	n->total_bytes = total;
	if (n->state == FLEET_BEGINS && !str_eq(n->stage, FLEET_LOOKING))
		n->state = FLEET_RECEIVES;
	return 0;
}

static void take_line(struct fleet_node *n)
{
	struct err no = { 0 };

	if (n->line.len && read_progress(&n->line, n, &no) < 0) {
		free(n->words);
		n->words = printable(buf_str(&n->line));
	}
	buf_clear(&n->line);
}

bool fleet_node_hear(struct fleet_node *n, bool is_stderr, const char *data, size_t len)
{
	if (!is_stderr) {
		if (n->out.len + len > OUT_MAX_BYTES)
			return false;
		buf_add(&n->out, data, len);
		return true;
	}
	exec_tail_add(&n->tail, data, len);
	for (; len; data++, len--) {
		if (*data == '\n')
			take_line(n);
		else if (*data != '\r' && n->line.len < LINE_MAX_BYTES)
			buf_addc(&n->line, *data);
	}
	return true;
}

/* --- how it ended --- */

static int read_result(struct fleet_node *n, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;
	uint64_t bytes;

	if (json_parse(buf_str(&n->out), n->out.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_u64(&o, "bytes", JSON_MUST, 0, UINT64_MAX, &bytes, err) < 0 ||
	    json_u64(&o, "tls_bytes", JSON_MUST, 0, UINT64_MAX, &n->tls_bytes, err) < 0 ||
	    json_u64(&o, "kept_bytes", JSON_MUST, 0, UINT64_MAX, &n->kept_bytes, err) < 0)
		return -1;
	n->done_bytes = n->total_bytes = bytes;
	return 0;
}

/* The error that it said, whatever the number it ended with. */
static bool read_error(struct fleet_node *n)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autofree char *text = NULL, *hint = NULL;
	struct json_obj root, o;
	struct err no = { 0 };

	if (json_parse(buf_str(&n->out), n->out.len, &doc, &no) < 0 || json_root_obj(&doc, &root, &no) < 0 ||
	    json_obj(&root, "error", JSON_MUST, &o, &no) < 0 || json_str(&o, "text", JSON_MUST, &text, &no) < 0 ||
	    json_str(&o, "hint", JSON_MAY, &hint, &no) < 0 || !*text)
		return false;
	n->why = printable(text);
	n->hint = hint && *hint ? printable(hint) : NULL;
	return true;
}

static void no_program(struct fleet_node *n)
{
	n->why = mem_strdup("there is no program `orthrus` on it");
	n->hint =
		mem_strdup("install the package orthrus there, or in the image that it boots; --carry brings the program along");
}

static void judge_failure(struct fleet_node *n, const struct exec_end *end)
{
	const char *hint = exec_hint(end);

	if (end->state == EXEC_FAILED && read_error(n))
		return;
	if (end->state == EXEC_FAILED && end->exit == NO_PROGRAM && !n->stage) {
		no_program(n);
		return;
	}
	if (end->state == EXEC_FAILED && end->exit == NO_START && !n->stage)
		n->hint = mem_strdup("are all its temporary directories mounted noexec, or is it a machine of another kind?");
	if (end->state == EXEC_FAILED && n->words)
		n->why = str_format("%s: %s", end->why, n->words);
	else
		n->why = printable(end->why);
	if (hint)
		n->hint = mem_strdup(hint);
}

void fleet_node_end(struct fleet_node *n, const struct exec_end *end)
{
	struct err wrong = { 0 };

	take_line(n);
	n->state = FLEET_FAILED;
	n->seconds = (double)end->took_ns / (double)NS_PER_S;
	if (end->state != EXEC_DONE) {
		judge_failure(n, end);
	} else if (read_result(n, &wrong) == 0) {
		n->state = FLEET_DONE;
	} else {
		n->why = mem_strdup("what it answered is no answer of `orthrus cast receive`");
		n->hint = mem_strdup(
			"see what `orthrus node exec NODE -- orthrus --version` says: the same version is needed here and there");
	}
}

/* --- for people --- */

unsigned int fleet_node_percent(const struct fleet_node *n)
{
	if (n->state == FLEET_DONE || (n->total_bytes && n->done_bytes >= n->total_bytes))
		return 100;
	return n->total_bytes ? (unsigned int)((double)n->done_bytes / (double)n->total_bytes * 100) : 0;
}

void fleet_node_line(const struct fleet_node *n, const char *name, struct buf *out)
{
	unsigned int percent = fleet_node_percent(n);

	buf_addf(out, "%-12s [", name);
	for (unsigned int i = 0; i < 20; i++)
		buf_addc(out, i < percent / 5 ? '#' : '.');
	buf_addf(out, "] %3u %%  ", percent);
	if (n->state == FLEET_FAILED)
		buf_addf(out, "failed: %s", n->why);
	else
		buf_adds(out, n->state != FLEET_DONE && n->stage ? n->stage : fleet_state_name(n->state));
}

/* --- the command --- */

void fleet_quote(const char *text, struct buf *out)
{
	buf_addc(out, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			buf_adds(out, "'\\''");
		else
			buf_addc(out, *text);
	}
	buf_addc(out, '\'');
}

static void add_receiver(const struct fleet_order *o, struct buf *out)
{
	buf_adds(out, o->store ? "cast receive --store " : "cast receive ");
	fleet_quote(o->path, out);
	buf_adds(out, " --token-file - --attended --json");
	if (o->force)
		buf_adds(out, " --force");
}

/* The shell that ssh meets is anybody's, hence the second one. A /tmp is mounted noexec on many a hardened machine: then it is
 * the next directory. `read` takes no byte more than the line. */
static void add_carried(const struct fleet_order *o, struct buf *out)
{
	autoclean(buf_free) struct buf script = { 0 };

	buf_adds(&script,
		 "d=\n"
		 "trap 'rm -rf \"$d\"' EXIT\n"
		 "trap 'exit 1' HUP INT TERM\n"
		 "for t in \"${TMPDIR:-/tmp}\" /var/tmp \"${HOME:-/}\" /run; do\n"
		 "d=$(mktemp -d \"$t/orthrus-carry.XXXXXX\" 2>/dev/null) || continue\n"
		 "printf '#!/bin/sh\\n' >\"$d/may-run\" && chmod 700 \"$d/may-run\" && \"$d/may-run\" 2>/dev/null && break\n"
		 "rm -rf \"$d\"\n"
		 "d=\n"
		 "done\n"
		 "[ -n \"$d\" ] || { echo 'programs may run in none of its temporary directories' >&2; exit 126; }\n"
		 "IFS= read -r token && tar -xzf - -C \"$d\" || exit 1\n"
		 "printf '%s\\n' \"$token\" | ");
	buf_addf(&script, "\"$d/%s\" --library-path \"$d\" \"$d/orthrus\" ", o->loader);
	add_receiver(o, &script);
	buf_adds(out, "exec sh -c ");
	fleet_quote(buf_str(&script), out);
}

void fleet_command(const struct fleet_order *o, struct buf *out)
{
	if (o->loader) {
		add_carried(o, out);
		return;
	}
	buf_adds(out, "exec orthrus ");
	add_receiver(o, out);
}
