/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A site's templates in the daemon: taken from /etc/orthrus/templates.d when a site is applied, kept in the state (document
 * "templates"), and made into the files of each node's order. */
#ifndef ORTHRUS_DAEMON_HOST_FILES_H
#define ORTHRUS_DAEMON_HOST_FILES_H

#include "daemon/change.h"
#include "installer/templates.h"

/* Those that were applied; none is fine. */
int host_files_templates(struct daemon *d, struct templates *out, struct err *err) WARN_UNUSED;
/* Fill order->files for the node `n`: with the templates that were applied. */
int host_files_fill(struct daemon *d, const struct site *site, const struct node *n, struct order *order,
		    struct err *err) WARN_UNUSED;

/* What is in the directory now, checked against the site, every group and every secret; a step for each that differs from what
 * was applied. ERR_INVALID lists all that is wrong. */
int host_files_look(struct daemon *d, const struct site *site, struct templates *out, struct plan *plan,
		    struct err *err) WARN_UNUSED;
/* The same of those that were applied before: `document` is what the state had of them, empty for none. */
int host_files_back(struct daemon *d, const struct site *site, const struct buf *document, struct templates *out,
		    struct plan *plan, struct err *err) WARN_UNUSED;
/* They are what holds from this change on. */
void host_files_write(struct change *c, const struct templates *t);
/* ERR_EXISTS when a template makes this file: texts that everybody may read and secrets do not share one. */
int host_files_not_template(struct daemon *d, const char *path, struct err *err) WARN_UNUSED;

#endif
