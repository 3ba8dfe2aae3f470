/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The digest of a piece of a file: BLAKE3, which works on many parts of a piece at once, in all lanes of the processor's vectors
 * (docs/cast.md says why it is not SHA-256, as everywhere else). */
#ifndef ORTHRUS_CAST_TREEHASH_H
#define ORTHRUS_CAST_TREEHASH_H

#include "base/digest.h"

#include <stddef.h>
#include <stdint.h>

struct treehash; /* for one thread */
struct treehash *treehash_new(void) __attribute__((returns_nonnull));
void treehash_free(struct treehash *t);
void treehash_of(struct treehash *t, const void *data, size_t len, struct digest *out);

#endif
