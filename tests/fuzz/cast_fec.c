/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The decoder with any symbols missing and any row numbers, which come from the network: when it takes them, what it gives is the
 * block; when not, nothing was written. The first bytes: k, how many rows, the length; then `have`, then the rows. */
#include "base/mem.h"
#include "cast/fec.h"
#include "cast/layout.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	unsigned int k, n;
	size_t len;
	uint8_t have[LAYOUT_K_MAX], rows[255];
};

static void input_read(struct input *in, const uint8_t *data, size_t size)
{
	in->k = 1 + data[0] % LAYOUT_K_MAX;
	in->n = data[1];
	in->len = 64 * (1 + data[2] % 4u);
	for (unsigned int i = 0; i < in->k; i++)
		in->have[i] = 3 + i < size ? data[3 + i] & 1 : 1;
	for (unsigned int i = 0; i < in->n; i++)
		in->rows[i] = 3 + in->k + i < size ? data[3 + in->k + i] : (uint8_t)i;
}

/* Would it be enough, and sound? */
static bool enough(const struct input *in)
{
	unsigned int missing = 0;
	bool seen[256] = { false };

	for (unsigned int i = 0; i < in->k; i++)
		missing += !in->have[i];
	for (unsigned int i = 0; i < in->n; i++) {
		if (in->rows[i] >= FEC_ROWS - in->k || seen[in->rows[i]])
			return false;
		seen[in->rows[i]] = true;
	}
	return in->n >= missing;
}

/* Each buffer is an allocation of its own: AddressSanitizer sees a byte too many. */
static uint8_t **buffers(unsigned int n, size_t len)
{
	uint8_t **b = mem_array(n + 1, sizeof(*b));

	for (unsigned int i = 0; i < n; i++)
		b[i] = mem_aligned(64, len);
	return b;
}

static void buffers_free(uint8_t **b, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		free(b[i]);
	free(b);
}

static void fill(uint8_t *to, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)((seed * 2654435761u + (unsigned int)i * 40503u) >> 8);
}

static void parity_make(const struct fec *f, const struct input *in, uint8_t **whole, uint8_t **parity)
{
	autofree const uint8_t **from = mem_array(in->k, sizeof(*from));

	for (unsigned int i = 0; i < in->k; i++)
		from[i] = whole[i];
	for (unsigned int i = 0; i < in->n; i++) {
		if (in->rows[i] < FEC_ROWS - in->k)
			fec_encode(f, from, in->rows[i], 1, &parity[i], in->len);
		else
			memset(parity[i], 0x33, in->len);
	}
}

static void decoded(const struct fec *f, const struct input *in, uint8_t **whole, uint8_t **copy, uint8_t **parity)
{
	bool good = enough(in);
	struct err err = { 0 };
	uint8_t gap[64];

	memset(gap, 0xa5, sizeof(gap));
	if ((fec_decode(f, copy, in->have, parity, in->rows, in->n, in->len, &err) == 0) != good)
		abort();
	if (!good && err.kind != ERR_DAMAGED)
		abort();
	for (unsigned int i = 0; i < in->k; i++) {
		if (good || in->have[i]) {
			if (memcmp(copy[i], whole[i], in->len) != 0)
				abort();
			continue;
		}
		for (size_t at = 0; at < in->len; at += sizeof(gap))
			if (memcmp(copy[i] + at, gap, sizeof(gap)) != 0)
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in;
	struct fec *f;
	uint8_t **whole, **copy, **parity;

	if (size < 3)
		return 0;
	input_read(&in, data, size);
	f = fec_new(in.k);
	whole = buffers(in.k, in.len);
	copy = buffers(in.k, in.len);
	parity = buffers(in.n, in.len);
	for (unsigned int i = 0; i < in.k; i++) {
		fill(whole[i], in.len, i + data[0]);
		if (in.have[i])
			memcpy(copy[i], whole[i], in.len);
		else
			memset(copy[i], 0xa5, in.len);
	}
	parity_make(f, &in, whole, parity);
	decoded(f, &in, whole, copy, parity);
	buffers_free(whole, in.k);
	buffers_free(copy, in.k);
	buffers_free(parity, in.n);
	fec_free(f);
	return 0;
}
