/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A receiver at the sender's desk (cast/desk.h): it shows its token, takes a ticket, fetches what multicast did not bring, and
 * says how it went. One thread at a time. */
#ifndef ORTHRUS_CAST_GUEST_H
#define ORTHRUS_CAST_GUEST_H

#include "base/err.h"
#include "cast/ticket.h"
#include "cast/token.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct guest;
struct out;

int guest_open(const struct token *token, struct guest **out, struct err *err) WARN_UNUSED;
void guest_close(struct guest *g); /* NULL is fine */
/* What is cast; no ticket is taken. */
int guest_offer(struct guest *g, struct ticket_offer *out, struct err *err) WARN_UNUSED;
/* A ticket, for who keeps writing into `path`: coming again for it, this machine counts as the same receiver. `have`: of the file
 * that was offered, or NULL. Waits while the desk is overrun. */
struct guest_wish {
	const char *path;
	const struct ticket_offer *offer;
	const uint8_t *have;
	size_t have_len;
	bool tls_only; /* nothing is wanted by multicast */
};
int guest_ticket(struct guest *g, const struct guest_wish *wish, struct ticket *out, struct err *err) WARN_UNUSED;
/* Of what `o` kept, only what has the digests of this offer stays. Ends with an error soon after *stop became true. */
int guest_verify(struct guest *g, const struct ticket_offer *offer, struct out *o, const atomic_bool *stop,
		 struct err *err) WARN_UNUSED;
/* All pieces that `o` lacks, by TLS. *bytes grows by what came. Ends with an error soon after *stop became true. */
int guest_fetch(struct guest *g, const struct ticket *t, struct out *o, _Atomic uint64_t *bytes, const atomic_bool *stop,
		struct err *err) WARN_UNUSED;
int guest_report(struct guest *g, const struct ticket_report *r, struct err *err) WARN_UNUSED;

#endif
