/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One HTTPS request from an address of our choice, with a certificate or without: a connection each, as a machine makes them. */
#ifndef ORTHRUS_TESTS_FLEET_TLS_H
#define ORTHRUS_TESTS_FLEET_TLS_H

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TLS_ANSWER_MAX ((size_t)1 << 20)

struct fleet_tls {
	SSL_CTX *ctx;
};
struct tls_call {
	uint32_t from, to; /* host order */
	unsigned int port;
	const char *crt, *key; /* PEM, or NULL */
	const char *method, *path, *body;
};

static inline struct fleet_tls *fleet_tls_open(const char *ca_file)
{
	struct fleet_tls *t = mem_zalloc(sizeof(*t));

	t->ctx = SSL_CTX_new(TLS_client_method());
	if (!t->ctx || SSL_CTX_load_verify_locations(t->ctx, ca_file, NULL) != 1) {
		ERR_print_errors_fp(stderr);
		return NULL;
	}
	SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_OFF);
	return t;
}

static inline int tls_connect(const struct tls_call *c)
{
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(c->from) };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(c->to), .sin_port = htons((uint16_t)c->port) };
	struct timeval limit = { .tv_sec = 60 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	close(fd);
	return -1;
}

static inline int use_certificate(SSL *ssl, const struct tls_call *c)
{
	BIO *crt_bio = BIO_new_mem_buf(c->crt, -1), *key_bio = BIO_new_mem_buf(c->key, -1);
	X509 *crt = PEM_read_bio_X509(crt_bio, NULL, NULL, NULL);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);
	int ok = crt && key && SSL_use_certificate(ssl, crt) == 1 && SSL_use_PrivateKey(ssl, key) == 1;

	X509_free(crt);
	EVP_PKEY_free(key);
	BIO_free(crt_bio);
	BIO_free(key_bio);
	return ok;
}

/* The status of the answer whose body is put into `out`; -1 with `why`. */
static inline int tls_talk(SSL *ssl, const struct tls_call *c, struct buf *out, char *why, size_t why_len)
{
	autofree char *request = str_format("%s %s HTTP/1.1\r\nHost: head\r\nContent-Type: application/json\r\n"
					    "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
					    c->method, c->path, strlen(c->body), c->body);
	autoclean(buf_free) struct buf raw = { 0 };
	char piece[8192];
	const char *body;
	int n, status;

	if (SSL_write(ssl, request, (int)strlen(request)) <= 0) {
		snprintf(why, why_len, "the request could not be sent");
		return -1;
	}
	while (raw.len < TLS_ANSWER_MAX && (n = SSL_read(ssl, piece, sizeof(piece))) > 0)
		buf_add(&raw, piece, (size_t)n);
	body = strstr(buf_str(&raw), "\r\n\r\n");
	if (!body || sscanf(buf_str(&raw), "HTTP/1.1 %d", &status) != 1) {
		snprintf(why, why_len, "no answer");
		return -1;
	}
	buf_free(out);
	buf_adds(out, body + 4);
	return status;
}

static inline int fleet_tls_call(struct fleet_tls *t, const struct tls_call *c, struct buf *out, char *why, size_t why_len)
{
	autoclose int fd = tls_connect(c);
	SSL *ssl = fd >= 0 ? SSL_new(t->ctx) : NULL;
	int status = -1;

	if (!ssl) {
		snprintf(why, why_len, "cannot connect");
		return -1;
	}
	SSL_set_fd(ssl, fd);
	if (c->crt && !use_certificate(ssl, c))
		snprintf(why, why_len, "the certificate cannot be used");
	else if (SSL_connect(ssl) != 1)
		snprintf(why, why_len, "TLS: %s",
			 ERR_reason_error_string(ERR_peek_error()) ? ERR_reason_error_string(ERR_peek_error()) : "?");
	else
		status = tls_talk(ssl, c, out, why, why_len);
	ERR_clear_error();
	SSL_free(ssl);
	return status;
}

#endif
