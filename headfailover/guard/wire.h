/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The messages of the lease as datagrams that only a voter of this cluster can make, now, and only once: docs/failover.md, "On
 * the wire". Pure; fixed arrays, no allocation. */
#ifndef ORTHRUS_GUARD_WIRE_H
#define ORTHRUS_GUARD_WIRE_H

#include "base/err.h"
#include "headfailover/guard/key.h"
#include "headfailover/guard/msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUARD_WIRE_LEN 96 /* of every datagram */
#define GUARD_WIRE_TAG 16
#define GUARD_WIRE_VERSION 1
#define GUARD_LINKS 4			 /* at most */
#define GUARD_WIRE_WINDOW 64		 /* messages that one link may be behind another */
#define GUARD_RETIRED 8			 /* boots of one voter that are known to be over */
#define GUARD_ANSWER_NS INT64_C(1000000) /* PROOFs to one voter, for what one link brought, are at least so far apart */

/* Why a datagram changed nothing, in the order in which it is looked at. */
enum guard_refused {
	GUARD_SHORT = 1, /* but what is of another version is said to be that, whatever its length */
	GUARD_LONG,
	GUARD_MAGIC,	   /* it is something else */
	GUARD_VERSION,	   /* of another version of this protocol */
	GUARD_UNKNOWN_KEY, /* signed by a key that is not one of ours */
	GUARD_FORGED,	   /* the tag is wrong. Whatever is refused below this line was made by who has the key */
	GUARD_CLUSTER,	   /* another cluster's, which has the same key */
	GUARD_REFLECTED,   /* it is our own */
	GUARD_STRANGER,	   /* from no voter */
	GUARD_ASTRAY,	   /* to another voter */
	GUARD_LINK,	   /* it came by another link than it was sent by: cables are swapped, or somebody moved it */
	GUARD_KIND,	   /* of no known kind */
	GUARD_SENSELESS,   /* fields that no voter says */
	GUARD_UNPROVEN,	   /* nothing shows that its sender lives: no echo of this boot of ours, or an old one */
	GUARD_OLD_BOOT,	   /* of a boot that another one of the same voter has replaced */
	GUARD_REPEATED,	   /* this link brought this message, or a later one, before */
	GUARD_REFUSED_END
};
const char *guard_refused_name(enum guard_refused why); /* "repeated": for counters */

enum guard_verdict {
	GUARD_REFUSED = 2, /* see `why` */
	GUARD_TAKEN,	   /* `msg` is for the core */
	GUARD_PROOF,	   /* a guard's own word: nothing for the core, but its sender lives */
	GUARD_COPY,	   /* by another link it came before (or so many after it that this is old): nothing for the core, but
			  this link works */
};
struct guard_heard {
	enum guard_refused why;
	uint8_t from;	 /* right unless it is refused above GUARD_STRANGER */
	bool new_boot;	 /* the voter is another one than it was, or heard for the first time: tell the core before `msg` */
	bool answer;	 /* send guard_wire_answer() to `from`: it can't be believed, or believe us, before */
	uint64_t boot;	 /* the sender's */
	uint64_t number; /* of its message */
	struct lease_msg msg;
};

/* What is known of one voter by one link. For status only, but `newest`. */
struct guard_wire_link {
	uint64_t newest; /* of the voter's messages that this link brought; 0: none of this boot */
	uint64_t heard;	 /* datagrams that were believed */
	uint64_t missed; /* messages that did not come by this link, though later ones did */
	int64_t heard_ns, answered_ns;
};
struct guard_wire_peer {
	uint64_t sent;	       /* our messages to it, and the number of the last one */
	uint64_t boot;	       /* it proved to live; 0: it did not yet */
	uint64_t mark;	       /* `sent` when `boot` was heard last: a boot that echoes a later one lived after that */
	uint64_t newest, seen; /* its messages: the greatest number, and bits of those that came, from that one down */
	uint64_t retired[GUARD_RETIRED];
	unsigned int n_retired; /* since the start; the array is a ring */
	bool twins;		/* a boot that was over proved to live: two machines have this number */
	struct guard_wire_link links[GUARD_LINKS];
};
struct guard_wire {
	uint8_t self;
	unsigned int n_voters, n_links;
	uint64_t boot;
	struct guard_keys keys;
	struct guard_wire_peer peers[LEASE_VOTERS];
	uint64_t refused[GUARD_LINKS][GUARD_REFUSED_END];
};

/* `boot` is random (random_bytes), never 0. ERR_INVALID: numbers that make no sense. */
int guard_wire_init(struct guard_wire *w, uint8_t self, unsigned int n_voters, unsigned int n_links, uint64_t boot,
		    const struct guard_keys *keys, struct err *err) WARN_UNUSED;
/* From now on these keys. Nobody is proven anew. ERR_INVALID: none, or twice the same; then the old ones stay. */
int guard_wire_keys(struct guard_wire *w, const struct guard_keys *keys, struct err *err) WARN_UNUSED;

/* One datagram for each link (link 0 first), of one message: the first that arrives counts, the others are copies. False: `m` is
 * no message of this voter to another (its fields, see msg.h); nothing is written. */
bool guard_wire_write(struct guard_wire *w, const struct lease_msg *m, uint8_t out[GUARD_LINKS][GUARD_WIRE_LEN]) WARN_UNUSED;
/* The answer that guard_wire_hear() asked for: it echoes what was heard, believed or not. */
void guard_wire_answer(struct guard_wire *w, const struct guard_heard *heard, uint8_t out[GUARD_LINKS][GUARD_WIRE_LEN]);
/* What came by `link`, from whatever address. `now_ns` of a clock that never goes back. */
enum guard_verdict guard_wire_hear(struct guard_wire *w, unsigned int link, const uint8_t *data, size_t len, int64_t now_ns,
				   struct guard_heard *out) WARN_UNUSED;

#endif
