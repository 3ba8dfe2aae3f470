/* SPDX-License-Identifier: GPL-2.0-or-later */
/* squashfs: sqfs2tar(1) takes it apart and writes a tar into a pipe, which is believed no more than any other. */
#include "imaging/import_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/clock.h"
#include "sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_NS (24 * 3600 * NS_PER_S)

struct unpacker {
	const char *path;
	int out; /* the pipe's end it writes to */
	int rc;
	struct err err;
	struct str_list said;
};

static void hear(void *ctx, bool is_stderr, const char *line)
{
	struct unpacker *u = ctx;

	(void)is_stderr;
	if (u->said.len < 1000)
		str_list_add(&u->said, line);
}

static void *unpack(void *ctx)
{
	struct unpacker *u = ctx;
	/* Without a root of its own in the tar, the root directory's attributes would be lost. */
	const char *const argv[] = { "sqfs2tar", "--root-becomes", ".", u->path, NULL };

	u->rc = spawn_run(&(struct spawn){ .argv = argv, .stdout_fd = u->out, .timeout_ns = TIMEOUT_NS, .line = hear, .ctx = u },
			  NULL, &u->err);
	close(u->out);
	return NULL;
}

static int judge(struct unpacker *u, struct import_run *run, int rc, struct err *err)
{
	/* When both failed, an archive that was cut off is only the consequence; one that we refused ends the other by a signal.
	 */
	if (u->rc < 0 && (rc == 0 || !str_starts(u->err.text, "sqfs2tar was ended by signal 13"))) {
		*err = u->err;
		return -1;
	}
	/* What a tar can't hold, it says. */
	for (size_t i = 0; rc == 0 && i < u->said.len; i++) {
		import_note(run->notes, NOTE_WORDS, "");
		if (!run->notes->words)
			run->notes->words = str_printable(u->said.items[i], strlen(u->said.items[i]));
	}
	return rc;
}

int import_squashfs(struct import_run *run, const char *path, struct err *err)
{
	struct import_input in = {
		.is_stream = true, .max_bytes = import_unpacked_max(run->im), .progress = run->im->progress, .ctx = run->im->ctx
	};
	struct unpacker u = { .path = path };
	pthread_t thread;
	int pipes[2], rc;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_errno(err, errno, "make a pipe");
	in.fd = pipes[0];
	u.out = pipes[1];
	rc = pthread_create(&thread, NULL, unpack, &u);
	if (rc != 0) {
		close(pipes[0]);
		close(pipes[1]);
		return err_errno(err, rc, "start a thread");
	}
	rc = import_archive(run, &in, NULL, NULL, err);
	import_input_free(&in);
	close(pipes[0]);
	pthread_join(thread, NULL);
	rc = judge(&u, run, rc, err);
	str_list_free(&u.said);
	return rc;
}
