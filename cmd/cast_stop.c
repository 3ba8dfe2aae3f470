/* SPDX-License-Identifier: GPL-2.0-or-later */
/* No casts of images for a while, and casts again. */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "sys/http_client.h"

static int ask(struct cmd *c, const char *path, bool plan, struct http_reply *reply, struct err *err)
{
	autoclean(buf_free) struct buf body = { 0 };
	struct json_out w;

	json_out_init(&w, &body, false);
	json_put_obj(&w, NULL);
	if (c->argc)
		json_put_str(&w, "image", c->argv[0]);
	json_put_bool(&w, "plan", plan);
	json_end_obj(&w);
	return cmd_call(c, "POST", path, buf_str(&body), reply, err);
}

static int answer(struct cmd *c, const struct http_reply *reply, const char *none, struct err *err)
{
	if (!c->json)
		return cmd_say_steps(c, reply, none, err);
	cmd_print(buf_str(&reply->body));
	return 0;
}

int cmd_cast_stop(struct cmd *c, struct err *err)
{
	autoclean(http_reply_free) struct http_reply would = { 0 }, done = { 0 };

	if (cmd_args(c, 0, 1, err) < 0 || ask(c, "/v1/casts/stop", true, &would, err) < 0)
		return -1;
	if (!c->plan && (cmd_confirm(c, err, "stop %s%s: nodes that install now get it over HTTPS, one by one",
				     c->argc ? "the cast of " : "all casts", c->argc ? c->argv[0] : "") < 0 ||
			 ask(c, "/v1/casts/stop", false, &done, err) < 0))
		return -1;
	return answer(c, c->plan ? &would : &done, "nothing is cast or ordered that is not stopped already", err);
}

int cmd_cast_resume(struct cmd *c, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };

	if (cmd_args(c, 0, 1, err) < 0 || ask(c, "/v1/casts/resume", c->plan, &reply, err) < 0)
		return -1;
	return answer(c, &reply, "no cast is stopped", err);
}
