/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/head.h"

#include "base/mem.h"
#include "cast/session.h"
#include "imaging/imager/head_priv.h"
#include "imaging/imager/report.h"
#include "sys/clock.h"
#include "sys/http_client.h"

#include <stdlib.h>
#include <string.h>

#define PAUSE_NS NS_PER_S
#define PAUSE_GROWTH 10
#define PATIENCE_NS (1800 * NS_PER_S)
#define FOREVER_NS INT64_MAX
#define CAST_PATIENCE_NS (120 * NS_PER_S)
#define HOST_KEY_ANSWER_MAX ((size_t)24 << 20)

int head_open(const struct head_opts *opts, struct head **out, struct err *err)
{
	const struct http_client_opts stranger = { .unix_socket = opts->unix_socket,
						   .base_url = opts->server,
						   .ca_file = opts->ca_file };
	struct head *h = mem_zalloc(sizeof(*h));

	h->server = mem_strdup(opts->server);
	h->ca_file = opts->ca_file ? mem_strdup(opts->ca_file) : NULL;
	h->unix_socket = opts->unix_socket ? mem_strdup(opts->unix_socket) : NULL;
	h->identity = opts->identity;
	h->token = opts->token ? mem_strdup(opts->token) : NULL;
	h->pause_ns = opts->pause_ns ? opts->pause_ns : PAUSE_NS;
	h->patience_ns = opts->patience_ns ? opts->patience_ns : PATIENCE_NS;
	if (http_client_new(&stranger, &h->stranger, err) < 0) {
		head_close(h);
		return -1;
	}
	*out = h;
	return 0;
}

void head_close(struct head *h)
{
	if (!h)
		return;
	http_client_free(h->stranger);
	http_client_free(h->client);
	if (h->token)
		explicit_bzero(h->token, strlen(h->token));
	free(h->token);
	free(h->server);
	free(h->ca_file);
	free(h->unix_socket);
	free(h->machine);
	free(h);
}

const struct identity *head_identity(const struct head *h)
{
	return h->identity;
}

const char *head_server(const struct head *h)
{
	return h->server;
}

/* One try of anything that only a node may ask. */
static int send_as_node(struct head *h, const struct http_request *req, struct http_reply *reply, struct err *err)
{
	head_renew(h);
	if (h->client)
		return http_send(h->client, req, reply, err);
	return err_set(err, ERR_REFUSED, "%s: this machine has not enrolled", req->path);
}

/* One request whose answer is a document of orders. */
static int ask(struct head *h, const struct http_request *req, struct head_answer *out, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };

	if (send_as_node(h, req, &reply, err) < 0 || http_reply_ok(&reply, err) < 0)
		return -1;
	return head_answer_read(buf_str(&reply.body), reply.body.len, out, err) < 0 ? err_wrap(err, "the head's answer") : 0;
}

int head_hello(struct head *h, const char *inventory, struct head_answer *out, struct err *err)
{
	const struct http_request req = {
		.method = "POST", .path = "/v1/imager/hello", .body = inventory, .body_len = strlen(inventory)
	};

	return ask(h, &req, out, err);
}

int head_orders(struct head *h, unsigned int wait_s, struct head_answer *out, struct err *err)
{
	autofree char *path = str_format("/v1/imager/orders?wait=%u", wait_s);
	const struct http_request req = { .method = "GET", .path = path, .timeout_ns = (wait_s + INT64_C(30)) * NS_PER_S };

	return ask(h, &req, out, err);
}

/* Refused as a node: our certificate ended while the head was away, or we are none any more. ERR_CONFLICT: it is the latter; else
 * it can't be known now. */
static int enrol_again(struct head *h, struct err *err)
{
	enum head_standing now = HEAD_PENDING;

	if (head_enrol(h, NULL, 0, &now, err) == 0 && now == HEAD_APPROVED)
		return 0;
	if (err->kind == ERR_FAILED)
		return -1;
	if (now == HEAD_PENDING && err->kind == ERR_NONE)
		err_set(err, ERR_CONFLICT, "it waits for approval");
	err->kind = ERR_CONFLICT;
	return err_wrap(err, "this machine is no node of the cluster any more");
}

static bool is_refused(const struct http_reply *reply)
{
	return reply->status == 401 || reply->status == 403;
}

/* Is it worth trying again? No answer, a head in trouble or one that is starting: yes. Its considered refusal: no. */
static bool passing(int rc, const struct http_reply *reply)
{
	return rc < 0 || reply->status >= 500 || reply->status == 401 || reply->status == 429;
}

/* Until the head has answered in earnest. `patience_ns`: how long answers that it is in trouble are borne without one silence
 * between. To give up while nobody answers would help nobody: the failure could not be told either. */
static int send_patiently(struct head *h, const struct http_request *req, int64_t patience_ns, struct http_reply *reply,
			  struct err *err)
{
	int64_t begin = clock_now_ns(), pause = h->pause_ns;
	bool told = false, anew = false;

	for (;;) {
		struct err why = { 0 };
		int rc = send_as_node(h, req, reply, &why);

		/* Once: what is refused to a certificate of this moment is refused in earnest. */
		if (!h->client || (rc == 0 && is_refused(reply) && !anew)) {
			why = (struct err){ 0 };
			rc = enrol_again(h, &why);
			anew = rc == 0;
			if (anew)
				continue;
			if (why.kind == ERR_CONFLICT) {
				*err = why;
				return -1;
			}
		}
		if (!passing(rc, reply)) {
			if (told)
				report_line("the head answers again");
			return http_reply_ok(reply, err);
		}
		if (rc < 0)
			begin = clock_now_ns();
		else if (http_reply_ok(reply, &why) < 0 && clock_now_ns() - begin > patience_ns) {
			*err = why;
			return -1;
		}
		if (!told)
			report_line("the head can't be asked now (%s): trying again", why.text);
		told = true;
		http_reply_free(reply);
		*reply = (struct http_reply){ 0 };
		clock_sleep_ns(pause);
		pause = pause * 2 < h->pause_ns * PAUSE_GROWTH ? pause * 2 : h->pause_ns * PAUSE_GROWTH;
	}
}

static void event_body(struct head *h, const struct head_event *ev, struct buf *out)
{
	struct json_out w;

	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "install_id", ev->install_id);
	json_put_u64(&w, "seq", ++h->seq);
	json_put_str(&w, "step", ev->step);
	json_put_str(&w, "event", ev->event);
	if (ev->text)
		json_put_str(&w, "text", ev->text);
	if (ev->percent >= 0)
		json_put_u64(&w, "percent", (uint64_t)ev->percent);
	if (ev->cause) {
		json_put_str(&w, "error", ev->cause->text);
		if (ev->cause->hint[0])
			json_put_str(&w, "hint", ev->cause->hint);
	}
	json_end_obj(&w);
}

int head_event(struct head *h, const struct head_event *ev, struct err *err)
{
	autoclean(buf_free) struct buf body = { 0 };
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	struct http_request req = { .method = "POST", .path = "/v1/imager/event" };

	event_body(h, ev, &body);
	req.body = body.data;
	req.body_len = body.len;
	if (send_patiently(h, &req, FOREVER_NS, &reply, err) < 0)
		return err_wrap(err, "tell the head about step %s", ev->step);
	return 0;
}

void head_tell(struct head *h, const struct head_event *ev)
{
	autoclean(buf_free) struct buf body = { 0 };
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	struct http_request req = { .method = "POST", .path = "/v1/imager/event", .timeout_ns = 5 * NS_PER_S };
	struct err ignored = { 0 };

	event_body(h, ev, &body);
	req.body = body.data;
	req.body_len = body.len;
	(void)!send_as_node(h, &req, &reply, &ignored);
}

int head_done(struct head *h, const char *install_id, const char *report_json, struct err *err)
{
	autoclean(buf_free) struct buf body = { 0 };
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	struct http_request req = { .method = "POST", .path = "/v1/imager/done" };
	struct json_out w;

	json_out_init(&w, &body, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "install_id", install_id);
	json_put_raw(&w, "report", report_json);
	json_end_obj(&w);
	req.body = body.data;
	req.body_len = body.len;
	if (send_patiently(h, &req, FOREVER_NS, &reply, err) < 0)
		return err_wrap(err, "tell the head that the installation is complete");
	return 0;
}

int head_get(struct head *h, const char *path, uint64_t first, uint64_t len, size_t max, struct buf *out, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	struct http_request req = { .method = "GET", .path = path, .max_body = len ? (size_t)len : max };

	if (len) {
		req.range_first = first;
		req.range_last = first + len - 1;
	}
	if (send_patiently(h, &req, h->patience_ns, &reply, err) < 0)
		return err_wrap(err, "fetch %s", path);
	if (len && (reply.status != 206 || reply.body.len != len))
		return err_set(err, ERR_DAMAGED, "fetch %s: asked for %llu bytes, got %zu with status %d", path,
			       (unsigned long long)len, reply.body.len, reply.status);
	buf_add(out, buf_str(&reply.body), reply.body.len);
	return 0;
}

/* No answer, or one that ends: of a node only. */
static bool is_away(const struct head *h, int rc, const struct http_reply *reply)
{
	return h->client && (rc < 0 || reply->status == 503);
}

int head_cast(struct head *h, const char *body, size_t len, struct buf *out, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	const struct http_request req = {
		.method = "POST", .path = "/v1/imager/cast", .body = body, .body_len = len, .timeout_ns = SESSION_ASK_S * NS_PER_S
	};
	int64_t until = clock_now_ns() + CAST_PATIENCE_NS;
	int rc;

	/* A head that starts anew has cut off its casts, and will have others. By HTTPS it can't be asked either. */
	while (is_away(h, rc = send_as_node(h, &req, &reply, err), &reply) && clock_now_ns() < until) {
		http_reply_free(&reply);
		reply = (struct http_reply){ 0 };
		*err = (struct err){ 0 };
		clock_sleep_ns(h->pause_ns);
	}
	if (rc < 0 || http_reply_ok(&reply, err) < 0)
		return -1;
	buf_reserve(out, reply.body.len); /* no copy of a key is left by a buffer that grew */
	buf_add(out, buf_str(&reply.body), reply.body.len);
	if (reply.body.len)
		explicit_bzero(reply.body.data, reply.body.len);
	return 0;
}

int head_host_key(struct head *h, const char *key, const char *proof, struct buf *out, struct err *err)
{
	autoclean(buf_free) struct buf body = { 0 };
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	struct http_request req = { .method = "POST", .path = "/v1/hostkey", .max_body = HOST_KEY_ANSWER_MAX };
	struct json_out w;

	json_out_init(&w, &body, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "key", key);
	json_put_str(&w, "proof", proof);
	json_put_bool(&w, "rescue", true);
	json_end_obj(&w);
	req.body = body.data;
	req.body_len = body.len;
	if (send_patiently(h, &req, h->patience_ns, &reply, err) < 0)
		return err_wrap(err, "have the ssh host key certified");
	buf_add(out, buf_str(&reply.body), reply.body.len);
	return 0;
}
