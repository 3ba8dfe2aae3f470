/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of server and client share: a server on a unix socket and on TLS with two CAs, its routes, and clients of it. */
#ifndef ORTHRUS_TESTS_HTTP_BENCH_H
#define ORTHRUS_TESTS_HTTP_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/http_client.h"
#include "sys/http_server.h"
#include "sys/keys.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES 300000

struct bench {
	char *dir, *sock, *file;
	struct pki_paths pki, other;
	struct http_server *server;
	atomic_int runs;
	atomic_bool rung;
};

static inline int echo(void *ctx, struct http_call *call, struct err *err)
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

static inline int refuse(void *ctx, struct http_call *call, struct err *err)
{
	(void)ctx;
	buf_adds(http_out(call), "half an answer that must not be seen");
	err_set(err, ERR_REFUSED, "node \"n01\" is \n being installed");
	return err_hint(err, "wait for it");
}

/* A certificate that is good, and nobody's any more. */
static inline int gone(void *ctx, struct http_call *call, struct err *err)
{
	(void)ctx;
	http_set_status(call, 403);
	return err_set(err, ERR_REFUSED, "this machine's key is not, or no longer, a node's");
}

static inline int file(void *ctx, struct http_call *call, struct err *err)
{
	struct bench *b = ctx;
	int fd = open(b->file, O_RDONLY | O_CLOEXEC);

	(void)err;
	assert_true(fd >= 0);
	http_out_file(call, fd, FILE_BYTES, "application/octet-stream");
	return 0;
}

static inline int bell(void *ctx, struct http_call *call, struct err *err)
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
	{ "GET", "/any/:name", HTTP_ANYBODY, echo, 0, "plan" },	  { "GET", "/admin/:name", HTTP_ADMIN, echo, 0, "plan" },
	{ "PUT", "/admin/:name", HTTP_ADMIN, echo, 100, "plan" }, { "POST", "/any/:name", HTTP_ANYBODY, echo, 100000, "plan" },
	{ "GET", "/refuse", HTTP_ANYBODY, refuse, 0, NULL },	  { "GET", "/file", HTTP_ANYBODY, file, 0, NULL },
	{ "GET", "/bell", HTTP_ANYBODY, bell, 0, "ms" },	  { "GET", "/gone", HTTP_ADMIN, gone, 0, NULL },
};

static inline void check(int rc, const struct err *err)
{
	if (rc < 0)
		fail_msg("%s", err->text);
}

static inline int make_pki(struct bench *b, const char *name, struct pki_paths *out, struct err *err)
{
	autofree char *dir = fs_join(b->dir, name);
	autoclean(str_list_free) struct str_list names = { 0 };
	autoclean(str_list_free) struct str_list addrs = { 0 };

	str_list_add(&names, "head1");
	str_list_add(&addrs, "127.0.0.1");
	return pki_ensure(dir, name, &names, &addrs, out, err);
}

static inline int setup(void **state)
{
	struct bench *b = mem_zalloc(sizeof(*b));
	struct http_server_opts opts = {
		.routes = routes, .n_routes = ARRAY_LEN(routes), .ctx = b, .workers = 2, .idle_ns = 4 * NS_PER_S
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

static inline int teardown(void **state)
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

static inline struct http_client *on_unix(struct bench *b)
{
	struct http_client_opts opts = { .unix_socket = b->sock, .base_url = "http://localhost" };
	struct http_client *c;
	struct err err = { 0 };

	check(http_client_new(&opts, &c, &err), &err);
	return c;
}

/* NULL `admin`: no client certificate. */
static inline struct http_client *on_tls(struct bench *b, const char *host, const char *ca, const char *admin)
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

static inline int get(struct http_client *c, const char *path, struct http_reply *r, struct err *err)
{
	return http_send(c, &(const struct http_request){ .method = "GET", .path = path }, r, err);
}

#endif
