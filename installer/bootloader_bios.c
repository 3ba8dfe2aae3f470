/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/bootloader.h"

#include "base/mem.h"
#include "sys/clock.h"
#include "sys/spawn.h"

static int install_on(const struct install_target *t, const char *device, struct err *err)
{
	const char *const argv[] = { "/usr/sbin/grub-install", "--target=i386-pc", "--no-floppy", device, NULL };

	return spawn_run(&(const struct spawn){ .argv = argv, .chroot_dir = t->path, .timeout_ns = 600 * NS_PER_S }, NULL, err);
}

int bootloader_bios(const struct install_target *t, struct err *err)
{
	const struct str_list *members = &t->result->members;
	size_t done = 0;

	for (size_t i = 0; i < members->len; i++) {
		const struct disk *d = disk_find(t->disks, members->items[i]);
		autofree char *device = d ? str_format("/dev/%s", d->name) : NULL;

		if (str_eq(members->items[i], "missing"))
			continue;
		if (!d)
			return err_set(err, ERR_FAILED, "disk %s is gone", members->items[i]);
		if (install_on(t, device, err) < 0)
			return err_wrap(err, "GRUB on disk %s", members->items[i]);
		done++;
	}
	return done ? 0 : err_set(err, ERR_FAILED, "no disk is there to put GRUB on");
}
