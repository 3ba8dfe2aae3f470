/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Long polls: they wait without a thread, are woken, and are answered when the server stops. */
#include "http_bench.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

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

struct leaver {
	struct bench *b;
	atomic_bool stop;
	int rc;
	int64_t took_ns;
};

static void *ask_and_leave(void *arg)
{
	struct leaver *l = arg;
	const struct http_request req = { .method = "GET", .path = "/bell?ms=30000", .stop = &l->stop };
	autoclean(http_reply_free) struct http_reply r = { 0 };
	struct http_client *c = on_unix(l->b);
	struct err err = { 0 };
	const int64_t begin = clock_now_ns();

	l->rc = http_send(c, &req, &r, &err);
	l->took_ns = clock_now_ns() - begin;
	http_client_free(c);
	return NULL;
}

/* Who asked does not want to know any more. */
static void test_an_answer_is_not_waited_for(void **state)
{
	struct leaver l = { .b = *state };
	pthread_t thread;

	atomic_store(&l.b->rung, false);
	atomic_store(&l.b->runs, 0);
	assert_int_equal(pthread_create(&thread, NULL, ask_and_leave, &l), 0);
	while (atomic_load(&l.b->runs) < 1)
		clock_sleep_ns(NS_PER_MS);
	atomic_store(&l.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(l.rc, -1);
	assert_true(l.took_ns < 15 * NS_PER_S);
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

static int connected(struct bench *b, bool tcp)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)http_server_port(b->server)) };
	int fd = socket(tcp ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", b->sock);
	assert_int_equal(tcp ? connect(fd, (const struct sockaddr *)&in, sizeof(in))
			     : connect(fd, (const struct sockaddr *)&un, sizeof(un)),
			 0);
	return fd;
}

/* Says `text`, then a byte of `drip` every 50 ms; how long the other side listens. */
static int64_t drips(int fd, const char *text, size_t len, char drip)
{
	int64_t begin = clock_now_ns();
	char answer[64];

	assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), len);
	while (clock_now_ns() - begin < 14 * NS_PER_S) {
		if (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) == 0 || send(fd, &drip, 1, MSG_NOSIGNAL) < 0)
			break;
		clock_sleep_ns(50 * NS_PER_MS);
	}
	close(fd);
	return clock_now_ns() - begin;
}

/* idle_ns is 4 s here: each byte in time, the whole not. */
static void test_a_header_has_a_limit(void **state)
{
	static const char header[] = "GET /any/x HTTP/1.1\r\nX-Long: ", again[] = "GET /any/x HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char hello[] = { 0x16, 0x03, 0x01, 0x02, 0x00, 0x01 };
	struct bench *b = *state;
	char answer[1024];
	int fd = connected(b, false);
	int64_t took;

	/* Asking now and then is no drip. */
	for (int i = 0, stood_still = 0; i < 3; i++) {
		int64_t begin = clock_now_ns();

		assert_int_equal(send(fd, again, sizeof(again) - 1, MSG_NOSIGNAL), sizeof(again) - 1);
		assert_true(recv(fd, answer, sizeof(answer), 0) > 0);
		clock_sleep_ns(2200 * NS_PER_MS);
		if (clock_now_ns() - begin < 3500 * NS_PER_MS)
			continue;
		/* Too late for the limit, and none of the server's doing: once more. */
		assert_true(++stood_still < 10);
		close(fd);
		fd = connected(b, false);
		i = -1;
	}
	took = drips(fd, header, sizeof(header) - 1, 'a'); /* after good ones */
	assert_true(took < 9 * NS_PER_S);
	took = drips(connected(b, false), header, sizeof(header) - 1, 'a');
	assert_true(took > 2 * NS_PER_S && took < 9 * NS_PER_S);
	took = drips(connected(b, true), hello, sizeof(hello), 0);
	assert_true(took < 9 * NS_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long_polls_wait_without_a_thread),
		cmocka_unit_test(test_an_answer_is_not_waited_for),
		cmocka_unit_test(test_a_header_has_a_limit),
		cmocka_unit_test(test_stop_answers_those_who_wait),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
