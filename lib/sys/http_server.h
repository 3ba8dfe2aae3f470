/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An HTTP/1.1 server of a table of routes, on a unix socket and over TLS, by libmicrohttpd: every size, count and time has a
 * limit. */
#ifndef ORTHRUS_SYS_HTTP_SERVER_H
#define ORTHRUS_SYS_HTTP_SERVER_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_server;
struct http_call;

enum http_who {
	HTTP_ANYBODY, /* over TLS no certificate is asked for */
	HTTP_ADMIN,   /* root on the unix socket, or a client certificate of our CA with the unit "admin" */
	HTTP_NODE,    /* over TLS, a client certificate of our CA with the unit "node": http_peer_node() */
};

struct http_route {
	const char *method;  /* "GET" (answers HEAD too), "POST", "PUT", "PATCH", "DELETE" */
	const char *pattern; /* "/v1/nodes/:name": one path segment becomes the parameter "name" */
	enum http_who who;
	/* In a worker thread; may block for milliseconds (a disk), not for minutes: see http_wait. Fills the answer and returns
	 * 0, or -1: then the error document is the answer, with the status that stands for its kind. */
	int (*handle)(void *ctx, struct http_call *call, struct err *err);
	size_t max_body;   /* 0: 64 KiB */
	const char *query; /* the query parameters it knows, between blanks; NULL: none. Others, and one given twice, are refused:
			    * overlooked, a misspelt "plan" would be carried out. */
};

/* Who writes down what was asked for. Each route of a method other than GET is told, so that none can be forgotten. */
struct http_auditor {
	/* In a worker, before the call is handled for the first time. -1: it is not handled, and the error is its answer.
	 */
	int (*begin)(void *ctx, struct http_call *call, struct err *err);
	/* In a worker: the answer is ready, and not sent before this returns. `err` is what it says when its status is 400 or
	 * more. */
	void (*end)(void *ctx, struct http_call *call, const struct err *err);
	/* Refused before any handler saw it (not an administrator, wrong query ...), whatever the method. On the listener's
	 * thread: must not block. */
	void (*refused)(void *ctx, struct http_call *call, const struct err *err);
};

struct http_server_opts {
	const struct http_route *routes; /* outlives the server */
	size_t n_routes;
	void *ctx;				       /* for handlers */
	unsigned int workers;			       /* 0: 8 */
	unsigned int max_connections, max_per_address; /* of each listener; 0: 4096 and 256 */
	int64_t idle_ns; /* a connection that says nothing for so long is closed; header and whole request must come within it; 0:
			    30 s */
	const struct http_auditor *auditor; /* or NULL; outlives the server */
	/* Before any byte of a body is kept: may this caller send one (http_bearer() tells)? Else it is dropped as it comes, and
	 * the handler, which says no, gets an empty one. On the listener's thread: must not block. NULL: everybody may. */
	bool (*takes_body)(void *ctx, const struct http_call *call);
};
int http_server_new(const struct http_server_opts *opts, struct http_server **out, struct err *err) WARN_UNUSED;
/* A socket of mode 0660; a stale one is replaced: make sure that no other process serves it. Ignores SIGPIPE from then on. */
int http_server_unix(struct http_server *s, const char *path, struct err *err) WARN_UNUSED;
/* "10.0.0.1:8443", "[::]:8443"; port 0 takes a free one. Called again, certificate and address become these while the old
 * connections live on (those that are nine changes old end with their next answer); when they are what they were, or on failure,
 * nothing changes. */
struct http_tls {
	const char *listen, *crt, *key, *ca; /* paths of PEM files */
};
int http_server_tls(struct http_server *s, const struct http_tls *tls, struct err *err) WARN_UNUSED;
int http_listen_check(const char *listen, struct err *err) WARN_UNUSED; /* only whether it is an address with a port */
unsigned int http_server_port(const struct http_server *s);		/* of the TLS listener; 0: there is none */
/* Calls that wait for `topic` are handled again; NULL: all that wait. From any thread. */
void http_server_wake(struct http_server *s, const char *topic);
/* Answers what waits with 503, lets running handlers end; no handler runs after it. */
void http_server_close(struct http_server *s);
/* The same, and everything is closed and freed. */
void http_server_stop(struct http_server *s);

/* --- for handlers --- */
const char *http_method(const struct http_call *call);
const char *http_param(const struct http_call *call, const char *name); /* of the pattern; never NULL for one that is in it */
const char *http_query(const struct http_call *call, const char *name); /* "?name=value", NULL when absent */
/* "?plan=1" and "?plan=true"; false when absent. */
int http_query_flag(const struct http_call *call, const char *name, bool *out, struct err *err) WARN_UNUSED;
int http_query_u64(const struct http_call *call, const char *name, uint64_t min, uint64_t max, uint64_t *out,
		   struct err *err) WARN_UNUSED;
const char *http_body(const struct http_call *call, size_t *len); /* ends with a NUL byte too */
const char *http_if_match(const struct http_call *call);	  /* without quotes; NULL when absent */
/* The name in the certificate of the node that calls, and the SHA-256 of its key's SubjectPublicKeyInfo (both checked by TLS: the
 * caller holds the key). Only for routes of HTTP_NODE; whether that node still exists, and still has that key, the handler finds
 * out.
 */
const char *http_peer_node(const struct http_call *call, struct digest *spki);
const char *http_bearer(const struct http_call *call); /* NULL when absent */
const char *http_who(const struct http_call *call);    /* "uid 0", "certificate NAME", "node NAME", "10.0.0.7": for logs */

const char *http_from(const struct http_call *call); /* "local" (the unix socket), else the address */
const char *http_path(const struct http_call *call); /* as asked for, decoded, without the query */
/* Is it a route of administrators? False also for a path that no route has. */
bool http_for_admin(const struct http_call *call);
const char *http_pattern(const struct http_call *call); /* of its route; "" when it has none */
int http_status(const struct http_call *call);		/* of the answer as it stands */
uint64_t http_act(const struct http_call *call);	/* what the auditor set, at first 0 */
void http_set_act(struct http_call *call, uint64_t act);

struct buf *http_out(struct http_call *call); /* the JSON answer; status 200 when not set otherwise */
void http_set_status(struct http_call *call, int status);
void http_set_etag(struct http_call *call, const char *tag); /* without quotes */
/* What http_out() holds is this in place of JSON. TYPE is not copied: a literal. A failure is JSON all the same. */
void http_set_type(struct http_call *call, const char *type);
/* The answer is this file (the fd is taken), whole or the Range that was asked for. Its size must not change. */
void http_out_file(struct http_call *call, int fd, uint64_t size, const char *content_type);
/* The same of bytes that are read as they go out: `read` puts at most `max` from `at` on into `data`, and returns how many (0: it
 * can't; the connection ends). Several threads; `ctx` outlives the server's answers. */
typedef size_t (*http_read_fn)(void *ctx, uint64_t at, void *data, size_t max);
void http_out_reader(struct http_call *call, http_read_fn read, void *ctx, uint64_t size, const char *content_type);
/* Nothing to say yet: handle this call again when `topic` is woken or wait_ns after it came in, whichever is first. False when
 * that time is over: answer now. No thread is held meanwhile. */
bool http_wait(struct http_call *call, const char *topic, int64_t wait_ns);

#endif
