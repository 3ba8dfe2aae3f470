/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/inventory.h"

#include "base/json.h"
#include "base/mem.h"
#include "imaging/imager/inventory_priv.h"
#include "imaging/imager/board.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <stdlib.h>
#include <string.h>

#define SMALL 4096
#define CPUINFO_MAX ((size_t)16 << 20)
#define SMBIOS_MAX ((size_t)1 << 20)
#define SECURE_BOOT "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

char *inventory_line(const char *root, const char *path)
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

/* "model name	: AMD EPYC 7302 16-Core Processor" */
static char *read_cpu_model(const char *root)
{
	autofree char *full = str_format("%s/proc/cpuinfo", root);
	autoclean(buf_free) struct buf b = { 0 };
	struct err ignored = { 0 };
	const char *at;

	if (fs_read(full, CPUINFO_MAX, &b, &ignored) < 0 || !(at = strstr(buf_str(&b), "model name")) || !(at = strchr(at, ':')))
		return mem_strdup("");
	at += 1 + strspn(at + 1, " \t");
	return str_printable(at, strcspn(at, "\n"));
}

static char *read_tpm(const char *root)
{
	autofree char *major = inventory_line(root, "sys/class/tpm/tpm0/tpm_version_major");

	return mem_strdup(str_eq(major, "2") ? "2.0" : str_eq(major, "1") ? "1.2" : "");
}

/* The BMC tells most; that there is one, the firmware's table knows too. */
static void read_board(const char *root, struct inventory *out)
{
	autofree char *tables = str_format("%s/sys/firmware/dmi/tables/DMI", root);
	autofree char *door = str_format("%s/dev/ipmi0", root);
	autoclean(buf_free) struct buf table = { 0 };
	struct board board = { 0 };
	struct err why = { 0 }, no_bmc = { 0 };

	if (fs_read(tables, SMBIOS_MAX, &table, &why) == 0 &&
	    board_read((const uint8_t *)buf_str(&table), table.len, &board, &why) < 0)
		log_warn("inventory", "%s", why.text);
	if (table.data)
		explicit_bzero(table.data, table.len); /* a token may be in it */
	out->memory_modules = board.memory_modules;
	out->has_bmc = board_bmc_probe(door, &out->bmc, &no_bmc) == 0 || board.bmc;
	if (no_bmc.kind != ERR_NONE && no_bmc.kind != ERR_NOT_FOUND)
		log_warn("inventory", "%s", no_bmc.text);
}

int inventory_read(const char *root, struct inventory *out, struct err *err)
{
	autofree char *efi = str_format("%s/sys/firmware/efi", root);

	out->boot_id = inventory_line(root, "proc/sys/kernel/random/boot_id");
	out->vendor = inventory_line(root, "sys/class/dmi/id/sys_vendor");
	out->product = inventory_line(root, "sys/class/dmi/id/product_name");
	out->serial = inventory_line(root, "sys/class/dmi/id/product_serial");
	out->memory_bytes = read_memory(root);
	out->cpus = count_cpus(root);
	out->cpu_model = read_cpu_model(root);
	out->tpm = read_tpm(root);
	out->uefi = fs_exists(efi);
	out->secure_boot = out->uefi && read_secure_boot(root);
	read_board(root, out);
	return inventory_nics(root, out, err);
}

void inventory_free(struct inventory *inv)
{
	free(inv->boot_id);
	free(inv->vendor);
	free(inv->product);
	free(inv->serial);
	free(inv->cpu_model);
	free(inv->tpm);
	board_bmc_free(&inv->bmc);
	inventory_nics_free(inv);
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
	json_put_str(&w, "cpu_model", inv->cpu_model);
	json_put_u64(&w, "memory_modules", inv->memory_modules);
	json_put_str(&w, "tpm", inv->tpm[0] ? inv->tpm : NULL);
	if (inv->has_bmc) {
		json_put_obj(&w, "bmc");
		json_put_str(&w, "address", inv->bmc.address);
		json_put_str(&w, "mac", inv->bmc.mac);
		json_put_str(&w, "vendor", inv->bmc.vendor);
		json_end_obj(&w);
	} else {
		json_put_str(&w, "bmc", NULL);
	}
	inventory_print_nics(inv, &w);
	disks_to_json(&inv->disks, &w, "disks");
	json_end_obj(&w);
}
