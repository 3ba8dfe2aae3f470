/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the HTTP server: one request with its answer, and the workers that handle it. */
#ifndef ORTHRUS_SYS_HTTP_CALL_H
#define ORTHRUS_SYS_HTTP_CALL_H

#include "base/digest.h"
#include "sys/http_server.h"

#define HTTP_PAIRS_MAX 16
#define HTTP_TOPIC_MAX 96

struct http_pairs {
	char *names[HTTP_PAIRS_MAX], *values[HTTP_PAIRS_MAX];
	size_t len;
};

struct http_call {
	const struct http_route *route;
	char *path, *who, *from, *if_match, *if_range, *bearer, *range;
	char *node; /* of HTTP_NODE, else NULL */
	struct digest spki;
	const char *method;
	struct http_pairs params, query;
	bool cut, too_many; /* the target has a NUL byte; more parameters than HTTP_PAIRS_MAX */
	struct buf body;
	size_t body_bytes; /* as many came; those of a refused call are not in `body` */
	int64_t begun_ns;
	uint64_t act; /* the auditor's */
	bool audited; /* the auditor was told that it begins */
	/* the answer */
	int status;
	struct buf out;
	const char *content_type;
	char etag[80];
	int fd;		   /* -1: none */
	http_read_fn read; /* or NULL */
	void *read_ctx;
	uint64_t fd_size; /* or of what is read */
	/* waiting */
	bool waits, over, stranger; /* stranger: it waits, and is counted as one that anybody may make */
	char topic[HTTP_TOPIC_MAX];
	int64_t wait_until_ns;
	uint64_t wakes_seen;
	/* the listener's */
	void *connection;
	const void *listener;		 /* the libmicrohttpd that it came to */
	bool queued, answered, bodiless; /* bodiless: what it sends is dropped */
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

struct http_server {
	struct http_server_opts opts;
	struct http_queue *queue;
	struct http_guests *guests;
	struct MHD_Daemon *unix_mhd, *tls_mhd;
	struct MHD_Daemon *
		*retired; /* with an old certificate or address: their connections end by themselves; the oldest first */
	size_t n_retired, cap_retired;
	int tls_fd;		   /* ours; each MHD has a duplicate */
	_Atomic unsigned int port; /* 0 until it is served */
	char *unix_path;
	char *listen;		 /* what tls_fd is bound to, as it was asked for */
	struct digest shown;	 /* of what tls_mhd shows: crt, key, ca */
	struct buf crt, key, ca; /* libmicrohttpd reads them while it starts */
};
/* A libmicrohttpd that listens on this socket, which is taken; NULL: it cannot, and the log knows why. */
struct MHD_Daemon *http_mhd_start(struct http_server *s, int fd, bool tls);
/* Stops the retired ones whose last connection has ended; all of them when `all`. */
void http_tls_sweep(struct http_server *s, bool all);

/* What libmicrohttpd knows of a connection: who is at its other end, and what is sent there. */
struct MHD_Connection;
/* May it make a call of `who`? Over the unix socket: root or our own user are administrators; over TLS: a certificate of our CA
 * with that unit. Then call->who becomes the user's id or the name in the certificate, with HTTP_NODE call->node and ->spki are
 * set. */
bool http_peer_may(struct MHD_Connection *c, bool over_unix, enum http_who who, struct http_call *call);
char *http_peer_address(struct MHD_Connection *c); /* for the log; the caller frees it */
/* Queues what the call holds as its answer, and takes it out of the call; false: the connection is to be closed. */
bool http_answer_send(struct MHD_Connection *c, struct http_call *call);

/* Listening sockets, not blocking; -1 with `err`. */
int http_listen_unix(const char *path, struct err *err) WARN_UNUSED;
int http_listen_tcp(const char *text, unsigned int *port, struct err *err) WARN_UNUSED;

/* The workers and the calls that wait. `answer` is called when a call has its answer. Of calls that anybody may make
 * `strangers_max` wait at once, with bodies of HTTP_STRANGERS_BODY_MAX together: others are handled once more, at once, and find
 * that the wait is over. */
#define HTTP_STRANGERS_BODY_MAX ((size_t)16 << 20)
struct http_queue;
struct http_queue *http_queue_new(unsigned int workers, unsigned int strangers_max, void *handler_ctx,
				  const struct http_auditor *auditor, void (*answer)(struct http_call *call), struct err *err);
bool http_queue_add(struct http_queue *q, struct http_call *call); /* false: stopped, nothing was done */
void http_queue_wake(struct http_queue *q, const char *topic);
void http_queue_leave(struct http_queue *q, const void *listener); /* calls that came there wait no longer */
void http_queue_stop(struct http_queue *q); /* answers everything and ends the threads; add is refused from then on */
void http_queue_free(struct http_queue *q);

/* The connections: one whose next header is not whole `limit_ns` after it came, or after its last answer, is cut off. Those that
 * come over the network and have shown no certificate (strangers) have half of `max` places, and seven eighths together with the
 * others: one more, and of the source (an IPv4 address, a /64 of IPv6) with the most strangers the one is cut off that has owed
 * bytes for the longest. */
struct http_guests;
struct sockaddr;
enum http_guest_phase {
	HTTP_GUEST_HEADER, /* its next header is awaited: so it comes, and is after each answer */
	HTTP_GUEST_BODY,   /* the header is whole */
	HTTP_GUEST_ANSWER, /* nothing is owed by it */
};
struct http_guests *http_guests_new(int64_t limit_ns, unsigned int max, struct err *err);
/* `peer` NULL: over the unix socket. The result is for the three below; NULL does nothing. */
void *http_guest_comes(struct http_guests *g, int fd, const struct sockaddr *peer, const void *listener);
void http_guest_is(struct http_guests *g, void *guest, enum http_guest_phase phase);
void http_guest_known(struct http_guests *g, void *guest);	     /* it has shown a certificate that is good here */
void http_guest_refused(struct http_guests *g, void *guest);	     /* whose certificate that is has no place here any more */
void http_guest_goes(struct http_guests *g, void *guest);	     /* before its socket is closed */
void http_guests_leave(struct http_guests *g, const void *listener); /* what its connections say from now on is not heard */
void http_guests_free(struct http_guests *g);			     /* all are gone */

#endif
