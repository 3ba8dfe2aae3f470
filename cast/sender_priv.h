/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the sender share: blocks and their repairs, members, stages. */
#ifndef ORTHRUS_CAST_SENDER_PRIV_H
#define ORTHRUS_CAST_SENDER_PRIV_H

#include "cast/rate.h"
#include "cast/sender.h"

#define SENDER_MS ((int64_t)1000 * 1000)
#define SENDER_FEW 16	   /* receivers of whom each one reports at every POLL */
#define SENDER_WINDOW 16   /* blocks that are interleaved */
#define SLOW_BLOCKS 32	   /* that many stragglers are asked about at a time: each is missed most by another one */
#define SENDER_FLIGHTS 256 /* windows that were sent and may still be asked for */
#define SENDER_SIGHTS 64   /* reports that are looked back on */
#define NO_NEWS_SLOW_NS (2000 * SENDER_MS) /* after so long without progress a SLOW ends */
#define SENDER_WHOLE 255		   /* of a block's `want`: all its data symbols */
#define FEC_LAST 254

struct sblock {
	uint64_t last_pos; /* the position after its last repair */
	uint8_t want;	   /* to be sent when the pass comes to it: so many parity symbols, or WHOLE; 0: nothing */
	uint8_t next;	   /* index of the next repair */
	uint8_t queue;	   /* repairs that are due */
	uint8_t last_n;	   /* repairs that a receiver may not have known of */
	uint8_t extra;	   /* parity that went along unasked */
	uint8_t asked;	   /* somebody asked for repair since it was sent */
};

struct member {
	uint16_t number;
	enum wire_state state;
	bool left, slow, greedy, many; /* slow: holds the others back; greedy: asks for more than can be; many: big needs taken */
	uint8_t many_pass, due_polls;  /* due_polls: since it was heard */
	uint32_t loss_ppm, buffer_kib, lacking, many_lacking, seq, nack_seq, sight_seq;
	uint64_t top, claimed, joined_sent;
	int64_t heard_ns, due_ns, caught_ns; /* due_ns: first POLL since it was heard */
	int64_t blocked_ns;
	uint64_t round_top, round_heard; /* loss is counted from here, */
	uint64_t away_pos;		 /* and not what was sent before while it was away and others were not */
	int64_t round_ns;
	bool round_told, was_whole;
	uint64_t first_top, first_came, came; /* of its first report, and of the last one */
	uint32_t reports, pressed;
};

struct sight { /* a report, in short */
	int64_t ns;
	uint64_t top;
	uint32_t rtt_us, loss_ppm, buffer_kib;
	bool slow; /* of a straggler */
};

struct flight {
	uint32_t first, end; /* blocks */
	uint32_t seq;	     /* the last POLL before its last symbol, repairs included */
	uint32_t repaired;   /* how many POLLs had repairs behind them */
	int64_t ns;
};

struct window {
	unsigned int n, row, at; /* blocks, and the next symbol: row by row */
	uint32_t block[SENDER_WINDOW];
	uint16_t data[SENDER_WINDOW], all[SENDER_WINDOW]; /* of these data, and all */
	uint8_t count[SENDER_WINDOW];			  /* without the parity */
	unsigned int rows;				  /* the most of `all` */
	bool parity;					  /* what comes now is parity */
};

struct sender {
	struct sender_opts opts;
	const struct layout *layout;
	uint32_t blocks;
	uint64_t chance;
	enum wire_stage stage;
	uint8_t pass;
	int64_t began_ns, stage_ns, ready_ns, news_ns, any_ns, idle_ns;
	int64_t progress_ns; /* when somebody lacked less than ever before, or a stage began */
	bool ended, start;
	unsigned int overs; /* OVER was said so often */

	/* blocks: cast/sender_blocks.c */
	struct sblock *block;
	uint32_t *ring; /* blocks with repairs due */
	uint32_t ring_at, ring_n;
	uint32_t cursor; /* the pass has come so far */
	uint32_t wanted; /* blocks with `want` */
	uint32_t to_send, sent_blocks;
	struct window window;
	struct flight flights[SENDER_FLIGHTS];
	unsigned int flight_at, flight_n;
	uint32_t slow_at;    /* many stragglers are asked about some blocks at a time, from here on */
	uint64_t slow_begin; /* `sent_repair` when these were begun */
	bool slow_asked;     /* somebody lacked something there */
	unsigned int window_most;
	double parity; /* proactive, of 128 symbols */
	bool parity_known;
	struct sender_symbol burst[SENDER_BURST];
	unsigned int burst_n;
	uint64_t sent, sent_parity, sent_repair, first_pass;

	/* members: cast/sender_hear.c */
	struct member *members;
	size_t n_members, cap_members;
	uint32_t *index;				    /* of a number, plus 1 */
	uint32_t joined, left, complete, ready, whole_left; /* joined: all that ever did; complete: of those that are here */
	uint32_t few[SENDER_FEW];			    /* who lacks something, when they are few */
	unsigned int n_few;
	bool few_stale;
	struct sight sights[SENDER_SIGHTS];
	unsigned int sight_at, sight_n;
	uint64_t round_pos; /* what was sent from here on counts */
	uint32_t round_loss[SENDER_FEW];
	uint64_t round_through[SENDER_FEW]; /* bytes a second that came through; of a few only */
	unsigned int round_n, round_pressed;
	bool round_limited, round_blocked;
	uint64_t nacks, rounds, nack_rounds, nacks_worst, nacks_now;
	int64_t straggler_ns; /* when one was last heard */

	/* POLLs and pace: cast/sender_poll.c */
	struct rate rate;
	uint32_t seq;
	uint64_t poll_sent;
	int64_t poll_ns;
	bool poll_next, poll_soon; /* at once, or as soon as a part of the round-trip time is over */
	unsigned int quiet;	   /* POLLs of an ASK that nobody had needs for */
	bool stirred;		   /* needs, or repairs, since the last POLL */
	uint32_t grtt_us, loss_ppm, loss_limit;
	uint64_t base_top; /* of the slowest that counts; UINT64_MAX: nobody counts */
	uint32_t window_bytes;
	uint64_t window_grown;	     /* what the answers' time lets it be */
	int64_t window_ns;	     /* when that changed */
	int64_t blocked_ns, pace_ns; /* since when the window holds, 0: it does not; when the pace was last looked at */
	bool rows_due;
	uint32_t rows_first, rows_end; /* rows_end: of those that were said last */
	int64_t rows_ns;
};

/* cast/sender_blocks.c */
void blocks_want(struct sender *s, uint32_t block, uint8_t want);
void blocks_need(struct sender *s, struct member *m, uint64_t top, uint32_t block, uint8_t deficit);
void blocks_fill(struct sender *s, int64_t now_ns); /* the burst */
bool blocks_left(const struct sender *s);	    /* something is to be sent in this stage */
bool blocks_left_queued(const struct sender *s);    /* repairs, or what was taken from the queue */
void blocks_sent(struct sender *s, struct sender_out *out);
void blocks_slow_next(struct sender *s);
void blocks_settle(struct sender *s, int64_t now_ns);
void blocks_asked(const struct sender *s, uint32_t *from, uint32_t *to);
uint16_t blocks_promise(const struct sender *s, struct wire_promise *out);

/* cast/sender_hear.c */
bool members_few(const struct sender *s);
uint32_t members_lacking(const struct sender *s); /* how many lack something and did not leave */
bool member_straggles(const struct member *m);
bool members_silent(const struct sender *s, const struct member *m, int64_t now_ns);
/* Few: does anybody who counts (SLOW: anybody who speaks) lack something? */
bool members_waited(const struct sender *s, int64_t now_ns);
void members_list(struct sender *s);
bool members_count(const struct sender *s, const struct member *m, int64_t now_ns); /* is it waited for? */
/* cast/sender_pace.c */
void members_round(struct sender *s, struct member *m, const struct wire_report *r, int64_t now_ns); /* of the rate */
void pace_window(struct sender *s, int64_t now_ns);  /* by how long answers take */
void pace_sort(uint64_t *v, unsigned int n);	     /* of a few; the least first */
void members_pace(struct sender *s, int64_t now_ns); /* base_top, window; who holds back whom */

/* cast/sender_poll.c */
void poll_write(struct sender *s, int64_t now_ns, struct wire_poll *out);
int64_t poll_due(const struct sender *s, int64_t now_ns); /* when */
void poll_measure(struct sender *s, int64_t now_ns);	  /* grtt, loss, limit from the sights */
bool poll_blocked(const struct sender *s);		  /* by the window */
uint64_t poll_apart(const struct sender *s);		  /* DATA packets between two POLLs, about */
uint32_t poll_packet(const struct sender *s);		  /* bytes of a DATA packet on the wire */

/* cast/sender.c */
void sender_turn(struct sender *s, enum wire_stage stage, int64_t now_ns);

#endif
