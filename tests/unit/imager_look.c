/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks are looked at for an identity, and not one bit of them changes: with a journal that was not played back, and with a file
 * system whose faults the kernel would note in it. On loop devices. Needs root. */
#include "base/digest.h"
#include "imaging/imager/identity.h"
#include "imaging/imager/identity_disk.h"
#include "tests/unit/loopdisk.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define MIB (UINT64_C(1) << 20)
/* mkfs.xfs wants 300 MiB. */
#define SIZE(type) ((str_eq(type, "xfs") ? 320 : 32) * MIB)
#define CLUSTER "0123456789abcdef0123456789abcdef"
#define MAC "52:54:00:77:00:01"

struct bench {
	char *dir, *tree, *mnt, *run;
	struct node_keys keys;
	struct str_list macs;
};

/* The one device that is looked at: what this machine has besides is not the test's. */
static const char *device;

static int one_device(struct str_list *out, struct err *err)
{
	(void)err;
	str_list_add(out, device);
	return 0;
}

static int no_arrays(struct str_list *started, struct err *err)
{
	(void)started;
	(void)err;
	return 0;
}

static void put(const char *root, const char *path, const char *text, mode_t mode)
{
	autofree char *full = fs_join(root, path);
	struct err err = { 0 };

	if (fs_write_atomic(full, text, strlen(text), mode, &err) < 0)
		fail_msg("%s", err.text);
}

static int begin(void **state)
{
	struct bench *b = mem_zalloc(sizeof(*b));
	autofree char *dir = NULL;
	char seal[NODE_SEAL_TEXT_LEN];
	struct err err = { 0 };

	b->dir = mem_strdup("/tmp/orthrus-look.XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->tree = fs_join(b->dir, "tree");
	b->mnt = fs_join(b->dir, "mnt");
	b->run = fs_join(b->dir, "run");
	dir = fs_join(b->tree, "etc/orthrus");
	assert_int_equal(fs_mkdirs(dir, 0755, &err), 0);
	assert_int_equal(fs_mkdirs(b->mnt, 0755, &err), 0);
	assert_int_equal(node_keys_make(&b->keys, &err), 0);
	node_keys_seal_text(&b->keys, seal);
	put(dir, "node.key", buf_str(&b->keys.tls_pem), 0600);
	put(dir, "node.seal", seal, 0600);
	put(dir, "node.json", "{\"cluster_id\":\"" CLUSTER "\",\"mac\":\"" MAC "\"}", 0644);
	str_list_add(&b->macs, MAC);
	*state = b;
	return 0;
}

static int end(void **state)
{
	struct bench *b = *state;
	struct err err = { 0 };
	int rc = fs_remove_tree(b->dir, &err);

	node_keys_clear(&b->keys);
	str_list_free(&b->macs);
	free(b->dir);
	free(b->tree);
	free(b->mnt);
	free(b->run);
	free(b);
	return rc;
}

static void write_more(const struct bench *b, const char *type, const struct loopdisk *d, const char *name)
{
	autofree char *file = fs_join(b->mnt, name);

	assert_int_equal(mount(d->node, b->mnt, type, 0, NULL), 0);
	RUN("cp", "-rT", b->tree, b->mnt);
	RUN("touch", file);
	RUN("sync", "-f", b->mnt);
}

/* As it is after a power cut: a file system that holds the keys, and a journal with more in it. */
static void crash(const struct bench *b, const char *type, const char *name)
{
	autofree char *from = fs_join(b->dir, "whole"), *to = fs_join(b->dir, name);
	struct loopdisk d;

	loopdisk_make(&d, b->dir, "whole", SIZE(type), 512, 0);
	if (str_eq(type, "ext4"))
		RUN("mkfs.ext4", "-q", d.node);
	else
		RUN("mkfs.xfs", "-q", "-f", d.node);
	write_more(b, type, &d, "before");
	assert_int_equal(umount(b->mnt), 0);
	write_more(b, type, &d, "after");
	RUN("cp", "--sparse=always", from, to);
	assert_int_equal(umount(b->mnt), 0);
	loopdisk_end(&d);
	RUN("rm", from);
}

static void digest_file(const struct bench *b, const char *name, char hex[DIGEST_HEX_LEN])
{
	autofree char *path = fs_join(b->dir, name);
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	autofree char *chunk = malloc(MIB);
	struct digest_ctx *ctx = digest_new();
	struct digest d;
	ssize_t n;

	assert_true(fd >= 0 && fsync(fd) == 0);
	while ((n = read(fd, chunk, MIB)) > 0)
		digest_add(ctx, chunk, (size_t)n);
	assert_int_equal(n, 0);
	digest_end(ctx, &d);
	digest_hex(&d, hex);
}

/* How many identities there are in that file; it is the same afterwards, and can be written again. */
static int look(const struct bench *b, const char *name, struct node_keys *out)
{
	struct look_ops ops = look_ops;
	const struct look l = { .ops = &ops, .where = b->run, .cluster_id = CLUSTER, .macs = &b->macs };
	char before[DIGEST_HEX_LEN], after[DIGEST_HEX_LEN];
	struct loopdisk d;
	struct err err = { 0 };
	bool was = true;
	int rc;

	ops.devices = one_device;
	ops.start_arrays = no_arrays;
	digest_file(b, name, before);
	loopdisk_make(&d, b->dir, name, SIZE(name), 512, 0);
	device = d.node;
	rc = identity_on_disks(&l, out, &err);
	assert_int_equal(look_ops.set_read_only(d.node, false, &was, &err), 0);
	assert_false(was);
	assert_int_equal(fsync(d.loop), 0);
	loopdisk_end(&d);
	digest_file(b, name, after);
	assert_string_equal(before, after);
	return rc;
}

static void a_crashed_system_is_read_and_left_as_it_is(void **state)
{
	struct bench *b = *state;
	static const char *const types[] = { "ext4", "xfs" };

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		autoclean(node_keys_clear) struct node_keys got = { 0 };

		crash(b, types[i], types[i]);
		assert_int_equal(look(b, types[i], &got), 1);
		assert_string_equal(buf_str(&got.tls_pem), buf_str(&b->keys.tls_pem));
	}
}

/* ext4 notes an error that it meets, with the time, in the superblock: even when it is mounted read-only. */
static void a_broken_file_system_is_left_as_it_is(void **state)
{
	struct bench *b = *state;
	autoclean(node_keys_clear) struct node_keys got = { 0 };
	autofree char *path = fs_join(b->dir, "broken");

	crash(b, "ext4", "broken");
	RUN("debugfs", "-w", "-R", "clri /etc", path);
	assert_int_equal(look(b, "broken", &got), 0);
	assert_null(got.tls_pem.data);
}

static void what_is_no_file_system_is_passed_over(void **state)
{
	struct bench *b = *state;
	autoclean(node_keys_clear) struct node_keys got = { 0 };
	autofree char *path = fs_join(b->dir, "swap");

	RUN("truncate", "-s", "32M", path);
	assert_int_equal(look(b, "swap", &got), 0);
	RUN("mkswap", path);
	assert_int_equal(look(b, "swap", &got), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_crashed_system_is_read_and_left_as_it_is, begin, end),
		cmocka_unit_test_setup_teardown(a_broken_file_system_is_left_as_it_is, begin, end),
		cmocka_unit_test_setup_teardown(what_is_no_file_system_is_passed_over, begin, end),
	};

	if (geteuid() != 0 || !fs_exists("/dev/loop-control")) {
		puts("SKIP: needs root and loop devices");
		return 77;
	}
	/* What a failed test leaves mounted goes with this process. */
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		perror("a mount namespace");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
