/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the HTTP server: one request with its answer, and the workers that handle it. */
#ifndef ORTHRUS_SYS_HTTP_CALL_H
#define ORTHRUS_SYS_HTTP_CALL_H

#include "sys/http_server.h"

#define HTTP_PAIRS_MAX 16
#define HTTP_TOPIC_MAX 96

struct http_pairs {
	char *names[HTTP_PAIRS_MAX], *values[HTTP_PAIRS_MAX];
	size_t len;
};

struct http_call {
	const struct http_route *route;
	char *path, *who, *if_match, *if_range, *bearer, *range;
	const char *method;
	struct http_pairs params, query;
	bool cut, too_many; /* the target has a NUL byte; more parameters than HTTP_PAIRS_MAX */
	struct buf body;
	int64_t begun_ns;
	/* the answer */
	int status;
	struct buf out;
	const char *content_type;
	char etag[80];
	int fd; /* -1: none */
	uint64_t fd_size;
	/* waiting */
	bool waits, over;
	char topic[HTTP_TOPIC_MAX];
	int64_t wait_until_ns;
	uint64_t wakes_seen;
	/* the listener's */
	void *connection;
	bool queued, answered;
	struct http_call *next, *prev;
};

struct http_call *http_call_new(const char *method, const char *path, int64_t now_ns);
void http_call_free(struct http_call *call);
bool http_pairs_add(struct http_pairs *p, const char *name, const char *value); /* false: there are HTTP_PAIRS_MAX already */
/* The requested target as it came, nothing decoded yet: a NUL byte in it would cut what comes after out of sight. */
void http_call_target(struct http_call *call, const char *raw);
/* What is asked for, decoded by libmicrohttpd. */
void http_call_ask(struct http_call *call, const char *method, const char *path);
/* The pairs in call->query are what its route knows, each once, and nothing was cut out of the target. */
int http_query_check(const struct http_call *call, struct err *err) WARN_UNUSED;
/* The route for method and path, its parameters noted; NULL: *status is 404 or 405. */
const struct http_route *http_route_find(const struct http_route *routes, size_t n, struct http_call *call, int *status);
/* The answer becomes the error document; status 0: the one that stands for err->kind. */
void http_call_fail(struct http_call *call, int status, const struct err *err);
/* "bytes=0-99" of a file of `size` bytes. */
enum http_range { HTTP_RANGE_NONE, HTTP_RANGE_PART, HTTP_RANGE_UNSATISFIABLE };
enum http_range http_range_read(const char *range, uint64_t size, uint64_t *first, uint64_t *len);

/* What libmicrohttpd knows of a connection: who is at its other end, and what is sent there. */
struct MHD_Connection;
/* Over the unix socket: root or our own user; over TLS: a certificate of our CA for an administrator. *who (freed first) becomes
 * the user's id, or the name of the administrator's certificate; else it stays. */
bool http_peer_is_admin(struct MHD_Connection *c, bool over_unix, char **who);
char *http_peer_address(struct MHD_Connection *c); /* for the log; the caller frees it */
/* Queues what the call holds as its answer, and takes it out of the call; false: the connection is to be closed. */
bool http_answer_send(struct MHD_Connection *c, struct http_call *call);

/* Listening sockets, not blocking; -1 with `err`. */
int http_listen_unix(const char *path, struct err *err) WARN_UNUSED;
int http_listen_tcp(const char *text, unsigned int *port, struct err *err) WARN_UNUSED;

/* The workers and the calls that wait. `answer` is called when a call has its answer. */
struct http_queue;
struct http_queue *http_queue_new(unsigned int workers, void *handler_ctx, void (*answer)(struct http_call *call),
				  struct err *err);
bool http_queue_add(struct http_queue *q, struct http_call *call); /* false: stopped, nothing was done */
void http_queue_wake(struct http_queue *q, const char *topic);
void http_queue_stop(struct http_queue *q); /* answers everything and ends the threads; add is refused from then on */
void http_queue_free(struct http_queue *q);

#endif
