/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the desk: the book of those who have a ticket. */
#ifndef ORTHRUS_CAST_DESK_PRIV_H
#define ORTHRUS_CAST_DESK_PRIV_H

#include "cast/desk.h"

#include <pthread.h>

struct http_server;
struct http_call;

struct desk_row {
	struct desk_guest pub;
	uint8_t guest[TICKET_GUEST];
	uint8_t receipt[TICKET_RECEIPT];
	int64_t heard_ns;
};

struct desk {
	struct desk_opts opts;
	struct http_server *server;
	uint16_t port;
	struct digest secret; /* digest of the secret's text: compared in constant time */

	pthread_mutex_t lock;
	pthread_cond_t more;
	struct desk_row *rows; /* row i has number i + 1 */
	size_t n_rows, cap_rows;
	struct desk_view view;
	int64_t stopped_ns; /* 0: it goes on */
	char *why;	    /* stopped */
	int64_t tickets_ns; /* how far in time tickets were given out: see desk_book_add() */
};

/* A new row for this wish; its number, receipt. One that came before with the same mark from the same address is replaced: its
 * number in *old, else 0. ERR_REFUSED: too many. */
int desk_book_add(struct desk *d, const struct ticket_ask *ask, const char *address, struct ticket *ticket, uint16_t *old,
		  struct err *err) WARN_UNUSED;
/* Something came from this number. */
void desk_book_heard(struct desk *d, uint16_t number);
/* ERR_REFUSED: not that receiver's word. *news: its state is another now. Takes r->why. */
int desk_book_report(struct desk *d, struct ticket_report *r, bool *news, struct err *err) WARN_UNUSED;
/* It got no ticket after all. */
void desk_book_drop(struct desk *d, uint16_t number);

/* desk_routes.c */
struct http_route;
const struct http_route *desk_routes(size_t *n);
bool desk_takes_body(void *desk, const struct http_call *call); /* whoever does not show the secret is not listened to */

#endif
