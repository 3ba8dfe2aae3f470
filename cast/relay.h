/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A relay brings casts into a subnet that multicast does not reach: what comes to its address from the sender, or from a relay
 * nearer to it, goes on to the groups of its own subnet, and to relays behind it. It has no keys and changes nothing:
 * docs/adr/0010-relays.md. */
#ifndef ORTHRUS_CAST_RELAY_H
#define ORTHRUS_CAST_RELAY_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define RELAY_GROUPS 64 /* SITE_CAST_GROUPS: a cast's number chooses one of them */
#define RELAY_FROM_MAX 16
#define RELAY_TO_MAX 16
struct relay_opts {
	/* Of this machine, in the subnet, with the port of casts: packets come to it, and leave from it. */
	struct sockaddr_storage address;
	struct sockaddr_storage group;		      /* the first of RELAY_GROUPS; its port does not count */
	struct sockaddr_storage from[RELAY_FROM_MAX]; /* whose packets are taken, whatever their ports */
	struct sockaddr_storage to[RELAY_TO_MAX];     /* relays behind this one; their ports do not count */
	size_t n_from, n_to;
	char interface[16]; /* where multicast leaves; "": the one that has the address */
	bool one_by_one;    /* no segmentation offload */
};
/* Of texts; numeric addresses. ERR_INVALID also when there are too many. */
struct str_list;
int relay_words(struct relay_opts *o, const char *address, uint64_t port, const char *group, const struct str_list *from,
		const struct str_list *to, struct err *err) WARN_UNUSED;
/* ERR_INVALID: addresses of two families, no group or one with fewer than RELAY_GROUPS behind it, nobody to take packets from, or
 * one that would be sent its own packets. */
int relay_check(const struct relay_opts *o, struct err *err) WARN_UNUSED;

/* What came at once, packet by packet (relay_sift.c, pure). */
struct relay_run {
	size_t at, len; /* neighbours of one cast, all but the last one of the same length; len 0: there are no more */
	uint32_t cast;
	unsigned int refused; /* packets before it that no sender makes */
};
/* The next run of `data`, packets of `each` bytes, from `at` on. `each` > 0 where `len` > 0. */
void relay_sift(const uint8_t *data, size_t len, size_t each, size_t at, struct relay_run *out);
/* The group, without a port, that packets of this cast go to. */
void relay_group(const struct relay_opts *o, uint32_t cast, struct sockaddr_storage *out);

struct relay;
int relay_open(const struct relay_opts *o, struct relay **out, struct err *err) WARN_UNUSED;
int relay_run(struct relay *r, struct err *err) WARN_UNUSED; /* until relay_stop() */
void relay_stop(struct relay *r);			     /* from any thread, safe in a signal handler too */
struct relay_view {
	uint64_t packets, bytes; /* that were taken; each may leave several times */
	uint64_t refused;	 /* that came, and were no sender's or from elsewhere */
	uint64_t lost;		 /* that could not leave */
	uint64_t dropped;	 /* that the kernel threw away since they came too fast */
};
void relay_look(const struct relay *r, struct relay_view *out); /* any thread */
void relay_close(struct relay *r);				/* NULL is fine */

#endif
