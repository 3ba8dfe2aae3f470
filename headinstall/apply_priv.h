/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to what performs an installation and takes it back. */
#ifndef ORTHRUS_HEADINSTALL_APPLY_PRIV_H
#define ORTHRUS_HEADINSTALL_APPLY_PRIV_H

#include "headinstall/apply.h"
#include "headinstall/plan.h"

char *apply_place(const struct head_apply *a, const char *path); /* below the root; caller frees */
void apply_say(const struct head_apply *a, const struct plan *plan, size_t i, const char *state);
/* A setting of the kernel. */
int apply_value(const char *name, const char *value, struct err *err) WARN_UNUSED;
/* apply_address.c: the interface gets what was written for it, and has it when this returns 0; and loses it again. */
int apply_address(struct head_apply *a, const struct head_step *s, struct err *err) WARN_UNUSED;
int apply_address_off(struct head_apply *a, const struct head_step *s, struct err *err) WARN_UNUSED;
void undo_address(struct head_apply *a, const struct head_step *s);
/* apply_store.c */
int apply_raid(struct head_apply *a, const struct head_step *s, struct err *err) WARN_UNUSED;
int apply_store_stop(struct head_apply *a, struct err *err) WARN_UNUSED;
int apply_store(struct head_apply *a, const struct head_step *s, struct err *err) WARN_UNUSED;
int undo_store(struct head_apply *a, const struct head_step *s, struct str_list *kept, struct err *err) WARN_UNUSED;
/* undo.c: named in `kept`, and written down first: nothing shows it any more when a run that is killed now is gone on with. */
int undo_keep(struct head_apply *a, const char *what, struct str_list *kept, struct err *err) WARN_UNUSED;
/* undo_files.c: all paths as they were, as far as they are still ours. */
int undo_files(struct head_apply *a, const struct head_journal *leaving, struct str_list *kept, struct err *err) WARN_UNUSED;
/* undo_data.c: the paths of the step; links, mounts and what is not of Orthrus are named in `kept`. */
int undo_data(struct head_apply *a, const struct head_step *s, struct str_list *kept, struct err *err) WARN_UNUSED;
/* undo_guard.c: it ends, and with it this machine's service addresses and the gate. */
int undo_guard(struct head_apply *a, struct err *err) WARN_UNUSED;
int undo_packages(struct head_apply *a, const struct head_step *s, struct err *err) WARN_UNUSED;

#endif
