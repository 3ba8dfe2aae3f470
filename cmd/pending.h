/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machines that wait for approval, as the daemon tells them, for the verbs of `orthrus node`. */
#ifndef ORTHRUS_CMD_PENDING_H
#define ORTHRUS_CMD_PENDING_H

#include "cmd/cmd.h"

struct pending_row { /* one of GET /v1/pending */
	char *fingerprint, *words, *mac, *from, *first_seen, *last_seen, *state;
	char *node;	/* which one it would be, or NULL */
	bool other_key; /* that node has a key already, and it is not this one */
	bool conflict;	/* it looks like two nodes at once, or is not what its node must be: `why` says so */
	char *why;
	char *machine;			 /* the inventory's JSON */
	char *vendor, *product, *serial; /* out of it; never NULL */
};
struct pending_rows {
	struct pending_row *items; /* the one that came first, first */
	size_t len;
};
int pending_rows_get(struct cmd *c, struct pending_rows *out, struct err *err) WARN_UNUSED;
void pending_rows_free(struct pending_rows *rows);
/* By the six words of its key or the first 16 or more hex digits of its fingerprint. NULL with err: none, or no words at all. */
const struct pending_row *pending_rows_find(const struct pending_rows *rows, const char *key, struct err *err);
/* "MAC 52:..., serial X, Vendor Product, from 10.0.0.7, key WORDS" appended. */
void pending_row_describe(const struct pending_row *row, struct buf *out);

#endif
