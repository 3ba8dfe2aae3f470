/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole disk plan on a real block device: a loop device over a file that this test made, given to raidsetup by name. Needs
 * root. */
#include "base/mem.h"
#include "raidsetup/apply.h"
#include "raidsetup/disk.h"
#include "raidsetup/probe.h"
#include "raidsetup/signatures.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)
#define SIZE (1024 * MIB)

struct rig {
	char *dir, *name, *node;
	int control, file, loop;
	struct str_list loops;
	struct raid_env env;
	struct raid_ctx *ctx;
};

/* Another process may take the number between the question and the answer. */
static int attach(struct rig *r)
{
	for (int tries = 0; tries < 20; tries++) {
		struct loop_config config = { .fd = (uint32_t)r->file,
					      .info = { .lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_PARTSCAN } };
		int n = ioctl(r->control, LOOP_CTL_GET_FREE);

		if (n < 0)
			return -1;
		free(r->name);
		free(r->node);
		r->name = str_format("loop%d", n);
		r->node = str_format("/dev/%s", r->name);
		r->loop = open(r->node, O_RDWR | O_CLOEXEC);
		if (r->loop >= 0 && ioctl(r->loop, LOOP_CONFIGURE, &config) == 0)
			return 0;
		if (r->loop >= 0)
			close(r->loop);
		r->loop = -1;
	}
	return -1;
}

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct rig *r = mem_zalloc(sizeof(*r));
	autofree char *path = NULL, *target = NULL;

	*state = r;
	r->dir = str_format("%s/orthrus-loop.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(r->dir));
	path = fs_join(r->dir, "disk");
	target = fs_join(r->dir, "target");
	r->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(r->file >= 0);
	assert_int_equal(ftruncate(r->file, (off_t)SIZE), 0);
	r->control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	assert_int_equal(attach(r), 0);
	str_list_add(&r->loops, r->name);
	r->env = raid_env_host;
	r->env.loops = &r->loops;
	r->ctx = raid_ctx_new_in(target, &r->env);
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;
	struct err err = { 0 };

	raid_ctx_free(r->ctx);
	ioctl(r->loop, LOOP_CLR_FD, 0);
	close(r->loop);
	close(r->file);
	close(r->control);
	str_list_free(&r->loops);
	assert_int_equal(fs_remove_tree(r->dir, &err), 0);
	free(r->dir);
	free(r->name);
	free(r->node);
	free(r);
	return 0;
}

static const char layout_text[] = "{\"name\":\"single\",\"disks\":{\"want\":1},\"parts\":[{\"id\":\"bios\",\"size\":\"1M\"},"
				  "{\"id\":\"esp\",\"size\":\"64M\"},{\"id\":\"home\",\"size\":\"400M\",\"use\":\"plain\"},"
				  "{\"id\":\"swap\",\"size\":\"64M\"},{\"id\":\"root\",\"size\":\"rest\"}],"
				  "\"fs\":[{\"on\":\"root\",\"type\":\"ext4\",\"mount\":\"/\",\"label\":\"root\"},"
				  "{\"on\":\"home\",\"type\":\"xfs\",\"mount\":\"/home\"},"
				  "{\"on\":\"esp\",\"type\":\"vfat\",\"mount\":\"/boot/efi\"},"
				  "{\"on\":\"swap\",\"type\":\"swap\"}],\"boot\":{\"bios\":true,\"uefi\":true}}";

static void read_layout(struct layout *out)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;
	struct err err = { 0 };

	if (json_parse(layout_text, strlen(layout_text), &doc, &err) < 0 || json_root_obj(&doc, &o, &err) < 0 ||
	    layout_read(&o, out, &err) < 0)
		fail_msg("%s", err.text);
}

/* Only the rig's own disk: the machine's are none of this test's business. */
static void probe_own(const struct rig *r, struct disks *out)
{
	autoclean(disks_free) struct disks all = { 0 };
	struct err err = { 0 };

	assert_int_equal(probe_disks(&r->env, true, &all, &err), 0);
	*out = (struct disks){ 0 };
	for (size_t i = 0; i < all.len; i++) {
		if (!str_eq(all.items[i].name, r->name))
			continue;
		out->items = mem_dup(&all.items[i], sizeof(all.items[i]));
		out->len = 1;
		all.items[i] = (struct disk){ 0 };
	}
	assert_int_equal(out->len, 1);
}

static void make_plan(const struct rig *r, struct plan *plan, struct raid_result *result)
{
	static const uint8_t seed[RAID_SEED_LEN] = { 7 };
	autoclean(layout_free) struct layout layout = { 0 };
	autoclean(disks_free) struct disks disks = { 0 };
	struct err err = { 0 };

	read_layout(&layout);
	probe_own(r, &disks);
	if (raid_plan(&layout, &disks, seed, plan, result, &err) < 0)
		fail_msg("%s", err.text);
}

static void perform(struct rig *r, const struct plan *plan, int last_type)
{
	for (size_t i = 0; i < plan->len && plan->steps[i].type <= last_type; i++) {
		struct err err = { 0 };

		if (raid_perform(r->ctx, &plan->steps[i], &err) < 0)
			fail_msg("%s: %s", plan->steps[i].text, err.text);
	}
}

static void scribble(const struct rig *r, uint64_t at, const void *data, size_t len)
{
	struct err err = { 0 };

	assert_int_equal(fs_pwrite_all(r->loop, r->node, data, len, at, &err), 0);
	assert_int_equal(fsync(r->loop), 0);
}

static void check_formatted(const struct rig *r, const struct raid_result *result)
{
	for (size_t i = 0; i < result->n_fs; i++) {
		autofree char *node = NULL;
		struct err err = { 0 };

		if (fs_find(&r->env, &result->members, result->fs[i].type, result->fs[i].uuid, &node, &err) < 0)
			fail_msg("%s", err.text);
	}
}

static void test_from_old_to_new(void **state)
{
	struct rig *r = *state;
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	uint8_t sector[512] = { 0xeb, 0x63, 0x90 }, back[512];

	/* An old system: boot code, a LUKS where the root will be. */
	sector[510] = 0x55;
	sector[511] = 0xaa;
	scribble(r, 0, sector, sizeof(sector));
	scribble(r, 4 * MIB, "LUKS\xba\xbe\0\2", 8);
	make_plan(r, &plan, &result);
	perform(r, &plan, RAID_WIPE);
	assert_int_equal(pread(r->file, back, sizeof(back), 0), sizeof(back));
	for (size_t i = 0; i < sizeof(back); i++)
		assert_int_equal(back[i], 0);
	perform(r, &plan, RAID_FORMAT);
	check_formatted(r, &result);
	/* And over itself: a second try of the same order. */
	perform(r, &plan, RAID_FORMAT);
	check_formatted(r, &result);
}

static void test_wipes_partitions_of_before(void **state)
{
	struct rig *r = *state;
	autoclean(plan_free) struct plan plan = { 0 }, again = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 }, result2 = { 0 };
	autoclean(disks_free) struct disks before = { 0 }, after = { 0 };
	autoclean(sys_parts_free) struct sys_parts parts = { 0 };

	make_plan(r, &plan, &result);
	perform(r, &plan, RAID_FORMAT);
	probe_own(r, &before);
	assert_true(str_list_has(&before.items[0].found, "GPT"));
	assert_true(str_list_has(&before.items[0].found, "ext4 'root'"));
	assert_true(str_list_has(&before.items[0].found, "swap space"));
	make_plan(r, &again, &result2);
	assert_non_null(strstr(again.steps[1].text, "ext4 'root'"));
	perform(r, &again, RAID_WIPE);
	probe_own(r, &after);
	assert_int_equal(after.items[0].found.len, 0);
	sys_parts_read(&r->env, r->name, &parts);
	assert_int_equal(parts.len, 0);
}

static void test_mounted_is_refused(void **state)
{
	struct rig *r = *state;
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	autoclean(disks_free) struct disks disks = { 0 };
	autofree char *inside = fs_join(r->ctx->mount_root, "home"), *other = fs_join(r->dir, "other");
	struct err err = { 0 };
	struct stat outer, inner;

	make_plan(r, &plan, &result);
	perform(r, &plan, RAID_FORMAT);
	if (raid_mount(r->ctx, &result, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(stat(r->ctx->mount_root, &outer), 0);
	assert_int_equal(stat(inside, &inner), 0);
	assert_int_not_equal(outer.st_dev, inner.st_dev);
	probe_own(r, &disks);
	assert_non_null(strstr(disks.items[0].in_use, "mounted at"));
	assert_int_equal(raid_perform(r->ctx, &plan.steps[0], &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_non_null(strstr(err.text, "in use now"));
	assert_int_equal(raid_unmount(r->ctx, &result, &err), 0);
	assert_int_equal(raid_unmount(r->ctx, &result, &err), 0);
	assert_false(fs_exists(inside));
	/* Nothing was harmed by the refused wipe. */
	check_formatted(r, &result);
	assert_int_equal(raid_mount(r->ctx, &result, &err), 0);
	assert_int_equal(raid_unmount(r->ctx, &result, &err), 0);
}

/* What an image has below /boot/efi must not come to the partition that UEFI starts from; nor may a link there lead out. */
static void test_esp_is_not_mounted_with_the_others(void **state)
{
	struct rig *r = *state;
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	autofree char *boot = fs_join(r->ctx->mount_root, "boot"), *efi = fs_join(boot, "efi");
	struct err err = { 0 };
	struct stat outer, inner;

	make_plan(r, &plan, &result);
	perform(r, &plan, RAID_FORMAT);
	assert_string_equal(raid_esp(&result)->mount, "/boot/efi");
	if (raid_mount(r->ctx, &result, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(stat(boot, &outer), 0);
	assert_int_equal(stat(efi, &inner), 0);
	assert_true(S_ISDIR(inner.st_mode));
	assert_int_equal(outer.st_dev, inner.st_dev);
	/* A kernel without FAT says ENODEV; nothing else is an excuse. */
	if (raid_mount_esp(r->ctx, &result, &err) == 0) {
		assert_int_equal(stat(efi, &inner), 0);
		assert_int_not_equal(outer.st_dev, inner.st_dev);
		assert_int_equal(umount2(efi, 0), 0);
	} else if (!strstr(err.text, strerror(ENODEV))) {
		fail_msg("%s", err.text);
	}
	assert_int_equal(rmdir(efi), 0);
	assert_int_equal(symlink("../home", efi), 0);
	assert_int_equal(raid_mount_esp(r->ctx, &result, &err), -1);
	assert_null(strstr(err.text, strerror(ENODEV)));
	assert_int_equal(raid_unmount(r->ctx, &result, &err), 0);
}

static void test_claimed_is_refused(void **state)
{
	struct rig *r = *state;
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	autoclose int claim = -1;
	struct err err = { 0 };

	make_plan(r, &plan, &result);
	claim = open(r->node, O_RDONLY | O_EXCL | O_CLOEXEC);
	assert_true(claim >= 0);
	assert_int_equal(raid_perform(r->ctx, &plan.steps[0], &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	close(steal_fd(claim));
	assert_int_equal(raid_perform(r->ctx, &plan.steps[0], &err), 0);
}

/* What somebody grew or swapped since the plan was made is not wiped. */
static void test_changed_is_refused(void **state)
{
	struct rig *r = *state;
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	struct err err = { 0 };
	uint8_t mark = 0x42, back = 0;

	make_plan(r, &plan, &result);
	scribble(r, 100, &mark, 1);
	assert_int_equal(ftruncate(r->file, (off_t)(SIZE + MIB)), 0);
	assert_int_equal(ioctl(r->loop, LOOP_SET_CAPACITY, 0), 0);
	assert_int_equal(raid_perform(r->ctx, &plan.steps[0], &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_non_null(strstr(err.text, "bytes in sectors of"));
	assert_int_equal(pread(r->file, &back, 1, 100), 1);
	assert_int_equal(back, mark);
}

/* A boot loader on a disk in use is overwritten; a member that is gone is told, and the others are done all the same. */
static void test_unboot(void **state)
{
	struct rig *r = *state;
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	autoclose int claim = -1;
	char grub[440], before[4096], back[4096];
	char *own;
	struct err err = { 0 };

	make_plan(r, &plan, &result);
	perform(r, &plan, RAID_FORMAT);
	assert_int_equal(pread(r->file, before, sizeof(before), 0), sizeof(before));
	memset(grub, 0xeb, sizeof(grub));
	claim = open(r->node, O_RDONLY | O_EXCL | O_CLOEXEC);
	assert_true(claim >= 0);
	for (int gone = 0; gone < 2; gone++) {
		scribble(r, 0, grub, sizeof(grub));
		assert_int_equal(raid_unboot(r->ctx, &result, &err), gone ? -1 : 0);
		assert_int_equal(pread(r->file, back, sizeof(back), 0), sizeof(back));
		assert_memory_equal(back, before, sizeof(back));
		if (gone)
			break;
		/* The next round: one that is gone before it, an empty slot behind it. */
		own = mem_strdup(result.members.items[0]);
		str_list_free(&result.members);
		str_list_add(&result.members, "serial gone");
		str_list_add(&result.members, own);
		str_list_add(&result.members, "missing");
		free(own);
	}
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	assert_non_null(strstr(err.text, "serial gone"));
}

/* Loop devices are never disks unless a test says so. */
static void test_loops_are_no_disks(void **state)
{
	struct rig *r = *state;
	autoclean(disks_free) struct disks all = { 0 };
	struct err err = { 0 };

	assert_int_equal(raid_probe(&all, &err), 0);
	for (size_t i = 0; i < all.len; i++)
		assert_string_not_equal(all.items[i].name, r->name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_from_old_to_new, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wipes_partitions_of_before, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mounted_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_esp_is_not_mounted_with_the_others, setup, teardown),
		cmocka_unit_test_setup_teardown(test_claimed_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changed_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unboot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_loops_are_no_disks, setup, teardown),
	};
	autoclose int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	/* Mounts in a namespace of our own: whatever happens, none stays behind. */
	if (geteuid() != 0 || control < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		puts("needs root and loop devices");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
