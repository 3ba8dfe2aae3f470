/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The imager is told that this machine shall be rescued: what it says to the head, what it writes, and what becomes of it when it
 * can't. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "imaging/imager/head.h"
#include "imaging/imager/rescue.h"
#include "imaging/imager/serve.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/http_server.h"
#include "sys/keys_ssh.h"
#include "tests/unit/imager_enrol.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct fake {
	char *dir, *root;
	struct http_server *server;
	struct head *head;
	struct enrolling enrolling;
	char *asked; /* the last body of /v1/hostkey */
	const char *answer;
	unsigned int rescues;
	bool here;
};
static struct fake *fake;

static int enrol(void *ctx, struct http_call *call, struct err *err)
{
	return enrolling_answer(&((struct fake *)ctx)->enrolling, call, err);
}

static int hello(void *ctx, struct http_call *call, struct err *err)
{
	(void)ctx;
	(void)err;
	buf_adds(http_out(call), "{\"node\":\"n01\",\"action\":\"rescue\",\"order\":null}");
	return 0;
}

static int host_key(void *ctx, struct http_call *call, struct err *err)
{
	struct fake *f = ctx;
	size_t len;
	const char *body = http_body(call, &len);

	free(f->asked);
	f->asked = mem_strndup(body, len);
	if (!f->answer)
		return err_set(err, ERR_CONFLICT, "n01: not this time");
	buf_adds(http_out(call), f->answer);
	return 0;
}

static const struct http_route routes[] = {
	{ .method = "POST", .pattern = "/v1/enrol", .who = HTTP_ANYBODY, .handle = enrol, .query = "wait" },
	{ .method = "POST", .pattern = "/v1/imager/hello", .who = HTTP_ANYBODY, .handle = hello },
	{ .method = "POST", .pattern = "/v1/hostkey", .who = HTTP_ANYBODY, .handle = host_key },
};

static int begin(void **state)
{
	const struct http_server_opts opts = { .routes = routes, .n_routes = ARRAY_LEN(routes), .workers = 2 };
	struct http_server_opts with = opts;
	struct fake *f = mem_zalloc(sizeof(*f));
	autofree char *sock = NULL, *keys = NULL;
	struct head_opts head = { .server = "http://localhost", .identity = &f->enrolling.id, .pause_ns = NS_PER_MS };
	enum head_standing standing;
	struct err err = { 0 };

	*state = fake = f;
	f->here = true;
	f->dir = str_format("%s/orthrus-rescue.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(f->dir));
	f->root = fs_join(f->dir, "root");
	sock = fs_join(f->dir, "s");
	keys = fs_join(f->dir, "run");
	enrolling_begin(&f->enrolling, keys);
	with.ctx = f;
	head.unix_socket = sock;
	keys = str_format("%s/etc", f->root);
	if (fs_mkdirs(keys, 0755, &err) < 0 || http_server_new(&with, &f->server, &err) < 0 ||
	    http_server_unix(f->server, sock, &err) < 0 || head_open(&head, &f->head, &err) < 0 ||
	    head_enrol(f->head, "{}", 0, &standing, &err) < 0)
		fail_msg("%s", err.text);
	return 0;
}

static int end(void **state)
{
	struct fake *f = *state;
	struct err err = { 0 };
	int rc;

	head_close(f->head);
	http_server_stop(f->server);
	enrolling_end(&f->enrolling);
	rc = fs_remove_tree(f->dir, &err);
	free(f->asked);
	free(f->root);
	free(f->dir);
	free(f);
	return rc;
}

static const char good[] = "{\"certificate\":\"ssh-ed25519-cert-v01@openssh.com AAAA n01\","
			   "\"user_ca\":\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHXfI8yC8W0PH0G3Tbgdk5Ylub3mYQSg4xPHSmm1mTJD\","
			   "\"known_hosts\":\"@cert-authority *.test ssh-ed25519 AAAA\",\"revoked\":\"AAAA\"}";

static char *below(const struct fake *f, const char *name)
{
	autofree char *path = fs_join(f->root, name);
	autoclean(buf_free) struct buf text = { 0 };
	struct err err = { 0 };

	if (fs_read(path, 1 << 16, &text, &err) < 0)
		fail_msg("%s", err.text);
	return mem_strdup(buf_str(&text));
}

/* What it said of this key shows that it has the private half, and is good for this machine alone. */
static void proves(const struct fake *f, const char *key)
{
	const struct ssh_claim claim = { .node = "n01", .fingerprint = f->enrolling.id.fingerprint, .key = key };
	const char *at = strstr(f->asked, "\"proof\":\"");
	autofree char *proof = NULL;
	struct err err = { 0 };

	assert_non_null(at);
	at += strlen("\"proof\":\"");
	proof = mem_strndup(at, strcspn(at, "\""));
	if (ssh_proof_check(&claim, proof, &err) < 0)
		fail_msg("%s", err.text);
}

static void makes_its_key_and_has_it_certified(void **state)
{
	struct fake *f = *state;
	struct disks none = { 0 };
	autofree char *private = fs_join(f->root, "etc/ssh/ssh_host_ed25519_key");
	autofree char *conf = fs_join(f->root, "etc/ssh/sshd_config.d/orthrus.conf"), *first = NULL, *second = NULL;
	struct err err = { 0 };
	struct stat st;

	/* Refused: no door is opened, and the key of the first try is the one of the next. */
	assert_int_equal(rescue_prepare(f->root, f->head, "n01", &none, &err), -1);
	assert_non_null(strstr(err.text, "not this time"));
	assert_false(fs_exists(conf));
	first = below(f, "etc/ssh/ssh_host_ed25519_key.pub");
	f->answer = good;
	if (rescue_prepare(f->root, f->head, "n01", &none, &err) < 0)
		fail_msg("%s", err.text);
	second = below(f, "etc/ssh/ssh_host_ed25519_key.pub");
	assert_string_equal(first, second);
	assert_int_equal(stat(private, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(fs_exists(conf));
	assert_non_null(strstr(f->asked, "\"rescue\":true"));
	*strstr(second, " rescue") = '\0';
	assert_non_null(strstr(f->asked, second));
	proves(f, second);
	assert_null(strstr(f->asked, "PRIVATE"));
}

static void tells_what_lies_on_the_disks(void **state)
{
	struct disk d = { .name = (char[]){ "vda" },
			  .model = (char[]){ "QEMU" },
			  .serial = (char[]){ "S1" },
			  .wwn = (char[]){ "" },
			  .size_bytes = UINT64_C(1) << 30,
			  .bad = (char[]){ "reading at byte 0 fails" } };
	const struct disks one = { .items = &d, .len = 1 }, none = { 0 };
	autoclean(buf_free) struct buf text = { 0 }, empty = { 0 };

	(void)state;
	str_list_add(&d.found, "gpt");
	str_list_add(&d.found, "ext4 'data'");
	rescue_motd("n01", &one, &text);
	assert_non_null(strstr(buf_str(&text), "rescue system of n01 "));
	assert_non_null(
		strstr(buf_str(&text), "/dev/vda  serial S1  1 GiB  QEMU: gpt, ext4 'data'  BAD: reading at byte 0 fails\n"));
	rescue_motd("n01", &none, &empty);
	assert_non_null(strstr(buf_str(&empty), "No disk was found"));
	str_list_free(&d.found);
}

static int look(struct disks *out, struct err *err)
{
	(void)out;
	(void)err;
	return 0;
}

static void release(const char *target)
{
	(void)target;
}

static bool is_here(const char *root)
{
	assert_string_equal(root, "/");
	return fake->here;
}

static int rescue(const char *root, struct head *head, const char *node, const struct disks *disks, struct err *err)
{
	(void)root;
	(void)head;
	(void)disks;
	assert_string_equal(node, "n01");
	return fake->rescues++ ? err_set(err, ERR_FAILED, "made to fail") : 0;
}

static void ends_in_the_rescue_system(void **state)
{
	struct fake *f = *state;
	const struct install_work work = { .look = look, .release = release, .rescue_is_here = is_here, .rescue = rescue };
	const struct install_opts opts = { .target = f->root, .trust_dir = f->root, .work = &work, .pause_ns = NS_PER_MS };

	assert_int_equal(serve(&opts, "52:54:00:77:00:01", f->head), SERVE_RESCUE);
	/* Without the network the console is left. */
	assert_int_equal(serve(&opts, "52:54:00:77:00:01", f->head), SERVE_RESCUE);
	assert_int_equal(f->rescues, 2);
	/* It was started as what it was to be before: the boot loader loads the rest the next time. */
	f->here = false;
	assert_int_equal(serve(&opts, "52:54:00:77:00:01", f->head), SERVE_RESTART);
	assert_int_equal(f->rescues, 2);
}

static void knows_whether_it_was_loaded(void **state)
{
	struct fake *f = *state;
	autofree char *dir = fs_join(f->root, "usr/sbin"), *sshd = fs_join(dir, "sshd");
	struct err err = { 0 };

	assert_false(rescue_is_here(f->root));
	assert_int_equal(fs_mkdirs(dir, 0755, &err), 0);
	assert_int_equal(fs_write_atomic(sshd, "", 0, 0755, &err), 0);
	assert_true(rescue_is_here(f->root));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(makes_its_key_and_has_it_certified, begin, end),
		cmocka_unit_test(tells_what_lies_on_the_disks),
		cmocka_unit_test_setup_teardown(ends_in_the_rescue_system, begin, end),
		cmocka_unit_test_setup_teardown(knows_whether_it_was_loaded, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
