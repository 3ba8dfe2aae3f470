/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What site.json means for one guard: who votes, over which cables, which addresses at which interfaces. Of fixed size: the loop
 * that uses it allocates nothing. */
#ifndef ORTHRUS_GUARD_CONFIG_H
#define ORTHRUS_GUARD_CONFIG_H

#include "base/err.h"
#include "headfailover/guard/addresses.h"
#include "headfailover/guard/core.h"
#include "headfailover/guard/gate.h"
#include "headfailover/guard/links.h"

#define GUARD_NAME 64

struct guard_config {
	char cluster[GUARD_NAME];
	char names[LEASE_VOTERS][GUARD_NAME]; /* of the voters, by number: the heads, then the witnesses, as in site.json */
	bool head;			      /* else it only votes: no gate, no address */
	struct lease_config lease;	      /* but first_round and seed, which are of a start */
	struct guard_link_config links[GUARD_LINKS];
	unsigned int n_links;
	char interfaces[GATE_INTERFACES][IFNAMSIZ]; /* the gate's; it and the addresses point here */
	struct gate_config gate;
	struct service_addr addrs[SERVICE_ADDRS];
	size_t n_addrs;
	int cpu; /* REALTIME_ANY_CPU */
};
struct site;
/* `self` is the name of this machine in site.json. *out points into itself: it is not copied. ERR_REFUSED: the site has no pair;
 * ERR_NOT_FOUND: `self` is neither a head nor a witness of it; ERR_INVALID: more addresses or interfaces than there is room for.
 */
int guard_config_of(const struct site *site, const char *self, struct guard_config *out, struct err *err) WARN_UNUSED;

#endif
