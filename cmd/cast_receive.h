/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `orthrus cast receive` knows. */
#ifndef ORTHRUS_CMD_CAST_RECEIVE_H
#define ORTHRUS_CMD_CAST_RECEIVE_H

#include "cast/guest.h"
#include "cast/layout.h"
#include "cast/out.h"
#include "cast/rx.h"
#include "cmd/cast_watch.h"
#include "cmd/cmd.h"

#include <pthread.h>

struct cast_store;
struct cast_receive;
/* A thread that tells the sender that somebody is there, while the one that talks to it has no time. */
struct cast_telling {
	struct cast_receive *r;
	enum ticket_state state;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool runs, over; /* over: under the lock */
};
struct cast_receive {
	struct cast_store *store; /* an image is received into it, or NULL */
	bool to_store;
	const char *path;
	char *shown;
	bool force, by_multicast, attended;
	const char *interface; /* or NULL */
	unsigned int hands;
	struct out_look look;
	struct guest *guest;
	struct ticket_offer offer;
	struct ticket ticket; /* number 0: none yet */
	struct layout *layout;
	struct out *out;
	_Atomic(struct rx *) rx; /* while packets are heard */
	struct rx_view heard;	 /* at its end */
	_Atomic(const char *) stage;
	atomic_bool silent; /* nothing came by multicast */
	int64_t begun_ns, listens_ns;
	uint64_t kept_bytes;
	_Atomic uint64_t tls_bytes;
	double seconds;
	struct cast_watch watch;
	atomic_uint writing;	  /* so many pieces are being written */
	_Atomic int64_t wrote_ns; /* when the first of them began, or the last one ended */
	struct cast_telling telling;
};

/* --- cast_receive_image.c --- */
/* The offer is there: is it an image, and where shall it go? */
int cast_store_begin(const struct cmd *c, struct cast_receive *r, struct err *err) WARN_UNUSED;
/* Which of its files the store has; *room_bytes: how much is needed for the others. */
int cast_store_look(struct cast_receive *r, uint64_t *room_bytes, struct err *err) WARN_UNUSED;
void cast_store_assume(struct cast_receive *r); /* these count as there. r->out is open */
/* All came: into the store with it, and the daemon is told. */
int cast_store_finish(struct cmd *c, struct cast_receive *r, struct err *err) WARN_UNUSED;
void cast_store_free(struct cast_store *s); /* NULL is fine */

/* --- cast_receive_tell.c --- */
/* A disk may take minutes to write what came in seconds, or nothing for a while: then the sender hears of it, as `state`, until
 * cast_tell_end(). Nobody else may use r->guest meanwhile. */
void cast_tell_begin(struct cast_telling *t, struct cast_receive *r, enum ticket_state state);
void cast_tell_end(struct cast_telling *t);

/* --- cast_receive_confine.c --- */
/* Of a file: from now on this process can do nothing but receive it. Before the first byte of the sender. */
int cast_receive_confine(const struct cast_receive *r, struct err *err) WARN_UNUSED;

/* The token: by an option, or typed at the terminal, where nobody sees it. */
int cast_token(const struct cmd *c, struct token *out, struct err *err) WARN_UNUSED;
/* What to tell the sender. */
void cast_receive_report(struct cast_receive *r, enum ticket_state state, const char *why);
void cast_receive_result(const struct cmd *c, struct cast_receive *r);
/* Taken in beyond what was lacking. */
uint64_t cast_refetched(struct cast_receive *r);

#endif
