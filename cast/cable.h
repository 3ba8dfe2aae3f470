/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network interface that a cast goes over, as its machine sees it, and as a receiver tells it to the sender: facts for
 * cast/diagnose.h. */
#ifndef ORTHRUS_CAST_CABLE_H
#define ORTHRUS_CAST_CABLE_H

#include "base/err.h"
#include "base/json.h"

#include <stdint.h>
#include <sys/socket.h>

enum cable_duplex { CABLE_UNKNOWN, CABLE_HALF, CABLE_FULL };
struct cable {
	char interface[16];  /* "": nothing is known */
	uint32_t speed_mbit; /* 0: not known */
	enum cable_duplex duplex;
	uint32_t mtu; /* 0: not known */
};

/* Of this machine's interface of that name; what can't be known stays 0. By ioctl(2): /sys shows the interfaces of the network
 * namespace that it was mounted in. Needs no privilege. */
void cable_look(const char *interface, struct cable *out);
/* Of the one that packets to there leave by; nothing is known when there is no way. */
void cable_towards(const struct sockaddr_storage *to, struct cable *out);

/* Key "link" of the open object; absent when nothing is known. */
void cable_put(const struct cable *c, struct json_out *w);
/* May be absent. Strict: it comes over the network. */
int cable_read(struct json_obj *o, struct cable *out, struct err *err) WARN_UNUSED;

#endif
