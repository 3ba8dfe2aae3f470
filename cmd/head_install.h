/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `head install` and `head uninstall` say in the same way. */
#ifndef ORTHRUS_CMD_HEAD_INSTALL_H
#define ORTHRUS_CMD_HEAD_INSTALL_H

#include <stddef.h>

struct cmd;
struct plan;
struct plan_step;

/* The steps, with diffs of files; {"steps":[..]} with --json. */
void head_show_plan(const struct cmd *c, const struct plan *plan);
/* headinstall/apply.h's head_say, with the command as `ctx`: a line for people when a step begins; with --json one for each
 * change. */
void head_say_step(void *ctx, const struct plan_step *step, size_t number, size_t of, const char *state);

#endif
