/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program that is talked with while it runs: its output is read as it comes, however much that is, and it is written to. */
#ifndef ORTHRUS_SYS_SPAWN_STREAM_H
#define ORTHRUS_SYS_SPAWN_STREAM_H

#include "base/buf.h"
#include "base/err.h"
#include "sys/spawn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct spawn_stream {
	const char *program;
	pid_t pid;
	int in, out, err_fd; /* our ends */
	struct buf said;     /* the last of what it wrote to standard error; bounded */
	bool exited;
	int status; /* exit code, or 128 + signal, once exited */
	/* Called every `idle_ns` while spawn_stream_read() waits or is called; may be NULL. An error ends the reading. */
	int (*idle)(void *ctx, struct err *err);
	void *ctx;
	int64_t idle_ns, idled_ns;
};

/* Starts argv and returns. Of `s` argv, env and chroot_dir are used. The child dies with us. */
int spawn_stream_open(const struct spawn *s, struct spawn_stream *out, struct err *err) WARN_UNUSED;
/* Waits for output: up to `len` bytes of it, 0 at its end, -1 after an error or when nothing came for `limit_ns`. */
ssize_t spawn_stream_read(struct spawn_stream *st, void *data, size_t len, int64_t limit_ns, struct err *err) WARN_UNUSED;
/* All of it to its standard input; waits while it does not read. */
int spawn_stream_write(struct spawn_stream *st, const void *data, size_t len, int64_t limit_ns, struct err *err) WARN_UNUSED;
/* Closes its input and output and waits until it has ended; after `grace_ns` it is killed with its process group. st->status and
 * st->said then tell how it ended. */
void spawn_stream_close(struct spawn_stream *st, int64_t grace_ns);
void spawn_stream_free(struct spawn_stream *st); /* closes at once if that was not done */

#endif
