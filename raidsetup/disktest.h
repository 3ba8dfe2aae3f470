/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the disk test that can be tried without a bad disk. */
#ifndef ORTHRUS_RAIDSETUP_DISKTEST_H
#define ORTHRUS_RAIDSETUP_DISKTEST_H

#include <stdint.h>

/* Where read number `sample` of 1 MiB begins: start, middle, end, then places scattered by the disk's id; a multiple of 4096. */
uint64_t disktest_place(const char *id, unsigned int sample, uint64_t size_bytes);
/* What smartctl's exit status says of the disk; NULL: nothing bad. Caller frees. */
char *disktest_smart_words(int status);
/* The timed reads: start, middle, end and `samples` others. NULL: all went well, else what did not. Caller frees. Never writes.
 */
char *disktest_reads(const char *node, const char *id, uint64_t size_bytes, unsigned int samples);

#endif
