/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `head install` and `head uninstall` say in the same way. */
#ifndef ORTHRUS_CMD_HEAD_INSTALL_H
#define ORTHRUS_CMD_HEAD_INSTALL_H

#include <stddef.h>

struct buf;
struct cmd;
struct err;
struct head_facts;
struct plan;
struct plan_step;

/* The steps, with diffs of files; {"steps":[..]} with --json. */
void head_show_plan(const struct cmd *c, const struct plan *plan);
/* headinstall/apply.h's head_say, with the command as `ctx`: a line for people when a step begins; with --json one for each
 * change. */
void head_say_step(void *ctx, const struct plan_step *step, size_t number, size_t of, const char *state);

/* head_applied.c: does orthrusd run, and by the site of `text` (as site_print() has it)? Where it runs by another one: what it
 * calls dangerous in taking this one. Sets facts->applied and dangers. -1: it would refuse this site, and says why; that it says
 * nothing is no error. */
int head_applied(struct cmd *c, struct buf *text, struct head_facts *facts, struct err *err);

#endif
