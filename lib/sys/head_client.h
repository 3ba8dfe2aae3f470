/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a head's daemon is asked: on its socket here, or over TLS; the same options, and the same words when they are wrong, for
 * every program. */
#ifndef ORTHRUS_SYS_HEAD_CLIENT_H
#define ORTHRUS_SYS_HEAD_CLIENT_H

#include "base/err.h"

struct http_client;

#define HEAD_CLIENT_CERT_HINT "`orthrus head certificate NAME --out DIR` on a head makes ca.crt, NAME.crt and NAME.key"

struct head_where {
	const char *root;	     /* "" for /: the socket is below it */
	const char *api;	     /* https://HOST:PORT in place of the socket, or NULL */
	const char *ca, *cert, *key; /* files, with api; NULL: not given */
};
/* Nothing is sent yet. What is wrong is named by the option (--api, --ca, --cert, --key) that it is of; a daemon that does not
 * run here is ERR_FAILED, with how to start it. The caller frees *out with http_client_free(). */
int head_client_new(const struct head_where *w, struct http_client **out, struct err *err) WARN_UNUSED;

#endif
