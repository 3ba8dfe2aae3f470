/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two clocks. Nothing but log lines, manifests and certificates uses wall time. */
#ifndef ORTHRUS_SYS_CLOCK_H
#define ORTHRUS_SYS_CLOCK_H

#include <stdint.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

int64_t clock_now_ns(void); /* CLOCK_MONOTONIC */
int64_t clock_wall_s(void); /* seconds since 1970, UTC */
/* A clock that shows less has lost its battery: this program was written later. */
#define CLOCK_FLOOR_S INT64_C(1767225600) /* 2026-01-01 */
#define CLOCK_UTC_LEN 21
void clock_utc(int64_t wall_s, char out[CLOCK_UTC_LEN]); /* "2026-11-21T05:30:00Z" */
void clock_sleep_ns(int64_t ns);			 /* for command-line programs only, never in a daemon */

#endif
