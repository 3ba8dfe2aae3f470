/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The compression of BLAKE3 for LANES messages side by side, one in each lane of a vector, in C: included by cast/treehash_simd.c
 * once for each width (so without a guard). NAME(x): x with the width in its name; TARGET: the instructions that may be used;
 * LOW(a, b), HIGH(a, b): the words of `a` and `b` in turns, those of their lower and of their upper halves. */

typedef uint32_t NAME(lane) __attribute__((vector_size(4 * LANES)));

/* All is written out, as loops would keep the vectors in memory. */
TARGET INLINED void NAME(pair)(const NAME(lane) * m, NAME(lane) * t, unsigned int i)
{
	if (i >= LANES / 2)
		return;
	t[2 * i] = LOW(m[i], m[i + LANES / 2]);
	t[2 * i + 1] = HIGH(m[i], m[i + LANES / 2]);
}

TARGET INLINED void NAME(step)(const NAME(lane) * m, NAME(lane) * t)
{
	NAME(pair)(m, t, 0);
	NAME(pair)(m, t, 1);
	NAME(pair)(m, t, 2);
	NAME(pair)(m, t, 3);
	NAME(pair)(m, t, 4);
	NAME(pair)(m, t, 5);
	NAME(pair)(m, t, 6);
	NAME(pair)(m, t, 7);
}

/* LANES words of each of LANES messages; afterwards m[j] has word j of all of them. */
TARGET INLINED void NAME(turn)(NAME(lane) * m)
{
	NAME(lane) s[LANES], t[LANES];

	NAME(step)(m, s);
	NAME(step)(s, LANES == 4 ? m : t);
	if (LANES == 8)
		NAME(step)(t, m);
	if (LANES == 16) {
		NAME(step)(t, s);
		NAME(step)(s, m);
	}
}

TARGET INLINED NAME(lane) NAME(right)(NAME(lane) x, int n)
{
	return x >> n | x << (32 - n);
}

TARGET INLINED void NAME(mix)(NAME(lane) * a, NAME(lane) * b, NAME(lane) * c, NAME(lane) * d, NAME(lane) x, NAME(lane) y)
{
	*a = *a + x + *b;
	*d = NAME(right)(*d ^ *a, 16);
	*c += *d;
	*b = NAME(right)(*b ^ *c, 12);
	*a = *a + y + *b;
	*d = NAME(right)(*d ^ *a, 8);
	*c += *d;
	*b = NAME(right)(*b ^ *c, 7);
}

TARGET INLINED void NAME(round)(NAME(lane) * v, const NAME(lane) * m, const uint8_t *order)
{
	NAME(mix)(&v[0], &v[4], &v[8], &v[12], m[order[0]], m[order[1]]);
	NAME(mix)(&v[1], &v[5], &v[9], &v[13], m[order[2]], m[order[3]]);
	NAME(mix)(&v[2], &v[6], &v[10], &v[14], m[order[4]], m[order[5]]);
	NAME(mix)(&v[3], &v[7], &v[11], &v[15], m[order[6]], m[order[7]]);
	NAME(mix)(&v[0], &v[5], &v[10], &v[15], m[order[8]], m[order[9]]);
	NAME(mix)(&v[1], &v[6], &v[11], &v[12], m[order[10]], m[order[11]]);
	NAME(mix)(&v[2], &v[7], &v[8], &v[13], m[order[12]], m[order[13]]);
	NAME(mix)(&v[3], &v[4], &v[9], &v[14], m[order[14]], m[order[15]]);
}

TARGET INLINED void NAME(compress)(NAME(lane) * h, const NAME(lane) * m, const NAME(lane) * count, uint32_t flags)
{
	const NAME(lane) none = { 0 };
	NAME(lane) v[16];

	memcpy(v, h, 8 * sizeof(*v));
	v[8] = none + treehash_iv[0];
	v[9] = none + treehash_iv[1];
	v[10] = none + treehash_iv[2];
	v[11] = none + treehash_iv[3];
	v[12] = count[0];
	v[13] = count[1];
	v[14] = none + TREEHASH_BLOCK;
	v[15] = none + flags;
	NAME(round)(v, m, treehash_order[0]);
	NAME(round)(v, m, treehash_order[1]);
	NAME(round)(v, m, treehash_order[2]);
	NAME(round)(v, m, treehash_order[3]);
	NAME(round)(v, m, treehash_order[4]);
	NAME(round)(v, m, treehash_order[5]);
	NAME(round)(v, m, treehash_order[6]);
	h[0] = v[0] ^ v[8];
	h[1] = v[1] ^ v[9];
	h[2] = v[2] ^ v[10];
	h[3] = v[3] ^ v[11];
	h[4] = v[4] ^ v[12];
	h[5] = v[5] ^ v[13];
	h[6] = v[6] ^ v[14];
	h[7] = v[7] ^ v[15];
}

TARGET static void NAME(hash)(const struct treehash_job *job, const uint8_t *const *in, uint64_t counter, uint32_t *out)
{
	NAME(lane) h[8], m[16], count[2];

	for (unsigned int i = 0; i < LANES; i++) {
		const uint64_t c = job->counted ? counter + i : 0;

		count[0][i] = (uint32_t)c;
		count[1][i] = (uint32_t)(c >> 32);
	}
	for (unsigned int i = 0; i < 8; i++)
		h[i] = (NAME(lane)){ 0 } + treehash_iv[i];
	for (size_t b = 0; b < job->blocks; b++) {
		const uint32_t flags = job->flags | (b == 0 ? job->first : 0) | (b + 1 == job->blocks ? job->last : 0);

		for (unsigned int part = 0; part < 16; part += LANES) {
			for (unsigned int i = 0; i < LANES; i++)
				memcpy(&m[part + i], in[i] + b * TREEHASH_BLOCK + (size_t)part * 4, sizeof(m[0]));
			for (unsigned int i = 0; part == 0 && i < LANES; i++)
				__builtin_prefetch(in[i] + (b + 4) * TREEHASH_BLOCK);
			NAME(turn)(m + part);
		}
		NAME(compress)(h, m, count, flags);
	}
	for (unsigned int i = 0; i < LANES; i++)
		for (unsigned int j = 0; j < 8; j++)
			out[8 * i + j] = h[j][i];
}

#undef LANES
#undef NAME
#undef TARGET
#undef LOW
#undef HIGH
