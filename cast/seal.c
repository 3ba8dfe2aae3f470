/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/seal_priv.h"

#include "base/mem.h"

#include <string.h>

struct seal {
	const struct seal_way *way;
	void *state;
};

struct seal *seal_new_by(const uint8_t key[SEAL_KEY], bool mb)
{
	const struct seal_way *way = mb ? seal_mb() : seal_ssl();
	void *state = way->make(key);
	struct seal *s = NULL;

	if (!state)
		return NULL;
	s = mem_zalloc(sizeof(*s));
	*s = (struct seal){ .way = way, .state = state };
	return s;
}

struct seal *seal_new(const uint8_t key[SEAL_KEY])
{
	struct seal *s = seal_new_by(key, true);

	if (!s)
		s = seal_new_by(key, false);
	if (!s)
		abort(); /* libcrypto without AES: like no memory, nothing here can go on */
	return s;
}

void seal_free(struct seal *s)
{
	if (!s)
		return;
	s->way->drop(s->state);
	free(s);
}

void seal_close_many(struct seal *s, struct seal_job *jobs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s->way->close(s->state, &jobs[i]);
}

void seal_open_many(struct seal *s, struct seal_job *jobs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		jobs[i].ok = s->way->open(s->state, &jobs[i]);
		if (!jobs[i].ok)
			memset(jobs[i].out, 0, jobs[i].len);
	}
}
