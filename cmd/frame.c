/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "sys/fs.h"
#include "sys/head_client.h"
#include "sys/http_client.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SITE_MAX ((size_t)16 << 20)

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

int cmd_api(struct cmd *c, struct http_client **out, struct err *err)
{
	const struct head_where where = { .root = c->root, .api = c->api, .ca = c->ca, .cert = c->cert, .key = c->key };

	if (!c->client && head_client_new(&where, &c->client, err) < 0)
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
	return reply->status == 403 && c->api && !c->cert ? err_hint(err, "add --cert FILE --key FILE: " HEAD_CLIENT_CERT_HINT)
							  : -1;
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
