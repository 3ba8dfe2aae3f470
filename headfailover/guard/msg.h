/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What guards say to each other: the messages of the lease (PaxosLease, M. Trencseni, A. Gazso, H. Reinhardt, 2012, with the
 * correction of docs/failover.md), as the core makes them and the wire carries them. */
#ifndef ORTHRUS_GUARD_MSG_H
#define ORTHRUS_GUARD_MSG_H

#include <stdbool.h>
#include <stdint.h>

#define LEASE_VOTERS 5				/* at most; numbers from 0 on, heads are 0 and 1 */
#define LEASE_NOBODY 0xff			/* instead of a voter's number */
#define LEASE_MAX_NS (60 * INT64_C(1000000000)) /* of a lease's length; longer ones are no message */

enum lease_kind {
	LEASE_HELLO = 1, /* any to any: how things stand here; sent when there was nothing else to say for half a lease, or flags
			    changed */
	LEASE_PREPARE,	 /* head to voter: would you let me have it, by this ballot? */
	LEASE_PROMISE,	 /* answer: yes; nobody with a lower ballot any more */
	LEASE_PROPOSE,	 /* head to voter: I take it, for `lease_ns` from your receiving this on */
	LEASE_ACCEPT,	 /* answer: it is yours for that long, by my clock */
	LEASE_REJECT,	 /* answer to either: no; a higher ballot was promised, or `owner` has it for `lease_ns` more */
	LEASE_RELEASE,	 /* holder to voter, when its gate is shut: nobody has it now; `owner` is who shall take it, or nobody */
	LEASE_RELEASED,	 /* answer */
	LEASE_KIND_END
};

/* Of every message: what its sender is. */
enum lease_flags {
	LEASE_QUARANTINE = 1, /* restarted; it doesn't vote yet */
	LEASE_PAUSED = 2,     /* a head that does not want it, by order */
	LEASE_UNFIT = 4,      /* a head whose services fail: it takes it only when nobody else can */
	LEASE_FLAGS = 7
};

struct lease_msg {
	enum lease_kind kind;
	uint8_t from, to;
	uint8_t owner; /* PROMISE, REJECT, HELLO: whose live lease its sender, as a voter, knows; RELEASE: see there; else nobody
			*/
	uint8_t flags; /* enum lease_flags, of any kind of message */
	uint64_t ballot;  /* what is asked or answered; REJECT, HELLO: the highest that was promised */
	uint64_t epoch;	  /* PROPOSE, RELEASE: of the lease; PROMISE, REJECT, HELLO: of the last lease that its sender heard of */
	int64_t lease_ns; /* PROPOSE: its length; PROMISE, REJECT, HELLO: how much longer `owner` has it; else 0. 0 to
			     LEASE_MAX_NS */
};

#endif
