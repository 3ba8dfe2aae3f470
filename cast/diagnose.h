/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong with a network that a cast goes slowly over, in words and with the next step. Pure: facts in, findings out. */
#ifndef ORTHRUS_CAST_DIAGNOSE_H
#define ORTHRUS_CAST_DIAGNOSE_H

#include "base/json.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cable;
struct sender_receiver_view;

enum diagnose_fact { DIAGNOSE_UNKNOWN, DIAGNOSE_NO, DIAGNOSE_YES };

struct diagnose_receiver {
	const char *name;
	const char *switch_name, *port;	       /* by LLDP; NULL: not known */
	double loss;			       /* of what was sent while it received: 0 to 1; < 0: not known */
	uint64_t packets;		       /* from which that is: few say little */
	enum diagnose_fact multicast, unicast; /* heard of the sender at all? */
	bool unheard;			 /* it has a ticket for long enough that it should report, and nothing came of it ever */
	bool stopped;			 /* it reported, lacks something, and was not heard of for long while others could be */
	enum diagnose_fact small, large; /* do packets of 100 bytes reach it, and of the size that the cast uses? */
	unsigned int speed_mbit;	 /* of its link (/sys/class/net/.../speed); 0: not known */
	enum diagnose_fact full_duplex;
	unsigned int mtu;      /* of its interface; 0: not known */
	uint64_t socket_bytes; /* the receive buffer that it got; 0: not known */
	uint64_t disk_bytes_s; /* what its disk takes; 0: not known */
	bool waits_for_disk;   /* its disk held it back for a good part of the time */
};
struct diagnose_facts {
	const struct diagnose_receiver *receivers;
	size_t n;
	enum diagnose_fact querier; /* does anybody ask for members in the network (we too)? */
	bool querier_off;	    /* cast.querier of site.json is "off": then it is not known whether another asks */
	bool no_head;		    /* the sender is `orthrus cast send`: nothing of site.json holds */
	const char *reports_at;	    /* where reports are to come, "UDP 10.1.0.1:4580"; NULL: not known */
	unsigned int packet_bytes;  /* of the cast's IP packets: 1500 or less; more are jumbo frames */
	unsigned int mtu;	    /* of the sender's interface; 0: not known */
	unsigned int speed_mbit;    /* of its link; 0: not known */
	enum diagnose_fact full_duplex;
	uint64_t rate_bytes_s; /* at which it sends */
	/* The greatest rates at which multicast, and unicast beside it, got through with next to no loss; 0: not tried. */
	uint64_t multicast_good_bytes_s, unicast_good_bytes_s;
};
/* Of one that has a ticket: what a sender sees of it, and its interface. Names, `unheard`
 * and `stopped` are the caller's to say. */
void diagnose_seen(const struct sender_receiver_view *v, const struct cable *c, struct diagnose_receiver *out);
enum diagnose_fact diagnose_duplex(const struct cable *c);
unsigned int diagnose_packet(unsigned int symbol_bytes, bool ipv6); /* bytes of the IP packet that it travels in */

enum diagnose_kind {
	DIAGNOSE_NOT_ARRIVING, /* multicast reaches nobody, or only some, and unicast does */
	DIAGNOSE_UNREACHABLE,  /* nor does unicast */
	DIAGNOSE_NO_REPORTS,   /* there are tickets, but nothing comes back */
	DIAGNOSE_UNHEARD,      /* of some nothing comes back, of others it does */
	DIAGNOSE_NO_QUERIER,
	DIAGNOSE_STORM_CONTROL,
	DIAGNOSE_MTU,
	DIAGNOSE_DUPLEX,
	DIAGNOSE_SLOW_LINK,
	DIAGNOSE_SWITCH, /* all behind one switch lose much */
	DIAGNOSE_CABLE,	 /* one alone does */
	DIAGNOSE_DISK,
	DIAGNOSE_BUFFER,
	DIAGNOSE_KINDS
};
/* "not-arriving", "mtu": for programs. */
const char *diagnose_kind_name(enum diagnose_kind kind);
struct diagnose_finding {
	enum diagnose_kind kind;
	char *about; /* whom: names, or a switch; NULL: the sender, or all. With `kind` the same while numbers in the text change
		      */
	char *text;  /* one sentence: what it is, and the next step */
};
struct diagnose {
	struct diagnose_finding *findings; /* what explains more first */
	size_t n;
};

/* What the facts show; nothing is guessed from what is not known. A receiver whose loss one finding explains is not in a later
 * one. Empty: nothing is wrong that could be seen. */
void diagnose_make(const struct diagnose_facts *f, struct diagnose *out);
bool diagnose_has(const struct diagnose *d, enum diagnose_kind kind);
void diagnose_print(const struct diagnose *d, struct json_out *w); /* key "findings" */
void diagnose_free(struct diagnose *d);

#endif
