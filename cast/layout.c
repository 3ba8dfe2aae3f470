/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/layout.h"

#include "base/mem.h"

#include <string.h>

struct layout {
	uint32_t n_chunks, n_blocks;
	uint16_t symbol_bytes;
	uint64_t *at;	       /* n_chunks + 1: where each chunk begins; the last one is the sum */
	uint32_t *first_block; /* of each chunk */
	uint8_t *in_block;     /* of each chunk: which symbol of its first block is its first */
	struct layout_block *blocks;
};

static uint32_t symbols_of(uint32_t len, uint16_t symbol_bytes)
{
	return (len + symbol_bytes - 1) / symbol_bytes;
}

static uint32_t blocks_of(uint32_t symbols)
{
	return (symbols + LAYOUT_K_MAX - 1) / LAYOUT_K_MAX;
}

static int lengths_check(const uint32_t *lens, size_t n_chunks, uint16_t symbol_bytes, struct err *err)
{
	if (symbol_bytes < 64 || symbol_bytes > LAYOUT_SYMBOL_JUMBO || symbol_bytes % 64)
		return err_set(err, ERR_INVALID, "symbols of %u bytes: a multiple of 64 up to %d is possible", symbol_bytes,
			       LAYOUT_SYMBOL_JUMBO);
	if (n_chunks == 0 || n_chunks > LAYOUT_CHUNKS_MAX)
		return err_set(err, ERR_INVALID, "%zu chunks: 1 to %zu can be cast", n_chunks, LAYOUT_CHUNKS_MAX);
	for (size_t i = 0; i < n_chunks; i++)
		if (lens[i] == 0 || lens[i] > LAYOUT_CHUNK_BYTES_MAX)
			return err_set(err, ERR_INVALID, "chunk %zu has %u bytes: 1 to %u can be cast", i, lens[i],
				       LAYOUT_CHUNK_BYTES_MAX);
	return 0;
}

/* How many chunks from `chunk` on lie in one block: short neighbours as long as they fit, else this one alone. */
static uint32_t sharing(const uint32_t *lens, size_t n_chunks, size_t chunk, uint16_t symbol_bytes, uint32_t *symbols)
{
	uint32_t n = 1;

	*symbols = symbols_of(lens[chunk], symbol_bytes);
	if (*symbols >= LAYOUT_SHARE_BELOW)
		return 1;
	for (size_t i = chunk + 1; i < n_chunks; i++, n++) {
		uint32_t more = symbols_of(lens[i], symbol_bytes);

		if (more >= LAYOUT_SHARE_BELOW || *symbols + more > LAYOUT_K_MAX)
			break;
		*symbols += more;
	}
	return n;
}

static uint64_t blocks_count(const uint32_t *lens, size_t n_chunks, uint16_t symbol_bytes)
{
	uint64_t blocks = 0;
	uint32_t symbols;

	for (size_t i = 0; i < n_chunks;) {
		i += sharing(lens, n_chunks, i, symbol_bytes, &symbols);
		blocks += blocks_of(symbols);
	}
	return blocks;
}

/* The blocks of one chunk, whose lengths differ by one at most; or the one block of several. */
static void blocks_cut(struct layout *l, uint32_t first_chunk, uint32_t n_chunks, uint32_t symbols)
{
	uint32_t n = blocks_of(symbols), done = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct layout_block *b = &l->blocks[l->n_blocks++];

		b->first_chunk = first_chunk;
		b->n_chunks = n_chunks;
		b->chunk_symbol = done;
		b->k = (uint16_t)(symbols / n + (i < symbols % n));
		done += b->k;
	}
}

static void chunks_place(struct layout *l, const uint32_t *lens)
{
	uint32_t symbols, n;

	for (uint32_t i = 0; i < l->n_chunks; i++)
		l->at[i + 1] = l->at[i] + lens[i];
	for (uint32_t i = 0; i < l->n_chunks; i += n) {
		uint32_t in_block = 0;

		n = sharing(lens, l->n_chunks, i, l->symbol_bytes, &symbols);
		for (uint32_t c = i; c < i + n; c++) {
			l->first_block[c] = l->n_blocks;
			l->in_block[c] = (uint8_t)in_block;
			in_block += n > 1 ? symbols_of(lens[c], l->symbol_bytes) : 0;
		}
		blocks_cut(l, i, n, symbols);
	}
}

int layout_new(const uint32_t *lens, size_t n_chunks, uint16_t symbol_bytes, struct layout **out, struct err *err)
{
	struct layout *l;
	uint64_t blocks;

	if (lengths_check(lens, n_chunks, symbol_bytes, err) < 0)
		return -1;
	blocks = blocks_count(lens, n_chunks, symbol_bytes);
	if (blocks > UINT32_MAX)
		return err_set(err, ERR_INVALID,
			       "that is %llu blocks, more than can be numbered: take longer symbols than %u bytes",
			       (unsigned long long)blocks, symbol_bytes);
	l = mem_zalloc(sizeof(*l));
	l->n_chunks = (uint32_t)n_chunks;
	l->symbol_bytes = symbol_bytes;
	l->at = mem_array(n_chunks + 1, sizeof(*l->at));
	l->first_block = mem_array(n_chunks, sizeof(*l->first_block));
	l->in_block = mem_array(n_chunks, sizeof(*l->in_block));
	l->blocks = mem_array((size_t)blocks, sizeof(*l->blocks));
	chunks_place(l, lens);
	*out = l;
	return 0;
}

int layout_of_pieces(uint64_t total_bytes, uint32_t piece_bytes, uint16_t symbol_bytes, struct layout **out, struct err *err)
{
	autofree uint32_t *lens = NULL;
	uint64_t n;

	if (piece_bytes == 0 || piece_bytes > LAYOUT_CHUNK_BYTES_MAX)
		return err_set(err, ERR_INVALID, "pieces of %u bytes: 1 to %u is possible", piece_bytes, LAYOUT_CHUNK_BYTES_MAX);
	if (total_bytes == 0)
		return err_set(err, ERR_INVALID, "there is nothing to cast: it is empty");
	n = (total_bytes - 1) / piece_bytes + 1;
	if (n > LAYOUT_CHUNKS_MAX)
		return err_set(err, ERR_INVALID, "%llu pieces of %u bytes: %zu can be cast", (unsigned long long)n, piece_bytes,
			       LAYOUT_CHUNKS_MAX);
	lens = mem_array((size_t)n, sizeof(*lens));
	for (size_t i = 0; i < n; i++)
		lens[i] = piece_bytes;
	lens[n - 1] = (uint32_t)(total_bytes - (n - 1) * piece_bytes);
	return layout_new(lens, (size_t)n, symbol_bytes, out, err);
}

void layout_drop(struct layout *l)
{
	if (!l)
		return;
	free(l->at);
	free(l->first_block);
	free(l->in_block);
	free(l->blocks);
	free(l);
}

uint16_t layout_symbol_bytes(const struct layout *l)
{
	return l->symbol_bytes;
}

uint32_t layout_chunks(const struct layout *l)
{
	return l->n_chunks;
}

uint32_t layout_chunk_len(const struct layout *l, uint32_t chunk)
{
	return (uint32_t)(l->at[chunk + 1] - l->at[chunk]);
}

uint64_t layout_chunk_at(const struct layout *l, uint32_t chunk)
{
	return l->at[chunk];
}

uint64_t layout_bytes(const struct layout *l)
{
	return l->at[l->n_chunks];
}

uint32_t layout_blocks(const struct layout *l)
{
	return l->n_blocks;
}

const struct layout_block *layout_block(const struct layout *l, uint32_t block)
{
	return &l->blocks[block];
}

uint32_t layout_chunk_block(const struct layout *l, uint32_t chunk, uint32_t *n_blocks)
{
	*n_blocks = blocks_of(symbols_of(layout_chunk_len(l, chunk), l->symbol_bytes));
	return l->first_block[chunk];
}

/* Of the chunks of a block, the one that holds symbol `index`: the last one that does not begin after it. */
static uint32_t chunk_of(const struct layout *l, const struct layout_block *b, uint8_t index)
{
	uint32_t low = b->first_chunk, high = b->first_chunk + b->n_chunks;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (l->in_block[middle] <= index)
			low = middle;
		else
			high = middle;
	}
	return low;
}

void layout_place(const struct layout *l, uint32_t block, uint8_t index, struct layout_place *out)
{
	const struct layout_block *b = &l->blocks[block];
	uint32_t left;

	*out = (struct layout_place){ .chunk = chunk_of(l, b, index) };
	if (index >= b->k)
		return;
	out->offset = (b->chunk_symbol + index - l->in_block[out->chunk]) * l->symbol_bytes;
	left = layout_chunk_len(l, out->chunk) - out->offset;
	out->len = left < l->symbol_bytes ? (uint16_t)left : l->symbol_bytes;
}

static void put32(uint8_t out[4], uint32_t v)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(v >> (24 - 8 * i));
}

void layout_digest(const struct layout *l, struct digest *out)
{
	static const char what[] = "orthrus cast layout\n";
	struct digest_ctx *ctx = digest_new();
	uint8_t piece[4096];
	size_t used = 8;

	put32(piece, l->symbol_bytes);
	put32(piece + 4, l->n_chunks);
	digest_add(ctx, what, strlen(what));
	for (uint32_t i = 0; i < l->n_chunks; i++) {
		put32(piece + used, layout_chunk_len(l, i));
		used += 4;
		if (used == sizeof(piece)) {
			digest_add(ctx, piece, used);
			used = 0;
		}
	}
	digest_add(ctx, piece, used);
	digest_end(ctx, out);
}
