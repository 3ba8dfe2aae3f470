/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The programs that a machine's firmware loads first. UEFI: Debian's signed shim and GRUB as they are, so that Secure Boot holds
 * up to the kernel. BIOS: GRUB made into one file that speaks PXE. */
#include "netboot/netboot.h"
#include "netboot/render.h"

#include "base/mem.h"
#include "sys/fs.h"
#include "sys/spawn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOADER_MAX ((size_t)32 << 20)

static const struct {
	const char *source, *name, *package;
} signed_files[] = {
	{ "/usr/lib/shim/shimx64.efi.signed", NETBOOT_UEFI_FILE, "shim-signed" },
	{ "/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed", NETBOOT_UEFI_GRUB, "grub-efi-amd64-signed" },
	/* Asked for by shim when a machine's owner enrols a key. */
	{ "/usr/lib/shim/mmx64.efi.signed", "mmx64.efi", "shim-helpers-amd64-signed" },
};

static int copy_signed(const char *tftp_root, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(signed_files); i++) {
		autofree char *to = fs_join(tftp_root, signed_files[i].name);
		autoclean(buf_free) struct buf content = { 0 };

		if (fs_read(signed_files[i].source, LOADER_MAX, &content, err) < 0)
			return err_hint(err, "install the Debian package %s", signed_files[i].package);
		if (fs_write_if_changed(to, buf_str(&content), content.len, 0644, NULL, err) < 0)
			return -1;
	}
	return 0;
}

/* Everything grub.cfg uses is inside: no module is fetched later, so the machine asks for the same files with both firmwares. */
static int make_bios(const char *tftp_root, struct err *err)
{
	static const char *const modules[] = { "pxe",  "tftp",	  "net",      "normal", "configfile", "test",
					       "echo", "sleep",	  "reboot",   "halt",	"linux",      "serial",
					       "boot", "minicmd", "biosdisk", "chain",	"terminal" };
	autofree char *path = fs_join(tftp_root, NETBOOT_BIOS_FILE),
		      *temp = str_format("%s/.%s.new", tftp_root, NETBOOT_BIOS_FILE);
	const char *argv[10 + ARRAY_LEN(modules)] = { "grub-mkimage",
						      "--format",
						      "i386-pc-pxe",
						      "--directory",
						      "/usr/lib/grub/i386-pc",
						      "--prefix",
						      "(pxe)/" NETBOOT_GRUB_DIR,
						      "--output",
						      temp };
	const struct spawn s = { .argv = argv };
	autoclean(buf_free) struct buf image = { 0 };
	int rc;

	memcpy(&argv[9], modules, sizeof(modules));
	if (spawn_run(&s, NULL, err) < 0)
		return err_hint(err, "install the Debian packages grub-common and grub-pc-bin");
	rc = fs_read(temp, LOADER_MAX, &image, err);
	if (unlink(temp) < 0 && rc == 0)
		rc = err_errno(err, errno, "remove %s", temp);
	return rc < 0 ? -1 : fs_write_if_changed(path, buf_str(&image), image.len, 0644, NULL, err);
}

int netboot_loaders(const char *tftp_root, struct err *err)
{
	if (fs_mkdirs(tftp_root, 0755, err) < 0 || copy_signed(tftp_root, err) < 0 || make_bios(tftp_root, err) < 0)
		return err_wrap(err, "boot loaders");
	return 0;
}
