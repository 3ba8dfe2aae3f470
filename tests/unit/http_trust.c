/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who trusts whom: the CA, the administrators, and a certificate that changes while the server runs. */
#include "http_bench.h"

#include "sys/http_call.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* A server that no CA vouches for: its key is looked at, nothing secret goes there before it is trusted, and another is refused.
 */
static void test_a_pinned_key(void **state)
{
	struct bench *b = *state;
	autofree char *url = str_format("https://127.0.0.1:%u", http_server_port(b->server));
	autofree char *other = NULL;
	autoclean(http_reply_free) struct http_reply r = { 0 };
	struct http_client_opts look = { .base_url = url, .look = true }, pinned = { .base_url = url }, wrong;
	struct http_client *c = NULL;
	char pin[65];
	struct err err = { 0 };

	check(http_client_new(&look, &c, &err), &err);
	check(get(c, "/any/x", &r, &err), &err);
	http_client_free(c);
	assert_int_equal(strlen(r.pin), 64);
	memcpy(pin, r.pin, sizeof(pin));
	pinned.pin = pin;
	check(http_client_new(&pinned, &c, &err), &err);
	check(get(c, "/any/x", &r, &err), &err);
	assert_int_equal(r.status, 200);
	assert_string_equal(r.pin, "");
	http_client_free(c);
	other = mem_strdup(pin);
	other[0] = other[0] == '0' ? '1' : '0';
	pinned.pin = other;
	check(http_client_new(&pinned, &c, &err), &err);
	assert_int_equal(get(c, "/any/x", &r, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	http_client_free(c);
	wrong = look;
	wrong.user = "admin";
	assert_int_equal(http_client_new(&wrong, &c, &err), -1);
	wrong = look;
	wrong.bearer = "token";
	assert_int_equal(http_client_new(&wrong, &c, &err), -1);
	wrong = pinned;
	wrong.ca_file = b->pki.ca_crt;
	assert_int_equal(http_client_new(&wrong, &c, &err), -1);
	wrong = pinned;
	wrong.pin = "12";
	assert_int_equal(http_client_new(&wrong, &c, &err), -1);
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

static void test_a_new_certificate_without_a_gap(void **state)
{
	struct bench *b = *state;
	unsigned int port = http_server_port(b->server);
	struct http_client *before = on_tls(b, "127.0.0.1", b->pki.ca_crt, NULL), *after;
	struct http_tls tls = { "127.0.0.1:0", b->other.server_crt, b->other.server_key, b->other.ca_crt };
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
	tls = (struct http_tls){ "127.0.0.1:0", b->pki.server_crt, b->pki.server_key, b->pki.ca_crt };
	check(http_server_tls(b->server, &tls, &err), &err);
}

struct asker {
	struct bench *b;
	const char *ca;
	char answer[64];
	int64_t took_ns;
};

static void *ask(void *arg)
{
	struct asker *a = arg;
	struct http_client *c = on_tls(a->b, "127.0.0.1", a->ca, NULL);
	autoclean(http_reply_free) struct http_reply r = { 0 };
	struct err err = { 0 };
	int64_t begin = clock_now_ns();

	if (get(c, "/bell?ms=20000", &r, &err) < 0)
		snprintf(a->answer, sizeof(a->answer), "error");
	else
		snprintf(a->answer, sizeof(a->answer), "%d %s", r.status, buf_str(&r.body));
	a->took_ns = clock_now_ns() - begin;
	http_client_free(c);
	return NULL;
}

static void start_asker(struct bench *b, struct asker *a, const char *ca, pthread_t *thread)
{
	*a = (struct asker){ .b = b, .ca = ca };
	atomic_store(&b->runs, 0);
	assert_int_equal(pthread_create(thread, NULL, ask, a), 0);
	while (atomic_load(&b->runs) < 1)
		clock_sleep_ns(NS_PER_MS);
}

/* However many certificates there were: the next one is shown, eight old ones keep their connections, older ones end theirs. */
static void test_many_certificates(void **state)
{
	enum { N = 10, KEPT = 8 };
	struct bench *b = *state;
	const struct pki_paths *pki[2] = { &b->pki, &b->other };
	struct asker askers[N];
	pthread_t threads[N];
	struct err err = { 0 };

	atomic_store(&b->rung, false);
	for (int i = 0; i < N; i++) {
		const struct pki_paths *next = pki[(i + 1) % 2];
		struct http_tls tls = { "127.0.0.1:0", next->server_crt, next->server_key, next->ca_crt };

		start_asker(b, &askers[i], pki[i % 2]->ca_crt, &threads[i]);
		for (int j = 0; j < 2; j++) /* the second time it is no change */
			check(http_server_tls(b->server, &tls, &err), &err);
		if (i < KEPT)
			continue;
		pthread_join(threads[i - KEPT], NULL);
		assert_string_equal(askers[i - KEPT].answer, "200 silence");
		assert_true(askers[i - KEPT].took_ns < 15 * NS_PER_S);
	}
	atomic_store(&b->rung, true);
	http_server_wake(b->server, "bell");
	for (int i = N - KEPT; i < N; i++) {
		pthread_join(threads[i], NULL);
		assert_string_equal(askers[i].answer, "200 rung");
	}
}

static void test_the_same_again_is_no_change(void **state)
{
	struct bench *b = *state;
	struct http_tls tls = { "127.0.0.1:0", b->pki.server_crt, b->pki.server_key, b->pki.ca_crt };
	struct MHD_Daemon *first;
	struct err err = { 0 };

	check(http_server_tls(b->server, &tls, &err), &err);
	first = b->server->tls_mhd;
	for (int i = 0; i < 20; i++)
		check(http_server_tls(b->server, &tls, &err), &err);
	assert_ptr_equal(b->server->tls_mhd, first);
}

static void test_another_port(void **state)
{
	struct bench *b = *state;
	unsigned int old = http_server_port(b->server), port = 0;
	struct http_client *before = on_tls(b, "127.0.0.1", b->pki.ca_crt, NULL),
			   *late = on_tls(b, "127.0.0.1", b->pki.ca_crt, NULL);
	struct http_client *after;
	struct http_tls tls = { NULL, b->pki.server_crt, b->pki.server_key, b->pki.ca_crt };
	autoclean(http_reply_free) struct http_reply r = { 0 };
	autofree char *listen = NULL;
	struct err err = { 0 };
	int taken = http_listen_tcp("127.0.0.1:0", &port, &err);

	assert_true(taken >= 0);
	check(get(before, "/any/x", &r, &err), &err);
	listen = str_format("127.0.0.1:%u", port);
	tls.listen = listen;
	assert_int_equal(http_server_tls(b->server, &tls, &err), -1);
	assert_non_null(strstr(err.text, listen));
	assert_int_equal(http_server_port(b->server), old); /* the one that is served stays */
	check(get(before, "/any/x", &r, &err), &err);
	close(taken);
	check(http_server_tls(b->server, &tls, &err), &err);
	assert_int_equal(http_server_port(b->server), port);
	check(get(before, "/any/x", &r, &err), &err); /* an open connection goes on */
	after = on_tls(b, "127.0.0.1", b->pki.ca_crt, NULL);
	check(get(after, "/any/x", &r, &err), &err);
	assert_int_equal(r.status, 200);
	assert_int_equal(get(late, "/any/x", &r, &err), -1); /* a new one to the old port does not */
	tls.listen = "127.0.0.1:0";
	check(http_server_tls(b->server, &tls, &err), &err);
	http_client_free(before);
	http_client_free(after);
	http_client_free(late);
}

/* As another user, whom the socket's mode would let in: 403 and the handler's words are not seen. */
static int ask_as_nobody(const char *sock)
{
	static const char text[] = "GET /admin/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char answer[2048] = "";
	size_t got = 0;
	ssize_t n;

	if (setgid(65534) < 0 || setuid(65534) < 0)
		return 2;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", sock);
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 || send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL) < 0)
		return 3;
	while (got < sizeof(answer) - 1 && (n = recv(fd, answer + got, sizeof(answer) - 1 - got, 0)) > 0)
		got += (size_t)n;
	return strstr(answer, " 403 ") && !strstr(answer, "GET|") ? 0 : 4;
}

static void test_another_user_is_no_administrator(void **state)
{
	struct bench *b = *state;
	int status = -1;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(b->dir, 0755), 0);
	assert_int_equal(chmod(b->sock, 0666), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(ask_as_nobody(b->sock));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_our_ca_is_trusted),
		cmocka_unit_test(test_admin_routes_need_an_admin),
		cmocka_unit_test(test_a_pinned_key),
		cmocka_unit_test(test_admin_routes_need_an_admin),
		cmocka_unit_test(test_a_new_certificate_without_a_gap),
		cmocka_unit_test(test_many_certificates),
		cmocka_unit_test(test_the_same_again_is_no_change),
		cmocka_unit_test(test_another_port),
		cmocka_unit_test(test_another_user_is_no_administrator),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
