/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reserve DIR BYTES: keeps so much memory in use, says "ready", and then gives it back as the file system of DIR (a tmpfs) fills.
 * A virtual machine's host takes back memory that nobody uses; whoever touches it next waits for the host, several times longer
 * than for the page itself, and a slow program would wait more often than a fast one. So what is measured finds memory that is
 * there. Ends when it is killed, or whoever started it ends. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <time.h>

#define AHEAD ((uint64_t)768 << 20) /* so much is free at any time */
#define STEP ((uint64_t)16 << 20)

static uint64_t used_bytes(const char *dir)
{
	struct statvfs fs;

	if (statvfs(dir, &fs) < 0) {
		fprintf(stderr, "reserve: %s: %s\n", dir, strerror(errno));
		exit(1);
	}
	return (uint64_t)(fs.f_blocks - fs.f_bfree) * fs.f_frsize;
}

int main(int argc, char **argv)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	uint64_t bytes, given = 0, before, now;
	uint8_t *p;

	if (argc != 3 || (bytes = strtoull(argv[2], NULL, 10)) == 0) {
		fputs("usage: reserve DIR BYTES\n", stderr);
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	bytes = (bytes + AHEAD + STEP - 1) / STEP * STEP;
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		fprintf(stderr, "reserve: %s\n", strerror(errno));
		return 1;
	}
	for (uint64_t i = 0; i < bytes; i += 4096)
		p[i] = 1;
	before = used_bytes(argv[1]);
	puts("ready");
	fflush(stdout);
	for (;;) {
		now = used_bytes(argv[1]);
		now = (now > before ? now - before : 0) + AHEAD;
		for (; given < bytes && given < now; given += STEP)
			madvise(p + given, STEP, MADV_DONTNEED);
		nanosleep(&pause, NULL);
	}
}
