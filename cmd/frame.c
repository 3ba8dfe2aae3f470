/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "sys/fs.h"
#include "sys/http_client.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

char *cmd_path(const struct cmd *c, const char *absolute)
{
	return str_format("%s%s", c->root, absolute);
}

static int connect_url(struct cmd *c, struct err *err)
{
	struct http_client_opts opts = { .base_url = c->api, .ca_file = c->ca, .client_cert = c->cert, .client_key = c->key };

	if (!str_starts(c->api, "https://"))
		return err_set(err, ERR_USAGE, "--api %s: only https://HOST:PORT is allowed", c->api);
	if (!c->ca) {
		err_set(err, ERR_USAGE, "--api %s needs --ca FILE: the cluster's CA certificate", c->api);
		return err_hint(err, "copy /var/lib/orthrus/pki/ca.crt from a head");
	}
	if (!c->cert != !c->key)
		return err_set(err, ERR_USAGE, "--cert and --key go together; --%s is missing", c->cert ? "key" : "cert");
	return http_client_new(&opts, &c->client, err);
}

static int connect_local(struct cmd *c, struct err *err)
{
	autofree char *path = cmd_path(c, "/run/orthrus/api.sock");
	struct http_client_opts opts = { .unix_socket = path, .base_url = "http://localhost" };

	if (c->ca || c->cert || c->key)
		return err_set(err, ERR_USAGE, "--ca, --cert and --key are for --api URL; without it the local daemon is asked");
	if (!fs_exists(path)) {
		err_set(err, ERR_FAILED, "orthrusd does not run here: there is no %s", path);
		return err_hint(
			err, "start it (systemctl start orthrusd), or name another head with --api https://HOST:8443 --ca FILE");
	}
	return http_client_new(&opts, &c->client, err);
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
	return http_reply_ok(reply, err);
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
