/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The second archive of a rescue boot, unpacked over the first one: what repairs disks, and sshd. Machines that are installed do
 * not load it. It holds no key: the machine makes its own, and the head certifies it. */
#include "netboot/initramfs.h"

#include "netboot/closure.h"

#include "base/mem.h"
#include "sys/fs.h"

static const struct tool {
	const char *path, *package;
	const char *links[4]; /* further names of the same program */
	bool may_lack;
} tools[] = {
	{ "/usr/sbin/sshd", "openssh-server", { NULL }, false },
	{ "/usr/lib/openssh/sshd-session", "openssh-server", { NULL }, true }, /* from OpenSSH 9.8 on */
	{ "/usr/lib/openssh/sshd-auth", "openssh-server", { NULL }, true },    /* from OpenSSH 10 on */
	{ "/usr/bin/ssh-keygen", "openssh-client", { NULL }, false },
	{ "/usr/sbin/e2fsck", "e2fsprogs", { "/usr/sbin/fsck.ext4" }, false },
	{ "/usr/sbin/tune2fs", "e2fsprogs", { NULL }, false },
	{ "/usr/sbin/dumpe2fs", "e2fsprogs", { NULL }, false },
	{ "/usr/sbin/xfs_repair", "xfsprogs", { NULL }, false },
	{ "/usr/sbin/fsck.fat", "dosfstools", { "/usr/sbin/fsck.vfat" }, false },
	{ "/usr/sbin/sfdisk", "fdisk", { NULL }, false },
	{ "/usr/bin/lsblk", "util-linux", { NULL }, false },
};

static const char sshd_config[] = "# The cluster's authority alone opens this machine: sshd_config.d/orthrus.conf names it.\n"
				  "Include /etc/ssh/sshd_config.d/*.conf\n"
				  "HostKey /etc/ssh/ssh_host_ed25519_key\n"
				  "AuthorizedKeysFile none\n"
				  "AuthenticationMethods publickey\n"
				  "PasswordAuthentication no\n"
				  "KbdInteractiveAuthentication no\n"
				  "PermitRootLogin prohibit-password\n"
				  "AllowUsers root\n"
				  "UsePAM no\n"
				  "PidFile /run/sshd.pid\n"
				  "Subsystem sftp internal-sftp\n";
/* In place of the imager's, which has no array assembled in any way. */
static const char mdadm_conf[] = "CREATE owner=root group=disk mode=0660 auto=yes bbl=no\nHOMEHOST <ignore>\nMAILADDR root\n";

int initramfs_rescue(struct rootfs *r, const struct rootfs *base, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		const struct tool *t = &tools[i];

		if (!fs_exists(t->path)) {
			if (t->may_lack)
				continue;
			err_set(err, ERR_NOT_FOUND, "rescue system: the program %s is not on this machine", t->path);
			return err_hint(err, "install the Debian package %s", t->package);
		}
		if (closure_program(r, t->path, t->path, err) < 0)
			return err_wrap(err, "rescue system");
		for (size_t j = 0; j < ARRAY_LEN(t->links) && t->links[j]; j++)
			rootfs_link(r, t->links[j], t->path);
	}
	rootfs_without(r, base);
	rootfs_data(r, "etc/ssh/sshd_config", 0644, sshd_config);
	rootfs_data(r, "etc/mdadm/mdadm.conf", 0644, mdadm_conf);
	return 0;
}
