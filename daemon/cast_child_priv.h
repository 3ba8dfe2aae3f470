/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the process that casts share (cast_child.h). */
#ifndef ORTHRUS_DAEMON_CAST_CHILD_PRIV_H
#define ORTHRUS_DAEMON_CAST_CHILD_PRIV_H

#include "cast/layout.h"
#include "cast/tx.h"
#include "daemon/cast_lines.h"
#include "imaging/chunk_source.h"
#include "sys/keys.h"

#include <pthread.h>

/* Three threads: this program's runs the cast, one hears orthrusd and one tells it. Who hears never waits for who tells: orthrusd
 * may be writing a long line while it does not read. */
struct cast_child {
	struct chunk_source *source;
	struct layout *layout;
	struct tx *tx;
	struct sign_key sign; /* of POLLs, for this cast; it leaves this process never */
	struct buf in;	      /* what was read of standard input and is no whole line yet */
	int quit;	      /* eventfd: readable once it is over */
	pthread_mutex_t lock;
	struct buf out; /* lines to be told; under the lock */
	uint16_t last;	/* greatest number that joined; ditto */
	struct sockaddr_storage relays[CAST_RELAYS_MAX];
	size_t n_relays;
};

/* A line to orthrusd, soon. Any thread. */
void cast_child_tell(struct cast_child *c, const struct cast_said_line *l);
/* What there is to say, on standard output. False: nobody hears it. */
bool cast_child_say(struct cast_child *c);
/* A thread: progress twice a second, and all lines, until it is over. `arg`: the child. */
void *cast_child_tell_all(void *arg);

#endif
