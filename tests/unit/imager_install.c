/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the imager does with an order: refuse one that is not what was approved, and take back what boots when it fails. Disks and
 * steps are this test's own; the head is a fake one behind a unix socket. Needs root, as only root may install. */
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

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HELLOS_MOST 4
#define TOKEN "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Handlers run in other threads, but one at a time here: the client waits for each answer. */
struct rig {
	char *dir, *sock, *trust, *target, *text;
	struct http_server *server;
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

static int hello(void *ctx, struct http_call *call, struct err *err)
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
		buf_adds(http_out(call), "{\"node\":\"n01\",\"token\":\"" TOKEN "\",\"action\":\"disk\",\"order\":null}");
		return 0;
	}
	buf_addf(http_out(call),
		 "{\"node\":\"n01\",\"token\":\"" TOKEN "\",\"action\":\"install\",\"order\":%s,\"report_token\":\"" TOKEN "\"}",
		 r->text);
	return 0;
}

static int orders(void *ctx, struct http_call *call, struct err *err)
{
	(void)ctx;
	(void)err;
	buf_adds(http_out(call), "{\"node\":\"n01\",\"token\":null,\"action\":\"disk\",\"order\":null}");
	return 0;
}

static int withdrawn(struct err *err)
{
	return err_set(err, ERR_CONFLICT, "n01: this is not the installation that was ordered");
}

static void keep(struct json_obj *o, const char *key, char **out)
{
	autofree char *value = NULL;
	struct err err = { 0 };

	assert_true(json_str(o, key, JSON_MAY, &value, &err) >= 0);
	if (!value)
		return;
	free(*out);
	*out = steal(value);
}

static int event(void *ctx, struct http_call *call, struct err *err)
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

static int done(void *ctx, struct http_call *call, struct err *err)
{
	struct rig *r = ctx;

	r->dones++;
	if (r->refuse_done)
		return withdrawn(err);
	buf_adds(http_out(call), "{\"action\":\"disk\"}");
	return 0;
}

static const struct http_route routes[] = {
	{ .method = "POST", .pattern = "/v1/imager/hello", .who = HTTP_ANYBODY, .handle = hello },
	{ .method = "GET", .pattern = "/v1/imager/orders", .who = HTTP_ANYBODY, .handle = orders },
	{ .method = "POST", .pattern = "/v1/imager/event", .who = HTTP_ANYBODY, .handle = event },
	{ .method = "POST", .pattern = "/v1/imager/done", .who = HTTP_ANYBODY, .handle = done },
};

/* "order" and "disks" of a golden case; the caller frees. */
static char *golden(const char *key)
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

static int look(struct disks *out, struct err *err)
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

static int perform(struct install_run *run, const struct plan_step *step, struct err *err)
{
	(void)run;
	str_list_add(&rig->steps, step->name);
	return str_eq(step->name, rig->fail) ? err_set(err, ERR_FAILED, "made to fail") : 0;
}

static int undo_boot(const char *target, struct raid_ctx *raid, const struct raid_result *result, struct err *err)
{
	assert_string_equal(target, rig->target);
	assert_non_null(raid);
	assert_true(result->members.len > 0);
	rig->undone++;
	return rig->undo_fails ? err_set(err, ERR_FAILED, "disk serial QM00001 is gone") : 0;
}

static void release(const char *target)
{
	(void)target;
	rig->released++;
}

static void put(const struct rig *r, const char *name, const char *text)
{
	autofree char *path = fs_join(r->trust, name);
	struct err err = { 0 };

	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0644, &err), 0);
}

static void read_order(struct rig *r)
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
static void approve(struct rig *r)
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

static void connect_to(struct rig *r)
{
	const struct http_server_opts opts = { .routes = routes, .n_routes = ARRAY_LEN(routes), .ctx = r, .workers = 2 };
	const struct head_opts head = { .server = "http://localhost", .unix_socket = r->sock, .pause_ns = 5 * NS_PER_MS };
	struct err err = { 0 };

	if (http_server_new(&opts, &r->server, &err) < 0 || http_server_unix(r->server, r->sock, &err) < 0 ||
	    head_open(&head, &r->head, &err) < 0)
		fail_msg("%s", err.text);
}

static int begin(void **state)
{
	struct rig *r = mem_zalloc(sizeof(*r));
	autofree char *cluster = NULL;
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
	connect_to(r);
	return 0;
}

static int end(void **state)
{
	struct rig *r = *state;
	struct err err = { 0 };
	int rc;

	head_close(r->head);
	http_server_stop(r->server);
	rc = fs_remove_tree(r->dir, &err);
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

static int run(struct rig *r, struct err *err)
{
	autoclean(head_answer_free) struct head_answer a = { 0 };

	if (head_hello(r->head, "{}", &a, err) < 0)
		fail_msg("%s", err->text);
	return install_run(&r->opts, r->head, &r->order, err);
}

static void what_was_approved_is_done(void **state)
{
	struct rig *r = *state;
	struct err err = { 0 };

	if (run(r, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(r->dones, 1);
	assert_int_equal(r->undone, 0);
	assert_string_equal(r->events.items[0], "disk-test begin");
	assert_string_equal(r->events.items[r->events.len - 1], "unmount done");
	assert_string_equal(r->steps.items[r->steps.len - 1], "unmount");
}

static void expect_refusal(struct rig *r, const char *words)
{
	struct err err = { 0 };

	assert_int_equal(run(r, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	if (!strstr(err.text, words))
		fail_msg("'%s' does not say '%s'", err.text, words);
	assert_int_equal(r->steps.len, 0);
	assert_int_equal(r->dones, 0);
	/* The head hears of it, and of nothing else. */
	assert_int_equal(r->events.len, 1);
	assert_string_equal(r->events.items[0], "plan failed");
	assert_non_null(strstr(r->error, words));
}

static void another_plan_is_refused(void **state)
{
	struct rig *r = *state;

	r->order.plan_digest[0] = r->order.plan_digest[0] == '0' ? '1' : '0';
	expect_refusal(r, "not those that were approved");
	assert_non_null(strstr(r->hint, "--plan"));
}

static void a_disk_gone_bad_since_is_refused(void **state)
{
	struct rig *r = *state;
	autoclean(disks_free) struct disks disks = { 0 };
	struct err err = { 0 };

	assert_int_equal(look(&disks, &err), 0);
	r->looks = 0;
	r->bad = disk_id(&disks.items[0]);
	assert_int_equal(run(r, &err), -1);
	assert_int_equal(r->steps.len, 0);
	assert_string_equal(r->events.items[0], "plan failed");
	free(r->bad);
}

static void another_cluster_is_refused(void **state)
{
	struct rig *r = *state;

	put(r, "cluster-id", "ffffffff-ffff-4fff-8fff-ffffffffffff\n");
	expect_refusal(r, "this boot payload of cluster");
}

/* Bad between the approval and the first step: whatever the layout says, not a byte is written. */
static void the_disk_test_ends_it(void **state)
{
	struct rig *r = *state;
	autoclean(disks_free) struct disks disks = { 0 };
	struct err err = { 0 };

	assert_int_equal(look(&disks, &err), 0);
	r->looks = 0;
	r->bad = disk_id(&disks.items[0]);
	r->bad_from = 2;
	assert_int_equal(run(r, &err), -1);
	assert_non_null(strstr(err.text, "failed its test"));
	assert_int_equal(r->steps.len, 0);
	assert_string_equal(r->events.items[r->events.len - 1], "disk-test failed");
	free(r->bad);
}

static void fails_at(struct rig *r, const char *step, unsigned int undone)
{
	struct err err = { 0 };
	autofree char *last = str_format("%s failed", step);

	r->fail = mem_strdup(step);
	assert_int_equal(run(r, &err), -1);
	assert_int_equal(r->undone, undone);
	assert_int_equal(r->released, 1);
	assert_int_equal(r->dones, 0);
	assert_string_equal(r->events.items[r->events.len - 1], last);
	assert_non_null(strstr(r->error, "made to fail"));
	free(steal(r->fail));
}

static void a_failed_boot_loader_is_taken_back(void **state)
{
	fails_at(*state, "boot-loader", 1);
	assert_null(rig->hint);
}

static void a_failed_unmount_takes_it_back(void **state)
{
	fails_at(*state, "unmount", 1);
}

static void before_the_boot_loader_nothing_boots(void **state)
{
	fails_at(*state, "verify", 0);
}

/* Who reads on the head what failed must know that the machine may start. */
static void the_head_hears_what_was_not_taken_back(void **state)
{
	struct rig *r = *state;

	r->undo_fails = true;
	fails_at(r, "unmount", 1);
	assert_non_null(r->hint);
	assert_non_null(strstr(r->hint, "may still boot"));
	assert_non_null(strstr(r->hint, "serial QM00001 is gone"));
}

static void withdrawn_at_the_end_is_taken_back(void **state)
{
	struct rig *r = *state;
	struct err err = { 0 };

	r->refuse_done = true;
	assert_int_equal(run(r, &err), -1);
	assert_int_equal(r->dones, 1);
	assert_int_equal(r->undone, 1);
	assert_int_equal(r->released, 1);
}

static void withdrawn_while_it_unmounts_is_taken_back(void **state)
{
	struct rig *r = *state;
	struct err err = { 0 };

	r->refuse = mem_strdup("unmount done");
	assert_int_equal(run(r, &err), -1);
	assert_int_equal(r->dones, 0);
	assert_string_equal(r->events.items[r->events.len - 1], "unmount done");
	assert_int_equal(r->undone, 1);
	assert_int_equal(r->released, 1);
	free(steal(r->refuse));
}

/* It is the administrator's word against the machine's: try to be heard. */
static void withdrawn_but_still_bootable_is_told(void **state)
{
	struct rig *r = *state;
	struct err err = { 0 };

	r->refuse_done = true;
	r->undo_fails = true;
	assert_int_equal(run(r, &err), -1);
	assert_string_equal(r->events.items[r->events.len - 1], "plan failed");
	assert_non_null(strstr(r->hint, "may still boot"));
}

/* An order that nobody hears the end of would stand for ever. */
static void an_event_that_is_not_taken_ends_it(void **state)
{
	static const char *const bad[] = { "disk-test begin", "restore begin", "unmount done" };
	struct rig *r = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = { 0 };

		r->invalid = mem_strdup(bad[i]);
		str_list_free(&r->events);
		assert_int_equal(run(r, &err), -1);
		assert_string_equal(r->events.items[r->events.len - 2], bad[i]);
		assert_string_equal(r->events.items[r->events.len - 1], "plan failed");
		assert_non_null(strstr(r->error, "longer than it may be"));
		free(steal(r->invalid));
	}
	assert_int_equal(r->undone, 1);
}

/* It stands until the administrator gives another: in a circle, it would wear out disks and hide what failed. */
static void a_failed_order_is_not_tried_again(void **state)
{
	struct rig *r = *state;
	size_t wipes = 0;

	r->opts.pause_ns = NS_PER_MS;
	r->fail = mem_strdup("verify");
	serve(&r->opts, "52:54:00:77:00:01", r->head);
	for (size_t i = 0; i < r->steps.len; i++)
		wipes += str_starts(r->steps.items[i], "unboot:");
	assert_int_equal(wipes, 1);
	assert_int_equal(r->hellos, 2);
	assert_int_equal(r->released, 2); /* at its begin, and after the failure */
	free(steal(r->fail));
}

/* A place that one of the three finds bad, the others find too: else every order would fail. */
static void inventory_approval_and_test_see_the_same(void **state)
{
	struct rig *r = *state;
	autoclean(disks_free) struct disks disks = { 0 };
	struct err err = { 0 };

	r->opts.pause_ns = NS_PER_MS;
	serve(&r->opts, "52:54:00:77:00:01", r->head);
	assert_int_equal(r->dones, 1);
	assert_int_equal(r->looks, 3);
	assert_null(strstr(r->inventory, "reading at byte 4096 fails"));
	assert_int_equal(look(&disks, &err), 0);
	r->looks = 0;
	r->bad = disk_id(&disks.items[0]);
	serve(&r->opts, "52:54:00:77:00:01", r->head);
	assert_non_null(strstr(r->inventory, "reading at byte 4096 fails"));
	assert_int_equal(r->dones, 1);
	free(steal(r->bad));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_approved_is_done, begin, end),
		cmocka_unit_test_setup_teardown(another_plan_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(a_disk_gone_bad_since_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(another_cluster_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(the_disk_test_ends_it, begin, end),
		cmocka_unit_test_setup_teardown(a_failed_boot_loader_is_taken_back, begin, end),
		cmocka_unit_test_setup_teardown(a_failed_unmount_takes_it_back, begin, end),
		cmocka_unit_test_setup_teardown(before_the_boot_loader_nothing_boots, begin, end),
		cmocka_unit_test_setup_teardown(the_head_hears_what_was_not_taken_back, begin, end),
		cmocka_unit_test_setup_teardown(withdrawn_at_the_end_is_taken_back, begin, end),
		cmocka_unit_test_setup_teardown(withdrawn_while_it_unmounts_is_taken_back, begin, end),
		cmocka_unit_test_setup_teardown(withdrawn_but_still_bootable_is_told, begin, end),
		cmocka_unit_test_setup_teardown(an_event_that_is_not_taken_ends_it, begin, end),
		cmocka_unit_test_setup_teardown(a_failed_order_is_not_tried_again, begin, end),
		cmocka_unit_test_setup_teardown(inventory_approval_and_test_see_the_same, begin, end),
	};

	if (geteuid() != 0) {
		puts("needs root");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
