/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GRUB's files: one grammar for both firmwares (info grub, "Shell-like scripting"). Pure. File names come from our own data only:
 * the one variable used, $net_default_mac, is made by GRUB from the six bytes of the hardware address. */
#include "netboot/netboot.h"
#include "netboot/render.h"

#include "base/mem.h"

#include <string.h>

/* In single quotes GRUB takes everything literally but the quote itself. */
static void add_quoted(struct buf *out, const char *s)
{
	buf_addc(out, '\'');
	for (; *s; s++) {
		if (*s == '\'')
			buf_adds(out, "'\\''");
		else
			buf_addc(out, *s);
	}
	buf_addc(out, '\'');
}

static bool names_console(const struct str_list *args)
{
	for (size_t i = 0; args && i < args->len; i++)
		if (str_starts(args->items[i], "console="))
			return true;
	return false;
}

static void add_arg(struct buf *out, const char *name, const char *value)
{
	autofree char *arg = str_format("%s%s", name, value);

	buf_addc(out, ' ');
	add_quoted(out, arg);
}

/* The imager is told its IPv6 address, which no server leases (netboot/dnsmasq.c). */
static void add_address6(const struct netboot_input *in, const struct netboot_node *n, struct buf *out)
{
	const struct site_network *net = site_provision(in->site);
	char addr[ADDR6_LEN];
	autofree char *with_prefix = NULL;

	addr6_print(&n->addr6, addr);
	with_prefix = str_format("%s/%u", addr, net->net6.prefix);
	add_arg(out, "orthrus.address6=", with_prefix);
	if (!net->has_gateway6)
		return;
	addr6_print(&net->gateway6, addr);
	add_arg(out, "orthrus.gateway6=", addr);
}

/* Load kernel and initramfs and start them; a transfer that breaks must not leave a machine waiting at a prompt for ever. */
static void add_imager(const struct netboot_input *in, const struct netboot_node *n, const char *payload, const char *mode,
		       const char *bootif_quoted, struct buf *out)
{
	const struct str_list *args = n ? n->kernel_args : NULL;

	buf_addf(out, "if linux '/" NETBOOT_PAYLOAD_DIR "/%s/vmlinuz'", payload);
	add_arg(out, "orthrus.server=", in->server_url);
	add_arg(out, "orthrus.mode=", mode);
	buf_addf(out, " BOOTIF=%s", bootif_quoted);
	if (n && n->has6)
		add_address6(in, n, out);
	if (!names_console(args)) {
		add_arg(out, "console=tty0", "");
		if (in->site->serial_console)
			add_arg(out, "console=", in->site->serial_console);
	}
	for (size_t i = 0; args && i < args->len; i++)
		add_arg(out, args->items[i], "");
	add_arg(out, "quiet", "");
	add_arg(out, "panic=30", "");
	buf_addf(out, "; then\n\tif initrd '/" NETBOOT_PAYLOAD_DIR "/%s/initrd.img'", payload);
	/* Two archives, one after the other: the kernel unpacks both. */
	if (str_eq(mode, "rescue"))
		buf_addf(out, " '/" NETBOOT_PAYLOAD_DIR "/%s/rescue.img'", payload);
	buf_adds(out, "; then\n\t\tboot\n\tfi\nfi\n");
	buf_adds(out, "echo 'orthrus: kernel or initramfs could not be loaded; trying again in 30 s'\nsleep 30\nreboot\n");
}

/* BIOS only: UEFI firmware shows its console on the serial line by itself, and both at once print every character twice. */
static void add_serial(const char *console, struct buf *out)
{
	uint64_t unit, speed = 115200;
	const char *comma;
	struct err ignored = { 0 };
	autofree char *number = NULL;

	if (!console || !str_starts(console, "ttyS"))
		return;
	comma = strchr(console, ',');
	number = comma ? mem_strndup(console + 4, (size_t)(comma - console - 4)) : mem_strdup(console + 4);
	if (str_to_u64(number, 0, 3, &unit, &ignored) < 0)
		return;
	if (comma) {
		autofree char *digits = mem_strndup(comma + 1, strspn(comma + 1, "0123456789"));

		if (str_to_u64(digits, 300, 4000000, &speed, &ignored) < 0)
			return;
	}
	buf_addf(out,
		 "if [ \"$grub_platform\" = pc ]; then\n"
		 "\tserial --unit=%llu --speed=%llu\n"
		 "\tterminal_output console serial\n"
		 "\tterminal_input console serial\n"
		 "fi\n",
		 (unsigned long long)unit, (unsigned long long)speed);
}

/* Go on to the machine's own disk. BIOS: the firmware's next boot device. UEFI: `exit` ends as a success, after which the boot
 * manager shows its menu instead of trying the next entry (UEFI 2.10, section 3.1.2), so the disk's removable-media loader is
 * started from here; shim finds its grubx64.efi only when $root is the device that it was started from. The installed system's
 * own partition is known by its volume id: another disk, with another system or a stick, may have such a loader too. Without one
 * `exit` is all that is left. */
static void add_disk(const char *esp_uuid, struct buf *out)
{
	buf_adds(out, "if [ \"$grub_platform\" = efi ]; then\n");
	if (esp_uuid)
		buf_addf(out, "\tif search --no-floppy --fs-uuid --set=root %s; then\n", esp_uuid);
	else
		buf_adds(out, "\tif search --no-floppy --file --set=root /EFI/BOOT/BOOTX64.EFI; then\n");
	buf_adds(out, "\t\tif chainloader /EFI/BOOT/BOOTX64.EFI; then\n"
		      "\t\t\tboot\n"
		      "\t\tfi\n");
	if (esp_uuid)
		buf_addf(out,
			 "\telse\n"
			 "\t\techo 'orthrus: no disk has the EFI system partition %s of the installed system'\n"
			 "\t\tsleep 10\n",
			 esp_uuid);
	buf_adds(out, "\tfi\n"
		      "fi\n"
		      "exit\n");
}

/* Over the firmware: GRUB would nest one level deeper with each file it sources. */
static void add_wait(const char *who, struct buf *out)
{
	buf_addf(out,
		 "echo \"orthrus: %s: the head is still preparing the imager; asking again in 10 s\"\n"
		 "sleep 10\n"
		 "reboot\n",
		 who);
}

void netboot_grub_main(const struct netboot_input *in, struct buf *out)
{
	buf_adds(out, "# Made by orthrusd: changes made here are lost.\n");
	add_serial(in->site->serial_console, out);
	buf_adds(out, "if [ -s \"$prefix/nodes/$net_default_mac.cfg\" ]; then\n"
		      "\tsource \"$prefix/nodes/$net_default_mac.cfg\"\n"
		      "fi\n");
	if (in->site->discover && in->discover_payload) {
		buf_adds(out, "echo \"orthrus: $net_default_mac is not known here: booting to be discovered\"\n");
		add_imager(in, NULL, in->discover_payload, "probe", "\"01-$net_default_mac\"", out);
	} else if (in->site->discover && in->discover_wait) {
		add_wait("$net_default_mac is not known here", out);
	} else {
		buf_adds(out, "echo \"orthrus: $net_default_mac is not known here: going on to the disk\"\n");
		add_disk(NULL, out);
	}
}

void netboot_grub_node_mac(const struct netboot_input *in, const struct netboot_node *n, const char *mac, struct buf *out)
{
	autofree char *bootif = str_format("'01-%s'", mac);

	for (char *p = bootif; *p; p++)
		if (*p == ':')
			*p = '-';
	switch (n->target) {
	case NETBOOT_DISK:
		buf_addf(out, "echo 'orthrus: %s: going on to the disk'\n", n->name);
		add_disk(n->esp_uuid, out);
		break;
	case NETBOOT_WAIT:
		add_wait(n->name, out);
		break;
	case NETBOOT_PROBE:
		buf_addf(out, "echo 'orthrus: %s: booting to report its hardware'\n", n->name);
		add_imager(in, n, n->payload, "probe", bootif, out);
		break;
	case NETBOOT_INSTALL:
		buf_addf(out, "echo 'orthrus: %s: booting to be installed'\n", n->name);
		add_imager(in, n, n->payload, "install", bootif, out);
		break;
	case NETBOOT_DISKLESS:
		buf_addf(out, "echo 'orthrus: %s: booting its image into memory'\n", n->name);
		add_imager(in, n, n->payload, "diskless", bootif, out);
		break;
	case NETBOOT_RESCUE:
		buf_addf(out, "echo 'orthrus: %s: booting the rescue system'\n", n->name);
		add_imager(in, n, n->payload, "rescue", bootif, out);
		break;
	}
}

void netboot_grub_node(const struct netboot_input *in, const struct netboot_node *n, struct buf *out)
{
	netboot_grub_node_mac(in, n, n->macs->len ? n->macs->items[0] : "", out);
}

char *netboot_node_file(const char *mac)
{
	return str_format("%s.cfg", mac);
}
