/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For cast/treehash*.c alone. */
#ifndef ORTHRUS_CAST_TREEHASH_PRIV_H
#define ORTHRUS_CAST_TREEHASH_PRIV_H

#include "cast/treehash.h"

struct treehash_mb;
/* NULL: libcrypto is faster on this processor. */
struct treehash_mb *treehash_mb_new(void);
void treehash_mb_free(struct treehash_mb *m);
/* So many leaves at once take as long as one. */
size_t treehash_mb_lanes(const struct treehash_mb *m);
/* `n` whole leaves, neighbours. */
void treehash_mb_leaves(struct treehash_mb *m, const uint8_t *data, size_t n, struct digest *out);

#endif
