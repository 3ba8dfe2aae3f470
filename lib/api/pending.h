/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machines that wait for approval, as the head's daemon tells them (GET /v1/pending). Pure. */
#ifndef ORTHRUS_API_PENDING_H
#define ORTHRUS_API_PENDING_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct pending_row {
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
/* The text of the answer; after an error `out` is as it was. */
int pending_rows_read(const char *json, size_t len, struct pending_rows *out, struct err *err) WARN_UNUSED;
void pending_rows_free(struct pending_rows *rows);

#endif
