/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images on their way to many nodes at once: one cast for each image (docs/cast.md), in a process of its own, which begins when
 * the first node asks for a ticket. Whatever happens to it, nodes get the rest over HTTPS. */
#ifndef ORTHRUS_DAEMON_CAST_H
#define ORTHRUS_DAEMON_CAST_H

#include "base/digest.h"
#include "base/json.h"
#include "cast/cable.h"
#include "cast/session.h"
#include "daemon/daemon.h"

#include <stdbool.h>
#include <stddef.h>

#define CAST_TOPIC "cast/"
#define CAST_REASON_MAX 768

struct casts;
int casts_start(struct daemon *d, struct casts **out, struct err *err) WARN_UNUSED;
bool casts_stop(struct casts *cs) WARN_UNUSED; /* as power_stop() */

/* A node asks to take part. */
struct cast_ask {
	const char *node, *name, *id;
	const char *from;		       /* its address: behind a relay it hears that */
	bool again;			       /* it took part already and got not all */
	const uint8_t *have;		       /* one bit a chunk, LSB first */
	size_t have_len;		       /* 0: it has nothing */
	struct cable cable;		       /* of its interface; for people */
	const char *switch_name, *switch_port; /* by LLDP; or NULL */
};
/* One that took part already gets another ticket while its cast runs, or when that was cut off: a node was removed, its process
 * died, orthrusd was started anew, the sender lost the node. Not after one that ended by itself, nor when too many failed.
 * WAIT: ask the same again when topic "cast/NAME/ID" is woken. A node that asks anew, or says that it has other chunks than when
 * it asked, gets a new number and a new key. NONE: it gets all over HTTPS; `reason` says why. */
enum cast_word { CAST_WAIT = 1, CAST_TICKET, CAST_NONE };
struct cast_ticket {
	uint32_t cast;
	uint16_t number, symbol_bytes;
	uint8_t group_key[SESSION_KEY], own_key[SESSION_KEY], sign_public[SESSION_SIGN_PUBLIC];
	char group[64], sender[64];
	char source[64];			     /* a relay's, whose port is that of the group; "": none, the sender itself */
	char group2[64], sender2[64], broadcast[64]; /* "": none; ports as those of the first */
	uint16_t port, sender_port;
	struct digest layout;
	uint64_t chunks;
	char reason[CAST_REASON_MAX];
};
/* Under the change lock: whoever is removed was known here before, or asks in vain. */
enum cast_word casts_ask(struct casts *cs, const struct cast_ask *ask, struct cast_ticket *out);

/* A node is none any more, but can read what is cast with the group keys that it has: those casts end, and the other nodes get
 * tickets of new ones. Returns how many end. */
size_t casts_shut(struct casts *cs, const struct str_list *nodes);
/* End the cast of "NAME/ID", all of "NAME", or all (NULL), and have no other: not before no node is ordered to install that image
 * any more, or casts_resume(). It outlives this process. Nodes get the rest over HTTPS. `only_plan`: nothing is done. Appends
 * steps. ERR_NOT_FOUND: `which` is neither cast nor ordered. */
int casts_end(struct casts *cs, const char *which, bool only_plan, const char *who, struct plan *plan,
	      struct err *err) WARN_UNUSED;
/* Casts of what was stopped may begin again, for nodes that ask from now on. ERR_NOT_FOUND: `which` is not stopped. */
int casts_resume(struct casts *cs, const char *which, bool only_plan, const char *who, struct plan *plan,
		 struct err *err) WARN_UNUSED;
/* The site or the orders are others: casts end when the site has none, and what was stopped for orders that are no more is
 * forgotten. */
void casts_follow(struct casts *cs, const struct site *site);
/* {"casts":[..],"stopped":[..]}: those that run, and the last that ended; images that are not to be cast. */
void casts_print(struct casts *cs, struct json_out *w);

#endif
