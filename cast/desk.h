/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sender's desk: an HTTPS server where whoever has the token gets a ticket, digests, what multicast did not bring, and says
 * how it went. And what a sender makes for one cast: keys, addresses. */
#ifndef ORTHRUS_CAST_DESK_H
#define ORTHRUS_CAST_DESK_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "cast/session.h"
#include "cast/ticket.h"
#include "cast/token.h"
#include "sys/keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct desk;
struct file;

/* Where a cast leaves: an address of this machine and its interface. Either may be NULL: then there must be only one that it can
 * be (ERR_USAGE lists them). Link-local addresses mean another place on every machine: they are passed over. */
struct desk_place {
	char interface[16], address[TOKEN_HOST_MAX];
	struct sockaddr_storage addr; /* port 0 */
};
int desk_place(const char *interface, const char *address, bool ipv6, struct desk_place *out, struct err *err) WARN_UNUSED;
/* The place towards a numeric address. */
int desk_place_towards(const char *peer, struct desk_place *out, struct err *err) WARN_UNUSED;
/* A multicast address and port: `text` ("232.1.2.3", "ff3e::8000:1"), or with NULL one by chance, of those that are heard from
 * one source only (RFC 4607). */
int desk_group(const char *text, bool ipv6, struct sockaddr_storage *out, struct err *err) WARN_UNUSED;

/* With the session's group and sender: the other ways, as far as the interface has them (struct session). */
void desk_ways(const struct desk_place *place, struct session *s);

/* Fresh for each cast. */
struct desk_keys {
	struct sign_key sign; /* of digests */
	struct buf crt, key;  /* of the server, PEM */
	struct digest pin;
	uint8_t secret[TOKEN_SECRET];
};
int desk_keys_make(const char *address, struct desk_keys *out, struct err *err) WARN_UNUSED;
void desk_keys_clear(struct desk_keys *k);

#define DESK_RECEIVERS_MAX 10000 /* at a time */
#define DESK_TICKETS_OF_ONE 1000 /* ever, of one address */
struct desk_opts {
	const char *address;
	uint16_t port;		       /* 0: a free one */
	struct file *file;	       /* outlives the desk, as what follows */
	const struct session *session; /* with the port that reports go to */
	const struct desk_keys *keys;
	/* As tx_join(), tx_leave(); ERR_REFUSED by join: that receiver has to fetch. Called by several threads; the first join
	 * may change the session. */
	int (*join)(void *ctx, uint16_t number, const uint8_t own_key[SESSION_KEY], const uint8_t *have, struct err *err);
	void (*leave)(void *ctx, uint16_t number, bool whole);
	void (*changed)(void *ctx); /* somebody was done, or failed; may be NULL */
	void *ctx;
};
int desk_open(const struct desk_opts *opts, struct desk **out, struct err *err) WARN_UNUSED;
void desk_token(const struct desk *d, struct token *out);
/* From now on everything but reports is refused with these words. Any thread. */
void desk_stop(struct desk *d, const char *why);
/* Until nobody who has a ticket is waited for, or those have not been heard of for `idle_ns` (they count as failed then), or
 * `stop_ns` after desk_stop(). */
void desk_wait(struct desk *d, int64_t idle_ns, int64_t stop_ns);
struct desk_view {
	uint32_t waited_for, done, failed; /* receivers */
	uint32_t fetching, syncing;	   /* of those that are waited for */
	uint64_t refused;		   /* requests with a wrong secret */
};
void desk_look(struct desk *d, struct desk_view *out);

enum desk_state { DESK_WAITED_FOR, DESK_DONE, DESK_FAILED, DESK_REPLACED /* came again, with another number */ };
struct desk_guest {
	uint16_t number;
	enum desk_state state;
	bool fetching, syncing;
	bool tls_only;	      /* it wants nothing by multicast */
	int64_t ticket_ns;    /* when it got its ticket */
	struct cable cable;   /* its interface, as it says */
	char *host, *address; /* its name as it says, its address */
	struct ticket_report report;
};
/* A copy of the row, the caller's; false: there are no more than `i` receivers. */
bool desk_guest(struct desk *d, size_t i, struct desk_guest *out);
void desk_guest_clear(struct desk_guest *g);
void desk_close(struct desk *d); /* NULL is fine */

#endif
