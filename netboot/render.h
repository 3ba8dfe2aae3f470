/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of a network boot are called, and the parts of rendering that apply needs besides the public ones. */
#ifndef ORTHRUS_NETBOOT_RENDER_H
#define ORTHRUS_NETBOOT_RENDER_H

#include "netboot/netboot.h"

/* In run_dir. */
#define NETBOOT_CONF "dnsmasq.conf"
#define NETBOOT_DHCP_HOSTS "dnsmasq.dhcp-hosts"
#define NETBOOT_HOSTS "dnsmasq.hosts"
#define NETBOOT_LEASES "dnsmasq.leases"
#define NETBOOT_PID "dnsmasq.pid"
/* In tftp_root. Debian's signed GRUB looks for /grub/grub.cfg and nothing else; shim wants GRUB beside it under this name. */
#define NETBOOT_BIOS_FILE "core.0"
#define NETBOOT_UEFI_FILE "shimx64.efi"
#define NETBOOT_UEFI_GRUB "grubx64.efi"
#define NETBOOT_GRUB_DIR "grub"
#define NETBOOT_GRUB_CFG "grub/grub.cfg"
#define NETBOOT_NODES_DIR "grub/nodes"
#define NETBOOT_PAYLOAD_DIR "payload"

/* Pure. Every value that gets into a file of dnsmasq or GRUB is of a form that can't change the meaning of that file: ERR_INVALID
 * else. */
int netboot_check(const struct netboot_input *in, struct err *err) WARN_UNUSED;
/* Pure. Is there an address pool for machines we do not know? */
bool netboot_has_pool(const struct site *site);
/* Pure. netboot_grub_node() for the interface `mac` of the node. */
void netboot_grub_node_mac(const struct netboot_input *in, const struct netboot_node *n, const char *mac, struct buf *out);
/* Pure. The name of the file below grub/nodes/ for a MAC address: "52:54:00:00:00:01.cfg". Caller frees. */
char *netboot_node_file(const char *mac);

/* Pure. The lease file without the leases of addresses that belong to another MAC now; returns how many were left out. `out` may
 * be NULL. */
size_t netboot_leases_keep(const struct netboot_input *in, const char *leases, struct buf *out);

#endif
