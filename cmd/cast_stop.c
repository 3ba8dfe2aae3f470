/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "sys/http_client.h"

static int ask(struct cmd *c, bool plan, struct http_reply *reply, struct err *err)
{
	autoclean(buf_free) struct buf body = { 0 };
	struct json_out w;

	json_out_init(&w, &body, false);
	json_put_obj(&w, NULL);
	if (c->argc)
		json_put_str(&w, "image", c->argv[0]);
	json_put_bool(&w, "plan", plan);
	json_end_obj(&w);
	return cmd_call(c, "POST", "/v1/casts/stop", buf_str(&body), reply, err);
}

int cmd_cast_stop(struct cmd *c, struct err *err)
{
	autoclean(http_reply_free) struct http_reply would = { 0 }, done = { 0 };

	if (cmd_args(c, 0, 1, err) < 0 || ask(c, true, &would, err) < 0)
		return -1;
	if (!c->plan && (cmd_confirm(c, err, "end %s%s: nodes that take part get the rest over HTTPS, one by one",
				     c->argc ? "the cast of " : "all casts", c->argc ? c->argv[0] : "") < 0 ||
			 ask(c, false, &done, err) < 0))
		return -1;
	if (!c->json)
		return cmd_say_steps(c, c->plan ? &would : &done, "nothing is cast", err);
	cmd_print(buf_str(c->plan ? &would.body : &done.body));
	return 0;
}
