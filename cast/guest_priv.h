/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ORTHRUS_CAST_GUEST_PRIV_H
#define ORTHRUS_CAST_GUEST_PRIV_H

#include "cast/guest.h"
#include "cast/wire.h"
#include "sys/http_client.h"

struct guest {
	struct http_client *http;
	char *where;
	bool gone;	    /* nobody listens there any more, or it said no: asking again is of no use */
	struct cable cable; /* towards the sender */
};

/* A request that must be answered with 2xx; what goes wrong is said in this module's words. */
int guest_call(struct guest *g, const struct http_request *req, struct http_reply *reply, struct err *err) WARN_UNUSED;
/* Signed digests from piece `from` on, `*n` (at least 1) neighbours into `digests`, which has room for GUEST_DIGESTS_MAX. */
#define GUEST_DIGESTS_MAX ((size_t)TICKET_ROWS_MAX * WIRE_ROWS_MAX)
struct guest_rows {
	uint32_t cast;
	const uint8_t *sign_public;
	const struct ticket_file *file;
	uint16_t number; /* 0: no ticket yet */
};
int guest_digests(struct guest *g, const struct guest_rows *of, uint64_t from, struct digest *digests, size_t *n,
		  struct err *err) WARN_UNUSED;

#endif
