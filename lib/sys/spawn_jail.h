/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs of others: run as nobody, with nothing of ours, and ended with all that they started. */
#ifndef ORTHRUS_SYS_SPAWN_JAIL_H
#define ORTHRUS_SYS_SPAWN_JAIL_H

#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

/* For struct spawn. The environment is what its `env` says and nothing else, the directory is "/", and no descriptor but 0, 1 and
 * 2 is open. Between us and the program stands a guardian, which keeps our rights: when the program has ended, its time is over
 * or we die, it kills every process that came of the program, also one that left its group and session. */
struct spawn_jail {
	uid_t uid;						    /* where we are not root: our own */
	gid_t gid;						    /* the only group */
	uint64_t cpu_s, memory_bytes, file_bytes, processes, files; /* of each process; `processes`: of the user */
};

/* In the child after fork(2), its signals reset: async-signal-safe calls only. Returns 0 in a process of its own that is to
 * become the program, -1 with errno there when it must not; the guardian never returns. */
int spawn_jail_enter(const struct spawn_jail *jail) WARN_UNUSED;

#endif
