/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Run another program: an argv array, a chosen environment, a time limit, a capture limit. Never a shell. */
#ifndef ORTHRUS_SYS_SPAWN_H
#define ORTHRUS_SYS_SPAWN_H

#include "base/buf.h"
#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* As `program`: this very program, as it was started. Where its file was replaced since, by an upgrade, the new one would not
 * understand what this one says. */
#define SPAWN_SELF "/proc/self/exe"

struct spawn_jail;
struct spawn {
	const char *const *argv; /* NULL-terminated; argv[0] is looked up on PATH */
	const char *program;	 /* the file, where argv[0] only names it; or NULL */
	const char *const *env;	 /* extra NAME=VALUE, NULL-terminated, or NULL; the base is PATH, LANG=C.UTF-8, HOME, TMPDIR */
	const char *chroot_dir;	 /* or NULL */
	const char *input;	 /* for standard input, or NULL for /dev/null */
	size_t input_len;
	/* For streams that are too long to keep: an open fd in place of `input` and of the capture of its standard output; 0:
	 * none. They stay the caller's. */
	int stdin_fd, stdout_fd;
	int64_t timeout_ns;	       /* 0: 10 minutes; then SIGTERM, 2 s later SIGKILL to its process group */
	const struct spawn_jail *jail; /* sys/spawn_jail.h: not ours, and not trusted; NULL: it is */
	size_t output_max;	       /* so much of stdout and stderr each is taken, then that is closed; 0: all */
	bool no_capabilities;	       /* of the ambient ones that we have, the program gets none */
	const atomic_bool *stop;       /* once it is true, its time is over; may be NULL */
	size_t capture_max;	       /* 0: 1 MiB; of stdout and stderr each; more is cut, not an error */
	/* Called with each whole line of stdout or stderr as it comes (without '\n'); may be NULL. */
	void (*line)(void *ctx, bool is_stderr, const char *line);
	void *ctx;
};
struct spawn_result {
	int status;	     /* exit code, or 128 + signal */
	struct buf out, err; /* what it printed; freed by spawn_result_free */
};
void spawn_result_free(struct spawn_result *r);

/* Runs to the end. -1 only when it could not be started, timed out, or (when `r` is NULL) did not exit 0: then the error
 * carries the program's name, its exit and the last line it said. The child dies with us (PR_SET_PDEATHSIG), and no signal is
 * blocked or ignored in it, whatever is here. */
int spawn_run(const struct spawn *s, struct spawn_result *r, struct err *err) WARN_UNUSED;

/* The common case: run argv, demand exit 0. `SPAWN(err, "mdadm", "--stop", path)`. */
#define SPAWN(err, ...) spawn_run(&(const struct spawn){ .argv = (const char *const[]){ __VA_ARGS__, NULL } }, NULL, (err))

/* For long-lived servers: starts and returns; stdin is stdin_fd or /dev/null, stdout and stderr go to our stderr. The caller
 * watches the pid. */
int spawn_start(const struct spawn *s, pid_t *pid, struct err *err) WARN_UNUSED;

#endif
