/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes and one cast: who gets a ticket of it, and whom it has lost. */
#include "base/mem.h"
#include "daemon/cast_priv.h"
#include "sys/clock.h"
#include "sys/keys.h"

#include <string.h>

#define NUMBERS_MAX 65535
#define TICKETS_MAX 8 /* of one node in one cast */
#define LOST_MS 1000  /* not heard of for so long when a cast ended: it was lost, not late */

static struct cast_member *member_of(const struct cast *c, const char *node, size_t *tickets)
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
	m->cable = ask->cable;
	m->switch_name = ask->switch_name ? mem_strdup(ask->switch_name) : NULL;
	m->switch_port = ask->switch_port ? mem_strdup(ask->switch_port) : NULL;
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
	if (m->zone) { /* a relay brings the group, and no other way */
		memcpy(out->source, m->zone->relay, sizeof(out->source));
		return;
	}
	memcpy(out->group2, c->group2, sizeof(out->group2));
	memcpy(out->sender2, c->sender2, sizeof(out->sender2));
	memcpy(out->broadcast, c->broadcast, sizeof(out->broadcast));
}

/* It took part, and was not heard of any more before it had all. */
static bool was_lost(const struct cast_member *m)
{
	return m->view.state && m->view.state < WIRE_COMPLETE && m->view.heard_ms >= LOST_MS;
}

/* Its cast runs: a number and a key of its own, told once. What was told may have been used by whoever heard it. */
enum cast_word cast_let_in(struct cast *c, const struct cast_ask *ask, struct cast_ticket *out, struct err *err)
{
	size_t tickets;
	struct cast_member *m = member_of(c, ask->node, &tickets);
	struct digest have;

	digest_of(ask->have, ask->have_len, &have);
	if (!m || m->told || digest_cmp(&m->have, &have) != 0) {
		struct cast_do_line leave = { .what = CAST_DO_LEAVE, .number = m ? m->number : 0 };
		const uint16_t before = (uint16_t)leave.number;
		const bool lost = m && (m->lost || (ask->again && was_lost(m)));

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
		m->before = before;
		m->lost = lost;
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

/* One that came to its own end is done with its stragglers: they go on over HTTPS. */
bool cast_was_cut_off(const struct cast *c, const char *node)
{
	size_t tickets;
	const struct cast_member *m = member_of(c, node, &tickets);

	if (c->rekey || c->too_large || c->state == CAST_FAILED)
		return true;
	return m && was_lost(m);
}
