/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who trusts whom: the CA, the administrators, and a certificate that changes while the server runs. */
#include "http_bench.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_our_ca_is_trusted),
		cmocka_unit_test(test_admin_routes_need_an_admin),
		cmocka_unit_test(test_a_new_certificate_without_a_gap),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
