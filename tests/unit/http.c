/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Server and client in one process, over a unix socket and TLS: routes, errors, files, and what is cut. */
#include "http_bench.h"

#include <sys/socket.h>
#include <sys/un.h>

static void test_routes_and_parameters(void **state)
{
	struct http_client *c = on_unix(*state);
	autoclean(http_reply_free) struct http_reply r = { 0 };
	struct err err = { 0 };
	struct http_request put = {
		.method = "PUT", .path = "/admin/n01?plan=1", .body = "abc", .body_len = 3, .if_match = "\"12\""
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

/* What the server would overlook is refused, or "plan" behind it would be carried out. */
static void test_what_would_be_overlooked(void **state)
{
	static const struct {
		const char *path, *says;
	} refused[] = {
		{ "/admin/n01?Plan=1", "'Plan'" },
		{ "/admin/n01?dry_run=1", "'dry_run'" },
		{ "/admin/n01?plan=1&x", "'x'" },
		{ "/admin/n01?pla=1", "'pla'" },
		{ "/admin/n01?plan=0&plan=1", "twice" },
		{ "/admin/n01?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&plan=1", "more than 16" },
		{ "/refuse?plan=1", "'plan'" },
		{ "/admin/n01%00garbage", "%00" },
		{ "/admin/n01%00", "%00" },
		{ "/admin/n01?plan=0%001", "%00" },
		{ "/admin/n01?plan%00=0", "%00" },
	};
	struct http_client *c = on_unix(*state);

	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		autoclean(http_reply_free) struct http_reply r = { 0 };
		struct err err = { 0 };

		check(get(c, refused[i].path, &r, &err), &err);
		assert_int_equal(r.status, 400);
		assert_non_null(strstr(buf_str(&r.body), refused[i].says));
	}
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

/* A client that sends its whole body before it looks at the answer still gets it, and the connection stays. */
static void test_a_refusal_waits_for_the_body(void **state)
{
	enum { BODY = 300000 };
	static const struct {
		const char *target, *status;
	} refused[] = { { "PUT /admin/x", " 413 " },
			{ "POST /nothing", " 404 " },
			{ "PUT /refuse", " 405 " },
			{ "POST /any/x?y=1", " 400 " } };
	struct bench *b = *state;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	autofree char *body = mem_zalloc(BODY);
	char answer[2048];

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", b->sock);
	assert_int_equal(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		autofree char *head = str_format("%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", refused[i].target, BODY);
		ssize_t n;

		assert_int_equal(send(fd, head, strlen(head), MSG_NOSIGNAL), strlen(head));
		clock_sleep_ns(50 * NS_PER_MS); /* for a server that answers and closes now */
		for (size_t at = 0; at < BODY; at += (size_t)n)
			assert_true((n = send(fd, body + at, BODY - at, MSG_NOSIGNAL)) > 0);
		n = recv(fd, answer, sizeof(answer) - 1, 0);
		assert_true(n > 0);
		answer[n] = '\0';
		assert_non_null(strstr(answer, refused[i].status));
	}
	/* More than anybody waits for, or asked before: at once. */
	static const char huge[] = "PUT /admin/x HTTP/1.1\r\nHost: x\r\nContent-Length: 99000000\r\n\r\n";
	static const char asks[] = "PUT /admin/x HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\nExpect: 100-continue\r\n\r\n";
	say(b, huge, sizeof(huge) - 1, answer, sizeof(answer));
	assert_non_null(strstr(answer, " 413 "));
	say(b, asks, sizeof(asks) - 1, answer, sizeof(answer));
	assert_non_null(strstr(answer, " 413 "));
	assert_null(strstr(answer, "100 Continue"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes_and_parameters),
		cmocka_unit_test(test_what_would_be_overlooked),
		cmocka_unit_test(test_errors_come_back_as_errors),
		cmocka_unit_test(test_files_and_ranges),
		cmocka_unit_test(test_bodies_have_a_limit),
		cmocka_unit_test(test_a_refusal_waits_for_the_body),
		cmocka_unit_test(test_hostile_bytes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
