/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the verbs of `orthrus node` share: the nodes as the daemon knows them, and node sets read against them. */
#ifndef ORTHRUS_CMD_NODES_H
#define ORTHRUS_CMD_NODES_H

#include "api/nodes.h"
#include "base/nodeset.h"
#include "cmd/cmd.h"

int node_rows_get(struct cmd *c, struct node_rows *out, struct err *err) WARN_UNUSED; /* all */

/* Read NODESET with @group (and @* for all) looked up among `rows`; every name must be a known node when `must_exist`. Not empty.
 */
int node_set(const struct node_rows *rows, const char *text, bool must_exist, struct nodeset *out, struct err *err) WARN_UNUSED;

/* The same for values that are given one a node: (*places)[i] is where nodeset_get(out, i) stands among the nodes as TEXT writes
 * them. The caller frees it. */
int node_set_written(const struct node_rows *rows, const char *text, bool must_exist, struct nodeset *out, size_t **places,
		     struct err *err) WARN_UNUSED;

/* node_power.c: asks nodes' BMCs for `act` (a word of POST /v1/power) and waits until all have answered; "after the job" in
 * `reply`. With --plan its steps are printed and reply stays empty. network: boot from the network next, once. */
struct node_act {
	const char *act;
	bool network, force;
	uint64_t stagger_ms;
};
int node_power_job(struct cmd *c, struct nodeset *set, const struct node_act *act, struct http_reply *reply,
		   struct err *err) WARN_UNUSED;
/* What each said as a table or, with --json, the answer itself. ERR_PARTIAL or ERR_FAILED when some or all failed, each of which
 * was said. */
int node_power_told(struct cmd *c, const struct http_reply *reply, struct err *err) WARN_UNUSED;

/* {"nodes":[...]} as the daemon sent them, those of `set`, or all (NULL). */
void node_print_json(const struct node_rows *rows, struct nodeset *set);

/* {"nodes":[...]} into an open object. */
void node_put_names(struct json_out *w, struct nodeset *set);

/* node.c: a request whose answer is {"steps":[..]}, shown as lines ("would:" before them with --plan) or as it is with --json; a
 * head that can't follow is ERR_FAILED, see cmd_followed(). */
int node_send_steps(struct cmd *c, const char *method, const char *path, const char *body, struct err *err) WARN_UNUSED;

/* node_address.c: --ipv4 and --ipv6 are the addresses of the node that is written first; the others get the ones that follow.
 * Checked before anything is sent; put into an open object for the node at `place`. */
int node_check_address(const struct cmd *c, size_t n_nodes, struct err *err) WARN_UNUSED;
void node_put_address(const struct cmd *c, struct json_out *w, size_t place);

/* node_wait.c: follow the events until each node of `set` is up or failed; one line a node. ERR_PARTIAL / ERR_FAILED lists those
 * that failed. */
int node_wait(struct cmd *c, struct nodeset *set, struct err *err) WARN_UNUSED;

#endif
