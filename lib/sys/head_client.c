/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/head_client.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"
#include "sys/http_client.h"
#include "sys/keys_x509.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PEM_MAX ((size_t)1 << 20)
#define CERT_MARK "-----BEGIN CERTIFICATE-----"

/* A PEM file of --ca, --cert or --key: libcurl's words for a wrong one name neither the option nor the reason. */
static int read_pem(const char *option, const char *path, const char *mark, const char *what, struct buf *out, struct err *err)
{
	if (fs_read(path, PEM_MAX, out, err) < 0) {
		err_wrap(err, "--%s", option);
		return access(path, R_OK) < 0 && errno == EACCES ? -1 : err_hint(err, HEAD_CLIENT_CERT_HINT);
	}
	if (strstr(buf_str(out), mark))
		return 0;
	err_set(err, ERR_INVALID, "--%s %s: it holds no %s (PEM)", option, path, what);
	return err_hint(err, HEAD_CLIENT_CERT_HINT);
}

static void wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_free(b);
}

static int check_pems(const struct head_where *w, struct err *err)
{
	autoclean(buf_free) struct buf ca = { 0 }, cert = { 0 };
	autoclean(wipe) struct buf key = { 0 };

	if (read_pem("ca", w->ca, CERT_MARK, "certificate", &ca, err) < 0)
		return -1;
	if (!w->cert)
		return 0;
	if (read_pem("cert", w->cert, CERT_MARK, "certificate", &cert, err) < 0 ||
	    read_pem("key", w->key, "PRIVATE KEY-----", "private key", &key, err) < 0)
		return -1;
	if (x509_check_pair(&cert, &key, err) == 0)
		return 0;
	err_wrap(err, "--cert %s and --key %s", w->cert, w->key);
	return err_hint(err, HEAD_CLIENT_CERT_HINT);
}

static int connect_url(const struct head_where *w, struct http_client **out, struct err *err)
{
	size_t scheme = strlen("https://");
	autofree char *url = mem_strdup(w->api);
	struct http_client_opts opts = { .base_url = url, .ca_file = w->ca, .client_cert = w->cert, .client_key = w->key };
	size_t len = strlen(url);

	/* What a browser shows ends in a slash. */
	while (len > scheme && url[len - 1] == '/')
		url[--len] = '\0';
	if (!str_starts(url, "https://") || len == scheme || strpbrk(url + scheme, "/?#@ ")) {
		err_set(err, ERR_USAGE, "--api %s: only https://HOST:PORT is allowed", w->api);
		return err_hint(err, "write it like --api https://10.1.0.1:8443; `orthrus head status` on a head says which");
	}
	if (!w->ca) {
		err_set(err, ERR_USAGE, "--api %s needs --ca FILE: the cluster's CA certificate", w->api);
		return err_hint(err, HEAD_CLIENT_CERT_HINT);
	}
	if (!w->cert != !w->key) {
		err_set(err, ERR_USAGE, "--cert and --key go together; --%s is missing", w->cert ? "key" : "cert");
		return err_hint(err, HEAD_CLIENT_CERT_HINT);
	}
	return check_pems(w, err) < 0 ? -1 : http_client_new(&opts, out, err);
}

static int connect_local(const struct head_where *w, struct http_client **out, struct err *err)
{
	autofree char *path = str_format("%s/run/orthrus/api.sock", w->root);
	struct http_client_opts opts = { .unix_socket = path, .base_url = "http://localhost" };

	if (w->ca || w->cert || w->key) {
		err_set(err, ERR_USAGE, "--ca, --cert and --key are for --api URL; without it the local daemon is asked");
		return err_hint(err, "name the head: --api https://HOST:8443");
	}
	if (access(path, W_OK) == 0)
		return http_client_new(&opts, out, err);
	if (errno != ENOENT)
		return err_errno(err, errno, "cannot talk to orthrusd at %s", path);
	err_set(err, ERR_FAILED, "orthrusd does not run here: there is no %s", path);
	return err_hint(err, "start it (systemctl start orthrusd), or name another head with --api https://HOST:8443 --ca FILE");
}

int head_client_new(const struct head_where *w, struct http_client **out, struct err *err)
{
	return w->api ? connect_url(w, out, err) : connect_local(w, out, err);
}
