/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A node that shows another ssh host key again and again: what it had is revoked, and it gets no further when it has shown too
 * many; the lists of all do not grow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base64.h"
#include "daemon/ssh_trust.h"
#include "sys/keys.h"
#include "sys/pki_ssh.h"

#include "state_help.h"

#define MORE 20
#define GONE_MAX 64 /* ssh_trust.c says so to administrators: four weeks' worth */
#define PASSING_MAX 512

static int start(void **state)
{
	struct daemon *d = mem_zalloc(sizeof(*d));
	struct state_opts opts = { .id = 1, .address = "127.0.0.1:1" };
	struct err err = { 0 };

	if (memory_dir_setup(state) < 0)
		return -1;
	d->paths.root = *state;
	d->paths.state_dir = fs_join(*state, "raft");
	d->paths.pki_dir = fs_join(*state, "pki");
	d->paths.ssh_dir = fs_join(*state, "ssh");
	opts.dir = d->paths.state_dir;
	pthread_mutex_init(&d->change_lock, NULL);
	assert_int_equal(mkdir(d->paths.pki_dir, 0700), 0);
	assert_int_equal(mkdir(d->paths.ssh_dir, 0755), 0);
	assert_int_equal(pki_ssh_ensure(d->paths.pki_dir, &err), 0);
	assert_int_equal(state_open(&opts, &d->state, &err), 0);
	assert_int_equal(event_start(d, &err), 0);
	*state = d;
	return 0;
}

static int end(void **state)
{
	struct daemon *d = *state;

	state_close(d->state);
	free(d->paths.state_dir);
	free(d->paths.pki_dir);
	free(d->paths.ssh_dir);
	pthread_mutex_destroy(&d->change_lock);
	*state = d->paths.root;
	free(d);
	return dir_teardown(state);
}

/* Some key of that type (RFC 8709): its other half is nobody's. */
static void some_key(char out[SSH_KEY_LEN])
{
	uint8_t blob[51] = "\0\0\0\x0bssh-ed25519\0\0\0\x20";
	autoclean(buf_free) struct buf text = { 0 };
	struct err err = { 0 };

	random_bytes(blob + 19, 32);
	buf_adds(&text, "ssh-ed25519 ");
	base64_put(&text, blob, sizeof(blob));
	assert_int_equal(ssh_key_read(buf_str(&text), text.len, out, &err), 0);
}

static int shows(struct daemon *d, const char *key, bool passing, struct err *err)
{
	autoclean(change_end) struct change c = { 0 };
	bool changed;

	*err = (struct err){ 0 };
	change_begin(&c, d);
	if ((passing ? ssh_passing_key(&c, "n01", key, &changed, err) : ssh_host_key(&c, "n01", key, &changed, err)) < 0)
		return -1;
	return changed ? change_commit(&c, err) : 0;
}

static size_t known(struct daemon *d)
{
	size_t bytes;

	return state_usage(d->state, "sshkey/", &bytes);
}

static void test_another_host_key_each_time(void **state)
{
	char first[SSH_KEY_LEN], key[SSH_KEY_LEN], last[SSH_KEY_LEN] = "";
	uint64_t revision;
	struct err err = { 0 };

	some_key(first);
	assert_int_equal(shows(*state, first, false, &err), 0);
	for (size_t i = 0; i < GONE_MAX; i++) {
		some_key(last);
		assert_int_equal(shows(*state, last, false, &err), 0);
	}
	assert_int_equal(known(*state), GONE_MAX + 1);
	revision = state_revision(((struct daemon *)*state)->state);
	for (size_t i = 0; i < MORE; i++) {
		some_key(key);
		assert_int_equal(shows(*state, key, false, &err), -1);
		assert_int_equal(err.kind, ERR_REFUSED);
		assert_non_null(strstr(err.text, "ssh host keys within four weeks"));
		assert_int_equal(shows(*state, first, false, &err), -1);
		assert_non_null(strstr(err.text, "was revoked"));
		/* The one that it had is good for ever, and costs no write. */
		assert_int_equal(shows(*state, last, false, &err), 0);
	}
	assert_int_equal(known(*state), GONE_MAX + 1);
	assert_int_equal(state_revision(((struct daemon *)*state)->state), revision);
}

static void test_another_passing_key_each_time(void **state)
{
	char key[SSH_KEY_LEN], last[SSH_KEY_LEN];
	uint64_t revision;
	struct err err = { 0 };

	for (size_t i = 0; i < PASSING_MAX; i++) {
		some_key(last);
		assert_int_equal(shows(*state, last, true, &err), 0);
	}
	revision = state_revision(((struct daemon *)*state)->state);
	for (size_t i = 0; i < MORE; i++) {
		some_key(key);
		assert_int_equal(shows(*state, key, true, &err), -1);
		assert_int_equal(err.kind, ERR_REFUSED);
		assert_non_null(strstr(err.text, "passing ssh host keys"));
		assert_int_equal(shows(*state, last, true, &err), 0);
	}
	assert_int_equal(known(*state), PASSING_MAX);
	assert_int_equal(state_revision(((struct daemon *)*state)->state), revision);
}

/* As after a pause of months: more keys have ended than one change of the state may drop. */
static void put_ended(struct daemon *d, size_t first, size_t n)
{
	autoclean(change_end) struct change c = { 0 };
	struct err err = { 0 };

	change_begin(&c, d);
	for (size_t i = 0; i < n; i++) {
		autoclean(buf_free) struct buf json = { 0 };
		autofree char *name = str_format("%064zx", first + i);

		buf_adds(&json, "{\"node\":\"n02\",\"key\":\"k\",\"gone\":false,\"until\":1}");
		change_put(&c, "sshkey", name, &json);
	}
	assert_int_equal(change_commit(&c, &err), 0);
}

static void test_many_that_have_ended(void **state)
{
	autoclean(str_list_free) struct str_list nodes = { 0 };
	autoclean(change_end) struct change c = { 0 };
	size_t counts[1] = { 0 }, before;
	char key[SSH_KEY_LEN];
	struct err err = { 0 };

	for (size_t i = 0; i < 2; i++)
		put_ended(*state, i * 4000, 4000);
	before = known(*state);
	for (int i = 0; i < 3; i++) {
		some_key(key);
		assert_int_equal(shows(*state, key, true, &err), 0);
		assert_true(known(*state) < before);
		before = known(*state);
	}
	/* A removal drops some as well. */
	str_list_add(&nodes, "n01");
	assert_int_equal(ssh_count(*state, &nodes, counts, &err), 0);
	assert_int_equal(counts[0], 3);
	change_begin(&c, *state);
	assert_int_equal(ssh_forget(&c, &nodes, &err), 0);
	assert_int_equal(change_commit(&c, &err), 0);
	assert_true(known(*state) < before);
	change_release(&c);
	counts[0] = 0;
	assert_int_equal(ssh_count(*state, &nodes, counts, &err), 0);
	assert_int_equal(counts[0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_another_host_key_each_time, start, end),
		cmocka_unit_test_setup_teardown(test_another_passing_key_each_time, start, end),
		cmocka_unit_test_setup_teardown(test_many_that_have_ended, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
