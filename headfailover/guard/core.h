/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lease that decides which head answers, as a state machine: an event that carries the time goes in, what is to be done comes
 * out (docs/failover.md). Pure: no clock, no allocation, no call of the system, nothing global. */
#ifndef ORTHRUS_GUARD_CORE_H
#define ORTHRUS_GUARD_CORE_H

#include "base/err.h"
#include "headfailover/guard/msg.h"

#define LEASE_HEADS 2		       /* voters 0 and 1 are the heads, the rest are witnesses */
#define LEASE_MIN_NS INT64_C(10000000) /* of a lease: a shorter one is all margin */
#define LEASE_SENDS 16		       /* messages of one step, at most */
#define LEASE_NOTES 16		       /* of one step, at most; what is more is left out */
#define LEASE_NEVER INT64_MAX

struct lease_config {
	uint8_t self;		     /* number of this voter */
	uint8_t n_voters;	     /* 2, 3 or 5 */
	uint8_t rank;		     /* of a head: 0, or 1 for the one that waits for T more before it asks after its start */
	bool has_fence;		     /* with two voters: LEASE_ON_FENCED can follow actions.fence */
	int64_t lease_ns;	     /* T, the same at all voters */
	int64_t renew_ns;	     /* R */
	int64_t first_quarantine_ns; /* after a start it lasts so long at least: leases may have been longer before it */
	int64_t hold_off_ns;	     /* who gave the lease away does not ask for so long */
	uint64_t first_round;	     /* ballots begin above: milliseconds of the wall clock at the start */
	uint64_t seed;		     /* of random waits; best another at each head and start */
};

/* ERR_INVALID with what is wrong, in the words of the configuration. */
int lease_config_check(const struct lease_config *config, struct err *err) WARN_UNUSED;
/* M: what two clocks may differ in while a lease of that length lasts. */
int64_t lease_margin_ns(int64_t lease_ns);

/* What a head does. A witness is in QUARANTINE, then in WATCH for ever. */
enum lease_state {
	HEAD_QUARANTINE = 1, /* just started, or it could not tell the time: neither votes nor asks */
	HEAD_WATCH,	     /* another has it, or nobody and it is not to ask now */
	HEAD_PREPARING,	     /* asked for promises */
	HEAD_PROPOSING,	     /* has them, asked for the lease */
	HEAD_HOLDING,	     /* believes in its lease until `until_ns` */
	HEAD_RELEASING,	     /* gave it up, and tells who did not hear it yet */
};
const char *lease_state_name(enum lease_state state); /* "holding" */

enum lease_on {
	LEASE_ON_START = 1, /* first of all, and once */
	LEASE_ON_TIMER,	    /* nothing came until actions.timer_ns; earlier or later does no harm */
	LEASE_ON_MESSAGE,   /* `msg`, authenticated, to this voter, of the living boot of its sender */
	LEASE_ON_SWITCH,    /* order: give the lease to head `who` */
	LEASE_ON_PAUSE,	    /* order: don't ask; who has it gives it away */
	LEASE_ON_RESUME,    /* order: ask as others do */
	LEASE_ON_FIT,	    /* the services of this head work; so it starts */
	LEASE_ON_UNFIT,	    /* they fail */
	LEASE_ON_FENCED,    /* `ok`: head `who` is off, confirmed. Else it could not be done */
	LEASE_ON_RESTARTED, /* voter `who` has another boot id than before: before its first message */
	LEASE_ON_STOP,	    /* planned end: who has it gives it away, and does not ask again. Go on until lease_over() */
	LEASE_ON_END
};
struct lease_event {
	enum lease_on kind;
	int64_t now_ns; /* CLOCK_BOOTTIME, read just before this step and after `msg` was taken from its socket: an older time of
			   a voter would end a lease too soon. Below that of the step before: the clock is broken, all is given up
			   and a quarantine begins. A step that comes T or more after the one before begins one, too */
	uint8_t who;
	bool ok;
	struct lease_msg msg;
};

/* What is worth a line in the log, an event or a counter. `who` and `value` where said. */
enum lease_note_kind {
	LEASE_NOTE_QUARANTINE = 1, /* it begins; `value`: until when */
	LEASE_NOTE_VOTES,	   /* it is over */
	LEASE_NOTE_CLOCK,	   /* the clock went back, by `value` ns */
	LEASE_NOTE_STALLED,	   /* no step for `value` ns, which is longer than a lease */
	LEASE_NOTE_TAKEOVER,	   /* got the lease that ran out at head `who`; `value`: ns since this voter last heard of it */
	LEASE_NOTE_LATE,	   /* a renewal was begun `value` ns later than it should */
	LEASE_NOTE_GIVEN,	   /* released; `who`: to whom (LEASE_NOBODY: to anybody) */
	LEASE_NOTE_ALONE,	   /* asked for T, and a majority does not answer */
	LEASE_NOTE_REFUSED,	   /* head `who` is silent, there is no third voter and no fence: no automatic takeover */
	LEASE_NOTE_FENCE_FAILED,   /* of head `who`; asked for again after the hold-off */
	LEASE_NOTE_NOT_HOLDER,	   /* order to switch: it is not ours to give */
	LEASE_NOTE_UNABLE,	   /* order to switch: head `who` is silent, paused, unfit or does not vote yet */
	LEASE_NOTE_LONGER, /* voter `who` proposes a lease longer than T, `value` ns: not granted, configurations differ */
	LEASE_NOTE_END
};
const char *lease_note_name(enum lease_note_kind kind); /* "takeover" */
struct lease_note {
	enum lease_note_kind kind;
	uint8_t who;
	int64_t value;
};

/* To be done in the order of these fields, all of it before the next step: a gate that is opened after a later step shut it
 * stands open though the lease was given away. The gate is shut before the first message leaves: a RELEASE is among them. */
struct lease_actions {
	bool gate_changed;
	int64_t gate_ns; /* the gate's deadline, always; 0: shut. Late is no harm, another value is */
	unsigned int n_send;
	struct lease_msg send[LEASE_SENDS]; /* each to the voter `to`, which is never this one */
	bool lost;			    /* the lease (after `gained` of an earlier step) is over */
	bool gained;			    /* this head has it; possibly again, in one step with `lost` */
	uint64_t epoch;			    /* of `gained` */
	uint8_t fence;			    /* switch this head off and answer by LEASE_ON_FENCED; LEASE_NOBODY */
	unsigned int n_notes;
	struct lease_note notes[LEASE_NOTES];
	int64_t timer_ns; /* LEASE_ON_TIMER then, if nothing happens before */
};

/* Of another voter, or oneself. */
struct lease_peer {
	bool heard;	  /* ever, of its living boot */
	int64_t heard_ns; /* last; the start, if never */
	int64_t said_ns;  /* when this voter last sent it something */
	uint8_t flags;	  /* enum lease_flags, of its last message */
};

/* Private to core*.c, but here so that it lives where its owner likes. Copy it and both go on alike. */
struct lease {
	struct lease_config config;
	int64_t now, margin;
	uint64_t random;
	bool started;

	/* The voter. */
	int64_t quarantine_until; /* 0: over */
	uint64_t promised;	  /* the highest ballot */
	uint64_t closed;	  /* released: nothing up to this is promised or granted */
	uint8_t owner;		  /* of the last lease granted */
	uint64_t owner_ballot, owner_epoch;
	int64_t owner_until;

	/* The head. */
	enum lease_state state;
	uint64_t heard_ballot, heard_epoch; /* the highest of all messages */
	uint64_t ballot;		    /* the last that was used */
	uint64_t epoch;			    /* of what is asked for, or held */
	uint8_t yes;			    /* bits: who promised or accepted `ballot`; RELEASING: who answered */
	int64_t asked_ns;		    /* t of `ballot` */
	int64_t granted_ns;		    /* t of the last PROPOSE that a majority accepted */
	int64_t until;			    /* HOLDING: of the belief; the gate's deadline */
	int64_t next_ns;		    /* when to ask, renew or release again */
	int64_t backoff;		    /* what the last try waits for; 0: the next one is a first one */
	int64_t trying_since;		    /* PREPARING, PROPOSING, RELEASING */
	int64_t hold_off_until;
	uint8_t heir;		     /* RELEASING: who shall take it */
	uint8_t busy_owner;	     /* who has a lease, as far as this voter heard */
	int64_t busy_until;	     /* until then at least */
	uint8_t last_owner;	     /* whose lease ran out here, if nobody had one since; LEASE_NOBODY */
	int64_t last_owner_ns;	     /* when this voter last granted it */
	bool paused, unfit, stopped; /* as ordered */
	bool alone, refused;	     /* it was said */
	bool fencing, fenced;
	int64_t fence_ns; /* not before */

	struct lease_peer peers[LEASE_VOTERS];
	uint8_t flags_told;
	int64_t gate_told;
};

/* `config` was checked. */
void lease_init(struct lease *l, const struct lease_config *config);
/* All of `a` is set anew. A message or order that makes no sense changes nothing. */
void lease_step(struct lease *l, const struct lease_event *e, struct lease_actions *a);

/* How things stand at the last step, for status. */
struct lease_view {
	enum lease_state state;
	uint8_t owner;	    /* whose live lease this voter knows: its own belief, what it granted; LEASE_NOBODY */
	uint64_t epoch;	    /* of the last lease that was heard of */
	int64_t until_ns;   /* `owner` has it until then at least, by the own clock; 0 */
	int64_t quarantine; /* until then it does not vote; 0: it does */
	uint64_t promised;
	bool paused, fit, stopped;
	bool fenced;  /* the other head counts as switched off */
	bool fencing; /* LEASE_ON_FENCED is waited for */
	int64_t now_ns, gate_ns;
	unsigned int n_voters;
	struct lease_peer peers[LEASE_VOTERS];
};
void lease_look(const struct lease *l, struct lease_view *out);
/* After LEASE_ON_STOP: all voters that answer know that it was given up. */
bool lease_over(const struct lease *l);

#endif
