/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What both sides of castpair make of the words they are given: keys, addresses, the layout; and the figures that they print. */
#ifndef ORTHRUS_TESTS_CASTPAIR_H
#define ORTHRUS_TESTS_CASTPAIR_H

#include "base/digest.h"
#include "base/err.h"
#include "cast/layout.h"
#include "cast/net.h"
#include "cast/session.h"
#include "cast/treehash.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define PIECE ((uint32_t)1 << 20)
#define HANDS_MAX 64

struct options {
	const char *file, *secret, *group, *sender, *group2, *sender2, *broadcast, *interface;
	uint64_t bytes, rate;
	unsigned int port, receivers, expected, number, hands, symbol, piece, gather_ms, empty_ms, memory_mib, silence_ms;
	bool one_by_one, no_rows, no_check, sync, watch;
};

static _Noreturn void die(const char *what, const struct err *err)
{
	fprintf(stderr, "castpair: %s: %s\n", what, err ? err->text : strerror(errno));
	exit(1);
}

/* --- what both sides make of the secret */
static void key_of(const struct options *o, const char *what, unsigned int number, uint8_t out[SESSION_KEY])
{
	char text[512];
	struct digest d;

	snprintf(text, sizeof(text), "%s/%s/%u", o->secret, what, number);
	digest_of(text, strlen(text), &d);
	memcpy(out, d.bytes, SESSION_KEY);
}

static void session_of(const struct options *o, struct session *s, uint8_t sign_secret[64])
{
	uint8_t seed[SESSION_KEY];
	struct err err = { 0 };

	*s = (struct session){ .symbol_bytes = (uint16_t)o->symbol, .number = (uint16_t)o->number };
	key_of(o, "cast", 0, seed);
	memcpy(&s->cast, seed, sizeof(s->cast));
	key_of(o, "group", 0, s->group_key);
	key_of(o, "own", o->number, s->own_key);
	key_of(o, "sign", 0, seed);
	crypto_sign_seed_keypair(s->sign_public, sign_secret, seed);
	if (net_parse(o->group, (uint16_t)(o->port + 1), &s->group, &err) < 0 ||
	    net_parse(o->sender, (uint16_t)o->port, &s->sender, &err) < 0)
		die("addresses", &err);
	if (o->group2 && (net_parse(o->group2, (uint16_t)(o->port + 1), &s->group2, &err) < 0 ||
			  net_parse(o->sender2, (uint16_t)o->port, &s->sender2, &err) < 0))
		die("addresses", &err);
	if (o->broadcast && net_parse(o->broadcast, (uint16_t)(o->port + 1), &s->broadcast, &err) < 0)
		die("addresses", &err);
}

static struct layout *layout_for(const struct options *o, uint64_t bytes)
{
	struct layout *l = NULL;
	struct err err = { 0 };

	if (layout_of_pieces(bytes, o->piece, (uint16_t)o->symbol, &l, &err) < 0)
		die("layout", &err);
	return l;
}

/* --- one treehash for each thread that hashes at the same time */
struct hashers {
	pthread_mutex_t lock;
	struct treehash *free[HANDS_MAX];
	unsigned int n;
};

static void hash_piece(struct hashers *h, const uint8_t *data, size_t len, struct digest *out)
{
	struct treehash *t = NULL;

	pthread_mutex_lock(&h->lock);
	if (h->n)
		t = h->free[--h->n];
	pthread_mutex_unlock(&h->lock);
	if (!t)
		t = treehash_new();
	treehash_of(t, data, len, out);
	pthread_mutex_lock(&h->lock);
	h->free[h->n++] = t;
	pthread_mutex_unlock(&h->lock);
}

static void hashers_clear(struct hashers *h)
{
	while (h->n)
		treehash_free(h->free[--h->n]);
	pthread_mutex_destroy(&h->lock);
}

/* --- figures */
static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void print_common(const char *side, uint64_t bytes, double seconds)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	printf("RESULT castpair side=%s seconds=%.3f mb_s=%.1f cpu_s=%.3f user_s=%.3f sys_s=%.3f rss_mib=%ld", side, seconds,
	       seconds > 0 ? (double)bytes / seconds / 1e6 : 0, cpu_s(),
	       (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6,
	       (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec / 1e6, u.ru_maxrss / 1024);
}

#endif
