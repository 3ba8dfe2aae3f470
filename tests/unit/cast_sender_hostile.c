/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cast/sender and one receiver, of four and of forty, that says what it likes in its reports, as often as it likes: the others
 * have everything in the time that they would need without it. On virtual time, with the whole of cast/receiver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lab/castsim_few.h"

#define LINK 125e6
#define BYTES ((uint64_t)96 << 20)
#define MORE ((uint64_t)256 << 20) /* where what each may ask for freely would count for much */
#define AT_MOST 1.1
#define OVER_MOST 8 /* seconds more, until the sender is done with the one who lies */

enum lie {
	HONEST,
	LACKS_ALL,  /* for ever, and asks for it */
	LACKS_SOME, /* of each block that is asked about, and never gets it */
	LOSES_ALL,  /* hears nothing */
	LOSES_HALF, /* by what it says of itself; asks for what it would lack then */
	PRESSED,    /* its disk never takes anything, its buffer holds nothing */
	STAYS,	    /* it is past nothing of what was sent */
	CREEPS,	    /* a window behind */
	IS_AHEAD,   /* has more than was sent */
	FLAPS,	    /* is whole, and lacks all, in turn */
	IS_FAR,	    /* two seconds away, as the clock says that it echoes */
	WANTS_ROWS, /* from the first on */
	TAKES_BACK, /* has less each time */
	N_LIES
};
static const char *const names[] = { "honest", "lacks all", "lacks some", "loses all", "loses half", "pressed",	  "stays",
				     "creeps", "is ahead",  "flaps",	  "is far",    "wants rows", "takes back" };

struct hostile {
	enum lie lie;
	unsigned int times; /* reports for each POLL */
	uint32_t who;
	uint64_t said, top;
};

/* The world's cast, and the one who lies behind it. */
struct play {
	struct cast cast; /* the first: what is called with it gets the play */
	struct few few;
	struct hostile h;
};

static void lie(struct play *p, const struct wire_poll *poll)
{
	const uint32_t blocks = layout_blocks(p->few.layout);
	struct hostile *h = &p->h;
	struct wire_report r = { .seq = poll->seq,
				 .poll_us = poll->now_us,
				 .heard = poll->sent,
				 .top = poll->sent,
				 .buffer_kib = 4096,
				 .blocks_lacking = blocks,
				 .rows_from = UINT32_MAX,
				 .state = poll->stage == WIRE_GATHER ? WIRE_READY : WIRE_RECEIVING };

	h->said++;
	switch (h->lie) {
	case HONEST:
	case N_LIES:
		return;
	case LACKS_ALL:
		r.needs[r.n_needs++] = (struct wire_need){ 0, blocks, 255 };
		break;
	case LACKS_SOME:
		if (poll->asked_to > poll->asked_from)
			r.needs[r.n_needs++] = (struct wire_need){ poll->asked_from, poll->asked_to - poll->asked_from, 16 };
		break;
	case LOSES_ALL:
		r.loss_ppm = 1000000;
		r.heard = 0;
		break;
	case LOSES_HALF:
		r.loss_ppm = 500000;
		r.heard /= 2;
		if (poll->asked_to > poll->asked_from)
			r.needs[r.n_needs++] = (struct wire_need){ poll->asked_from, poll->asked_to - poll->asked_from, 64 };
		break;
	case PRESSED:
		r.pressed = true;
		r.buffer_kib = 0;
		break;
	case STAYS:
		r.top = r.heard = 0;
		break;
	case CREEPS:
		h->top = poll->sent > 1400 ? poll->sent - 1400 : 0;
		r.top = r.heard = h->top;
		break;
	case IS_AHEAD:
		r.top = r.heard = poll->sent + SENDER_BURST;
		break;
	case FLAPS:
		if (h->said % 2)
			r.state = WIRE_COMPLETE;
		else
			r.needs[r.n_needs++] = (struct wire_need){ 0, blocks, 255 };
		r.blocks_lacking = h->said % 2 ? 0 : blocks;
		break;
	case IS_FAR:
		r.poll_us -= r.poll_us > 1900000 ? 1900000 : r.poll_us;
		break;
	case WANTS_ROWS:
		r.rows_from = 0;
		break;
	case TAKES_BACK:
		r.blocks_lacking = (uint32_t)(h->said % blocks);
		r.heard = r.top - (h->said * 45) % (r.top + 1);
		break;
	}
	world_report(&p->cast, h->who, &r);
}

static void play_poll(struct cast *c, const struct wire_poll *poll)
{
	struct play *p = (struct play *)c;

	few_poll(c, poll);
	for (unsigned int i = 0; i < p->h.times && p->h.lie != HONEST; i++)
		lie(p, poll);
}

struct result {
	double seconds; /* until the honest ones had all */
	double over;
	uint64_t sent;
};

static struct result run(enum lie l, unsigned int n, unsigned int times, double loss, uint64_t bytes)
{
	struct world w = { .link = { .bytes_s = LINK, .queue_bytes = 500e3, .delay_ns = 100 * US }, .chance = 7, .now = SECOND };
	struct play p = { .h = { .lie = l, .times = times, .who = n - 1 } };
	struct sender_view v;
	struct result out = { 0 };
	int64_t whole;
	bool ends;

	few_new(&p.few, &p.cast, &w, bytes, n, w.now);
	p.cast.poll = play_poll;
	for (unsigned int i = 0; i < n; i++)
		few_add(&p.cast, NULL, loss, 300e6);
	p.few.all[n - 1].stopped = l != HONEST;
	ends = world_run(&w, w.now + 20 * SECOND);
	whole = few_whole(&p.few, n - 1);
	sender_look(p.cast.sender, &v);
	out.seconds = whole ? (double)(whole - p.cast.begin_ns) * 1e-9 : 1e9;
	out.over = ends ? (double)(p.cast.end_ns - p.cast.begin_ns) * 1e-9 : 1e9;
	out.sent = v.data_packets;
	world_free(&w);
	few_free(&p.few, &p.cast);
	return out;
}

static bool one_lies(enum lie l, unsigned int n, unsigned int times, double loss, const struct result *honest, uint64_t bytes)
{
	const struct result r = run(l, n, times, loss, bytes);
	const double ratio = r.seconds / honest->seconds;

	printf("%u receivers, %u reports a POLL, loss %.0f %%, one %s: %.3f s, %.2f times; over after %.3f s, sent %.2f times\n",
	       n, times, loss * 100, names[l], r.seconds, ratio, r.over, (double)r.sent / (double)honest->sent);
	return ratio <= AT_MOST && r.over < honest->over + OVER_MOST;
}

static void all_lies(unsigned int n, unsigned int times, double loss)
{
	const struct result honest = run(HONEST, n, 0, loss, BYTES), more = run(HONEST, n, 0, loss, MORE);
	bool good = true;

	for (enum lie l = HONEST + 1; l < N_LIES; l++)
		good &= l == LACKS_SOME ? one_lies(l, n, times, loss, &more, MORE) : one_lies(l, n, times, loss, &honest, BYTES);
	assert_true(good);
}

static void test_of_four(void **state)
{
	(void)state;
	all_lies(4, 1, 0);
	all_lies(4, 1, 0.01);
}

static void test_of_four_often(void **state)
{
	(void)state;
	all_lies(4, 50, 0);
}

static void test_of_forty(void **state)
{
	(void)state;
	all_lies(40, 1, 0);
	all_lies(40, 1, 0.01);
}

static void test_of_forty_often(void **state)
{
	(void)state;
	all_lies(40, 50, 0);
}

/* One asks for the first digests in each report: another, who asks for later ones, is answered too. */
static void test_rows(void **state)
{
	struct sender_opts o = { .expected = 2, .gather_ns = SECOND, .seed = 3 };
	struct wire_report r = { .buffer_kib = 4096, .blocks_lacking = 1, .state = WIRE_READY };
	struct sender_out out = { 0 };
	struct layout *l = NULL;
	struct err err = { 0 };
	bool answered = false;
	struct sender *s;

	(void)state;
	assert_int_equal(layout_of_pieces((uint64_t)2000 << 20, 1 << 20, LAYOUT_SYMBOL, &l, &err), 0);
	o.layout = l;
	s = sender_new(&o, SECOND);
	assert_true(sender_join(s, 1, NULL, SECOND) && sender_join(s, 2, NULL, SECOND));
	for (int64_t now = SECOND; now < 2 * SECOND && !answered; now += MS) {
		sender_next(s, now, &out);
		answered |= out.act == SENDER_SEND_ROWS && out.rows_first == 1000;
		if (out.act != SENDER_SEND_POLL)
			continue;
		r.seq = out.poll.seq;
		r.top = r.heard = out.poll.sent;
		r.state = out.poll.stage == WIRE_GATHER ? WIRE_READY : WIRE_RECEIVING;
		r.rows_from = 0;
		assert_int_equal(sender_heard(s, 1, &r, now), 0);
		r.rows_from = 1000;
		assert_int_equal(sender_heard(s, 2, &r, now), 0);
	}
	assert_true(answered);
	sender_free(s);
	layout_drop(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	 cmocka_unit_test(test_of_four),	cmocka_unit_test(test_of_four_often),
		cmocka_unit_test(test_of_forty), cmocka_unit_test(test_of_forty_often),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
