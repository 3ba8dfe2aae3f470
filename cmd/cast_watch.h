/* SPDX-License-Identifier: GPL-2.0-or-later */
/* While a cast runs on the main thread: Ctrl-C is heard and progress is shown, on a thread of its own. */
#ifndef ORTHRUS_CMD_CAST_WATCH_H
#define ORTHRUS_CMD_CAST_WATCH_H

#include "cmd/cmd.h"
#include "sys/progress.h"

#include <stdatomic.h>

struct loop;
struct loop_signal;
struct loop_timer;

#define CAST_WATCH_SIGNALS 3
struct cast_watch {
	void (*tick)(void *ctx, struct progress *p); /* ten times a second */
	void (*stop)(void *ctx);		     /* once; a second signal ends the program */
	void *ctx;
	atomic_bool stopped;
	/* its own */
	struct progress progress;
	struct loop *loop;
	struct loop_signal *signals[CAST_WATCH_SIGNALS];
	struct loop_timer *timer;
};
/* `tick`, `stop` and `ctx` are set. */
int cast_watch_start(struct cast_watch *w, const struct cmd *c, struct err *err) WARN_UNUSED;
/* The line of progress is ended; neither function is called any more. It may be called twice. */
void cast_watch_end(struct cast_watch *w);

/* Of this process so far. */
double cast_cpu_seconds(void);
uint64_t cast_memory_bytes(void); /* the most that it had at once */

#endif
