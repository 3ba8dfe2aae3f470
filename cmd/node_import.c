/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes as a table: `node import FILE.csv` and `node export`. The first row names the columns; an empty cell says nothing. */
#include "base/csv.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/nodes.h"
#include "sys/fs.h"
#include "sys/http_client.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define FILE_MAX ((size_t)16 << 20)
#define SHOWN_MAX 50

enum { NAME, GROUP, MAC, SERIAL, IPV4, IPV6, IMAGE, LAYOUT, SWITCH, PORT, N_COLUMNS };
static const char *const columns[N_COLUMNS] = { "name", "group", "mac",	   "serial", "ipv4",
						"ipv6", "image", "layout", "switch", "port" };
#define COLUMNS_HINT                                                                                                             \
	"the columns are name, group, mac, serial, ipv4, ipv6, image, layout, switch and port; only name must be there"

struct import {
	struct cmd *c;
	const char *file;
	int place[N_COLUMNS]; /* of the column in a row; -1: it is not there */
	size_t width;
	struct buf body;
	struct json_out w;
	size_t n_rows;
	struct problem {
		uint64_t line;
		size_t place; /* in the order of their finding */
		char *name;
		struct err why;
	} * problems;
	size_t n_problems, cap_problems;
};

static void note_problem(struct import *m, uint64_t line, const char *name, const struct err *why)
{
	m->problems = mem_room(m->problems, m->n_problems, &m->cap_problems, sizeof(*m->problems));
	m->problems[m->n_problems] = (struct problem){ line, m->n_problems, mem_strdup(name), *why };
	m->n_problems++;
}

static void trim(char *s)
{
	size_t len = strlen(s), skip = strspn(s, " \t\r\n");

	while (len > skip && strchr(" \t\r\n", s[len - 1]))
		len--;
	memmove(s, s + skip, len - skip);
	s[len - skip] = '\0';
}

static int read_heads(struct import *m, const struct str_list *cells, struct err *err)
{
	for (int k = 0; k < N_COLUMNS; k++)
		m->place[k] = -1;
	m->width = cells->len;
	for (size_t i = 0; i < cells->len; i++) {
		int k = 0;

		trim(cells->items[i]);
		while (k < N_COLUMNS && strcasecmp(cells->items[i], columns[k]) != 0)
			k++;
		if (k < N_COLUMNS && m->place[k] < 0) {
			m->place[k] = (int)i;
			continue;
		}
		err_set(err, ERR_INVALID, "%s:1: %s column '%.60s'", m->file,
			k < N_COLUMNS ? "there are two times the" : "unknown", cells->items[i]);
		return err_hint(err, strchr(cells->items[i], ';') ? "cells are separated by ','; export it again with ','"
								  : COLUMNS_HINT);
	}
	if (m->place[NAME] >= 0)
		return 0;
	err_set(err, ERR_INVALID, "%s:1: the first row must name the columns, and there is no column 'name'", m->file);
	return err_hint(err, COLUMNS_HINT);
}

static const char *cell(const struct import *m, const struct str_list *cells, int column)
{
	return m->place[column] < 0 ? "" : cells->items[m->place[column]];
}

/* "MAC", or several with blanks or ';' between them. */
static void put_macs(struct import *m, const char *text)
{
	json_put_arr(&m->w, "macs");
	for (const char *at = text + strspn(text, " ;"); *at; at += strspn(at, " ;")) {
		autofree char *mac = mem_strndup(at, strcspn(at, " ;"));

		json_put_str(&m->w, NULL, mac);
		at += strlen(mac);
	}
	json_end_arr(&m->w);
}

/* "-" takes a wish back; the daemon says so of those that can't be taken back. */
static void put_row(struct import *m, const struct str_list *cells, uint64_t line)
{
	json_put_obj(&m->w, NULL);
	json_put_u64(&m->w, "line", line);
	json_put_str(&m->w, "name", cell(m, cells, NAME));
	for (int k = GROUP; k < N_COLUMNS; k++) {
		const char *text = cell(m, cells, k);

		if (!*text)
			continue;
		if (k == MAC)
			put_macs(m, str_eq(text, "-") ? "" : text);
		else
			json_put_str(&m->w, columns[k], str_eq(text, "-") ? "" : text);
	}
	json_end_obj(&m->w);
	m->n_rows++;
}

static void read_row(struct import *m, const struct str_list *cells, uint64_t line)
{
	struct err why = { 0 };

	for (size_t i = 0; i < cells->len; i++)
		trim(cells->items[i]);
	if (cells->len != m->width)
		err_set(&why, ERR_INVALID, "there are %zu cells under %zu columns", cells->len, m->width);
	else if (!*cell(m, cells, NAME))
		err_set(&why, ERR_INVALID, "the node has no name");
	if (why.kind != ERR_NONE)
		note_problem(m, line, m->place[NAME] < (int)cells->len ? cell(m, cells, NAME) : "", &why);
	else
		put_row(m, cells, line);
}

static int read_file(struct import *m, struct buf *text, struct err *err)
{
	autoclean(str_list_free) struct str_list cells = { 0 };
	struct csv csv;
	int rc;

	csv_init(&csv, buf_str(text), text->len);
	rc = csv_row(&csv, &cells, err);
	if (rc == 1 && read_heads(m, &cells, err) < 0)
		return -1;
	if (rc == 0)
		return err_set(err, ERR_INVALID, "%s is empty", m->file);
	while (rc == 1 && (rc = csv_row(&csv, &cells, err)) == 1)
		read_row(m, &cells, csv.row_line);
	if (rc < 0)
		return err_wrap(err, "%s", m->file);
	if (!m->n_rows && !m->n_problems)
		return err_set(err, ERR_INVALID, "%s has no row below the columns' names", m->file);
	return 0;
}

static int take_problems(struct import *m, const struct http_reply *reply, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;
	struct json_arr a;
	int rc;

	if (json_parse(buf_str(&reply->body), reply->body.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0)
		return http_reply_ok(reply, err);
	rc = json_arr(&o, "problems", JSON_MAY, &a, err);
	if (rc == 0)
		return http_reply_ok(reply, err);
	for (size_t i = 0; rc == 1 && i < a.len; i++) {
		autofree char *name = NULL, *text = NULL, *hint = NULL;
		struct err why = { .kind = ERR_INVALID };
		struct json_obj p;
		uint64_t line = 0;

		if (json_arr_obj(&a, i, &p, err) < 0 || json_u64(&p, "line", JSON_MUST, 0, UINT64_MAX, &line, err) < 0 ||
		    json_str(&p, "name", JSON_MUST, &name, err) < 0 || json_str(&p, "text", JSON_MUST, &text, err) < 0 ||
		    json_str(&p, "hint", JSON_MAY, &hint, err) < 0)
			return err_wrap(err, "the daemon's answer");
		err_set(&why, ERR_INVALID, "%s", text);
		if (hint && *hint)
			err_hint(&why, "%s", hint);
		note_problem(m, line, name, &why);
	}
	return rc < 0 ? -1 : 0;
}

static int by_line(const void *a, const void *b)
{
	const struct problem *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

static void say_problems(struct import *m)
{
	for (size_t i = 0; i < m->n_problems && i < SHOWN_MAX; i++) {
		struct err e = m->problems[i].why;

		err_wrap(&e, "%s:%llu", m->file, (unsigned long long)m->problems[i].line);
		cmd_error(m->c, &e);
	}
}

static void print_problems(struct import *m, const struct err *err)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	json_put_err(&w, "error", err);
	json_put_arr(&w, "problems");
	for (size_t i = 0; i < m->n_problems; i++) {
		const struct problem *p = &m->problems[i];

		json_put_obj(&w, NULL);
		json_put_u64(&w, "line", p->line);
		json_put_str(&w, "name", p->name);
		json_put_str(&w, "text", p->why.text);
		json_put_str(&w, "hint", p->why.hint);
		json_end_obj(&w);
	}
	json_end_arr(&w);
	json_end_obj(&w);
	cmd_print(buf_str(&out));
}

static int end_with_problems(struct import *m, struct err *err)
{
	qsort(m->problems, m->n_problems, sizeof(*m->problems), by_line);
	err_set(err, ERR_INVALID, "%s: %zu problem%s; nothing was changed", m->file, m->n_problems,
		m->n_problems == 1 ? "" : "s");
	if (m->n_problems > SHOWN_MAX)
		err_hint(err, "the first %d are shown; --json shows all", SHOWN_MAX);
	if (m->c->json) {
		print_problems(m, err);
		err->text[0] = '\0';
	} else {
		say_problems(m);
	}
	return -1;
}

/* What is wrong in the file itself is told together with what the daemon finds wrong. */
static int send_rows(struct import *m, struct http_reply *reply, struct err *err)
{
	struct http_client *client;
	struct http_request req = { .method = "POST", .path = "/v1/import" };

	json_end_arr(&m->w);
	json_put_bool(&m->w, "plan", m->c->plan || m->n_problems);
	json_end_obj(&m->w);
	req.body = buf_str(&m->body);
	req.body_len = m->body.len;
	if (m->n_rows && (cmd_api(m->c, &client, err) < 0 || http_send(client, &req, reply, err) < 0 ||
			  (reply->status / 100 != 2 && take_problems(m, reply, err) < 0)))
		return -1;
	return m->n_problems ? end_with_problems(m, err) : 0;
}

static int show_answer(struct cmd *c, const struct http_reply *reply, struct err *err)
{
	if (cmd_say_steps(c, reply, "nothing to change", err) < 0)
		return -1;
	if (c->json)
		cmd_print(buf_str(&reply->body));
	return cmd_followed(c, reply, "", err);
}

static void import_free(struct import *m)
{
	for (size_t i = 0; i < m->n_problems; i++)
		free(m->problems[i].name);
	free(m->problems);
	buf_free(&m->body);
}

int cmd_node_import(struct cmd *c, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	autoclean(import_free) struct import m = { .c = c };

	if (cmd_args(c, 1, 1, err) < 0)
		return -1;
	m.file = c->argv[0];
	if (str_eq(m.file, "-") ? fs_read_fd(STDIN_FILENO, "standard input", FILE_MAX, &text, err) < 0
				: fs_read(m.file, FILE_MAX, &text, err) < 0)
		return -1;
	json_out_init(&m.w, &m.body, false);
	json_put_obj(&m.w, NULL);
	json_put_arr(&m.w, "nodes");
	if (read_file(&m, &text, err) < 0 || send_rows(&m, &reply, err) < 0)
		return -1;
	return show_answer(c, &reply, err);
}

/* --- export ----------------------------------------------------------------------------------------------------------------- */

static int export_row(const struct node_row *row, struct buf *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(str_list_free) struct str_list macs = { 0 };
	struct json_obj o;

	if (json_parse(row->raw, strlen(row->raw), &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_strs(&o, "macs", JSON_MUST, &macs, err) < 0)
		return err_wrap(err, "the daemon's list of nodes");
	for (int k = 0; k < N_COLUMNS; k++) {
		autoclean(buf_free) struct buf joined = { 0 };
		autofree char *value = NULL;

		if (k != MAC && json_str(&o, columns[k], JSON_MAY, &value, err) < 0)
			return err_wrap(err, "the daemon's list of nodes");
		for (size_t i = 0; k == MAC && i < macs.len; i++)
			buf_addf(&joined, "%s%s", i ? " " : "", macs.items[i]);
		csv_put(out, k == MAC ? buf_str(&joined) : value ? value : "", k == 0);
	}
	buf_addc(out, '\n');
	return 0;
}

int cmd_node_export(struct cmd *c, struct err *err)
{
	autoclean(node_rows_free) struct node_rows rows = { 0 };
	autoclean(nodeset_free) struct nodeset set = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	bool some = c->argc == 1;

	if (cmd_args(c, 0, 1, err) < 0 || node_rows_get(c, &rows, err) < 0 ||
	    (some && node_set(&rows, c->argv[0], true, &set, err) < 0))
		return -1;
	if (c->json) {
		node_print_json(&rows, some ? &set : NULL);
		return 0;
	}
	for (int k = 0; k < N_COLUMNS; k++)
		csv_put(&out, columns[k], k == 0);
	buf_addc(&out, '\n');
	for (size_t i = 0; i < rows.len; i++)
		if ((!some || nodeset_has(&set, rows.items[i].name)) && export_row(&rows.items[i], &out, err) < 0)
			return -1;
	cmd_print(buf_str(&out));
	return 0;
}
