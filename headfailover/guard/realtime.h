/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A thread that is never late for want of a processor, and memory that is never on a disk: sched(7), mlockall(2). */
#ifndef ORTHRUS_GUARD_REALTIME_H
#define ORTHRUS_GUARD_REALTIME_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define REALTIME_ANY_CPU (-1)
/* All memory of this process, now and later, stays in RAM, its stacks touched beforehand; threads that are
 * made later have stacks of 512 KiB. ERR_FAILED names RLIMIT_MEMLOCK where
 * that is why. */
int realtime_lock_memory(struct err *err) WARN_UNUSED;
/* RLIMIT_MEMLOCK is finite: memory to come can only be locked by who keeps CAP_IPC_LOCK. */
bool realtime_needs_right(void);
/* This thread before all that are not real-time, by SCHED_FIFO, `priority` 1 to 99; on this processor alone, if one is given. */
int realtime_begin(int priority, int cpu, struct err *err) WARN_UNUSED;
/* By how many ppm the clock is being made to run faster than by itself (negative: slower): adjtimex(2), as NTP does it. -1: the
 * kernel does not say, as where a unit of systemd has ProtectClock=. */
int realtime_clock_ppm(int64_t *out, struct err *err) WARN_UNUSED;
/* Does this machine's clock stop while it is paused from outside? True for a guest whose clock is its host's (kvm-clock, Hyper-V,
 * Xen): leases shorter than a pause are not safe there. `source`: what the kernel calls it. */
bool realtime_may_be_paused(const char *root, char source[32]);

#endif
