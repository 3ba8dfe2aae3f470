/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of cast/tx.h share. One thread (that of tx_run) decides and sends; others, where there are any, read and encrypt
 * ahead of it. */
#ifndef ORTHRUS_CAST_TX_PRIV_H
#define ORTHRUS_CAST_TX_PRIV_H

#include "cast/fec.h"
#include "cast/modes.h"
#include "cast/net.h"
#include "cast/replay.h"
#include "cast/seal.h"
#include "cast/tx.h"
#include "cast/wire.h"

#include <pthread.h>
#include <stdatomic.h>

/* The bytes that symbols are made of (tx_store.c). A cell holds one chunk, or a block that several chunks share. */
struct tx_cell {
	uint32_t key; /* the chunk; of a shared block its number */
	bool shared, ready;
	bool ahead;	    /* read before anybody asked for it, and not used yet */
	unsigned int users; /* whoever holds it; the one that loads it too */
	uint64_t used;	    /* when last: what was not used for longest makes room; 0: it is empty */
	const uint8_t *data;
	uint8_t *room; /* for the longest chunk; allocated when first needed */
	uint8_t *tail; /* the last symbol of a chunk, filled up with zeros */
};
struct tx_store {
	const struct layout *layout;
	struct tx_source source;
	size_t symbol, room_bytes;
	bool any_shared; /* blocks of several chunks */
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a cell was loaded, or let go */
	struct tx_cell *cells;
	size_t n_cells;
	uint64_t clock;
	bool failed;	/* the source: nobody waits for a cell any more, */
	struct err why; /* each who asks for one is told this */
	pthread_t reader;
	bool reading, stop;
	pthread_cond_t reader_work;
	uint32_t front; /* the block that would come next in order, */
	uint32_t run;	/* and how many cells came in order before it: so many are read ahead at most */
	/* Digests of chunks, once they were read. */
	struct digest *digests;
	uint8_t *known; /* one byte a chunk */
	uint32_t *fresh;
	size_t n_fresh, cap_fresh; /* not sent yet */
};
void tx_store_init(struct tx_store *s, const struct layout *layout, const struct tx_source *source);
int tx_store_start(struct tx_store *s, struct err *err) WARN_UNUSED; /* the thread that reads ahead */
void tx_store_stop(struct tx_store *s);				     /* and waits for it */
void tx_store_clear(struct tx_store *s);
/* The cell with all symbols of this block, loaded; the caller lets it go. NULL: `wait` was false and all cells are in use (`err`
 * is not set), or the source failed (it is). `scratch`: the caller's, of room_bytes, for chunks that share a block. */
struct tx_cell *tx_store_hold(struct tx_store *s, uint32_t block, uint8_t *scratch, bool wait, struct err *err);
void tx_store_let_go(struct tx_store *s, struct tx_cell *cell);
/* `symbol` bytes, of data symbol `index` of the block that the cell was held for. */
const uint8_t *tx_store_symbol(const struct tx_store *s, const struct tx_cell *cell, uint32_t block, unsigned int index);
/* The chunks whose digests became known since it was last asked: ascending, at most `cap`; the others stay. */
size_t tx_store_fresh(struct tx_store *s, uint32_t *chunks, size_t cap);
size_t tx_store_fresh_n(struct tx_store *s);				      /* how many there are */
bool tx_store_digest(struct tx_store *s, uint32_t chunk, struct digest *out); /* false: not known yet */

/* One burst on its way (tx_burst.c, tx_hands.c). */
enum tx_state { TX_FREE = 0, TX_WAITING, TX_TAKEN, TX_SEALED };
struct tx_burst {
	struct sender_out out;
	enum tx_state state;
	uint64_t counter; /* of the first of its packets */
	uint8_t *packets;
	size_t len;
	bool failed;
	struct err err;
};
/* What one thread needs to make bursts. */
struct tx_hand {
	struct tx *tx;
	pthread_t thread;
	struct seal *seal;
	uint8_t *parity;  /* room for a burst of symbols */
	uint8_t *scratch; /* NULL where no chunks share a block */
	struct seal_job jobs[SENDER_BURST];
	uint8_t nonces[SENDER_BURST][SEAL_NONCE];
	struct tx_cell *held[SENDER_BURST]; /* of symbol i */
};
void tx_hand_init(struct tx_hand *h, struct tx *t);
void tx_hand_clear(struct tx_hand *h);
/* Reads, repairs and encrypts: the packets of b->out.symbols into b->packets. */
int tx_burst_seal(struct tx_hand *h, struct tx_burst *b, struct err *err) WARN_UNUSED;
void tx_nonce(uint16_t from, uint64_t counter, uint8_t out[SEAL_NONCE]);

/* Bursts in the order in which they are sent. With one hand there is no thread. */
struct tx_ring {
	pthread_mutex_t lock;
	pthread_cond_t work, sealed;
	struct tx_burst *bursts;
	unsigned int n;
	uint64_t made, sent; /* numbers of bursts; n of them at most between */
	bool stop;
	struct tx_hand *hands; /* the first is tx_run's own */
	unsigned int n_hands, n_threads;
};
void tx_ring_init(struct tx_ring *r, struct tx *t, unsigned int hands);
int tx_ring_start(struct tx_ring *r, struct err *err) WARN_UNUSED; /* the threads */
void tx_ring_stop(struct tx_ring *r);				   /* and waits for them */
void tx_ring_clear(struct tx_ring *r);
struct tx_burst *tx_ring_place(struct tx_ring *r);  /* for the next burst; NULL: all are on their way */
void tx_ring_put(struct tx_ring *r);		    /* it is filled */
struct tx_burst *tx_ring_oldest(struct tx_ring *r); /* sealed, if need be here and now; NULL: there is none */
void tx_ring_seal(struct tx_ring *r);		    /* all, where there is no thread that does */
void tx_ring_drop(struct tx_ring *r);		    /* the oldest was sent */

struct tx_peer {
	struct seal *seal; /* NULL: it left */
	struct replay *replay;
	uint16_t probes; /* that it heard */
	bool told;	 /* it reported what it heard: `modes` counts it */
	uint8_t hellos;	 /* reports before it heard a POLL */
};

/* One way that packets leave by (tx_outlets.c). */
struct tx_outlet {
	enum wire_way way;
	struct net_out out;
	uint16_t number; /* UNICAST: whose; 0: everybody's */
	bool used;	 /* while all gather: of all of them */
	bool fixed;	 /* whatever is heard */
	bool relay;	 /* its packets come out of a group elsewhere: `way` is that of the group */
};
#define TX_OUTLETS (4 + MODES_UNICAST + TX_RELAYS)

#define TX_HEAR 8	 /* packets of one look at the socket */
#define TX_HEAR_ROUNDS 2 /* looks for one burst: what a flood of forged reports costs each */

struct tx {
	struct tx_store store;
	struct session session; /* keys are wiped at the end */
	struct tx_ring ring;
	int fds[2], wake;	/* of session.sender and .sender2; eventfd: somebody joined, left, stopped */
	unsigned int n_fds;	/* 1: there is no second family */
	bool one_by_one, jumbo; /* jumbo: our link takes such packets */
	bool small_instead;
	uint64_t rate_max; /* for all ways together; 0: none */
	uint16_t port;
	size_t packet; /* bytes of a DATA packet */
	_Atomic bool stop;

	/* Of tx_run alone. */
	struct tx_outlet outlets[TX_OUTLETS];
	unsigned int n_outlets, limited_to; /* so many ways share rate_max */
	int64_t train_ns;
	uint64_t counter; /* of the group key: one for all packets, never twice */
	struct net_got got[TX_HEAR];
	uint8_t *heard;		 /* memory of `got` */
	uint64_t signed_counter; /* of the last signed POLL */
	int64_t signed_ns;
	enum wire_stage signed_stage;
	struct wire_rows rows;
	unsigned int rows_again;		 /* bursts until the last rows are sent once more; 0: they were */
	unsigned int rows_waited, rows_patience; /* bursts that new ones waited for others; and may */
	int64_t down_ns;			 /* since when nothing could be sent; 0: it can */
	bool down_said, stopping;

	pthread_mutex_t lock; /* of all below: held for a moment only */
	struct sender *sender;
	struct tx_peer **peers; /* by number */
	struct fec *fecs[LAYOUT_K_MAX + 1];
	struct modes modes;
	struct sockaddr_storage relays[TX_RELAYS];
	unsigned int n_relays, relays_seen; /* by tx_run's thread */
	uint8_t ways;			    /* to many, in use */
	uint8_t said_ways;		    /* with those to single receivers, as the last POLL said */
	bool chosen, stale, hello;	    /* `ways` is; something was reported since; somebody hears nothing */
	bool too_large;
	uint64_t wire_bytes, rejected;
	int64_t first_ns, last_ns;
	bool over;
};
#define TX_PEERS 65536
const struct fec *tx_fec(struct tx *t, unsigned int k);
int tx_hear(struct tx *t, struct err *err) WARN_UNUSED;						  /* what came, within bounds */
int tx_put(struct tx *t, const void *data, size_t len, size_t each, struct err *err) WARN_UNUSED; /* out, whatever it takes */
int tx_put_poll(struct tx *t, struct wire_poll *p, struct err *err) WARN_UNUSED;
/* Digests that nobody heard yet, some together unless it is to be `now`; then, later, once more. */
int tx_put_fresh_rows(struct tx *t, bool now, struct err *err) WARN_UNUSED;
int tx_put_rows_again(struct tx *t, struct err *err) WARN_UNUSED;			/* those: now */
int tx_put_rows(struct tx *t, uint32_t first, uint32_t n, struct err *err) WARN_UNUSED; /* they were asked for */
/* tx_outlets.c */
void tx_outlets_make(struct tx *t);
void tx_outlets_before_poll(struct tx *t, struct wire_poll *poll); /* the probe train, and which ways are used from now on */
/* With the lock. `from`: where the report came from. */
void tx_outlets_heard(struct tx *t, uint16_t number, const struct wire_report *r, const struct sockaddr_storage *from);
/* 1: something left; 0: nothing now; -1: nothing ever will. */
int tx_outlets_put(struct tx *t, const uint8_t *data, size_t len, size_t each, struct err *err) WARN_UNUSED;
/* A packet other than DATA, made whole; returns its length. */
size_t tx_seal(struct tx *t, enum wire_type type, uint8_t *p, size_t len);
/* Packets other than DATA: `len` plain bytes at p + WIRE_HEAD, with room for the tag behind. */
int tx_put_sealed(struct tx *t, enum wire_type type, uint8_t *p, size_t len, struct err *err) WARN_UNUSED;

#endif
