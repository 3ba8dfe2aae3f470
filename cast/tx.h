/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sender as it runs: threads and sockets around cast/sender.h. */
#ifndef ORTHRUS_CAST_TX_H
#define ORTHRUS_CAST_TX_H

#include "base/err.h"
#include "cast/layout.h"
#include "cast/sender.h"
#include "cast/session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where chunks come from. */
struct tx_source {
	/* The bytes of a chunk: a pointer to all of it that stays good until the next call with the same `scratch` (of the
	 * longest chunk's length, aligned to 64), or `scratch` itself filled. NULL with `err`: the cast fails. One call at a
	 * time for each scratch; several threads. */
	const uint8_t *(*chunk)(void *ctx, uint32_t chunk, uint8_t *scratch, struct err *err);
	/* With `rows`: the digest of a chunk that was given by chunk(). NULL: receivers know digests. */
	int (*digest)(void *ctx, uint32_t chunk, struct digest *out, struct err *err);
	/* By the key of session->sign_public: digests, and POLLs. Must be there. */
	int (*sign)(void *ctx, const uint8_t *data, size_t len, uint8_t signature[64], struct err *err);
	void *ctx;
};
struct tx_opts {
	const struct layout *layout;   /* outlives it */
	const struct session *session; /* copied; groups, senders, keys */
	struct tx_source source;
	char interface[16]; /* what multicast leaves by; "": the one of session->sender's address */
	uint32_t expected;
	int64_t gather_ns, empty_ns;
	uint64_t rate_max;  /* bytes a second; 0: no limit */
	unsigned int hands; /* threads that read and encrypt; 0: one less than cores, at least one */
	bool one_by_one;    /* no segmentation offload */
	bool small_instead; /* end, and say so (tx_view.too_large), when packets of this size don't reach many: before DATA is
			       sent */
	unsigned int ports; /* from session->sender's on, of which the first free one is bound; 0: that one */
};
struct tx;
#define TX_JUMBO_MTU 9000
bool tx_takes_jumbo(const char *interface); /* its MTU is that or more */
/* Binds session->sender's address (port 0: a free one, told by tx_port()), and the same port of session->sender2's. Nothing is
 * sent yet. */
int tx_open(const struct tx_opts *opts, struct tx **out, struct err *err) WARN_UNUSED;
uint16_t tx_port(const struct tx *t);
/* From any thread, also while it runs. join: own_key is the receiver's, `have` as sender_join(). ERR_REFUSED: over already. */
int tx_join(struct tx *t, uint16_t number, const uint8_t own_key[SESSION_KEY], const uint8_t *have, struct err *err) WARN_UNUSED;
void tx_leave(struct tx *t, uint16_t number, bool whole);
/* A relay (cast/relay.h): all goes to this address too, from now on; the same one again changes nothing. What opts.rate_max says
 * holds for all together. Any thread. ERR_REFUSED: too many; ERR_INVALID: another family than the sender's. */
#define TX_RELAYS 16
int tx_relay(struct tx *t, const struct sockaddr_storage *to, struct err *err) WARN_UNUSED;
void tx_start(struct tx *t); /* ends the gathering */
void tx_stop(struct tx *t);  /* safe in a signal handler too */
/* Until it is over. Only `err` when nothing could be sent any more (source, socket). Receivers that failed are no error here. */
int tx_run(struct tx *t, struct err *err) WARN_UNUSED;
struct tx_view {
	struct sender_view sender;
	uint64_t wire_bytes; /* UDP payloads sent */
	uint64_t rejected;   /* packets that came and were no good */
	double seconds;	     /* since the first DATA packet */
	uint8_t ways;	     /* that DATA goes out by: WIRE_HEARD_MC6 and so on; 0: it is not known yet */
	bool too_large;	     /* opts.small_instead: it ended for that */
};
void tx_look(struct tx *t, struct tx_view *out);
bool tx_look_at(struct tx *t, uint16_t number, struct sender_receiver_view *out);
void tx_close(struct tx *t);

#endif
