/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks of a made-up machine: how the kernel tells of them, who uses them, and that a step refuses those that changed. */
#include "base/mem.h"
#include "raidsetup/apply.h"
#include "raidsetup/disk.h"
#include "raidsetup/probe.h"
#include "sys/fs.h"

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

static char label[] = "a disk";

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_in_use),
		cmocka_unit_test(test_target_refuses),
		cmocka_unit_test(test_two_disks_one_serial),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
