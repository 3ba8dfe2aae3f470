/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which secrets a node was ever given, whatever its group and theirs are now: the documents "given/NODE". When it is removed,
 * they are what it knows. */
#ifndef ORTHRUS_DAEMON_SECRET_GIVEN_H
#define ORTHRUS_DAEMON_SECRET_GIVEN_H

#include "base/err.h"
#include "base/str.h"

struct change;
struct daemon;
/* Their names go into `out`; none: it was given none. */
int secret_given_load(struct daemon *d, const char *node, struct str_list *out, struct err *err) WARN_UNUSED;
/* Into the change, unless all of them are known. */
int secret_given_add(struct change *c, const char *node, const struct str_list *names, struct err *err) WARN_UNUSED;
void secret_given_forget(struct change *c, const char *node);

#endif
