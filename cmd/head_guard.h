/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guard of this machine, as `orthrus head` shows it. */
#ifndef ORTHRUS_CMD_HEAD_GUARD_H
#define ORTHRUS_CMD_HEAD_GUARD_H

#include "cmd/cmd.h"

struct json_obj;
/* Lines for people of the member "guard" of a status; none where it has none. */
int head_guard_lines(struct json_obj *status, struct buf *out, struct err *err) WARN_UNUSED;
/* {"guard": {...}} of the guard that runs here: where there is no orthrusd (a witness), or none that runs. */
int head_guard_json(struct cmd *c, struct buf *out, struct err *err) WARN_UNUSED;

#endif
