/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What follows from the state for who trusts whom: a part of the reconciler's round. */
#ifndef ORTHRUS_DAEMON_NODE_TRUST_H
#define ORTHRUS_DAEMON_NODE_TRUST_H

#include "daemon/daemon.h"

/* The ssh files of this head, and the secrets that images need. Not while a change is under way. */
int node_trust_follow(struct daemon *d, const struct site *site, struct err *err) WARN_UNUSED;

#endif
