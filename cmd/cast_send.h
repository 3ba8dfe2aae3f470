/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `orthrus cast send` knows. */
#ifndef ORTHRUS_CMD_CAST_SEND_H
#define ORTHRUS_CMD_CAST_SEND_H

#include "cast/desk.h"
#include "cast/diagnose.h"
#include "cast/file.h"
#include "cast/tx.h"
#include "cmd/cast_fleet.h"
#include "cmd/cast_watch.h"
#include "cmd/cmd.h"

#include <pthread.h>

struct cast_to;
struct parcel;
struct store;
struct cast_send {
	const char *token_file; /* or NULL */
	struct cast_to *to;	/* --to, or NULL */
	uint64_t receivers;	/* as many are expected; 0: nobody knows */
	int64_t gather_ns, wait_ns;
	uint64_t rate_bytes;
	uint16_t port;
	struct file *file;
	struct store *store;   /* of an image: */
	struct parcel *parcel; /* or NULL */
	struct desk_place place;
	struct desk_keys keys;
	struct session session;
	struct desk *desk;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct tx *tx; /* with the lock, until `runs` */
	int64_t opened_ns;
	atomic_bool runs; /* somebody came: the cast runs, or did */
	struct cast_watch watch;
	int64_t asked_ns; /* since then somebody has a ticket */
	bool unheard_said;
	atomic_bool over; /* the cast is; last words are awaited */
	_Atomic int64_t over_ns;
	atomic_bool desk_waits;	      /* the desk waits for those who have a ticket, and gives up who is silent */
	_Atomic double ended_seconds; /* from the first packet until somebody was last done */
};

/* --- cast_send.c --- */
/* A receiver was done, or failed, or will never come: perhaps nothing is waited for any more. Any thread. */
void cast_send_changed(struct cast_send *s);

/* --- cast_send_tick.c --- */
/* How many are waited for at the begin; not the nodes that can't be reached. */
uint64_t cast_send_awaited(struct cast_send *s);
void cast_send_tick(void *ctx, struct progress *p); /* for struct cast_watch; `ctx` is the struct cast_send */

/* --- cast_send_source.c --- */
int cast_send_source(const struct cmd *c, struct cast_send *s, struct err *err) WARN_UNUSED;
void cast_send_source_close(struct cast_send *s);

/* --- cast_send_to.c: the receivers are begun on nodes --- */
struct cast_to {
	struct fleet fleet;
	const struct cmd *c;
	char *path;	/* on the nodes */
	char *command;	/* for their shell */
	char *words[2]; /* command, NULL */
	struct str_list ssh_options, places;
	bool force;
	char *loader; /* --carry, or NULL */
	int64_t connect_ns;
	char *connect_s;
	int64_t gather_ns;  /* how long after the last news nobody else is waited for */
	int64_t stopped_ns; /* 0: it was not */
	int64_t waited_ns;  /* when last somebody had its last words still to say */
};
/* --to and what belongs to it, when it is given: s->to. Nothing is begun yet. */
int cast_to_read(struct cmd *c, struct cast_send *s, struct err *err) WARN_UNUSED;
/* Where a cast to these nodes leaves, unless options say it: towards the first. */
int cast_to_place(const struct cast_send *s, struct desk_place *out, struct err *err) WARN_UNUSED;
void cast_to_plan(const struct cast_send *s, struct plan *plan);
int cast_to_begin(struct cast_send *s, const struct token *token, struct err *err) WARN_UNUSED;
/* On the loop's thread: ten times a second, and at Ctrl-C. */
void cast_to_tick(struct cast_send *s);
void cast_to_stop(struct cast_send *s);
void cast_to_wait(struct cast_send *s); /* until all have ended */
void cast_to_free(struct cast_to *t);	/* NULL is fine */

/* --- cast_send_to_result.c --- */
/* A line about node `i`, when there is news. */
void cast_to_say(struct cast_send *s, size_t i);
void cast_to_put(const struct cast_send *s, struct json_out *w); /* "nodes": [..] */
void cast_to_table(const struct cast_send *s);
/* ERR_PARTIAL, ERR_FAILED: some or all of the nodes don't have it. */
int cast_to_judge(const struct cmd *c, struct cast_send *s, struct err *err) WARN_UNUSED;

/* --- cast_send_look.c --- */
/* While it runs, on the thread of `watch`: once, that nobody's reports arrive. */
void cast_send_watch(struct cast_send *s);
/* What is wrong, as far as it shows now, or showed when the cast was over. */
void cast_send_look(struct cast_send *s, int64_t now_ns, struct diagnose *out);

/* --- cast_send_result.c --- */
/* Who has it, who has not, and why. ERR_PARTIAL, ERR_FAILED when not everybody has it. */
int cast_send_result(const struct cmd *c, struct cast_send *s, struct err *err) WARN_UNUSED;

#endif
