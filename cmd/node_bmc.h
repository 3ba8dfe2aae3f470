/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of `node add` and `node set` that say how nodes' BMCs are reached. */
#ifndef ORTHRUS_CMD_NODE_BMC_H
#define ORTHRUS_CMD_NODE_BMC_H

#include "base/json.h"
#include "cmd/cmd.h"

#define NODE_BMC_BODY_MAX 4096 /* of a request with a password in it: not to be grown, which leaves copies */

struct node_bmc {
	struct str_list addresses; /* none, one (the first node's; the others get those that follow), or one a node */
	const char *protocol, *user, *pin;
	char *password; /* wiped when it is freed; NULL: not given */
	size_t n_nodes;
	bool given;
};
/* Checked as far as it can be before anything is sent. The password comes from a file or, for "-", from standard input. */
int node_bmc_read(const struct cmd *c, size_t n_nodes, struct node_bmc *out, struct err *err) WARN_UNUSED;
void node_bmc_free(struct node_bmc *b);
/* The key "bmc" of the node that stands at `place`, if there is anything to say. */
void node_bmc_put(const struct node_bmc *b, size_t place, struct json_out *w);

#endif
