/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The performing half of raidsetup as far as it goes without disks: tables and signatures in files, a made-up sysfs, argument
 * lists. */
#include "base/mem.h"
#include "raidsetup/apply.h"
#include "raidsetup/disk.h"
#include "raidsetup/disktest.h"
#include "raidsetup/gpt.h"
#include "raidsetup/probe.h"
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
	for (size_t i = 0; i < 446; i++)
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

/* A made-up machine: files under dir/{sys,run/udev,proc,dev}. */
static void put_file(const char *dir, const char *path, const void *data, size_t len)
{
	autofree char *full = fs_join(dir, path), *parent = mem_strdup(full);
	struct err err = { 0 };

	*strrchr(parent, '/') = '\0';
	assert_int_equal(fs_mkdirs(parent, 0755, &err), 0);
	assert_int_equal(fs_write_atomic(full, data, len, 0644, &err), 0);
}

static void put_text(const char *dir, const char *path, const char *text)
{
	put_file(dir, path, text, strlen(text));
}

/* A disk at sys/devices/BUS/block/NAME, linked from sys/block. */
static void put_disk(const char *dir, const char *bus, const char *name, uint64_t size_bytes, const char *dev)
{
	autofree char *real = str_format("sys/devices/%s/block/%s", bus, name), *link = str_format("%s/sys/block/%s", dir, name);
	autofree char *to = str_format("../devices/%s/block/%s", bus, name), *size = str_format("%s/size", real);
	autofree char *sectors = str_format("%llu\n", (unsigned long long)size_bytes / 512), *devf = str_format("%s/dev", real);
	autofree char *blocks = fs_join(dir, "sys/block"), *device = str_format("%s/device/x", real);
	struct err err = { 0 };

	put_text(dir, size, sectors);
	put_text(dir, devf, dev);
	put_text(dir, device, "");
	assert_int_equal(fs_mkdirs(blocks, 0755, &err), 0);
	assert_int_equal(symlink(to, link), 0);
}

static void ata_string(uint8_t *identify, size_t word, size_t words, const char *text)
{
	uint8_t *at = identify + 2 * word;

	memset(at, ' ', 2 * words);
	for (size_t i = 0; text[i]; i++)
		at[i ^ 1] = (uint8_t)text[i];
}

static void put_ata_page(const char *dir, const char *path, const char *model, const char *serial)
{
	uint8_t page[572] = { 0, 0x89, 2, 0x38 };

	ata_string(page + 60, 27, 20, model);
	ata_string(page + 60, 10, 10, serial);
	put_file(dir, path, page, sizeof(page));
}

static void make_machine(const char *dir)
{
	put_disk(dir, "pci0/ata1/host0/target0", "sda", 1000 * MIB, "8:0\n");
	put_text(dir, "sys/block/sda/device/type", "0\n");
	put_text(dir, "sys/block/sda/device/vendor", "ATA     \n");
	put_text(dir, "sys/block/sda/device/model", "WDC WD4003FZEX-0\n");
	put_text(dir, "sys/block/sda/device/wwid", "naa.50014ee25f1d2c3b\n");
	put_ata_page(dir, "sys/block/sda/device/vpd_pg89", "WDC WD4003FZEX-00Z4SA0", "WD-WCC130123456");
	put_file(dir, "sys/block/sda/device/vpd_pg80", "\0\x80\0\x04wxyz", 8);
	put_text(dir, "sys/block/sda/queue/logical_block_size", "512\n");
	put_text(dir, "sys/block/sda/queue/physical_block_size", "4096\n");
	put_text(dir, "sys/block/sda/queue/rotational", "1\n");
	put_disk(dir, "pci0/usb1/1-1/host6/target6", "sdb", 500 * MIB, "8:16\n");
	put_text(dir, "sys/block/sdb/device/vendor", "SanDisk \n");
	put_text(dir, "sys/block/sdb/device/model", "Ultra           \n");
	put_text(dir, "sys/block/sdb/removable", "1\n");
	put_text(dir, "sys/devices/pci0/usb1/1-1/idVendor", "0781\n");
	put_text(dir, "sys/devices/pci0/usb1/1-1/serial", "4C530001\n");
	put_disk(dir, "pci0/host7/port-7:0/end_device-7:0/target7", "sdc", 2000 * MIB, "8:32\n");
	put_text(dir, "sys/block/sdc/device/vendor", "SEAGATE \n");
	put_text(dir, "sys/block/sdc/device/model", "ST600MM0006     \n");
	put_file(dir, "sys/block/sdc/device/vpd_pg80", "\0\x80\0\x0cS0M1ABCD    ", 16);
	put_disk(dir, "pci0/nvme/nvme0", "nvme0n1", 3000 * MIB, "259:0\n");
	put_text(dir, "sys/block/nvme0n1/device/model", "SAMSUNG MZQLB960                        \n");
	put_text(dir, "sys/block/nvme0n1/device/serial", "S439NA0M1      \n");
	put_text(dir, "sys/block/nvme0n1/nsid", "1\n");
	put_text(dir, "sys/block/nvme0n1/wwid", "eui.34333930\n");
	put_disk(dir, "pci0/nvme/nvme1", "nvme0n2", 3000 * MIB, "259:1\n");
	put_text(dir, "sys/block/nvme0n2/device/serial", "S439NA0M1      \n");
	put_text(dir, "sys/block/nvme0n2/nsid", "2\n");
	put_disk(dir, "pci0/virtio2", "vda", 5120 * MIB, "254:0\n");
	put_text(dir, "sys/block/vda/serial", "n01a\n");
	put_text(dir, "sys/block/vda/ro", "1\n");
	put_disk(dir, "pci0/x", "sdd", 700 * MIB, "8:48\n");
	put_text(dir, "run/udev/data/b8:48",
		 "S:disk/by-id/x\nE:ID_SERIAL_SHORT=UDEV1\nE:ID_WWN=0x5000c500aabbccdd\nE:ID_MODEL=Old_Disk\n");
	/* None of these is a disk to install on. */
	put_disk(dir, "pci0/ata2", "sr0", 700 * MIB, "11:0\n");
	put_disk(dir, "pci0/y", "sde", 700 * MIB, "8:64\n");
	put_text(dir, "sys/block/sde/device/type", "20\n");
	put_disk(dir, "pci0/z", "sdf", 0, "8:80\n");
	put_disk(dir, "pci0/nvme/hid", "nvme0c0n1", 3000 * MIB, "259:9\n");
	put_text(dir, "sys/block/nvme0c0n1/hidden", "1\n");
	put_text(dir, "sys/block/loop0/size", "2048\n");
	put_text(dir, "sys/block/md127/size", "2048\n");
	put_text(dir, "sys/block/zram0/size", "2048\n");
}

static void check_disk(const struct disks *d, const char *name, const char *want)
{
	for (size_t i = 0; i < d->len; i++) {
		const struct disk *x = &d->items[i];
		autofree char *got = NULL;

		if (!str_eq(x->name, name))
			continue;
		got = str_format("%s|%s|%s|%s|%llu|%llu/%llu|%s%s%s|%s", x->model, x->serial, x->wwn, x->transport,
				 (unsigned long long)(x->size_bytes / MIB), (unsigned long long)x->logical_sector_bytes,
				 (unsigned long long)x->physical_sector_bytes, x->rotational ? "r" : "", x->removable ? "m" : "",
				 x->read_only ? "o" : "", x->in_use ? x->in_use : "free");
		assert_string_equal(got, want);
		return;
	}
	fail_msg("%s was not found", name);
}

struct machine {
	char *dir, *sys, *dev, *udev, *proc;
	struct raid_env env;
};

static void machine_begin(struct machine *m)
{
	m->dir = scratch();
	m->sys = fs_join(m->dir, "sys");
	m->dev = fs_join(m->dir, "dev");
	m->udev = fs_join(m->dir, "run/udev");
	m->proc = fs_join(m->dir, "proc");
	m->env = (struct raid_env){ .sys = m->sys, .dev = m->dev, .udev = m->udev, .proc = m->proc };
	make_machine(m->dir);
}

static void machine_end(struct machine *m)
{
	free(m->sys);
	free(m->dev);
	free(m->udev);
	free(m->proc);
	scratch_end(m->dir);
}

static void test_probe(void **state)
{
	struct machine m;
	autoclean(disks_free) struct disks d = { 0 };
	struct err err = { 0 };

	(void)state;
	machine_begin(&m);
	assert_int_equal(probe_disks(&m.env, false, &d, &err), 0);
	assert_int_equal(d.len, 7);
	check_disk(&d, "sda", "WDC WD4003FZEX-00Z4SA0|WD-WCC130123456|0x50014ee25f1d2c3b|sata|1000|512/4096|r|free");
	check_disk(&d, "sdb", "SanDisk Ultra|4C530001||usb|500|512/512|m|free");
	check_disk(&d, "sdc", "SEAGATE ST600MM0006|S0M1ABCD||sas|2000|512/512||free");
	check_disk(&d, "nvme0n1", "SAMSUNG MZQLB960|S439NA0M1|eui.34333930|nvme|3000|512/512||free");
	check_disk(&d, "nvme0n2", "|S439NA0M1_2||nvme|3000|512/512||free");
	check_disk(&d, "vda", "|n01a||virtio|5120|512/512|o|free");
	check_disk(&d, "sdd", "Old_Disk|UDEV1|0x5000c500aabbccdd|other|700|512/512||free");
	for (size_t i = 1; i < d.len; i++)
		assert_true(disk_order(&d.items[i - 1], &d.items[i]) < 0);
	machine_end(&m);
}

static void expect_use(struct machine *m, const char *disk, const char *want)
{
	autofree char *why = probe_in_use(&m->env, disk, NULL);

	if (!str_eq(why, want))
		fail_msg("%s: '%s', not '%s'", disk, why ? why : "free", want ? want : "free");
}

static void test_in_use(void **state)
{
	struct machine m;
	autoclean(str_list_free) struct str_list idle = { 0 };
	autofree char *none = NULL;

	(void)state;
	machine_begin(&m);
	put_text(m.dir, "proc/self/mountinfo",
		 "21 1 8:0 / /data rw,relatime - ext4 /dev/sda rw\n22 1 8:17 / /boot rw - ext4 /dev/sdb1 rw\n");
	put_text(m.dir, "sys/block/sdb/sdb1/partition", "1\n");
	put_text(m.dir, "sys/block/sdb/sdb1/dev", "8:17\n");
	expect_use(&m, "sda", "mounted at /data");
	expect_use(&m, "sdb", "mounted at /boot");
	expect_use(&m, "vda", NULL);
	put_text(m.dir, "sys/block/sdc/sdc2/partition", "2\n");
	put_text(m.dir, "sys/block/sdc/sdc2/holders/md127", "");
	put_text(m.dir, "sys/block/md127/md/array_state", "clean\n");
	expect_use(&m, "sdc", "held by the running array md127");
	put_text(m.dir, "sys/block/md127/md/array_state", "inactive\n");
	none = probe_in_use(&m.env, "sdc", &idle);
	assert_null(none);
	assert_int_equal(idle.len, 1);
	assert_string_equal(idle.items[0], "md127");
	put_text(m.dir, "sys/block/sdd/holders/dm-0", "");
	put_text(m.dir, "sys/block/dm-0/dm/name", "vg-root\n");
	expect_use(&m, "sdd", "held by the device mapper as vg-root");
	machine_end(&m);
}

/* A step whose disk is gone, changed, doubled or in use must fail before it opens anything: /dev of this machine is empty. */
static void test_target_refuses(void **state)
{
	static char id[] = "serial n01a", sda[] = "serial WD-WCC130123456", gone[] = "serial GONE", usb[] = "serial 4C530001";
	const struct raid_target targets[] = {
		{ .id = gone, .label = label, .size_bytes = 5120 * MIB, .sector_bytes = 512 },
		{ .id = id, .label = label, .size_bytes = 5120 * MIB, .sector_bytes = 512 },
		{ .id = usb, .label = label, .size_bytes = 501 * MIB, .sector_bytes = 512 },
		{ .id = usb, .label = label, .size_bytes = 500 * MIB, .sector_bytes = 4096 },
		{ .id = sda, .label = label, .size_bytes = 1000 * MIB, .sector_bytes = 512 },
	};
	static const char *const words[] = { "not there any more", "read-only now", "bytes in sectors of 512 now",
					     "not 524288000", "mounted at /data" };
	struct machine m;

	(void)state;
	machine_begin(&m);
	put_text(m.dir, "proc/self/mountinfo", "21 1 8:0 / /data rw,relatime - ext4 /dev/sda rw\n");
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		struct err err = { 0 };

		assert_int_equal(target_open(&m.env, &targets[i], true, NULL, &err), -1);
		assert_int_equal(err.kind, ERR_REFUSED);
		if (!strstr(err.text, words[i]))
			fail_msg("'%s' does not say '%s'", err.text, words[i]);
	}
	machine_end(&m);
}

static void test_two_disks_one_serial(void **state)
{
	static char id[] = "serial n01a";
	const struct raid_target t = { .id = id, .label = label, .size_bytes = 5120 * MIB, .sector_bytes = 512 };
	struct machine m;
	struct err err = { 0 };

	(void)state;
	machine_begin(&m);
	put_disk(m.dir, "pci0/virtio3", "vdb", 5120 * MIB, "254:16\n");
	put_text(m.dir, "sys/block/vdb/serial", "n01a\n");
	assert_int_equal(target_open(&m.env, &t, false, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_non_null(strstr(err.text, "two disks"));
	machine_end(&m);
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
		cmocka_unit_test(test_gpt_refuses),
		cmocka_unit_test(test_finds_and_erases),
		cmocka_unit_test(test_erases_only_its_stretch),
		cmocka_unit_test(test_new_partitions_are_empty),
		cmocka_unit_test(test_mkfs),
		cmocka_unit_test(test_md_argv),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_in_use),
		cmocka_unit_test(test_target_refuses),
		cmocka_unit_test(test_two_disks_one_serial),
		cmocka_unit_test(test_disktest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
