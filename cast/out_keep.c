/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was stored becomes durable, and then it is noted: never the other way round, and not after each piece. */
#include "base/mem.h"
#include "base/str.h"
#include "cast/out_priv.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/threads.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* As much as is lost at most by kill -9, if OUT_UNSAFE_BYTES are not reached before. */
#define UNSAFE_NS (2 * NS_PER_S)

static int open_journal(struct out *o, struct err *err)
{
	o->journal_fd = open(o->journal, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (o->journal_fd >= 0 && out_check_ours(o->journal_fd, o->journal, err) < 0)
		return -1;
	if (o->journal_fd < 0 || ftruncate(o->journal_fd, (off_t)(2 * out_journal_slot(o->at.have_len))) < 0)
		return err_errno(err, errno, "write %s", o->journal);
	return fs_sync_parent(o->journal, err); /* the part's name too: it is in the same directory */
}

/* Called with the lock, which is free meanwhile. */
static int checkpoint(struct out *o, struct err *err)
{
	autoclean(buf_free) struct buf slot = { 0 };
	size_t at;
	int rc = -1;

	o->at.turn++;
	o->unsafe_bytes = 0;
	out_journal_encode(&o->at, &slot);
	at = (o->at.turn % 2) * slot.len;
	pthread_mutex_unlock(&o->lock);
	if (fdatasync(o->fd) < 0)
		err_errno(err, errno, "make %s durable", o->part);
	else if ((o->journal_fd >= 0 || open_journal(o, err) == 0) &&
		 fs_pwrite_all(o->journal_fd, o->journal, slot.data, slot.len, at, err) == 0)
		rc = fdatasync(o->journal_fd) < 0 ? err_errno(err, errno, "make %s durable", o->journal) : 0;
	pthread_mutex_lock(&o->lock);
	o->safe_ns = clock_now_ns();
	return rc;
}

static void *keep(void *arg)
{
	struct out *o = arg;

	pthread_mutex_lock(&o->lock);
	while (!o->stop && !o->broken) {
		int64_t due = o->safe_ns + UNSAFE_NS;
		struct timespec ts = { .tv_sec = (time_t)(due / NS_PER_S), .tv_nsec = (long)(due % NS_PER_S) };

		if (!o->unsafe_bytes)
			pthread_cond_wait(&o->more, &o->lock);
		else if (o->unsafe_bytes < OUT_UNSAFE_BYTES && clock_now_ns() < due)
			pthread_cond_timedwait(&o->more, &o->lock, &ts);
		else if (checkpoint(o, &o->why) < 0)
			o->broken = true;
	}
	pthread_mutex_unlock(&o->lock);
	return NULL;
}

int out_keep_start(struct out *o, struct err *err)
{
	o->safe_ns = clock_now_ns();
	o->keeps = thread_start(&o->keeper, keep, o, err) == 0;
	return o->keeps ? 0 : -1;
}

void out_keep_stop(struct out *o, bool note)
{
	if (o->keeps) {
		pthread_mutex_lock(&o->lock);
		o->stop = true;
		pthread_cond_signal(&o->more);
		pthread_mutex_unlock(&o->lock);
		pthread_join(o->keeper, NULL);
		o->keeps = false;
	}
	pthread_mutex_lock(&o->lock);
	if (note && o->unsafe_bytes && !o->broken)
		o->broken = checkpoint(o, &o->why) < 0;
	pthread_mutex_unlock(&o->lock);
}
