/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A head that restarts, forgets nodes or changes its mind, spoken to over a unix socket: the imager must neither lose an event
 * nor go on with what was withdrawn, and say who it is until it is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "imaging/imager/head.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/http_server.h"
#include "tests/unit/imager_enrol.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

/* Handlers run in other threads, but one at a time here: the client waits for each answer. */
struct fake {
	char *dir, *sock;
	struct http_server *server;
	struct enrolling enrolling;
	char *order;  /* JSON, or NULL: action "wait" */
	bool is_node; /* what enrolment makes of us; a fault in the certificate, or a removal, ends it */
	bool never;   /* no certificate is good enough */
	unsigned int hellos, events, dones;
	int fail_events; /* so many are answered with 503 */
	bool fail_packs; /* all are */
	bool withdrawn;	 /* events are answered with 409 */
};

static int enrol(void *ctx, struct http_call *call, struct err *err)
{
	struct fake *f = ctx;

	if (enrolling_answer(&f->enrolling, call, err) < 0)
		return -1;
	f->is_node = !f->never && strstr(buf_str(http_out(call)), "approved");
	return 0;
}

static bool may(const struct fake *f, struct http_call *call, struct err *err)
{
	(void)call;
	if (f->is_node)
		return true;
	err_set(err, ERR_REFUSED, "the certificate is not, or no longer, good");
	return false;
}

static int hello(void *ctx, struct http_call *call, struct err *err)
{
	struct fake *f = ctx;

	f->hellos++;
	if (!may(f, call, err))
		return -1;
	buf_addf(http_out(call), "{\"node\":\"n01\",\"action\":\"%s\",\"order\":%s}", f->order ? "install" : "wait",
		 f->order ? f->order : "null");
	return 0;
}

static int event(void *ctx, struct http_call *call, struct err *err)
{
	struct fake *f = ctx;

	if (f->fail_events > 0) {
		f->fail_events--;
		http_set_status(call, 503);
		buf_adds(http_out(call), "{\"error\":{\"kind\":\"failed\",\"text\":\"starting\"}}");
		return 0;
	}
	if (!may(f, call, err))
		return -1;
	if (f->withdrawn)
		return err_set(err, ERR_CONFLICT, "n01: this is not the installation that was ordered");
	f->events++;
	buf_adds(http_out(call), "{}");
	return 0;
}

static int done(void *ctx, struct http_call *call, struct err *err)
{
	struct fake *f = ctx;

	if (!may(f, call, err))
		return -1;
	f->dones++;
	buf_adds(http_out(call), "{\"action\":\"disk\"}");
	return 0;
}

static int pack(void *ctx, struct http_call *call, struct err *err)
{
	struct fake *f = ctx;

	(void)err;
	if (f->fail_packs) {
		http_set_status(call, 500);
		buf_adds(http_out(call), "{\"error\":{\"kind\":\"failed\",\"text\":\"the disk can't be read\"}}");
		return 0;
	}
	buf_adds(http_out(call), "0123456789"); /* knows no ranges: always the whole */
	return 0;
}

static const struct http_route routes[] = {
	{ .method = "POST", .pattern = "/v1/enrol", .who = HTTP_ANYBODY, .handle = enrol, .query = "wait" },
	{ .method = "POST", .pattern = "/v1/imager/hello", .who = HTTP_ANYBODY, .handle = hello },
	{ .method = "POST", .pattern = "/v1/imager/event", .who = HTTP_ANYBODY, .handle = event },
	{ .method = "POST", .pattern = "/v1/imager/done", .who = HTTP_ANYBODY, .handle = done },
	{ .method = "GET", .pattern = "/v1/packs/:name", .who = HTTP_ANYBODY, .handle = pack },
};

static void serve(struct fake *f)
{
	const struct http_server_opts opts = { .routes = routes, .n_routes = ARRAY_LEN(routes), .ctx = f, .workers = 2 };
	struct err err = { 0 };

	if (http_server_new(&opts, &f->server, &err) < 0 || http_server_unix(f->server, f->sock, &err) < 0)
		fail_msg("%s", err.text);
}

static char *read_order(void)
{
	const char *top = getenv("TOP");
	autofree char *path = str_format("%s/tests/golden/installer/raid1.in.json", top ? top : ".");
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	struct json_obj root;
	char *order = NULL;
	struct err err = { 0 };

	if (fs_read(path, 1 << 20, &text, &err) < 0 || json_parse(buf_str(&text), text.len, &doc, &err) < 0 ||
	    json_root_obj(&doc, &root, &err) < 0 || json_raw(&root, "order", JSON_MUST, &order, &err) < 0)
		fail_msg("%s", err.text);
	return order;
}

static int setup(void **state)
{
	struct fake *f = mem_zalloc(sizeof(*f));
	autofree char *keys = NULL;

	f->dir = str_format("%s/orthrus-head.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(f->dir))
		return -1;
	f->sock = fs_join(f->dir, "s");
	keys = fs_join(f->dir, "run");
	enrolling_begin(&f->enrolling, keys);
	f->order = read_order();
	serve(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fake *f = *state;
	struct err err = { 0 };
	int rc;

	if (f->server)
		http_server_stop(f->server);
	rc = fs_remove_tree(f->dir, &err);
	enrolling_end(&f->enrolling);
	free(f->dir);
	free(f->sock);
	free(f->order);
	free(f);
	return rc;
}

static struct head *connect_to(const struct fake *f, int64_t patience_ns)
{
	const struct head_opts opts = { .server = "http://localhost",
					.unix_socket = f->sock,
					.identity = &f->enrolling.id,
					.pause_ns = 5 * NS_PER_MS,
					.patience_ns = patience_ns };
	struct head *h = NULL;
	struct err err = { 0 };

	if (head_open(&opts, &h, &err) < 0)
		fail_msg("%s", err.text);
	return h;
}

static void say_hello(struct head *h, enum head_action want)
{
	autoclean(head_answer_free) struct head_answer a = { 0 };
	enum head_standing standing = HEAD_PENDING;
	struct err err = { 0 };

	if (head_enrol(h, "{\"mac\":\"52:54:00:77:00:01\"}", 0, &standing, &err) < 0 || standing != HEAD_APPROVED ||
	    head_hello(h, "{\"mac\":\"52:54:00:77:00:01\"}", &a, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(a.action, want);
}

static const struct head_event an_event = {
	.install_id = "00112233445566778899aabbccddeeff", .step = "restore", .event = "begin", .text = "restore", .percent = -1
};

static void events_survive_trouble(void **state)
{
	struct fake *f = *state;
	struct head *h = connect_to(f, 30 * NS_PER_S);
	struct err err = { 0 };

	say_hello(h, HEAD_INSTALL);
	f->fail_events = 3;
	if (head_event(h, &an_event, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(f->events, 1);
	assert_int_equal(f->enrolling.asked, 1);
	/* The certificate ended while the head was away: a new one for the same key, and the event is told. */
	f->is_node = false;
	if (head_event(h, &an_event, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(f->events, 2);
	assert_int_equal(f->enrolling.asked, 2);
	assert_ptr_equal(head_identity(h), &f->enrolling.id);
	head_close(h);
}

static void a_withdrawn_order_stops_the_installation(void **state)
{
	struct fake *f = *state;
	struct head *h = connect_to(f, 30 * NS_PER_S);
	struct err err = { 0 };

	say_hello(h, HEAD_INSTALL);
	f->withdrawn = true;
	assert_int_equal(head_event(h, &an_event, &err), -1);
	assert_int_equal(err.kind, ERR_CONFLICT);
	/* But a completed one is reported even so: the first report may have been heard, and its answer lost. */
	f->is_node = false;
	if (head_done(h, an_event.install_id, "{}", &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(f->dones, 1);
	head_close(h);
}

/* Removed while it is installed: it waits for approval again, and nothing more is done to its disks. */
static void a_removed_node_stops_its_installation(void **state)
{
	struct fake *f = *state;
	struct head *h = connect_to(f, 30 * NS_PER_S);
	struct err err = { 0 };

	say_hello(h, HEAD_INSTALL);
	f->is_node = false;
	f->enrolling.pending = 1;
	assert_int_equal(head_event(h, &an_event, &err), -1);
	assert_int_equal(err.kind, ERR_CONFLICT);
	f->enrolling.rejected = "this machine was rejected";
	err = (struct err){ 0 };
	assert_int_equal(head_done(h, an_event.install_id, "{}", &err), -1);
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_non_null(strstr(err.text, "was rejected"));
	assert_int_equal(f->events + f->dones, 0);
	head_close(h);
}

/* What is refused to a certificate of this moment is refused in earnest: no circle. */
static void a_refusal_is_final_after_a_new_certificate(void **state)
{
	struct fake *f = *state;
	struct head *h = connect_to(f, 30 * NS_PER_S);
	struct err err = { 0 };

	say_hello(h, HEAD_INSTALL);
	f->is_node = false;
	f->never = true;
	assert_int_equal(head_event(h, &an_event, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_int_equal(f->enrolling.asked, 2);
	head_close(h);
}

/* A store that can't be read is a failure, which the head can be told. */
static void patience_with_a_damaged_store_has_an_end(void **state)
{
	struct fake *f = *state;
	struct head *h = connect_to(f, 50 * NS_PER_MS);
	autoclean(buf_free) struct buf out = { 0 };
	struct err err = { 0 };

	say_hello(h, HEAD_INSTALL);
	f->fail_packs = true;
	assert_int_equal(head_get(h, "/v1/packs/x", 0, 0, 100, &out, &err), -1);
	assert_non_null(strstr(err.text, "can't be read"));
	head_close(h);
}

static void *serve_later(void *f)
{
	clock_sleep_ns(100 * NS_PER_MS);
	serve(f);
	return NULL;
}

static void a_silent_head_is_waited_for(void **state)
{
	struct fake *f = *state;
	struct head *h = connect_to(f, 1);
	autoclean(buf_free) struct buf out = { 0 };
	struct err err = { 0 };
	pthread_t thread;

	say_hello(h, HEAD_INSTALL);
	f->fail_events = 10;
	assert_int_equal(head_event(h, &an_event, &err), 0);
	for (int i = 0; i < 3; i++) {
		http_server_stop(steal(f->server));
		assert_int_equal(pthread_create(&thread, NULL, serve_later, f), 0);
		if ((i == 0   ? head_event(h, &an_event, &err)
		     : i == 1 ? head_done(h, an_event.install_id, "{}", &err)
			      : head_get(h, "/v1/packs/x", 0, 0, 100, &out, &err)) < 0)
			fail_msg("%s", err.text);
		pthread_join(thread, NULL);
	}
	assert_int_equal(f->events, 2);
	assert_int_equal(f->dones, 1);
	assert_int_equal(out.len, 10);
	head_close(h);
}

static void a_head_that_ignores_ranges_is_found_out(void **state)
{
	struct fake *f = *state;
	struct head *h = connect_to(f, NS_PER_S);
	autoclean(buf_free) struct buf out = { 0 };
	struct err err = { 0 };

	assert_int_equal(head_get(h, "/v1/packs/x", 2, 10, 0, &out, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
	assert_int_equal(out.len, 0);
	assert_int_equal(head_get(h, "/v1/packs/x", 0, 0, 100, &out, &err), 0);
	assert_string_equal(buf_str(&out), "0123456789");
	head_close(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(events_survive_trouble, setup, teardown),
		cmocka_unit_test_setup_teardown(a_withdrawn_order_stops_the_installation, setup, teardown),
		cmocka_unit_test_setup_teardown(a_removed_node_stops_its_installation, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refusal_is_final_after_a_new_certificate, setup, teardown),
		cmocka_unit_test_setup_teardown(patience_with_a_damaged_store_has_an_end, setup, teardown),
		cmocka_unit_test_setup_teardown(a_silent_head_is_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(a_head_that_ignores_ranges_is_found_out, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
