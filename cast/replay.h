/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters that were seen: a window as in RFC 6479. Pure. */
#ifndef ORTHRUS_CAST_REPLAY_H
#define ORTHRUS_CAST_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct replay;
struct replay *replay_new(size_t window) __attribute__((returns_nonnull)); /* a multiple of 64 */
void replay_free(struct replay *r);
/* May it be new? (Before it is authenticated.) */
bool replay_maybe(const struct replay *r, uint64_t counter);
/* It is authentic: note it. False: it was seen, is too old, or too far ahead. */
bool replay_take(struct replay *r, uint64_t counter);
/* Whoever counts is at `counter`, that is proven: from now on what is more than `ahead` beyond it is refused, and if that was
 * taken before, all of it is forgotten. Without this nothing is too far ahead. */
void replay_anchor(struct replay *r, uint64_t counter, uint64_t ahead);
bool replay_outside(const struct replay *r, uint64_t counter); /* too old, or too far ahead */

#endif
