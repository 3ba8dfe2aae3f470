/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks for tests: loop devices over sparse files that the test made, given to raidsetup by name. Needs root. */
#ifndef ORTHRUS_TESTS_LOOPDISK_H
#define ORTHRUS_TESTS_LOOPDISK_H

#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"
#include "sys/spawn.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

struct loopdisk {
	char *name, *node; /* "loop3", "/dev/loop3" */
	int file, loop;
	uint64_t size_bytes;
};

/* Another process may take the number between the question and the answer. */
static inline int loopdisk_attach(struct loopdisk *d, int control, uint32_t sector_bytes, uint32_t flags)
{
	for (int tries = 0; tries < 20; tries++) {
		struct loop_config config = { .fd = (uint32_t)d->file,
					      .block_size = sector_bytes,
					      .info = { .lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_PARTSCAN | flags } };
		int n = ioctl(control, LOOP_CTL_GET_FREE);

		if (n < 0)
			return -1;
		free(d->name);
		free(d->node);
		d->name = str_format("loop%d", n);
		d->node = str_format("/dev/%s", d->name);
		d->loop = open(d->node, (flags & LO_FLAGS_READ_ONLY ? O_RDONLY : O_RDWR) | O_CLOEXEC);
		if (d->loop >= 0 && ioctl(d->loop, LOOP_CONFIGURE, &config) == 0)
			return 0;
		if (d->loop >= 0)
			close(d->loop);
		d->loop = -1;
	}
	return -1;
}

/* Over the file `dir`/`file`, which is made when it is not there. */
static inline void loopdisk_make(struct loopdisk *d, const char *dir, const char *file, uint64_t size_bytes,
				 uint32_t sector_bytes, uint32_t flags)
{
	autofree char *path = fs_join(dir, file);
	autoclose int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	*d = (struct loopdisk){ .loop = -1, .size_bytes = size_bytes };
	d->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(d->file >= 0);
	assert_int_equal(ftruncate(d->file, (off_t)size_bytes), 0);
	assert_int_equal(loopdisk_attach(d, control, sector_bytes, flags), 0);
}

static inline void loopdisk_end(struct loopdisk *d)
{
	ioctl(d->loop, LOOP_CLR_FD, 0);
	close(d->loop);
	close(d->file);
	free(d->name);
	free(d->node);
}

static inline void loopdisk_put(const struct loopdisk *d, uint64_t at, const void *data, size_t len)
{
	struct err err = { 0 };

	assert_int_equal(fs_pwrite_all(d->loop, d->node, data, len, at, &err), 0);
	assert_int_equal(fsync(d->loop), 0);
}

/* Run a program; its words are the test's failure. */
static inline void loopdisk_run(const char *const argv[])
{
	struct err err = { 0 };

	if (spawn_run(&(const struct spawn){ .argv = argv }, NULL, &err) < 0)
		fail_msg("%s", err.text);
}
#define RUN(...) loopdisk_run((const char *const[]){ __VA_ARGS__, NULL })

#endif
