/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that start programs share. */
#ifndef ORTHRUS_SYS_SPAWN_PRIV_H
#define ORTHRUS_SYS_SPAWN_PRIV_H

#include "base/err.h"
#include "sys/spawn.h"

#include <stddef.h>
#include <sys/types.h>

/* Fork and exec with these as standard input, output and error, which stay the caller's to close. Returns when the program runs.
 */
int spawn_child(const struct spawn *s, int in, int out, int err_fd, pid_t *pid, struct err *err) WARN_UNUSED;

/* write(2) to the input of a program that may have ended: -1 with EPIPE then, and never SIGPIPE for the caller, whatever it does
 * about that signal (pipe(7); write(2) is told for its own thread only, so that one alone is asked). */
ssize_t spawn_write(int fd, const void *data, size_t len);

#endif
