/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What orthrusd knows of a cast and of the network that it goes over, as facts for cast/diagnose.h, and what they show. */
#ifndef ORTHRUS_DAEMON_CAST_FACTS_H
#define ORTHRUS_DAEMON_CAST_FACTS_H

#include "cast/cable.h"
#include "cast/diagnose.h"
#include "cast/querier.h"
#include "daemon/cast_priv.h"

struct querier_head_view;

/* Of the head and its network; the same for all casts. */
struct cast_network {
	enum diagnose_fact querier[QUERIER_FAMILIES];
	bool querier_off; /* cast.querier */
	struct cable own; /* of the head's interface towards nodes */
};
/* Without the casts' lock, in a call of the API: what runs the querier is there then. */
void cast_network_look(struct daemon *d, struct cast_network *out);
/* Pure. Does anybody ask for members? Not known while it is only listened, or where nothing listens. */
enum diagnose_fact cast_querier_fact(const struct querier_head_view *v, enum querier_family family);

/* Where the node's cable ends, as its imager heard by LLDP when it came: of the interface that it named, else of the one that it
 * booted by. Pure; new, the caller's; NULL: not known. */
void cast_switch_of(const struct machine *m, const struct cable *cable, char **name, char **port);

struct cast_facts {
	struct diagnose_facts f;
	struct diagnose_receiver *receivers; /* what they point to is the cast's */
	char reports_at[96];
};
/* Pure, with the lock. Of those that have a ticket. `now_ns`: of a cast that has ended, when it did. */
void cast_facts_make(const struct cast *c, const struct cast_network *n, int64_t now_ns, struct cast_facts *out);
void cast_facts_free(struct cast_facts *f);

/* With the lock: key "findings". */
void cast_findings_put(const struct cast *c, const struct cast_network *n, struct json_out *w);
/* Without the lock, when nothing of it changes any more: what is found then stays, whatever becomes of the network. Its findings,
 * sentence after sentence; "": none. Caller frees. */
char *cast_findings_end(struct cast *c);
/* Without the lock, again and again while it runs: once, an event says that nobody's reports arrive. */
void cast_findings_watch(struct cast *c);

#endif
