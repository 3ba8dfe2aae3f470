/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What many nodes said, each text kept once: those that said the same, byte for byte, are named together. */
#ifndef ORTHRUS_BASE_FOLD_H
#define ORTHRUS_BASE_FOLD_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/nodeset.h"

#include <stddef.h>
#include <stdint.h>

struct fold_entry {
	struct digest digest; /* of text */
	struct buf text;
	struct nodeset who;
};
/* `autoclean(fold_free) struct fold f = { 0 };` */
struct fold {
	struct fold_entry *entries;
	size_t len, cap;
	size_t *table, table_len; /* by digest: index + 1, 0 is free */
	uint64_t bytes;		  /* of all texts together */
};
void fold_free(struct fold *f);

/* `node` said `text`, whose content is taken: it is empty then. ERR_INVALID for a name that no node set may hold. */
int fold_add(struct fold *f, const char *node, struct buf *text, struct err *err) WARN_UNUSED;
/* The order to show them in: what most said first, else by the first of their nodes. Nothing may be added after it. */
void fold_sort(struct fold *f);
/* Append "n[001-064,070] (65)". */
void fold_who(struct nodeset *who, struct buf *out);

#endif
