/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By libcrypto: on any processor. */
#include "cast/seal_priv.h"

#include "base/mem.h"

#include <openssl/evp.h>

struct seal_state {
	EVP_CIPHER_CTX *close, *open;
};

static void drop(void *state)
{
	struct seal_state *s = state;

	EVP_CIPHER_CTX_free(s->close); /* wipes it */
	EVP_CIPHER_CTX_free(s->open);
	free(s);
}

static void *make(const uint8_t key[SEAL_KEY])
{
	struct seal_state *s = mem_zalloc(sizeof(*s));

	s->close = EVP_CIPHER_CTX_new();
	s->open = EVP_CIPHER_CTX_new();
	if (s->close && s->open && EVP_EncryptInit_ex(s->close, EVP_aes_256_gcm(), NULL, key, NULL) == 1 &&
	    EVP_DecryptInit_ex(s->open, EVP_aes_256_gcm(), NULL, key, NULL) == 1)
		return s;
	drop(s);
	return NULL;
}

static void close_one(void *state, const struct seal_job *job)
{
	const struct seal_state *s = state;
	int n;

	if (EVP_EncryptInit_ex(s->close, NULL, NULL, NULL, job->nonce) != 1 ||
	    EVP_EncryptUpdate(s->close, NULL, &n, job->aad, (int)job->aad_len) != 1 ||
	    EVP_EncryptUpdate(s->close, job->out, &n, job->in, (int)job->len) != 1 ||
	    EVP_EncryptFinal_ex(s->close, job->out + job->len, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(s->close, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG, job->tag) != 1)
		abort(); /* a plain text must not go out in place of a sealed one */
}

static bool open_one(void *state, const struct seal_job *job)
{
	const struct seal_state *s = state;
	int n;

	return EVP_DecryptInit_ex(s->open, NULL, NULL, NULL, job->nonce) == 1 &&
	       EVP_DecryptUpdate(s->open, NULL, &n, job->aad, (int)job->aad_len) == 1 &&
	       EVP_DecryptUpdate(s->open, job->out, &n, job->in, (int)job->len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(s->open, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG, job->tag) == 1 &&
	       EVP_DecryptFinal_ex(s->open, job->out + job->len, &n) == 1;
}

const struct seal_way *seal_ssl(void)
{
	static const struct seal_way way = { make, drop, close_one, open_one };

	return &way;
}
