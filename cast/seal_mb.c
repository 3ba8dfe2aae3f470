/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By libipsec-mb, packet by packet: as fast as its jobs for packets of this size, and four times libcrypto. */
#define NO_COMPAT_IMB_API_053 /* names that libcrypto has too */
#include "cast/seal_priv.h"

#include "base/mem.h"

#include <intel-ipsec-mb.h>
#include <string.h>

struct seal_state {
	struct gcm_key_data key;
	aes_gcm_enc_dec_t close, open;
};

static bool usable(IMB_MGR *mgr)
{
	const uint64_t needed = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;

	/* Without these instructions the library has tables instead, whose timing tells the key. */
	if ((mgr->features & needed) != needed)
		return false;
	init_mb_mgr_auto(mgr, NULL);
	return imb_get_errno(mgr) == 0 && (mgr->features & IMB_FEATURE_SELF_TEST_PASS);
}

static void *make(const uint8_t key[SEAL_KEY])
{
	IMB_MGR *mgr = alloc_mb_mgr(0);
	struct seal_state *s = NULL;

	if (!mgr)
		return NULL;
	if (usable(mgr)) {
		s = mem_aligned(64, sizeof(*s));
		/* Only what it chose for this processor is kept: a sender has one of these for each receiver. */
		s->close = mgr->gcm256_enc;
		s->open = mgr->gcm256_dec;
		IMB_AES256_GCM_PRE(mgr, key, &s->key);
	}
	free_mb_mgr(mgr);
	return s;
}

static void drop(void *state)
{
	explicit_bzero(state, sizeof(struct seal_state));
	free(state);
}

static void close_one(void *state, const struct seal_job *job)
{
	const struct seal_state *s = state;
	struct gcm_context_data ctx;

	s->close(&s->key, &ctx, job->out, job->in, job->len, job->nonce, job->aad, job->aad_len, job->tag, SEAL_TAG);
}

static bool open_one(void *state, const struct seal_job *job)
{
	const struct seal_state *s = state;
	struct gcm_context_data ctx;
	uint64_t a[2], b[2];
	uint8_t tag[SEAL_TAG];

	s->open(&s->key, &ctx, job->out, job->in, job->len, job->nonce, job->aad, job->aad_len, tag, sizeof(tag));
	memcpy(a, tag, sizeof(a));
	memcpy(b, job->tag, sizeof(b));
	return ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0; /* in one step: its time does not tell how many bytes are right */
}

const struct seal_way *seal_mb(void)
{
	static const struct seal_way way = { make, drop, close_one, open_one };

	return &way;
}
