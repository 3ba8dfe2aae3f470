/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cast as docs/cast.md tells it: one sender, N receivers, and a network that loses, duplicates and reorders. docs/model.md says what
 * is left out and why; tests/full/cast-model.sh searches all of it for several bounds, and proves that each BUG below is found.
 *
 * A packet arrives at once, or never, or is late: it waits in the one place for late packets as long as it likes, while others overtake
 * it; and one that arrives may leave a copy there. Every timer is a step that may be taken at any time.
 */
#ifndef N
#define N 3 /* receivers */
#endif
#ifndef C
#define C 1 /* chunks */
#endif
#ifndef PER
#define PER 1 /* blocks of a chunk */
#endif
#ifndef K
#define K 2 /* symbols of a block */
#endif

/* The other bounds, and what is broken, are read from the environment at the start: one program searches them all. */
c_decl {
\#include <stdlib.h>
};
byte CRASHES; /* how often receivers crash and come again: 0 or 1 */
byte DEATHS;  /* how many fall silent for good */
byte FORGED;  /* how many symbols are wrong, though their tags are right */
byte LATE;    /* 1: a packet may be late */
byte LAGS;    /* how often a receiver finds that it loses far more than the others */
byte LIAR;    /* 1: receiver 0 asks for whatever it likes */
byte CLAIMS;  /* times that a receiver may ask for repair before it asks too much */
byte QUIET;   /* POLLs without needs after which an ASK ends, and without news a SLOW */
byte BUG;

#define B (C * PER)
#define M (N + 1) /* numbers that are given out */
#define BIT(z) (1 << (z))
#define ALL_CHUNKS (BIT(C) - 1)
#define BLOCKS_OF(ch) ((BIT(PER) - 1) << ((ch) * PER))

/* What can be broken. */
#define BUG_STORE_UNCHECKED 1  /* a chunk is stored whatever its digest */
#define BUG_DONE_UNSYNCED 2    /* DONE is said before all is durable */
#define BUG_HAVE_UNSYNCED 3    /* after a crash a chunk counts that never was durable */
#define BUG_SAME_NUMBER 4      /* who comes again gets its old number and key, and counts from 0 */
#define BUG_NUMBER_KEPT 5      /* the same, but goes on counting: reports of its last life count for this one */
#define BUG_TWO_COUNTERS 6     /* POLL and DATA count for themselves, under one key */
#define BUG_WAIT_FOR_ALL 7     /* who is silent is waited for */
#define BUG_CLAIMS_FREE 8      /* anybody may ask for repair without end */
#define BUG_PROMISE_DROPPED 9  /* a change of stage forgets what was promised */
#define BUG_PROMISE_UNMEANT 10 /* more is promised than is queued */
#define BUG_NO_FALLBACK 11     /* who hears OVER and lacks something just stops */
#define BUG_WAIT_FOREVER 12    /* who never hears OVER goes on waiting */
#define BUG_DEFICITS_ADDED 13  /* deficits of several receivers are added up */
#define BUG_REPLAY 14	       /* a copy of a symbol counts as one more */
#define BUG_WRONG_AGAIN 15     /* a chunk that was wrong twice is asked for a third time */
#define BUG_STRAGGLER_ASKS 16  /* stragglers ask, and are heeded, at any time */
#define BUG_MANY_FREE 17       /* all that one lacks is sent again, though it got nothing the last time */
#define BUG_NO_REASON 18       /* who fails does not say why */
#define BUG_HTTPS_UNCHECKED 19 /* what comes by HTTPS is stored whatever its digest */
#define BUG_COMPLETE_EARLY 20  /* COMPLETE is said while a chunk is still to come by HTTPS */
#define BUG_SLOW_FREE 21       /* in SLOW everybody is heeded for ever, news or not */
#define BUG_STALE_REPORT 22    /* a report counts though a later one overtook it */

/* --- the sender */
#define GATHER 1
#define PASS 2
#define ASK 3
#define SLOW 4
#define OVER 5
byte stage = GATHER;
bool ended;
byte quiet;   /* POLLs since needs (ASK) or news (SLOW); in GATHER and OVER all of them */
byte ahead;   /* DATA since all that count were known to keep up: the window is K; K + 1: it was asked */
byte act;     /* what the step is about */
#define DO_POLL 1
#define DO_DATA 2
byte due;     /* members whose answer is waited for, a bit each */
byte todo[B]; /* symbols that this pass is yet to send */
byte want[B]; /* of the next pass */
byte queue[B]; /* repairs */
byte owed[B]; /* only to check: promised, and not sent */

/* Members, by number. */
#define NOBODY 0 /* not given out, or left */
#define LACKING 1
#define STRAGGLER 2 /* by its own word */
#define WHOLE 3
byte member[M];
byte claims[M];
byte lacks[M]; /* the fewest blocks that it was known to lack */
byte many[M];  /* the same, when all that it lacked was last taken up */
byte numbers;  /* given out */

/* --- receivers */
#define READY 1
#define RECEIVING 2
#define LAGGING 3
#define FETCHING 4 /* the rest by HTTPS */
#define COMPLETE 5
#define DONE 6
#define FAILED 7
#define CRASHED 8 /* comes again */
#define DEAD 9	  /* does not */
byte st[N];
byte num[N];
byte need[N * B];
byte poisoned[N];  /* blocks with a wrong symbol, a bit each */
byte wrong[N * C]; /* how often a chunk was wrong */
byte good[N];	   /* chunks that count as checked and stored, a bit each */
byte durable[N];
byte right[N];	  /* only to check: chunks whose right bytes are there */
byte asked[N];	  /* stage of a POLL that is not answered yet */
byte heard[N];	  /* the blocks that it asks about */
byte prom[N * B]; /* what it promised */
byte past[N];	  /* blocks of which repairs were sent after it */
bool reason[N];	  /* who failed said why */
byte forged, crashes, deaths, lags;

/* --- what is late */
#define NOTHING 0
#define DATA 1
#define COPY 2 /* of DATA that arrived */
#define POLL 3
#define REPORT 4
byte l_kind, l_who, l_what; /* who: a receiver, or the number of one; what: block, stage, state */
byte l_more[B];		    /* promises; deficits */
byte l_past, l_lacks;
bool l_stale;

/* --- only to check: which of the first counters were used under the group key, and under that of each number; who was whole */
byte s_used, s_count, s_polls, r_used[M], r_count[N], was_whole;

#define LOST 0
#define ARRIVES 1
#define WRONG 2

/* --- scratch of atomic steps, 0 between them: loops, sums; and a report as it is heard */
byte i, j, c, x;
byte m_who, m_state, m_past, m_lacks, d[B];
byte who, does;

/*
 * Receivers are alike, and so are numbers: states that differ only in which receiver is which are searched once. After each step the
 * receivers are put in an order, and the number of each is made its place; N is that of a life that is over. (Not with a liar: it is 0.)
 */
c_code {
\#define SWAP(a, b) do { unsigned char t_ = (a); (a) = (b); (b) = t_; } while (0)
static unsigned char swapped(unsigned char mask, int a, int b)
{
	int differ = (mask >> a ^ mask >> b) & 1;

	return mask ^ (differ << a | differ << b);
}
static void swap_numbers(int a, int b)
{
	int r;

	if (a == b)
		return;
	SWAP(now.member[a], now.member[b]); SWAP(now.claims[a], now.claims[b]); SWAP(now.lacks[a], now.lacks[b]);
	SWAP(now.many[a], now.many[b]); SWAP(now.r_used[a], now.r_used[b]);
	now.due = swapped(now.due, a, b); now.was_whole = swapped(now.was_whole, a, b);
	if (now.l_kind == REPORT)
		now.l_who = now.l_who == a ? b : now.l_who == b ? a : now.l_who;
	for (r = 0; r < N; r++)
		now.num[r] = now.num[r] == a ? b : now.num[r] == b ? a : now.num[r];
}
static void swap_receivers(int a, int b)
{
	int i;

	SWAP(now.st[a], now.st[b]); SWAP(now.poisoned[a], now.poisoned[b]); SWAP(now.good[a], now.good[b]);
	SWAP(now.durable[a], now.durable[b]); SWAP(now.right[a], now.right[b]); SWAP(now.asked[a], now.asked[b]);
	SWAP(now.heard[a], now.heard[b]); SWAP(now.past[a], now.past[b]); SWAP(now.reason[a], now.reason[b]);
	SWAP(now.r_count[a], now.r_count[b]); SWAP(now.num[a], now.num[b]);
	for (i = 0; i < B; i++) {
		SWAP(now.need[a * B + i], now.need[b * B + i]); SWAP(now.prom[a * B + i], now.prom[b * B + i]);
	}
	for (i = 0; i < C; i++)
		SWAP(now.wrong[a * C + i], now.wrong[b * C + i]);
	if (now.l_kind != NOTHING && now.l_kind != REPORT)
		now.l_who = now.l_who == a ? b : now.l_who == b ? a : now.l_who;
	swap_numbers(a, b);
}
static unsigned long long rank(int r)
{
	unsigned long long v = now.st[r];
	int i, m = now.num[r];

	for (i = 0; i < B; i++)
		v = v << 4 | now.need[r * B + i] << 2 | now.prom[r * B + i];
	for (i = 0; i < C; i++)
		v = v << 2 | now.wrong[r * C + i];
	v = v << 4 | now.poisoned[r]; v = v << 2 | now.good[r]; v = v << 2 | now.durable[r]; v = v << 3 | now.asked[r];
	v = v << 4 | now.heard[r]; v = v << 4 | now.past[r]; v = v << 2 | now.member[m]; v = v << 2 | now.claims[m];
	v = v << 2 | now.lacks[m]; v = v << 3 | now.many[m]; v = v << 1 | (now.due >> m & 1);
	return v << 1 | (now.l_kind && now.l_who == (now.l_kind == REPORT ? m : r));
}
static void same(void)
{
	int i, j;

	if (now.LIAR)
		return;
	for (i = 0; i < N; i++)
		if (now.num[i] == N)
			swap_numbers(i, N);
	for (i = 0; i < N; i++)
		for (j = i + 1; j < N; j++)
			if (rank(j) < rank(i))
				swap_receivers(i, j);
}
};

#define receives(r) (st[r] == READY || st[r] == RECEIVING || st[r] == LAGGING)
#define whole(r) (st[r] == COMPLETE || st[r] == DONE)
#define final(r) (st[r] == DONE || st[r] == FAILED || st[r] == DEAD)
#define greedy(m) (BUG != BUG_CLAIMS_FREE && claims[m] > CLAIMS)

/* Nothing is sealed twice with one key, number and counter. All count on by ones: if any counter is used twice, the first one is. */
inline nonce_sender(count)
{
	if
	:: count == 0 -> assert(!(s_used & BIT(count))); s_used = s_used | BIT(count); count++
	:: else
	fi
}
inline nonce_receiver(r)
{
	if
	:: CRASHES && r_count[r] == 0 ->
		assert(!(r_used[num[r]] & BIT(r_count[r])));
		r_used[num[r]] = r_used[num[r]] | BIT(r_count[r]);
		r_count[r]++
	:: else
	fi
}

/* --- a receiver hears */
inline forget_poll(r)
{
	asked[r] = 0; heard[r] = 0; past[r] = 0;
	for (j : 0 .. B - 1) { prom[r * B + j] = 0 }
	j = 0
}
inline forget_late()
{
	l_kind = NOTHING; l_who = 0; l_what = 0; l_past = 0; l_lacks = 0; l_stale = false;
	for (j : 0 .. B - 1) { l_more[j] = 0 }
	j = 0
}
inline forget_blocks(r)
{
	for (j : 0 .. B - 1) { need[r * B + j] = 0 }
	for (j : 0 .. C - 1) { wrong[r * C + j] = 0 }
	j = 0;
	poisoned[r] = 0;
	forget_poll(r);
	if
	:: (l_kind == DATA || l_kind == COPY || l_kind == POLL) && l_who == r -> forget_late()
	:: else
	fi
}
inline be_complete(r)
{
	assert(right[r] == ALL_CHUNKS); /* whole means that every chunk was proven */
	was_whole = was_whole | BIT(num[r]);
	st[r] = (CRASHES || BUG == BUG_DONE_UNSYNCED -> COMPLETE : DONE);
	durable[r] = (CRASHES || BUG == BUG_DONE_UNSYNCED -> durable[r] : ALL_CHUNKS);
	forget_blocks(r)
}

/* All blocks of a chunk are decoded: is it the right one? Twice wrong, it is left to HTTPS. */
inline prove(r, ch)
{
	if
	:: (poisoned[r] & BLOCKS_OF(ch)) && BUG != BUG_STORE_UNCHECKED ->
		assert(forged > 0); /* nothing is wrong without a forger */
		poisoned[r] = poisoned[r] & ~BLOCKS_OF(ch);
		wrong[r * C + ch]++;
		assert(wrong[r * C + ch] <= 2);
		if
		:: wrong[r * C + ch] == 1 || BUG == BUG_WRONG_AGAIN ->
			for (j : 0 .. PER - 1) { need[r * B + ch * PER + j] = K }
			j = 0
		:: else
		fi
	:: else ->
		right[r] = ((poisoned[r] & BLOCKS_OF(ch)) -> right[r] : right[r] | BIT(ch));
		good[r] = good[r] | BIT(ch);
		assert(good[r] == right[r]) /* what is stored is right */
	fi;
	if
	:: good[r] == ALL_CHUNKS || (BUG == BUG_COMPLETE_EARLY && wrong[r * C + ch] == 2) -> be_complete(r)
	:: else
	fi
}
inline take(r, bl, bad)
{
	need[r * B + bl]--;
	poisoned[r] = (bad -> poisoned[r] | BIT(bl) : poisoned[r]);
	x = 0;
	for (j : 0 .. PER - 1) { x = x + need[r * B + (bl / PER) * PER + j] }
	j = 0;
	if
	:: x == 0 -> prove(r, (bl / PER))
	:: else
	fi;
	x = 0
}

/* Its promises are in d; `since`: blocks that were repaired after it was sent. */
#define SENDS (stage == PASS || stage == SLOW)
inline hear_poll(r, stg, since)
{
	if
	:: l_kind == POLL && l_who == r -> forget_late() /* an older one will be refused */
	:: else
	fi;
	if
	:: stg == OVER -> st[r] = (BUG == BUG_NO_FALLBACK -> FAILED : FETCHING); forget_poll(r)
	:: stg == GATHER -> asked[r] = stg
	:: else ->
		if
		:: st[r] == READY -> st[r] = RECEIVING
		:: st[r] == RECEIVING
		:: st[r] == RECEIVING && stg == PASS && lags < LAGS -> st[r] = LAGGING; lags++
		:: st[r] == LAGGING
		:: st[r] == LAGGING -> st[r] = RECEIVING
		fi;
		asked[r] = stg; past[r] = since; heard[r] = 0;
		for (j : 0 .. B - 1) {
			if
			:: (stg != PASS || todo[j] == 0) && need[r * B + j] > 0 ->
				heard[r] = heard[r] | BIT(j); prom[r * B + j] = d[j]
			:: else -> prom[r * B + j] = 0
			fi
		}
		j = 0;
		past[r] = past[r] & heard[r]
	fi
}

/* --- the sender speaks */
inline send_data(bl)
{
	nonce_sender(s_count);
	ahead = (SENDS -> ahead + 1 : 0);
	for (i : 0 .. N - 1) {
		if
		:: receives(i) && need[i * B + bl] > 0 ->
			if
			:: x = ARRIVES
			:: x = LOST
			:: LATE && l_kind == NOTHING -> x = LOST; l_kind = DATA; l_who = i; l_what = bl
			:: LATE && l_kind == NOTHING -> x = ARRIVES; l_kind = COPY; l_who = i; l_what = bl
			:: forged < FORGED -> forged++; x = WRONG
			fi;
			if
			:: x != LOST -> take(i, bl, (x == WRONG))
			:: else -> x = 0
			fi
		:: else /* known already, or nobody listens */
		fi
	}
	i = 0
}

/* Who is asked: all that lack something; stragglers in SLOW only. */
inline send_poll()
{
	if
	:: BUG == BUG_TWO_COUNTERS -> nonce_sender(s_polls)
	:: else -> nonce_sender(s_count)
	fi;
	for (i : 0 .. M - 1) {
		if
		:: (member[i] == LACKING && (stage == SLOW || !greedy(i))) || (member[i] == STRAGGLER && stage == SLOW) ->
			due = (stage == GATHER || stage == OVER -> 0 : due | BIT(i))
		:: else
		fi
	}
	for (i : 0 .. B - 1) {
		d[i] = queue[i] + (BUG == BUG_PROMISE_UNMEANT && queue[i] > 0 -> 1 : 0);
		owed[i] = (d[i] > owed[i] -> d[i] : owed[i]);
		assert(owed[i] <= queue[i]) /* what is promised is on its way */
	}
	for (i : 0 .. N - 1) {
		if
		:: receives(i) ->
			if
			:: hear_poll(i, stage, 0)
			:: skip
			:: LATE && l_kind == NOTHING ->
				l_kind = POLL; l_who = i; l_what = stage;
				for (j : 0 .. B - 1) { l_more[j] = d[j] }
				j = 0
			fi
		:: else
		fi
	}
	for (i : 0 .. B - 1) { d[i] = 0 }
	i = 0
}

inline turn(to)
{
	stage = to; quiet = 0; ahead = 0; due = 0;
	for (j : 0 .. B - 1) {
		if
		:: to == PASS -> todo[j] = (want[j] > todo[j] -> want[j] : todo[j]); want[j] = 0
		:: else
		fi;
		queue[j] = (BUG == BUG_PROMISE_DROPPED -> 0 : queue[j]);
		assert(owed[j] <= queue[j] && (to != OVER || owed[j] == 0)) /* what was promised was sent */
	}
	j = 0
}

/* --- the sender hears the report in m_who, m_state, m_past, m_lacks and d (deficits) */
inline hear_report()
{
	if
	:: ended || stage == OVER || member[m_who] == NOBODY -> skip
	:: else ->
		due = due & ~BIT(m_who);
		if
		:: m_state == WHOLE ->
			assert(was_whole & BIT(m_who)); /* who counts as whole was so, and in this life */
			member[m_who] = WHOLE
		:: else ->
			assert(member[m_who] != WHOLE); /* and stays so */
			member[m_who] = m_state;
			if
			:: m_lacks < lacks[m_who] -> lacks[m_who] = m_lacks; quiet = (stage == SLOW -> 0 : quiet)
			:: else
			fi;
			if
			:: stage == SLOW && (quiet <= QUIET || BUG == BUG_SLOW_FREE) -> take_needs()
			:: stage != SLOW && ((m_state == LACKING && !greedy(m_who)) || BUG == BUG_STRAGGLER_ASKS) -> take_needs()
			:: else
			fi
		fi
	fi
}
/* A block that one lacks wholly waits for the next pass; that there is one, one must have got something in the last. */
inline take_needs()
{
	x = (m_lacks < many[m_who] || BUG == BUG_MANY_FREE);
	for (c : 0 .. B - 1) {
		if
		:: d[c] == 0 || (d[c] < K && (todo[c] >= d[c] || want[c] >= d[c])) -> skip
		:: else ->
			assert(stage == SLOW || m_state == LACKING); /* stragglers have a time of their own */
			if
			:: d[c] == K && (stage == ASK || stage == SLOW) && x -> want[c] = K; many[m_who] = m_lacks
			:: d[c] < K && !(m_past & BIT(c)) && (d[c] > queue[c] || BUG == BUG_DEFICITS_ADDED) ->
				queue[c] = (BUG == BUG_DEFICITS_ADDED -> queue[c] + d[c] : d[c]);
				assert(queue[c] < K); /* the greatest deficit counts, once */
				claims[m_who] = (claims[m_who] <= CLAIMS && BUG != BUG_CLAIMS_FREE -> claims[m_who] + 1 : claims[m_who]);
				quiet = (stage == ASK -> 0 : quiet)
			:: else
			fi
		fi
	}
	c = 0; x = 0
}

/* A ticket: number and key, and what it has already is known. Who has all is whole at once. */
inline join(r)
{
	if
	:: (BUG == BUG_SAME_NUMBER || BUG == BUG_NUMBER_KEPT) && st[r] == CRASHED ->
		r_count[r] = (BUG == BUG_SAME_NUMBER -> 0 : r_count[r]);
		was_whole = was_whole & ~BIT(num[r])
	:: else -> num[r] = numbers; numbers++; r_count[r] = 0
	fi;
	member[num[r]] = LACKING; claims[num[r]] = 0; lacks[num[r]] = 0; many[num[r]] = B + 1;
	st[r] = READY;
	for (c : 0 .. B - 1) {
		if
		:: !(good[r] & BIT(c / PER)) -> need[r * B + c] = K; want[c] = K; lacks[num[r]]++
		:: else
		fi
	}
	c = 0;
	if
	:: good[r] == ALL_CHUNKS -> be_complete(r)
	:: else
	fi
}

/* --- one step of the sender where it has a choice: c is the first block with something to send, or B */
inline first_block()
{
	c = 0;
	do
	:: c < B && todo[c] == 0 && (queue[c] == 0 || (BUG == BUG_PROMISE_DROPPED && stage == PASS)) -> c++
	:: else -> break
	od
}
inline send_one()
{
	if
	:: queue[c] > 0 ->
		queue[c]--;
		owed[c] = (owed[c] > 0 -> owed[c] - 1 : 0);
		for (j : 0 .. N - 1) { past[j] = past[j] | (heard[j] & BIT(c)) }
		j = 0;
		l_past = (l_kind == REPORT || l_kind == POLL -> l_past | BIT(c) : l_past)
	:: else -> todo[c]--
	fi;
	send_data(c)
}
inline wants() /* x: is anything wanted? */
{
	x = 0;
	for (j : 0 .. B - 1) { x = (want[j] -> 1 : x) }
	j = 0
}
inline ask_next()
{
	wants();
	if
	:: quiet < QUIET -> quiet++; act = DO_POLL
	:: quiet >= QUIET && x -> turn(PASS)
	:: quiet >= QUIET && !x ->
		for (j : 0 .. M - 1) { x = (member[j] == STRAGGLER || (member[j] == LACKING && greedy(j)) -> 1 : x) }
		j = (x -> SLOW : OVER);
		turn(j)
	fi;
	x = 0
}
inline slow_next()
{
	wants();
	if
	:: quiet > QUIET -> turn(OVER)
	:: quiet <= QUIET && x ->
		quiet++;
		for (j : 0 .. B - 1) { todo[j] = want[j]; want[j] = 0 }
		j = 0
	:: quiet <= QUIET && !x -> ahead = K
	fi;
	x = 0
}

active proctype sender()
{
	atomic {
		c_code {
			now.CRASHES = atoi(getenv("CRASHES")); now.DEATHS = atoi(getenv("DEATHS")); now.FORGED = atoi(getenv("FORGED"));
			now.LATE = atoi(getenv("LATE")); now.LAGS = atoi(getenv("LAGS")); now.LIAR = atoi(getenv("LIAR"));
			now.CLAIMS = atoi(getenv("CLAIMS")); now.QUIET = atoi(getenv("QUIET")); now.BUG = atoi(getenv("BUG"));
		};
		for (i : 0 .. N - 1) { join(i) }
		i = 0
	};
	do
	:: atomic {
		if
		:: stage == GATHER && quiet == 0 -> quiet = 1; act = DO_POLL
		:: stage == GATHER && quiet == 1 -> turn(PASS)

		:: SENDS && ahead < K && due == 0 ->
			first_block();
			if
			:: c < B -> act = DO_DATA
			:: c == B && ahead > 0 -> ahead = K /* the window is not full, and there is no more */
			:: c == B && ahead == 0 && stage == PASS -> turn(ASK)
			:: c == B && ahead == 0 && stage == SLOW -> slow_next()
			fi
		:: SENDS && ahead == K && due == 0 ->
			ahead = K + 1; act = DO_POLL;
			quiet = (stage == SLOW && quiet <= QUIET && BUG != BUG_SLOW_FREE -> quiet + 1 : quiet)
		:: SENDS && ahead == K + 1 && due == 0 -> ahead = 0

		:: stage == ASK && due == 0 ->
			first_block();
			if
			:: c < B -> act = DO_DATA
			:: else -> ask_next()
			fi
		/* Who says nothing for 100 ms is not waited for. */
		:: due > 0 && BUG != BUG_WAIT_FOR_ALL -> due = 0

		:: stage == OVER && quiet == 0 -> quiet = 1; act = DO_POLL
		:: stage == OVER && quiet == 1 -> quiet = 0; ended = true; break
		fi;
		if
		:: act == DO_DATA -> send_one()
		:: act == DO_POLL -> send_poll()
		:: else
		fi;
		act = 0; c = 0;
		c_code { same(); }
	   }
	od
}

/* --- a receiver speaks */
inline write_report(r)
{
	m_who = num[r]; m_past = past[r];
	m_state = (whole(r) -> WHOLE : (st[r] == LAGGING -> STRAGGLER : LACKING));
	for (i : 0 .. B - 1) {
		m_lacks = (good[r] & BIT(i / PER) -> m_lacks : m_lacks + 1);
		if
		:: whole(r) || asked[r] <= GATHER || !(heard[r] & BIT(i)) -> skip
		:: LIAR && r == 0 && !whole(r) && asked[r] > GATHER ->
			if
			:: d[i] = K
			:: d[i] = 1
			:: d[i] = 0
			fi
		:: !(LIAR && r == 0) && !whole(r) && asked[r] > GATHER && (heard[r] & BIT(i)) ->
			if
			:: need[r * B + i] <= prom[r * B + i] -> skip /* nothing, or it is promised */
			:: need[r * B + i] == K && asked[r] == PASS -> skip
			:: st[r] == LAGGING && asked[r] != SLOW && BUG != BUG_STRAGGLER_ASKS -> skip
			:: else -> d[i] = need[r * B + i]
			fi
		fi
	}
	i = 0;
	forget_poll(r)
}
inline say(r)
{
	nonce_receiver(r);
	write_report(r);
	if
	:: x = ARRIVES
	:: x = LOST
	:: LATE && l_kind == NOTHING -> x = LOST; keep()
	:: LATE && l_kind == NOTHING -> x = ARRIVES; keep()
	fi;
	if
	:: x == ARRIVES -> x = 0; bring(false)
	:: else
	fi;
	no_report()
}
inline keep()
{
	l_kind = REPORT; l_who = m_who; l_what = m_state; l_past = m_past; l_lacks = m_lacks;
	for (i : 0 .. B - 1) { l_more[i] = d[i] }
	i = 0
}
inline no_report()
{
	m_who = 0; m_state = 0; m_past = 0; m_lacks = 0;
	for (i : 0 .. B - 1) { d[i] = 0 }
	i = 0
}
/* What a later one of the same number overtook is refused. */
inline bring(stale)
{
	if
	:: !stale || BUG == BUG_STALE_REPORT -> hear_report()
	:: else
	fi;
	l_stale = (l_kind == REPORT && l_who == m_who -> true : l_stale)
}

/* By HTTPS comes all that is lacking, checked; or it fails and says why. Its last word goes over TLS and arrives. */
inline fetch(r)
{
	if
	:: good[r] = ALL_CHUNKS; right[r] = ALL_CHUNKS; leave(r); be_complete(r)
	:: BUG == BUG_HTTPS_UNCHECKED -> good[r] = ALL_CHUNKS; leave(r); be_complete(r)
	:: st[r] = FAILED; reason[r] = (BUG != BUG_NO_REASON); leave(r); forget_blocks(r)
	fi
}
inline leave(r)
{
	due = due & ~BIT(num[r]);
	member[num[r]] = NOBODY; claims[num[r]] = 0; lacks[num[r]] = 0; many[num[r]] = 0
}
/* A chunk that was wrong twice does not wait for the end. */
inline fetch_one(r, ch)
{
	good[r] = good[r] | BIT(ch); right[r] = right[r] | BIT(ch);
	if
	:: good[r] == ALL_CHUNKS -> be_complete(r)
	:: else
	fi
}
inline crash(r)
{
	st[r] = CRASHED; crashes++;
	right[r] = right[r] & durable[r];
	good[r] = (BUG == BUG_HAVE_UNSYNCED -> good[r] : durable[r]);
	forget_blocks(r)
}

/* What is late arrives, or is lost after all. A copy was seen: it changes nothing. */
inline arrive()
{
	i = l_who; c = l_what;
	if
	:: skip
	:: (l_kind == DATA || (l_kind == COPY && BUG == BUG_REPLAY)) && receives(i) && need[i * B + c] > 0 ->
		take(i, c, (l_kind == COPY)) /* nothing new is in a copy: what is decoded from it is wrong */
	:: l_kind == POLL && receives(i) ->
		for (j : 0 .. B - 1) { d[j] = l_more[j] }
		j = 0; x = l_past;
		hear_poll(i, c, x)
	:: l_kind == REPORT ->
		m_who = i; m_state = c; m_past = l_past; m_lacks = l_lacks;
		for (j : 0 .. B - 1) { d[j] = l_more[j] }
		j = 0; c = 0; i = l_stale;
		bring(i)
	fi;
	i = 0; c = 0; x = 0;
	no_report();
	forget_late()
}

#define SAY 1
#define FETCH 2
#define FETCH_ONE 3
#define CRASH 4
#define JOIN 5
#define DIE 6
#define SYNC 7
#define FINISH 8
#define ARRIVE 9
/* What receiver r may do. After the end the receivers have nothing to do with each other any more: they go one after the other. */
#define MAY(r, its_turn) \
	:: receives(r) && asked[r] -> who = r; does = SAY \
	:: whole(r) && !ended && member[num[r]] != WHOLE && member[num[r]] != NOBODY -> who = r; does = SAY \
	:: st[r] == COMPLETE && its_turn && (durable[r] == ALL_CHUNKS || BUG == BUG_DONE_UNSYNCED) -> who = r; does = FINISH \
	:: CRASHES && st[r] < FAILED && durable[r] != good[r] -> who = r; does = SYNC \
	:: receives(r) && ended && its_turn && BUG != BUG_WAIT_FOREVER -> who = r; does = FETCH \
	:: st[r] == FETCHING && its_turn -> who = r; does = FETCH \
	:: receives(r) && wrong[r * C] == 2 && !(good[r] & 1) -> who = r; does = FETCH_ONE \
	:: C > 1 && receives(r) && wrong[r * C + C - 1] == 2 && !(good[r] & BIT(C - 1)) -> who = r; does = FETCH_ONE; x = C - 1 \
	:: crashes < CRASHES && st[r] <= COMPLETE && !ended -> who = r; does = CRASH \
	:: st[r] == CRASHED && its_turn -> who = r; does = JOIN \
	:: deaths < DEATHS && !final(r) && !ended -> who = r; does = DIE

#if N == 3
#define ANYBODY_MAY MAY(0, true) MAY(1, (!ended || final(0))) MAY(2, (!ended || (final(0) && final(1))))
#define ALL_FINAL (final(0) && final(1) && final(2))
#elif N == 2
#define ANYBODY_MAY MAY(0, true) MAY(1, (!ended || final(0)))
#define ALL_FINAL (final(0) && final(1))
#else
#define ANYBODY_MAY MAY(0, true)
#define ALL_FINAL final(0)
#endif

active proctype world()
{
	do
	:: atomic {
		if
		ANYBODY_MAY
		:: l_kind != NOTHING -> does = ARRIVE
		:: ended && ALL_FINAL && l_kind == NOTHING ->
			for (i : 0 .. N - 1) { assert(st[i] != FAILED || reason[i]) } /* who failed said why */
			i = 0;
			break
		fi;
		if
		:: does == SAY -> say(who)
		:: does == FETCH -> fetch(who)
		:: does == FETCH_ONE -> c = x; x = 0; fetch_one(who, c); c = 0
		:: does == CRASH -> crash(who)
		:: does == JOIN && stage < OVER -> join(who)
		:: does == JOIN && stage == OVER -> st[who] = FETCHING /* no more tickets */
		:: does == DIE -> deaths++; st[who] = DEAD; forget_blocks(who)
		:: does == SYNC -> durable[who] = good[who]
		:: does == FINISH -> st[who] = DONE; assert(durable[who] == ALL_CHUNKS && right[who] == ALL_CHUNKS)
		:: does == ARRIVE -> arrive()
		fi;
		does = 0; who = 0;
		c_code { same(); }
	   }
	od
}

#ifdef LTL
ltl all_end { <> (ended && ALL_FINAL) }
#endif
