/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many connections of those who have shown no certificate: they push out each other, and nobody else. */
#include "http_bench.h"

#include "sys/http_call.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX 32U /* places */

/* One connection as the server sees it, and its other end. */
struct end {
	int ours, theirs;
	void *guest;
};

static struct end comes(struct http_guests *g, const char *from)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	const struct sockaddr *peer = NULL;
	struct end e;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	e = (struct end){ .ours = fds[0], .theirs = fds[1] };
	if (from && inet_pton(AF_INET, from, &in.sin_addr) == 1)
		peer = (const struct sockaddr *)&in;
	else if (from && inet_pton(AF_INET6, from, &in6.sin6_addr) == 1)
		peer = (const struct sockaddr *)&in6;
	assert_true(!from || peer);
	e.guest = http_guest_comes(g, e.ours, peer, NULL);
	return e;
}

static bool is_cut(const struct end *e)
{
	char byte;

	return recv(e->theirs, &byte, 1, MSG_DONTWAIT) == 0;
}

static void goes(struct http_guests *g, struct end *e)
{
	http_guest_goes(g, e->guest);
	close(e->ours);
	close(e->theirs);
}

static struct http_guests *guests(void)
{
	struct http_guests *g;
	struct err err = { 0 };

	g = http_guests_new(3600 * NS_PER_S, MAX, &err);
	assert_non_null(g);
	return g;
}

static void test_the_longest_silent_goes_first(void **state)
{
	struct http_guests *g = guests();
	struct end e[MAX / 2 + 2];

	(void)state;
	for (size_t i = 0; i < MAX / 2; i++)
		e[i] = comes(g, "10.0.0.9");
	for (size_t i = 0; i < MAX / 2; i++)
		assert_false(is_cut(&e[i]));
	/* It has said its header and still sends: after the others. The second is answered: never. */
	http_guest_is(g, e[0].guest, HTTP_GUEST_BODY);
	http_guest_is(g, e[1].guest, HTTP_GUEST_ANSWER);
	e[MAX / 2] = comes(g, "10.0.0.9");
	e[MAX / 2 + 1] = comes(g, "10.0.0.9");
	for (size_t i = 0; i < ARRAY_LEN(e); i++)
		assert_int_equal(is_cut(&e[i]), i == 2 || i == 3);
	/* Cut, it is no more than its end: what libmicrohttpd still says of it changes nothing. */
	http_guest_is(g, e[2].guest, HTTP_GUEST_HEADER);
	http_guest_known(g, e[3].guest);
	for (size_t i = 0; i < ARRAY_LEN(e); i++)
		goes(g, &e[i]);
	e[0] = comes(g, "10.0.0.9");
	assert_false(is_cut(&e[0]));
	goes(g, &e[0]);
	http_guests_free(g);
}

static void test_who_floods_pushes_out_himself(void **state)
{
	struct http_guests *g = guests();
	struct end lonely = comes(g, "10.0.0.1"), old6 = comes(g, "fd00:1::1"), local = comes(g, NULL), e[3 * MAX];
	size_t cut = 0;

	(void)state;
	/* Another address each time, and one /64. */
	for (size_t i = 0; i < ARRAY_LEN(e); i++) {
		autofree char *from = str_format("fd00:2::%zx:%zx", i + 1, i + 1);

		e[i] = comes(g, from);
	}
	for (size_t i = 0; i < ARRAY_LEN(e); i++)
		cut += is_cut(&e[i]);
	assert_int_equal(cut, ARRAY_LEN(e) + 2 - MAX / 2);
	assert_false(is_cut(&lonely) || is_cut(&old6) || is_cut(&local));
	assert_false(is_cut(&e[ARRAY_LEN(e) - 1]));
	for (size_t i = 0; i < ARRAY_LEN(e); i++)
		goes(g, &e[i]);
	/* Two ways to write one IPv4 address. */
	for (size_t i = 0; i < MAX / 2; i++)
		e[i] = comes(g, i % 2 ? "10.0.0.7" : "::ffff:10.0.0.7");
	for (size_t i = 0; i < MAX / 2; i++)
		assert_int_equal(is_cut(&e[i]), i < 2);
	for (size_t i = 0; i < MAX / 2; i++)
		goes(g, &e[i]);
	goes(g, &lonely);
	goes(g, &old6);
	goes(g, &local);
	http_guests_free(g);
}

/* Those who have shown a certificate keep their places, and there are some left for those who come and will show one. */
static void test_the_known_stay(void **state)
{
	struct http_guests *g = guests();
	struct end known[MAX - MAX / 8 - 2], e[MAX];
	size_t cut = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		known[i] = comes(g, "10.0.0.2");
		http_guest_known(g, known[i].guest);
		http_guest_is(g, known[i].guest, i % 2 ? HTTP_GUEST_ANSWER : HTTP_GUEST_HEADER);
	}
	for (size_t i = 0; i < ARRAY_LEN(e); i++) {
		e[i] = comes(g, "10.0.0.3");
		if (i >= 2 && is_cut(&e[i - 2]))
			goes(g, &e[i - 2]), e[i - 2].guest = NULL, cut++;
	}
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		assert_false(is_cut(&known[i]));
	assert_int_equal(cut, ARRAY_LEN(e) - 2);
	assert_false(is_cut(&e[ARRAY_LEN(e) - 1]));
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		goes(g, &known[i]);
	for (size_t i = 0; i < ARRAY_LEN(e); i++)
		if (e[i].guest)
			goes(g, &e[i]);
	http_guests_free(g);
}

/* It has shown a certificate, and is told that it is nobody's any more: its places are for others again. */
static void test_the_refused_go(void **state)
{
	struct http_guests *g = guests();
	struct end e[MAX - MAX / 8], late;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(e); i++) {
		e[i] = comes(g, "10.0.0.2");
		http_guest_known(g, e[i].guest);
		http_guest_is(g, e[i].guest, HTTP_GUEST_ANSWER);
		http_guest_refused(g, e[i].guest);
		http_guest_is(g, e[i].guest, HTTP_GUEST_HEADER);
	}
	late = comes(g, "10.0.0.3");
	assert_false(is_cut(&late));
	for (size_t i = 0; i < ARRAY_LEN(e); i++)
		goes(g, &e[i]);
	goes(g, &late);
	http_guests_free(g);
}

/* --- the server --- */

static struct http_server *small_server(struct bench *b, unsigned int max)
{
	struct http_server_opts opts = { .routes = routes,
					 .n_routes = ARRAY_LEN(routes),
					 .ctx = b,
					 .workers = 2,
					 .idle_ns = 60 * NS_PER_S,
					 .max_connections = max };
	struct http_tls tls = { "0.0.0.0:0", b->pki.server_crt, b->pki.server_key, b->pki.ca_crt };
	struct http_server *s;
	struct err err = { 0 };

	check(http_server_new(&opts, &s, &err), &err);
	check(http_server_tls(s, &tls, &err), &err);
	return s;
}

/* A connection from 127.0.1.HOST that says nothing. */
static int silent_from(struct http_server *s, unsigned int host)
{
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000100U + host) };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)http_server_port(s)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void test_a_flood_shuts_nobody_out(void **state)
{
	enum { PLACES = 64, FLOOD = 4 * PLACES };
	struct bench *b = *state, mine = *b;
	struct http_client *admin, *late;
	struct err err = { 0 };
	int fds[FLOOD];

	mine.server = small_server(b, PLACES);
	admin = on_tls(&mine, "127.0.0.1", b->pki.ca_crt, "alice");
	for (int round = 0; round < 2; round++) {
		autoclean(http_reply_free) struct http_reply r = { 0 };

		check(get(admin, "/admin/x", &r, &err), &err);
		assert_int_equal(r.status, 200);
		for (unsigned int i = 0; i < FLOOD; i++)
			fds[i] = silent_from(mine.server, 1 + i % 8);
		/* The connection that was open, and one that is made now; with and without a certificate. */
		check(get(admin, "/admin/x", &r, &err), &err);
		assert_int_equal(r.status, 200);
		for (int known = 0; known < 2; known++) {
			late = on_tls(&mine, "127.0.0.1", b->pki.ca_crt, known ? "alice" : NULL);
			check(get(late, known ? "/admin/x" : "/any/x", &r, &err), &err);
			assert_int_equal(r.status, 200);
			http_client_free(late);
		}
		for (unsigned int i = 0; i < FLOOD; i++)
			close(fds[i]);
	}
	http_client_free(admin);
	http_server_stop(mine.server);
}

static void test_who_was_removed_holds_no_places(void **state)
{
	enum { PLACES = 64 };
	struct bench *b = *state, mine = *b;
	struct http_client *removed[PLACES], *late;
	autoclean(http_reply_free) struct http_reply r = { 0 };
	struct err err = { 0 };

	mine.server = small_server(b, PLACES);
	for (int i = 0; i < PLACES; i++) {
		removed[i] = on_tls(&mine, "127.0.0.1", b->pki.ca_crt, "alice");
		/* The last of them find no place. */
		if (get(removed[i], "/gone", &r, &err) == 0)
			assert_int_equal(r.status, 403);
		err = (struct err){ 0 };
	}
	late = on_tls(&mine, "127.0.0.1", b->pki.ca_crt, "alice");
	check(get(late, "/admin/x", &r, &err), &err);
	assert_int_equal(r.status, 200);
	http_client_free(late);
	for (int i = 0; i < PLACES; i++)
		http_client_free(removed[i]);
	http_server_stop(mine.server);
}

struct waiter {
	struct bench *b;
	char answer[32];
};

static void *wait_long(void *arg)
{
	struct waiter *w = arg;
	struct http_client *c = on_tls(w->b, "127.0.0.1", w->b->pki.ca_crt, NULL);
	autoclean(http_reply_free) struct http_reply r = { 0 };
	struct err err = { 0 };

	snprintf(w->answer, sizeof(w->answer), "%.31s", get(c, "/bell?ms=50000", &r, &err) == 0 ? buf_str(&r.body) : err.text);
	http_client_free(c);
	return NULL;
}

/* A quarter of the places is for those who wait and prove nothing; one more is answered at once. */
static void test_strangers_who_wait(void **state)
{
	enum { PLACES = 32, WAITING = PLACES / 4, ALL = WAITING + 1 };
	struct bench *b = *state, mine = *b;
	autoclean(http_reply_free) struct http_reply r = { 0 };
	struct waiter w[ALL];
	pthread_t threads[ALL];
	struct http_client *c;
	struct err err = { 0 };
	size_t rung = 0;
	int64_t begin;

	mine.server = small_server(&mine, PLACES);
	atomic_store(&mine.rung, false);
	atomic_store(&mine.runs, 0);
	for (int i = 0; i < ALL; i++) {
		w[i] = (struct waiter){ .b = &mine };
		assert_int_equal(pthread_create(&threads[i], NULL, wait_long, &w[i]), 0);
	}
	/* Each once, and the one that may not wait once more. */
	for (begin = clock_now_ns(); atomic_load(&mine.runs) < ALL + 1;) {
		assert_true(clock_now_ns() - begin < 30 * NS_PER_S);
		clock_sleep_ns(NS_PER_MS);
	}
	atomic_store(&mine.rung, true);
	http_server_wake(mine.server, "bell");
	for (int i = 0; i < ALL; i++) {
		pthread_join(threads[i], NULL);
		rung += str_eq(w[i].answer, "rung");
	}
	assert_int_equal(rung, WAITING);
	/* Their places are free again: this one waits its time. */
	atomic_store(&mine.rung, false);
	c = on_tls(&mine, "127.0.0.1", b->pki.ca_crt, NULL);
	begin = clock_now_ns();
	check(get(c, "/bell?ms=300", &r, &err), &err);
	assert_true(clock_now_ns() - begin >= 250 * NS_PER_MS);
	http_client_free(c);
	http_server_stop(mine.server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_longest_silent_goes_first),
		cmocka_unit_test(test_who_floods_pushes_out_himself),
		cmocka_unit_test(test_the_known_stay),
		cmocka_unit_test(test_the_refused_go),
		cmocka_unit_test(test_a_flood_shuts_nobody_out),
		cmocka_unit_test(test_who_was_removed_holds_no_places),
		cmocka_unit_test(test_strangers_who_wait),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
