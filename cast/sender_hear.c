/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who takes part, what they say of themselves, and who of them counts. */
#include "cast/sender_priv.h"

#include "base/mem.h"

#include <string.h>

#define SILENT_POLLS 3 /* that were not answered, and for so long: */
#define SILENT_NS (100 * SENDER_MS)
#define SILENT_SLOW_NS (1500 * SENDER_MS)
#define SILENT_BESIDE_NS (40 * SENDER_MS) /* while others speak */
#define NO_PROGRESS_NS (3000 * SENDER_MS)
#define RTT_MOST_US 2000000
#define CAUGHT_NS (1000 * SENDER_MS) /* who keeps up for so long again counts again */
#define CLAIMS_FREE 4096	     /* symbols that any receiver may ask for, whatever its loss should be */

static bool is_whole(const struct member *m)
{
	return m->state == WIRE_COMPLETE || m->state == WIRE_DONE;
}

static struct member *find(const struct sender *s, uint16_t number)
{
	return s->index[number] != 0 ? &s->members[s->index[number] - 1] : NULL;
}

bool member_straggles(const struct member *m)
{
	return m->slow || m->greedy || m->state == WIRE_LAGGING;
}

uint32_t members_lacking(const struct sender *s)
{
	return s->joined - s->left - s->complete;
}

bool members_few(const struct sender *s)
{
	return members_lacking(s) <= SENDER_FEW;
}

bool sender_join(struct sender *s, uint16_t number, const uint8_t *have, int64_t now_ns)
{
	struct member *m;
	bool lacks = false;

	if (find(s, number) || s->ended || s->stage == WIRE_OVER)
		return false;
	s->members = mem_room(s->members, s->n_members, &s->cap_members, sizeof(*s->members));
	m = &s->members[s->n_members++];
	*m = (struct member){ .number = number, .state = WIRE_READY, .lacking = UINT32_MAX, .many_lacking = UINT32_MAX };
	m->joined_sent = s->sent;
	s->index[number] = (uint32_t)s->n_members;
	s->joined++;
	s->few_stale = true;
	s->news_ns = now_ns;
	if (!have && s->stage == WIRE_GATHER && s->wanted == s->blocks) /* all is wanted already */
		return true;
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
	return true;
}

void sender_leave(struct sender *s, uint16_t number, bool whole, int64_t now_ns)
{
	struct member *m = find(s, number);

	if (!m || m->left)
		return;
	s->complete -= is_whole(m);
	s->whole_left += whole;
	s->left++;
	if (s->stage == WIRE_GATHER && m->heard_ns == 0) /* it is not waited for any more */
		s->ready++;
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
	int64_t since = m->due_ns != 0 ? now_ns - m->due_ns : 0, grtt = (int64_t)s->grtt_us * 1000;

	if (m->due_polls < SILENT_POLLS)
		return false;
	if (s->stage == WIRE_SLOW) /* whose buffer is full answers late, and is not to be flooded for it */
		return since > SILENT_SLOW_NS;
	return since > SILENT_NS + grtt ||
	       (s->stage == WIRE_PASS && since > SILENT_BESIDE_NS && s->any_ns > m->due_ns + SILENT_BESIDE_NS / 2);
}

bool members_count(const struct sender *s, const struct member *m, int64_t now_ns)
{
	if (members_silent(s, m, now_ns))
		return false;
	return s->stage == WIRE_SLOW || !member_straggles(m);
}

bool members_waited(const struct sender *s, int64_t now_ns)
{
	for (unsigned int i = 0; i < s->n_few; i++)
		if (members_count(s, &s->members[s->few[i]], now_ns))
			return true;
	return false;
}

/* A report counts once for each POLL: who speaks more often is heard no better. False: it was. */
static bool see(struct sender *s, struct member *m, const struct wire_report *r, int64_t now_ns)
{
	uint64_t now_us = (uint64_t)now_ns / 1000, rtt = now_us - r->poll_us - r->held_us;

	if (m->sight_seq == s->seq)
		return false;
	m->sight_seq = s->seq;
	if (r->seq == 0 || r->poll_us > now_us)
		rtt = s->grtt_us;
	else if (rtt > RTT_MOST_US)
		rtt = RTT_MOST_US;
	s->sights[s->sight_at] = (struct sight){ now_ns, m->top, (uint32_t)rtt, m->loss_ppm, m->buffer_kib, member_straggles(m) };
	s->sight_at = (s->sight_at + 1) % SENDER_SIGHTS;
	if (s->sight_n < SENDER_SIGHTS)
		s->sight_n++;
	pace_window(s, now_ns);
	return true;
}

/* For people. */
static void count(struct member *m, const struct wire_report *r)
{
	if (m->reports++ == 0) {
		m->first_top = r->top;
		m->first_came = r->heard;
	}
	m->came = r->heard > m->came ? r->heard : m->came;
	m->pressed += r->pressed;
}

static void set_state(struct sender *s, struct member *m, const struct wire_report *r, int64_t now_ns)
{
	uint32_t lacking = r->blocks_lacking < s->blocks ? r->blocks_lacking : s->blocks;
	bool was = is_whole(m);

	m->state = r->state;
	if (is_whole(m) != was) {
		s->complete += is_whole(m) ? 1 : (uint32_t)-1;
		s->few_stale = true;
		if (!m->was_whole) /* once: whoever takes it back is no progress */
			s->news_ns = now_ns;
		m->was_whole = true;
	}
	if (m->heard_ns == 0) {
		s->ready++;
		s->ready_ns = s->ready_ns != 0 ? s->ready_ns : now_ns;
		s->news_ns = now_ns;
	}
	if (lacking < m->lacking) {
		m->lacking = lacking;
		s->progress_ns = now_ns;
		if (s->stage == WIRE_SLOW || m->state != WIRE_LAGGING)
			s->news_ns = now_ns;
	}
	if (is_whole(m) && !was && !m->slow && s->stage != WIRE_SLOW)
		s->first_pass = s->sent;
	if (!is_whole(m) && member_straggles(m))
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

/* What it asked for said nothing of the others: how much parity they need is learned anew. */
static void become_greedy(struct sender *s, struct member *m)
{
	if (!m->greedy)
		s->parity = 0;
	m->greedy = true;
}

/* A receiver may ask for twice what its loss may be; who asks for more does so in its own time. */
static bool heeded(struct sender *s, struct member *m, const struct wire_report *r, int64_t now_ns)
{
	/* Else one that asks and never has more would keep it going for ever. */
	if (s->stage == WIRE_SLOW)
		return now_ns - s->news_ns <= NO_NEWS_SLOW_NS;
	if (s->stage == WIRE_ASK && now_ns - s->progress_ns > NO_PROGRESS_NS)
		return false;
	if (m->claimed > CLAIMS_FREE + (s->sent - m->joined_sent) / 1000 * s->loss_limit / 500)
		become_greedy(s, m);
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
	if (!heeded(s, m, r, now_ns))
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
	uint32_t past = 0;

	if (r->seq > s->seq || r->top > s->sent + SENDER_BURST || r->n_needs > WIRE_NEEDS_MAX)
		return false;
	if (r->rows_from != UINT32_MAX && r->rows_from >= layout_chunks(s->layout))
		return false;
	/* Each block once, and in order, as every receiver says them: else one packet could have us go through all of them 140
	 * times. */
	for (unsigned int i = 0; i < r->n_needs; i++) {
		const struct wire_need *need = &r->needs[i];

		if (need->first < past || need->first >= s->blocks || need->count > s->blocks - need->first || need->deficit == 0)
			return false;
		past = need->first + need->count;
	}
	return true;
}

/* Round and round: else one that always asks for the first is all that is answered. */
static bool rows_sooner(const struct sender *s, uint32_t a, uint32_t b)
{
	return (a >= s->rows_end) == (b >= s->rows_end) ? a < b : a >= s->rows_end;
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
	if (members_silent(s, m, now_ns) && s->any_ns > m->due_ns + SILENT_BESIDE_NS / 2)
		m->away_pos = s->sent; /* what it missed says nothing of the rate */
	count(m, r);
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
	members_list(s);
	catch_up(s, m, now_ns);
	if (see(s, m, r, now_ns))
		members_round(s, m, r, now_ns);
	take_needs(s, m, r, now_ns);
	if (r->rows_from != UINT32_MAX) {
		s->rows_first = s->rows_due && !rows_sooner(s, r->rows_from, s->rows_first) ? s->rows_first : r->rows_from;
		s->rows_due = true;
		s->stirred |= now_ns - s->progress_ns <= NO_PROGRESS_NS; /* else one that asks for ever keeps it going */
	}
	members_pace(s, now_ns);
	return 0;
}

bool sender_look_at(const struct sender *s, uint16_t number, struct sender_receiver_view *out)
{
	const struct member *m = find(s, number);
	uint64_t sent, came;

	if (!m)
		return false;
	sent = m->top > m->first_top ? m->top - m->first_top : 0;
	came = m->came > m->first_came ? m->came - m->first_came : 0;
	*out = (struct sender_receiver_view){
		.sent = sent,
		.came = came < sent ? came : sent, /* it may say what it likes */
		.reports = m->reports,
		.pressed = m->pressed,
		.state = m->state,
		.blocks_lacking = m->lacking,
		.loss_ppm = m->loss_ppm,
		.buffer_kib = m->buffer_kib,
		.heard_ns = m->heard_ns,
		.straggler = member_straggles(m),
	};
	return true;
}
