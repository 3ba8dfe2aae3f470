/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tokens of machines: 128 random bits, told once, kept only as their SHA-256. */
#ifndef ORTHRUS_DAEMON_TOKENS_H
#define ORTHRUS_DAEMON_TOKENS_H

#include "daemon/change.h"

struct http_call;

#define TOKEN_LEN 33 /* 32 hex digits and NUL */

enum token_use { TOKEN_IMAGER, TOKEN_REPORT };

/* A new token for the node; the one it had for this use is void with the commit of `c`. The run document is changed, not put. */
void token_issue(struct change *c, const char *node, struct run *r, enum token_use use, char out[TOKEN_LEN]);
/* Who calls? Fills the node's name and run. Else ERR_REFUSED and status 401, whatever was wrong. */
int token_check(struct daemon *d, struct http_call *call, enum token_use use, char **node, struct run *r,
		struct err *err) WARN_UNUSED;

#endif
