/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of which block is sent: the interleaved windows of a pass, repairs in between, and how much parity goes along unasked. */
#include "cast/sender_priv.h"

#include "cast/chance.h"

#define BIG_MIN 16 /* as TALK_BIG_MIN: what lacks more than this and than half waits for the next pass */
#define FIRST_WINDOW 2
#define PARITY_STEP 0.2
#define PARITY_QUANTILE 0.7
#define PARITY_MOST 64
#define REPAIRS_MOST 12 /* rounds of a window in a pass; what is lacking then is asked for after it */

static uint16_t size_of(const struct sender *s, uint32_t block)
{
	return layout_block(s->layout, block)->k;
}

void blocks_want(struct sender *s, uint32_t block, uint8_t want)
{
	struct sblock *b = &s->block[block];

	if (b->want == 0)
		s->wanted++;
	if (want > b->want)
		b->want = want;
}

static uint8_t next_index(struct sblock *b)
{
	uint8_t index = b->next;

	b->next = index >= FEC_LAST ? 0 : (uint8_t)(index + 1);
	return index;
}

static void queue_repairs(struct sender *s, uint32_t block, unsigned int n)
{
	struct sblock *b = &s->block[block];

	if (b->queue == 0) {
		s->ring[(s->ring_at + s->ring_n) % s->blocks] = block;
		s->ring_n++;
	}
	b->queue = (uint8_t)(b->queue + n);
}

/* Of each window the first need of a block says that its parity was too little: by so much, at the beginning. */
static void parity_more(struct sender *s, struct sblock *b, unsigned int deficit)
{
	if (s->stage != WIRE_PASS)
		return;
	if (!s->parity_known && deficit + b->extra > s->parity)
		s->parity = deficit + b->extra;
	else if (!b->asked)
		s->parity += PARITY_STEP * PARITY_QUANTILE;
	b->asked = 1;
	if (s->parity > PARITY_MOST)
		s->parity = PARITY_MOST;
}

void blocks_need(struct sender *s, struct member *m, uint64_t top, uint32_t block, uint8_t deficit)
{
	struct sblock *b = &s->block[block];
	unsigned int k = size_of(s, block), d = deficit > k ? k : deficit, coming;

	if (top >= b->last_pos && b->queue == 0)
		b->last_n = 0;
	coming = b->queue + (top < b->last_pos ? b->last_n : 0u);
	if (d > BIG_MIN && d > k / 2) {
		if (m->many && d > coming)
			blocks_want(s, block, d >= k ? SENDER_WHOLE : (uint8_t)d);
		return;
	}
	if (b->want >= d && s->stage == WIRE_PASS) /* its turn comes yet; but who lacks all would keep the others waiting */
		return;
	parity_more(s, b, d);
	if (d <= coming)
		return;
	queue_repairs(s, block, d - coming);
	s->slow_asked = true;
	m->claimed += d - coming;
	s->stirred = true;
}

static void open_window(struct sender *s)
{
	struct window *w = &s->window;

	w->n = w->row = w->at = w->rows = 0;
	w->parity = false;
	if (s->window_most < SENDER_WINDOW) /* the first ones are small: they tell how much parity there should be */
		s->window_most = s->window_most == 0 ? FIRST_WINDOW : s->window_most * 2;
	for (; s->cursor < s->blocks && w->n < s->window_most; s->cursor++) {
		struct sblock *b = &s->block[s->cursor];
		unsigned int k = size_of(s, s->cursor), count;

		if (b->want == 0)
			continue;
		count = b->want == SENDER_WHOLE ? k : b->want;
		w->block[w->n] = s->cursor;
		w->data[w->n] = b->want == SENDER_WHOLE ? (uint16_t)k : 0;
		w->all[w->n] = (uint16_t)count;
		w->count[w->n] = (uint8_t)count;
		if (w->all[w->n] > w->rows)
			w->rows = w->all[w->n];
		b->want = 0;
		b->asked = 0;
		s->wanted--;
		w->n++;
	}
}

static void window_skip(struct window *w) /* the shorter ones have no more */
{
	while (w->row < w->rows && w->row >= w->all[w->at])
		if (++w->at == w->n) {
			w->at = 0;
			w->row++;
		}
}

/* The parity after the window's symbols: as late as can be, when what was asked for meanwhile is known. */
static void window_parity(struct sender *s)
{
	struct window *w = &s->window;

	w->parity = true;
	w->row = w->at = w->rows = 0;
	for (unsigned int i = 0; i < w->n; i++) {
		unsigned int most = FEC_LAST + 1u - size_of(s, w->block[i]);
		unsigned int extra = members_few(s) ? 0 : (unsigned int)(s->parity * w->all[i] / 128 + chance_unit(&s->chance));

		s->block[w->block[i]].extra = (uint8_t)(extra > most ? most : extra);
		w->data[i] = 0;
		w->all[i] = (uint16_t)(extra > most ? most : extra);
		w->rows = w->all[i] > w->rows ? w->all[i] : w->rows;
	}
	window_skip(w);
}

static void close_window(struct sender *s, int64_t now_ns)
{
	struct window *w = &s->window;

	if (s->flight_n == SENDER_FLIGHTS) {
		s->flight_at = (s->flight_at + 1) % SENDER_FLIGHTS;
		s->flight_n--;
	}
	s->flights[(s->flight_at + s->flight_n++) % SENDER_FLIGHTS] =
		(struct flight){ .first = w->block[0], .end = w->block[w->n - 1] + 1, .seq = s->seq, .ns = now_ns };
	for (unsigned int i = 0; i < w->n; i++) {
		s->block[w->block[i]].last_pos = s->sent + s->burst_n + 1;
		s->block[w->block[i]].last_n = w->count[i];
	}
	s->sent_blocks += w->n;
	w->n = 0;
}

static bool window_symbol(struct sender *s, struct sender_symbol *out, int64_t now_ns)
{
	struct window *w = &s->window;

	if (w->n == 0)
		open_window(s);
	if (w->n == 0)
		return false;
	out->block = w->block[w->at];
	if (w->row < w->data[w->at]) {
		out->index = (uint8_t)w->row;
	} else {
		out->index = next_index(&s->block[out->block]);
		s->sent_parity++;
	}
	if (++w->at == w->n) {
		w->at = 0;
		w->row++;
	}
	window_skip(w);
	if (w->row >= w->rows && !w->parity)
		window_parity(s);
	if (w->row >= w->rows)
		close_window(s, now_ns);
	return true;
}

/* What is repaired is asked about once more: repairs are lost too, and a chunk that waits for the end of the pass takes memory.
 */
static void ask_again(struct sender *s, uint32_t block, int64_t now_ns)
{
	for (unsigned int i = 0; i < s->flight_n; i++) {
		struct flight *f = &s->flights[(s->flight_at + i) % SENDER_FLIGHTS];

		if (block < f->first || block >= f->end)
			continue;
		if (f->repaired < REPAIRS_MOST) {
			f->repaired += f->seq != s->seq;
			f->seq = s->seq;
			f->ns = now_ns;
		}
		return;
	}
}

static void repair_symbol(struct sender *s, struct sender_symbol *out, int64_t now_ns)
{
	uint32_t block = s->ring[s->ring_at];
	struct sblock *b = &s->block[block];

	s->ring_at = (s->ring_at + 1) % s->blocks;
	s->ring_n--;
	out->block = block;
	out->index = next_index(b);
	b->queue--;
	if (b->last_n < UINT8_MAX)
		b->last_n++;
	if (b->queue > 0) {
		s->ring[(s->ring_at + s->ring_n) % s->blocks] = block;
		s->ring_n++;
	}
	b->last_pos = s->sent + s->burst_n + 1;
	s->sent_repair++;
	s->sent_parity++;
	ask_again(s, block, now_ns);
	s->stirred = true;
}

bool blocks_left_queued(const struct sender *s)
{
	return s->burst_n > 0 || s->ring_n > 0;
}

bool blocks_left(const struct sender *s)
{
	return s->burst_n > 0 || s->ring_n > 0 || s->window.n > 0 || (s->cursor < s->blocks && s->wanted > 0);
}

void blocks_fill(struct sender *s, int64_t now_ns)
{
	while (s->burst_n < SENDER_BURST) {
		if (s->ring_n > 0)
			repair_symbol(s, &s->burst[s->burst_n], now_ns);
		else if (!window_symbol(s, &s->burst[s->burst_n], now_ns))
			break;
		s->burst_n++;
	}
}

void blocks_sent(struct sender *s, struct sender_out *out)
{
	out->act = SENDER_SEND_DATA;
	out->pass = s->pass;
	out->n = s->burst_n;
	for (unsigned int i = 0; i < s->burst_n; i++)
		out->symbols[i] = s->burst[i];
	s->sent += s->burst_n;
	s->burst_n = 0;
}

/* On to the next blocks that many stragglers are asked about. They will lack there what they lacked here: it is sent unasked. */
void blocks_slow_next(struct sender *s)
{
	uint64_t each = (s->sent_repair - s->slow_begin) / SLOW_BLOCKS;

	if (members_few(s) || s->blocks - s->slow_at <= SLOW_BLOCKS) {
		s->slow_at = s->blocks;
		return;
	}
	s->slow_at += SLOW_BLOCKS;
	s->slow_begin = s->sent_repair;
	for (uint32_t b = s->slow_at; s->slow_asked && each > 0 && b < s->blocks && b < s->slow_at + SLOW_BLOCKS; b++)
		if (s->block[b].queue == 0)
			queue_repairs(s, b, each < size_of(s, b) / 2u ? (unsigned int)each : size_of(s, b) / 2u);
	s->slow_asked = false;
}

/* Who would ask for a window has had the time for it: what was not asked for had parity enough. */
void blocks_settle(struct sender *s, int64_t now_ns)
{
	int64_t wait = (members_few(s) ? 3 : 10) * (int64_t)s->grtt_us * 1000 + 2 * SENDER_MS;

	while (s->flight_n > 0) {
		struct flight *f = &s->flights[s->flight_at];

		if (now_ns - f->ns < wait || s->seq < f->seq + 2)
			return;
		for (uint32_t b = f->first; b < f->end; b++) {
			if (s->block[b].queue > 0)
				return;
			s->parity_known |= !s->block[b].asked || s->parity >= PARITY_MOST / 4;
			if (!s->block[b].asked)
				s->parity -= PARITY_STEP * (1 - PARITY_QUANTILE);
		}
		if (s->parity < 0)
			s->parity = 0;
		s->flight_at = (s->flight_at + 1) % SENDER_FLIGHTS;
		s->flight_n--;
	}
}

void blocks_asked(const struct sender *s, uint32_t *from, uint32_t *to)
{
	const struct flight *last = &s->flights[(s->flight_at + s->flight_n + SENDER_FLIGHTS - 1) % SENDER_FLIGHTS];

	*from = *to = 0;
	if (s->stage == WIRE_SLOW && (s->window.n > 0 || (s->cursor < s->blocks && s->wanted > 0))) {
		*from = s->flight_n > 0 ? s->flights[s->flight_at].first : 0;
		*to = s->flight_n > 0 ? last->end : 0;
	} else if (s->stage == WIRE_SLOW && !members_few(s) && s->slow_at < s->blocks) {
		*from = s->slow_at;
		*to = s->blocks - s->slow_at < SLOW_BLOCKS ? s->blocks : s->slow_at + SLOW_BLOCKS;
	} else if (s->stage == WIRE_ASK || s->stage == WIRE_SLOW) {
		*to = s->blocks;
	} else if (s->stage == WIRE_PASS && s->flight_n > 0) {
		*from = s->flights[s->flight_at].first;
		*to = last->end;
	}
}

uint16_t blocks_promise(const struct sender *s, struct wire_promise *out)
{
	uint16_t n = 0;

	for (unsigned int i = 0; i < s->burst_n; i++)
		if (n > 0 && out[n - 1].block == s->burst[i].block)
			out[n - 1].count++;
		else
			out[n++] = (struct wire_promise){ s->burst[i].block, 1 };
	for (uint32_t i = 0; i < s->ring_n && n < WIRE_PROMISES_MAX; i++) {
		uint32_t block = s->ring[(s->ring_at + i) % s->blocks];

		out[n++] = (struct wire_promise){ block, s->block[block].queue };
	}
	return n;
}
