/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes that are made here and not by the daemon stand in the audit log too. */
#ifndef ORTHRUS_CMD_AUDIT_HERE_H
#define ORTHRUS_CMD_AUDIT_HERE_H

#include "cmd/cmd.h"

/* Perform `act`, with a line before it and one after it that says how it ended. When the first can't be written: ERR_REFUSED, and
 * nothing is done. With --plan nothing is written. */
int cmd_audited(struct cmd *c, int (*act)(struct cmd *c, struct err *err), struct err *err) WARN_UNUSED;

#endif
