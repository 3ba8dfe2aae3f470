/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process that speaks with the network gives up what it does not need: the files (landlock(7)), new rights, other programs, and
 * system calls (seccomp(2)). */
#ifndef ORTHRUS_SYS_CONFINE_H
#define ORTHRUS_SYS_CONFINE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* From now on this thread, and those that it starts, can open nothing but what is at or below `dirs` (symbolic links are
 * followed), to read; what is open stays open. Files can be neither written nor run, rights not regained, and no core is dumped.
 * *files false: this kernel has no Landlock, so the files are as they were. */
int confine_to_reading(const char *const *dirs, size_t n, bool *files, struct err *err) WARN_UNUSED;
/* Once all sockets are open: from now on this thread, and those that it starts, can make system calls for what is open, files to
 * be read, memory, threads and clocks, and no others: no socket can be made, named or connected, no process made, signalled or
 * looked into, nothing run or mapped to be run. What is refused is ENOSYS, and stands in the kernel's log. `ask_addresses`: it
 * may ask the kernel for this machine's addresses (getifaddrs(3)). */
int confine_calls(bool ask_addresses, struct err *err) WARN_UNUSED;

/* For who fetches a file from somebody that need not be trusted: from now on this thread, and those that it starts, ... */
/* ... open, make, rename and remove files beneath `dir` alone, and read also what is at or below `reads` (what is absent is
 * passed over); else as confine_to_reading(). */
int confine_to_writing(const char *dir, const char *const *reads, size_t n, bool *files, struct err *err) WARN_UNUSED;
/* ... make system calls for files, TCP and UDP, memory, threads and clocks, and no others: it reaches no other program of this
 * machine (no stream of AF_UNIX, no signal, nothing typed at the terminal), makes no process, and runs nothing. Else as
 * confine_calls(). */
int confine_fetching_calls(struct err *err) WARN_UNUSED;

#endif
