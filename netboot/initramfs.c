/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netboot/initramfs.h"

#include "netboot/closure.h"

#include "base/mem.h"
#include "sys/fs.h"
#include "sys/spawn.h"

#include <string.h>

/* Programs from the head's Debian packages: the versions whose on-disk formats the image's system was made with, or newer ones.
 */
static const struct tool {
	const char *path, *package;
	const char *links[4]; /* further names of the same program */
	bool may_lack;
} tools[] = {
	{ "/usr/bin/kmod", "kmod", { "/usr/sbin/modprobe", "/usr/sbin/insmod", "/usr/sbin/lsmod" }, false },
	{ "/usr/bin/udevadm", "udev", { "/usr/lib/systemd/systemd-udevd" }, false },
	{ "/usr/lib/udev/ata_id", "udev", { NULL }, false },
	{ "/usr/lib/udev/scsi_id", "udev", { NULL }, false },
	{ "/usr/sbin/mdadm", "mdadm", { NULL }, false },
	{ "/usr/sbin/mke2fs", "e2fsprogs", { "/usr/sbin/mkfs.ext4" }, false },
	{ "/usr/sbin/mkfs.xfs", "xfsprogs", { NULL }, false },
	{ "/usr/sbin/mkfs.fat", "dosfstools", { "/usr/sbin/mkfs.vfat" }, false },
	{ "/usr/sbin/mkswap", "util-linux", { NULL }, false },
	{ "/usr/sbin/wipefs", "util-linux", { NULL }, false },
	{ "/usr/sbin/blkid", "util-linux", { NULL }, false },
	{ "/usr/sbin/blockdev", "util-linux", { NULL }, false },
	{ "/usr/sbin/smartctl", "smartmontools", { NULL }, false },
	{ "/usr/bin/efibootmgr", "efibootmgr", { NULL }, true },
	{ "/usr/bin/tpm2", "tpm2-tools", { NULL }, false },
};

/* Loaded by dlopen in newer versions of udev and glibc, so that no header names them. */
static const char *const run_time_libraries[] = { "libkmod.so.2", "libblkid.so.1", "libacl.so.1", "libcap.so.2",
						  "libgcc_s.so.1" };

/* By which tpm2 reaches the kernel's TPM; without it every machine would have a new identity at each network boot. */
static const char tpm_driver[] = "libtss2-tcti-device.so.0";

/* Names for disks and arrays, and drivers for devices. Not 64-md-raid-assembly: an array found on a disk is not started behind
 * our back. */
static const char *const udev_rules[] = {
	"01-md-raid-creating.rules",   "50-firmware.rules",	  "50-udev-default.rules", "60-block.rules",
	"60-persistent-storage.rules", "63-md-raid-arrays.rules", "80-drivers.rules"
};

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\nsshd:x:104:65534::/run/sshd:/bin/false\n";
/* The groups that udev's rules name. */
static const char group[] =
	"root:x:0:\ntty:x:5:\ndisk:x:6:\nlp:x:7:\nkmem:x:15:\ndialout:x:20:\ncdrom:x:24:\ntape:x:26:\naudio:x:29:\n"
	"video:x:44:\ninput:x:101:\nkvm:x:103:\nrender:x:104:\nsgx:x:105:\n";
static const char mdadm_conf[] =
	"CREATE owner=root group=disk mode=0660 auto=yes bbl=no\nHOMEHOST <ignore>\nMAILADDR root\nAUTO -all\n";

static int add_tpm_driver(struct rootfs *r, struct err *err)
{
	int found = closure_library(r, tpm_driver, err);

	if (found < 0)
		return -1;
	if (found)
		return 0;
	err_set(err, ERR_NOT_FOUND, "the library %s is not on this machine", tpm_driver);
	return err_hint(err, "install the Debian package libtss2-tcti-device0 (in Debian 13: libtss2-tcti-device0t64)");
}

static int add_tools(struct rootfs *r, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		const struct tool *t = &tools[i];

		if (!fs_exists(t->path)) {
			if (t->may_lack)
				continue;
			err_set(err, ERR_NOT_FOUND, "the program %s is not on this machine", t->path);
			return err_hint(err, "install the Debian package %s", t->package);
		}
		if (closure_program(r, t->path, t->path, err) < 0)
			return -1;
		for (size_t j = 0; j < ARRAY_LEN(t->links) && t->links[j]; j++)
			rootfs_link(r, t->links[j], t->path);
	}
	for (size_t i = 0; i < ARRAY_LEN(run_time_libraries); i++)
		if (closure_library(r, run_time_libraries[i], err) < 0)
			return -1;
	return add_tpm_driver(r, err);
}

/* busybox under every name that it has and that nothing better has taken. */
static int add_busybox(struct rootfs *r, struct err *err)
{
	static const char path[] = "/usr/bin/busybox";
	autoclean(spawn_result_free) struct spawn_result res = { 0 };
	const char *const argv[] = { path, "--list-full", NULL };
	const struct spawn s = { .argv = argv };
	char *save = NULL;

	if (spawn_run(&s, &res, err) < 0)
		return err_hint(err, "install the Debian package busybox-static");
	if (res.status != 0 || !res.out.len)
		return err_set(err, ERR_FAILED, "%s does not list what it can do", path);
	if (closure_program(r, path, path, err) < 0)
		return -1;
	if (!strstr(res.out.data, "/udhcpc\n")) {
		err_set(err, ERR_FAILED, "%s has no DHCP client", path);
		return err_hint(err, "install the Debian package busybox-static");
	}
	for (char *name = strtok_r(res.out.data, "\n", &save); name; name = strtok_r(NULL, "\n", &save)) {
		const char *base = strrchr(name, '/');

		/* "linuxrc" at the top would be started instead of /init by some kernels. */
		if (base)
			rootfs_link(r, name, path);
	}
	return 0;
}

static int add_udev(struct rootfs *r, struct err *err)
{
	static const char *const dirs[] = { "/usr/lib/udev/rules.d", "/lib/udev/rules.d" };

	for (size_t i = 0; i < ARRAY_LEN(udev_rules); i++) {
		bool found = false;

		for (size_t j = 0; j < ARRAY_LEN(dirs) && !found; j++) {
			autofree char *file = fs_join(dirs[j], udev_rules[i]),
				      *path = fs_join("/usr/lib/udev/rules.d", udev_rules[i]);

			found = fs_exists(file);
			if (found)
				rootfs_file(r, path, 0644, file);
		}
		if (!found && !str_eq(udev_rules[i], "50-firmware.rules")) {
			err_set(err, ERR_NOT_FOUND, "udev's rules %s are not on this machine", udev_rules[i]);
			return err_hint(err, "install the Debian packages udev and mdadm");
		}
	}
	return 0;
}

static void add_skeleton(struct rootfs *r)
{
	static const char *const dirs[] = { "dev", "proc", "sys", "run", "tmp", "root", "mnt", "etc", "var" };
	static const char *const merged[] = { "bin", "sbin", "lib", "lib64" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		rootfs_dir(r, dirs[i], 0755);
	for (size_t i = 0; i < ARRAY_LEN(merged); i++) {
		autofree char *target = fs_join("usr", merged[i]);

		rootfs_dir(r, target, 0755);
		rootfs_link(r, merged[i], target);
	}
	/* The kernel opens it for /init before anything is mounted. */
	rootfs_char(r, "dev/console", 0600, 5, 1);
	rootfs_link(r, "var/run", "../run");
	rootfs_link(r, "etc/mtab", "../proc/mounts");
	rootfs_link(r, "etc/resolv.conf", "../run/resolv.conf");
	rootfs_data(r, "etc/passwd", 0644, passwd);
	rootfs_data(r, "etc/group", 0644, group);
	rootfs_data(r, "etc/hosts", 0644, "127.0.0.1 localhost\n::1 localhost\n");
	rootfs_data(r, "etc/nsswitch.conf", 0644, "passwd: files\ngroup: files\nhosts: files dns\n");
	rootfs_data(r, "etc/mdadm/mdadm.conf", 0644, mdadm_conf);
}

static int add_ours(struct rootfs *r, const struct netboot_payload *p, struct err *err)
{
	const struct {
		const char *path, *dir, *name;
		unsigned int mode;
	} files[] = {
		{ "init", p->scripts_dir, "init", 0755 },
		{ "etc/udhcpc.script", p->scripts_dir, "udhcpc", 0755 },
		{ "etc/orthrus/ca.crt", NULL, p->ca_crt, 0644 },
		{ "etc/orthrus/sign.pub", NULL, p->sign_pub, 0644 },
		{ "etc/orthrus/cluster-id", NULL, p->cluster_id, 0644 },
		{ "etc/mke2fs.conf", NULL, "/etc/mke2fs.conf", 0644 },
	};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		autofree char *source = files[i].dir ? fs_join(files[i].dir, files[i].name) : mem_strdup(files[i].name);

		if (!fs_exists(source))
			return err_set(err, ERR_NOT_FOUND, "%s is not there", source);
		rootfs_file(r, files[i].path, files[i].mode, source);
	}
	rootfs_data(r, "etc/orthrus/version", 0644, ORTHRUS_VERSION "\n");
	return closure_program(r, "/usr/bin/orthrus-imager", p->imager, err);
}

int initramfs_base(struct rootfs *r, const struct netboot_payload *p, struct err *err)
{
	add_skeleton(r);
	if (add_ours(r, p, err) < 0 || add_tools(r, err) < 0 || add_udev(r, err) < 0 || add_busybox(r, err) < 0)
		return err_wrap(err, "imager initramfs");
	return 0;
}
