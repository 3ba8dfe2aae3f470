/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/digest.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/nodes.h"
#include "sys/clock.h"
#include "sys/http_client.h"

#include <string.h>

/* All nodes are one request, so that they are ordered all or none; with every step of thousands the answer is long. */
#define ANSWER_MAX ((size_t)1 << 30)
#define ANSWER_MAX_NS (600 * NS_PER_S)
#define AS_SHOWN_LEN 17

/* What was shown, so that exactly this is ordered: the daemon refuses when a digest is no longer right. */
struct shown {
	struct str_list names, digests;
	struct buf sum; /* a line for each node: its image, what is lost, and the digest of its disks and steps */
};

static void shown_free(struct shown *s)
{
	str_list_free(&s->names);
	str_list_free(&s->digests);
	buf_free(&s->sum);
}

/* POST /v1/install. Without `shown` the daemon only says what each node would do. */
static int ask(struct cmd *c, struct nodeset *set, const struct shown *shown, struct http_reply *reply, struct err *err)
{
	autoclean(buf_free) struct buf body = { 0 };
	struct http_request req = {
		.method = "POST", .path = "/v1/install", .max_body = ANSWER_MAX, .timeout_ns = ANSWER_MAX_NS
	};
	struct http_client *client;
	struct json_out w;

	json_out_init(&w, &body, false);
	json_put_obj(&w, NULL);
	node_put_names(&w, set);
	json_put_bool(&w, "plan", shown == NULL);
	json_put_bool(&w, "accept_disks_unseen", cmd_flag(c, "accept-disks-unseen"));
	if (cmd_flag(c, "no-cast"))
		json_put_bool(&w, "no_cast", true);
	json_put_str(&w, "image", cmd_option(c, "image"));
	if (shown) {
		json_put_obj(&w, "digests");
		for (size_t i = 0; i < shown->names.len; i++)
			json_put_str(&w, shown->names.items[i], shown->digests.items[i]);
		json_end_obj(&w);
	}
	json_end_obj(&w);
	req.body = buf_str(&body);
	req.body_len = body.len;
	if (cmd_api(c, &client, err) < 0 || http_send(client, &req, reply, err) < 0)
		return -1;
	return http_reply_ok(reply, err);
}

static int show_error(struct json_obj *node, const char *name, struct buf *out, struct err *err)
{
	autofree char *text = NULL, *hint = NULL;
	struct json_obj e;
	int rc = json_obj(node, "error", JSON_MAY, &e, err);

	if (rc <= 0)
		return rc;
	if (json_str(&e, "text", JSON_MUST, &text, err) < 0 || json_str(&e, "hint", JSON_MAY, &hint, err) < 0)
		return -1;
	/* Most reasons begin with the name already. */
	if (str_starts(text, name))
		buf_addf(out, "cannot be installed: %s\n", text);
	else
		buf_addf(out, "%s: cannot be installed: %s\n", name, text);
	if (hint && *hint)
		buf_addf(out, "  next: %s\n", hint);
	return 1;
}

/* Whether somebody's work may be lost with it, and how old the knowledge of its disks is. */
static int show_now(struct json_obj *node, struct shown *shown, struct buf *out, struct err *err)
{
	autofree char *state = NULL, *seen = NULL;
	bool lost;

	if (json_str(node, "state", JSON_MUST, &state, err) < 0 || json_str(node, "seen", JSON_MAY, &seen, err) < 0)
		return -1;
	lost = str_eq(state, "installed") || str_eq(state, "up");
	if (lost)
		buf_addf(out, "      it is %s now: the system there and all data on the disks marked '!' are lost\n", state);
	if (seen)
		buf_addf(out, "      its disks as it told at %s\n", seen);
	buf_addf(&shown->sum, " %s\n", lost ? "lost" : "empty");
	return 0;
}

/* One node's steps, or why not. Returns 1 when it can't be installed. */
static int show_node(struct json_obj *node, struct shown *shown, struct buf *out, struct err *err)
{
	autofree char *name = NULL, *image = NULL, *digest = NULL;
	struct json_obj plan;
	int rc;

	if (json_str(node, "name", JSON_MUST, &name, err) < 0 || json_str(node, "image", JSON_MAY, &image, err) < 0 ||
	    json_str(node, "digest", JSON_MAY, &digest, err) < 0)
		return -1;
	rc = show_error(node, name, out, err);
	if (rc != 0)
		return rc;
	if (digest) {
		str_list_add(&shown->names, name);
		str_list_add(&shown->digests, digest);
	}
	buf_addf(out, "%s: install %s\n", name, image ? image : "its image");
	buf_addf(&shown->sum, "%s %s %s", name, image ? image : "-", digest ? digest : "unseen");
	if (show_now(node, shown, out, err) < 0)
		return -1;
	rc = json_obj(node, "plan", JSON_MAY, &plan, err);
	if (rc == 0)
		buf_adds(out, "      its disks are not known yet: the steps are decided when it reports them\n");
	else if (rc < 0 || cmd_steps(&plan, "    ", out, err) < 0)
		return -1;
	return 0;
}

/* Show every node's plan; *refused is how many can't be installed. */
static int show_plans(const struct http_reply *reply, struct shown *shown, struct buf *out, size_t *refused, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_arr nodes;
	struct json_obj root;

	if (json_parse(buf_str(&reply->body), reply->body.len, &doc, err) < 0 || json_root_obj(&doc, &root, err) < 0 ||
	    json_arr(&root, "nodes", JSON_MUST, &nodes, err) < 0)
		return err_wrap(err, "the daemon's answer");
	for (size_t i = 0; i < nodes.len; i++) {
		struct json_obj o;
		int rc = json_arr_obj(&nodes, i, &o, err) < 0 ? -1 : show_node(&o, shown, out, err);

		if (rc < 0)
			return err_wrap(err, "the daemon's answer");
		*refused += rc == 1;
	}
	return 0;
}

/* With --json a refusal's only document is the plan: each node's reason stands in it. */
static int say_refused(const struct cmd *c, size_t refused, size_t total, struct err *err)
{
	err_set(err, ERR_REFUSED, "%zu of %zu node%s cannot be installed%s", refused, total, total == 1 ? "" : "s",
		c->plan ? "" : "; nothing was ordered");
	if (c->json)
		err->text[0] = '\0';
	return err_hint(err, "the reason and the next step stand with each node above");
}

/* What stands for all that is shown. Each try has identifiers of its own in its steps, and when a node told its disks says
 * nothing of them: by the daemon's digests it is told whether two plans are the same. */
static void as_shown(const struct shown *shown, char out[AS_SHOWN_LEN])
{
	struct digest_ctx *ctx = digest_new();
	char hex[DIGEST_HEX_LEN];
	struct digest d;

	digest_add(ctx, buf_str(&shown->sum), shown->sum.len);
	digest_end(ctx, &d);
	digest_hex(&d, hex);
	memcpy(out, hex, AS_SHOWN_LEN - 1);
	out[AS_SHOWN_LEN - 1] = '\0';
}

/* Somebody saw the plan before, and said yes to that one. */
static int check_shown(const struct cmd *c, const char *now, struct err *err)
{
	const char *want = cmd_option(c, "as-shown");

	if (!want || str_eq(want, now))
		return 0;
	err_set(err, ERR_REFUSED, "the plan is not the one that was shown any more: it is %s now, not %.64s; nothing was ordered",
		now, want);
	return err_hint(err, "look at it once more with --plan: a disk, the layout or the image is another one");
}

int cmd_node_install(struct cmd *c, struct err *err)
{
	autoclean(node_rows_free) struct node_rows rows = { 0 };
	autoclean(nodeset_free) struct nodeset set = { 0 };
	autoclean(http_reply_free) struct http_reply plans = { 0 }, done = { 0 };
	autoclean(buf_free) struct buf text = { 0 }, names = { 0 };
	autoclean(shown_free) struct shown shown = { 0 };
	bool waits = cmd_flag(c, "wait");
	char digest[AS_SHOWN_LEN];
	size_t refused = 0;
	int followed;

	if (cmd_args(c, 1, 1, err) < 0 || node_rows_get(c, &rows, err) < 0 || node_set(&rows, c->argv[0], true, &set, err) < 0 ||
	    ask(c, &set, NULL, &plans, err) < 0 || show_plans(&plans, &shown, &text, &refused, err) < 0)
		return -1;
	nodeset_fold(&set, &names);
	if (c->json && (c->plan || refused))
		cmd_print(buf_str(&plans.body));
	else
		cmd_say(c, "%.*s", (int)(text.len ? text.len - 1 : 0), buf_str(&text));
	if (refused)
		return say_refused(c, refused, nodeset_count(&set), err);
	as_shown(&shown, digest);
	if (c->plan)
		cmd_say(c, "as shown: %s", digest);
	if (check_shown(c, digest, err) < 0 || c->plan)
		return err->kind == ERR_NONE ? 0 : -1;
	if (cmd_confirm(c, err, "erase the disks marked '!' above and install %s", buf_str(&names)) < 0 ||
	    ask(c, &set, &shown, &done, err) < 0)
		return -1;
	cmd_say(c, "ordered: %s installs itself at its next network boot (a node that waits in the imager begins now)",
		buf_str(&names));
	followed = cmd_followed(c, &done, "ordered, but network boot does not follow yet: ", err);
	/* The end may never come when their network boot does not lead to it. */
	if (c->json && (!waits || followed < 0))
		cmd_print(buf_str(&done.body));
	return waits && followed == 0 ? node_wait(c, &set, err) : followed;
}
