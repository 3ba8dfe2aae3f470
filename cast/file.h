/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file that is cast, as the source of cast/tx.h: its pieces, and the digest of each, which is computed once, while the piece
 * is in the processor's caches. A file that changes meanwhile is noticed: the cast fails. */
#ifndef ORTHRUS_CAST_FILE_H
#define ORTHRUS_CAST_FILE_H

#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file;
struct layout;
struct ticket_file;

/* A regular file that is not empty. */
int file_open(const char *path, struct file **out, struct err *err) WARN_UNUSED;
/* Symbols of another length than LAYOUT_SYMBOL; before anybody looks at it. */
int file_symbols(struct file *f, uint16_t symbol_bytes, struct err *err) WARN_UNUSED;
/* Several files that are cast as one, one after another: `name` is what they are together. They must not change; none is empty.
 */
struct file_part {
	const char *name, *path;
};
int file_open_parts(const char *name, const struct file_part *parts, size_t n, struct file **out, struct err *err) WARN_UNUSED;
/* Their list for an offer, the file's own; NULL: it is one file. */
struct ticket_part;
struct ticket_part *file_parts(const struct file *f, size_t *n);
/* At most `max` bytes from `at` on, for http_out_reader(); `ctx` is the file. Any thread. */
size_t file_read_at(void *ctx, uint64_t at, void *data, size_t max);
void file_close(struct file *f); /* NULL is fine */
const struct ticket_file *file_facts(const struct file *f);
const struct layout *file_layout(const struct file *f);
/* ERR_CONFLICT: it is not what it was when it was opened (size, time of the last change). */
int file_check(struct file *f, struct err *err) WARN_UNUSED;

/* For struct tx_source; `ctx` is the file. Any thread. */
const uint8_t *file_chunk(void *ctx, uint32_t piece, uint8_t *scratch, struct err *err);
int file_digest(void *ctx, uint32_t piece, struct digest *out, struct err *err) WARN_UNUSED; /* reads the piece if need be */
bool file_digested(struct file *f, uint32_t piece);					     /* file_digest() need not read */

/* A descriptor of it where it is one file, the caller's to close. -1 with err. */
int file_dup(const struct file *f, struct err *err) WARN_UNUSED;

#endif
