/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AES-256-GCM (NIST SP 800-38D) of many packets at once: by libipsec-mb where the processor has what it needs, else by libcrypto.
 */
#ifndef ORTHRUS_CAST_SEAL_H
#define ORTHRUS_CAST_SEAL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEAL_KEY 32
#define SEAL_NONCE 12
#define SEAL_TAG 16

struct seal; /* one key, for one thread */
struct seal *seal_new(const uint8_t key[SEAL_KEY]) __attribute__((returns_nonnull));
/* For tests: the other one. false: this processor can't. */
struct seal *seal_new_by(const uint8_t key[SEAL_KEY], bool mb);
void seal_free(struct seal *s); /* the key is wiped */
struct seal_job {
	const uint8_t *nonce; /* 12 bytes */
	const uint8_t *aad;
	size_t aad_len;
	const uint8_t *in;
	uint8_t *out; /* may be `in` */
	size_t len;
	uint8_t *tag; /* 16 bytes: written by seal_close_many(), compared by seal_open_many() */
	bool ok;      /* of seal_open_many(): the tag is right; else `out` is all zeros */
};
void seal_close_many(struct seal *s, struct seal_job *jobs, size_t n);
void seal_open_many(struct seal *s, struct seal_job *jobs, size_t n);

#endif
