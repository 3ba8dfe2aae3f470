/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/http_server.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/http_call.h"
#include "sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_WORKERS 8
#define DEFAULT_CONNECTIONS 4096
#define DEFAULT_PER_ADDRESS 256
#define DEFAULT_IDLE_NS (30 * NS_PER_S)
#define DEFAULT_BODY ((size_t)64 << 10)
#define UNREAD_MAX ((size_t)4 << 20)		 /* of the body of a refused request: more is cut off */
#define MEMORY_PER_CONNECTION ((size_t)32 << 10) /* libmicrohttpd's: bounds the header lines too */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* --- connections --- */

static const void *listener_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_DAEMON);

	return info ? info->daemon : NULL;
}

static void *guest_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static void on_connection(void *ctx, struct MHD_Connection *c, void **guest, enum MHD_ConnectionNotificationCode what)
{
	struct http_server *s = ctx;
	const union MHD_ConnectionInfo *info, *peer;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		http_guest_goes(s->guests, *guest);
		*guest = NULL;
		return;
	}
	info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	peer = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (info)
		*guest = http_guest_comes(s->guests, info->connect_fd, peer ? peer->client_addr : NULL, listener_of(c));
}

/* --- questions --- */

static char *unquoted(const char *s)
{
	size_t len = s ? strlen(s) : 0;

	if (!s)
		return NULL;
	return len >= 2 && s[0] == '"' && s[len - 1] == '"' ? mem_strndup(s + 1, len - 2) : mem_strdup(s);
}

static char *header(struct MHD_Connection *c, const char *name)
{
	const char *value = MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);

	return value ? mem_strdup(value) : NULL;
}

static enum MHD_Result take_query(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct http_call *call = ctx;

	(void)kind;
	if (!http_pairs_add(&call->query, name, value ? value : "1"))
		call->too_many = true;
	return MHD_YES;
}

static void take_headers(struct MHD_Connection *c, struct http_call *call)
{
	const char *match = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-Match");
	const char *auth = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");

	call->if_match = unquoted(match);
	call->bearer = auth && str_starts(auth, "Bearer ") ? mem_strdup(auth + strlen("Bearer ")) : NULL;
	call->range = header(c, "Range");
	call->if_range = header(c, "If-Range");
	MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, take_query, call);
}

static size_t body_limit(const struct http_call *call)
{
	return call->route->max_body ? call->route->max_body : DEFAULT_BODY;
}

static enum MHD_Result send_answer(struct MHD_Connection *c, struct http_call *call)
{
	return http_answer_send(c, call) ? MHD_YES : MHD_NO;
}

/* Whoever sends a body without asking first (Expect) may look at the answer only after it: closed while he sends, the connection
 * is reset, and why is lost. */
static bool sends_unasked(struct MHD_Connection *c)
{
	const char *length = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");
	struct err none = { 0 };
	uint64_t announced;

	if (MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Expect"))
		return false;
	if (MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Transfer-Encoding"))
		return true;
	return length && str_to_u64(length, 1, UNREAD_MAX, &announced, &none) == 0;
}

/* At once, or behind the body that comes now (on_call). */
static enum MHD_Result send_error(struct http_server *s, struct MHD_Connection *c, struct http_call *call, int status,
				  const struct err *err)
{
	call->answered = true;
	http_call_fail(call, status, err);
	if (s->opts.auditor)
		s->opts.auditor->refused(s->opts.ctx, call, err);
	return sends_unasked(c) ? MHD_YES : send_answer(c, call);
}

static enum MHD_Result refuse_caller(struct http_server *s, struct MHD_Connection *c, struct http_call *call, bool over_unix)
{
	bool node = call->route->who == HTTP_NODE;
	struct err err = { 0 };

	err_set(&err, ERR_REFUSED, "%s %s is for %s only", call->method, call->path, node ? "nodes" : "administrators");
	if (node)
		err_hint(&err, "the machine must enrol: its certificate is missing, or no longer good");
	else
		err_hint(&err,
			 over_unix
				 ? "be root"
				 : "`orthrus head certificate NAME --out DIR` on a head makes a client certificate; give it with "
				   "--cert and --key");
	log_warn("http", "refused %s %s from %s: not %s", call->method, call->path, call->who,
		 node ? "a node" : "an administrator");
	return send_error(s, c, call, 403, &err);
}

/* Before any byte of the body: route, caller, query, announced length. */
static enum MHD_Result accept_call(struct http_server *s, struct MHD_Connection *c, struct http_call *call, bool over_unix)
{
	const char *length = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");
	struct err err = { 0 };
	uint64_t announced = 0;
	int status;

	take_headers(c, call);
	call->who = http_peer_address(c);
	call->from = mem_strdup(over_unix ? "local" : call->who);
	call->route = http_route_find(s->opts.routes, s->opts.n_routes, call, &status);
	if (!call->route) {
		err_set(&err, status == 404 ? ERR_NOT_FOUND : ERR_USAGE,
			status == 404 ? "there is no %s" : "%s does not have this method", call->path);
		return send_error(s, c, call, status, &err);
	}
	if (!http_peer_may(c, over_unix, call->route->who, call))
		return refuse_caller(s, c, call, over_unix);
	if (call->route->who != HTTP_ANYBODY)
		http_guest_known(s->guests, guest_of(c));
	if (http_query_check(call, &err) < 0)
		return send_error(s, c, call, 400, &err);
	if (length && (str_to_u64(length, 0, UINT64_MAX, &announced, &err) < 0 || announced > body_limit(call))) {
		err_set(&err, ERR_INVALID, "the request's body is longer than the %zu bytes allowed here", body_limit(call));
		return send_error(s, c, call, 413, &err);
	}
	call->bodiless = s->opts.takes_body && !s->opts.takes_body(s->opts.ctx, call);
	return MHD_YES;
}

static enum MHD_Result take_body(struct http_server *s, struct http_call *call, const char *data, size_t *len)
{
	size_t limit = call->answered ? UNREAD_MAX : body_limit(call);

	call->body_bytes += *len;
	/* Too late for an answer: close. A drip of bytes must not hold a connection for ever. */
	if (call->body_bytes > limit || clock_now_ns() - call->begun_ns > s->opts.idle_ns)
		return MHD_NO;
	if (!call->answered && !call->bodiless)
		buf_add(&call->body, data, *len);
	*len = 0;
	return MHD_YES;
}

static enum MHD_Result on_call(struct http_server *s, struct MHD_Connection *c, const char *path, const char *method,
			       const char *data, size_t *len, void **slot, bool over_unix)
{
	struct http_call *call = *slot;

	if (!call->connection) {
		http_call_ask(call, method, path);
		call->connection = c;
		call->listener = listener_of(c);
		http_guest_is(s->guests, guest_of(c), HTTP_GUEST_BODY);
		return accept_call(s, c, call, over_unix);
	}
	if (*len)
		return take_body(s, call, data, len);
	if (call->answered) {
		/* Until its certificate ends, a node that was removed has one: it must not keep places with it. */
		if (call->route && call->route->who != HTTP_ANYBODY && call->status == 403)
			http_guest_refused(s->guests, guest_of(c));
		return send_answer(c, call);
	}
	if (!call->queued) {
		struct err err = { 0 };

		call->queued = true;
		http_guest_is(s->guests, guest_of(c), HTTP_GUEST_ANSWER);
		MHD_suspend_connection(c);
		if (http_queue_add(s->queue, call))
			return MHD_YES;
		err_set(&err, ERR_FAILED, "the daemon is stopping");
		http_call_fail(call, 503, &err);
		call->answered = true;
		MHD_resume_connection(c);
	}
	return MHD_YES;
}

/* The first line of a request, as it came: what it returns is the slot of on_call and on_completed. */
static void *on_target(void *ctx, const char *raw, struct MHD_Connection *c)
{
	struct http_call *call = http_call_new("", "", clock_now_ns());

	(void)ctx;
	(void)c;
	http_call_target(call, raw);
	return call;
}

static enum MHD_Result on_unix(void *ctx, struct MHD_Connection *c, const char *path, const char *method, const char *version,
			       const char *data, size_t *len, void **slot)
{
	(void)version;
	return on_call(ctx, c, path, method, data, len, slot, true);
}

static enum MHD_Result on_tls(void *ctx, struct MHD_Connection *c, const char *path, const char *method, const char *version,
			      const char *data, size_t *len, void **slot)
{
	(void)version;
	return on_call(ctx, c, path, method, data, len, slot, false);
}

static void on_answer(struct http_call *call)
{
	MHD_resume_connection(call->connection);
}

static void on_completed(void *ctx, struct MHD_Connection *c, void **slot, enum MHD_RequestTerminationCode why)
{
	struct http_server *s = ctx;

	(void)why;
	/* On this connection another header may come now. */
	http_guest_is(s->guests, guest_of(c), HTTP_GUEST_HEADER);
	http_call_free(*slot);
	*slot = NULL;
}

__attribute__((format(printf, 2, 0))) static void on_log(void *ctx, const char *fmt, va_list ap)
{
	char text[256];
	size_t n;

	(void)ctx;
	vsnprintf(text, sizeof(text), fmt, ap);
	n = strlen(text);
	if (n && text[n - 1] == '\n')
		text[n - 1] = '\0';
	log_debug("http", "%s", text);
}

/* --- listeners --- */

struct MHD_Daemon *http_mhd_start(struct http_server *s, int fd, bool tls)
{
	struct MHD_OptionItem tls_options[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, s->crt.data },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, s->key.data },
		{ MHD_OPTION_HTTPS_MEM_TRUST, 0, s->ca.data },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES },
		{ MHD_OPTION_END, 0, NULL },
	};
	struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };

	return MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (tls ? MHD_USE_TLS : 0U), 0, NULL,
		NULL, tls ? on_tls : on_unix, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_ARRAY,
		tls ? tls_options : none, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
		MHD_OPTION_URI_LOG_CALLBACK, on_target, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
		MHD_OPTION_CONNECTION_LIMIT, s->opts.max_connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		tls ? s->opts.max_per_address : 0U, MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_PER_CONNECTION,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)((s->opts.idle_ns + NS_PER_S - 1) / NS_PER_S),
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
}

int http_server_new(const struct http_server_opts *opts, struct http_server **out, struct err *err)
{
	struct http_server *s = mem_zalloc(sizeof(*s));

	s->opts = *opts;
	if (!s->opts.workers)
		s->opts.workers = DEFAULT_WORKERS;
	if (!s->opts.max_connections)
		s->opts.max_connections = DEFAULT_CONNECTIONS;
	if (!s->opts.max_per_address)
		s->opts.max_per_address = DEFAULT_PER_ADDRESS;
	if (!s->opts.idle_ns)
		s->opts.idle_ns = DEFAULT_IDLE_NS;
	s->tls_fd = -1;
	/* gnutls writes to sockets whose other side may be gone. */
	signal(SIGPIPE, SIG_IGN);
	s->queue = http_queue_new(s->opts.workers, s->opts.max_connections / 4, s->opts.ctx, s->opts.auditor, on_answer, err);
	s->guests = s->queue ? http_guests_new(s->opts.idle_ns, s->opts.max_connections, err) : NULL;
	if (!s->guests) {
		if (s->queue)
			http_queue_stop(s->queue);
		http_queue_free(s->queue);
		free(s);
		return -1;
	}
	*out = s;
	return 0;
}

int http_server_unix(struct http_server *s, const char *path, struct err *err)
{
	autoclose int fd = http_listen_unix(path, err);

	if (fd < 0)
		return -1;
	s->unix_mhd = http_mhd_start(s, fd, false);
	if (!s->unix_mhd)
		return err_set(err, ERR_FAILED, "libmicrohttpd cannot serve %s", path);
	(void)steal_fd(fd);
	s->unix_path = mem_strdup(path);
	return 0;
}

unsigned int http_server_port(const struct http_server *s)
{
	return s->port;
}

void http_server_wake(struct http_server *s, const char *topic)
{
	http_queue_wake(s->queue, topic);
}

void http_server_close(struct http_server *s)
{
	if (s)
		http_queue_stop(s->queue);
}

void http_server_stop(struct http_server *s)
{
	if (!s)
		return;
	/* First the queue, so that no connection is suspended when libmicrohttpd stops. */
	http_queue_stop(s->queue);
	if (s->unix_mhd)
		MHD_stop_daemon(s->unix_mhd);
	if (s->tls_mhd)
		MHD_stop_daemon(s->tls_mhd);
	http_tls_sweep(s, true);
	http_guests_free(s->guests);
	http_queue_free(s->queue);
	if (s->unix_path)
		unlink(s->unix_path);
	if (s->tls_fd >= 0)
		close(s->tls_fd);
	free(s->unix_path);
	free(s->listen);
	free(s->retired);
	buf_free(&s->crt);
	buf_free(&s->key);
	buf_free(&s->ca);
	free(s);
}
