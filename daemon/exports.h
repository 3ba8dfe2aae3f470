/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files on the head by which other programs know the nodes: genders, ClusterShell's groups, Slurm's nodes and partitions. They
 * follow the state some moments later, on a thread of their own: a slow disk or a Slurm that does not answer holds up neither
 * network boot nor an answer. */
#ifndef ORTHRUS_DAEMON_EXPORTS_H
#define ORTHRUS_DAEMON_EXPORTS_H

#include "daemon/daemon.h"

struct exports;
struct roster;
/* As root, for an orthrusd that may write below /var/lib/orthrus only: what other programs read is a symbolic link to its file
 * there. */
int exports_link(const struct daemon_paths *p, struct err *err) WARN_UNUSED;
int exports_start(struct daemon *d, struct exports **out, struct err *err) WARN_UNUSED;
/* What they would be by another site, with the nodes as they would be: each file that is wanted, as it is (NULL: not there, or
 * `unread` says why it can't be read) and as it would be. `slurm`: Slurm has to read it. From any thread. */
typedef void (*exports_file_fn)(void *ctx, bool slurm, const char *path, const char *before, const char *after,
				const char *unread);
int exports_look(struct exports *f, const struct site *site, const struct roster *roster, exports_file_fn fn, void *ctx,
		 struct err *err) WARN_UNUSED;
/* Do they differ in what Slurm takes of them? */
bool exports_slurm_differs(const char *before, const char *after);
void exports_kick(struct exports *f); /* write also what somebody changed, not only what follows a change of the state */
void exports_stop(struct exports *f); /* waits for what is being written, and some seconds for Slurm; NULL is fine */

#endif
