/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of what guards say to each other: voters without a network, and datagrams that somebody with the key made up. */
#ifndef ORTHRUS_TESTS_UNIT_GUARD_WIRE_H
#define ORTHRUS_TESTS_UNIT_GUARD_WIRE_H

#include "base/mem.h"
#include "headfailover/guard/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>
#include <sodium.h>

#define LINKS 2
#define VOTERS 3
#define MS INT64_C(1000000)

/* Where what is in a datagram: docs/failover.md. */
enum {
	AT_VERSION = 4,
	AT_KIND = 5,
	AT_FROM = 6,
	AT_TO = 7,
	AT_LINK = 8,
	AT_OWNER = 9,
	AT_FLAGS = 10,
	AT_ZERO = 11,
	AT_KEY = 12,
	AT_CLUSTER = 16,
	AT_BOOT = 24,
	AT_NUMBER = 32,
	AT_ECHO_BOOT = 40,
	AT_ECHO_NUMBER = 48,
	AT_BALLOT = 56,
	AT_EPOCH = 64,
	AT_LEASE = 72,
	AT_TAG = 80
};

struct packets {
	uint8_t by[GUARD_LINKS][GUARD_WIRE_LEN];
};

static inline struct guard_keys test_keys(uint8_t seed, const char *cluster)
{
	struct guard_keys keys = { .n = 1 };
	struct err err = { 0 };
	uint8_t bytes[GUARD_KEY_LEN];

	for (unsigned int i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(seed + 3 * i);
	assert_int_equal(guard_key_of(bytes, cluster, &keys.key[0], &err), 0);
	return keys;
}

static inline void voter_start(struct guard_wire *w, uint8_t self, uint64_t boot)
{
	struct guard_keys keys = test_keys(7, "atlas");
	struct err err = { 0 };

	assert_int_equal(guard_wire_init(w, self, VOTERS, LINKS, boot, &keys, &err), 0);
}

static inline struct lease_msg hello(uint8_t from, uint8_t to)
{
	return (struct lease_msg){ .kind = LEASE_HELLO, .from = from, .to = to, .owner = LEASE_NOBODY };
}

static inline struct packets say(struct guard_wire *w, struct lease_msg m)
{
	struct packets p = { 0 };

	assert_true(guard_wire_write(w, &m, p.by));
	return p;
}

static inline struct packets answer(struct guard_wire *w, const struct guard_heard *h)
{
	struct packets p = { 0 };

	guard_wire_answer(w, h, p.by);
	return p;
}

static inline enum guard_verdict hear(struct guard_wire *w, unsigned int link, const struct packets *p, struct guard_heard *h)
{
	return guard_wire_hear(w, link, p->by[link], GUARD_WIRE_LEN, 1000 * MS, h);
}

/* `a` says hello to `b`, and both answer until each is believed by the other: as the program does. Tells how many datagrams it
 * took.
 */
static inline unsigned int greet(struct guard_wire *a, struct guard_wire *b, int64_t now_ns)
{
	struct packets p = say(a, hello(a->self, b->self));
	struct guard_wire *to = b, *from = a, *swap;
	struct guard_heard h;
	unsigned int n = 0;

	for (;; n++) {
		const enum guard_verdict v = guard_wire_hear(to, 0, p.by[0], GUARD_WIRE_LEN, now_ns, &h);

		assert_true(v == GUARD_PROOF || (v == GUARD_REFUSED && h.why == GUARD_UNPROVEN));
		if (!h.answer)
			break;
		assert_true(n < 10);
		p = answer(to, &h);
		swap = to;
		to = from;
		from = swap;
	}
	assert_true(a->peers[b->self].boot == b->boot && b->peers[a->self].boot == a->boot);
	return n + 1;
}

/* Made up by one who has the key. */
static inline void patch(uint8_t d[GUARD_WIRE_LEN], unsigned int at, unsigned int bytes, uint64_t v)
{
	for (unsigned int i = bytes; i-- > 0; v >>= 8)
		d[at + i] = (uint8_t)v;
}

static inline uint64_t field(const uint8_t d[GUARD_WIRE_LEN], unsigned int at, unsigned int bytes)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < bytes; i++)
		v = v << 8 | d[at + i];
	return v;
}

static inline void sign(uint8_t d[GUARD_WIRE_LEN], const struct guard_key *key)
{
	assert_int_equal(crypto_generichash(d + AT_TAG, GUARD_WIRE_TAG, d, AT_TAG, key->bytes, sizeof(key->bytes)), 0);
}

static inline uint64_t refused(const struct guard_wire *w, enum guard_refused why)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < GUARD_LINKS; i++)
		n += w->refused[i][why];
	return n;
}

/* Refused by `why`, counted there and nowhere else, and nothing else is otherwise than it was (but when an answer was given; that
 * is put back). */
static inline void must_refuse_bytes(struct guard_wire *w, unsigned int link, const uint8_t *data, size_t len,
				     enum guard_refused why, int line)
{
	struct guard_wire before = *w;
	struct guard_heard h;

	if (guard_wire_hear(w, link, data, len, 100000 * MS, &h) != GUARD_REFUSED || h.why != why)
		fail_msg("line %d: expected '%s', got '%s'", line, guard_refused_name(why), guard_refused_name(h.why));
	assert_int_equal(h.new_boot, false);
	assert_true(w->refused[link][why] == before.refused[link][why] + 1);
	before.refused[link][why]++;
	for (unsigned int i = 0; i < LEASE_VOTERS; i++)
		w->peers[i].links[link].answered_ns = before.peers[i].links[link].answered_ns;
	assert_memory_equal(w, &before, sizeof(before));
}
#define MUST_REFUSE(w, link, data, why) must_refuse_bytes(w, link, data, GUARD_WIRE_LEN, why, __LINE__)

#endif
