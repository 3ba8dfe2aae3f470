/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/tx.h: symbols become packets. Data is encrypted from where it was read to straight into the packet; nothing is copied
 * besides. */
#include "base/mem.h"
#include "cast/tx_priv.h"

#include <string.h>

void tx_nonce(uint16_t from, uint64_t counter, uint8_t out[SEAL_NONCE])
{
	out[0] = out[1] = 0;
	out[2] = (uint8_t)(from >> 8);
	out[3] = (uint8_t)from;
	for (unsigned int i = 0; i < 8; i++)
		out[4 + i] = (uint8_t)(counter >> (56 - 8 * i));
}

void tx_hand_init(struct tx_hand *h, struct tx *t)
{
	h->tx = t;
	h->seal = seal_new(t->session.group_key);
	h->parity = mem_aligned(64, SENDER_BURST * t->store.symbol);
	if (t->store.any_shared)
		h->scratch = mem_aligned(64, t->store.room_bytes);
}

void tx_hand_clear(struct tx_hand *h)
{
	seal_free(h->seal);
	free(h->parity);
	free(h->scratch);
}

static bool is_parity(const struct tx_hand *h, const struct sender_symbol *s)
{
	return s->index >= layout_block(h->tx->store.layout, s->block)->k;
}

static void write_head(struct tx_hand *h, const struct tx_burst *b, unsigned int i)
{
	const struct tx *t = h->tx;
	uint8_t *p = b->packets + i * t->packet;
	const struct wire_data d = {
		.head = { .type = WIRE_DATA, .from = WIRE_FROM_SENDER, .cast = t->session.cast, .counter = b->counter + i },
		.block = b->out.symbols[i].block,
		.index = b->out.symbols[i].index,
		.pass = b->out.pass
	};

	wire_data_write(&d, p);
	tx_nonce(WIRE_FROM_SENDER, d.head.counter, h->nonces[i]);
	h->jobs[i] = (struct seal_job){ .nonce = h->nonces[i],
					.aad = p,
					.aad_len = WIRE_DATA_HEAD,
					.in = NULL,
					.out = p + WIRE_DATA_HEAD,
					.len = t->store.symbol,
					.tag = p + WIRE_DATA_HEAD + t->store.symbol };
}

/* The rows of one block that stand in symbols [i, end) and follow one another: made at once, since that reads the block once. */
static void make_parity(struct tx_hand *h, const struct tx_burst *b, unsigned int i, unsigned int end)
{
	const struct sender_symbol *const s = &b->out.symbols[i];
	const unsigned int k = layout_block(h->tx->store.layout, s->block)->k;
	const uint8_t *data[LAYOUT_K_MAX];
	uint8_t *rows[SENDER_BURST];
	unsigned int n = 0;

	for (unsigned int j = 0; j < k; j++)
		data[j] = tx_store_symbol(&h->tx->store, h->held[i], s->block, j);
	for (unsigned int j = i; j < end; j++) {
		const struct sender_symbol *o = &b->out.symbols[j];

		if (o->block != s->block || o->index != s->index + n)
			continue;
		rows[n] = h->parity + j * h->tx->store.symbol;
		h->jobs[j].in = rows[n++];
	}
	fec_encode(tx_fec(h->tx, k), data, s->index - k, n, rows, h->tx->store.symbol);
}

/* Those whose cells are held: [from, end). */
static void seal_some(struct tx_hand *h, const struct tx_burst *b, unsigned int from, unsigned int end)
{
	for (unsigned int i = from; i < end; i++) {
		const struct sender_symbol *s = &b->out.symbols[i];

		if (!is_parity(h, s))
			h->jobs[i].in = tx_store_symbol(&h->tx->store, h->held[i], s->block, s->index);
		else if (!h->jobs[i].in)
			make_parity(h, b, i, end);
	}
	seal_close_many(h->seal, h->jobs + from, end - from);
}

/* A block is held once for all its symbols: by the first of them. */
static struct tx_cell *held_for(const struct tx_hand *h, const struct tx_burst *b, unsigned int from, unsigned int i)
{
	for (unsigned int j = from; j < i; j++)
		if (b->out.symbols[j].block == b->out.symbols[i].block)
			return h->held[j];
	return NULL;
}

static void let_go(struct tx_hand *h, struct tx_cell **mine, unsigned int *n)
{
	while (*n)
		tx_store_let_go(&h->tx->store, mine[--*n]);
}

int tx_burst_seal(struct tx_hand *h, struct tx_burst *b, struct err *err)
{
	struct tx_cell *mine[SENDER_BURST];
	unsigned int n_mine = 0, from = 0;
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < b->out.n; i++) {
		const uint32_t block = b->out.symbols[i].block;

		write_head(h, b, i);
		h->held[i] = held_for(h, b, from, i);
		if (h->held[i])
			continue;
		/* Who waits holds nothing: so nobody waits for ever. */
		h->held[i] = tx_store_hold(&h->tx->store, block, h->scratch, n_mine == 0, err);
		if (!h->held[i] && n_mine && err->kind == ERR_NONE) {
			seal_some(h, b, from, i);
			let_go(h, mine, &n_mine);
			from = i;
			h->held[i] = tx_store_hold(&h->tx->store, block, h->scratch, true, err);
		}
		if (h->held[i])
			mine[n_mine++] = h->held[i];
		else
			rc = -1;
	}
	if (rc == 0)
		seal_some(h, b, from, b->out.n);
	let_go(h, mine, &n_mine);
	b->len = b->out.n * h->tx->packet;
	return rc;
}
