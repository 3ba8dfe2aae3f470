/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A power cut in the middle of a wipe: whatever was started from one of the disks before must be unbootable, for good and on all
 * disks, before the first byte of anything else is written. Writes and syncs are recorded on their way to loop devices: this
 * program's own pwrite, write and fsync stand before those of the C library, also for libblkid. Needs root. */
#include "raidsetup/apply.h"
#include "raidsetup/disk.h"
#include "raidsetup/probe.h"
#include "tests/unit/loopdisk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define MIB (UINT64_C(1) << 20)
#define SIZE (256 * MIB)
#define N_DISKS 3
#define BOOT_CODE 440

/* A sector by which a disk starts. `gone`: overwritten; `durable`: and on the disk. */
struct loader {
	unsigned int disk;
	uint64_t at, len;
	bool gone, durable;
};

static struct {
	dev_t devs[N_DISKS]; /* the loop devices; 0: not recorded */
	struct loader loaders[16];
	size_t n_loaders;
	size_t others; /* writes that were not to a loader */
	bool broken;   /* one of those came while a disk could still start */
	char words[200];
} seen;

static int disk_of(int fd)
{
	struct stat st;

	for (int i = 0; fstat(fd, &st) == 0 && S_ISBLK(st.st_mode) && i < N_DISKS; i++)
		if (seen.devs[i] == st.st_rdev)
			return i;
	return -1;
}

static void complain(unsigned int disk, uint64_t at, size_t len, const struct loader *l)
{
	if (seen.broken)
		return;
	seen.broken = true;
	snprintf(seen.words, sizeof(seen.words), "%zu bytes at %llu of disk %u while disk %u can start by what lies at %llu", len,
		 (unsigned long long)at, disk, l->disk, (unsigned long long)l->at);
}

static void on_write(int fd, uint64_t at, size_t len)
{
	int disk = disk_of(fd);

	if (disk < 0)
		return;
	for (size_t i = 0; i < seen.n_loaders; i++) {
		struct loader *l = &seen.loaders[i];

		/* Nothing of a loader's neighbours: they are the old system's. */
		if (l->disk != (unsigned int)disk || at != l->at || len != l->len)
			continue;
		l->gone = true;
		return;
	}
	seen.others++;
	for (size_t i = 0; i < seen.n_loaders; i++)
		if (!seen.loaders[i].durable)
			complain((unsigned int)disk, at, len, &seen.loaders[i]);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at);
ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	on_write(fd, (uint64_t)at, len);
	return syscall(SYS_pwrite64, fd, data, len, at);
}

ssize_t write(int fd, const void *data, size_t len)
{
	if (disk_of(fd) >= 0)
		on_write(fd, (uint64_t)lseek(fd, 0, SEEK_CUR), len);
	return syscall(SYS_write, fd, data, len);
}

int fsync(int fd)
{
	int disk = disk_of(fd), rc = (int)syscall(SYS_fsync, fd);

	for (size_t i = 0; rc == 0 && disk >= 0 && i < seen.n_loaders; i++)
		if (seen.loaders[i].disk == (unsigned int)disk)
			seen.loaders[i].durable = seen.loaders[i].gone;
	return rc;
}

struct rig {
	char *dir;
	struct loopdisk disks[N_DISKS];
	struct str_list loops;
	struct raid_env env;
	struct raid_ctx *ctx;
};

static void begin_sized(void **state, uint32_t sector_bytes)
{
	const char *tmp = getenv("TMPDIR");
	struct rig *r = mem_zalloc(sizeof(*r));
	autofree char *target = NULL;

	*state = r;
	memset(&seen, 0, sizeof(seen));
	r->dir = str_format("%s/orthrus-order.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(r->dir));
	for (int i = 0; i < N_DISKS; i++) {
		autofree char *file = str_format("disk%d", i);

		loopdisk_make(&r->disks[i], r->dir, file, SIZE, sector_bytes, 0);
		str_list_add(&r->loops, r->disks[i].name);
	}
	r->env = raid_env_host;
	r->env.loops = &r->loops;
	target = fs_join(r->dir, "target");
	r->ctx = raid_ctx_new_in(target, &r->env);
}

static int begin(void **state)
{
	begin_sized(state, 512);
	return 0;
}

static int begin_4k(void **state)
{
	begin_sized(state, 4096);
	return 0;
}

static int end(void **state)
{
	struct rig *r = *state;
	struct err err = { 0 };

	raid_ctx_free(r->ctx);
	for (int i = 0; i < N_DISKS; i++)
		loopdisk_end(&r->disks[i]);
	str_list_free(&r->loops);
	assert_int_equal(fs_remove_tree(r->dir, &err), 0);
	free(r->dir);
	free(r);
	return 0;
}

static void loader(unsigned int disk, uint64_t at, uint64_t len)
{
	seen.loaders[seen.n_loaders++] = (struct loader){ .disk = disk, .at = at, .len = len };
}

/* A FAT as mkfs makes it. */
static void fat(const struct rig *r, unsigned int disk, uint64_t at_mib)
{
	autofree char *path = fs_join(r->dir, "fat");
	autoclean(buf_free) struct buf data = { 0 };
	struct err err = { 0 };
	autoclose int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)(2 * MIB)), 0);
	RUN("mkfs.vfat", path);
	assert_int_equal(fs_read(path, 4 * MIB, &data, &err), 0);
	loopdisk_put(&r->disks[disk], at_mib * MIB, data.data, data.len);
}

static void boot_code(const struct rig *r, unsigned int disk)
{
	char grub[BOOT_CODE];

	memset(grub, 0xeb, sizeof(grub));
	loopdisk_put(&r->disks[disk], 0, grub, sizeof(grub));
	loader(disk, 0, BOOT_CODE);
}

/* parted's own words; it tells the kernel too, which may not read such tables itself. */
static void table(const struct rig *r, unsigned int disk, const char *words)
{
	autofree char *copy = mem_strdup(words);
	char *rest;
	autoclean(str_list_free) struct str_list argv = { 0 };

	str_list_add(&argv, "parted");
	str_list_add(&argv, "--script");
	str_list_add(&argv, r->disks[disk].node);
	for (char *at = copy, *word; (word = strtok_r(at, " ", &rest)); at = NULL)
		str_list_add(&argv, word);
	loopdisk_run((const char *const *)argv.items);
}

/* The node as it was: three disks, each started in its own way, all with a root whose every byte counts. */
static void old_node(const struct rig *r, uint64_t sector)
{
	/* The EFI system partition is the third, behind the root. */
	table(r, 0, "mklabel gpt mkpart b 1MiB 2MiB mkpart r 2MiB 102MiB mkpart e 110MiB 130MiB set 1 bios_grub on set 3 esp on");
	boot_code(r, 0);
	loader(0, MIB, sector);
	fat(r, 0, 110);
	loader(0, 110 * MIB, sector);
	/* Two of them, and a FAT that no table calls one: firmware takes a loader from it all the same. */
	table(r, 1,
	      "mklabel gpt mkpart e 1MiB 21MiB mkpart r 30MiB 130MiB mkpart f 140MiB 160MiB mkpart x 170MiB 190MiB set 1 esp on "
	      "set 3 esp on");
	boot_code(r, 1);
	fat(r, 1, 1);
	loader(1, MIB, sector);
	fat(r, 1, 140);
	loader(1, 140 * MIB, sector);
	fat(r, 1, 170);
	loader(1, 170 * MIB, sector);
	/* MS-DOS tables: type EF in the table itself and, where parted does not fall over it, on a logical partition. */
	table(r, 2, "mklabel msdos mkpart primary 1MiB 61MiB mkpart primary 70MiB 90MiB set 2 esp on");
	boot_code(r, 2);
	loader(2, 70 * MIB, sector);
	if (sector > 512)
		return;
	table(r, 2, "mkpart extended 100MiB 200MiB mkpart logical 101MiB 121MiB mkpart logical 130MiB 150MiB set 6 esp on");
	loader(2, 130 * MIB, sector);
}

static const char layout_text[] =
	"{\"name\":\"mirror\",\"disks\":{\"want\":3},\"parts\":[{\"id\":\"bios\",\"size\":\"1M\"},"
	"{\"id\":\"root\",\"size\":\"rest\"}],\"md\":[{\"name\":\"root\",\"level\":1,\"metadata\":\"1.2\","
	"\"on\":\"root\"}],\"fs\":[{\"on\":\"root\",\"type\":\"ext4\",\"mount\":\"/\"}],"
	"\"boot\":{\"bios\":true,\"uefi\":false}}";

/* Only the rig's own disks: the machine's are none of this test's business. */
static void make_plan(const struct rig *r, struct plan *plan, struct raid_result *result)
{
	static const uint8_t seed[RAID_SEED_LEN] = { 7 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(layout_free) struct layout layout = { 0 };
	autoclean(disks_free) struct disks disks = { 0 };
	struct json_obj o;
	struct err err = { 0 };

	assert_int_equal(json_parse(layout_text, strlen(layout_text), &doc, &err), 0);
	assert_int_equal(json_root_obj(&doc, &o, &err), 0);
	if (layout_read(&o, &layout, &err) < 0 || probe_disks(&r->env, true, &disks, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < disks.len; i++) {
		bool own = str_list_has(&r->loops, disks.items[i].name);

		free(disks.items[i].in_use);
		disks.items[i].in_use = own ? NULL : mem_strdup("not this test's");
	}
	if (raid_plan(&layout, &disks, seed, plan, result, &err) < 0)
		fail_msg("%s", err.text);
}

static void record(const struct rig *r)
{
	for (int i = 0; i < N_DISKS; i++) {
		struct stat st;

		assert_int_equal(stat(r->disks[i].node, &st), 0);
		seen.devs[i] = st.st_rdev;
	}
}

static const struct plan_step *first_of(const struct plan *plan, int type)
{
	for (size_t i = 0; i < plan->len; i++)
		if (plan->steps[i].type == type)
			return &plan->steps[i];
	fail_msg("no step of type %d", type);
	return NULL;
}

static void perform_all(const struct rig *r, const struct plan *plan)
{
	for (size_t i = 0; i < plan->len && plan->steps[i].type <= RAID_WIPE; i++) {
		struct err err = { 0 };

		if (raid_perform(r->ctx, &plan->steps[i], &err) < 0)
			fail_msg("%s: %s", plan->steps[i].text, err.text);
	}
}

static void check_node(void **state, uint64_t sector)
{
	struct rig *r = *state;
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };

	old_node(r, sector);
	make_plan(r, &plan, &result);
	record(r);
	perform_all(r, &plan);
	if (seen.broken)
		fail_msg("%s", seen.words);
	/* That it looked at all. */
	assert_true(seen.others > 10);
	for (size_t i = 0; i < seen.n_loaders; i++)
		assert_true(seen.loaders[i].durable);
}

static void test_nothing_starts_before_anything_goes(void **state)
{
	check_node(state, 512);
}

static void test_also_with_large_sectors(void **state)
{
	check_node(state, 4096);
}

/* The step itself writes to nothing but loaders, and the partition tables are still there. */
static void test_unboot_alone_keeps_the_rest(void **state)
{
	struct rig *r = *state;
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	struct err err = { 0 };
	char before[72], after[72];

	old_node(r, 512);
	make_plan(r, &plan, &result);
	assert_int_equal(pread(r->disks[2].loop, before, sizeof(before), BOOT_CODE), sizeof(before));
	record(r);
	assert_int_equal(raid_perform(r->ctx, first_of(&plan, RAID_UNBOOT), &err), 0);
	assert_int_equal(seen.others, 0);
	/* The signature by which MS-DOS partitions are named, and the table. */
	assert_int_equal(pread(r->disks[2].loop, after, sizeof(after), BOOT_CODE), sizeof(after));
	assert_memory_equal(before, after, sizeof(after));
}

/* A wipe without the step before it: each counts on no other, at least for its own disk. */
static void test_wipe_alone(void **state)
{
	struct rig *r = *state;
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	const struct plan_step *wipe;
	struct err err = { 0 };
	size_t n = 0;

	old_node(r, 512);
	make_plan(r, &plan, &result);
	wipe = first_of(&plan, RAID_WIPE);
	for (size_t i = 0; i < seen.n_loaders; i++) {
		autofree char *id = str_format("serial %s", r->disks[seen.loaders[i].disk].name);

		if (str_eq(id, ((const struct raid_wipe *)wipe->arg)->disk.id))
			seen.loaders[n++] = seen.loaders[i];
	}
	seen.n_loaders = n;
	assert_true(n >= 3);
	record(r);
	assert_int_equal(raid_perform(r->ctx, wipe, &err), 0);
	if (seen.broken)
		fail_msg("%s", seen.words);
}

/* One of the disks can't be had: none of them is touched. */
static void test_one_in_use_leaves_all_whole(void **state)
{
	struct rig *r = *state;
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	struct err err = { 0 };

	old_node(r, 512);
	make_plan(r, &plan, &result);
	record(r);
	for (int i = 0; i < N_DISKS; i++) {
		autoclose int claim = open(r->disks[i].node, O_RDONLY | O_EXCL | O_CLOEXEC);

		assert_true(claim >= 0);
		assert_int_equal(raid_perform(r->ctx, first_of(&plan, RAID_UNBOOT), &err), -1);
		assert_int_equal(err.kind, ERR_REFUSED);
	}
	assert_int_equal(seen.others, 0);
	for (size_t i = 0; i < seen.n_loaders; i++)
		assert_false(seen.loaders[i].gone);
}

/* A table from before the present one, at the disk's end, calls the root's first sector an EFI system partition. */
static void test_stale_table_does_not_hurt(void **state)
{
	struct rig *r = *state;
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	struct err err = { 0 };
	char tail[33 * 512], mark[512];

	table(r, 0, "mklabel gpt mkpart e 1MiB 101MiB set 1 esp on");
	assert_int_equal(pread(r->disks[0].loop, tail, sizeof(tail), (off_t)(SIZE - sizeof(tail))), sizeof(tail));
	table(r, 0, "mklabel msdos mkpart primary 1MiB 201MiB");
	loopdisk_put(&r->disks[0], SIZE - sizeof(tail), tail, sizeof(tail));
	memset(mark, 'x', sizeof(mark));
	loopdisk_put(&r->disks[0], MIB, mark, sizeof(mark));
	boot_code(r, 0);
	boot_code(r, 1);
	boot_code(r, 2);
	make_plan(r, &plan, &result);
	record(r);
	assert_int_equal(raid_perform(r->ctx, first_of(&plan, RAID_UNBOOT), &err), 0);
	assert_int_equal(seen.others, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing_starts_before_anything_goes, begin, end),
		cmocka_unit_test_setup_teardown(test_also_with_large_sectors, begin_4k, end),
		cmocka_unit_test_setup_teardown(test_unboot_alone_keeps_the_rest, begin, end),
		cmocka_unit_test_setup_teardown(test_wipe_alone, begin, end),
		cmocka_unit_test_setup_teardown(test_one_in_use_leaves_all_whole, begin, end),
		cmocka_unit_test_setup_teardown(test_stale_table_does_not_hurt, begin, end),
	};
	autoclose int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	if (geteuid() != 0 || control < 0) {
		puts("needs root and loop devices");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
