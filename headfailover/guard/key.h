/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The secret that the guards of a cluster share, so that nobody else has a say in who answers: read strictly, or not at all. */
#ifndef ORTHRUS_GUARD_KEY_H
#define ORTHRUS_GUARD_KEY_H

#include "base/err.h"

#include <stdint.h>

#define GUARD_KEY_LEN 32
#define GUARD_KEYS 2

struct guard_key {
	uint8_t bytes[GUARD_KEY_LEN];
	uint32_t id;	  /* says which key it is, and nothing of the key */
	uint64_t cluster; /* of the cluster's name, under this key */
};
/* key[0] signs, all of them verify. A cluster gets a new key in three steps, each on every voter before the next: the new one is
 * key[1]; the new one is key[0], the old one key[1]; the old one is gone. */
struct guard_keys {
	unsigned int n; /* 1 or 2 */
	struct guard_key key[GUARD_KEYS];
};

/* A new key file, mode 0600: 64 hex digits and a newline. One that is there already is ERR_EXISTS. */
int guard_key_create(const char *path, struct err *err) WARN_UNUSED;
/* `cluster` is the cluster's name. `also` may be NULL: there is one key only. ERR_REFUSED: it is missing, a link, not of root or
 * of who runs this, of another mode than 0600 and 0400 (0440 where systemd passes credentials), has another length, is no key
 * (all bytes the same), or both are the same one. On any error no key is in `out`. */
int guard_keys_load(const char *signs, const char *also, const char *cluster, struct guard_keys *out,
		    struct err *err) WARN_UNUSED;
/* From bytes: ERR_REFUSED where all are the same, as in what was never written. Calls nothing of the system but sodium_init(). */
int guard_key_of(const uint8_t bytes[GUARD_KEY_LEN], const char *cluster, struct guard_key *out, struct err *err) WARN_UNUSED;
void guard_keys_clear(struct guard_keys *k);

#endif
