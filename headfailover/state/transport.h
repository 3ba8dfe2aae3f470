/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The transport of a member that is alone: it opens no socket. raft's own TCP transport authenticates nobody, so it is never
 * used. */
#ifndef ORTHRUS_STATE_TRANSPORT_H
#define ORTHRUS_STATE_TRANSPORT_H

struct raft_uv_transport;

/* Fills in `t`; it owns nothing. Nobody can connect, and connecting fails with RAFT_NOCONNECTION. */
void transport_alone(struct raft_uv_transport *t);

#endif
