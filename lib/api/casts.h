/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the head's daemon says of casts (GET /v1/casts); keys that are not for people are passed over. Pure. */
#ifndef ORTHRUS_API_CASTS_H
#define ORTHRUS_API_CASTS_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cast_shown_node { /* one node of a cast */
	char *node, *state, *way;
	uint64_t percent, loss_ppm;
	bool straggler;
};
struct cast_shown { /* one cast */
	char *image, *state, *error, *ended_by, *raw;
	bool runs;
	uint64_t cast, seconds, bytes, wire_bytes, sending_ms, rate, pass, loss_ppm, rejected, complete, percent;
	struct str_list expected;
	struct cast_shown_node *rows;
	size_t n_rows;
	struct str_list findings, finding_keys; /* a key stays when a number in the text changes */
};
struct cast_views {
	struct cast_shown *items;
	size_t len;
	struct str_list stopped; /* a sentence for each image that is not to be cast */
};

/* The text of the answer; `out` is empty before, and is to be freed also after an error. */
int cast_views_read(const char *json, size_t len, struct cast_views *out, struct err *err) WARN_UNUSED;
void cast_views_free(struct cast_views *l);
/* How long it will take, by the rate of now and what the nodes lack on average; false: that is not known. */
bool cast_shown_left(const struct cast_shown *v, uint64_t *seconds);

#endif
