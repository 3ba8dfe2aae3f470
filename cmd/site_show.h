/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The site for people, and with --json as {"source","site"}. */
#ifndef ORTHRUS_CMD_SITE_SHOW_H
#define ORTHRUS_CMD_SITE_SHOW_H

#include "base/err.h"

struct cmd;
struct site;

/* `source` tells people where it comes from; `kind` is that for programs: "applied", "file" or "revision". */
void site_show(const struct cmd *c, const struct site *site, const char *source, const char *kind);
/* site_history.c: --history, or the site of --revision. */
int site_show_history(struct cmd *c, struct err *err) WARN_UNUSED;

#endif
