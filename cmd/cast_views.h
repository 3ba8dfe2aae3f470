/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon says of casts (GET /v1/casts), for `cast status`; keys that are not for people are passed over. */
#ifndef ORTHRUS_CMD_CAST_VIEWS_H
#define ORTHRUS_CMD_CAST_VIEWS_H

#include "cmd/cmd.h"
#include "sys/http_client.h"

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

void cast_views_free(struct cast_views *l);
/* `reply`: the answer as it came; to be freed also after an error, as `out`. */
int cast_views_get(struct cmd *c, struct http_reply *reply, struct cast_views *out, struct err *err) WARN_UNUSED;

#endif
