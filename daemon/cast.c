/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/cast.h"

#include "base/mem.h"
#include "daemon/cast_priv.h"
#include "sys/clock.h"
#include "sys/keys.h"
#include "sys/threads.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CASTS_MAX 16 /* that run at once */
#define FAILS_MAX 3  /* of one image, of those that are remembered: then its nodes get it over HTTPS */
#define END_WAIT_S 5
#define GROUP_BITS 6 /* of a cast's number: SITE_CAST_GROUPS */

static void cast_free(struct cast *c)
{
	pthread_join(c->thread, NULL);
	close(c->wake);
	for (size_t i = 0; i < c->n_members; i++) {
		free(c->members[i].node);
		free(c->members[i].why);
		free(c->members[i].switch_name);
		free(c->members[i].switch_port);
	}
	if (c->members)
		explicit_bzero(c->members, c->cap_members * sizeof(c->members[0]));
	free(c->members);
	str_list_free(&c->expected);
	cast_zones_free(c);
	buf_free(&c->to_say);
	diagnose_free(&c->found);
	free(c->ended_by);
	free(c->error);
	free(c->name);
	free(c->id);
	explicit_bzero(c->group_key, sizeof(c->group_key));
	free(c);
}

bool cast_is_live(const struct cast *c)
{
	return c->state == CAST_STARTING || c->state == CAST_RUNNING;
}

bool cast_has_ended(const struct cast *c)
{
	return c->state == CAST_ENDED || c->state == CAST_FAILED;
}

void cast_forget_old(struct casts *cs)
{
	for (struct cast **at = &cs->list; *at;) {
		struct cast *c = *at;

		if (c->told_end && clock_now_ns() - c->ended_ns > cs->times.kept_ns) {
			*at = c->link;
			cast_free(c);
			continue;
		}
		at = &c->link;
	}
}

static bool is_of(const struct cast *c, const struct cast_ask *ask)
{
	return str_eq(c->name, ask->name) && str_eq(c->id, ask->id);
}

static struct cast *newest(struct casts *cs, const struct cast_ask *ask)
{
	for (struct cast *c = cs->list; c; c = c->link)
		if (is_of(c, ask))
			return c;
	return NULL;
}

static struct cast *begin(struct casts *cs, const struct cast_ask *ask, struct err *err)
{
	struct cast *c = mem_zalloc(sizeof(*c));

	c->all = cs;
	c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->wake < 0) {
		free(c);
		err_errno(err, errno, "make an event");
		return NULL;
	}
	c->name = mem_strdup(ask->name);
	c->id = mem_strdup(ask->id);
	c->begun_ns = clock_now_ns();
	for (const struct cast *was = cs->list; was; was = was->link)
		c->small |= was->too_large || was->small;
	c->number = cs->next;
	cs->next = (cs->next & ~((1U << GROUP_BITS) - 1)) | ((cs->next + 1) & ((1U << GROUP_BITS) - 1));
	random_bytes(c->group_key, sizeof(c->group_key));
	if (thread_start(&c->thread, cast_talk, c, err) < 0) {
		close(c->wake);
		free(c->name);
		free(c->id);
		free(c);
		return NULL;
	}
	c->link = cs->list;
	cs->list = c;
	return c;
}

/* What always fails must not keep nodes from HTTPS. `last` is the newest of its image. */
static int check_failures(const struct casts *cs, const struct cast_ask *ask, const struct cast *last, struct err *err)
{
	size_t fails = 0;

	for (const struct cast *c = cs->list; c; c = c->link)
		fails += is_of(c, ask) && c->state == CAST_FAILED;
	if (!last || last->state != CAST_FAILED)
		return 0;
	if (fails >= FAILS_MAX)
		return err_set(err, ERR_REFUSED, "%zu casts of it failed, the last: %s", fails, last->error);
	if (!last->blocks && clock_now_ns() - last->ended_ns < cs->times.failed_ns)
		return err_set(err, ERR_REFUSED, "its cast failed: %s", last->error);
	return 0;
}

/* May there be a new cast for this node? `last` is the newest of its image, which nobody can join, or NULL. */
static int check_begin(const struct casts *cs, const struct cast_ask *ask, const struct cast *last, struct err *err)
{
	size_t live = 0;

	for (const struct cast *c = cs->list; c; c = c->link)
		live += !cast_has_ended(c);
	if (cs->stopping)
		return err_set(err, ERR_REFUSED, "the head's daemon is being stopped");
	if (cast_wanted(cs->d, err) < 0 || cast_check_stopped(cs, ask->name, ask->id, err) < 0 ||
	    check_failures(cs, ask, last, err) < 0)
		return -1;
	/* Of one that nobody knows any more, orthrusd had to be started anew. */
	if (ask->again && last && !cast_was_cut_off(last, ask->node))
		return err_set(err, ERR_REFUSED, "its cast is over");
	if (live >= CASTS_MAX)
		return err_set(err, ERR_REFUSED, "%zu images are cast already", live);
	return 0;
}

enum cast_word casts_ask(struct casts *cs, const struct cast_ask *ask, struct cast_ticket *out)
{
	enum cast_word word = CAST_NONE;
	struct err err = { 0 };
	struct cast *c;

	*out = (struct cast_ticket){ 0 };
	pthread_mutex_lock(&cs->lock);
	cast_forget_old(cs);
	c = newest(cs, ask);
	if (!c || !cast_is_live(c))
		c = check_begin(cs, ask, c, &err) < 0 ? NULL : begin(cs, ask, &err);
	if (c)
		word = c->state == CAST_STARTING ? CAST_WAIT : cast_let_in(c, ask, out, &err);
	pthread_mutex_unlock(&cs->lock);
	if (word == CAST_NONE)
		snprintf(out->reason, sizeof(out->reason), "%s", err.text);
	return word;
}

static bool can_read(const struct cast *c, const struct str_list *nodes)
{
	for (size_t i = 0; i < c->n_members; i++)
		if (c->members[i].told && str_list_has(nodes, c->members[i].node))
			return true;
	return false;
}

size_t casts_shut(struct casts *cs, const struct str_list *nodes)
{
	size_t n = 0;

	pthread_mutex_lock(&cs->lock);
	for (struct cast *c = cs->list; c; c = c->link) {
		if (!cast_is_live(c) || !can_read(c, nodes))
			continue;
		c->rekey = true;
		cast_close(c);
		n++;
	}
	pthread_mutex_unlock(&cs->lock);
	return n;
}

int casts_start(struct daemon *d, struct casts **out, struct err *err)
{
	struct casts *cs = mem_zalloc(sizeof(*cs));

	(void)err;
	cs->d = d;
	random_bytes(&cs->next, sizeof(cs->next));
	cs->next |= 1U << 31; /* never 0 */
	cs->times = (struct cast_times){ .begin_ns = SESSION_BEGIN_S * NS_PER_S,
					 .mute_ns = 15 * NS_PER_S,
					 .failed_ns = 60 * NS_PER_S,
					 .kept_ns = 600 * NS_PER_S };
	pthread_mutex_init(&cs->lock, NULL);
	thread_cond_init(&cs->quit);
	*out = cs;
	return 0;
}

static bool all_have_told(const void *casts)
{
	const struct casts *cs = casts;

	for (const struct cast *c = cs->list; c; c = c->link)
		if (!c->told_end)
			return false;
	return true;
}

bool casts_stop(struct casts *cs)
{
	bool ended;

	if (!cs)
		return true;
	pthread_mutex_lock(&cs->lock);
	cs->stopping = true;
	for (struct cast *c = cs->list; c; c = c->link)
		if (!cast_has_ended(c))
			cast_close(c);
	ended = thread_cond_until(&cs->quit, &cs->lock, END_WAIT_S * NS_PER_S, all_have_told, cs);
	pthread_mutex_unlock(&cs->lock);
	if (!ended)
		return false;
	while (cs->list) {
		struct cast *c = cs->list;

		cs->list = c->link;
		cast_free(c);
	}
	pthread_mutex_destroy(&cs->lock);
	pthread_cond_destroy(&cs->quit);
	free(cs);
	return true;
}
