/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/querier.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define NS_PER_S INT64_C(1000000000)
/* One that says it asks every 9 hours would silence us for a day. Members are forgotten by then. */
#define OTHER_MAX_NS (900 * NS_PER_S)
#define NO_ADDRESS_NS (10 * NS_PER_S) /* until that is looked at again */
#define FIRST_PART 4		      /* startup queries come so much closer (RFC 3376, 8.6) */

static const struct addr6 none;

const struct querier_opts querier_defaults = { .robustness = 2, .every_ns = 125 * NS_PER_S, .answer_ns = 10 * NS_PER_S };

static bool same(const struct addr6 *a, const struct addr6 *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool lower(const struct addr6 *a, const struct addr6 *b)
{
	return memcmp(a, b, sizeof(*a)) < 0;
}

void querier_init(struct querier *q, const struct querier_opts *opts, unsigned int families, int64_t now_ns)
{
	*q = (struct querier){ .opts = *opts };
	for (int f = 0; f < QUERIER_FAMILIES; f++) {
		if (!(families & QUERIER_BIT(f)))
			continue;
		q->side[f].state = QUERIER_LISTENING;
		q->side[f].due_ns = now_ns + opts->every_ns + opts->answer_ns;
	}
}

void querier_own(struct querier *q, enum querier_family family, const struct addr6 *own)
{
	struct querier_side *s = &q->side[family];

	s->has_own = own != NULL;
	if (own)
		s->own = *own;
}

/* RFC 3376, 8.5: what it said about itself counts, if it said something. */
static int64_t other_lasts(const struct querier *q, const struct igmp_message *m)
{
	int64_t every = m->every_s ? m->every_s * NS_PER_S : q->opts.every_ns;
	unsigned int robustness = m->robustness ? m->robustness : q->opts.robustness;
	int64_t lasts = every * robustness + q->opts.answer_ns / 2;

	return lasts < OTHER_MAX_NS ? lasts : OTHER_MAX_NS;
}

/* Who asks as 0.0.0.0 is a switch that takes no part in the election (RFC 4541, 2.1.1): some switches and hosts ignore such
 * queries, and we are not silent because of it. */
static bool is_anonymous(const struct igmp_message *m)
{
	struct addr6 zero = igmp_addr4(0);

	return !m->v6 && same(&m->from, &zero);
}

void querier_heard(struct querier *q, const struct igmp_message *m, int64_t now_ns)
{
	struct querier_side *s = &q->side[m->v6 ? QUERIER_IPV6 : QUERIER_IPV4];

	if (m->kind != IGMP_QUERY || s->state == QUERIER_OFF || (s->has_own && same(&m->from, &s->own)))
		return;
	s->heard++;
	if (is_anonymous(m)) {
		s->anonymous = true;
		return;
	}
	/* Of several the lowest stays; its name is shown until it is silent. */
	if (same(&s->other, &none) || !lower(&s->other, &m->from) || now_ns - s->heard_ns > other_lasts(q, m)) {
		s->other = m->from;
		s->heard_ns = now_ns;
	}
	/* One with a higher address, which did not hear us yet, is going to. */
	if (s->state == QUERIER_WE && s->has_own && lower(&s->own, &m->from))
		return;
	s->state = QUERIER_OTHER;
	s->due_ns = now_ns + other_lasts(q, m);
}

static bool step_side(const struct querier *q, struct querier_side *s, int64_t now_ns)
{
	int64_t every = q->opts.every_ns;

	if (s->state == QUERIER_OFF || now_ns < s->due_ns)
		return false;
	if (!s->has_own) {
		s->state = QUERIER_NO_ADDRESS;
		s->due_ns = now_ns + NO_ADDRESS_NS;
		return false;
	}
	if (s->state != QUERIER_WE) {
		s->state = QUERIER_WE;
		s->first = q->opts.robustness;
	}
	if (s->first > 1)
		every /= FIRST_PART;
	if (s->first)
		s->first--;
	s->due_ns = now_ns + every;
	s->sent++;
	return true;
}

unsigned int querier_step(struct querier *q, int64_t now_ns)
{
	unsigned int send = 0;

	for (int f = 0; f < QUERIER_FAMILIES; f++)
		if (step_side(q, &q->side[f], now_ns))
			send |= QUERIER_BIT(f);
	return send;
}

int64_t querier_due_ns(const struct querier *q)
{
	int64_t due = INT64_MAX;

	for (int f = 0; f < QUERIER_FAMILIES; f++)
		if (q->side[f].state != QUERIER_OFF && q->side[f].due_ns < due)
			due = q->side[f].due_ns;
	return due;
}

size_t querier_write(const struct querier *q, enum querier_family family, uint8_t out[IGMP_PACKET_MAX])
{
	struct igmp_message m = {
		.kind = IGMP_QUERY,
		.v6 = family == QUERIER_IPV6,
		.version = family == QUERIER_IPV6 ? 2 : 3,
		.from = q->side[family].own,
		.answer_ms = (uint32_t)(q->opts.answer_ns / (NS_PER_S / 1000)),
		.robustness = q->opts.robustness,
		.every_s = (uint32_t)(q->opts.every_ns / NS_PER_S),
	};

	return q->side[family].has_own ? igmp_write(&m, out) : 0;
}

char *querier_text(const struct querier_side *s)
{
	char addr[ADDR6_LEN] = "";

	igmp_print(s->state == QUERIER_WE ? &s->own : &s->other, addr);
	switch (s->state) {
	case QUERIER_OFF:
		return mem_strdup("not asked for");
	case QUERIER_LISTENING:
		return mem_strdup("none heard yet; this head asks when none is heard for two minutes");
	case QUERIER_OTHER:
		return str_format("%s", addr);
	case QUERIER_WE:
		return str_format("this head, as %s", addr);
	case QUERIER_NO_ADDRESS:
		return mem_strdup("none, and this head has no address to ask with");
	}
	return mem_strdup("unknown");
}
