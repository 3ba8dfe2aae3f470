/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UDP sockets for packets by the thousand: large buffers, multicast on a chosen interface, and many packets for one system call
 * both ways (UDP_SEGMENT and UDP_GRO of udp(7), with sendmmsg and plain packets where the kernel or the device has none). */
#ifndef ORTHRUS_CAST_NET_H
#define ORTHRUS_CAST_NET_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Addresses: IPv4 and IPv6 with port; the zone of a link-local one is its sin6_scope_id. */
#define NET_TEXT 72 /* "[fe80::1%enp0s31f6]:65535", with NUL */
/* `host`: numeric, with "%zone" (name or number) where it needs one. ERR_INVALID. */
int net_parse(const char *host, uint16_t port, struct sockaddr_storage *out, struct err *err) WARN_UNUSED;
void net_print(const struct sockaddr_storage *a, char out[NET_TEXT]);
socklen_t net_len(const struct sockaddr_storage *a); /* for bind(2) and its like */
uint16_t net_port(const struct sockaddr_storage *a);
void net_port_set(struct sockaddr_storage *a, uint16_t port);
bool net_multicast(const struct sockaddr_storage *a);
/* Address and port; zones only where both have one. An IPv4 address written as an IPv6 one is another. */
bool net_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b);

/* The interface towards an address (of this host itself: the one that has it), and the address that packets leave with. */
struct net_way {
	unsigned int index;
	char name[16];
	struct sockaddr_storage local; /* port 0 */
};
int net_towards(const struct sockaddr_storage *to, struct net_way *out, struct err *err) WARN_UNUSED;
/* The broadcast address of the network that this IPv4 address of this host is in, port 0. ERR_NOT_FOUND: no such address, or a
 * network of two. */
int net_broadcast(const struct sockaddr_storage *local, struct sockaddr_storage *out, struct err *err) WARN_UNUSED;
unsigned int net_mtu(const char *interface); /* bytes of an IP packet; 0: not known */
/* Its index by name; ERR_NOT_FOUND. */
int net_interface(const char *name, unsigned int *index, struct err *err) WARN_UNUSED;

/* A blocking UDP socket (its receiving never waits, see below), close-on-exec, bound; `shared`: others of this host may have the
 * same address and port (a group). Port 0: net_bound() tells which it got. ERR_EXISTS: the port is taken. The caller closes it.
 */
int net_open(const struct sockaddr_storage *local, bool shared, int *fd, struct err *err) WARN_UNUSED;
int net_bound(int fd, struct sockaddr_storage *out, struct err *err) WARN_UNUSED;
int net_connect(int fd, const struct sockaddr_storage *to, struct err *err) WARN_UNUSED;

/* Ask for buffers of so many bytes, beyond the system's limit where we may. Returns how many bytes of packets there is room for
 * now: what the kernel granted, without the half that it keeps for its own books. */
#define NET_BUFFER ((size_t)32 << 20)
size_t net_receive_buffer(int fd, size_t want_bytes);
size_t net_send_buffer(int fd, size_t want_bytes);
/* How many packets the kernel threw away because the buffer was full (SO_MEMINFO). */
uint32_t net_dropped(int fd);

/* Hear the group on this interface from this source only (RFC 4607); `source` NULL: from anybody. Ends with the socket. */
int net_join(int fd, const struct sockaddr_storage *group, const struct sockaddr_storage *source, unsigned int interface,
	     struct err *err) WARN_UNUSED;
/* Where multicast of this socket leaves, how many routers it may pass (1: none), heard on this host too. `family` as the socket.
 */
int net_multicast_by(int fd, sa_family_t family, unsigned int interface, unsigned int hops, struct err *err) WARN_UNUSED;

/* Packets of this socket may go to a broadcast address; and they leave whole or (what is longer than the interface's MTU) not at
 * all: never in fragments, whatever a path was found to take. */
void net_may_broadcast(int fd);
void net_whole(int fd, sa_family_t family);

/* Sending. */
struct net_out {
	int fd;			    /* the caller's */
	struct sockaddr_storage to; /* ss_family 0: a connected socket */
	bool one_by_one;	    /* no segmentation: so asked for, or found out that it is refused */
	uint64_t lost;		    /* packets that did not leave: no buffers, no route now, forbidden by a filter */
};
#define NET_BURST_BYTES 65507 /* at most, of one net_send(): what one UDP datagram holds */
/* `len` bytes as packets of `each` (the last one may be shorter), waiting for room. What does not leave for a reason that may
 * pass is counted in `lost`, as if it were lost on the way. -1: too long for the way (EMSGSIZE), or the socket is of no use. */
int net_send(struct net_out *o, const void *data, size_t len, size_t each, struct err *err) WARN_UNUSED;

/* Receiving. */
void net_offload(int fd); /* neighbours of a stream come as one (UDP_GRO); where that can't be, each by itself as ever */
#define NET_GOT_BYTES 65536
struct net_got {
	uint8_t *data; /* of NET_GOT_BYTES, the caller's */
	size_t len;    /* what came; 0: nothing, or it was cut off */
	size_t each;   /* packets of so many bytes each, the last one may be shorter; never 0 where len is not 0 */
	struct sockaddr_storage from;
};
#define NET_GOT_MAX 32
/* Takes at most `n` (up to NET_GOT_MAX) of what is there. Returns how many, 0: nothing is there. Never waits. */
int net_receive(int fd, struct net_got *got, unsigned int n, struct err *err) WARN_UNUSED;

#endif
