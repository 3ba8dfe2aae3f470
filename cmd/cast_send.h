/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `orthrus cast send` knows. */
#ifndef ORTHRUS_CMD_CAST_SEND_H
#define ORTHRUS_CMD_CAST_SEND_H

#include "cast/desk.h"
#include "cast/file.h"
#include "cast/tx.h"
#include "cmd/cast_watch.h"
#include "cmd/cmd.h"

#include <pthread.h>

struct cast_send {
	const char *token_file; /* or NULL */
	uint64_t receivers;	/* as many are expected; 0: nobody knows */
	int64_t gather_ns, wait_ns;
	uint64_t rate_bytes;
	uint16_t port;
	struct file *file;
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
	atomic_bool over;	      /* the cast is; last words are awaited */
	_Atomic double ended_seconds; /* from the first packet until somebody was last done */
};

/* Who has it, who has not, and why. ERR_PARTIAL, ERR_FAILED when not everybody has it. */
int cast_send_result(const struct cmd *c, struct cast_send *s, struct err *err) WARN_UNUSED;

#endif
