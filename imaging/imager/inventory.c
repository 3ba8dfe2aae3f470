/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/inventory.h"

#include "base/json.h"
#include "base/mem.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SMALL 4096
#define SECURE_BOOT "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

/* The one line of a small file of the kernel, made printable; "" when it is not there. Never NULL. */
static char *read_line(const char *root, const char *path)
{
	autofree char *full = str_format("%s/%s", root, path);
	autoclean(buf_free) struct buf b = { 0 };
	struct err ignored = { 0 };

	if (fs_read(full, SMALL, &b, &ignored) < 0)
		return mem_strdup("");
	while (b.len && strchr(" \t\r\n", b.data[b.len - 1]))
		b.data[--b.len] = '\0';
	return str_printable(buf_str(&b), b.len);
}

/* "MemTotal:  2024040 kB" */
static uint64_t read_memory(const char *root)
{
	autofree char *full = str_format("%s/proc/meminfo", root);
	autoclean(buf_free) struct buf b = { 0 };
	struct err ignored = { 0 };
	const char *at;

	if (fs_read(full, 1 << 16, &b, &ignored) < 0 || !(at = strstr(buf_str(&b), "MemTotal:")))
		return 0;
	return strtoull(at + strlen("MemTotal:"), NULL, 10) * 1024;
}

static uint64_t count_cpus(const char *root)
{
	autofree char *full = str_format("%s/sys/devices/system/cpu", root);
	autoclean(str_list_free) struct str_list names = { 0 };
	struct err ignored = { 0 };
	uint64_t n = 0;

	if (fs_list(full, &names, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < names.len; i++)
		if (str_starts(names.items[i], "cpu") && names.items[i][3] &&
		    strspn(names.items[i] + 3, "0123456789") == strlen(names.items[i] + 3))
			n++;
	return n;
}

/* Four bytes of attributes, then the value (UEFI 2.10, 8.2; kernel: filesystems/efivarfs). */
static bool read_secure_boot(const char *root)
{
	autofree char *full = str_format("%s/" SECURE_BOOT, root);
	autoclean(buf_free) struct buf b = { 0 };
	struct err ignored = { 0 };

	return fs_read(full, SMALL, &b, &ignored) == 0 && b.len >= 5 && b.data[4] == 1;
}

static char *read_driver(const char *root, const char *nic)
{
	autofree char *full = str_format("%s/sys/class/net/%s/device/driver", root, nic);
	char target[256];
	const char *slash;
	ssize_t n = readlink(full, target, sizeof(target) - 1);

	if (n <= 0)
		return mem_strdup("");
	target[n] = '\0';
	slash = strrchr(target, '/');
	return mem_strdup(slash ? slash + 1 : target);
}

/* Interfaces that are hardware: those with a device behind them. */
static int read_nics(const char *root, struct inventory *out, struct err *err)
{
	autofree char *dir = str_format("%s/sys/class/net", root);
	autoclean(str_list_free) struct str_list names = { 0 };

	if (fs_list(dir, &names, err) < 0)
		return -1;
	out->nics = mem_array(names.len ? names.len : 1, sizeof(*out->nics));
	for (size_t i = 0; i < names.len; i++) {
		const char *name = names.items[i];
		autofree char *device = str_format("%s/%s/device", dir, name);
		autofree char *address = str_format("sys/class/net/%s/address", name);
		autofree char *carrier = str_format("sys/class/net/%s/carrier", name);
		autofree char *link = NULL;

		if (!fs_exists(device))
			continue;
		link = read_line(root, carrier);
		out->nics[out->n_nics++] = (struct nic){ .name = mem_strdup(name),
							 .mac = read_line(root, address),
							 .driver = read_driver(root, name),
							 .link = str_eq(link, "1") };
	}
	return 0;
}

int inventory_read(const char *root, struct inventory *out, struct err *err)
{
	autofree char *efi = str_format("%s/sys/firmware/efi", root);

	out->boot_id = read_line(root, "proc/sys/kernel/random/boot_id");
	out->vendor = read_line(root, "sys/class/dmi/id/sys_vendor");
	out->product = read_line(root, "sys/class/dmi/id/product_name");
	out->serial = read_line(root, "sys/class/dmi/id/product_serial");
	out->memory_bytes = read_memory(root);
	out->cpus = count_cpus(root);
	out->uefi = fs_exists(efi);
	out->secure_boot = out->uefi && read_secure_boot(root);
	return read_nics(root, out, err);
}

void inventory_free(struct inventory *inv)
{
	free(inv->boot_id);
	free(inv->vendor);
	free(inv->product);
	free(inv->serial);
	for (size_t i = 0; i < inv->n_nics; i++) {
		free(inv->nics[i].name);
		free(inv->nics[i].mac);
		free(inv->nics[i].driver);
	}
	free(inv->nics);
	disks_free(&inv->disks);
	*inv = (struct inventory){ 0 };
}

void inventory_print(const struct inventory *inv, struct buf *out)
{
	struct json_out w;

	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "mac", inv->mac);
	json_put_str(&w, "boot_id", inv->boot_id);
	json_put_str(&w, "firmware", inv->uefi ? "uefi" : "bios");
	json_put_bool(&w, "secure_boot", inv->secure_boot);
	json_put_u64(&w, "memory_bytes", inv->memory_bytes);
	json_put_u64(&w, "cpus", inv->cpus);
	json_put_obj(&w, "dmi");
	json_put_str(&w, "vendor", inv->vendor);
	json_put_str(&w, "product", inv->product);
	json_put_str(&w, "serial", inv->serial);
	json_end_obj(&w);
	json_put_arr(&w, "nics");
	for (size_t i = 0; i < inv->n_nics; i++) {
		json_put_obj(&w, NULL);
		json_put_str(&w, "name", inv->nics[i].name);
		json_put_str(&w, "mac", inv->nics[i].mac);
		json_put_str(&w, "driver", inv->nics[i].driver);
		json_put_bool(&w, "link", inv->nics[i].link);
		json_end_obj(&w);
	}
	json_end_arr(&w);
	disks_to_json(&inv->disks, &w, "disks");
	json_end_obj(&w);
}
