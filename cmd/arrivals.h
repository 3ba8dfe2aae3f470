/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machines that wait for approval, for whoever looks for some of them: which are meant, and what each would be named. Pure.
 */
#ifndef ORTHRUS_CMD_ARRIVALS_H
#define ORTHRUS_CMD_ARRIVALS_H

#include "base/naming.h"
#include "cmd/nodes.h"
#include "cmd/pending.h"

#define ARRIVAL_PORTS_MAX 16

struct arrival {
	const struct pending_row *row;
	uint64_t memory_bytes, disks_bytes;
	size_t n_disks;
	struct naming_port ports[ARRIVAL_PORTS_MAX]; /* own their texts */
	size_t n_ports;
	bool meant;    /* the filter says so, and it was not rejected */
	char *name;    /* what it would be, or NULL */
	char *unnamed; /* then why not */
};
struct arrivals {
	struct arrival *items; /* in the order of `rows` */
	size_t len;
};
/* `rows` must outlive it. */
int arrivals_read(const struct pending_rows *rows, struct arrivals *out, struct err *err) WARN_UNUSED;
void arrivals_free(struct arrivals *a);

/* Patterns of glob(7), letters' case does not matter; NULL: any. `at`: the switch, or SWITCH:PORT. */
struct arrival_filter {
	const char *serial, *at, *mac, *product;
};
bool arrival_matches(const struct arrival *a, const struct arrival_filter *f);
/* "sw-r1:Ethernet1/5 sw-r2:7", or NULL when nothing was heard. Caller frees. */
char *arrival_ports(const struct arrival *a);

/* What each that is meant would be named: the node that expects it, else by the rules; never a name that there is in `nodes`, or
 * that an earlier one gets. What was found of it is the head's to decide again. */
void arrivals_name(struct arrivals *a, const struct arrival_filter *f, struct naming *rules, const struct node_rows *nodes);

#endif
