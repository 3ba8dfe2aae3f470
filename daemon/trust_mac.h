/* SPDX-License-Identifier: GPL-2.0-or-later */
/* enrol.trust_mac: when a machine's MAC address is proof enough that it is a node. Pure: the time is passed in. */
#ifndef ORTHRUS_DAEMON_TRUST_MAC_H
#define ORTHRUS_DAEMON_TRUST_MAC_H

#include "daemon/ident.h"
#include "daemon/model.h"

#include <stdbool.h>
#include <stdint.h>

#define TRUST_MAC_AGAIN_S 5 /* no machine starts again sooner; and each new key is lines of the audit log */

/* The first words of struct ident's `by` when nothing else was proof. */
#define TRUST_MAC_BY "its MAC address alone"

/* May the MAC address alone make another key the node's? It never takes a key away from a node that works, nor one that somebody
 * approved: only from a node that has none, one for which an installation stands (its disks, and the key on them, may be gone),
 * and one without an installed system whose key does not outlast a start: it runs from memory, or its key was taken by its MAC
 * address itself. */
bool trust_mac_suffices(const struct node *n, const struct run *r, const struct ident *id, int64_t now_s);

#endif
