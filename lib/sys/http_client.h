/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP requests over a unix socket or TLS, by libcurl. */
#ifndef ORTHRUS_SYS_HTTP_CLIENT_H
#define ORTHRUS_SYS_HTTP_CLIENT_H

#include "base/buf.h"
#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct http_client; /* one connection kept open; not for two threads at once */
struct http_client_opts {
	const char *unix_socket; /* or NULL */
	const char *base_url;	 /* "https://10.0.0.1:8443"; "http://localhost" with a unix socket */
	const char *ca_file;	 /* trust only this; NULL only with a unix socket, `pin` or `look` */
	/* For a server that no CA vouches for: the SHA-256 (hex) of the public key that its certificate must have, whatever
	 * else is in it. Another key is ERR_REFUSED, before anything was sent. */
	const char *pin;
	/* Talk to whoever answers, to learn its key (http_reply.pin). Neither a token nor a password may be given with it. */
	bool look;
	const char *user, *password;	      /* for HTTP Basic (RFC 7617), or NULL */
	const char *client_cert, *client_key; /* or NULL */
	const char *bearer;		      /* token, or NULL */
	int64_t timeout_ns;		      /* of one request; 0: 60 s */
	int64_t connect_timeout_ns;	      /* 0: 5 s */
};
int http_client_new(const struct http_client_opts *opts, struct http_client **out, struct err *err) WARN_UNUSED;
void http_client_free(struct http_client *c);
void http_client_set_bearer(struct http_client *c, const char *token);

struct http_reply {
	int status; /* HTTP status */
	struct buf body;
	char etag[80]; /* "" when none */
	char pin[65];  /* with `look`: SHA-256 (hex) of the public key of the server's certificate; else "" */
	bool nobody;   /* nothing listens there: the request was not seen by anybody */
};
void http_reply_free(struct http_reply *r);

/* -1 when there was no whole answer (connect, TLS, time-out, cut short). An HTTP error status is an answer: see http_reply_ok. */
struct http_request {
	const char *method, *path; /* path with query, beginning with '/' */
	const void *body;
	size_t body_len;
	const char *content_type;	  /* body NULL: none; type NULL: application/json */
	const char *if_match;		  /* or NULL */
	size_t max_body;		  /* 0: 16 MiB; a longer answer is an error */
	uint64_t range_first, range_last; /* both 0: no Range header */
	/* Streaming instead of body: called with pieces as they come; return -1 to stop. */
	int (*sink)(void *ctx, const void *data, size_t len, struct err *err);
	void *ctx;
	int64_t timeout_ns;	 /* 0: the client's */
	const atomic_bool *stop; /* or NULL; once true, nobody waits for the answer any more: it is left within a second */
};
int http_send(struct http_client *c, const struct http_request *req, struct http_reply *reply, struct err *err) WARN_UNUSED;
/* 0 for 2xx; else turns the server's error document {"error":{"kind":..,"text":..,"hint":..}} back into `err`. */
int http_reply_ok(const struct http_reply *r, struct err *err) WARN_UNUSED;

#endif
