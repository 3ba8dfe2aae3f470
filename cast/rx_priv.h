/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For cast/rx*.c alone. One thread (the reader) receives, decrypts and repairs; the hands check and store what is whole. */
#ifndef ORTHRUS_CAST_RX_PRIV_H
#define ORTHRUS_CAST_RX_PRIV_H

#include "cast/fec.h"
#include "cast/net.h"
#include "cast/replay.h"
#include "cast/rx.h"
#include "cast/seal.h"
#include "cast/wire.h"

#include <pthread.h>
#include <stdatomic.h>

#define RX_GOT 32		     /* units of one look at the socket: single packets */
#define RX_GOT_LARGE 8		     /* and of many packets: what they hold stays in a core's cache */
#define RX_BATCH 64		     /* packets that are decrypted in one go */
#define RX_CLAIMS 8192		     /* bits; a power of two */
#define RX_SLOW_NS INT64_C(10000000) /* for a MiB */
#define RX_AHEAD 65536		     /* packets beyond the last signed POLL that may be the sender's: docs/cast.md */
#define RX_REPLAY (2 * RX_AHEAD)     /* so nobody can push out of the window what the sender sends */
#define RX_TRIED 64		     /* of so many packets that are not needed one is opened, about */
#define RX_ROWS_UNREAD 16	     /* ROWS that are kept until a digest of theirs is needed */
#define RX_WINDOW_MIN 1024	     /* KiB of a socket's buffer, below which a log line says what to do */

/* A parity symbol that waits for its block. */
struct rx_parity {
	uint32_t block;
	uint8_t row;
	uint8_t *data;
};

/* The memory of what belongs together until it is whole: a chunk with its blocks, or a block with its chunks. */
struct rx_slab {
	uint32_t first_chunk, first_block, n_blocks;
	uint32_t blocks_left;  /* that lack symbols */
	uint32_t symbols, all; /* that are there, of how many */
	unsigned int in_batch; /* symbols of it that are about to be decrypted */
	unsigned int users;    /* of a whole one: chunks that are not stored yet */
	bool whole;	       /* out of the table */
	uint8_t *data;
	size_t bytes; /* of data */
	struct rx_parity *parity;
	size_t n_parity, cap_parity;
	struct rx_slab *next;	       /* of the same place in the table */
	struct rx_slab *older, *newer; /* by when its first symbol came */
};

/* Memory of a fixed bound, used again while it is hot. */
struct rx_free {
	struct rx_free *next;
	size_t bytes;
};
#define RX_TABLE 4096
struct rx_memory {
	size_t limit, used; /* bytes, with what lies in the lists below */
	size_t symbol;
	struct rx_free *rooms, *symbols;
	struct rx_slab *table[RX_TABLE];
	struct rx_slab *oldest, *newest; /* of those in the table */
};

/* A whole chunk on its way to the sink. */
struct rx_item {
	struct rx_item *next;
	struct rx_slab *slab;
	uint32_t chunk;
	const uint8_t *data;
	size_t len;
};
struct rx_queue {
	struct rx_item *first, **last;
	size_t bytes;
};

/* Signed digests. */
struct rx_rows {
	struct digest *digests;
	uint8_t *known; /* one byte a chunk */
	/* Nearly every one tells what others tell too: only those that are needed are verified, which takes 60 us each. */
	struct wire_rows unread[RX_ROWS_UNREAD];
	uint64_t n_unread; /* ever; the ring holds the last ones */
};

/* The packets that are decrypted in one go. */
struct rx_want {
	struct rx_slab *slab;
	uint32_t block;
	uint8_t index;
	uint64_t counter;
};
struct rx_batch {
	unsigned int n;
	struct seal_job jobs[RX_BATCH];
	struct rx_want wants[RX_BATCH];
	uint8_t nonces[RX_BATCH][SEAL_NONCE];
	uint64_t claims[RX_CLAIMS / 64]; /* symbols of it, by a hash: none is written twice */
};

/* One way that the sender's packets may come by (rx_ways.c). */
struct rx_way {
	enum wire_way way;
	int fd;
	struct sockaddr_storage sender; /* from whom */
	bool mine;			/* fd is that of the reports: it stays */
};
#define RX_HELLOS 6 /* reports before a POLL is heard: after 300 ms, 600 ms and so on */

enum rx_end { RX_GOING = 0, RX_WHOLE, RX_OVER, RX_SILENT, RX_STOPPED, RX_FAILED };

struct rx {
	struct rx_opts opts;
	struct session session;
	const struct layout *layout;
	size_t symbol, packet;
	int wake; /* eventfd: a hand is done, or somebody wants something */
	struct net_out back;
	uint32_t buffer_kib;
	atomic_bool stop;

	/* Of the reader alone. */
	struct rx_way ways[WIRE_WAYS];
	unsigned int n_ways;	  /* 1: it is known by which one it hears best */
	bool doubled;		  /* until then: the same packet may come by several ways */
	const struct rx_way *way; /* that what is taken now came by */
	enum wire_size size;	  /* of DATA packets */
	int64_t began_ns, hello_ns, tell_ns;
	unsigned int hellos;
	struct net_got got[RX_GOT];
	uint8_t *got_memory;
	struct rx_batch batch;
	struct seal *group_seal, *own_seal;
	struct replay *replay;
	uint64_t anchor; /* counter of the last signed POLL */
	uint64_t chance; /* which ones are tried */
	bool try_all;	 /* somebody was caught who made some up */
	uint64_t reports;
	struct fec *fecs[LAYOUT_K_MAX + 1];
	struct err ignored; /* of packets that are no good: not on the stack, where each would be zeroed first */

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t work;  /* there is something for a hand, or there will be nothing any more */
	pthread_cond_t news;  /* for who waits in rx_run() and rx_done() */
	struct receiver *receiver;
	struct rx_memory memory;
	struct rx_rows rows;
	uint8_t *busy;		       /* one bit a chunk: it is in `queue`, `parked` or a hand */
	struct rx_queue queue, parked; /* parked: their digests are not known yet */
	uint64_t hands_taken;	       /* numbers of hands that are with the sink, the reader's too */
	int64_t store_ns;	       /* what the sink takes for a MiB, about */
	struct rx_view view;	       /* without `receiver` */
	uint16_t probes, said_probes;  /* heard, and told in a report before a POLL was heard */
	bool polled;		       /* a POLL was heard */
	uint8_t settle;		       /* the ways of which one is enough, by the last POLL; 0: none was said */
	int64_t heard_ns;	       /* authentic */
	int64_t data_ns;	       /* DATA, wanted or not; while all gather, any packet */
	enum rx_end end;
	struct err err;
	bool hands_off;	   /* no new chunk is begun */
	bool full, ending; /* a hand that is done wakes the reader: it waits for room, or for the last of them */
	bool closing, running, started, durable; /* running: the reader; started: it is to be joined */
	unsigned int said_done;
	pthread_t reader;
	pthread_t *hands;
	unsigned int n_hands, n_started;
};

/* rx_memory.c */
void rx_memory_init(struct rx_memory *m, size_t limit, size_t symbol);
void rx_memory_clear(struct rx_memory *m);
/* The slab of this block, made when there is none. NULL: no memory, and none to be had. */
struct rx_slab *rx_slab_get(struct rx *r, uint32_t block);
uint8_t *rx_symbol_place(const struct rx *r, const struct rx_slab *s, uint32_t block, uint8_t index);
/* Room for a parity symbol; NULL: none. */
uint8_t *rx_parity_room(struct rx *r);
void rx_parity_give(struct rx *r, uint8_t *room);
void rx_slab_detach(struct rx *r, struct rx_slab *s); /* it is whole: out of the table */
/* Its memory may be used again, unless somebody uses it still. */
void rx_slab_let_go(struct rx *r, struct rx_slab *s);

/* rx_ways.c: by which ways the sender may be heard. */
int rx_ways_open(struct rx *r, struct err *err) WARN_UNUSED;
void rx_ways_close(struct rx *r);
/* Leaves all but one, once the sender says which ones it uses and one of them is known to bring all. */
void rx_ways_settle(struct rx *r);
/* Is a report due before a POLL was heard? Else *until_ns is when it may be. Under the lock. */
bool rx_ways_hello(struct rx *r, int64_t now_ns, struct wire_report *out, int64_t *until_ns);
/* May a report be sent already? What the probe train brings by other ways comes with it a moment later. Under the lock. */
bool rx_ways_told(struct rx *r, int64_t now_ns, int64_t *until_ns);

/* rx_take.c: under the lock. What came, packet by packet; rx_flush() before anything else may see it as taken. */
void rx_take(struct rx *r, const struct net_got *g, int64_t now_ns);
void rx_flush(struct rx *r, int64_t now_ns);
/* rx_block.c: `index` of `block` is there and authentic, in its place or in `parity`. */
void rx_symbol_took(struct rx *r, struct rx_slab *s, uint32_t block, uint8_t index, uint8_t *parity);

/* rx_rows.c: under the lock. By the sender's own key? */
bool rx_signed(struct rx *r, const uint8_t *text, size_t len, const uint8_t signature[WIRE_SIGNATURE]);
void rx_rows_init(struct rx *r);
void rx_rows_clear(struct rx *r);
void rx_rows_heard(struct rx *r, const struct wire_rows *rows);
bool rx_rows_know(struct rx *r, uint32_t chunk);

/* rx_hands.c */
int rx_hands_start(struct rx *r, struct err *err) WARN_UNUSED;
void rx_hands_join(struct rx *r);
void rx_queue_put(struct rx *r, struct rx_slab *s, uint32_t chunk, const uint8_t *data, size_t len); /* under the lock */
void rx_parked_look(struct rx *r); /* under the lock: digests became known */
void rx_queues_clear(struct rx *r);
void rx_queue_judge(struct rx *r); /* under the lock: is it full? */
/* By the reader: one chunk, if there is one and it won't take long. */
bool rx_store_quick(struct rx *r);

/* rx_reader.c: until rx_close(). */
void *rx_reader(void *rx);
void rx_wake(const struct rx *r); /* safe in a signal handler */
void rx_nonce(uint16_t from, uint64_t counter, uint8_t out[SEAL_NONCE]);

#endif
