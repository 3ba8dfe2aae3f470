/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An event loop (libuv) with a door for other threads: post a function and it runs on the loop's thread. Timers, child exits,
 * signals. */
#ifndef ORTHRUS_SYS_LOOP_H
#define ORTHRUS_SYS_LOOP_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct loop;
struct loop_timer;
struct loop_signal;
struct loop_fd;
struct uv_loop_s;

typedef void (*loop_fn)(void *ctx);

/* A loop that does not run yet. Ignores SIGPIPE for the whole process: a peer that hangs up must not end a daemon. */
int loop_new(struct loop **out, struct err *err) WARN_UNUSED;
/* Run it on a thread of its own, with all signals blocked there; `name` (up to 15 bytes) is what ps shows. */
int loop_start(struct loop *loop, const char *name, struct err *err) WARN_UNUSED;
/* Or run it here until loop_stop() (then everything posted before has run). */
void loop_run(struct loop *loop);
/* From any thread, also more than once: what was posted before still runs, later posts are refused, timers and watches end. */
void loop_stop(struct loop *loop);
/* Stops, waits for the thread of loop_start() to end, frees the timers and watches left, and the loop. NULL is fine. Never from
 * the loop's own thread. A loop that was neither started nor run is run here until it is empty. */
void loop_free(struct loop *loop);
/* True on the thread that runs the loop. */
bool loop_here(const struct loop *loop);
/* For libraries that bring their own libuv handles; those must be closed by their owner before loop_free() can return. */
struct uv_loop_s *loop_uv(struct loop *loop);

/* From any thread: run fn(ctx) on the loop's thread, in the order posted. False (and nothing runs) once loop_stop() was called.
 */
bool loop_post(struct loop *loop, loop_fn fn, void *ctx) WARN_UNUSED;
/* The same, and wait until it ran; on the loop's thread it just calls. */
bool loop_call(struct loop *loop, loop_fn fn, void *ctx) WARN_UNUSED;

/* All below: on the loop's thread only, or before it runs. */

/* Run work(ctx) on a helper thread, then done(ctx) on the loop's. */
int loop_work(struct loop *loop, loop_fn work, loop_fn done, void *ctx, struct err *err) WARN_UNUSED;

/* A timer, not yet set. Never early, up to 2 ms late; `repeat_ns` 0: once. Setting a set timer sets it anew. */
struct loop_timer *loop_timer_new(struct loop *loop, loop_fn fn, void *ctx) __attribute__((returns_nonnull));
void loop_timer_set(struct loop_timer *t, int64_t delay_ns, int64_t repeat_ns);
void loop_timer_stop(struct loop_timer *t);
void loop_timer_free(struct loop_timer *t); /* NULL is fine; may be called in its own fn */

/* fn(ctx, pid, status) once when this child of ours has ended; `status`: exit code, or 128 + signal. It is reaped, other children
 * are not touched (pidfd_open(2)), so this lives beside spawn_run(). */
typedef void (*loop_child_fn)(void *ctx, pid_t pid, int status);
int loop_child(struct loop *loop, pid_t pid, loop_child_fn fn, void *ctx, struct err *err) WARN_UNUSED;

/* fn(ctx) on the loop's thread each time the process gets `signum`. */
struct loop_signal *loop_signal_new(struct loop *loop, int signum, loop_fn fn, void *ctx) __attribute__((returns_nonnull));
void loop_signal_free(struct loop_signal *s); /* NULL is fine */

/* fn(ctx) again and again while `fd` has something to read, is at its end or in error; what polls (pipes, sockets, signalfd), no
 * regular file. Free the watch before the fd is closed. */
int loop_fd_new(struct loop *loop, int fd, loop_fn fn, void *ctx, struct loop_fd **out, struct err *err) WARN_UNUSED;
void loop_fd_free(struct loop_fd *f); /* NULL is fine; may be called in its own fn */

#endif
