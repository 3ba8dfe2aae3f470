/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256 of 16 (AVX512) or 8 (AVX2) leaves at once by libipsec-mb. */
#define NO_COMPAT_IMB_API_053 /* names that libcrypto has too */
#include "cast/treehash_priv.h"

#include "base/mem.h"

#include <intel-ipsec-mb.h>

struct treehash_mb {
	IMB_MGR *mgr;
	size_t lanes;
};

struct treehash_mb *treehash_mb_new(void)
{
	IMB_MGR *mgr = alloc_mb_mgr(0);
	struct treehash_mb *m = NULL;
	size_t lanes = 0;

	if (!mgr)
		return NULL;
	if ((mgr->features & IMB_FEATURE_AVX512_SKX) == IMB_FEATURE_AVX512_SKX)
		lanes = 16;
	else if ((mgr->features & IMB_FEATURE_AVX2) && !(mgr->features & IMB_FEATURE_SHANI))
		lanes = 8; /* with SHA-NI libcrypto is faster than these */
	if (lanes)
		init_mb_mgr_auto(mgr, NULL);
	if (!lanes || imb_get_errno(mgr) != 0 || !(mgr->features & IMB_FEATURE_SELF_TEST_PASS)) {
		free_mb_mgr(mgr);
		return NULL;
	}
	m = mem_zalloc(sizeof(*m));
	*m = (struct treehash_mb){ .mgr = mgr, .lanes = lanes };
	return m;
}

void treehash_mb_free(struct treehash_mb *m)
{
	if (!m)
		return;
	free_mb_mgr(m->mgr);
	free(m);
}

size_t treehash_mb_lanes(const struct treehash_mb *m)
{
	return m->lanes;
}

void treehash_mb_leaves(struct treehash_mb *m, const uint8_t *data, size_t n, struct digest *out)
{
	size_t done = 0;

	for (size_t i = 0; i < n; i++) {
		IMB_JOB *job = IMB_GET_NEXT_JOB(m->mgr);

		job->cipher_mode = IMB_CIPHER_NULL;
		job->cipher_direction = IMB_DIR_ENCRYPT;
		job->chain_order = IMB_ORDER_HASH_CIPHER;
		job->hash_alg = IMB_AUTH_SHA_256;
		job->src = data + i * TREEHASH_LEAF;
		job->hash_start_src_offset_in_bytes = 0;
		job->msg_len_to_hash_in_bytes = TREEHASH_LEAF;
		job->auth_tag_output = out[i].bytes;
		job->auth_tag_output_len_in_bytes = DIGEST_LEN;
		/* Unchecked: the check allows 65,534 bytes, the code counts 16 bits of blocks (treehash_new() proves it). */
		if (IMB_SUBMIT_JOB_NOCHECK(m->mgr))
			done++;
		while (i + 1 - done >= m->lanes && IMB_GET_COMPLETED_JOB(m->mgr))
			done++;
	}
	while (IMB_FLUSH_JOB(m->mgr))
		done++;
	if (done != n)
		abort(); /* digests that were not written must not be taken for some */
}
