/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many programs at once on one event loop, at most so many at a time: their output as it comes, each with its own time limit and
 * its own end. One that hangs, floods or dies changes nothing for the others. */
#ifndef ORTHRUS_SYS_FANOUT_H
#define ORTHRUS_SYS_FANOUT_H

#include "base/err.h"
#include "sys/loop.h"
#include "sys/spawn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fanout;

enum fanout_end {
	FANOUT_EXITED,	 /* by itself */
	FANOUT_TIMEOUT,	 /* its time was up: SIGTERM, after the grace SIGKILL, to its process group */
	FANOUT_REFUSED,	 /* output() wanted no more; ended in the same way */
	FANOUT_STOPPED,	 /* ditto, by fanout_stop() */
	FANOUT_UNBEGUN,	 /* fanout_stop() came first: it never ran */
	FANOUT_UNSTARTED /* it could not be started: `why` says it */
};
struct fanout_result {
	enum fanout_end how;
	int status;	 /* exit code, or 128 + signal; of those that ran */
	int64_t took_ns; /* from its start to its end */
	const struct err *why;
};

/* The programs have numbers from 0 to n - 1 and are begun in that order. All functions are called on the loop's thread; a slow
 * one holds up the programs by their full pipes, and costs no memory. */
struct fanout_opts {
	size_t n, at_a_time; /* at_a_time from 1 */
	int64_t timeout_ns;  /* for each from its start; 0: none */
	int64_t grace_ns;    /* between SIGTERM and SIGKILL */
	/* Say how to start number `i`: of `s` argv, env, chroot_dir and stdin_fd (else /dev/null) are used, and must live until
	 * the next call. */
	int (*prepare)(void *ctx, size_t i, struct spawn *s, struct err *err);
	/* A piece of its standard output or error; false: no more of it, it is ended. Not called again for it then. */
	bool (*output)(void *ctx, size_t i, bool is_stderr, const char *data, size_t len);
	void (*ended)(void *ctx, size_t i, const struct fanout_result *r); /* once for every number, after its last output */
	void (*all_ended)(void *ctx);					   /* once, after the last */
	void *ctx;
};

/* Begins when the loop runs, and belongs to it until loop_free(). */
int fanout_start(struct loop *loop, const struct fanout_opts *opts, struct fanout **out, struct err *err) WARN_UNUSED;
/* End all that run and begin none any more; said again, those that still run are killed at once. On the loop's thread. */
void fanout_stop(struct fanout *f);
/* Number `i` is well under way, and is not counted among those that run at a time any more. On the loop's thread. */
void fanout_settled(struct fanout *f, size_t i);
size_t fanout_begun(const struct fanout *f); /* those with lower numbers were begun */
/* After loop_free(): what still runs is killed and reaped. NULL is fine. */
void fanout_free(struct fanout *f);

/* How many file descriptors a program takes here while it runs. */
#define FANOUT_FDS 3

#endif
