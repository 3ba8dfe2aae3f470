/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A failed installation does not boot: its boot loaders are taken back on the disks themselves, also when the arrays are stopped.
 * On loop devices. Needs root. */
#include "imaging/imager/install.h"
#include "raidsetup/apply.h"
#include "raidsetup/gpt.h"
#include "raidsetup/probe.h"
#include "tests/unit/loopdisk.h"

#include <stdio.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define SIZE (256 * MIB)
#define SECTOR 512
#define BIOS_AT MIB
#define ESP_AT (2 * MIB)
#define ROOT_AT (66 * MIB)

static const char layout_text[] =
	"{\"name\":\"single\",\"disks\":{\"want\":1},\"parts\":[{\"id\":\"bios\",\"size\":\"1M\"},"
	"{\"id\":\"esp\",\"size\":\"64M\"},{\"id\":\"root\",\"size\":\"rest\"}],"
	"\"fs\":[{\"on\":\"root\",\"type\":\"ext4\",\"mount\":\"/\"},"
	"{\"on\":\"esp\",\"type\":\"vfat\",\"mount\":\"/boot/efi\"}],\"boot\":{\"bios\":true,\"uefi\":true}}";

struct rig {
	char *dir, *target;
	struct loopdisk disk;
	struct str_list loops;
	struct raid_env env;
	struct raid_ctx *ctx;
	struct plan plan;
	struct raid_result result;
};

static void make_plan(struct rig *r)
{
	static const uint8_t seed[RAID_SEED_LEN] = { 9 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(layout_free) struct layout layout = { 0 };
	autoclean(disks_free) struct disks all = { 0 };
	struct disks own = { .len = 1 };
	struct json_obj o;
	struct err err = { 0 };

	if (json_parse(layout_text, strlen(layout_text), &doc, &err) < 0 || json_root_obj(&doc, &o, &err) < 0 ||
	    layout_read(&o, &layout, &err) < 0 || probe_disks(&r->env, true, &all, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < all.len; i++)
		if (str_eq(all.items[i].name, r->disk.name))
			own.items = &all.items[i];
	assert_non_null(own.items);
	if (raid_plan(&layout, &own, seed, &r->plan, &r->result, &err) < 0)
		fail_msg("%s", err.text);
}

/* Installed as far as the boot loaders: code in the MBR, GRUB in the BIOS boot partition, a FAT that UEFI would start from. */
static int begin(void **state)
{
	struct rig *r = mem_zalloc(sizeof(*r));
	const char *tmp = getenv("TMPDIR");
	char grub[440];

	*state = r;
	r->dir = str_format("%s/orthrus-undo.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(r->dir));
	r->target = fs_join(r->dir, "target");
	loopdisk_make(&r->disk, r->dir, "disk", SIZE, SECTOR, 0);
	str_list_add(&r->loops, r->disk.name);
	r->env = raid_env_host;
	r->env.loops = &r->loops;
	r->ctx = raid_ctx_new_in(r->target, &r->env);
	make_plan(r);
	for (size_t i = 0; i < r->plan.len; i++) {
		struct err err = { 0 };

		if (raid_perform(r->ctx, &r->plan.steps[i], &err) < 0)
			fail_msg("%s: %s", r->plan.steps[i].text, err.text);
	}
	memset(grub, 0xeb, sizeof(grub));
	loopdisk_put(&r->disk, 0, grub, sizeof(grub));
	loopdisk_put(&r->disk, BIOS_AT, grub, sizeof(grub));
	return 0;
}

static int end(void **state)
{
	struct rig *r = *state;
	struct err err = { 0 };

	plan_free(&r->plan);
	raid_result_free(&r->result);
	raid_ctx_free(r->ctx);
	loopdisk_end(&r->disk);
	str_list_free(&r->loops);
	assert_int_equal(fs_remove_tree(r->dir, &err), 0);
	free(r->dir);
	free(r->target);
	free(r);
	return 0;
}

/* "zeros", "grub" or "other": what the sector at `at` begins with. */
static const char *sector_is(const struct rig *r, uint64_t at)
{
	static const char zeros[SECTOR];
	char now[SECTOR], grub[440];

	memset(grub, 0xeb, sizeof(grub));
	/* What is on the disk: the file below, not a cache above it. */
	assert_int_equal(pread(r->disk.file, now, sizeof(now), (off_t)at), sizeof(now));
	return memcmp(now, zeros, sizeof(now)) == 0 ? "zeros" : memcmp(now, grub, sizeof(grub)) == 0 ? "grub" : "other";
}

static void expect_unbootable(const struct rig *r)
{
	assert_string_equal(sector_is(r, 0), "other"); /* the code that refuses */
	assert_string_equal(sector_is(r, BIOS_AT), "zeros");
	assert_string_equal(sector_is(r, ESP_AT), "zeros");
}

static void loaders_are_taken_back(void **state)
{
	struct rig *r = *state;
	struct err err = { 0 };
	char before[8 * SECTOR], after[8 * SECTOR];

	assert_string_equal(sector_is(r, 0), "grub");
	assert_string_equal(sector_is(r, ESP_AT), "other");
	assert_int_equal(pread(r->disk.file, before, sizeof(before), (off_t)ROOT_AT), sizeof(before));
	if (install_undo_boot(r->target, r->ctx, &r->result, &err) < 0)
		fail_msg("%s", err.text);
	expect_unbootable(r);
	assert_int_equal(pread(r->disk.file, after, sizeof(after), (off_t)ROOT_AT), sizeof(after));
	assert_memory_equal(before, after, sizeof(after));
}

/* The array of the EFI system partition is stopped, and nothing assembles it: no reason to leave its members bootable. */
static void no_array_is_needed(void **state)
{
	struct rig *r = *state;
	struct err err = { 0 };

	free(r->result.md);
	r->result.md = mem_array(1, sizeof(*r->result.md));
	r->result.n_md = 1;
	r->result.md[0].name = mem_strdup("esp");
	memcpy(r->result.md[0].uuid, "01234567:89abcdef:01234567:89abcdef", sizeof(r->result.md[0].uuid));
	for (size_t i = 0; i < r->result.n_fs; i++)
		if (str_eq(r->result.fs[i].type, "vfat"))
			r->result.fs[i].device_md = mem_strdup("esp");
	if (install_undo_boot(r->target, r->ctx, &r->result, &err) < 0)
		fail_msg("%s", err.text);
	expect_unbootable(r);
}

static void a_member_that_is_gone_is_told(void **state)
{
	struct rig *r = *state;
	autofree char *own = mem_strdup(r->result.members.items[0]);
	struct err err = { 0 };

	str_list_free(&r->result.members);
	str_list_add(&r->result.members, "serial gone");
	str_list_add(&r->result.members, own);
	assert_int_equal(install_undo_boot(r->target, r->ctx, &r->result, &err), -1);
	assert_non_null(strstr(err.text, "serial gone"));
	expect_unbootable(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(loaders_are_taken_back, begin, end),
		cmocka_unit_test_setup_teardown(no_array_is_needed, begin, end),
		cmocka_unit_test_setup_teardown(a_member_that_is_gone_is_told, begin, end),
	};
	autoclose int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	if (geteuid() != 0 || control < 0) {
		puts("needs root and loop devices");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
