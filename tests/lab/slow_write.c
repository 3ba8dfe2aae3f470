/* SPDX-License-Identifier: GPL-2.0-or-later */
/* To be preloaded: whatever a program writes with pwrite(2) goes to a disk that takes SLOW_WRITE bytes a second, one write at a
 * time; the write with number HANG_WRITE takes HANG seconds; fsync(2) takes SLOW_SYNC seconds. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t disk = PTHREAD_MUTEX_INITIALIZER;
static uint64_t writes; /* under the lock */

/* pwrite64(), as offsets have 64 bits here. */
ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	const char *rate = getenv("SLOW_WRITE"), *hangs = getenv("HANG_WRITE"), *seconds = getenv("HANG");
	uint64_t ns = rate ? (uint64_t)len * 1000000000 / strtoull(rate, NULL, 10) : 0;
	struct timespec until = { .tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000) };
	ssize_t n;

	pthread_mutex_lock(&disk);
	if (hangs && seconds && ++writes == strtoull(hangs, NULL, 10))
		until.tv_sec += strtol(seconds, NULL, 10);
	nanosleep(&until, NULL);
	n = syscall(SYS_pwrite64, fd, data, len, at);
	pthread_mutex_unlock(&disk);
	return n;
}

int fsync(int fd)
{
	const char *seconds = getenv("SLOW_SYNC");
	struct timespec time = { .tv_sec = seconds ? strtol(seconds, NULL, 10) : 0 };

	nanosleep(&time, NULL);
	return (int)syscall(SYS_fsync, fd);
}
