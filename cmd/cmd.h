/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The frame of the command line: what every verb is given, and how it talks to the reader. */
#ifndef ORTHRUS_CMD_CMD_H
#define ORTHRUS_CMD_CMD_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/plan.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_client;
struct http_reply;
struct cmd;

enum cmd_effect {
	CMD_READS,	  /* changes nothing */
	CMD_CHANGES,	  /* changes something: must honour --plan (print what it would do, change nothing, exit 0) */
	CMD_READS_HERE,	  /* the same of this machine's own files, disks or keys: --api is refused, or it would seem to be about a
			     head */
	CMD_CHANGES_HERE, /* stands in the audit log (cmd/audit_here.h) */
	CMD_DRAFTS_HERE,  /* the same of a file that nothing follows from until it is applied: not in the audit log */
};

/* One row of cmd/commands.h. */
struct cmd_def {
	const char *noun, *verb;
	int (*run)(struct cmd *c, struct err *err);
	enum cmd_effect effect;
	const char *args;    /* for people: "NODESET", "[NAME]", "" */
	const char *options; /* this verb's: "suite=NAME,force,mac=MAC*" ('=' takes a value, '*' may be repeated), "" */
	const char *help;    /* one line, no full stop */
};
extern const struct cmd_def cmd_defs[];
extern const size_t cmd_n_defs;

struct cmd_value {
	const char *name, *value; /* value "" for a flag; both point into argv or the table */
	size_t name_len;
};

/* Filled by cmd_parse(); lives in main. */
struct cmd {
	const struct cmd_def *def;
	const char *noun; /* as typed; NULL when none */
	char **argv;	  /* words after the verb, options taken out; argv[argc] is NULL */
	int argc;
	bool plan, yes, json, quiet, debug, help, version;
	bool json_lines;		   /* set by a verb whose JSON is one object a line: an error is such a line too */
	char *root;			   /* "" for "/", else without a '/' at the end */
	char *site_path;		   /* --site, else ROOT/etc/orthrus/site.json */
	const char *api, *ca, *cert, *key; /* or NULL */
	struct cmd_value *values;	   /* this verb's options as given */
	size_t n_values, cap_values;
	struct http_client *client; /* made by cmd_api() */
};

/* options.c: take the command line apart. Usage errors name the nearest word and list what there is. */
int cmd_parse(int argc, char **argv, struct cmd *c, struct err *err) WARN_UNUSED;
void cmd_clear(struct cmd *c);
/* Fewer than min or more than max words after the verb: ERR_USAGE with the verb's form. */
int cmd_args(struct cmd *c, size_t min, size_t max, struct err *err) WARN_UNUSED;
const char *cmd_option(const struct cmd *c, const char *name); /* the value, or NULL when not given */
bool cmd_flag(const struct cmd *c, const char *name);
/* Every value of a repeatable option in the order given; values may also be one word with commas. Appends. */
void cmd_option_all(const struct cmd *c, const char *name, struct str_list *out);
int cmd_option_u64(const struct cmd *c, const char *name, uint64_t min, uint64_t max, uint64_t *out, struct err *err) WARN_UNUSED;

/* help.c */
void cmd_help(const struct cmd *c);

/* frame.c: below --root, the site file, the daemon, the reader's consent. */
char *cmd_path(const struct cmd *c, const char *absolute); /* "/srv/orthrus/store" below --root; caller frees */
/* The whole site file; an error says how to come by one. */
int cmd_read_site(const char *path, struct buf *text, struct err *err) WARN_UNUSED;
/* The API: --api URL (with --ca, and --cert --key), else the unix socket below --root. `c` keeps and frees the client. */
int cmd_api(struct cmd *c, struct http_client **out, struct err *err) WARN_UNUSED;
/* One request that must be answered with 2xx; body NULL for none. The caller frees reply. */
int cmd_call(struct cmd *c, const char *method, const char *path, const char *body, struct http_reply *reply,
	     struct err *err) WARN_UNUSED;
/* 0 when --yes was given or "yes" is typed at the terminal; else ERR_REFUSED with the hint --yes. The question has no '?' at its
 * end. */
int cmd_confirm(const struct cmd *c, struct err *err, const char *fmt, ...) PRINTF_LIKE(3, 4) WARN_UNUSED;

/* output.c: standard output for results, standard error for errors and progress. */
void cmd_say(const struct cmd *c, const char *fmt, ...) PRINTF_LIKE(2, 3); /* a line for people: not with --quiet or --json */
/* A sentence for people, behind `mark`; at a terminal broken between words, what follows as far in as the first line. */
void cmd_say_wrapped(const struct cmd *c, const char *mark, const char *text);
void cmd_print(const char *text); /* the result itself, as it is */
/* "orthrus: text", "  next: hint"; with --json {"error":{..}}. Whoever has printed a JSON result already leaves err->text empty,
 * and this is not called: there is one document on standard output. */
void cmd_error(const struct cmd *c, const struct err *err);
/* Print a plan: numbered lines, or {"digest","steps"} with --json. */
void cmd_print_plan(const struct cmd *c, const struct plan *plan);
/* Append the "steps" of a server's answer as numbered lines, destructive and dangerous ones marked '!', each line after `indent`;
 * a step "problem" is left to cmd_followed(). Reads the keys "digest" (may be absent) and "steps" of `o`. Returns how many are
 * marked.
 */
int cmd_steps(struct json_obj *o, const char *indent, struct buf *out, struct err *err) WARN_UNUSED;
/* For people: the steps of an answer {"steps":[..]}, behind "would:" with --plan; where there are none, the line `none` (NULL:
 * none). */
int cmd_say_steps(const struct cmd *c, const struct http_reply *reply, const char *none, struct err *err) WARN_UNUSED;
/* The words of the answer's "problem", a step or a key of that name; *text NULL when there is none. The caller frees. */
int cmd_problem(const struct http_reply *reply, char **text, struct err *err) WARN_UNUSED;
#define CMD_FOLLOWS_HINT "`orthrus head status` says whether it follows by now; `orthrus event list` says what happened"
/* What was asked is done and kept, but this head could not follow: the answer then has a problem.
 * ERR_FAILED with its words behind `before` (may be "") and the next step; without words when --json shows the answer itself. */
int cmd_followed(const struct cmd *c, const struct http_reply *reply, const char *before, struct err *err) WARN_UNUSED;

/* A listing: columns as wide as their widest cell, two spaces between them. */
struct cmd_table {
	struct str_list cells;
	size_t columns;
};
/* `heads` are the columns' titles, NULL-terminated. */
void cmd_table_init(struct cmd_table *t, const char *const *heads);
void cmd_table_add(struct cmd_table *t, const char *cell); /* next cell, row by row; NULL prints "-" */
void cmd_table_addf(struct cmd_table *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void cmd_table_print(const struct cmd_table *t);
void cmd_table_free(struct cmd_table *t);

#endif
