/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How fast the receivers take it: what they lose sets the rate, what they are past sets the window. */
#include "cast/sender_priv.h"

#define HELD_MOST_NS (40 * SENDER_MS) /* so long may one hold the others back, beyond 30 % of the time */
#define ROUND_PACKETS 200	      /* of fewer, no share is told */
#define MARKS_LOOKED_AT 8	      /* of many: the slowest of so many reports */
#define WAIT_MOST_US 250000	      /* when the first answer takes longer, too much is on its way */
#define WAIT_LITTLE_US 100000
#define WINDOW_LEAST ((uint64_t)64 << 10)
#define WINDOW_MOST ((uint64_t)1 << 30)
#define BUFFER_LEAST 64 /* KiB: no system gives a socket less; whoever says so holds the others back */
#define ALIVE_NS (1000 * SENDER_MS)
#define MARK_NS (100 * SENDER_MS) /* an older report says nothing */

void pace_sort(uint64_t *v, unsigned int n)
{
	for (unsigned int i = 1; i < n; i++)
		for (unsigned int j = i; j > 0 && v[j] < v[j - 1]; j--) {
			uint64_t t = v[j];

			v[j] = v[j - 1];
			v[j - 1] = t;
		}
}

/* The most that may be on its way: half of the buffers. It begins small, and grows while at least one answers at once: what waits
 * in a large buffer for a slow receiver is seconds old, and so is all that it says. */
static void set_window(struct sender *s, uint32_t kib)
{
	uint64_t half = (uint64_t)kib * 512, least = 2 * (uint64_t)SENDER_BURST * poll_packet(s);

	if (s->opts.window_bytes != 0)
		half = s->opts.window_bytes;
	half = half < s->window_grown ? half : s->window_grown;
	s->window_bytes = (uint32_t)(half < least ? least : half > UINT32_MAX ? UINT32_MAX : half);
}

void pace_window(struct sender *s, int64_t now_ns)
{
	uint32_t best = UINT32_MAX;

	for (unsigned int i = 0; i < s->sight_n; i++) {
		const struct sight *t = &s->sights[i];

		/* About a POLL that was sent after the last change. */
		if (t->ns - (int64_t)t->rtt_us * 1000 >= s->window_ns && t->rtt_us < best)
			best = t->rtt_us;
	}
	if (best > WAIT_MOST_US && best != UINT32_MAX && s->window_grown > WINDOW_LEAST)
		s->window_grown = s->window_bytes / 2;
	else if (best < WAIT_LITTLE_US && s->window_grown < WINDOW_MOST)
		s->window_grown = s->window_bytes * 2;
	else
		return;
	s->window_ns = now_ns;
}

/* One that holds back those who could go on, for more than three tenths of the time, is a straggler. */
static void hold(struct member *m, bool holds, int64_t since_ns, int64_t now_ns)
{
	m->blocked_ns += (holds ? now_ns - since_ns : 0) - (now_ns - since_ns) * 3 / 10;
	if (m->blocked_ns < 0)
		m->blocked_ns = 0;
	if (m->blocked_ns > HELD_MOST_NS) {
		m->slow = true;
		m->blocked_ns = 0;
		m->caught_ns = 0;
	}
}

/* Nobody counts: all are slow, or were silent for a while. What they don't take is lost, so the best of them sets the pace. */
static const struct member *best_of_few(const struct sender *s)
{
	const struct member *best = NULL;

	for (unsigned int i = 0; i < s->n_few; i++) {
		const struct member *m = &s->members[s->few[i]];

		if (m->heard_ns != 0 && (!best || m->top > best->top))
			best = m;
	}
	return best;
}

static void pace_few(struct sender *s, int64_t now_ns)
{
	uint64_t tops[SENDER_FEW], window = s->window_bytes / poll_packet(s), median;
	const struct member *best;
	uint32_t kib = UINT32_MAX;
	unsigned int n = 0;

	for (unsigned int i = 0; i < s->n_few; i++) {
		struct member *m = &s->members[s->few[i]];

		if (m->heard_ns == 0 || !members_count(s, m, now_ns))
			continue;
		tops[n++] = m->top;
		if (m->buffer_kib < kib && m->buffer_kib >= BUFFER_LEAST)
			kib = m->buffer_kib;
	}
	best = n == 0 ? best_of_few(s) : NULL;
	if (best) {
		tops[n++] = best->top;
		kib = best->buffer_kib;
	}
	if (n > 0)
		set_window(s, kib);
	pace_sort(tops, n);
	median = n > 0 ? tops[n / 2] : 0;
	for (unsigned int i = 0; i < s->n_few && s->stage != WIRE_SLOW; i++) {
		struct member *m = &s->members[s->few[i]];
		bool behind = s->blocked_ns != 0 && m->top + window <= s->sent + SENDER_BURST;
		bool others = n > 1 && s->sent - median < window * 3 / 4;

		if (m->heard_ns != 0 && !m->slow && members_count(s, m, now_ns))
			hold(m, behind && others, s->pace_ns, now_ns);
	}
	s->pace_ns = now_ns;
	s->base_top = n > 0 ? tops[0] : UINT64_MAX;
}

/* Of many, the slowest but a quarter of the last that spoke: one alone, whatever it says, holds nobody back. When none spoke
 * lately the best of them sets the pace. */
static void pace_many(struct sender *s, int64_t now_ns)
{
	uint64_t tops[MARKS_LOOKED_AT], kib[MARKS_LOOKED_AT], best = 0;
	unsigned int n = 0, seen = 0;

	for (unsigned int i = 0; i < s->sight_n && seen < MARKS_LOOKED_AT; i++) {
		const struct sight *t = &s->sights[(s->sight_at + SENDER_SIGHTS - 1 - i) % SENDER_SIGHTS];

		if (t->slow)
			continue;
		seen++;
		best = t->top > best ? t->top : best;
		if (now_ns - t->ns >= MARK_NS)
			continue;
		tops[n] = t->top;
		kib[n++] = t->buffer_kib;
	}
	pace_sort(tops, n);
	pace_sort(kib, n);
	if (n > 0)
		set_window(s, (uint32_t)kib[n / 4]);
	s->base_top = n > 0 ? tops[n / 4] : seen > 0 ? best : UINT64_MAX;
}

void members_pace(struct sender *s, int64_t now_ns)
{
	if (members_few(s))
		pace_few(s, now_ns);
	else
		pace_many(s, now_ns);
}

/* What was lost since the last change of the rate had its effect. Of a few receivers the sender counts itself; the share that one
 * of many tells is that of its last few hundred packets. */
static bool loss_since(struct sender *s, struct member *m, const struct wire_report *r, int64_t now_ns, uint32_t *loss_ppm)
{
	uint64_t all = r->top - m->round_top, heard = r->heard - m->round_heard;
	uint64_t from = s->round_pos > m->away_pos ? s->round_pos : m->away_pos;

	*loss_ppm = r->loss_ppm;
	if (!members_few(s))
		return r->top >= s->round_pos + 2 * ROUND_PACKETS + 2 * poll_apart(s);
	if (r->top < from)
		return false;
	if (m->round_top < from || m->round_ns == 0 || r->top < m->round_top || r->heard < m->round_heard) {
		m->round_top = r->top;
		m->round_heard = r->heard;
		m->round_ns = now_ns;
		return false;
	}
	if (all < ROUND_PACKETS || m->round_told)
		return false;
	*loss_ppm = all > heard ? (uint32_t)((all - heard) * 1000000 / all) : 0;
	s->round_through[s->round_n] = heard * poll_packet(s) * 1000000000u / (uint64_t)(now_ns - m->round_ns + 1);
	m->round_told = true;
	m->round_top = r->top;
	m->round_heard = r->heard;
	m->round_ns = now_ns;
	return true;
}

/* What was sent before the rate changed says nothing of the new one. */
static void round_next(struct sender *s, uint64_t was)
{
	uint64_t change = s->rate.now > was ? s->rate.now - was : was - s->rate.now;

	s->round_n = s->round_pressed = 0;
	s->round_limited = s->round_blocked = false;
	if (change > was / 50)
		s->round_pos = s->sent;
	for (unsigned int i = 0; i < s->n_few; i++)
		s->members[s->few[i]].round_told = false;
}

/* Of a few: does what it tells of its losses count? That of those that live and hold nobody back; where there is none, of the
 * best. `all`: of how many it does. */
static bool tells(const struct sender *s, const struct member *m, int64_t now_ns, unsigned int *all)
{
	*all = 0;
	for (unsigned int i = 0; i < s->n_few; i++) {
		const struct member *other = &s->members[s->few[i]];

		*all += other->heard_ns != 0 && now_ns - other->heard_ns < ALIVE_NS && !other->slow;
	}
	if (*all > 0 && s->stage != WIRE_SLOW)
		return !m->slow;
	*all = 1;
	return m == best_of_few(s);
}

/* The round ends when enough of the marks have told what they lost since the last change of the rate. */
void members_round(struct sender *s, struct member *m, const struct wire_report *r, int64_t now_ns)
{
	bool few = members_few(s), does = !m->slow || s->stage == WIRE_SLOW;
	unsigned int all, need = SENDER_FEW / 2;
	uint64_t was = s->rate.now, loss[SENDER_FEW], through[SENDER_FEW] = { 0 };
	uint32_t lost;

	if (few) {
		does = tells(s, m, now_ns, &all);
		need = (all * 3 + 3) / 4;
	}
	if (!does || s->stage == WIRE_GATHER || s->round_n >= SENDER_FEW || !loss_since(s, m, r, now_ns, &lost))
		return;
	s->round_loss[s->round_n++] = lost;
	s->round_pressed += r->pressed;
	if (s->round_n < need)
		return;
	for (unsigned int i = 0; i < s->round_n; i++) {
		loss[i] = s->round_loss[i];
		through[i] = few ? s->round_through[i] : 0;
	}
	pace_sort(loss, s->round_n);
	pace_sort(through, s->round_n);
	rate_round(&s->rate, (uint32_t)loss[(s->round_n - 1) * 3 / 4], through[s->round_n / 2], s->round_pressed * 2 > s->round_n,
		   s->round_limited && !s->round_blocked, now_ns);
	round_next(s, was);
}
