/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How options are declared: shared by those who parse, explain and complete them; no verb needs this. */
#ifndef ORTHRUS_CMD_OPTIONS_H
#define ORTHRUS_CMD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct cmd;

struct cmd_global {
	const char *name, *value, *help; /* value NULL: a flag */
};
extern const struct cmd_global cmd_globals[];
extern const size_t cmd_n_globals;

/* One option of a row's option string; points into it. value NULL: a flag. */
struct cmd_spec {
	const char *name, *value;
	size_t name_len, value_len;
	bool repeats, may_be_empty; /* an empty value takes back what was set */
};
/* Take the next from *rest; false at the end. */
bool cmd_spec_next(const char **rest, struct cmd_spec *out);

/* The noun's line in NOUNS, or NULL. */
struct cmd_noun {
	const char *name, *help;
};
extern const struct cmd_noun cmd_nouns[];
extern const size_t cmd_n_nouns;

/* Drop the connection that cmd_api() made, if any. */
void cmd_disconnect(struct cmd *c);

#endif
