/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/hostfiles.h"

#include "base/buf.h"
#include "base/mem.h"

#include <string.h>

/* GRUB's own console on the same serial line as the kernel's: "ttyS1,115200" -> unit 1, speed 115200. Other kinds have no unit
 * number. */
static void grub_terminal(const char *serial, struct buf *out)
{
	size_t name;

	if (!serial || !str_starts(serial, "ttyS")) {
		buf_adds(out, "GRUB_TERMINAL=\"console\"\n");
		return;
	}
	name = strcspn(serial, ",");
	buf_adds(out, "GRUB_TERMINAL=\"console serial\"\n");
	buf_addf(out, "GRUB_SERIAL_COMMAND=\"serial --unit=%.*s --speed=%.*s\"\n", (int)(name - strlen("ttyS")),
		 serial + strlen("ttyS"), serial[name] ? (int)strspn(serial + name + 1, "0123456789") : 4,
		 serial[name] ? serial + name + 1 : "9600");
}

static bool names_console(const struct str_list *args)
{
	for (size_t i = 0; i < args->len; i++)
		if (str_starts(args->items[i], "console="))
			return true;
	return false;
}

void hostfiles_add_boot(const struct hostfiles_input *in, struct hostfiles *out)
{
	const struct order *o = in->order;
	autoclean(buf_free) struct buf b = { 0 };

	/* Read by a shell (grub-mkconfig): check.c lets no byte through that it would expand. */
	buf_adds(&b, "# Written by orthrus.\nGRUB_CMDLINE_LINUX_DEFAULT=\"\"\nGRUB_CMDLINE_LINUX=\"");
	if (!names_console(&o->kernel_args))
		buf_addf(&b, "console=tty0%s%s", o->serial_console ? " console=" : "",
			 o->serial_console ? o->serial_console : "");
	for (size_t i = 0; i < o->kernel_args.len; i++)
		buf_addf(&b, " %s", o->kernel_args.items[i]);
	buf_adds(&b, "\"\n");
	grub_terminal(o->serial_console, &b);
	/* An interrupted boot must not stop at a menu that nobody sees. */
	buf_adds(&b, "GRUB_TIMEOUT=2\nGRUB_RECORDFAIL_TIMEOUT=2\nGRUB_DISABLE_OS_PROBER=true\nGRUB_DISABLE_LINUX_UUID=false\n"
		     "GRUB_DISABLE_LINUX_PARTUUID=true\n");
	hostfiles_add(out, HOSTFILE_TEXT, "etc/default/grub.d/orthrus.cfg", 0644, buf_steal(&b));
	hostfiles_add(out, HOSTFILE_TEXT, "etc/initramfs-tools/conf.d/orthrus", 0644,
		      mem_strdup("# Written by orthrus: no waiting for a swap device to resume from.\nRESUME=none\n"));
}
