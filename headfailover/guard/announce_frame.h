/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The frames by which a head says that it has an address, and those by which another says so. Pure. */
#ifndef ORTHRUS_GUARD_ANNOUNCE_FRAME_H
#define ORTHRUS_GUARD_ANNOUNCE_FRAME_H

#include "site/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ANNOUNCE_FRAME_MAX 96
#define ANNOUNCE_FRAMES 2 /* of one address at most: IPv4 has two forms, IPv6 one */
struct announce_frame {
	uint8_t bytes[ANNOUNCE_FRAME_MAX];
	size_t len;
};

bool announce_is4(const struct addr6 *a); /* ::ffff:a.b.c.d */
/* Returns how many. `router`: hosts may send what is not for us to us, too (else they would strike us off their lists of
 * routers). */
size_t announce_make(const struct addr6 *a, const uint8_t mac[6], bool router, struct announce_frame out[ANNOUNCE_FRAMES]);
/* True: the frame says that `*addr` is at `*mac` (ARP's sender; a neighbour advertisement with its target, at the address of its
 * option, or else of the frame). What is malformed says nothing. Whether it is one of ours is for the caller. */
bool announce_claim(const uint8_t *frame, size_t len, struct addr6 *addr, uint8_t mac[6]);

#endif
