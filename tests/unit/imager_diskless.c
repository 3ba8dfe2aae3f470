/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image for a node without disks on its way into memory: whole and as the head said, or nothing is started. */
#include "base/digest.h"
#include "imaging/imager/diskless.h"
#include "imager_rig.h"

#include <sys/mman.h>
#include <fcntl.h>

#define GOOD_MEMINFO "MemTotal:  2000000 kB\nMemFree: 10 kB\nMemAvailable:    1048576 kB\n"

static void there_must_be_room(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(diskless_room(GOOD_MEMINFO, UINT64_C(640) << 20, &err), 0);
	assert_int_equal(diskless_room(GOOD_MEMINFO, (UINT64_C(640) << 20) + 1, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_non_null(strstr(err.text, "1 GiB of memory are free"));
	assert_int_equal(diskless_room(GOOD_MEMINFO, UINT64_MAX, &err), -1);
	assert_int_equal(diskless_room("MemTotal: 1 kB\n", 1, &err), -1);
	assert_int_equal(diskless_room("MemAvailable: lots kB\n", 1, &err), -1);
}

static const char *content;

static int squashfs(void *ctx, struct http_call *call, struct err *err)
{
	int fd = memfd_create("squashfs", MFD_CLOEXEC);

	(void)ctx;
	(void)err;
	assert_true(write(fd, content, strlen(content)) == (ssize_t)strlen(content));
	http_out_file(call, fd, strlen(content), "application/octet-stream");
	return 0;
}

static const struct http_route more_routes[] = {
	{ .method = "POST", .pattern = "/v1/enrol", .who = HTTP_ANYBODY, .handle = enrol, .query = "wait" },
	{ .method = "POST", .pattern = "/v1/imager/hello", .who = HTTP_ANYBODY, .handle = hello },
	{ .method = "GET", .pattern = "/v1/diskless/:name/:id", .who = HTTP_ANYBODY, .handle = squashfs },
};

static void only_what_the_head_said_is_taken(void **state)
{
	struct rig *r = *state;
	const struct http_server_opts opts = {
		.routes = more_routes, .n_routes = ARRAY_LEN(more_routes), .ctx = r, .workers = 2
	};
	const struct head_opts with = { .server = "http://localhost",
					.unix_socket = r->sock,
					.identity = &r->enrolling.id,
					.pause_ns = NS_PER_MS,
					.patience_ns = NS_PER_MS };
	autoclose int fd = memfd_create("kept", MFD_CLOEXEC);
	enum head_standing standing;
	struct digest sum;
	char hex[DIGEST_HEX_LEN], kept[16] = "";
	struct err err = { 0 };

	head_close(r->head);
	http_server_stop(r->server);
	if (http_server_new(&opts, &r->server, &err) < 0 || http_server_unix(r->server, r->sock, &err) < 0 ||
	    head_open(&with, &r->head, &err) < 0 || head_enrol(r->head, "{}", 0, &standing, &err) < 0)
		fail_msg("%s", err.text);
	content = "an image";
	digest_of(content, strlen(content), &sum);
	digest_hex(&sum, hex);
	if (diskless_fetch(r->head, "/v1/diskless/a/b", strlen(content), hex, fd, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(pread(fd, kept, sizeof(kept), 0), 8);
	assert_string_equal(kept, content);
	content = "an Image";
	assert_int_equal(diskless_fetch(r->head, "/v1/diskless/a/b", strlen(content), hex, fd, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
	assert_non_null(strstr(err.text, "is not what the head said"));
	err = (struct err){ 0 };
	assert_int_equal(diskless_fetch(r->head, "/v1/diskless/a/b", strlen(content) + 1, hex, fd, &err), -1);
}

static void of_another_cluster_nothing_is_started(void **state)
{
	struct rig *r = *state;
	struct head_answer a = { .node = (char[]){ "n01" }, .action = HEAD_DISKLESS, .order = r->order };
	struct err err = { 0 };

	put(r, "cluster-id", "another\n");
	assert_int_equal(diskless_prepare(&r->opts, r->head, &a, &err), -1);
	assert_non_null(strstr(err.text, "this boot payload of cluster another"));
	assert_int_equal(r->released, 2);
	assert_false(fs_exists(r->target));
}

static int to_memory(void *ctx, struct http_call *call, struct err *err)
{
	struct rig *r = ctx;
	char hex[DIGEST_HEX_LEN];

	(void)err;
	r->hellos++;
	memset(hex, 'a', sizeof(hex) - 1);
	hex[sizeof(hex) - 1] = '\0';
	buf_addf(http_out(call),
		 "{\"node\":\"n01\",\"action\":\"diskless\",\"order\":%s,\"squashfs\":{\"digest\":\"%s\",\"bytes\":7}}", r->text,
		 hex);
	return 0;
}

static int fails_once(const struct install_opts *opts, struct head *head, const struct head_answer *answer, struct err *err)
{
	(void)opts;
	(void)head;
	assert_string_equal(answer->order.install_id, rig->order.install_id);
	if (rig->hellos > 1)
		return 0;
	err_set(err, ERR_FAILED, "mount the root: made to fail");
	return err_hint(err, "and what is next");
}

static void the_head_hears_why(void **state)
{
	static const struct http_route diskless_routes[] = {
		{ .method = "POST", .pattern = "/v1/enrol", .who = HTTP_ANYBODY, .handle = enrol, .query = "wait" },
		{ .method = "POST", .pattern = "/v1/imager/hello", .who = HTTP_ANYBODY, .handle = to_memory },
		{ .method = "POST", .pattern = "/v1/imager/event", .who = HTTP_ANYBODY, .handle = event },
	};
	struct rig *r = *state;
	const struct http_server_opts opts = {
		.routes = diskless_routes, .n_routes = ARRAY_LEN(diskless_routes), .ctx = r, .workers = 2
	};
	struct err err = { 0 };

	http_server_stop(r->server);
	if (http_server_new(&opts, &r->server, &err) < 0 || http_server_unix(r->server, r->sock, &err) < 0)
		fail_msg("%s", err.text);
	r->work.diskless = fails_once;
	assert_int_equal(serve(&r->opts, "52:54:00:77:00:01", r->head), SERVE_SYSTEM);
	assert_int_equal(r->events.len, 1);
	assert_string_equal(r->events.items[0], "diskless failed");
	assert_string_equal(r->error, "mount the root: made to fail");
	assert_string_equal(r->hint, "and what is next");
}

/* What the head answers, read as bytes from the network. */
static void answers_are_whole_or_errors(void **state)
{
	static const struct {
		const char *squashfs, *complaint;
	} cases[] = {
		{ ",\"squashfs\":{\"digest\":\"%s\",\"bytes\":7}", NULL },
		{ "", "squashfs" },
		{ ",\"squashfs\":{\"digest\":\"%s\"}", "bytes" },
		{ ",\"squashfs\":{\"digest\":\"%s\",\"bytes\":0}", "bytes" },
		{ ",\"squashfs\":{\"digest\":\"%s0\",\"bytes\":7}", "64 hex" },
		{ ",\"squashfs\":{\"digest\":\"%s\",\"bytes\":7,\"path\":\"/\"}", "path" },
	};
	struct rig *r = *state;
	char hex[DIGEST_HEX_LEN];

	memset(hex, 'a', sizeof(hex) - 1);
	hex[sizeof(hex) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autofree char *at = mem_strdup(cases[i].squashfs), *text = NULL;
		char *mark = strstr(at, "%s");
		autoclean(head_answer_free) struct head_answer a = { 0 };
		struct err err = { 0 };

		if (mark)
			*mark = '\0';
		text = str_format("{\"node\":\"%s\",\"action\":\"diskless\",\"order\":%s%s%s%s}", r->order.node, r->text, at,
				  mark ? hex : "", mark ? mark + 2 : "");
		if (head_answer_read(text, strlen(text), &a, &err) == 0) {
			assert_null(cases[i].complaint);
			assert_int_equal(a.action, HEAD_DISKLESS);
			assert_int_equal(a.squashfs_bytes, 7);
			continue;
		}
		assert_non_null(cases[i].complaint);
		if (!strstr(err.text, cases[i].complaint))
			fail_msg("%s", err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_must_be_room),
		cmocka_unit_test_setup_teardown(only_what_the_head_said_is_taken, begin, end),
		cmocka_unit_test_setup_teardown(of_another_cluster_nothing_is_started, begin, end),
		cmocka_unit_test_setup_teardown(the_head_hears_why, begin, end),
		cmocka_unit_test_setup_teardown(answers_are_whole_or_errors, begin, end),
	};

	if (geteuid() != 0) {
		puts("needs root");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
