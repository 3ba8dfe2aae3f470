/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/probe.h"

#include "base/mem.h"
#include "raidsetup/disk.h"
#include "sys/fs.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define VPD_MAX 1024
#define UDEV_MAX 65536

static void set_text(char **where, char *text)
{
	free(*where);
	*where = text;
}

/* What udev wrote down about the disk: "E:ID_SERIAL_SHORT=..." lines in /run/udev/data/bMAJOR:MINOR (its own format, but the same
 * for ten years, and read by libudev of every version). "" without one. */
static char *udev_value(const struct raid_env *env, const char *dir, const char *key)
{
	autofree char *path = NULL, *start = str_format("E:%s=", key);
	autoclean(buf_free) struct buf b = { 0 };
	char *line, *rest;
	dev_t dev;

	if (!sysfs_dev(dir, &dev))
		return mem_strdup("");
	path = str_format("%s/data/b%u:%u", env->udev, major(dev), minor(dev));
	if (!sysfs_read(path, UDEV_MAX, &b) || !b.data)
		return mem_strdup("");
	for (line = strtok_r(b.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (str_starts(line, start))
			return str_printable(line + strlen(start), strlen(line + strlen(start)));
	return mem_strdup("");
}

/* Bytes of a SCSI page as text without the blanks around it. */
static char *page_text(const char *data, size_t len)
{
	while (len && (isspace((unsigned char)*data) || !*data)) {
		data++;
		len--;
	}
	while (len && (isspace((unsigned char)data[len - 1]) || !data[len - 1]))
		len--;
	return str_printable(data, len);
}

/* An ATA string: two bytes swapped in each word (ACS-4, 3.4.9). */
static char *ata_text(const char *identify, size_t word, size_t words)
{
	char text[64] = { 0 };

	for (size_t i = 0; i < 2 * words && i < sizeof(text); i++)
		text[i] = identify[(2 * word + i) ^ 1];
	return page_text(text, 2 * words);
}

/* The kernel keeps the vital product data pages of SCSI and ATA disks: 0x89 has what an ATA disk says of itself (SAT-4, 12.4.2),
 * uncut, where the inquiry's model ends after 16 bytes; 0x80 is the serial number (SPC-5, 7.7.18). */
static void from_pages(const char *device, struct disk *d)
{
	autofree char *ata = fs_join(device, "vpd_pg89"), *serial = fs_join(device, "vpd_pg80");
	autoclean(buf_free) struct buf page = { 0 };

	if (sysfs_read(ata, VPD_MAX, &page) && page.len >= 60 + 512) {
		autofree char *model = ata_text(page.data + 60, 27, 20), *number = ata_text(page.data + 60, 10, 10);

		if (*model)
			set_text(&d->model, steal(model));
		if (*number)
			set_text(&d->serial, steal(number));
	}
	buf_clear(&page);
	if (!*d->serial && sysfs_read(serial, VPD_MAX, &page) && page.len > 4)
		set_text(&d->serial, page_text(page.data + 4, page.len - 4));
}

/* "naa.5000c500a1b2c3d4" is written "0x5000c500a1b2c3d4" on labels and by udev; eui is kept. Other kinds (t10: model and serial
 * once more, nvme: made from vendor and serial) are no world wide names. */
static void from_wwid(const char *dir, struct disk *d)
{
	autofree char *wwid = sysfs_text(dir, "wwid");

	if (str_starts(wwid, "naa."))
		set_text(&d->wwn, str_format("0x%s", wwid + 4));
	else if (str_starts(wwid, "eui."))
		set_text(&d->wwn, steal(wwid));
}

static void from_nvme(const char *dir, const char *device, struct disk *d)
{
	uint64_t space = sysfs_u64(dir, "nsid", 1);

	set_text(&d->model, sysfs_text(device, "model"));
	set_text(&d->serial, sysfs_text(device, "serial"));
	/* The number is the controller's: further namespaces on it are other disks. */
	if (space != 1 && *d->serial)
		set_text(&d->serial, str_format("%s_%llu", d->serial, (unsigned long long)space));
	from_wwid(dir, d);
}

static void from_scsi(const char *device, struct disk *d)
{
	autofree char *vendor = sysfs_text(device, "vendor"), *model = sysfs_text(device, "model");

	if (*vendor && !str_eq(vendor, "ATA"))
		set_text(&d->model, str_format("%s%s%s", vendor, *model ? " " : "", model));
	else
		set_text(&d->model, steal(model));
	from_pages(device, d);
	from_wwid(device, d);
}

/* Behind a USB bridge the pages are the bridge's, often the same for all of a kind; the USB device's own number is the better
 * one. */
static void from_usb(const char *real, struct disk *d)
{
	autofree char *dir = mem_strdup(real);

	for (char *cut = strrchr(dir, '/'); cut && cut != dir; cut = strrchr(dir, '/')) {
		autofree char *vendor = NULL, *serial = NULL;

		*cut = '\0';
		vendor = sysfs_text(dir, "idVendor");
		if (!*vendor)
			continue;
		serial = sysfs_text(dir, "serial");
		if (*serial)
			set_text(&d->serial, steal(serial));
		return;
	}
}

/* By the buses between the processor and the disk. */
static const char *transport_of(const char *path)
{
	static const struct {
		const char *part, *transport;
	} buses[] = {
		{ "/usb", "usb" }, { "/nvme", "nvme" }, { "/virtio", "virtio" }, { "/end_device-", "sas" }, { "/ata", "sata" },
	};

	for (size_t i = 0; i < ARRAY_LEN(buses); i++)
		if (strstr(path, buses[i].part))
			return buses[i].transport;
	return "other";
}

static void from_udev(const struct raid_env *env, const char *dir, struct disk *d)
{
	static const char *const keys[] = { "ID_SCSI_SERIAL", "ID_SERIAL_SHORT" };

	for (size_t i = 0; i < ARRAY_LEN(keys) && !*d->serial; i++)
		set_text(&d->serial, udev_value(env, dir, keys[i]));
	if (!*d->wwn)
		set_text(&d->wwn, udev_value(env, dir, "ID_WWN_WITH_EXTENSION"));
	if (!*d->wwn)
		set_text(&d->wwn, udev_value(env, dir, "ID_WWN"));
	if (!*d->model)
		set_text(&d->model, udev_value(env, dir, "ID_MODEL"));
}

void probe_identity(const struct raid_env *env, struct disk *d)
{
	autofree char *dir = sys_block_dir(env, d->name), *device = fs_join(dir, "device"), *real = realpath(dir, NULL);

	set_text(&d->transport, mem_strdup(transport_of(real ? real : "")));
	if (env->loops && str_list_has(env->loops, d->name)) {
		set_text(&d->model, mem_strdup("loop device"));
		set_text(&d->serial, mem_strdup(d->name));
		return;
	}
	if (str_starts(d->name, "nvme")) {
		from_nvme(dir, device, d);
	} else if (str_starts(d->name, "vd")) {
		set_text(&d->serial, sysfs_text(dir, "serial"));
	} else if (str_starts(d->name, "mmcblk")) {
		set_text(&d->model, sysfs_text(device, "name"));
		set_text(&d->serial, sysfs_text(device, "serial"));
	} else {
		from_scsi(device, d);
	}
	if (real && str_eq(d->transport, "usb"))
		from_usb(real, d);
	from_udev(env, dir, d);
}
