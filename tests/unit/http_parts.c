/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the HTTP server and client that need no server: ranges, routes, a cut answer, senseless options. */
#include "base/mem.h"
#include "sys/fs.h"
#include "sys/http_call.h"
#include "sys/http_client.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka.h wants setjmp.h and stdarg.h. */
#include <cmocka.h>

static int get(struct http_client *c, const char *path, struct http_reply *r, struct err *err)
{
	return http_send(c, &(const struct http_request){ .method = "GET", .path = path }, r, err);
}

static void test_range_header(void **state)
{
	uint64_t first, len;

	(void)state;
	assert_int_equal(http_range_read("bytes=0-0", 10, &first, &len), HTTP_RANGE_PART);
	assert_int_equal(len, 1);
	assert_int_equal(http_range_read("bytes=5-", 10, &first, &len), HTTP_RANGE_PART);
	assert_true(first == 5 && len == 5);
	assert_int_equal(http_range_read("bytes=-3", 10, &first, &len), HTTP_RANGE_PART);
	assert_true(first == 7 && len == 3);
	assert_int_equal(http_range_read("bytes=-30", 10, &first, &len), HTTP_RANGE_PART);
	assert_true(first == 0 && len == 10);
	assert_int_equal(http_range_read("bytes=2-18446744073709551615", 10, &first, &len), HTTP_RANGE_PART);
	assert_true(first == 2 && len == 8);
	assert_int_equal(http_range_read("bytes=10-", 10, &first, &len), HTTP_RANGE_UNSATISFIABLE);
	assert_int_equal(http_range_read("bytes=-0", 10, &first, &len), HTTP_RANGE_UNSATISFIABLE);
	assert_int_equal(http_range_read("bytes=0-", 0, &first, &len), HTTP_RANGE_UNSATISFIABLE);
	static const char *const senseless[] = { "bytes=5-4",	  "bytes=",    "bytes=-",    "bytes=a-b",
						 "bytes=0-1,3-4", "lines=1-2", "bytes=0-1x", "bytes=99999999999999999999999-",
						 "bytes= 0-1",	  "bytes=+1-2" };
	for (size_t i = 0; i < ARRAY_LEN(senseless); i++)
		assert_int_equal(http_range_read(senseless[i], 10, &first, &len), HTTP_RANGE_NONE);
}

static int nothing(void *ctx, struct http_call *call, struct err *err)
{
	(void)ctx;
	(void)call;
	(void)err;
	return 0;
}

/* Whatever was going to be answered, a failure is JSON. */
static void test_type_of_an_answer(void **state)
{
	struct http_call call = { .fd = -1 };
	struct err err = { 0 };

	(void)state;
	http_set_type(&call, "text/plain");
	assert_string_equal(call.content_type, "text/plain");
	assert_int_equal(err_set(&err, ERR_NOT_FOUND, "gone"), -1);
	http_call_fail(&call, 0, &err);
	assert_null(call.content_type);
	assert_int_equal(call.status, 404);
	buf_free(&call.out);
}

static void test_patterns(void **state)
{
	static const struct http_route routes[] = {
		{ "GET", "/v1/nodes", HTTP_ANYBODY, nothing, 0, NULL },
		{ "GET", "/v1/nodes/:name", HTTP_ANYBODY, nothing, 0, NULL },
		{ "DELETE", "/v1/nodes/:name", HTTP_ANYBODY, nothing, 0, NULL },
		{ "GET", "/v1/images/:name/:id/:file", HTTP_ANYBODY, nothing, 0, NULL },
	};
	static const struct {
		const char *method, *path;
		int route, status; /* route -1: none */
	} cases[] = {
		{ "GET", "/v1/nodes", 0, 0 },
		{ "HEAD", "/v1/nodes", 0, 0 },
		{ "GET", "/v1/nodes/", -1, 404 },
		{ "GET", "/v1/nodes/n01", 1, 0 },
		{ "DELETE", "/v1/nodes/n01", 2, 0 },
		{ "PUT", "/v1/nodes/n01", -1, 405 },
		{ "GET", "/v1/nodes/a/b", -1, 404 },
		{ "GET", "/v1/images/a/b/c", 3, 0 },
		{ "GET", "/v1/images/a//c", -1, 404 },
		{ "GET", "/v1/nodesx", -1, 404 },
		{ "GET", "", -1, 404 },
		{ "GET", "/v1", -1, 404 },
		{ "BREW", "/v1/nodes", -1, 405 },
		{ "GET", "//v1/nodes", -1, 404 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct http_call *call = http_call_new(cases[i].method, cases[i].path, 0);
		int status = 0;
		const struct http_route *r = http_route_find(routes, ARRAY_LEN(routes), call, &status);

		assert_int_equal(r ? r - routes : -1, cases[i].route);
		if (!r)
			assert_int_equal(status, cases[i].status);
		if (cases[i].route == 3) {
			assert_string_equal(http_param(call, "id"), "b");
			assert_string_equal(http_param(call, "file"), "c");
			assert_null(http_param(call, "nothing"));
		}
		http_call_free(call);
	}
}

static void test_query_numbers(void **state)
{
	struct http_call *call = http_call_new("GET", "/", 0);
	uint64_t n = 7;
	struct err err = { 0 };
	bool flag = false;

	(void)state;
	assert_true(http_pairs_add(&call->query, "wait", "30"));
	assert_true(http_pairs_add(&call->query, "since", "-1"));
	for (int i = 2; i < 2 * HTTP_PAIRS_MAX; i++)
		assert_int_equal(http_pairs_add(&call->query, "more", "1"), i < HTTP_PAIRS_MAX);
	assert_int_equal(http_query_u64(call, "absent", 0, 60, &n, &err), 0);
	assert_int_equal(n, 7);
	assert_int_equal(http_query_u64(call, "wait", 0, 60, &n, &err), 0);
	assert_int_equal(n, 30);
	assert_int_equal(http_query_u64(call, "wait", 0, 29, &n, &err), -1);
	assert_int_equal(http_query_u64(call, "since", 0, 29, &n, &err), -1);
	assert_non_null(strstr(err.text, "since"));
	assert_int_equal(http_query_flag(call, "more", &flag, &err), 0);
	assert_true(flag);
	assert_int_equal(http_query_flag(call, "absent", &flag, &err), 0);
	assert_false(flag);
	assert_int_equal(http_query_flag(call, "wait", &flag, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	assert_non_null(strstr(err.text, "wait"));
	http_call_free(call);
}

static void *cut_off(void *arg)
{
	static const char half[] = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this";
	int *fd = arg, peer = accept(*fd, NULL, NULL);
	char request[512];

	if (recv(peer, request, sizeof(request), 0) > 0 && send(peer, half, sizeof(half) - 1, MSG_NOSIGNAL) < 0)
		request[0] = '\0';
	close(peer);
	return NULL;
}

static void test_a_cut_answer_is_no_answer(void **state)
{
	char dir[] = "/tmp/orthrus-cut.XXXXXX";
	autofree char *path = NULL;
	struct http_client_opts opts = { .base_url = "http://localhost" };
	autoclean(http_reply_free) struct http_reply r = { 0 };
	struct err err = { 0 };
	struct http_client *c;
	pthread_t thread;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = fs_join(dir, "cut.sock");
	opts.unix_socket = path;
	fd = http_listen_unix(path, &err);
	assert_true(fd >= 0);
	fcntl(fd, F_SETFL, 0);
	assert_int_equal(pthread_create(&thread, NULL, cut_off, &fd), 0);
	assert_int_equal(http_client_new(&opts, &c, &err), 0);
	assert_int_equal(get(c, "/x", &r, &err), -1);
	assert_int_equal(r.status, 0);
	assert_int_equal(err.kind, ERR_FAILED);
	pthread_join(thread, NULL);
	close(fd);
	unlink(path);
	assert_int_equal(get(c, "/x", &r, &err), -1);
	assert_non_null(strstr(err.hint, "orthrusd"));
	http_client_free(c);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_range_header),
		cmocka_unit_test(test_type_of_an_answer),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_query_numbers),
		cmocka_unit_test(test_a_cut_answer_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
