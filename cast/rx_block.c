/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/rx.h: symbols become blocks, and blocks become chunks. */
#include "base/mem.h"
#include "cast/rx_priv.h"

/* The parity symbols of a block out of its slab: those in the order of `rows`, the others are given back. */
static void parity_take(struct rx *r, struct rx_slab *s, uint32_t block, const uint8_t *rows, unsigned int n, uint8_t **parity)
{
	size_t left = 0;

	for (size_t i = 0; i < s->n_parity; i++) {
		const struct rx_parity p = s->parity[i];
		unsigned int j = 0;

		if (p.block != block) {
			s->parity[left++] = p;
			continue;
		}
		while (j < n && rows[j] != p.row)
			j++;
		if (j < n && !parity[j])
			parity[j] = p.data;
		else
			rx_parity_give(r, p.data);
	}
	s->n_parity = left;
}

static int repair(struct rx *r, struct rx_slab *s, uint32_t block, struct err *err)
{
	const unsigned int k = layout_block(r->layout, block)->k;
	uint8_t have[LAYOUT_K_MAX], rows[FEC_ROWS], *data[LAYOUT_K_MAX], *parity[FEC_ROWS] = { NULL };
	unsigned int n = receiver_block(r->receiver, block, have, rows), missing = 0;
	int rc = 0;

	for (unsigned int i = 0; i < k; i++) {
		data[i] = rx_symbol_place(r, s, block, (uint8_t)i);
		missing += !have[i];
	}
	if (!n)
		return 0;
	parity_take(r, s, block, rows, n, parity);
	if (!r->fecs[k])
		r->fecs[k] = fec_new(k);
	for (unsigned int i = 0; i < n && rc == 0; i++)
		if (!parity[i])
			rc = err_set(err, ERR_DAMAGED, "parity row %u of block %u is not there", rows[i], block);
	if (rc == 0)
		rc = fec_decode(r->fecs[k], data, have, parity, rows, n, r->symbol, err);
	for (unsigned int i = 0; i < n; i++)
		if (parity[i])
			rx_parity_give(r, parity[i]);
	if (rc == 0)
		r->view.repaired_symbols += missing;
	return rc;
}

static size_t symbols_of(const struct rx *r, uint32_t chunk)
{
	return (layout_chunk_len(r->layout, chunk) + r->symbol - 1) / r->symbol;
}

static void hand_over(struct rx *r, struct rx_slab *s, const uint32_t *chunks, size_t n)
{
	const uint8_t *at = s->data;
	uint32_t c = s->first_chunk;

	for (size_t i = 0; i < n; i++) {
		for (; c < chunks[i]; c++) /* ascending */
			at += symbols_of(r, c) * r->symbol;
		if (r->busy[c / 8] >> (c % 8) & 1)
			continue; /* it came before, with neighbours that were wrong */
		r->busy[c / 8] |= (uint8_t)(1U << (c % 8));
		s->users++;
		rx_queue_put(r, s, c, at, layout_chunk_len(r->layout, c));
	}
}

/* Only now the receiver hears that its blocks are decoded: until here all of them could be given up together. */
static void whole(struct rx *r, struct rx_slab *s)
{
	uint32_t chunks[LAYOUT_K_MAX];

	rx_slab_detach(r, s);
	s->users = 1; /* until all of its chunks are handed over */
	for (uint32_t b = 0; b < s->n_blocks; b++) {
		const size_t n = receiver_decoded(r->receiver, s->first_block + b, chunks, ARRAY_LEN(chunks));

		hand_over(r, s, chunks, n);
	}
	s->users--;
	rx_slab_let_go(r, s);
}

void rx_symbol_took(struct rx *r, struct rx_slab *s, uint32_t block, uint8_t index, uint8_t *parity)
{
	struct err err = { 0 };

	if (parity) {
		s->parity = mem_room(s->parity, s->n_parity, &s->cap_parity, sizeof(*s->parity));
		s->parity[s->n_parity++] = (struct rx_parity){ .block = block,
							       .row = (uint8_t)(index - layout_block(r->layout, block)->k),
							       .data = parity };
	}
	s->symbols++;
	if (!receiver_took(r->receiver, block, index))
		return;
	if (repair(r, s, block, &err) < 0) {
		receiver_forget(r->receiver, block); /* it can't be; and if it is, the block comes again */
		return;
	}
	if (--s->blocks_left == 0)
		whole(r, s);
}
