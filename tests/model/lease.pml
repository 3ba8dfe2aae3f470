/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lease as docs/failover.md gives it ("The rule"): two heads, 0 and 1, a witness, 2; each of the three is a voter. Names of messages
 * and states are those of headfailover/guard. tests/sim/model.sh and tests/full/lease-model.sh search it; "Proof: the model" of that
 * page says what is proven, within which bounds, and what is left out.
 *
 * One process takes all the steps, in every order that can be: nobody must ever do anything, so a step that waits, for ever if it likes, is
 * the stop, the stall, the partition, the loss.
 * Network: what was ever sent can arrive any number of times, in any order, at any later time, or never: no message is ever used up.
 * Time: tick() is one unit for everybody, and may come between any two steps, without end. Every timer that is set ends by 0 to M units
 * early, as it likes: so do clocks that differ by up to M while a lease lasts, in any way (two timers of one clock may even differ).
 * Crash: restart() forgets all, at any step. (Down for a while is up at once, and doing nothing for a while.) Only the gate is left open.
 * Bounds: K ballots of each head, CRASHES restarts. Time has none.
 */
#ifndef K
#define K 3 /* ballots of each head */
#endif
#ifndef T
#define T 3 /* a lease, in units of time */
#endif
#ifndef M
#define M 1 /* the margin */
#endif
#ifndef CRASHES
#define CRASHES 1
#endif

c_decl {
\#include <stdlib.h>
};
/* Which of the rules is broken; read from the environment at the start: one program searches them all. */
byte BUG;
#define BUG_NO_QUARANTINE 1
#define BUG_TIMER_AT_ACK 2
#define BUG_FAST_VOTER 3 /* its clock gains 1 more than the margin while a lease lasts */
#define BUG_OVER_LIVE 4	 /* a voter grants whoever has the highest ballot */
/* More of them. */
#define BUG_OLD_ACCEPT 5	/* an ACCEPT of an older ballot counts for the younger t */
#define BUG_RELEASE_FIRST 6	/* RELEASE is sent, then the gate is shut */
#define BUG_RELEASE_YOUNGER 7	/* a RELEASE ends a lease of a younger ballot, too */
#define BUG_RELEASE_OTHERS 8	/* and one of the other head */
#define BUG_NO_MARGIN 9		/* the holder believes until t + T */
#define BUG_BALLOTS_AGAIN 10	/* a restarted head begins with its first ballot, and messages don't say of which boot they are */
#define BUG_SHORT_QUARANTINE 11 /* that of a shorter lease: T is another one after the restart */
#define BUG_STALE_NOW 12	/* a voter's `now` was read before the PROPOSE came */
#define BUG_MINORITY 13		/* one ACCEPT is enough */
#define BUG_NO_BALLOTS 14	/* voters don't look at ballots: an older PROPOSE makes the lease one that an older RELEASE ends */
#define BUG_LOW_BALLOT 15	/* -DTAKEOVER: a head asks with a ballot that is not above what others promised */
#define BUG_LAPSED 16		/* -DEPOCHS: a renewal that is granted after the lease was over counts as one */
/* What does no harm: that there are never two does not depend on it. */
#define FREE_NO_BALLOTS 21   /* voters look at ballots only to keep the younger one of a lease's */
#define FREE_NO_FLOOR 22     /* RELEASE leaves no floor */
#define FREE_PREPARE_LIVE 23 /* PREPARE is promised over another's live lease */
#define FREE_NO_PREPARE 24   /* a head proposes without being promised anything */
#define FREE_QUARANTINE_T 25 /* quarantine is T, without the margin */

/* Messages: enum lease_kind, without HELLO */
#define PREPARE 0
#define PROPOSE 1
#define RELEASE 2
/* What they are answered with; REJECT and RELEASED only let a head go on sooner, which it may do at any time */
#define PROMISE 0
#define ACCEPT 1

#define HEADS 2
#define VOTERS 3
#define NOBODY 2
#ifdef TAKEOVER
#define BALLOTS (2 * K + 4)
#else
#define BALLOTS (2 * K + 2)
#endif
/* Head 0 has 2, 4 ..; head 1 has 3, 5 ..; 0 and 1: none yet. -DTAKEOVER: each has one more in reserve. */
#define HEAD_OF(b) ((b) & 1)
#define BIT(z) (1 << (z))
#define MAJORITY(m) ((m) == 3 || (m) >= 5 || (BUG == BUG_MINORITY && (m) > 0))

#define MAX(a, b) (a > b -> a : b)
#define ASKED(h) answered[PROMISE * BALLOTS + ballot[h]] /* who promised its last ballot */
#define GOT(h) answered[ACCEPT * BALLOTS + ballot[h]]	 /* who accepted it */

/* --- a head */
#define QUARANTINE 0
#define WATCH 1
#define PREPARING 2
#define PROPOSING 3
#define HOLDING 4
#define RELEASING 5
byte state[HEADS];
byte ballot[HEADS]; /* the last that it used */
byte left[HEADS];   /* until t + T - M of its last PROPOSE; 0: over, or nothing more is expected of it */
byte gate[HEADS];   /* until its deadline: while it is open the head believes. The kernel keeps it when the guard dies */

/* --- a voter */
byte lowest[VOTERS];	 /* ballot that it promises or grants */
byte owner[VOTERS];	 /* of the lease that it granted */
byte lease[VOTERS];	 /* its ballot */
byte lasts[VOTERS];	 /* how much longer it is live */
byte quarantine[VOTERS]; /* how much longer */

/* --- the network */
int sent[3];		    /* of PREPARE, PROPOSE, RELEASE: the ballots, a bit each */
byte answered[2 * BALLOTS]; /* of PROMISE, ACCEPT: by which voters, a bit each, for each ballot */
byte crashes;

byte h, v, b, d; /* scratch of one step, 0 between them */

/* Epochs play no part in who has the lease: they are searched by a model of their own. */
#ifdef EPOCHS
byte known[VOTERS];	      /* the highest that the voter granted */
byte told[HEADS * VOTERS];    /* by a PROMISE for the head's last ballot */
byte epoch[HEADS];	      /* what the head asks for, or holds */
byte proposed[BALLOTS];	      /* epoch of each PROPOSE */
byte last;		      /* of the last lease that anybody believed in */
#define LAPSED (BUG == BUG_LAPSED)
inline forgets_epoch(v)
{
	known[v] = 0
}
inline knows(v, b)
{
	known[v] = MAX(known[v], proposed[b])
}
inline tells(v, b)
{
	told[HEAD_OF(b) * VOTERS + v] = known[v]
}
inline take_epoch(h) /* two have promised; of three, any two may have been the first ones */
{
	if
	:: ASKED(h) != 5 && ASKED(h) != 6 -> epoch[h] = MAX(told[h * VOTERS], told[h * VOTERS + 1]) + 1
	:: ASKED(h) != 3 && ASKED(h) != 6 -> epoch[h] = MAX(told[h * VOTERS], told[h * VOTERS + 2]) + 1
	:: ASKED(h) != 3 && ASKED(h) != 5 -> epoch[h] = MAX(told[h * VOTERS + 1], told[h * VOTERS + 2]) + 1
	fi;
	for (v : 0 .. VOTERS - 1) { told[h * VOTERS + v] = 0 }
	v = 0
}
inline names_epoch(h)
{
	proposed[ballot[h]] = epoch[h]
}
inline believe(h) /* a new lease has a new epoch, above all there were; a renewal keeps it */
{
	assert(state[h] == HOLDING -> epoch[h] == last : epoch[h] > last);
	last = epoch[h]
}
#else
#define LAPSED true
inline forgets_epoch(v) { skip }
inline knows(v, b) { skip }
inline tells(v, b) { skip }
inline take_epoch(h) { skip }
inline names_epoch(h) { skip }
inline believe(h) { skip }
#endif

/* --- time */
#define PASS(timer) timer = (timer > 0 -> timer - 1 : 0)
inline tick()
{
	for (h : 0 .. HEADS - 1) {
		if
		:: left[h] == 1 && !(BUG == BUG_TIMER_AT_ACK || BUG == BUG_BALLOTS_AGAIN) -> forget_answers(h)
		:: else
		fi;
		PASS(left[h]);
		PASS(gate[h])
	}
	for (v : 0 .. VOTERS - 1) {
		PASS(quarantine[v]);
		PASS(lasts[v]);
		if
		:: lasts[v] == 0 -> nobody_has(v)
		:: else
		fi
	}
	h = 0; v = 0
}
inline nobody_has(v)
{
	owner[v] = NOBODY; lease[v] = 0; lasts[v] = 0
}
inline drift(most) /* d: what a clock gains while the timer that is set now runs */
{
	do
	:: d < (most) -> d++
	:: break
	od
}

/* --- a voter answers */
#define VOTES(v) (quarantine[v] == 0)
#define NOT_ANOTHERS(v, b) (owner[v] == NOBODY || owner[v] == HEAD_OF(b) || BUG == BUG_OVER_LIVE)
#define HIGH(v, b) (lowest[v] <= b || BUG == FREE_NO_BALLOTS || BUG == BUG_NO_BALLOTS)
#define PROMISES(v, b) (VOTES(v) && HIGH(v, b) && (NOT_ANOTHERS(v, b) || BUG == FREE_PREPARE_LIVE))
#define ACCEPTS(v, b) (VOTES(v) && HIGH(v, b) && NOT_ANOTHERS(v, b))
inline promise(v, b)
{
	lowest[v] = MAX(lowest[v], b);
	if
	:: BUG == BUG_BALLOTS_AGAIN || (ballot[HEAD_OF(b)] == b && state[HEAD_OF(b)] == PREPARING) ->
		answered[PROMISE * BALLOTS + b] = answered[PROMISE * BALLOTS + b] | BIT(v);
		tells(v, b)
	:: else /* nobody waits for it */
	fi
}
inline accept(v, b)
{
	lowest[v] = MAX(lowest[v], b);
	drift((BUG == BUG_FAST_VOTER -> M + 1 : (BUG == BUG_STALE_NOW -> T - 1 : M)));
	lease[v] = (BUG == FREE_NO_BALLOTS && owner[v] == HEAD_OF(b) -> MAX(lease[v], b) : b);
	owner[v] = HEAD_OF(b); lasts[v] = T - d;
	knows(v, b);
	d = (BUG == BUG_OLD_ACCEPT -> ballot[owner[v]] : b);
	if
	:: BUG == BUG_BALLOTS_AGAIN || (ballot[owner[v]] == d && (state[owner[v]] == PROPOSING || state[owner[v]] == HOLDING) &&
		(left[owner[v]] > 0 || BUG == BUG_TIMER_AT_ACK)) ->
		answered[ACCEPT * BALLOTS + d] = answered[ACCEPT * BALLOTS + d] | BIT(v)
	:: else
	fi;
	d = 0
}
inline released(v, b)
{
	if
	:: (owner[v] == HEAD_OF(b) || BUG == BUG_RELEASE_OTHERS) && (lease[v] <= b || BUG == BUG_RELEASE_YOUNGER) -> nobody_has(v)
	:: else
	fi;
	lowest[v] = (BUG == FREE_NO_FLOOR -> lowest[v] : MAX(lowest[v], b + 1))
}
inline restart(v)
{
	crashes++;
	start(v)
}
inline start(v)
{
	forgets_epoch(v);
	lowest[v] = 0;
	nobody_has(v);
	drift(M);
	quarantine[v] = T + M - d - (BUG == FREE_QUARANTINE_T -> M : 0);
	quarantine[v] = (BUG == BUG_NO_QUARANTINE -> 0 : (BUG == BUG_SHORT_QUARANTINE -> 1 : quarantine[v]));
	d = 0;
	if
	:: v < HEADS ->
		forget_answers(v);
		state[v] = QUARANTINE; left[v] = 0;
		ballot[v] = (ballot[v] == 0 || BUG == BUG_BALLOTS_AGAIN -> v : ballot[v])
	:: else
	fi
}

/* --- a head asks */
inline forget_answers(h) /* those that it got don't matter to it any more */
{
	if
	:: BUG != BUG_BALLOTS_AGAIN -> answered[PROMISE * BALLOTS + ballot[h]] = 0; answered[ACCEPT * BALLOTS + ballot[h]] = 0
	:: else
	fi
}
#define MORE_BALLOTS(h) (ballot[h] + 2 < 2 * K + 2)
inline next_ballot(h) /* above all that it heard of, so perhaps well above its last */
{
	forget_answers(h);
	ballot[h] = ballot[h] + 2;
	do
	:: MORE_BALLOTS(h) -> ballot[h] = ballot[h] + 2
	:: break
	od
}
inline prepare(h)
{
	next_ballot(h);
	state[h] = PREPARING;
	sent[PREPARE] = sent[PREPARE] | BIT(ballot[h]);
	if
	:: PROMISES(h, ballot[h]) -> promise(h, ballot[h])
	:: else
	fi
}
inline propose(h) /* t is now */
{
	drift(M);
	left[h] = T - M - d + (BUG == BUG_NO_MARGIN -> M : 0);
	d = 0;
	sent[PROPOSE] = sent[PROPOSE] | BIT(ballot[h]);
	names_epoch(h);
	if
	:: ACCEPTS(h, ballot[h]) -> accept(h, ballot[h])
	:: else
	fi
}
inline have(h)
{
	believe(h);
	state[h] = HOLDING;
	left[h] = (BUG == BUG_TIMER_AT_ACK -> T - M : left[h]);
	gate[h] = (left[h] > gate[h] -> left[h] : gate[h]); /* the deadline only goes up: a later t, by the same clock */
	left[h] = 0;
	forget_answers(h)
}
inline release(h)
{
	state[h] = RELEASING; left[h] = 0;
	gate[h] = (BUG == BUG_RELEASE_FIRST -> gate[h] : 0);
	forget_answers(h);
	sent[RELEASE] = sent[RELEASE] | BIT(ballot[h]);
	released(h, ballot[h])
}
inline give_up(h)
{
	state[h] = WATCH; left[h] = 0;
	gate[h] = (BUG == BUG_RELEASE_FIRST -> 0 : gate[h]);
	forget_answers(h)
}

/* --- all that can happen */
#define HEAD(h) \
	:: atomic { state[h] == QUARANTINE && VOTES(h) -> state[h] = WATCH } \
	:: atomic { state[h] == WATCH && MORE_BALLOTS(h) && BUG != FREE_NO_PREPARE -> prepare(h) } \
	:: atomic { state[h] == WATCH && MORE_BALLOTS(h) && BUG == FREE_NO_PREPARE -> next_ballot(h); state[h] = PROPOSING; propose(h) } \
	:: atomic { state[h] == PREPARING && MAJORITY(ASKED(h)) -> take_epoch(h); forget_answers(h); state[h] = PROPOSING; propose(h) } \
	:: atomic { (state[h] == PROPOSING || (state[h] == HOLDING && (gate[h] > 0 || LAPSED))) && MAJORITY(GOT(h)) && \
		(left[h] > 0 || BUG == BUG_TIMER_AT_ACK) -> have(h); ALONE; REACH_HAVING(h) } \
	:: atomic { state[h] == HOLDING && MORE_BALLOTS(h) -> next_ballot(h); propose(h) } \
	:: atomic { state[h] == HOLDING || state[h] == PROPOSING -> release(h) } \
	:: atomic { state[h] == PREPARING || state[h] == PROPOSING || state[h] == RELEASING || \
		(state[h] == HOLDING && gate[h] == 0) -> give_up(h) }
#define HEARS(v, b) \
	:: atomic { (sent[PREPARE] & BIT(b)) && PROMISES(v, b) -> promise(v, b) } \
	:: atomic { (sent[PROPOSE] & BIT(b)) && ACCEPTS(v, b) -> accept(v, b) } \
	:: atomic { (sent[RELEASE] & BIT(b)) && (lowest[v] <= b || owner[v] != NOBODY) -> released(v, b) }
/* A head's own voter hears it at once, and once: see prepare(), propose(), release(). */
#if K == 1
#define HEARS_HEAD(v, h) HEARS(v, 2 + h)
#elif K == 2
#define HEARS_HEAD(v, h) HEARS(v, 2 + h) HEARS(v, 4 + h)
#elif K == 3
#define HEARS_HEAD(v, h) HEARS(v, 2 + h) HEARS(v, 4 + h) HEARS(v, 6 + h)
#else
#define HEARS_HEAD(v, h) HEARS(v, 2 + h) HEARS(v, 4 + h) HEARS(v, 6 + h) HEARS(v, 8 + h)
#endif

/* The property. Only have() opens a gate; nothing but time, or a release, shuts one. */
#define ALONE assert(gate[0] == 0 || gate[1] == 0)

/* What must be reachable, or the search proves nothing: GOAL is said not to be, and Spin finds how it is. */
byte GOAL;
#define REACH(n, what) assert(GOAL != n || !(what))
#define REACH_HAVING(h) \
	REACH(1, h == 0); \
	REACH(2, h == 1); \
	REACH(3, h == 0 && (sent[RELEASE] & BIT(3))); /* the other one released it before */ \
	REACH(4, h == 0 && state[1] == HOLDING);      /* the other one had it, and does not know yet that it is over */ \
	REACH(5, h == 0 && quarantine[2] > 0);	      /* without the witness */ \
	REACH(6, h == 1 && crashes > 0 && state[0] == QUARANTINE)
#define REACH_CRASHED \
	REACH(7, state[0] == QUARANTINE && gate[0] > 0) /* the guard died, the kernel goes on */

#ifdef TAKEOVER
/* From any state: the other head stops for good, nothing old arrives any more, and what this head and the witness say does. Then it has
 * the lease after T + M at most; and nobody else believes. */
#define RESERVE(h) (BUG == BUG_LOW_BALLOT -> 2 + h : 2 * K + 2 + h)
inline takeover(h)
{
	give_up(h);
	ballot[h] = RESERVE(h);
	b = 0;
	do
	:: PROMISES(h, RESERVE(h)) && PROMISES(2, RESERVE(h)) ->
		state[h] = PREPARING;
		promise(h, RESERVE(h)); promise(2, RESERVE(h));
		assert(MAJORITY(ASKED(h)));
		state[h] = PROPOSING;
		propose(h);
		accept(2, RESERVE(h));
		assert(MAJORITY(GOT(h)) && left[h] > 0);
		have(h);
		ALONE;
		break
	:: else ->
		tick();
		b++;
		assert(b <= T + M)
	od
}
#define TAKES_OVER(h) :: atomic { true -> takeover(h); goto done }
#else
#define TAKES_OVER(h)
#endif

active proctype world()
{
	atomic {
		c_code { now.BUG = atoi(getenv("BUG")); now.GOAL = atoi(getenv("GOAL")); };
		start(0); start(1); start(2)
	};
	do
	HEAD(0)
	HEAD(1)
	HEARS_HEAD(0, 1)
	HEARS_HEAD(1, 0)
	HEARS_HEAD(2, 0)
	HEARS_HEAD(2, 1)
	:: atomic { crashes < CRASHES -> restart(0); REACH_CRASHED }
	:: atomic { crashes < CRASHES -> restart(1) }
	:: atomic { crashes < CRASHES -> restart(2) }
	TAKES_OVER(0)
	TAKES_OVER(1)
	:: d_step { tick() }
	od;
done:
	skip
}
