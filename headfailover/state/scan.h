/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads raft's directory without changing a byte, and says whether everything that was acknowledged is still there. */
#ifndef ORTHRUS_STATE_SCAN_H
#define ORTHRUS_STATE_SCAN_H

#include "base/err.h"

#include <stdint.h>

struct mark;

struct scan {
	uint64_t snapshot; /* index of the newest snapshot, 0: none */
	uint64_t last;	   /* index of the last entry that raft will load */
	uint64_t last_term;
	uint64_t term; /* current term by raft's metadata */
};
/* Fails with ERR_DAMAGED, naming the file, when raft would not load the directory, would load less than `m` promises, or
 * something else in its place; also when its metadata has lost a term. The tail of an open segment past the mark may be torn:
 * nobody was told that it is there. */
int scan_log(const char *dir, const struct mark *m, struct scan *out, struct err *err) WARN_UNUSED;

#endif
