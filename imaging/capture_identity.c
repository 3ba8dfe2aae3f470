/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What belongs to one machine, or to one day, and has no place in an image for others. What is needed of it the installer makes
 * anew (installer/hostfiles.c). docs/man/orthrus.8 has the list. */
#include "imaging/capture_priv.h"

#include "base/mem.h"

/* '*' matches '/' too. */
static const char *const patterns_of_one[] = {
	"etc/machine-id",
	"var/lib/dbus/machine-id",
	"etc/ssh/ssh_host_*",
	"etc/hostname",
	"etc/fstab",
	"etc/crypttab",
	"etc/mdadm/mdadm.conf",
	"etc/lvm/archive/*",
	"etc/lvm/backup/*",
	"etc/lvm/devices/*",
	"etc/network/interfaces",
	"etc/network/interfaces.d/*",
	"etc/systemd/network/*",
	"etc/netplan/*",
	"etc/NetworkManager/system-connections/*",
	"etc/udev/rules.d/70-persistent-net.rules",
	"etc/resolv.conf",
	"etc/.resolv.conf*",
	"etc/.pwd.lock",
	"etc/orthrus/*",
	"etc/adjtime",
	"etc/passwd-",
	"etc/group-",
	"etc/shadow-",
	"etc/gshadow-",
	"etc/subuid-",
	"etc/subgid-",
	"boot/grub/grub.cfg",
	"var/lib/systemd/random-seed",
	"var/lib/systemd/credential.secret",
	"var/lib/dhcp/*",
	"var/lib/NetworkManager/*",
	"var/lib/apt/lists/*",
	"var/lib/dpkg/*-old",
	"var/cache/debconf/*-old",
	"var/cache/apt/*",
	"var/cache/ldconfig/*",
	"var/cache/man/*",
	"var/tmp/*",
};

void capture_identity(struct str_list *patterns)
{
	for (size_t i = 0; i < ARRAY_LEN(patterns_of_one); i++)
		str_list_add(patterns, patterns_of_one[i]);
}
