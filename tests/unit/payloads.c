/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An end while an imager is being made: nothing that its worker uses may be freed, and whoever stops is told so. */
#include "base/mem.h"
#include "daemon/payloads.h"
#include "netboot/netboot.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants setjmp.h and stdarg.h. */
#include <cmocka.h>

static atomic_int begun, ended, made;
static atomic_bool seen_right, go_on;
/* What a worker may still use is never freed; whoever looks for leaks finds it here. */
static struct payloads *volatile kept;

/* In place of the library's: takes as long as the test wants, and looks at what it was given at its end. */
int netboot_payload_build(const struct netboot_payload *p, char **key, struct err *err)
{
	(void)key;
	atomic_fetch_add(&begun, 1);
	while (!atomic_load(&go_on))
		clock_sleep_ns(NS_PER_MS);
	atomic_store(&seen_right,
		     str_eq(p->ca_crt, "ca") && str_eq(p->store_dir, "/nowhere/store") && str_eq(p->image_ref, "a/b"));
	atomic_fetch_add(&ended, 1);
	return err_set(err, ERR_FAILED, "not made");
}

static void on_built(void *ctx)
{
	(void)ctx;
	atomic_fetch_add(&made, 1);
}

static void test_stop_while_one_is_made(void **state)
{
	char dir[] = "/tmp/orthrus-payloads.XXXXXX";
	struct state_opts opts = { .dir = dir, .id = 1, .address = "127.0.0.1:1" };
	struct daemon d = { .paths = { .store_dir = mem_strdup("/nowhere/store"), .tftp_dir = mem_strdup("/nowhere/tftp") } };
	struct pki_paths pki = { .ca_crt = mem_strdup("ca"), .sign_pub = mem_strdup("pub"), .cluster_id = mem_strdup("id") };
	struct payloads *p = NULL;
	struct err err = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	pthread_mutex_init(&d.change_lock, NULL);
	if (state_open(&opts, &d.state, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(payloads_new(&d, on_built, NULL, &p, &err), 0);
	payloads_anchors(p, &pki);
	assert_null(payloads_get(p, "a/b"));
	while (atomic_load(&begun) < 1)
		clock_sleep_ns(NS_PER_MS);
	assert_false(payloads_stop(p));
	kept = p;
	atomic_store(&go_on, true);
	while (atomic_load(&ended) < 1)
		clock_sleep_ns(NS_PER_MS);
	assert_true(atomic_load(&seen_right));
	assert_int_equal(atomic_load(&made), 0);
	/* A squashfs that is wanted later: once more, and not a third time. */
	assert_int_equal(payloads_new(&d, on_built, NULL, &p, &err), 0);
	payloads_want_diskless(p, "a/b"); /* not known yet */
	payloads_anchors(p, &pki);
	assert_null(payloads_get(p, "a/b"));
	while (atomic_load(&made) < 1)
		clock_sleep_ns(NS_PER_MS);
	payloads_want_diskless(p, "a/b");
	while (atomic_load(&made) < 2)
		clock_sleep_ns(NS_PER_MS);
	payloads_want_diskless(p, "a/b");
	assert_true(payloads_stop(p));
	assert_int_equal(atomic_load(&made), 2);
	/* One that has nothing to do is waited for. */
	assert_int_equal(payloads_new(&d, on_built, NULL, &p, &err), 0);
	assert_true(payloads_stop(p));
	assert_true(payloads_stop(NULL));
	state_close(d.state);
	pki_paths_free(&pki);
	free(d.paths.store_dir);
	free(d.paths.tftp_dir);
	assert_int_equal(fs_remove_tree(dir, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_stop_while_one_is_made) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
