/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that keep, drive and show casts share. */
#ifndef ORTHRUS_DAEMON_CAST_PRIV_H
#define ORTHRUS_DAEMON_CAST_PRIV_H

#include "cast/diagnose.h"
#include "cast/wire.h"
#include "daemon/cast.h"
#include "daemon/cast_lines.h"
#include "site/site.h"

#include <pthread.h>

/* STARTING: its process does not answer yet. CLOSING: it is to end, nobody gets a ticket any more. */
enum cast_state { CAST_STARTING, CAST_RUNNING, CAST_CLOSING, CAST_ENDED, CAST_FAILED };

/* A network that a relay brings the cast into. */
struct cast_zone {
	char *network, *machine;
	char relay[64];	 /* the address that its nodes hear the cast from, with the cast's port */
	unsigned int by; /* which of cast_open.relays leads there, from 1 */
	bool has4, has6;
	struct net4 net4;
	struct net6 net6;
	bool said; /* that nobody there hears it */
};

struct cast_member {
	char *node;
	uint16_t number; /* from 1; its place in the list, plus one */
	uint8_t own_key[SESSION_KEY];
	struct digest have; /* of the bitmap that it asked with */
	enum { MEMBER_ASKED, MEMBER_JOINED, MEMBER_REFUSED } state;
	bool old;		      /* the node has another number since */
	uint16_t before;	      /* the number that it had before; 0: none */
	bool lost;		      /* by the number before this one it was not heard of any more, in the midst of it */
	const struct cast_zone *zone; /* NULL: it hears the sender itself */
	bool told;		      /* it has the key: it may be used by nobody else, nor by it again */
	bool stored;		      /* what it has is on its disks */
	struct cast_view view;
	int64_t told_ns;
	struct cable cable;		 /* of its interface, as it says */
	char *switch_name, *switch_port; /* by LLDP; or NULL */
	char *why;			 /* REFUSED */
};

struct cast {
	struct casts *all;
	char *name, *id;
	uint32_t number;
	uint8_t group_key[SESSION_KEY], sign_public[SESSION_SIGN_PUBLIC];
	pthread_t thread;
	int wake;	       /* eventfd: there is something to say to the child */
	struct buf to_say;     /* lines for it */
	enum cast_state state; /* under the lock of `all`, as all that is not made once */
	bool rekey;	       /* it ends because a node was removed: the others may go on in a new one */
	char *ended_by;	       /* an administrator; or NULL */
	char *error;	       /* FAILED */
	struct diagnose found; /* as it was when it ended */
	bool looked;
	bool unheard; /* an event has told that no report arrives */
	int64_t begun_ns, closing_ns, ended_ns;
	bool told_end; /* its thread needs no lock any more */
	char group[64], sender[64];
	char group2[64], sender2[64], broadcast[64]; /* "": none */
	bool small;				     /* packets fit an MTU of 1500 whatever the site says, since */
	bool too_large; /* it ended because larger ones do not reach many: the nodes go on in a new one */
	uint16_t port, sender_port, symbol_bytes;
	struct digest layout;
	uint64_t chunks, blocks, bytes;
	struct str_list expected; /* nodes that have not asked yet */
	struct cast_zone *zones;  /* made before it runs */
	size_t n_zones;
	struct cast_progress progress;
	struct cast_member *members;
	size_t n_members, cap_members;
	struct cast *link;
};

/* What may take how long; tests are in more of a hurry. */
struct cast_times {
	int64_t begin_ns;  /* from the start of its process until it knows the image */
	int64_t mute_ns;   /* its process says nothing: it says how it goes twice a second */
	int64_t failed_ns; /* nobody tries again after one that could not begin */
	int64_t kept_ns;   /* one that ended is remembered */
};

struct casts {
	struct daemon *d;
	struct cast_times times;
	pthread_mutex_t lock;
	pthread_cond_t quit; /* a thread has ended */
	struct cast *list;   /* newest first */
	uint32_t next;	     /* number of the next cast; the low bits choose its group */
	bool stopping;
};

/* cast.c, with the lock. Live: a node may join it, or will. */
bool cast_is_live(const struct cast *c);
bool cast_has_ended(const struct cast *c);
void cast_forget_old(struct casts *cs);

/* cast_join.c, with the lock: a ticket of a cast that runs, a number and a key of its own. NONE: err says why. */
enum cast_word cast_let_in(struct cast *c, const struct cast_ask *ask, struct cast_ticket *out, struct err *err);
/* It ended before its time, for all or for this node. */
bool cast_was_cut_off(const struct cast *c, const char *node);

/* cast_stop.c: 0, or ERR_REFUSED: an administrator wants no cast of this image. */
int cast_check_stopped(const struct casts *cs, const char *name, const char *id, struct err *err) WARN_UNUSED;
/* "stopped":[..], as a member. */
void cast_print_stopped(struct casts *cs, struct json_out *w);

/* cast_plan.c: for whom, and by which addresses. Fills `open` (freed by cast_do_free()) but for the key, and c's addresses.
 * ERR_REFUSED: this site does not cast. */
int cast_plan(struct cast *c, struct cast_open *open, struct str_list *expected, struct err *err) WARN_UNUSED;
/* With the lock: looks which of those that have all have said that it is on their disks. */
void cast_look_stored(struct cast *c);
/* 0 when the site casts, else ERR_REFUSED. */
int cast_wanted(struct daemon *d, struct err *err) WARN_UNUSED;

/* cast_zone.c: c's zones as the site says, and which relays the sender sends to. Without the lock. */
void cast_zones_make(struct cast *c, const struct site *site, bool six, struct str_list *relays);
void cast_zones_free(struct cast *c);
/* With the lock. The zone of this address; NULL: none. */
const struct cast_zone *cast_zone_of(const struct cast *c, const char *from);
/* With the lock. Its nodes that were told until then, and how many of them hear the cast. */
void cast_zone_count(const struct cast *c, const struct cast_zone *z, int64_t told_before_ns, size_t *nodes, size_t *hear);
/* With the lock. Zones whose nodes all should hear it and none does, each once, into `out` (as many as there are zones). */
size_t cast_zones_silent(struct cast *c, bool ended, const struct cast_zone **out);
/* Without the lock: an event for each. */
void cast_zones_tell(const struct cast *c, const struct cast_zone *const *silent, size_t n);
void cast_zones_print(const struct cast *c, struct json_out *w); /* with it: "relays" of casts_print() */

/* cast_talk.c: the thread of one cast. */
void *cast_talk(void *cast);
/* With the lock: a line for the child. */
void cast_say(struct cast *c, const struct cast_do_line *l);
/* With the lock: it ends, nobody joins it any more. */
void cast_close(struct cast *c);
/* Without it: whoever waits for this cast looks again. */
void cast_wake(const struct cast *c);

#endif
