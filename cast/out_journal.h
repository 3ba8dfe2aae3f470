/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The note that a reception under way keeps beside its target: which pieces of which content are durable. A file of two slots
 * that are written in turn, each with its own checksum: whatever a power cut tears, the other one is whole. */
#ifndef ORTHRUS_CAST_OUT_JOURNAL_H
#define ORTHRUS_CAST_OUT_JOURNAL_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct out_journal {
	uint64_t turn;	  /* from 1; the slot is turn % 2 */
	struct digest id; /* ticket_file_id() of the content */
	uint64_t size_bytes;
	uint32_t piece_bytes;
	uint8_t *have; /* a bit for each piece, LSB first */
	size_t have_len;
};
void out_journal_free(struct out_journal *j);
/* Appends one slot. */
void out_journal_encode(const struct out_journal *j, struct buf *out);
/* Of one whole slot. ERR_DAMAGED for all that encode does not make. `out` must be zero; free it also after an error. */
int out_journal_decode(const void *data, size_t len, struct out_journal *out, struct err *err) WARN_UNUSED;
/* The newer of the slots in a whole journal file. ERR_DAMAGED: none is whole. */
int out_journal_newest(const void *data, size_t len, struct out_journal *out, struct err *err) WARN_UNUSED;
/* How long a slot is. */
size_t out_journal_slot(size_t have_len);
#define OUT_JOURNAL_FILE_MAX ((size_t)5 << 20)

#endif
