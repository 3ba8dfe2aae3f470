/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An imager without disks for tests: a fake head behind a unix socket, the disks and the order of a golden case, steps that are
 * only noted. Needs root, as only root may install. */
#ifndef ORTHRUS_TESTS_IMAGER_RIG_H
#define ORTHRUS_TESTS_IMAGER_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "imaging/imager/run.h"
#include "imaging/imager/serve.h"
#include "installer/order.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/http_server.h"
#include "tests/unit/imager_enrol.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HELLOS_MOST 4

/* Handlers run in other threads, but one at a time here: the client waits for each answer. */
struct rig {
	char *dir, *sock, *trust, *target, *text;
	struct http_server *server;
	struct enrolling enrolling;
	struct head *head;
	struct install_work work;
	struct install_opts opts;
	struct order order;
	struct str_list events; /* "disk-test begin" */
	struct str_list steps;	/* performed by this test */
	char *refuse;		/* the event that the head has withdrawn the order by; or NULL */
	char *invalid;		/* the event that the head can't read; or NULL */
	char *fail;		/* the step that fails, or NULL */
	char *bad;		/* the disk that is bad, by its id; or NULL */
	char *error, *hint, *inventory;
	unsigned int hellos, dones, undone, released, looks;
	unsigned int bad_from; /* the look that first sees it, from 1 */
	bool refuse_done, undo_fails;
};
static struct rig *rig;

static inline int hello(void *ctx, struct http_call *call, struct err *err)
{
	struct rig *r = ctx;
	size_t len;
	const char *body = http_body(call, &len);

	(void)err;
	free(r->inventory);
	r->inventory = mem_strndup(body, len);
	r->hellos++;
	/* However often it asks, a test has an end. */
	if (r->hellos > HELLOS_MOST) {
		buf_adds(http_out(call), "{\"node\":\"n01\",\"action\":\"disk\",\"order\":null}");
		return 0;
	}
	buf_addf(http_out(call), "{\"node\":\"n01\",\"action\":\"install\",\"order\":%s}", r->text);
	return 0;
}

static inline int enrol(void *ctx, struct http_call *call, struct err *err)
{
	struct rig *r = ctx;

	return enrolling_answer(&r->enrolling, call, err);
}

static inline int orders(void *ctx, struct http_call *call, struct err *err)
{
	(void)ctx;
	(void)err;
	buf_adds(http_out(call), "{\"node\":\"n01\",\"action\":\"disk\",\"order\":null}");
	return 0;
}

static inline int withdrawn(struct err *err)
{
	return err_set(err, ERR_CONFLICT, "n01: this is not the installation that was ordered");
}

static inline void keep(struct json_obj *o, const char *key, char **out)
{
	autofree char *value = NULL;
	struct err err = { 0 };

	assert_true(json_str(o, key, JSON_MAY, &value, &err) >= 0);
	if (!value)
		return;
	free(*out);
	*out = steal(value);
}

static inline int event(void *ctx, struct http_call *call, struct err *err)
{
	struct rig *r = ctx;
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autofree char *step = NULL, *what = NULL, *both = NULL;
	struct json_obj o;
	size_t len;
	const char *body = http_body(call, &len);

	if (json_parse(body, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0)
		return -1;
	keep(&o, "step", &step);
	keep(&o, "event", &what);
	keep(&o, "error", &r->error);
	keep(&o, "hint", &r->hint);
	both = str_format("%s %s", step, what);
	str_list_add(&r->events, both);
	if (str_eq(r->refuse, both))
		return withdrawn(err);
	if (str_eq(r->invalid, both))
		return err_set(err, ERR_INVALID, "text is longer than it may be");
	buf_adds(http_out(call), "{}");
	return 0;
}

static inline int done(void *ctx, struct http_call *call, struct err *err)
{
	struct rig *r = ctx;

	r->dones++;
	if (r->refuse_done)
		return withdrawn(err);
	buf_adds(http_out(call), "{\"action\":\"disk\"}");
	return 0;
}

static const struct http_route routes[] = {
	{ .method = "POST", .pattern = "/v1/enrol", .who = HTTP_ANYBODY, .handle = enrol, .query = "wait" },
	{ .method = "POST", .pattern = "/v1/imager/hello", .who = HTTP_ANYBODY, .handle = hello },
	{ .method = "GET", .pattern = "/v1/imager/orders", .who = HTTP_ANYBODY, .handle = orders, .query = "wait" },
	{ .method = "POST", .pattern = "/v1/imager/event", .who = HTTP_ANYBODY, .handle = event },
	{ .method = "POST", .pattern = "/v1/imager/done", .who = HTTP_ANYBODY, .handle = done },
};

/* "order" and "disks" of a golden case; the caller frees. */
static inline char *golden(const char *key)
{
	const char *top = getenv("TOP");
	autofree char *path = str_format("%s/tests/golden/installer/raid1.in.json", top ? top : ".");
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	struct json_obj root;
	char *out = NULL;
	struct err err = { 0 };

	if (fs_read(path, 1 << 20, &text, &err) < 0 || json_parse(buf_str(&text), text.len, &doc, &err) < 0 ||
	    json_root_obj(&doc, &root, &err) < 0 || json_raw(&root, key, JSON_MUST, &out, &err) < 0)
		fail_msg("%s", err.text);
	return out;
}

static inline int look(struct disks *out, struct err *err)
{
	autofree char *list = golden("disks"), *text = str_format("{\"disks\":%s}", list);
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;

	rig->looks++;
	if (json_parse(text, strlen(text), &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    disks_from_json(&o, "disks", out, err) < 0)
		return -1;
	for (size_t i = 0; i < out->len; i++) {
		autofree char *id = disk_id(&out->items[i]);

		if (!str_eq(id, rig->bad) || rig->looks < rig->bad_from)
			continue;
		free(out->items[i].bad);
		out->items[i].bad = mem_strdup("reading at byte 4096 fails: Input/output error");
	}
	return 0;
}

static inline int perform(struct install_run *run, const struct plan_step *step, struct err *err)
{
	(void)run;
	str_list_add(&rig->steps, step->name);
	return str_eq(step->name, rig->fail) ? err_set(err, ERR_FAILED, "made to fail") : 0;
}

static inline int undo_boot(const char *target, struct raid_ctx *raid, const struct raid_result *result, struct err *err)
{
	assert_string_equal(target, rig->target);
	assert_non_null(raid);
	assert_true(result->members.len > 0);
	rig->undone++;
	return rig->undo_fails ? err_set(err, ERR_FAILED, "disk serial QM00001 is gone") : 0;
}

static inline void release(const char *target)
{
	(void)target;
	rig->released++;
}

static inline void put(const struct rig *r, const char *name, const char *text)
{
	autofree char *path = fs_join(r->trust, name);
	struct err err = { 0 };

	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0644, &err), 0);
}

static inline void read_order(struct rig *r)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;
	autofree char *text = golden("order");
	struct err err = { 0 };

	if (json_parse(text, strlen(text), &doc, &err) < 0 || json_root_obj(&doc, &o, &err) < 0 ||
	    order_read(&o, &r->order, &err) < 0)
		fail_msg("%s", err.text);
}

/* The approval as the head makes it, from the disks that it was told of. */
static inline void approve(struct rig *r)
{
	autoclean(disks_free) struct disks disks = { 0 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	char digest[DIGEST_HEX_LEN];
	struct json_out w;
	struct json_obj o;
	struct err err = { 0 };

	if (look(&disks, &err) < 0 || install_digest(&r->order, &disks, digest, &err) < 0)
		fail_msg("%s", err.text);
	r->looks = 0;
	free(r->order.plan_digest);
	r->order.plan_digest = mem_strdup(digest);
	json_out_init(&w, &text, false);
	json_put_obj(&w, NULL);
	order_print(&r->order, &w, "order");
	json_end_obj(&w);
	if (json_parse(buf_str(&text), text.len, &doc, &err) < 0 || json_root_obj(&doc, &o, &err) < 0 ||
	    json_raw(&o, "order", JSON_MUST, &r->text, &err) < 0)
		fail_msg("%s", err.text);
}

static inline void connect_to(struct rig *r)
{
	const struct http_server_opts opts = { .routes = routes, .n_routes = ARRAY_LEN(routes), .ctx = r, .workers = 2 };
	const struct head_opts head = {
		.server = "http://localhost", .unix_socket = r->sock, .identity = &r->enrolling.id, .pause_ns = 5 * NS_PER_MS
	};
	struct err err = { 0 };

	if (http_server_new(&opts, &r->server, &err) < 0 || http_server_unix(r->server, r->sock, &err) < 0 ||
	    head_open(&head, &r->head, &err) < 0)
		fail_msg("%s", err.text);
}

static inline int begin(void **state)
{
	struct rig *r = mem_zalloc(sizeof(*r));
	autofree char *cluster = NULL, *keys = NULL;
	struct err err = { 0 };

	*state = rig = r;
	r->dir = str_format("%s/orthrus-install.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(r->dir));
	r->sock = fs_join(r->dir, "s");
	r->trust = fs_join(r->dir, "trust");
	r->target = fs_join(r->dir, "target");
	assert_int_equal(fs_mkdirs(r->trust, 0755, &err), 0);
	read_order(r);
	cluster = str_format("%s\n", r->order.cluster_id);
	put(r, "cluster-id", cluster);
	approve(r);
	r->work = (struct install_work){ .look = look, .perform = perform, .undo_boot = undo_boot, .release = release };
	r->opts = (struct install_opts){ .target = r->target, .trust_dir = r->trust, .work = &r->work };
	keys = fs_join(r->dir, "run");
	enrolling_begin(&r->enrolling, keys);
	connect_to(r);
	return 0;
}

static inline int end(void **state)
{
	struct rig *r = *state;
	struct err err = { 0 };
	int rc;

	head_close(r->head);
	http_server_stop(r->server);
	rc = fs_remove_tree(r->dir, &err);
	enrolling_end(&r->enrolling);
	order_free(&r->order);
	str_list_free(&r->events);
	str_list_free(&r->steps);
	free(r->dir);
	free(r->sock);
	free(r->trust);
	free(r->target);
	free(r->text);
	free(r->error);
	free(r->hint);
	free(r->inventory);
	free(r);
	return rc;
}

static inline int run(struct rig *r, struct err *err)
{
	autoclean(head_answer_free) struct head_answer a = { 0 };
	enum head_standing standing = HEAD_PENDING;

	if (head_enrol(r->head, "{}", 0, &standing, err) < 0 || standing != HEAD_APPROVED ||
	    head_hello(r->head, "{}", &a, err) < 0)
		fail_msg("%s", err->text);
	return install_run(&r->opts, r->head, &r->order, err);
}

#endif
