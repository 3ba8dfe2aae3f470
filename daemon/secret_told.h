/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who was given which secrets since the daemon began: nodes ask every few minutes, and the audit log says it when it is news. */
#ifndef ORTHRUS_DAEMON_SECRET_TOLD_H
#define ORTHRUS_DAEMON_SECRET_TOLD_H

#include "base/digest.h"

#include <stdbool.h>

#define SECRET_TOLD_MAX 20000 /* keys that are remembered; when there are more all are forgotten, and said once more */

struct secret_told; /* for several threads at once */
struct secret_told *secret_told_new(void) __attribute__((returns_nonnull));
void secret_told_free(struct secret_told *t);
/* Was this what `whom` (a node with its key) was given last? */
bool secret_told_is(struct secret_told *t, const struct digest *whom, const struct digest *what);
void secret_told_set(struct secret_told *t, const struct digest *whom, const struct digest *what);

#endif
