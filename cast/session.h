/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a ticket gives to a receiver, and a sender keeps of a cast: numbers, keys, addresses. docs/cast.md, "Who may take part".
 */
#ifndef ORTHRUS_CAST_SESSION_H
#define ORTHRUS_CAST_SESSION_H

#include <stdint.h>
#include <sys/socket.h>

#define SESSION_KEY 32
#define SESSION_SIGN_PUBLIC 32

/* Of images: the sender knows the largest image's tables by then, or there is no cast; who asks its head for a ticket is told
 * that, and has not given up before. Seconds. */
#define SESSION_BEGIN_S 60
#define SESSION_TICKET_S 75 /* the head answers at the latest */
#define SESSION_ASK_S 90    /* the node waits for the answer */

/* Filled by whoever makes the cast (sys/keys.h's random bytes), or from a ticket; wipe it when it is not needed any more. */
struct session {
	uint32_t cast;
	uint8_t group_key[SESSION_KEY];
	uint8_t sign_public[SESSION_SIGN_PUBLIC]; /* Ed25519; of ROWS, and of POLLs now and then */
	/* A multicast address with its port. IPv4 232/8 or 239/8, IPv6 ff3x or ff15; or, for one receiver only, a unicast one. */
	struct sockaddr_storage group;
	struct sockaddr_storage sender; /* where reports go, and where DATA must come from (source-specific join) unless */
	struct sockaddr_storage source; /* a relay sends it on: then it comes from there; ss_family 0: none does */
	/* Other ways, where a receiver hears nothing of the group; ss_family 0: there is none. The same pair of the other address
	 * family (reports of who has no address of the first one go there), and the broadcast address of the IPv4 sender's
	 * network, with the group's port. docs/cast.md, "Modes". */
	struct sockaddr_storage group2, sender2, broadcast;
	uint16_t symbol_bytes;
	uint16_t number; /* the receiver's; at the sender 0 */
	uint8_t own_key[SESSION_KEY];
};

#endif
