/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes the machine follow the state: certificates, TLS listener, boot loaders, dnsmasq's and GRUB's files, the imager for each
 * image. */
#ifndef ORTHRUS_DAEMON_RECONCILE_H
#define ORTHRUS_DAEMON_RECONCILE_H

#include "base/json.h"
#include "daemon/daemon.h"
#include "netboot/netboot.h"

struct querier_head_view;

/* Pure: what a node shall find when it netboots. */
enum netboot_target node_target(const struct node *n, const struct run *r, bool has_order);

int reconcile_start(struct daemon *d, struct reconcile **out, struct err *err) WARN_UNUSED;
void reconcile_kick(struct reconcile *r, bool retry); /* soon; `retry`: also what failed before */
/* Everything committed before this call is in the files when it returns 0. */
int reconcile_wait(struct reconcile *r, struct err *err) WARN_UNUSED;
/* What following a wish would change below the run directory and TFTP's, and in the files of exports.h; nothing is touched. */
struct boot_wish;
struct exports;
int reconcile_look(struct reconcile *r, const struct boot_wish *wish, netboot_file_fn fn, void *ctx, enum netboot_effect *effect,
		   struct err *err) WARN_UNUSED;
struct exports *reconcile_exports(struct reconcile *r);
/* The head's querier of multicast members, as of a few seconds ago: for `cast status`. */
void reconcile_querier(struct reconcile *r, struct querier_head_view *out);
/* Keys "dnsmasq", "querier", "payloads", "behind" (a change is not followed yet) and "problem" into the open object. */
void reconcile_status(struct reconcile *r, struct json_out *w);
/* False: a thread of it goes on, with all that struct daemon holds: free nothing and end the process. */
bool reconcile_stop(struct reconcile *r) WARN_UNUSED;

#endif
