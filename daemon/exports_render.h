/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nodes in the notations of other programs. Pure: the same nodes give the same bytes. */
#ifndef ORTHRUS_DAEMON_EXPORTS_RENDER_H
#define ORTHRUS_DAEMON_EXPORTS_RENDER_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

struct export_node {
	const char *name, *group, *state;
	const char *image;	     /* or NULL */
	const char *address;	     /* or NULL */
	uint64_t cpus, memory_bytes; /* 0: the machine has not reported */
};

/* genders(5) of libgenders: "n01 all,group=compute,image=compute,state=up", a line for each node. */
void exports_render_genders(const struct export_node *nodes, size_t n, struct buf *out);
/* ClusterShell's groups.d/NAME.yaml (groups.conf(5)): the sources "orthrus" with all and the groups, and "orthrus_state". */
void exports_render_groups(const struct export_node *nodes, size_t n, struct buf *out);
/* To be included by slurm.conf(5): a NodeName line for each node, by its address so that no DNS is
 * needed, and a partition for each group. Nodes that have not
 * reported their processors and memory are named in a comment. */
void exports_render_slurm(const struct export_node *nodes, size_t n, struct buf *out);

#endif
