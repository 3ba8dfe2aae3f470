/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to the journal's readers: one entry that goes. */
#ifndef ORTHRUS_HEADINSTALL_JOURNAL_PRIV_H
#define ORTHRUS_HEADINSTALL_JOURNAL_PRIV_H

#include "headinstall/journal.h"

void journal_path_clear(struct head_path *p);
void journal_package_clear(struct head_pkg *p);
void journal_array_clear(struct head_array *a);

#endif
