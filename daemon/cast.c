/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/cast.h"

#include "base/mem.h"
#include "base/plan.h"
#include "daemon/cast_priv.h"
#include "sys/clock.h"
#include "sys/keys.h"
#include "sys/threads.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define CASTS_MAX 16 /* that run at once */
#define KEPT_NS (600 * NS_PER_S)
#define FAILED_NS (60 * NS_PER_S) /* so long after a failure nobody tries again */
#define NUMBERS_MAX 65535
#define TICKETS_MAX 64 /* of one node in one cast */
#define END_WAIT_S 5
#define GROUP_BITS 6 /* of a cast's number: SITE_CAST_GROUPS */

static void cast_free(struct cast *c)
{
	pthread_join(c->thread, NULL);
	close(c->wake);
	for (size_t i = 0; i < c->n_members; i++) {
		free(c->members[i].node);
		free(c->members[i].why);
	}
	if (c->members)
		explicit_bzero(c->members, c->cap_members * sizeof(c->members[0]));
	free(c->members);
	str_list_free(&c->expected);
	cast_zones_free(c);
	buf_free(&c->to_say);
	free(c->ended_by);
	free(c->error);
	free(c->name);
	free(c->id);
	explicit_bzero(c->group_key, sizeof(c->group_key));
	free(c);
}

static bool is_live(const struct cast *c)
{
	return c->state == CAST_STARTING || c->state == CAST_RUNNING;
}

static bool has_ended(const struct cast *c)
{
	return c->state == CAST_ENDED || c->state == CAST_FAILED;
}

static void forget_old(struct casts *cs)
{
	for (struct cast **at = &cs->list; *at;) {
		struct cast *c = *at;

		if (has_ended(c) && clock_now_ns() - c->ended_ns > KEPT_NS) {
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

/* May there be a new cast for this node? `last` is the newest of its image, which nobody can join, or NULL. */
static int check_begin(const struct casts *cs, const struct cast_ask *ask, const struct cast *last, struct err *err)
{
	size_t live = 0;

	for (const struct cast *c = cs->list; c; c = c->link)
		live += !has_ended(c);
	if (cs->stopping)
		return err_set(err, ERR_REFUSED, "the head's daemon is being stopped");
	if (last && last->state == CAST_FAILED && clock_now_ns() - last->ended_ns < FAILED_NS)
		return err_set(err, ERR_REFUSED, "its cast failed: %s", last->error ? last->error : "it is not said why");
	if (ask->again && !(last && last->rekey))
		return err_set(err, ERR_REFUSED, "its cast is over");
	if (live >= CASTS_MAX)
		return err_set(err, ERR_REFUSED, "%zu images are cast already", live);
	return cast_wanted(cs->d, err);
}

static struct cast_member *member_of(struct cast *c, const char *node, size_t *tickets)
{
	struct cast_member *last = NULL;

	*tickets = 0;
	for (size_t i = 0; i < c->n_members; i++) {
		if (!str_eq(c->members[i].node, node))
			continue;
		last = &c->members[i];
		++*tickets;
	}
	return last;
}

static void has_come(struct str_list *expected, const char *node)
{
	for (size_t i = 0; i < expected->len; i++) {
		if (!str_eq(expected->items[i], node))
			continue;
		free(expected->items[i]);
		expected->items[i] = expected->items[--expected->len];
		expected->items[expected->len] = NULL;
		return;
	}
}

static struct cast_member *join(struct cast *c, const struct cast_ask *ask, const struct digest *have)
{
	struct cast_do_line l = { .what = CAST_DO_JOIN };
	struct cast_member *m;

	c->members = mem_room(c->members, c->n_members, &c->cap_members, sizeof(c->members[0]));
	m = &c->members[c->n_members++];
	*m = (struct cast_member){ .node = mem_strdup(ask->node), .number = (uint16_t)c->n_members, .have = *have };
	has_come(&c->expected, ask->node);
	random_bytes(m->own_key, sizeof(m->own_key));
	m->zone = cast_zone_of(c, ask->from);
	l.number = m->number;
	l.relay = m->zone ? m->zone->by : 0;
	memcpy(l.own_key, m->own_key, sizeof(l.own_key));
	buf_add(&l.have, ask->have, ask->have_len);
	cast_say(c, &l);
	cast_do_free(&l);
	return m;
}

static void fill_ticket(const struct cast *c, const struct cast_member *m, struct cast_ticket *out)
{
	*out = (struct cast_ticket){ .cast = c->number,
				     .number = m->number,
				     .symbol_bytes = c->symbol_bytes,
				     .port = c->port,
				     .sender_port = c->sender_port,
				     .layout = c->layout,
				     .chunks = c->chunks };
	memcpy(out->group_key, c->group_key, sizeof(out->group_key));
	memcpy(out->own_key, m->own_key, sizeof(out->own_key));
	memcpy(out->sign_public, c->sign_public, sizeof(out->sign_public));
	memcpy(out->group, c->group, sizeof(out->group));
	memcpy(out->sender, c->sender, sizeof(out->sender));
	if (m->zone)
		memcpy(out->source, m->zone->relay, sizeof(out->source));
}

/* Its cast runs: a number and a key of its own, told once. What was told may have been used by whoever heard it. */
static enum cast_word let_in(struct cast *c, const struct cast_ask *ask, struct cast_ticket *out, struct err *err)
{
	size_t tickets;
	struct cast_member *m = member_of(c, ask->node, &tickets);
	struct digest have;

	digest_of(ask->have, ask->have_len, &have);
	if (!m || m->told || digest_cmp(&m->have, &have) != 0) {
		struct cast_do_line leave = { .what = CAST_DO_LEAVE, .number = m ? m->number : 0 };

		if (ask->have_len && ask->have_len != (c->chunks + 7) / 8)
			err_set(err, ERR_REFUSED, "it says of %zu chunks whether they are there, the image has %llu",
				ask->have_len * 8, (unsigned long long)c->chunks);
		else if (c->n_members == NUMBERS_MAX || tickets == TICKETS_MAX)
			err_set(err, ERR_REFUSED, "it has had %zu tickets of this cast", tickets);
		if (err->kind != ERR_NONE)
			return CAST_NONE;
		if (m) {
			m->old = true;
			cast_say(c, &leave);
		}
		m = join(c, ask, &have);
	}
	if (m->state == MEMBER_ASKED)
		return CAST_WAIT;
	if (m->state == MEMBER_REFUSED) {
		err_set(err, ERR_REFUSED, "%s", m->why ? m->why : "the cast does not take it");
		return CAST_NONE;
	}
	m->told = true;
	m->told_ns = clock_now_ns();
	fill_ticket(c, m, out);
	return CAST_TICKET;
}

enum cast_word casts_ask(struct casts *cs, const struct cast_ask *ask, struct cast_ticket *out)
{
	enum cast_word word = CAST_NONE;
	struct err err = { 0 };
	struct cast *c;

	*out = (struct cast_ticket){ 0 };
	pthread_mutex_lock(&cs->lock);
	forget_old(cs);
	c = newest(cs, ask);
	if (!c || !is_live(c))
		c = check_begin(cs, ask, c, &err) < 0 ? NULL : begin(cs, ask, &err);
	if (c)
		word = c->state == CAST_STARTING ? CAST_WAIT : let_in(c, ask, out, &err);
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
		if (!is_live(c) || !can_read(c, nodes))
			continue;
		c->rekey = true;
		cast_close(c);
		n++;
	}
	pthread_mutex_unlock(&cs->lock);
	return n;
}

static bool is_called(const struct cast *c, const char *which)
{
	size_t len = strlen(c->name);

	if (!which || str_eq(c->name, which))
		return true;
	return strncmp(which, c->name, len) == 0 && which[len] == '/' && str_eq(which + len + 1, c->id);
}

int casts_end(struct casts *cs, const char *which, bool only_plan, const char *who, struct plan *plan, struct err *err)
{
	size_t n = 0;

	pthread_mutex_lock(&cs->lock);
	for (struct cast *c = cs->list; c; c = c->link) {
		autofree char *name = str_format("cast:%s/%s", c->name, c->id);

		if (!is_live(c) || !is_called(c, which))
			continue;
		n++;
		plan_add(plan, 0, PLAN_WRITES, name,
			 str_format("%s the cast of %s/%s: its nodes get the rest over HTTPS", only_plan ? "end" : "ended",
				    c->name, c->id),
			 NULL, NULL);
		if (only_plan)
			continue;
		c->ended_by = mem_strdup(who);
		cast_close(c);
	}
	pthread_mutex_unlock(&cs->lock);
	if (n || !which)
		return 0;
	err_set(err, ERR_NOT_FOUND, "no image %s is cast now", which);
	return err_hint(err, "`orthrus cast status` lists what is");
}

int casts_start(struct daemon *d, struct casts **out, struct err *err)
{
	struct casts *cs = mem_zalloc(sizeof(*cs));

	(void)err;
	cs->d = d;
	random_bytes(&cs->next, sizeof(cs->next));
	cs->next |= 1U << 31; /* never 0 */
	pthread_mutex_init(&cs->lock, NULL);
	thread_cond_init(&cs->quit);
	*out = cs;
	return 0;
}

static bool any_runs(const struct casts *cs)
{
	for (const struct cast *c = cs->list; c; c = c->link)
		if (!has_ended(c))
			return true;
	return false;
}

bool casts_stop(struct casts *cs)
{
	int64_t until_ns = clock_now_ns() + END_WAIT_S * NS_PER_S;
	struct timespec until = { .tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S };
	bool running;
	int rc = 0;

	if (!cs)
		return true;
	pthread_mutex_lock(&cs->lock);
	cs->stopping = true;
	for (struct cast *c = cs->list; c; c = c->link)
		if (!has_ended(c))
			cast_close(c);
	while ((running = any_runs(cs)) && rc == 0)
		rc = pthread_cond_timedwait(&cs->quit, &cs->lock, &until);
	pthread_mutex_unlock(&cs->lock);
	if (running)
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
