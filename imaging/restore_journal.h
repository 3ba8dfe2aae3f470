/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file that a restore under way keeps in its target: whose restore it is, and which chunks are durable
 * (docs/image-format.md). */
#ifndef ORTHRUS_IMAGING_RESTORE_JOURNAL_H
#define ORTHRUS_IMAGING_RESTORE_JOURNAL_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct restore_journal {
	struct digest manifest; /* of the image's manifest.json */
	uint64_t n_chunks;
	bool *done; /* by chunk, in the order of (pack, offset) */
};
void restore_journal_free(struct restore_journal *j);
void restore_journal_encode(const struct restore_journal *j, struct buf *out);
/* ERR_DAMAGED for anything else than what encode makes. `out` must be zero; free it also after an error. */
int restore_journal_decode(const void *data, size_t len, struct restore_journal *out, struct err *err) WARN_UNUSED;

#endif
