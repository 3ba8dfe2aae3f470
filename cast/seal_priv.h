/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For cast/seal*.c alone: what each way of AES-256-GCM gives to cast/seal.c, so that each library stays in one file. */
#ifndef ORTHRUS_CAST_SEAL_PRIV_H
#define ORTHRUS_CAST_SEAL_PRIV_H

#include "cast/seal.h"

struct seal_way {
	void *(*make)(const uint8_t key[SEAL_KEY]); /* NULL: not on this processor */
	void (*drop)(void *state);		    /* wipes it */
	void (*close)(void *state, const struct seal_job *job);
	bool (*open)(void *state, const struct seal_job *job); /* false: wrong tag; `out` is anything then */
};
const struct seal_way *seal_mb(void);
const struct seal_way *seal_ssl(void);

#endif
