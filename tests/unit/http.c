/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Server and client in one process, over a unix socket and TLS: who is trusted, what is cut, what waits. */
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/http_call.h"
#include "sys/http_client.h"
#include "sys/http_server.h"
#include "sys/keys.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
/* cmocka.h wants setjmp.h and stdarg.h. */
#include <cmocka.h>

#define FILE_BYTES 300000

struct bench {
	char *dir, *sock, *file;
	struct pki_paths pki, other;
	struct http_server *server;
	atomic_int runs;
	atomic_bool rung;
};

static int echo(void *ctx, struct http_call *call, struct err *err)
{
	size_t len;
	const char *body = http_body(call, &len);
	const char *match = http_if_match(call), *bearer = http_bearer(call);
	bool plan;

	(void)ctx;
	if (http_query_flag(call, "plan", &plan, err) < 0)
		return -1;
	buf_addf(http_out(call), "%s|%s|%s|%zu|%s|%s", http_method(call), http_param(call, "name"), plan ? "plan" : "-", len,
		 match ? match : "-", bearer ? bearer : "-");
	(void)body;
	http_set_etag(call, "v7");
	return 0;
}

static int refuse(void *ctx, struct http_call *call, struct err *err)
{
	(void)ctx;
	buf_adds(http_out(call), "half an answer that must not be seen");
	err_set(err, ERR_REFUSED, "node \"n01\" is \n being installed");
	return err_hint(err, "wait for it");
}

static int file(void *ctx, struct http_call *call, struct err *err)
{
	struct bench *b = ctx;
	int fd = open(b->file, O_RDONLY | O_CLOEXEC);

	(void)err;
	assert_true(fd >= 0);
	http_out_file(call, fd, FILE_BYTES, "application/octet-stream");
	return 0;
}

static int bell(void *ctx, struct http_call *call, struct err *err)
{
	struct bench *b = ctx;
	uint64_t ms = 0;

	atomic_fetch_add(&b->runs, 1);
	if (http_query_u64(call, "ms", 0, 60000, &ms, err) < 0)
		return -1;
	if (!atomic_load(&b->rung) && http_wait(call, "bell", (int64_t)ms * NS_PER_MS))
		return 0;
	buf_adds(http_out(call), atomic_load(&b->rung) ? "rung" : "silence");
	return 0;
}

static const struct http_route routes[] = {
	{ "GET", "/any/:name", HTTP_ANYBODY, echo, 0 },	  { "GET", "/admin/:name", HTTP_ADMIN, echo, 0 },
	{ "PUT", "/admin/:name", HTTP_ADMIN, echo, 100 }, { "POST", "/any/:name", HTTP_ANYBODY, echo, 100000 },
	{ "GET", "/refuse", HTTP_ANYBODY, refuse, 0 },	  { "GET", "/file", HTTP_ANYBODY, file, 0 },
	{ "GET", "/bell", HTTP_ANYBODY, bell, 0 },
};

static void check(int rc, const struct err *err)
{
	if (rc < 0)
		fail_msg("%s", err->text);
}

static int make_pki(struct bench *b, const char *name, struct pki_paths *out, struct err *err)
{
	autofree char *dir = fs_join(b->dir, name);
	autoclean(str_list_free) struct str_list names = { 0 };
	autoclean(str_list_free) struct str_list addrs = { 0 };

	str_list_add(&names, "head1");
	str_list_add(&addrs, "127.0.0.1");
	return pki_ensure(dir, name, &names, &addrs, out, err);
}

static int setup(void **state)
{
	struct bench *b = mem_zalloc(sizeof(*b));
	struct http_server_opts opts = {
		.routes = routes, .n_routes = ARRAY_LEN(routes), .ctx = b, .workers = 2, .idle_ns = 2 * NS_PER_S
	};
	autofree char *data = mem_zalloc(FILE_BYTES);
	autofree char *pki_dir = NULL;
	struct http_tls tls;
	struct err err = { 0 };

	b->dir = mem_strdup("/tmp/orthrus-http.XXXXXX");
	if (!mkdtemp(b->dir))
		return -1;
	b->sock = fs_join(b->dir, "api.sock");
	b->file = fs_join(b->dir, "file");
	for (size_t i = 0; i < FILE_BYTES; i++)
		data[i] = (char)(i * 7 + i / 256);
	check(fs_write_atomic(b->file, data, FILE_BYTES, 0644, &err), &err);
	check(make_pki(b, "pki", &b->pki, &err), &err);
	check(make_pki(b, "other", &b->other, &err), &err);
	pki_dir = fs_join(b->dir, "pki");
	check(pki_issue_client(pki_dir, "alice", b->dir, &err), &err);
	free(steal(pki_dir));
	pki_dir = fs_join(b->dir, "other");
	check(pki_issue_client(pki_dir, "mallory", b->dir, &err), &err);
	check(http_server_new(&opts, &b->server, &err), &err);
	check(http_server_unix(b->server, b->sock, &err), &err);
	tls = (struct http_tls){ "127.0.0.1:0", b->pki.server_crt, b->pki.server_key, b->pki.ca_crt };
	check(http_server_tls(b->server, &tls, &err), &err);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;
	struct err err = { 0 };
	int rc;

	http_server_stop(b->server);
	rc = fs_remove_tree(b->dir, &err);
	pki_paths_free(&b->pki);
	pki_paths_free(&b->other);
	free(b->dir);
	free(b->sock);
	free(b->file);
	free(b);
	return rc;
}

static struct http_client *on_unix(struct bench *b)
{
	struct http_client_opts opts = { .unix_socket = b->sock, .base_url = "http://localhost" };
	struct http_client *c;
	struct err err = { 0 };

	check(http_client_new(&opts, &c, &err), &err);
	return c;
}

/* NULL `admin`: no client certificate. */
static struct http_client *on_tls(struct bench *b, const char *host, const char *ca, const char *admin)
{
	autofree char *url = str_format("https://%s:%u", host, http_server_port(b->server));
	autofree char *crt = str_format("%s/%s.crt", b->dir, admin ? admin : "");
	autofree char *key = str_format("%s/%s.key", b->dir, admin ? admin : "");
	struct http_client_opts opts = {
		.base_url = url, .ca_file = ca, .client_cert = admin ? crt : NULL, .client_key = admin ? key : NULL
	};
	struct http_client *c;
	struct err err = { 0 };

	check(http_client_new(&opts, &c, &err), &err);
	return c;
}

static int get(struct http_client *c, const char *path, struct http_reply *r, struct err *err)
{
	return http_send(c, &(const struct http_request){ .method = "GET", .path = path }, r, err);
}

static void test_routes_and_parameters(void **state)
{
	struct http_client *c = on_unix(*state);
	autoclean(http_reply_free) struct http_reply r = { 0 };
	struct err err = { 0 };
	struct http_request put = {
		.method = "PUT", .path = "/admin/n01?plan=1&x=y", .body = "abc", .body_len = 3, .if_match = "\"12\""
	};

	http_client_set_bearer(c, "secret-token");
	check(http_send(c, &put, &r, &err), &err);
	assert_int_equal(r.status, 200);
	assert_string_equal(buf_str(&r.body), "PUT|n01|plan|3|12|secret-token");
	assert_string_equal(r.etag, "\"v7\"");
	http_client_set_bearer(c, NULL);
	check(get(c, "/any/%6e02", &r, &err), &err);
	assert_string_equal(buf_str(&r.body), "GET|n02|-|0|-|-");
	check(get(c, "/any/", &r, &err), &err);
	assert_int_equal(r.status, 404);
	check(get(c, "/any/a/b", &r, &err), &err);
	assert_int_equal(r.status, 404);
	check(get(c, "/any/..%2f..%2fetc", &r, &err), &err);
	assert_int_equal(r.status, 404);
	put.path = "/refuse";
	check(http_send(c, &put, &r, &err), &err);
	assert_int_equal(r.status, 405);
	put.path = "/any/x";
	put.method = "BREW";
	check(http_send(c, &put, &r, &err), &err);
	assert_true(r.status == 405 || r.status == 404);
	http_client_free(c);
}

static void test_errors_come_back_as_errors(void **state)
{
	struct http_client *c = on_unix(*state);
	autoclean(http_reply_free) struct http_reply r = { 0 };
	struct err err = { 0 };

	check(get(c, "/refuse", &r, &err), &err);
	assert_int_equal(r.status, 403);
	assert_null(strstr(buf_str(&r.body), "half"));
	assert_int_equal(http_reply_ok(&r, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_string_equal(err.text, "node \"n01\" is \n being installed");
	assert_string_equal(err.hint, "wait for it");
	r.status = 502;
	buf_clear(&r.body);
	buf_adds(&r.body, "<html>bad \x01 gateway");
	assert_int_equal(http_reply_ok(&r, &err), -1);
	assert_non_null(strstr(err.text, "502"));
	assert_null(strchr(err.text, 1));
	http_client_free(c);
}

static void test_only_our_ca_is_trusted(void **state)
{
	struct bench *b = *state;
	struct http_client *right = on_tls(b, "127.0.0.1", b->pki.ca_crt, NULL),
			   *wrong = on_tls(b, "127.0.0.1", b->other.ca_crt, NULL);
	struct http_client *name = on_tls(b, "127.0.0.2", b->pki.ca_crt, NULL);
	struct http_client_opts plain = { .base_url = "http://127.0.0.1:1", .ca_file = b->pki.ca_crt };
	struct http_client_opts blind = { .base_url = "https://127.0.0.1:1" };
	autoclean(http_reply_free) struct http_reply r = { 0 };
	struct http_client *none = NULL;
	struct err err = { 0 };

	check(get(right, "/any/x", &r, &err), &err);
	assert_int_equal(r.status, 200);
	assert_int_equal(get(wrong, "/any/x", &r, &err), -1);
	assert_true(err.hint[0] != '\0');
	assert_int_equal(get(name, "/any/x", &r, &err), -1); /* 127.0.0.2: nobody, or a certificate that does not name it */
	assert_int_equal(http_client_new(&plain, &none, &err), -1);
	assert_int_equal(http_client_new(&blind, &none, &err), -1);
	http_client_free(right);
	http_client_free(wrong);
	http_client_free(name);
}

static void test_admin_routes_need_an_admin(void **state)
{
	struct bench *b = *state;
	struct http_client *nobody = on_tls(b, "127.0.0.1", b->pki.ca_crt, NULL);
	struct http_client *alice = on_tls(b, "127.0.0.1", b->pki.ca_crt, "alice");
	struct http_client *mallory = on_tls(b, "127.0.0.1", b->pki.ca_crt, "mallory");
	struct http_client *server, *root = on_unix(b);
	struct http_client_opts as_server = { .ca_file = b->pki.ca_crt,
					      .client_cert = b->pki.server_crt,
					      .client_key = b->pki.server_key };
	autofree char *url = str_format("https://127.0.0.1:%u", http_server_port(b->server));
	autoclean(http_reply_free) struct http_reply r = { 0 };
	struct err err = { 0 };

	as_server.base_url = url;
	check(http_client_new(&as_server, &server, &err), &err);
	check(get(nobody, "/admin/x", &r, &err), &err);
	assert_int_equal(r.status, 403);
	assert_null(strstr(buf_str(&r.body), "GET|"));
	check(get(alice, "/admin/x", &r, &err), &err);
	assert_int_equal(r.status, 200);
	/* A certificate of another CA: refused in the handshake or by the route, never served. */
	assert_true(get(mallory, "/admin/x", &r, &err) < 0 || r.status == 403);
	/* Our CA, but not for an administrator. */
	assert_true(get(server, "/admin/x", &r, &err) < 0 || r.status == 403);
	check(get(root, "/admin/x", &r, &err), &err);
	assert_int_equal(r.status, 200);
	http_client_free(nobody);
	http_client_free(alice);
	http_client_free(mallory);
	http_client_free(server);
	http_client_free(root);
}

static void check_piece(struct bench *b, struct http_client *c, uint64_t first, uint64_t last)
{
	struct http_request req = { .method = "GET", .path = "/file", .range_first = first, .range_last = last };
	autoclean(http_reply_free) struct http_reply r = { 0 };
	autoclean(buf_free) struct buf want = { 0 };
	size_t to = last < FILE_BYTES - 1 ? last : FILE_BYTES - 1;
	struct err err = { 0 };

	check(fs_read(b->file, FILE_BYTES, &want, &err), &err);
	check(http_send(c, &req, &r, &err), &err);
	assert_int_equal(r.status, 206);
	assert_int_equal(r.body.len, to - first + 1);
	assert_memory_equal(r.body.data, want.data + first, r.body.len);
}

static int count_or_stop(void *ctx, const void *data, size_t len, struct err *err)
{
	size_t *left = ctx;

	(void)data;
	if (len > *left)
		return err_set(err, ERR_DAMAGED, "enough seen");
	*left -= len;
	return 0;
}

static void test_files_and_ranges(void **state)
{
	struct bench *b = *state;
	struct http_client *clients[2] = { on_tls(b, "127.0.0.1", b->pki.ca_crt, NULL), on_unix(b) };

	for (int i = 0; i < 2; i++) {
		struct http_request req = { .method = "GET", .path = "/file" };
		autoclean(http_reply_free) struct http_reply r = { 0 };
		size_t left = FILE_BYTES;
		struct err err = { 0 };

		check_piece(b, clients[i], 0, 99);
		check_piece(b, clients[i], 4095, 4097);
		check_piece(b, clients[i], 123456, 250000);
		check_piece(b, clients[i], FILE_BYTES - 10, FILE_BYTES + 1000);
		check(http_send(clients[i], &req, &r, &err), &err);
		assert_int_equal(r.status, 200);
		assert_int_equal(r.body.len, FILE_BYTES);
		req.range_first = FILE_BYTES;
		req.range_last = FILE_BYTES + 5;
		check(http_send(clients[i], &req, &r, &err), &err);
		assert_int_equal(r.status, 416);
		req = (struct http_request){ .method = "GET", .path = "/file", .sink = count_or_stop, .ctx = &left };
		check(http_send(clients[i], &req, &r, &err), &err);
		assert_int_equal(left, 0);
		left = FILE_BYTES / 2;
		assert_int_equal(http_send(clients[i], &req, &r, &err), -1);
		assert_int_equal(err.kind, ERR_DAMAGED);
		assert_non_null(strstr(err.text, "enough seen"));
		req = (struct http_request){ .method = "GET", .path = "/file", .max_body = 1000 };
		assert_int_equal(http_send(clients[i], &req, &r, &err), -1);
		/* The words of an error never reach the sink. */
		left = 0;
		req = (struct http_request){ .method = "GET", .path = "/nothing", .sink = count_or_stop, .ctx = &left };
		check(http_send(clients[i], &req, &r, &err), &err);
		assert_int_equal(r.status, 404);
		assert_int_equal(http_reply_ok(&r, &err), -1);
		assert_int_equal(err.kind, ERR_NOT_FOUND);
		http_client_free(clients[i]);
	}
}

static void test_bodies_have_a_limit(void **state)
{
	struct bench *b = *state;
	struct http_client *clients[2] = { on_unix(b), on_tls(b, "127.0.0.1", b->pki.ca_crt, "alice") };
	autofree char *big = mem_zalloc(200001);

	memset(big, 'x', 200000);
	for (int i = 0; i < 2; i++) {
		struct http_request put = { .method = "PUT", .path = "/admin/x", .body = big, .body_len = 100 };
		autoclean(http_reply_free) struct http_reply r = { 0 };
		struct err err = { 0 };

		check(http_send(clients[i], &put, &r, &err), &err);
		assert_int_equal(r.status, 200);
		put.body_len = 101;
		check(http_send(clients[i], &put, &r, &err), &err);
		assert_int_equal(r.status, 413);
		put = (struct http_request){ .method = "POST", .path = "/any/x", .body = big, .body_len = 100000 };
		check(http_send(clients[i], &put, &r, &err), &err);
		assert_int_equal(r.status, 200);
		assert_non_null(strstr(buf_str(&r.body), "|100000|"));
		put.body_len = 200000;
		assert_true(http_send(clients[i], &put, &r, &err) < 0 || r.status == 413);
		http_client_free(clients[i]);
	}
}

/* Raw bytes to the unix socket; returns how many bytes came back before the server closed. */
static size_t say(struct bench *b, const char *text, size_t len, char *answer, size_t max)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval limit = { .tv_sec = 10 };
	size_t got = 0;
	ssize_t n;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", b->sock);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	for (size_t at = 0; at < len; at += (size_t)n) {
		n = send(fd, text + at, len - at, MSG_NOSIGNAL);
		if (n <= 0)
			break;
	}
	while (got < max - 1 && (n = recv(fd, answer + got, max - 1 - got, 0)) > 0)
		got += (size_t)n;
	answer[got] = '\0';
	return got;
}

static void test_hostile_bytes(void **state)
{
	struct bench *b = *state;
	autoclean(buf_free) struct buf text = { 0 };
	autoclean(http_reply_free) struct http_reply r = { 0 };
	struct http_client *c;
	struct err err = { 0 };
	char answer[2048];

	say(b, "\0\0\0\r\n\r\n", 7, answer, sizeof(answer));
	assert_null(strstr(answer, "200 OK"));
	buf_adds(&text, "GET /any/x HTTP/1.1\r\nHost: x\r\nX-Long: ");
	for (int i = 0; i < 70000; i++)
		buf_addc(&text, 'a');
	buf_adds(&text, "\r\n\r\n");
	say(b, text.data, text.len, answer, sizeof(answer));
	assert_null(strstr(answer, "200 OK"));
	/* A body that is longer than was announced is another request, and not a good one. */
	static const char lie[] = "PUT /admin/x HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551617\r\n\r\n";
	say(b, lie, sizeof(lie) - 1, answer, sizeof(answer));
	assert_null(strstr(answer, "200 OK"));
	/* A request that never becomes whole is closed after the idle time, not kept. */
	static const char slow[] = "PUT /admin/x HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhalf";
	assert_int_equal(say(b, slow, sizeof(slow) - 1, answer, sizeof(answer)), 0);
	c = on_unix(b);
	check(get(c, "/any/x", &r, &err), &err);
	assert_int_equal(r.status, 200);
	http_client_free(c);
}

struct asker {
	struct bench *b;
	const char *path;
	char answer[64];
	int64_t took_ns;
};

static void *ask(void *arg)
{
	struct asker *a = arg;
	struct http_client *c = on_tls(a->b, "127.0.0.1", a->b->pki.ca_crt, NULL);
	autoclean(http_reply_free) struct http_reply r = { 0 };
	struct err err = { 0 };
	int64_t begin = clock_now_ns();

	if (get(c, a->path, &r, &err) < 0)
		snprintf(a->answer, sizeof(a->answer), "error");
	else
		snprintf(a->answer, sizeof(a->answer), "%d %s", r.status, buf_str(&r.body));
	a->took_ns = clock_now_ns() - begin;
	http_client_free(c);
	return NULL;
}

static void test_long_polls_wait_without_a_thread(void **state)
{
	enum { N = 12 }; /* six times as many as there are workers */
	struct bench *b = *state;
	struct asker askers[N];
	pthread_t threads[N];
	struct http_client *c = on_unix(b);
	autoclean(http_reply_free) struct http_reply r = { 0 };
	struct err err = { 0 };

	atomic_store(&b->rung, false);
	atomic_store(&b->runs, 0);
	check(get(c, "/bell?ms=200", &r, &err), &err);
	assert_string_equal(buf_str(&r.body), "silence");
	assert_true(atomic_load(&b->runs) <= 3);
	atomic_store(&b->runs, 0);
	for (int i = 0; i < N; i++) {
		askers[i] = (struct asker){ .b = b, .path = "/bell?ms=30000" };
		assert_int_equal(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
	}
	while (atomic_load(&b->runs) < N)
		clock_sleep_ns(NS_PER_MS);
	check(get(c, "/any/x", &r, &err), &err); /* all wait, and others are still served */
	assert_int_equal(r.status, 200);
	http_server_wake(b->server, "another bell");
	atomic_store(&b->rung, true);
	http_server_wake(b->server, "bell");
	for (int i = 0; i < N; i++) {
		pthread_join(threads[i], NULL);
		assert_string_equal(askers[i].answer, "200 rung");
		assert_true(askers[i].took_ns < 20 * NS_PER_S);
	}
	check(get(c, "/bell?ms=99999", &r, &err), &err);
	assert_int_equal(r.status, 400);
	http_client_free(c);
}

static void test_a_new_certificate_without_a_gap(void **state)
{
	struct bench *b = *state;
	unsigned int port = http_server_port(b->server);
	struct http_client *before = on_tls(b, "127.0.0.1", b->pki.ca_crt, NULL), *after;
	struct http_tls tls = { "ignored", b->other.server_crt, b->other.server_key, b->other.ca_crt };
	autoclean(http_reply_free) struct http_reply r = { 0 };
	struct err err = { 0 };

	check(get(before, "/any/x", &r, &err), &err);
	check(http_server_tls(b->server, &tls, &err), &err);
	assert_int_equal(http_server_port(b->server), port);
	check(get(before, "/any/y", &r, &err), &err); /* the connection that was open goes on */
	after = on_tls(b, "127.0.0.1", b->other.ca_crt, NULL);
	check(get(after, "/any/z", &r, &err), &err);
	assert_int_equal(r.status, 200);
	http_client_free(before);
	http_client_free(after);
	tls = (struct http_tls){ "ignored", b->pki.server_crt, b->pki.server_key, b->pki.ca_crt };
	check(http_server_tls(b->server, &tls, &err), &err);
}

static void test_stop_answers_those_who_wait(void **state)
{
	struct bench *b = *state;
	struct asker a = { .b = b, .path = "/bell?ms=30000" };
	struct http_server_opts opts = { .routes = routes, .n_routes = ARRAY_LEN(routes), .ctx = b };
	struct http_tls tls = { "127.0.0.1:0", b->pki.server_crt, b->pki.server_key, b->pki.ca_crt };
	struct err err = { 0 };
	pthread_t thread;

	atomic_store(&b->rung, false);
	atomic_store(&b->runs, 0);
	assert_int_equal(pthread_create(&thread, NULL, ask, &a), 0);
	while (atomic_load(&b->runs) < 1)
		clock_sleep_ns(NS_PER_MS);
	http_server_stop(b->server);
	pthread_join(thread, NULL);
	assert_true(a.took_ns < 20 * NS_PER_S);
	assert_true(str_starts(a.answer, "503") || str_eq(a.answer, "error"));
	assert_false(fs_exists(b->sock));
	check(http_server_new(&opts, &b->server, &err), &err);
	check(http_server_unix(b->server, b->sock, &err), &err);
	tls.listen = "127.0.0.1:nonsense";
	assert_int_equal(http_server_tls(b->server, &tls, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
	tls.listen = "[::1:8443";
	assert_int_equal(http_server_tls(b->server, &tls, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes_and_parameters),
		cmocka_unit_test(test_errors_come_back_as_errors),
		cmocka_unit_test(test_only_our_ca_is_trusted),
		cmocka_unit_test(test_admin_routes_need_an_admin),
		cmocka_unit_test(test_files_and_ranges),
		cmocka_unit_test(test_bodies_have_a_limit),
		cmocka_unit_test(test_hostile_bytes),
		cmocka_unit_test(test_long_polls_wait_without_a_thread),
		cmocka_unit_test(test_a_new_certificate_without_a_gap),
		cmocka_unit_test(test_stop_answers_those_who_wait),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
