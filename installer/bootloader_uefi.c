/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/bootloader.h"

#include "base/mem.h"
#include "installer/grubcfg.h"
#include "installer/target.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define LOADER_MAX ((size_t)16 << 20)

/* By hand, because grub-install refuses an EFI system partition on an md array. The removable-media path needs no firmware
 * variables: each member disk boots alone, in any machine. */
#define SHIM "usr/lib/shim/shimx64.efi.signed"
#define STARTED "EFI/BOOT/BOOTX64.EFI"
static const struct loader {
	const char *from, *to;
} loaders[] = {
	{ "usr/lib/shim/mmx64.efi.signed", "EFI/BOOT/mmx64.efi" },
	{ "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed", "EFI/BOOT/grubx64.efi" },
};

/* Where the EFI system partition is mounted, relative to the node's root. */
static const char *esp_path(const struct install_target *t)
{
	for (size_t i = 0; i < t->result->n_fs; i++) {
		const struct raid_fs *fs = &t->result->fs[i];

		if (str_eq(fs->type, "vfat") && fs->mount && fs->mount[0] == '/' && fs->mount[1])
			return fs->mount + 1;
	}
	return NULL;
}

static int copy(const struct install_target *t, const char *from, const char *to, struct err *err)
{
	autoclean(buf_free) struct buf data = { 0 };
	autofree char *path = str_format("%s/%s", esp_path(t), to);

	if (target_read(t->fd, from, LOADER_MAX, &data, err) < 0) {
		err_hint(err, "the image needs the packages shim-signed and grub-efi-amd64-signed to boot by UEFI");
		return -1;
	}
	if (!data.len)
		return err_set(err, ERR_DAMAGED, "/%s is empty", from);
	return target_write(t->fd, path, 0700, data.data, data.len, err);
}

int bootloader_uefi_prepare(const struct install_target *t, struct err *err)
{
	autoclean(buf_free) struct buf stub = { 0 };
	autofree char *stub_path = NULL;

	if (!esp_path(t))
		return err_set(err, ERR_INVALID, "the layout is to boot by UEFI but mounts no EFI system partition");
	if (grubcfg_efi_stub(t->result, &stub, err) < 0)
		return -1;
	/* Debian's signed GRUB has this path built in, wherever it was started from. */
	stub_path = str_format("%s/EFI/debian/grub.cfg", esp_path(t));
	if (target_write(t->fd, stub_path, 0700, stub.data, stub.len, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(loaders); i++)
		if (copy(t, loaders[i].from, loaders[i].to, err) < 0)
			return -1;
	return 0;
}

int bootloader_uefi_enable(const struct install_target *t, struct err *err)
{
	return copy(t, SHIM, STARTED, err);
}

int install_unboot(const struct install_target *t, struct err *err)
{
	struct err why = { 0 };
	autoclose int esp = -1;

	if (!esp_path(t))
		return 0;
	esp = fs_open_beneath(t->fd, esp_path(t), O_RDONLY | O_DIRECTORY, 0, 0, &why);
	if (esp < 0 && why.kind == ERR_NOT_FOUND)
		return 0;
	if (esp < 0) {
		*err = why;
		return -1;
	}
	if (target_remove(esp, STARTED, err) < 0)
		return -1;
	return syncfs(esp) < 0 ? err_errno(err, errno, "write the EFI system partition to disk") : 0;
}
