/* SPDX-License-Identifier: GPL-2.0-or-later */
/* squashfs: tar2sqfs(1) reads our own pax archive from a pipe, so that nothing is unpacked to a disk. mksquashfs(1) 4.5 can't: it
 * cuts leading "../" and "/" off the targets of long symbolic links. */
#include "imaging/export_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/clock.h"
#include "sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#define TIMEOUT_NS (24 * 3600 * NS_PER_S)

struct maker {
	const char *path;
	int in; /* the pipe's end it reads */
	int rc;
	struct err err;
};

/* When it ends early its end of the pipe is closed, and the writer's next write fails. */
static void *make_squashfs(void *ctx)
{
	struct maker *m = ctx;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	autofree char *jobs = str_format("--num-jobs=%ld", cpus < 1 ? 1 : cpus);
	const char *const argv[] = {
		"tar2sqfs", "--force", "--quiet", "--no-skip", "--exportable", "--compressor=zstd", "--comp-extra=level=3",
		jobs,	    m->path,   NULL
	};

	m->rc = spawn_run(&(struct spawn){ .argv = argv, .stdin_fd = m->in, .timeout_ns = TIMEOUT_NS }, NULL, &m->err);
	close(m->in);
	return NULL;
}

int export_squashfs(const struct export *x, const struct export_facts *f, const char *path, struct err *err)
{
	autoclean(sink_freep) struct sink *chain = NULL;
	struct maker m = { .path = path };
	struct pollfd p = { 0 };
	pthread_t thread;
	int pipes[2], rc;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_errno(err, errno, "make a pipe");
	m.in = pipes[0];
	p.fd = pipes[1];
	chain = sink_fd(pipes[1], "the pipe to tar2sqfs");
	rc = pthread_create(&thread, NULL, make_squashfs, &m);
	if (rc != 0) {
		close(pipes[0]);
		close(pipes[1]);
		return err_errno(err, rc, "start a thread");
	}
	rc = export_archive(x, f, EXPORT_SQUASHFS, chain, err);
	/* When it has ended already, that is the cause, and our error only what came of it. */
	poll(&p, 1, 0);
	close(pipes[1]);
	pthread_join(thread, NULL);
	if (m.rc < 0 && (rc == 0 || p.revents & POLLERR))
		*err = m.err;
	return rc < 0 || m.rc < 0 ? -1 : 0;
}
