/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decides, before raft touches its directory, whether this member may start at all, and how. */
#ifndef ORTHRUS_STATE_BOOT_H
#define ORTHRUS_STATE_BOOT_H

#include "base/err.h"
#include "headfailover/state/mark.h"

#include <stdbool.h>
#include <stdint.h>

struct boot {
	int lock_fd; /* held as long as the state is open */
	char *log_dir;
	struct mark_file *mark_file;
	struct mark mark;
	bool fresh; /* nothing was ever acknowledged here: the log directory is empty now */
};
/* Makes `dir` and its parts if need be and locks it. ERR_CONFLICT: another process has it. ERR_REFUSED: it is another member's.
 * ERR_DAMAGED: less is there than was acknowledged; not a byte of the log was changed. */
int boot_check(const char *dir, uint64_t id, struct boot *out, struct err *err) WARN_UNUSED;
void boot_free(struct boot *b);

#endif
