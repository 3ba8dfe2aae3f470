/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks who wants multicast when nobody else does, so that switches go on to bring casts to their members (docs/adr/0008). Pure:
 * it is told what was heard and what time it is, and says when a general query is to be sent (RFC 3376, 6.6 and 8; RFC 3810, 7.6
 * and 9). One machine for both families; they know nothing of each other. */
#ifndef ORTHRUS_CAST_QUERIER_H
#define ORTHRUS_CAST_QUERIER_H

#include "cast/igmp.h"
#include "site/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum querier_family { QUERIER_IPV4, QUERIER_IPV6, QUERIER_FAMILIES };
#define QUERIER_BIT(family) (1U << (family))

enum querier_state {
	QUERIER_OFF,	   /* not of this family */
	QUERIER_LISTENING, /* nobody was heard yet, but it may be soon */
	QUERIER_OTHER,	   /* another one asks: silent */
	QUERIER_WE,	   /* we ask */
	QUERIER_NO_ADDRESS /* we would, but have none to ask with */
};
struct querier_opts {
	unsigned int robustness; /* 2: so many queries in a row may get lost, less one */
	int64_t every_ns;	 /* 125 s between queries */
	int64_t answer_ns;	 /* 10 s for answers */
};
struct querier_side {
	enum querier_state state;
	bool has_own;
	struct addr6 own;   /* whom we ask as */
	struct addr6 other; /* who asked last, and in QUERIER_OTHER goes on; all zero: nobody was heard */
	int64_t due_ns, heard_ns;
	unsigned int first; /* startup queries left */
	uint64_t sent, heard;
	bool anonymous; /* a switch asks as 0.0.0.0 */
};
struct querier {
	struct querier_opts opts;
	struct querier_side side[QUERIER_FAMILIES];
};

extern const struct querier_opts querier_defaults;

/* `families`: QUERIER_BIT()s. For as long as one that lives could be silent between two of its queries it only listens: then the
 * next queries come before members were forgotten (260 s) also when we were the querier before a restart. */
void querier_init(struct querier *q, const struct querier_opts *opts, unsigned int families, int64_t now_ns);
/* The address of a family that we would ask as; NULL: there is none (any more). Another one is no reason to begin anew. */
void querier_own(struct querier *q, enum querier_family family, const struct addr6 *own);
/* Anybody's message; what is no query of another is ignored. While another one asks we are silent, whatever its address; two that
 * ask at the same time end by the higher address giving way. */
void querier_heard(struct querier *q, const struct igmp_message *m, int64_t now_ns);
/* Families (bits) of which a general query is to be sent now; call it at querier_due_ns(), and after the two above. */
unsigned int querier_step(struct querier *q, int64_t now_ns);
int64_t querier_due_ns(const struct querier *q); /* INT64_MAX: not before something is heard */
/* The query of a family with an own address. As igmp_write(). */
size_t querier_write(const struct querier *q, enum querier_family family, uint8_t out[IGMP_PACKET_MAX]);
/* "querier: this head (10.1.0.1)", "querier: 10.1.0.254", ...: for people. Caller frees. */
char *querier_text(const struct querier_side *s);

#endif
