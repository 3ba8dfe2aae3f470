/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Enrolment tokens: the administrator's word for one machine, given in advance. 128 random bits, told once, kept only as their
 * SHA-256 in the documents "tok/HASH"; bound to one node, good once and for an hour at most. */
#ifndef ORTHRUS_DAEMON_ENROL_TOKEN_H
#define ORTHRUS_DAEMON_ENROL_TOKEN_H

#include "daemon/change.h"

#define ENROL_TOKEN_LEN 33 /* 32 hex digits and NUL */
#define ENROL_TOKEN_ID_LEN 13
#define ENROL_TOKEN_MAX_S 3600
#define ENROL_TOKENS_MAX 5000

struct enrol_token {
	char id[ENROL_TOKEN_ID_LEN]; /* the beginning of its hash: names it without giving it away */
	char *node, *by, *at;
	uint64_t until_s; /* wall clock */
	char *hash;
};
void enrol_token_free(struct enrol_token *t);

/* A new one; told only here. Wipe `out` after use. */
int enrol_token_make(struct change *c, const char *node, const char *by, uint64_t ttl_s, char out[ENROL_TOKEN_LEN],
		     struct enrol_token *told, struct err *err) WARN_UNUSED;
/* Which node is this token for? It is spent with the commit of `c`. ERR_REFUSED whatever was wrong with it. */
int enrol_token_use(struct change *c, const char *token, char **node, struct err *err) WARN_UNUSED;

struct enrol_tokens {
	struct enrol_token *items;
	size_t len;
};
int enrol_token_list(struct daemon *d, struct enrol_tokens *out, struct err *err) WARN_UNUSED;
void enrol_tokens_free(struct enrol_tokens *l);
void enrol_token_delete(struct change *c, const struct enrol_token *t);
/* All that are over, and those for `nodes` (NULL: none). */
int enrol_token_sweep(struct change *c, const struct str_list *nodes, struct err *err) WARN_UNUSED;

#endif
