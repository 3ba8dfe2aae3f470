/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/sender_priv.h"

#include "base/mem.h"
#include "cast/chance.h"

#include <string.h>

#define OVERS 3			     /* how often OVER is said */
#define QUIET_ROUNDS 4		     /* POLLs that nobody had needs for */
#define NO_NEWS_NS (250 * SENDER_MS) /* after so long without progress an ASK ends */
#define NOBODY_NS (500 * SENDER_MS)  /* when no one was heard for so long, nothing more is sent */
#define DESERTED_NS                                                                                                              \
	(10000 * SENDER_MS) /* and after so long it is over: a processor that others use too may stand still for seconds */
#define FIRST_RATE ((uint64_t)32 << 20) /* bytes a second */
#define PASSES 250

struct sender *sender_new(const struct sender_opts *opts, int64_t now_ns)
{
	struct sender *s = mem_zalloc(sizeof(*s));

	s->opts = *opts;
	s->layout = opts->layout;
	s->blocks = layout_blocks(s->layout);
	s->chance = opts->seed;
	s->stage = WIRE_GATHER;
	s->began_ns = s->stage_ns = s->news_ns = now_ns;
	s->block = mem_array(s->blocks, sizeof(*s->block));
	s->ring = mem_array(s->blocks, sizeof(*s->ring));
	s->index = mem_array(65536, sizeof(*s->index));
	for (uint32_t b = 0; b < s->blocks; b++)
		s->block[b].next = (uint8_t)layout_block(s->layout, b)->k;
	s->grtt_us = 5000;
	s->loss_limit = 20000;
	s->base_top = UINT64_MAX;
	s->window_grown = s->window_bytes = opts->window_bytes != 0 ? opts->window_bytes : 256 * 1024;
	rate_init(&s->rate, opts->rate_first != 0 ? opts->rate_first : FIRST_RATE, opts->rate_max, now_ns);
	return s;
}

void sender_free(struct sender *s)
{
	if (!s)
		return;
	free(s->block);
	free(s->ring);
	free(s->index);
	free(s->members);
	free(s);
}

void sender_limit(struct sender *s, uint64_t rate_max)
{
	s->opts.rate_max = s->rate.max = rate_max;
	if (s->rate.now > rate_max)
		s->rate.now = rate_max;
}

void sender_start(struct sender *s, int64_t now_ns)
{
	(void)now_ns;
	s->start = true;
}

void sender_stop(struct sender *s, int64_t now_ns)
{
	if (s->stage != WIRE_OVER)
		sender_turn(s, WIRE_OVER, now_ns);
}

void sender_turn(struct sender *s, enum wire_stage stage, int64_t now_ns)
{
	if (stage == WIRE_PASS) {
		s->pass += s->pass < PASSES;
		s->cursor = 0;
		s->to_send = s->wanted;
		s->sent_blocks = 0;
		s->flight_n = 0;
	}
	if (stage == WIRE_ASK && s->stage == WIRE_PASS)
		s->poll_soon = true;
	if (stage == WIRE_SLOW) {
		s->cursor = s->blocks;
		s->slow_at = 0;
		s->slow_begin = s->sent_repair;
		s->slow_asked = false;
	}
	s->stage = stage;
	s->round_pos = s->sent + 1; /* between two stages nothing is sent: that is no sign of a slow network */
	s->round_n = s->round_pressed = 0;
	s->stage_ns = s->news_ns = s->progress_ns = now_ns;
	s->quiet = 0;
	s->idle_ns = 0;
	s->overs = 0;
	s->few_stale = true;
	s->poll_next = true;
}

static void gather(struct sender *s, int64_t now_ns)
{
	int64_t longest = s->opts.gather_ns > s->opts.empty_ns ? s->opts.gather_ns : s->opts.empty_ns;
	uint32_t enough = s->opts.expected > 0 ? s->opts.expected : 1;

	if (s->start || s->ready >= enough || (s->ready_ns != 0 && now_ns - s->ready_ns >= s->opts.gather_ns))
		sender_turn(s, WIRE_PASS, now_ns);
	else if (s->ready_ns == 0 && now_ns - s->began_ns >= longest)
		sender_turn(s, WIRE_OVER, now_ns);
}

/* Nobody lacks anything whom more sending would help: it is over, or open for those that come late. */
static void idle(struct sender *s, int64_t now_ns)
{
	if (s->idle_ns == 0)
		s->idle_ns = now_ns;
	if (now_ns - s->idle_ns >= s->opts.empty_ns)
		sender_turn(s, WIRE_OVER, now_ns);
}

static bool deserted(const struct sender *s, int64_t now_ns)
{
	int64_t last = s->any_ns > s->stage_ns ? s->any_ns : s->stage_ns,
		most = s->opts.empty_ns > DESERTED_NS ? s->opts.empty_ns : DESERTED_NS;

	return now_ns - last > most;
}

static void pass(struct sender *s, int64_t now_ns)
{
	if (!blocks_left(s) || members_lacking(s) == 0)
		sender_turn(s, WIRE_ASK, now_ns);
	else if (deserted(s, now_ns))
		sender_turn(s, WIRE_OVER, now_ns);
}

/* Who lacks something yet and may get it: nobody of a few, or of many nobody who was heard to be a straggler. */
static bool stragglers(const struct sender *s, int64_t now_ns)
{
	if (members_lacking(s) == 0)
		return false;
	if (!members_few(s))
		return s->straggler_ns != 0 && now_ns - s->straggler_ns < 2 * NO_NEWS_SLOW_NS;
	for (unsigned int i = 0; i < s->n_few; i++)
		if (!members_silent(s, &s->members[s->few[i]], now_ns))
			return true;
	return false;
}

static void ask(struct sender *s, int64_t now_ns)
{
	bool quiet = s->quiet > QUIET_ROUNDS && now_ns - s->news_ns > NO_NEWS_NS + 2 * (int64_t)s->grtt_us * 1000;

	if (members_lacking(s) == 0) { /* whatever some that left had wanted */
		idle(s, now_ns);
		return;
	}
	if (blocks_left_queued(s))
		return;
	if (members_few(s) && !members_waited(s, now_ns))
		quiet = true;
	if (s->wanted > 0 && (quiet || s->quiet > 1))
		sender_turn(s, WIRE_PASS, now_ns);
	else if (quiet && stragglers(s, now_ns))
		sender_turn(s, WIRE_SLOW, now_ns);
	else if (quiet)
		idle(s, now_ns);
	else
		s->idle_ns = 0;
}

static void slow(struct sender *s, int64_t now_ns)
{
	if (members_lacking(s) == 0) { /* whatever is in the queues: nobody needs it */
		idle(s, now_ns);
		return;
	}
	if (blocks_left_queued(s) || s->window.n > 0 || (s->cursor < s->blocks && s->wanted > 0))
		return;
	if (s->slow_at < s->blocks && s->quiet > 1) {
		blocks_slow_next(s);
		s->quiet = 0;
		s->news_ns = now_ns;
		s->poll_next = true;
	} else if (s->wanted > 0 && s->quiet > 1) {
		s->pass += s->pass < PASSES;
		s->cursor = 0;
		s->flight_n = 0;
	} else if (!stragglers(s, now_ns) || now_ns - s->news_ns > NO_NEWS_SLOW_NS) {
		idle(s, now_ns);
	} else {
		s->idle_ns = 0;
	}
}

/* One step from stage to stage; each has an end of its own. */
static void turn(struct sender *s, int64_t now_ns)
{
	members_list(s);
	/* What is queued then is never sent, and would be waited for. */
	if ((s->stage == WIRE_ASK || s->stage == WIRE_SLOW) && deserted(s, now_ns))
		sender_turn(s, WIRE_OVER, now_ns);
	switch (s->stage) {
	case WIRE_GATHER:
		gather(s, now_ns);
		break;
	case WIRE_PASS:
		pass(s, now_ns);
		break;
	case WIRE_ASK:
		ask(s, now_ns);
		break;
	case WIRE_SLOW:
		slow(s, now_ns);
		break;
	case WIRE_OVER:
		s->ended = s->overs >= OVERS;
		break;
	}
}

/* DATA, if there is some and window and rate let it go; else when to look again. */
static int64_t data(struct sender *s, int64_t now_ns, struct sender_out *out)
{
	int64_t last = s->any_ns > s->stage_ns ? s->any_ns : s->stage_ns, when;

	if (s->stage == WIRE_GATHER || s->stage == WIRE_OVER || members_lacking(s) == 0 || !blocks_left(s))
		return INT64_MAX;
	if (now_ns - last > NOBODY_NS)
		return now_ns + 20 * SENDER_MS;
	members_pace(s, now_ns);
	if (poll_blocked(s)) {
		s->blocked_ns = s->blocked_ns != 0 ? s->blocked_ns : now_ns;
		s->round_blocked = true;
		return now_ns + 2 * SENDER_MS;
	}
	s->blocked_ns = 0;
	blocks_fill(s, now_ns);
	when = rate_take(&s->rate, s->burst_n * poll_packet(s), now_ns);
	if (when != 0) {
		s->round_limited = true;
		return when;
	}
	blocks_sent(s, out);
	return 0;
}

/* When the stage ends although nothing is heard. */
static int64_t stage_end(const struct sender *s)
{
	if (s->stage == WIRE_GATHER && s->ready_ns != 0)
		return s->ready_ns + s->opts.gather_ns;
	return s->idle_ns != 0 ? s->idle_ns + s->opts.empty_ns : INT64_MAX;
}

static bool rows(struct sender *s, int64_t now_ns, struct sender_out *out)
{
	uint32_t left = layout_chunks(s->layout) - s->rows_first;

	if (!s->rows_due || now_ns < s->rows_ns || s->stage == WIRE_OVER)
		return false;
	out->act = SENDER_SEND_ROWS;
	out->rows_first = s->rows_first;
	out->rows_n = left < WIRE_ROWS_MAX ? left : WIRE_ROWS_MAX;
	s->rows_due = false;
	s->rows_end = s->rows_first + out->rows_n;
	s->rows_ns = now_ns + 2 * SENDER_MS + (int64_t)s->grtt_us * 1000;
	return true;
}

void sender_next(struct sender *s, int64_t now_ns, struct sender_out *out)
{
	int64_t due, later;

	turn(s, now_ns);
	out->n = 0;
	if (s->ended) {
		out->act = SENDER_ENDED;
		return;
	}
	blocks_settle(s, now_ns);
	due = s->poll_next ? now_ns : poll_due(s, now_ns);
	if (due <= now_ns) {
		s->poll_next = false;
		out->act = SENDER_SEND_POLL;
		poll_write(s, now_ns, &out->poll);
		return;
	}
	if (rows(s, now_ns, out))
		return;
	later = data(s, now_ns, out);
	if (later == 0)
		return;
	out->act = SENDER_WAIT;
	out->until_ns = later < due ? later : due;
	if (s->rows_due && s->stage != WIRE_OVER && s->rows_ns < out->until_ns)
		out->until_ns = s->rows_ns;
	if (stage_end(s) > now_ns && stage_end(s) < out->until_ns)
		out->until_ns = stage_end(s);
}

void sender_look(const struct sender *s, struct sender_view *out)
{
	*out = (struct sender_view){
		.stage = s->stage,
		.pass = s->pass,
		.data_packets = s->sent,
		.parity_packets = s->sent_parity,
		.repair_packets = s->sent_repair,
		.first_pass_packets = s->first_pass,
		.nacks = s->nacks,
		.rounds = s->rounds,
		.nack_rounds = s->nack_rounds,
		.nacks_worst = s->nacks_worst,
		.rate = s->rate.now,
		.joined = s->joined,
		.complete = s->complete + s->whole_left,
		.left = s->left,
		.blocks_to_send = s->to_send,
		.blocks_sent = s->sent_blocks,
		.grtt_us = s->grtt_us,
		.loss_ppm = s->loss_ppm,
	};
	for (size_t i = 0; i < s->n_members; i++) {
		const struct member *m = &s->members[i];

		if (m->left || m->state == WIRE_COMPLETE || m->state == WIRE_DONE)
			continue;
		out->lagging += member_straggles(m);
		out->silent += m->heard_ns == 0 || (m->due_ns != 0 && members_silent(s, m, s->poll_ns));
	}
}
