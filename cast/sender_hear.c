/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who takes part, what they say of themselves, and who of them counts. */
#include "cast/sender_priv.h"

#include "base/mem.h"

#include <string.h>

#define SILENT_POLLS 3 /* that were not answered, and for so long: */
#define SILENT_NS (100 * SENDER_MS)
#define SILENT_SLOW_NS (1500 * SENDER_MS)
#define SILENT_BESIDE_NS (40 * SENDER_MS) /* while others speak */
#define HELD_MOST_NS (40 * SENDER_MS)	  /* so long may one hold the others back, beyond 30 % of the time */
#define CAUGHT_NS (1000 * SENDER_MS)	  /* who keeps up for so long again counts again */
#define CLAIMS_FREE 4096		  /* symbols that any receiver may ask for, whatever its loss should be */
#define ROUND_PACKETS 200		  /* of fewer, no share is told */
#define MARKS_LOOKED_AT 8		  /* of many: the slowest of so many reports */

static bool is_whole(const struct member *m)
{
	return m->state == WIRE_COMPLETE || m->state == WIRE_DONE;
}

static struct member *find(const struct sender *s, uint16_t number)
{
	return s->index[number] != 0 ? &s->members[s->index[number] - 1] : NULL;
}

uint32_t members_lacking(const struct sender *s)
{
	return s->joined - s->left - s->complete;
}

bool members_few(const struct sender *s)
{
	return members_lacking(s) <= SENDER_FEW;
}

void sender_join(struct sender *s, uint16_t number, const uint8_t *have, int64_t now_ns)
{
	struct member *m;
	bool lacks = false;

	if (find(s, number) || s->ended || s->stage == WIRE_OVER)
		return;
	s->members = mem_room(s->members, s->n_members, &s->cap_members, sizeof(*s->members));
	m = &s->members[s->n_members++];
	*m = (struct member){ .number = number, .state = WIRE_READY, .lacking = UINT32_MAX, .many_lacking = UINT32_MAX };
	m->joined_sent = s->sent;
	s->index[number] = (uint32_t)s->n_members;
	s->joined++;
	s->few_stale = true;
	s->news_ns = now_ns;
	/* What the pass is past is asked for afterwards, by the receiver. */
	for (uint32_t c = 0; c < layout_chunks(s->layout); c++) {
		uint32_t n, first;

		if (have && (have[c / 8] >> (c % 8) & 1))
			continue;
		lacks = true;
		first = layout_chunk_block(s->layout, c, &n);
		for (uint32_t b = first; b < first + n; b++)
			if (b >= s->cursor || s->stage == WIRE_ASK || s->stage == WIRE_SLOW)
				blocks_want(s, b, SENDER_WHOLE);
	}
	if (lacks && (s->stage == WIRE_ASK || s->stage == WIRE_SLOW))
		sender_turn(s, WIRE_PASS, now_ns);
}

void sender_leave(struct sender *s, uint16_t number, bool whole, int64_t now_ns)
{
	struct member *m = find(s, number);

	if (!m || m->left)
		return;
	s->complete -= is_whole(m);
	s->whole_left += whole;
	s->left++;
	m->left = true;
	s->few_stale = true;
	s->news_ns = now_ns;
}

/* The list of those that lack something, when they are few. */
void members_list(struct sender *s)
{
	if (!s->few_stale)
		return;
	s->few_stale = false;
	s->n_few = 0;
	if (!members_few(s))
		return;
	for (size_t i = 0; i < s->n_members && s->n_few < SENDER_FEW; i++)
		if (!s->members[i].left && !is_whole(&s->members[i]))
			s->few[s->n_few++] = (uint32_t)i;
}

bool members_silent(const struct sender *s, const struct member *m, int64_t now_ns)
{
	int64_t since = m->due_ns != 0 ? now_ns - m->due_ns : 0;

	if (m->due_polls < SILENT_POLLS)
		return false;
	if (s->stage == WIRE_SLOW) /* whose buffer is full answers late, and is not to be flooded for it */
		return since > SILENT_SLOW_NS;
	return since > SILENT_NS ||
	       (s->stage == WIRE_PASS && since > SILENT_BESIDE_NS && s->any_ns > m->due_ns + SILENT_BESIDE_NS / 2);
}

static bool counts(const struct sender *s, const struct member *m, int64_t now_ns)
{
	if (members_silent(s, m, now_ns))
		return false;
	return s->stage == WIRE_SLOW || (!m->slow && !m->greedy && m->state != WIRE_LAGGING);
}

bool members_waited(const struct sender *s, int64_t now_ns)
{
	for (unsigned int i = 0; i < s->n_few; i++)
		if (counts(s, &s->members[s->few[i]], now_ns))
			return true;
	return false;
}

static void sort(uint64_t *v, unsigned int n)
{
	for (unsigned int i = 1; i < n; i++)
		for (unsigned int j = i; j > 0 && v[j] < v[j - 1]; j--) {
			uint64_t t = v[j];

			v[j] = v[j - 1];
			v[j - 1] = t;
		}
}

static void set_window(struct sender *s, uint32_t kib)
{
	uint64_t half = (uint64_t)kib * 512, least = 2 * (uint64_t)SENDER_BURST * poll_packet(s);

	if (s->opts.window_bytes != 0)
		half = s->opts.window_bytes;
	s->window_bytes = (uint32_t)(half < least ? least : half > UINT32_MAX ? UINT32_MAX : half);
}

/* One that holds back those who could go on, for more than three tenths of the time, is a straggler. */
static void hold(struct sender *s, struct member *m, bool holds, int64_t since_ns, int64_t now_ns)
{
	m->blocked_ns += (holds ? now_ns - since_ns : 0) - (now_ns - since_ns) * 3 / 10;
	if (m->blocked_ns < 0)
		m->blocked_ns = 0;
	if (m->blocked_ns > HELD_MOST_NS) {
		m->slow = true;
		m->blocked_ns = 0;
		m->caught_ns = 0;
	}
	(void)s;
}

static void pace_few(struct sender *s, int64_t now_ns)
{
	uint64_t tops[SENDER_FEW], window = s->window_bytes / poll_packet(s), median;
	uint32_t kib = UINT32_MAX;
	unsigned int n = 0;

	for (unsigned int i = 0; i < s->n_few; i++) {
		struct member *m = &s->members[s->few[i]];

		if (m->heard_ns == 0 || !counts(s, m, now_ns))
			continue;
		tops[n++] = m->top;
		if (m->buffer_kib < kib)
			kib = m->buffer_kib;
	}
	if (n > 0)
		set_window(s, kib);
	sort(tops, n);
	median = n > 0 ? tops[n / 2] : 0;
	for (unsigned int i = 0; i < s->n_few && s->stage == WIRE_PASS; i++) {
		struct member *m = &s->members[s->few[i]];
		bool behind = s->blocked_ns != 0 && m->top + window <= s->sent + SENDER_BURST;
		bool others = n > 1 && s->sent - median < window * 3 / 4;

		if (m->heard_ns != 0 && !m->slow && counts(s, m, now_ns))
			hold(s, m, behind && others, s->pace_ns, now_ns);
	}
	s->pace_ns = now_ns;
	s->base_top = n > 0 ? tops[0] : UINT64_MAX;
}

/* Of many, the slowest of the last few that spoke. */
static void pace_many(struct sender *s, int64_t now_ns)
{
	uint64_t least = UINT64_MAX;

	for (unsigned int i = 0; i < s->sight_n && i < MARKS_LOOKED_AT; i++) {
		const struct sight *t = &s->sights[(s->sight_at + SENDER_SIGHTS - 1 - i) % SENDER_SIGHTS];

		if (now_ns - t->ns < SILENT_NS && t->top < least)
			least = t->top;
	}
	s->base_top = least;
}

void members_pace(struct sender *s, int64_t now_ns)
{
	if (members_few(s))
		pace_few(s, now_ns);
	else
		pace_many(s, now_ns);
}

static void see(struct sender *s, const struct member *m, const struct wire_report *r, int64_t now_ns)
{
	uint64_t now_us = (uint64_t)now_ns / 1000, rtt = now_us - r->poll_us - r->held_us;

	if (r->seq == 0 || r->poll_us > now_us || rtt > 2000000)
		rtt = s->grtt_us;
	s->sights[s->sight_at] = (struct sight){ now_ns, m->top, (uint32_t)rtt, m->loss_ppm };
	s->sight_at = (s->sight_at + 1) % SENDER_SIGHTS;
	if (s->sight_n < SENDER_SIGHTS)
		s->sight_n++;
}

/* What was lost since the last change of the rate had its effect. Of a few receivers the sender counts itself; the share that one
 * of many tells is that of its last few hundred packets. */
static bool loss_since(struct sender *s, struct member *m, const struct wire_report *r, int64_t now_ns, uint32_t *loss_ppm)
{
	uint64_t all = r->top - m->round_top, heard = r->heard - m->round_heard;

	*loss_ppm = r->loss_ppm;
	if (!members_few(s))
		return r->top >= s->round_pos + 2 * ROUND_PACKETS + 2 * poll_apart(s);
	if (r->top < s->round_pos)
		return false;
	if (m->round_top < s->round_pos || m->round_ns == 0 || r->top < m->round_top || r->heard < m->round_heard) {
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

/* The round ends when enough of the marks have told what they lost since the last change of the rate. */
static void round_over(struct sender *s, struct member *m, const struct wire_report *r, int64_t now_ns)
{
	unsigned int need = members_few(s) ? (s->n_few * 3 + 3) / 4 : SENDER_FEW / 2;
	uint64_t was = s->rate.now, loss[SENDER_FEW], through[SENDER_FEW] = { 0 };
	uint32_t lost;

	if ((m->slow && s->stage != WIRE_SLOW) || s->stage == WIRE_GATHER || s->round_n >= SENDER_FEW ||
	    !loss_since(s, m, r, now_ns, &lost))
		return;
	s->round_loss[s->round_n++] = lost;
	s->round_pressed += r->pressed;
	if (s->round_n < need)
		return;
	for (unsigned int i = 0; i < s->round_n; i++) {
		loss[i] = s->round_loss[i];
		through[i] = members_few(s) ? s->round_through[i] : 0;
	}
	sort(loss, s->round_n);
	sort(through, s->round_n);
	rate_round(&s->rate, (uint32_t)loss[(s->round_n - 1) * 3 / 4], through[s->round_n / 2], s->round_pressed * 2 > s->round_n,
		   s->round_limited && !s->round_blocked, now_ns);
	round_next(s, was);
}

static void set_state(struct sender *s, struct member *m, const struct wire_report *r, int64_t now_ns)
{
	uint32_t lacking = r->blocks_lacking < s->blocks ? r->blocks_lacking : s->blocks;
	bool was = is_whole(m);

	m->state = r->state;
	if (is_whole(m) != was) {
		s->complete += is_whole(m) ? 1 : (uint32_t)-1;
		s->few_stale = true;
		s->news_ns = now_ns;
	}
	if (m->heard_ns == 0) {
		s->ready++;
		s->ready_ns = s->ready_ns != 0 ? s->ready_ns : now_ns;
		s->news_ns = now_ns;
	}
	if (lacking < m->lacking) {
		m->lacking = lacking;
		if (s->stage == WIRE_SLOW || m->state != WIRE_LAGGING)
			s->news_ns = now_ns;
	}
	if (is_whole(m) && !was && !m->slow && s->stage != WIRE_SLOW)
		s->first_pass = s->sent;
	if (!is_whole(m) && (m->slow || m->greedy || m->state == WIRE_LAGGING))
		s->straggler_ns = now_ns;
}

/* Who keeps up again for a while counts again. */
static void catch_up(struct sender *s, struct member *m, int64_t now_ns)
{
	uint64_t window = s->window_bytes / poll_packet(s);

	if (!m->slow)
		return;
	if (m->top + window / 2 < s->poll_sent || m->loss_ppm > s->loss_limit)
		m->caught_ns = 0;
	else if (m->caught_ns == 0)
		m->caught_ns = now_ns;
	else if (now_ns - m->caught_ns > CAUGHT_NS)
		m->slow = false;
}

/* A receiver may ask for twice what its loss may be; who asks for more does so in its own time. */
static bool heeded(const struct sender *s, struct member *m, const struct wire_report *r)
{
	if (s->stage == WIRE_SLOW)
		return true;
	if (m->claimed > CLAIMS_FREE + (s->sent - m->joined_sent) / 1000 * s->loss_limit / 500)
		m->greedy = true;
	return !m->greedy && !m->slow && !(r->pressed && s->stage == WIRE_PASS);
}

/* All that it lacks: once in a pass, and in the next one only when it has got something. */
static bool may_have_many(const struct sender *s, struct member *m)
{
	if (s->stage != WIRE_ASK && s->stage != WIRE_SLOW)
		return false;
	if (m->many_pass == s->pass && m->many)
		return true;
	if (m->lacking >= m->many_lacking)
		return false;
	m->many_lacking = m->lacking;
	m->many_pass = s->pass;
	return true;
}

static void take_needs(struct sender *s, struct member *m, const struct wire_report *r, int64_t now_ns)
{
	uint64_t claimed = m->claimed;
	uint32_t wanted = s->wanted;

	if (r->n_needs == 0 || r->seq <= m->nack_seq)
		return;
	m->nack_seq = r->seq;
	s->nack_rounds += s->nacks_now == 0;
	s->nacks++;
	if (++s->nacks_now > s->nacks_worst)
		s->nacks_worst = s->nacks_now;
	if (!heeded(s, m, r))
		return;
	m->many = may_have_many(s, m);
	for (unsigned int i = 0; i < r->n_needs; i++)
		for (uint32_t b = r->needs[i].first; b < r->needs[i].first + r->needs[i].count; b++)
			blocks_need(s, m, m->top, b, r->needs[i].deficit);
	if (m->claimed != claimed || s->wanted != wanted) {
		s->poll_soon = true;
		s->stirred = true;
		if (s->stage != WIRE_SLOW)
			s->news_ns = now_ns;
	}
}

static bool sane(const struct sender *s, const struct wire_report *r)
{
	if (r->seq > s->seq || r->top > s->sent + SENDER_BURST || r->n_needs > WIRE_NEEDS_MAX)
		return false;
	if (r->rows_from != UINT32_MAX && r->rows_from >= layout_chunks(s->layout))
		return false;
	for (unsigned int i = 0; i < r->n_needs; i++)
		if (r->needs[i].first >= s->blocks || r->needs[i].count > s->blocks - r->needs[i].first ||
		    r->needs[i].deficit == 0)
			return false;
	return true;
}

int sender_heard(struct sender *s, uint16_t number, const struct wire_report *r, int64_t now_ns)
{
	struct member *m = find(s, number);

	if (!m || m->left || s->ended)
		return 0;
	if (!sane(s, r))
		return -1;
	if (r->seq < m->seq) /* overtaken by a later one */
		return 0;
	set_state(s, m, r, now_ns);
	m->seq = r->seq;
	m->top = r->top > m->top ? r->top : m->top;
	m->loss_ppm = r->loss_ppm;
	m->buffer_kib = r->buffer_kib;
	m->heard_ns = s->any_ns = now_ns;
	m->due_ns = 0;
	m->due_polls = 0;
	if (is_whole(m))
		return 0;
	see(s, m, r, now_ns);
	members_list(s);
	catch_up(s, m, now_ns);
	round_over(s, m, r, now_ns);
	take_needs(s, m, r, now_ns);
	if (r->rows_from != UINT32_MAX) {
		s->rows_first = s->rows_due && s->rows_first < r->rows_from ? s->rows_first : r->rows_from;
		s->rows_due = true;
		s->stirred = true;
	}
	members_pace(s, now_ns);
	return 0;
}

bool sender_look_at(const struct sender *s, uint16_t number, struct sender_receiver_view *out)
{
	const struct member *m = find(s, number);

	if (!m)
		return false;
	*out = (struct sender_receiver_view){
		.state = m->state,
		.blocks_lacking = m->lacking,
		.loss_ppm = m->loss_ppm,
		.buffer_kib = m->buffer_kib,
		.heard_ns = m->heard_ns,
		.straggler = m->slow || m->greedy || m->state == WIRE_LAGGING,
	};
	return true;
}
