/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A receiver whose disk is slow says that it is there: else its sender takes it for gone, and ends. */
#include "cmd/cast_receive.h"
#include "sys/clock.h"
#include "sys/threads.h"

#include <errno.h>

#define FIRST_NS NS_PER_S
#define EVERY_NS (3 * NS_PER_S)
#define HELD_UP_NS NS_PER_S /* so long for one piece: that is no work, that is a disk that is away */

static bool due(const struct cast_telling *t)
{
	struct cast_receive *r = t->r;

	return t->state != TICKET_HELD_UP ||
	       (atomic_load(&r->writing) && clock_now_ns() - atomic_load(&r->wrote_ns) >= HELD_UP_NS);
}

static void *tell(void *arg)
{
	struct cast_telling *t = arg;
	int64_t pause = FIRST_NS;

	pthread_mutex_lock(&t->lock);
	while (!t->over) {
		int64_t until = clock_now_ns() + pause;
		struct timespec time = { .tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S };

		if (pthread_cond_timedwait(&t->changed, &t->lock, &time) != ETIMEDOUT)
			continue;
		if (!due(t))
			continue;
		pthread_mutex_unlock(&t->lock);
		cast_receive_report(t->r, t->state, NULL);
		pthread_mutex_lock(&t->lock);
		pause = EVERY_NS;
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

void cast_tell_begin(struct cast_telling *t, struct cast_receive *r, enum ticket_state state)
{
	struct err ignored = { 0 };

	*t = (struct cast_telling){ .r = r, .state = state, .lock = PTHREAD_MUTEX_INITIALIZER };
	thread_cond_init(&t->changed);
	t->runs = thread_start(&t->thread, tell, t, &ignored) == 0;
}

void cast_tell_end(struct cast_telling *t)
{
	pthread_mutex_lock(&t->lock);
	t->over = true;
	pthread_cond_signal(&t->changed);
	pthread_mutex_unlock(&t->lock);
	if (t->runs)
		pthread_join(t->thread, NULL);
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
}
