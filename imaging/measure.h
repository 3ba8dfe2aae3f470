/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much content a tree has, counted beside the work that reads it: for its progress only. */
#ifndef ORTHRUS_IMAGING_MEASURE_H
#define ORTHRUS_IMAGING_MEASURE_H

#include <stdint.h>

struct measure;

/* Begin to count below `root_fd`, which must stay open, by a thread of its own. NULL when that can't be: nothing depends on it.
 */
struct measure *measure_start(int root_fd);
/* Bytes of regular files without holes, names of one inode counted once; 0 while it is not known. NULL: 0. */
uint64_t measure_bytes(struct measure *m);
/* Stop, counted or not. NULL is fine. */
void measure_end(struct measure *m);

#endif
