/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /etc/passwd and its like, as lines with names before the first ':'. Pure. */
#ifndef ORTHRUS_HEADINSTALL_ACCOUNTS_H
#define ORTHRUS_HEADINSTALL_ACCOUNTS_H

#include "base/buf.h"
#include "base/str.h"

#include <stdint.h>

/* Names that `now` has and `was` has not. */
void head_accounts_added(const char *was, const char *now, struct str_list *names);
/* Is it a number of a person's (Debian: 1000 to 59999), which no package and no sysusers.d gives? */
bool head_accounts_number(uint64_t number);
/* Does `name` have one? */
bool head_accounts_person(const char *text, const char *name);
/* `text` without the lines of these names; with `members`, the last field of each line without them too (/etc/group). */
void head_accounts_without(const char *text, const struct str_list *names, bool members, const struct str_list *users,
			   struct buf *out);

#endif
