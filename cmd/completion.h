/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Completion in bash and in zsh: what both scripts say is made once, from the table of commands. */
#ifndef ORTHRUS_CMD_COMPLETION_H
#define ORTHRUS_CMD_COMPLETION_H

#include "base/buf.h"
#include "base/err.h"

struct cmd;

/* Append what both shells understand: the lists $_orthrus_globals and $_orthrus_global_values, and three functions.
 * _orthrus_read WORD... reads the words before the one that is completed into the caller's variables noun, verb, option (one that
 * waits for its value), ended (a "--" was there), n (words after the verb), options, values, kinds (of the verb) and the array
 * pass (the options of every command with their values, as `completion words` needs them). _orthrus_value_kind sets kind for
 * $option, _orthrus_word_kind for word number $n: files, dirs, none, or what `orthrus completion words` takes; "+files" behind
 * that: files too. */
void completion_common(struct buf *out);

/* The script is no JSON, and takes no words. */
int completion_check(struct cmd *c, const char *shell, struct err *err) WARN_UNUSED;

#endif
