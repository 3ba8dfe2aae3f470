/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the lease's core tell each other: the voter's rules, the head's, and what both say. */
#ifndef ORTHRUS_GUARD_CORE_PRIV_H
#define ORTHRUS_GUARD_CORE_PRIV_H

#include "headfailover/guard/core.h"

#define LEASE_NUMBER_BITS 8 /* of a ballot: the number of its head */
#define LEASE_NUMBER_MASK UINT64_C(0xff)
#define LEASE_HIGHEST (UINT64_C(1) << 60) /* ballots and epochs above are no voter's: they would leave no room to go on */

/* --- core.c: what both parts need. */
/* Another voter gets `m` (`to` and what the kind needs are set; the rest is filled in). What does not fit is left out: as if
 * lost. */
void lease_send(struct lease *l, struct lease_actions *a, const struct lease_msg *m);
void lease_note(struct lease_actions *a, enum lease_note_kind kind, uint8_t who, int64_t value);
/* Random, in [0, below); `below` > 0. */
int64_t lease_chance(struct lease *l, int64_t below);
/* The other head. */
uint8_t lease_other(const struct lease *l);

/* --- core_voter.c */
/* Whose lease is live here; LEASE_NOBODY. */
uint8_t lease_voter_owner(const struct lease *l);
/* A head, perhaps the own one, says PREPARE, PROPOSE or RELEASE: what is answered, in `reply`; false: nothing. */
bool lease_voter_hear(struct lease *l, struct lease_actions *a, const struct lease_msg *m, struct lease_msg *reply);

/* --- core_head.c */
/* A voter, perhaps the own one, answers PROMISE, ACCEPT, REJECT or RELEASED. */
void lease_head_hear(struct lease *l, struct lease_actions *a, const struct lease_msg *m);
/* It has nothing, and may ask at once if nothing is against it. */
void lease_head_watch(struct lease *l);
/* Its lease ran out, or was given up without a word. */
void lease_head_lose(struct lease *l, struct lease_actions *a);
/* Give up what is held or asked for, in favour of head `heir` (LEASE_NOBODY: of anybody). */
void lease_head_release(struct lease *l, struct lease_actions *a, uint8_t heir);
/* An order, or LEASE_ON_FENCED. */
void lease_head_order(struct lease *l, struct lease_actions *a, const struct lease_event *e);
/* After whatever happened: what is due now. */
void lease_head_turn(struct lease *l, struct lease_actions *a);
/* Out of quarantine: when lease_head_turn() has something to do, if nothing happens before. */
int64_t lease_head_timer(const struct lease *l);

#endif
