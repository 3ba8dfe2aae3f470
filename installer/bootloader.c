/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/bootloader.h"

#include "base/cpio.h"
#include "base/mem.h"
#include "installer/chroot.h"
#include "installer/grubcfg.h"
#include "installer/hostfiles.h"
#include "installer/target.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define GRUB_CFG_MAX ((size_t)4 << 20)
#define BY_UUID "/dev/disk/by-uuid"

/* "md126": what the kernel calls the device that a mounted directory lives on. Its sysfs link ends in the name. */
static char *kernel_name(int dir_fd, struct err *err)
{
	struct stat st;
	char target[256], *slash;
	autofree char *sys = NULL;
	ssize_t n;

	if (fstat(dir_fd, &st) < 0) {
		err_errno(err, errno, "look at the mounted file system");
		return NULL;
	}
	sys = str_format("/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
	n = readlink(sys, target, sizeof(target) - 1);
	if (n < 0) {
		err_errno(err, errno, "find the device of the mounted file system (%s)", sys);
		return NULL;
	}
	target[n] = '\0';
	slash = strrchr(target, '/');
	return mem_strdup(slash ? slash + 1 : target);
}

/* grub-mkconfig writes root=/dev/mdN, which changes from boot to boot, unless udev's link for the file system is there. */
static int ensure_uuid_link(const struct install_target *t, const char *mount, struct err *err)
{
	const char *uuid = hostfiles_uuid(t->result, mount);
	autofree char *link = str_format(BY_UUID "/%s", uuid ? uuid : "");
	autofree char *name = NULL, *want = NULL;
	autoclose int dir = -1;
	struct stat fs, node;

	if (!uuid)
		return 0;
	dir = fs_open_beneath(t->fd, mount[1] ? mount + 1 : ".", O_RDONLY | O_DIRECTORY, 0, 0, err);
	if (dir < 0 || !(name = kernel_name(dir, err)))
		return -1;
	if (fstat(dir, &fs) == 0 && stat(link, &node) == 0 && S_ISBLK(node.st_mode) && node.st_rdev == fs.st_dev)
		return 0;
	want = str_format("../../%s", name);
	if (fs_mkdirs(BY_UUID, 0755, err) < 0)
		return -1;
	if (unlink(link) < 0 && errno != ENOENT)
		return err_errno(err, errno, "remove the wrong link %s", link);
	if (symlink(want, link) < 0)
		return err_errno(err, errno, "link %s to %s", link, want);
	return 0;
}

static int make_grub_cfg(const struct install_target *t, struct str_list *initrds, struct err *err)
{
	const char *const argv[] = { "/usr/sbin/grub-mkconfig", "-o", "/boot/grub/grub.cfg", NULL };
	autoclean(buf_free) struct buf text = { 0 };

	if (target_make_dir(t->fd, "boot/grub", 0755, err) < 0)
		return -1;
	if (spawn_run(&(const struct spawn){ .argv = argv, .chroot_dir = t->path, .timeout_ns = 600 * NS_PER_S }, NULL, err) < 0)
		return -1;
	if (target_read(t->fd, "boot/grub/grub.cfg", GRUB_CFG_MAX, &text, err) < 0)
		return -1;
	return grubcfg_check(buf_str(&text), t->result, initrds, err);
}

/* The image's RAM disk was made for no machine in particular. A second archive behind it adds this node's arrays: made in no
 * time, where running update-initramfs would take minutes. The next kernel update makes a whole one from the same file. */
static int extend_initrd(const struct install_target *t, const char *path, struct err *err)
{
	autoclean(buf_free) struct buf conf = { 0 }, segment = { 0 };
	struct cpio c = { .out = &segment };
	autoclose int fd = fs_open_beneath(t->fd, path, O_WRONLY, 0, 0, err);
	struct stat st;
	uint64_t end;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "size of /%s", path);
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return err_set(err, ERR_DAMAGED, "/%s is no initial RAM disk", path);
	hostfiles_mdadm_conf(t->result, &conf);
	cpio_dir(&c, "etc", 0755);
	cpio_dir(&c, "etc/mdadm", 0755);
	cpio_file(&c, "etc/mdadm/mdadm.conf", 0644, conf.data, conf.len);
	cpio_end(&c);
	end = ((uint64_t)st.st_size + 3) & ~UINT64_C(3); /* the kernel wants archives at multiples of 4; the gap reads as zeros */
	if (fs_pwrite_all(fd, path, segment.data, segment.len, end, err) < 0)
		return -1;
	return fsync(fd) < 0 ? err_errno(err, errno, "write /%s to disk", path) : 0;
}

/* GRUB's path of a RAM disk -> where it is below the node's root. */
static int extend_initrds(const struct install_target *t, const struct str_list *initrds, struct err *err)
{
	const char *strip = grubcfg_boot_dir(t->result);

	if (!t->result->n_md)
		return 0;
	for (size_t i = 0; i < initrds->len; i++) {
		const char *path = initrds->items[i];
		autofree char *below = NULL;

		if (!str_starts(path, strip) || path[strlen(strip)] != '/')
			return err_set(err, ERR_FAILED, "the initial RAM disk %s is not below /boot", path);
		below = str_format("boot%s", path + strlen(strip));
		if (extend_initrd(t, below, err) < 0)
			return -1;
	}
	return 0;
}

static int install_inside(const struct install_target *t, struct err *err)
{
	autoclean(str_list_free) struct str_list initrds = { 0 };

	if (ensure_uuid_link(t, "/", err) < 0 || ensure_uuid_link(t, "/boot", err) < 0)
		return -1;
	if (make_grub_cfg(t, &initrds, err) < 0 || extend_initrds(t, &initrds, err) < 0)
		return -1;
	if (t->order->layout.uefi && bootloader_uefi_prepare(t, err) < 0)
		return -1;
	/* All of it must be on the disks before anything there can be started. */
	if (syncfs(t->fd) < 0)
		return err_errno(err, errno, "write the system to disk");
	if (t->order->layout.bios && bootloader_bios(t, err) < 0)
		return -1;
	return t->order->layout.uefi ? bootloader_uefi_enable(t, err) : 0;
}

int install_bootloader(const struct install_target *t, struct err *err)
{
	struct err later = { 0 };
	int rc;

	if (chroot_enter(t->path, t->fd, err) < 0)
		return -1;
	rc = install_inside(t, err);
	/* A mount that stays would keep the arrays from being stopped: that is an error too, though not the one to be told first.
	 */
	if (chroot_leave(t->path, &later) < 0 && rc == 0) {
		*err = later;
		return -1;
	}
	return rc;
}
