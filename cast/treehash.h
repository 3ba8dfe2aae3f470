/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The digest of a piece of a file: SHA-256 over the SHA-256 of each of its leaves of 64 KiB (the last one shorter), so that many
 * lanes of a processor work on one piece: by libipsec-mb where it is faster, else by libcrypto. */
#ifndef ORTHRUS_CAST_TREEHASH_H
#define ORTHRUS_CAST_TREEHASH_H

#include "base/digest.h"

#include <stddef.h>
#include <stdint.h>

#define TREEHASH_LEAF 65536

struct treehash; /* for one thread */
struct treehash *treehash_new(void) __attribute__((returns_nonnull));
void treehash_free(struct treehash *t);
void treehash_of(struct treehash *t, const void *data, size_t len, struct digest *out);

#endif
