/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of `orthrus node show`. */
#ifndef ORTHRUS_CMD_NODE_SHOW_H
#define ORTHRUS_CMD_NODE_SHOW_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

/* A line for each network of the node (GET /v1/nodes/{name}), and why there is none. */
int node_show_networks(struct json_obj *o, struct buf *out, struct err *err) WARN_UNUSED;

#endif
