/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Old tables and labels as they lie on a disk: little-endian, and never to be believed. */
#ifndef ORTHRUS_RAIDSETUP_BYTES_H
#define ORTHRUS_RAIDSETUP_BYTES_H

#include "base/err.h"
#include "sys/fs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint64_t bytes_le(const uint8_t *p, size_t len)
{
	uint64_t v = 0;

	for (size_t i = len; i > 0; i--)
		v = v << 8 | p[i - 1];
	return v;
}

/* All of it, or false: behind the end, or unreadable. */
static inline bool bytes_read(int fd, uint64_t at, void *buf, size_t len)
{
	struct err err = { 0 };

	return at <= INT64_MAX - len && fs_pread_all(fd, "the disk", buf, len, at, &err) == 0;
}

#endif
