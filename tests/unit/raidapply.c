/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The performing half of raidsetup as far as it goes without disks: tables and signatures in files, a made-up sysfs, argument
 * lists. */
#include "base/mem.h"
#include "raidsetup/apply.h"
#include "raidsetup/disktest.h"
#include "raidsetup/gpt.h"
#include "raidsetup/signatures.h"
#include "sys/fs.h"
#include "sys/spawn.h"

#include <blkid/blkid.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)

static char *scratch(void)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = str_format("%s/orthrus-raid.XXXXXX", tmp ? tmp : "/tmp");

	assert_non_null(mkdtemp(dir));
	return dir;
}

static void scratch_end(char *dir)
{
	struct err err = { 0 };

	assert_int_equal(fs_remove_tree(dir, &err), 0);
	free(dir);
}

static int image(const char *dir, uint64_t size_bytes)
{
	autofree char *path = fs_join(dir, "disk");
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size_bytes), 0);
	return fd;
}

static void put(int fd, uint64_t at, const void *data, size_t len)
{
	struct err err = { 0 };

	assert_int_equal(fs_pwrite_all(fd, "image", data, len, at, &err), 0);
}

/* What is found in the whole image, joined by ", ". */
static char *found(int fd, uint64_t first, uint64_t size)
{
	autoclean(str_list_free) struct str_list list = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	struct err err = { 0 };

	assert_int_equal(signatures_find(fd, first, size, &list, &err), 0);
	for (size_t i = 0; i < list.len; i++)
		buf_addf(&text, "%s%s", i ? ", " : "", list.items[i]);
	return buf_steal(&text);
}

static struct gpt_part part(char *name, const char *type, const char *guid, uint64_t first, uint64_t size)
{
	struct gpt_part p = { .name = name, .type_guid = type, .first_byte = first, .size_bytes = size };

	memcpy(p.guid, guid, strlen(guid) + 1);
	return p;
}

static char bios_name[] = "bios", sys_name[] = "sys", label[] = "a disk";

static void make_table(struct raid_partition *t, struct gpt_part parts[2], uint64_t size, uint64_t sector)
{
	parts[0] = part(bios_name, GPT_TYPE_BIOS, "11111111-2222-8333-8444-555555555555", MIB, MIB);
	parts[1] = part(sys_name, GPT_TYPE_RAID, "aaaaaaaa-bbbb-8ccc-8ddd-eeeeeeeeeeee", 2 * MIB, 60 * MIB);
	*t = (struct raid_partition){ .disk = { .label = label, .size_bytes = size, .sector_bytes = sector },
				      .guid = "01234567-89ab-8def-8123-456789abcdef",
				      .parts = parts,
				      .n_parts = 2 };
}

static void check_partition(blkid_partlist list, int i, const struct gpt_part *want)
{
	blkid_partition p = blkid_partlist_get_partition(list, i);

	assert_int_equal(blkid_partition_get_start(p) * 512, want->first_byte);
	assert_int_equal(blkid_partition_get_size(p) * 512, want->size_bytes);
	assert_string_equal(blkid_partition_get_uuid(p), want->guid);
	assert_string_equal(blkid_partition_get_name(p), want->name);
	assert_string_equal(blkid_partition_get_type_string(p), want->type_guid);
	assert_int_equal(blkid_partition_get_flags(p), 0);
}

/* libblkid checks both checksums of a header before it believes it. */
static void check_table(int fd, const struct raid_partition *t, uint64_t sector)
{
	blkid_probe pr = blkid_new_probe();
	blkid_partlist list;

	assert_int_equal(blkid_probe_set_device(pr, fd, 0, 0), 0);
	blkid_probe_set_sectorsize(pr, (unsigned int)sector);
	blkid_probe_enable_partitions(pr, 1);
	list = blkid_probe_get_partitions(pr);
	assert_non_null(list);
	assert_string_equal(blkid_parttable_get_type(blkid_partlist_get_table(list)), "gpt");
	assert_string_equal(blkid_parttable_get_id(blkid_partlist_get_table(list)), t->guid);
	assert_int_equal(blkid_partlist_numof_partitions(list), (int)t->n_parts);
	for (int i = 0; i < (int)t->n_parts; i++)
		check_partition(list, i, &t->parts[i]);
	blkid_free_probe(pr);
}

static void check_gpt(uint64_t sector)
{
	char *dir = scratch();
	const uint64_t size = 64 * MIB;
	autoclose int fd = image(dir, size);
	struct raid_partition t;
	struct gpt_part parts[2];
	struct err err = { 0 };
	uint8_t mbr[512];

	make_table(&t, parts, size, sector);
	assert_int_equal(gpt_write(fd, &t, &err), 0);
	check_table(fd, &t, sector);
	assert_int_equal(pread(fd, mbr, sizeof(mbr), 0), sizeof(mbr));
	/* Code that says why and lets the BIOS go on (INT 18h), then nothing. */
	assert_non_null(memmem(mbr, 26, "\xcd\x18", 2));
	assert_non_null(memmem(mbr + 26, 420, "not finished", 12));
	for (size_t i = 128; i < 446; i++)
		assert_int_equal(mbr[i], 0);
	assert_int_equal(mbr[450], 0xee);
	/* Without its first megabyte the copy at the end must do. */
	assert_int_equal(signatures_zero(fd, sector, MIB - sector, &err), 0);
	check_table(fd, &t, sector);
	scratch_end(dir);
}

static void test_gpt(void **state)
{
	(void)state;
	check_gpt(512);
	check_gpt(4096);
}

static void test_gpt_known_bytes(void **state)
{
	static const uint8_t guid[16] = { 0x67, 0x45, 0x23, 0x01, 0xab, 0x89, 0xef, 0x8d,
					  0x81, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };
	autoclean(buf_free) struct buf head = { 0 }, tail = { 0 };
	struct raid_partition t;
	struct gpt_part parts[2];
	struct err err = { 0 };

	(void)state;
	make_table(&t, parts, 64 * MIB, 512);
	assert_int_equal(gpt_build(&t, &head, &tail, &err), 0);
	assert_int_equal(head.len, 34 * 512);
	assert_int_equal(tail.len, 33 * 512);
	assert_memory_equal(head.data + 512, "EFI PART\0\0\1\0\x5c\0\0\0", 16);
	assert_memory_equal(head.data + 512 + 56, guid, 16);
	assert_memory_equal(tail.data + 32 * 512, "EFI PART", 8);
	assert_memory_equal(head.data + 1024, tail.data, 32 * 512);
}

/* What a boot loader put there goes, the table stays as it was, to the byte. */
static void test_gpt_unboot(void **state)
{
	char *dir = scratch();
	autoclose int fd = image(dir, 64 * MIB);
	struct raid_partition t;
	struct gpt_part parts[2];
	char before[4096], grub[440], after[4096];
	struct err err = { 0 };

	(void)state;
	make_table(&t, parts, 64 * MIB, 512);
	assert_int_equal(gpt_write(fd, &t, &err), 0);
	assert_int_equal(fs_pread_all(fd, "image", before, sizeof(before), 0, &err), 0);
	memset(grub, 0xeb, sizeof(grub));
	put(fd, 0, grub, sizeof(grub));
	assert_int_equal(gpt_unboot(fd, &err), 0);
	assert_int_equal(fs_pread_all(fd, "image", after, sizeof(after), 0, &err), 0);
	assert_memory_equal(before, after, sizeof(after));
	check_table(fd, &t, 512);
	scratch_end(dir);
}

static void test_gpt_refuses(void **state)
{
	autoclean(buf_free) struct buf head = { 0 }, tail = { 0 };
	struct raid_partition t;
	struct gpt_part parts[2];
	struct err err = { 0 };

	(void)state;
	make_table(&t, parts, 62 * MIB, 512); /* the last partition would lie on the copy of the table */
	assert_int_equal(gpt_build(&t, &head, &tail, &err), -1);
	assert_non_null(strstr(err.text, "'sys' does not fit"));
	make_table(&t, parts, 64 * MIB, 512);
	parts[1].first_byte = MIB;
	assert_int_equal(gpt_build(&t, &head, &tail, &err), -1);
	assert_non_null(strstr(err.text, "begins inside"));
	make_table(&t, parts, 64 * MIB, 512);
	parts[0].first_byte = 512;
	assert_int_equal(gpt_build(&t, &head, &tail, &err), -1);
	make_table(&t, parts, 64 * MIB, 520);
	assert_int_equal(gpt_build(&t, &head, &tail, &err), -1);
	make_table(&t, parts, 8192, 512);
	assert_int_equal(gpt_build(&t, &head, &tail, &err), -1);
}

/* A version 1 md superblock as far as it is recognised by (md_p.h): magic, version, where it lies, name, checksum left wrong. */
static void put_md1(int fd, uint64_t at, uint64_t member_start, const char *name)
{
	uint8_t sb[4096] = { 0xfc, 0x4e, 0x2b, 0xa9, 1 };
	uint64_t sector = (at - member_start) / 512;

	memcpy(sb + 32, name, strlen(name));
	memcpy(sb + 144, &sector, sizeof(sector));
	sb[16] = 0x42; /* set_uuid */
	put(fd, at, sb, sizeof(sb));
}

/* The 1.0 superblock: 8 KiB before the end, down to 4 KiB (mdadm's super1.c). */
static uint64_t md10_place(uint64_t start, uint64_t size)
{
	return start + (size - 8192) / 4096 * 4096;
}

static void put_lvm(int fd, uint64_t at)
{
	uint8_t pv[512] = { 0 };

	memcpy(pv, "LABELONE", 8);
	pv[8] = 1;
	pv[20] = 32;
	memcpy(pv + 24, "LVM2 001", 8);
	memset(pv + 32, 'A', 32);
	put(fd, at + 512, pv, sizeof(pv));
}

static void put_luks(int fd, uint64_t at)
{
	uint8_t h[592] = { 'L', 'U', 'K', 'S', 0xba, 0xbe, 0, 1 };

	memcpy(h + 168, "3f2e1d0c-0000-4000-8000-000000000001", 36);
	put(fd, at, h, sizeof(h));
}

static void put_iso(int fd, uint64_t at)
{
	uint8_t vd[2048] = { 1, 'C', 'D', '0', '0', '1', 1 };

	memset(vd + 8, ' ', 64);
	memcpy(vd + 40, "DEBIAN", 6);
	put(fd, at + 32768, vd, sizeof(vd));
}

static void test_finds_and_erases(void **state)
{
	char *dir = scratch();
	const uint64_t size = 128 * MIB;
	autoclose int fd = image(dir, size);
	struct raid_partition t;
	struct gpt_part parts[2];
	struct err err = { 0 };
	autofree char *before = NULL, *after = NULL, *inside = NULL;

	(void)state;
	make_table(&t, parts, size, 512);
	assert_int_equal(gpt_write(fd, &t, &err), 0);
	before = found(fd, 0, size);
	assert_string_equal(before, "GPT");
	free(before);
	put_lvm(fd, 0);
	put_md1(fd, md10_place(0, size), 0, "web:0");
	put_iso(fd, 0);
	before = found(fd, 0, size);
	assert_non_null(strstr(before, "LVM PV"));
	assert_non_null(strstr(before, "md member of array 'web:0'"));
	assert_non_null(strstr(before, "ISO9660 'DEBIAN'"));
	put_luks(fd, parts[1].first_byte);
	put_md1(fd, md10_place(parts[1].first_byte, parts[1].size_bytes), parts[1].first_byte, "esp");
	inside = found(fd, parts[1].first_byte, parts[1].size_bytes);
	assert_non_null(strstr(inside, "LUKS"));
	assert_non_null(strstr(inside, "md member of array 'esp'"));
	assert_int_equal(signatures_erase(fd, parts[1].first_byte, parts[1].size_bytes, &err), 0);
	assert_int_equal(signatures_erase(fd, 0, size, &err), 0);
	after = found(fd, 0, size);
	assert_string_equal(after, "");
	free(after);
	after = found(fd, parts[1].first_byte, parts[1].size_bytes);
	assert_string_equal(after, "");
	scratch_end(dir);
}

/* btrfs lies 64 KiB from the start, bcache 4 KiB; an XFS in the middle of the disk is none of the disk's business. */
static void test_erases_only_its_stretch(void **state)
{
	char *dir = scratch();
	const uint64_t size = 64 * MIB;
	autoclose int fd = image(dir, size);
	struct err err = { 0 };
	autofree char *left = NULL;

	(void)state;
	put_luks(fd, 0);
	put_luks(fd, 32 * MIB);
	assert_int_equal(signatures_erase(fd, 0, 32 * MIB, &err), 0);
	left = found(fd, 0, 32 * MIB);
	assert_string_equal(left, "");
	free(left);
	left = found(fd, 32 * MIB, 32 * MIB);
	assert_string_equal(left, "LUKS");
	scratch_end(dir);
}

/* A table over old contents must not uncover them: an old superblock at the very end of a new partition. */
static void test_new_partitions_are_empty(void **state)
{
	char *dir = scratch();
	const uint64_t size = 64 * MIB;
	autoclose int fd = image(dir, size);
	struct raid_partition t;
	struct gpt_part parts[2];
	struct err err = { 0 };
	autofree char *left = NULL;

	(void)state;
	make_table(&t, parts, size, 512);
	put_md1(fd, md10_place(parts[1].first_byte, parts[1].size_bytes), parts[1].first_byte, "old");
	put_luks(fd, parts[1].first_byte);
	assert_int_equal(gpt_write(fd, &t, &err), 0);
	left = found(fd, parts[1].first_byte, parts[1].size_bytes);
	assert_string_equal(left, "");
	scratch_end(dir);
}

static void test_mkfs(void **state)
{
	static char ext4[] = "ext4", xfs[] = "xfs", vfat[] = "vfat", swap[] = "swap";
	static const struct {
		char *type;
		const char *uuid;
	} kinds[] = { { ext4, "11111111-2222-8333-8444-555555555555" },
		      { xfs, "21111111-2222-8333-8444-555555555555" },
		      { vfat, "AB12-CD34" },
		      { swap, "31111111-2222-8333-8444-555555555555" } };
	char *dir = scratch();
	autofree char *path = fs_join(dir, "disk");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct raid_format f = { .type = kinds[i].type, .label = sys_name };
		autoclean(str_list_free) struct str_list argv = { 0 };
		autofree char *type = NULL, *uuid = NULL, *words = NULL;
		autoclose int fd = image(dir, 400 * MIB);
		struct err err = { 0 };

		memcpy(f.uuid, kinds[i].uuid, strlen(kinds[i].uuid) + 1);
		assert_int_equal(fs_make_argv(&f, path, &argv, &err), 0);
		if (spawn_run(&(const struct spawn){ .argv = (const char *const *)argv.items }, NULL, &err) < 0)
			fail_msg("%s", err.text);
		assert_int_equal(signatures_identify(path, &type, &uuid, &err), 0);
		assert_string_equal(type, kinds[i].type);
		assert_string_equal(uuid, kinds[i].uuid);
		words = found(fd, 0, 400 * MIB);
		assert_non_null(strcasestr(words, "'sys'"));
	}
	scratch_end(dir);
}

static char *joined(const struct str_list *l)
{
	autoclean(buf_free) struct buf b = { 0 };

	for (size_t i = 0; i < l->len; i++)
		buf_addf(&b, "%s%s", i ? " " : "", l->items[i]);
	return buf_steal(&b);
}

static void test_md_argv(void **state)
{
	static char name[] = "sys", meta[] = "1.2";
	struct raid_create c = { .name = name,
				 .metadata = meta,
				 .level = 5,
				 .bitmap = true,
				 .chunk_bytes = 65536,
				 .uuid = "11111111:22222222:33333333:44444444" };
	autoclean(str_list_free) struct str_list nodes = { 0 }, argv = { 0 }, mirror = { 0 };
	autofree char *line = NULL, *line1 = NULL;

	(void)state;
	for (int i = 1; i <= 3; i++)
		str_list_addf(&c.active, "guid%d", i);
	str_list_add(&c.spare, "guid4");
	for (int i = 1; i <= 4; i++)
		str_list_addf(&nodes, "/dev/v%d", i);
	md_create_argv(&c, &nodes, &argv);
	line = joined(&argv);
	assert_string_equal(line,
			    "mdadm --create /dev/md/sys --run --level=5 --raid-devices=3 --spare-devices=1 --metadata=1.2 "
			    "--uuid=11111111:22222222:33333333:44444444 --name=sys --homehost=any --chunk=64K --bitmap=internal "
			    "/dev/v1 /dev/v2 /dev/v3 /dev/v4");
	str_list_free(&c.spare);
	str_list_free(&nodes);
	str_list_add(&nodes, "/dev/v1");
	str_list_add(&nodes, "missing");
	str_list_free(&c.active);
	str_list_add(&c.active, "guid1");
	str_list_add(&c.active, "missing");
	c.level = 1;
	c.bitmap = false;
	md_create_argv(&c, &nodes, &mirror);
	line1 = joined(&mirror);
	assert_string_equal(line1, "mdadm --create /dev/md/sys --run --level=1 --raid-devices=2 --metadata=1.2 "
				   "--uuid=11111111:22222222:33333333:44444444 --name=sys --homehost=any --bitmap=none "
				   "/dev/v1 missing");
	assert_null(strstr(line, "assume-clean"));
	str_list_free(&c.active);
}

/* As `orthrus head install --store-raid` asks for them: no chunk of its own, no spare. */
static void test_md_argv_levels(void **state)
{
	static const struct {
		unsigned int level, disks;
		const char *words;
	} cases[] = { { 5, 3, "--level=5 --raid-devices=3 " },
		      { 6, 4, "--level=6 --raid-devices=4 " },
		      { 10, 2, "--level=10 --raid-devices=2 " } };
	static char name[] = "orthrus", meta[] = "1.2";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct raid_create c = { .name = name,
					 .metadata = meta,
					 .level = cases[i].level,
					 .bitmap = true,
					 .uuid = "11111111:22222222:33333333:44444444" };
		autoclean(str_list_free) struct str_list nodes = { 0 }, argv = { 0 };
		autofree char *line = NULL, *disks = NULL, *want = NULL;

		for (unsigned int d = 1; d <= cases[i].disks; d++) {
			str_list_addf(&c.active, "guid%u", d);
			str_list_addf(&nodes, "/dev/v%u", d);
		}
		md_create_argv(&c, &nodes, &argv);
		line = joined(&argv);
		disks = joined(&nodes);
		want = str_format(
			"mdadm --create /dev/md/orthrus --run %s--metadata=1.2 --uuid=11111111:22222222:33333333:44444444 "
			"--name=orthrus --homehost=any %s--bitmap=internal %s",
			cases[i].words, cases[i].level == 10 ? "--layout=n2 " : "", disks);
		assert_string_equal(line, want);
		str_list_free(&c.active);
	}
}

static void test_disktest(void **state)
{
	char *dir = scratch();
	autofree char *path = fs_join(dir, "disk");
	autoclose int fd = image(dir, 64 * MIB);
	autofree char *bad = NULL, *none = NULL, *failing = NULL, *prefail = NULL, *cut = NULL;

	(void)state;
	assert_int_equal(disktest_place("a", 0, 64 * MIB), 0);
	assert_int_equal(disktest_place("a", 2, 64 * MIB), 63 * MIB);
	for (unsigned int i = 0; i < 200; i++) {
		assert_true(disktest_place("a", i, 64 * MIB) <= 63 * MIB);
		assert_int_equal(disktest_place("a", i, 64 * MIB) % 4096, 0);
		assert_int_equal(disktest_place("a", i, 64 * MIB), disktest_place("a", i, 64 * MIB));
		assert_int_equal(disktest_place("a", i, 1000), 0);
	}
	assert_int_not_equal(disktest_place("a", 5, 64 * MIB), disktest_place("b", 5, 64 * MIB));
	none = disktest_smart_words(0);
	assert_null(none);
	failing = disktest_smart_words(8);
	assert_non_null(strstr(failing, "failing"));
	prefail = disktest_smart_words(16);
	assert_non_null(prefail);
	assert_null(disktest_smart_words(64));
	bad = disktest_reads("/nonexistent", "a", 1, 0);
	assert_non_null(strstr(bad, "can't be opened"));
	/* A disk that claims more than it has. */
	cut = disktest_reads(path, "a", 128 * MIB, 4);
	if (cut && strstr(cut, "can't be opened"))
		print_message("no O_DIRECT on %s: the reads are not tried\n", dir);
	else
		assert_non_null(strstr(cut, "before its size"));
	scratch_end(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gpt),
		cmocka_unit_test(test_gpt_known_bytes),
		cmocka_unit_test(test_gpt_unboot),
		cmocka_unit_test(test_gpt_refuses),
		cmocka_unit_test(test_finds_and_erases),
		cmocka_unit_test(test_erases_only_its_stretch),
		cmocka_unit_test(test_new_partitions_are_empty),
		cmocka_unit_test(test_mkfs),
		cmocka_unit_test(test_md_argv),
		cmocka_unit_test(test_md_argv_levels),
		cmocka_unit_test(test_disktest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
