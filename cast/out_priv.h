/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the target of a reception. */
#ifndef ORTHRUS_CAST_OUT_PRIV_H
#define ORTHRUS_CAST_OUT_PRIV_H

#include "cast/out.h"
#include "cast/out_journal.h"
#include "cast/ticket.h"

#include <pthread.h>

struct treehash;

/* Stored and not yet durable: as much makes a checkpoint due at once. */
#define OUT_UNSAFE_BYTES ((uint64_t)256 << 20)

struct out {
	char *path, *part, *journal, *shown;
	bool force, finished, resumed, discarded;
	int fd, journal_fd; /* journal_fd -1: not written yet */
	struct ticket_file file;
	uint64_t room_bytes; /* see struct out_opts */
	unsigned int hands;
	struct treehash **hash; /* by hand */

	pthread_mutex_t lock;  /* of all below */
	struct out_journal at; /* `have`: what is written, durable or not */
	uint64_t stored_bytes;
	uint64_t unsafe_bytes; /* stored since the last checkpoint began */
	int64_t safe_ns;       /* when the last one ended */
	pthread_cond_t more;
	pthread_t keeper;
	bool keeps, stop, broken;
	struct err why; /* broken */
};

/* ".NAME.cast.part" and ".NAME.cast.journal" beside `path`. Callers free. */
void out_names(const char *path, char **part, char **journal);
/* *found: a journal is there and whole, for a part that is there. What is damaged counts as not there. */
int out_journal_load(const char *part, const char *journal, struct out_journal *out, bool *found, struct err *err) WARN_UNUSED;
/* ERR_EXISTS, ERR_USAGE, ERR_REFUSED: see out_look(). */
int out_check_target(const char *path, const char *shown, bool force, bool *replaces, struct err *err) WARN_UNUSED;
uint64_t out_kept_bytes(const struct out_journal *j);
void out_drop(struct out *o, uint64_t piece);
/* ERR_REFUSED: whoever owns it, or has another name for it, could change it after it was checked, or has us change his. */
int out_check_ours(int fd, const char *path, struct err *err) WARN_UNUSED;
/* The thread that makes durable what was stored, and notes it. */
int out_keep_start(struct out *o, struct err *err) WARN_UNUSED;
/* Ends it; with `note` what was stored last is durable and noted too. */
void out_keep_stop(struct out *o, bool note);

#endif
