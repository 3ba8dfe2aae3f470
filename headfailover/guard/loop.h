/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The thread that keeps the lease: what comes by the links and the clock goes into the core, what the core wants is done at once.
 * It waits for nothing and nobody else, and allocates nothing. Whoever talks to people (talk.h) is another thread: orders come
 * from it, and notes go to it, by rings; how things stand is shown to it. */
#ifndef ORTHRUS_GUARD_LOOP_H
#define ORTHRUS_GUARD_LOOP_H

#include "headfailover/guard/announce.h"
#include "headfailover/guard/config.h"
#include "headfailover/guard/control.h"
#include "headfailover/guard/ring.h"

#include <stdatomic.h>

/* What the other thread wants: an event of the core without its time, or one of these. */
enum loop_order_kind {
	LOOP_KEYS = LEASE_ON_END + 1, /* `keys` of struct loop are there to be used */
	LOOP_FIT,		      /* `who`: a bit of enum loop_unfit that is no reason any more */
	LOOP_UNFIT,		      /* that is one */
};
enum loop_unfit {
	LOOP_SERVICES = 1,  /* orthrusd says so */
	LOOP_CABLE = 2,	    /* a service interface has no carrier */
	LOOP_ADDRESSES = 4, /* the kernel does not take them */
	LOOP_CLOCK = 8,	    /* its clock is made to run too fast or too slow */
};
struct loop_order {
	uint32_t kind; /* enum lease_on, or enum loop_order_kind */
	uint8_t who;
	bool ok;
};

enum loop_note_kind {
	LOOP_GAINED = LEASE_NOTE_END + 1, /* `number`: the epoch */
	LOOP_LOST,
	LOOP_RENEWED,	      /* `value`: ns from asking to the majority's answer */
	LOOP_FENCE,	      /* switch `who` off */
	LOOP_MET,	      /* voter `who` lives, for the first time or with a new boot; `number`: the boot */
	LOOP_TWINS,	      /* two machines say that they are voter `who` */
	LOOP_CONFLICT,	      /* `addr` is claimed by `mac` while we have the lease */
	LOOP_CABLE_OUT,	      /* `interface` */
	LOOP_CABLE_IN,	      /* ditto */
	LOOP_GONE,	      /* ditto: the interface is no more */
	LOOP_ADDRESSES_FAIL,  /* `number`: how many */
	LOOP_ADDRESSES_RIGHT, /* after they failed */
	LOOP_GATE_FAIL,	      /* it could not be moved */
};
struct loop_note {
	uint32_t kind; /* enum lease_note_kind, or enum loop_note_kind */
	uint8_t who;
	uint8_t mac[6];
	int64_t value;
	union {
		uint64_t number;
		struct addr6 addr;
		char interface[IFNAMSIZ];
	};
};

/* How things stand. */
struct loop_now {
	struct lease_view lease;
	uint64_t turns;			     /* of the loop: it lives */
	uint8_t unfit;			     /* enum loop_unfit */
	uint64_t got[LEASE_VOTERS], refused; /* messages */
	uint64_t refused_by[GUARD_REFUSED_END];
	struct guard_link_counts links[GUARD_LINKS];
	struct addresses_state addresses;
};

struct loop {
	const struct guard_config *config;
	struct lease lease;
	struct guard_wire wire;
	struct guard_links links;
	struct gate *gate;	     /* NULL: a witness */
	struct announce *announce;   /* ditto */
	struct addresses *addresses; /* ditto */
	struct burst burst;
	struct guard_keys keys; /* written before LOOP_KEYS is ordered, while `keys_wait` is false */
	atomic_bool keys_wait;	/* they were not taken yet */
	struct ring orders;	/* struct loop_order */
	struct ring notes;	/* struct loop_note */
	double rate;		/* 1; a lab's clock runs so much faster than the kernel's */
	int64_t rate_from_ns;

	int64_t timer_ns, burst_ns, mend_ns; /* by the loop's clock */
	int64_t stop_ns;		     /* 0: nobody wants it to end; else when it ends at the latest */
	int64_t gate_ns, shut_after_ns;	     /* the gate's deadline; it could not be shut, and is so from then on */
	int64_t told_gate_ns, told_longer_ns, told_conflict_ns;
	int64_t look_ns; /* nobody looks around before: who floods us with claims of our addresses takes no more than that of our
			    time */
	uint8_t unfit;
	bool has, twins[LEASE_VOTERS];
	struct addresses_state addresses_state;
	bool addresses_failed;
	uint32_t cables_out; /* bits of the configuration's interfaces */
	uint64_t turns;
	atomic_bool dead; /* the other thread wants it to end without more ado: the gate is not there */

	_Atomic uint32_t version; /* odd: it is being written */
	struct loop_now now;
};

/* Uses what is in `config`, `wire`, `links`, `gate` ..., which the caller opened; makes the rings. */
int loop_init(struct loop *l, const struct guard_config *config, struct err *err) WARN_UNUSED;
void loop_run_lease(struct loop *l); /* until LEASE_ON_STOP was ordered and done, or `dead` */
void loop_clear(struct loop *l);
/* Any thread: */
bool loop_order(struct loop *l, uint32_t kind, uint8_t who, bool ok);
void loop_see(struct loop *l, struct loop_now *out);
int64_t loop_clock(const struct loop *l); /* CLOCK_BOOTTIME, or the lab's */

#endif
