/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "sys/fs.h"
#include "sys/http_client.h"
#include "sys/keys_x509.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SITE_MAX ((size_t)16 << 20)
#define PEM_MAX ((size_t)1 << 20)
#define CERT_MARK "-----BEGIN CERTIFICATE-----"
#define CERT_HINT "`orthrus head certificate NAME --out DIR` on a head makes ca.crt, NAME.crt and NAME.key"

char *cmd_path(const struct cmd *c, const char *absolute)
{
	return str_format("%s%s", c->root, absolute);
}

int cmd_read_site(const char *path, struct buf *text, struct err *err)
{
	if (fs_read(path, SITE_MAX, text, err) == 0)
		return 0;
	err_wrap(err, "site file");
	if (err->kind == ERR_NOT_FOUND)
		return err_hint(err, "make one with `orthrus site init`, or name yours with --site FILE");
	return access(path, R_OK) < 0 ? -1 : err_hint(err, "name yours with --site FILE");
}

/* A PEM file of --ca, --cert or --key: libcurl's words for a wrong one name neither the option nor the reason. */
static int read_pem(const char *option, const char *path, const char *mark, const char *what, struct buf *out, struct err *err)
{
	if (fs_read(path, PEM_MAX, out, err) < 0) {
		err_wrap(err, "--%s", option);
		return access(path, R_OK) < 0 && errno == EACCES ? -1 : err_hint(err, CERT_HINT);
	}
	if (strstr(buf_str(out), mark))
		return 0;
	err_set(err, ERR_INVALID, "--%s %s: it holds no %s (PEM)", option, path, what);
	return err_hint(err, CERT_HINT);
}

static void wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_free(b);
}

static int check_pems(const struct cmd *c, struct err *err)
{
	autoclean(buf_free) struct buf ca = { 0 }, cert = { 0 };
	autoclean(wipe) struct buf key = { 0 };

	if (read_pem("ca", c->ca, CERT_MARK, "certificate", &ca, err) < 0)
		return -1;
	if (!c->cert)
		return 0;
	if (read_pem("cert", c->cert, CERT_MARK, "certificate", &cert, err) < 0 ||
	    read_pem("key", c->key, "PRIVATE KEY-----", "private key", &key, err) < 0)
		return -1;
	if (x509_check_pair(&cert, &key, err) == 0)
		return 0;
	err_wrap(err, "--cert %s and --key %s", c->cert, c->key);
	return err_hint(err, CERT_HINT);
}

static int connect_url(struct cmd *c, struct err *err)
{
	size_t scheme = strlen("https://");
	autofree char *url = mem_strdup(c->api);
	struct http_client_opts opts = { .base_url = url, .ca_file = c->ca, .client_cert = c->cert, .client_key = c->key };
	size_t len = strlen(url);

	/* What a browser shows ends in a slash. */
	while (len > scheme && url[len - 1] == '/')
		url[--len] = '\0';
	if (!str_starts(url, "https://") || len == scheme || strpbrk(url + scheme, "/?#@ ")) {
		err_set(err, ERR_USAGE, "--api %s: only https://HOST:PORT is allowed", c->api);
		return err_hint(err, "write it like --api https://10.1.0.1:8443; `orthrus head status` on a head says which");
	}
	if (!c->ca) {
		err_set(err, ERR_USAGE, "--api %s needs --ca FILE: the cluster's CA certificate", c->api);
		return err_hint(err, CERT_HINT);
	}
	if (!c->cert != !c->key) {
		err_set(err, ERR_USAGE, "--cert and --key go together; --%s is missing", c->cert ? "key" : "cert");
		return err_hint(err, CERT_HINT);
	}
	return check_pems(c, err) < 0 ? -1 : http_client_new(&opts, &c->client, err);
}

static int connect_local(struct cmd *c, struct err *err)
{
	autofree char *path = cmd_path(c, "/run/orthrus/api.sock");
	struct http_client_opts opts = { .unix_socket = path, .base_url = "http://localhost" };

	if (c->ca || c->cert || c->key) {
		err_set(err, ERR_USAGE, "--ca, --cert and --key are for --api URL; without it the local daemon is asked");
		return err_hint(err, "name the head: --api https://HOST:8443");
	}
	if (access(path, W_OK) == 0)
		return http_client_new(&opts, &c->client, err);
	if (errno != ENOENT)
		return err_errno(err, errno, "cannot talk to orthrusd at %s", path);
	err_set(err, ERR_FAILED, "orthrusd does not run here: there is no %s", path);
	return err_hint(err, "start it (systemctl start orthrusd), or name another head with --api https://HOST:8443 --ca FILE");
}

int cmd_api(struct cmd *c, struct http_client **out, struct err *err)
{
	if (!c->client && (c->api ? connect_url(c, err) : connect_local(c, err)) < 0)
		return -1;
	*out = c->client;
	return 0;
}

void cmd_disconnect(struct cmd *c)
{
	if (c->client)
		http_client_free(c->client);
	c->client = NULL;
}

int cmd_call(struct cmd *c, const char *method, const char *path, const char *body, struct http_reply *reply, struct err *err)
{
	struct http_request req = { .method = method, .path = path, .body = body, .body_len = body ? strlen(body) : 0 };
	struct http_client *client;

	if (cmd_api(c, &client, err) < 0 || http_send(client, &req, reply, err) < 0)
		return -1;
	if (http_reply_ok(reply, err) == 0)
		return 0;
	return reply->status == 403 && c->api && !c->cert ? err_hint(err, "add --cert FILE --key FILE: " CERT_HINT) : -1;
}

int cmd_confirm(const struct cmd *c, struct err *err, const char *fmt, ...)
{
	char question[512], answer[16] = "";
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(question, sizeof(question), fmt, ap);
	va_end(ap);
	if (c->yes)
		return 0;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
		err_set(err, ERR_REFUSED, "%s: not confirmed, and there is no terminal to ask at", question);
		return err_hint(err, "look at it with --plan, then say --yes");
	}
	fprintf(stderr, "%s? Type yes to go on: ", question);
	fflush(stderr);
	if (fgets(answer, sizeof(answer), stdin) && (str_eq(answer, "yes\n") || str_eq(answer, "yes")))
		return 0;
	return err_set(err, ERR_REFUSED, "%s: not confirmed; nothing was changed", question);
}
