/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netboot/modules.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

const char *const modules_wanted[] = {
	/* buses, and what they need to be found on */
	"virtio_pci", "virtio_mmio", "vmd", "xhci_pci", "ehci_pci", "ohci_pci", "uhci_hcd", "usbhid", "hid_generic", "virtio_rng",
	"hv_vmbus", "ipmi_si", "ipmi_devintf",
	/* TPMs, where they are not built in */
	"tpm_crb", "tpm_tis",
	/* disks */
	"virtio_blk", "virtio_scsi", "nvme", "ahci", "ata_piix", "ata_generic", "sata_sil24", "sata_mv", "sata_nv", "sata_via",
	"sd_mod", "usb_storage", "uas", "isci", "mpt3sas", "mptsas", "mptspi", "megaraid_sas", "hpsa", "smartpqi", "aacraid",
	"pm80xx", "mvsas", "vmw_pvscsi", "hv_storvsc",
	/* network cards, and the PHY drivers that they ask for by name */
	"virtio_net", "e1000", "e1000e", "igb", "igc", "ixgbe", "i40e", "ice", "r8169", "tg3", "bnx2", "bnx2x", "bnxt_en",
	"be2net", "mlx4_core", "mlx4_en", "mlx5_core", "qede", "cxgb4", "sfc", "ena", "atlantic", "vmxnet3", "hv_netvsc",
	"realtek", "broadcom", "marvell", "r8152", "cdc_ether", "ax88179_178a",
	/* arrays and file systems, and the checksums and character sets that they ask for by name */
	"md_mod", "raid0", "raid1", "raid10", "raid456", "ext4", "xfs", "vfat", "nls_cp437", "nls_ascii", "nls_utf8",
	"nls_iso8859_1", "crc32c_generic", "crc32c_intel", "crc32_generic", "efivarfs",
	/* what runs an image from memory */
	"loop", "squashfs", "overlay", NULL
};

struct module {
	char *path, *name, *deps; /* deps: the rest of the line */
	bool taken;
};

struct index {
	struct module *items;
	size_t len, cap;
};

static void index_free(struct index *ix)
{
	for (size_t i = 0; i < ix->len; i++) {
		free(ix->items[i].path);
		free(ix->items[i].name);
		free(ix->items[i].deps);
	}
	free(ix->items);
}

/* "kernel/drivers/usb/host/xhci-pci.ko.xz" -> "xhci_pci" */
static char *module_name(const char *path)
{
	const char *base = strrchr(path, '/'), *end;
	char *name;

	base = base ? base + 1 : path;
	end = strstr(base, ".ko");
	name = end ? mem_strndup(base, (size_t)(end - base)) : mem_strdup(base);
	for (char *p = name; *p; p++)
		if (*p == '-')
			*p = '_';
	return name;
}

/* The tree comes from an image: a path must stay below its directory. */
static bool path_is_inside(const char *path)
{
	if (*path == '/' || !*path)
		return false;
	for (const char *p = path; *p; p += strcspn(p, "/"), p += *p == '/')
		if (strcspn(p, "/") == 0 || (strcspn(p, "/") <= 2 && strspn(p, ".") == strcspn(p, "/")))
			return false;
	return true;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct module *)a)->path, ((const struct module *)b)->path);
}

static int read_index(const char *dep, size_t len, struct index *ix, struct err *err)
{
	for (size_t at = 0; at < len;) {
		const char *line = dep + at, *end = memchr(line, '\n', len - at), *colon;
		size_t n = end ? (size_t)(end - line) : len - at;
		struct module m = { 0 };

		at += n + 1;
		if (n == 0)
			continue;
		colon = memchr(line, ':', n);
		if (!colon || memchr(line, '\0', n))
			return err_set(err, ERR_DAMAGED, "modules.dep: a line is not of the form \"file: dependencies\"");
		m.path = mem_strndup(line, (size_t)(colon - line));
		m.deps = mem_strndup(colon + 1, n - (size_t)(colon + 1 - line));
		m.name = module_name(m.path);
		ix->items = mem_room(ix->items, ix->len, &ix->cap, sizeof(*ix->items));
		ix->items[ix->len++] = m;
		if (!path_is_inside(m.path))
			return err_set(err, ERR_DAMAGED, "modules.dep: the path of module %.60s leads elsewhere", m.name);
	}
	if (ix->len)
		qsort(ix->items, ix->len, sizeof(*ix->items), by_path);
	return 0;
}

/* Depth is no concern: a module is marked before its dependencies are looked at, and modules.dep lists them all on one line. */
static int take(struct index *ix, struct module *m, struct err *err)
{
	autofree char *deps = NULL;
	char *save = NULL;

	if (m->taken)
		return 0;
	m->taken = true;
	deps = mem_strdup(m->deps);
	for (char *dep = strtok_r(deps, " \t", &save); dep; dep = strtok_r(NULL, " \t", &save)) {
		struct module want = { .path = dep }, *found = bsearch(&want, ix->items, ix->len, sizeof(want), by_path);

		if (!found)
			return err_set(err, ERR_DAMAGED, "modules.dep: %s needs %s, which is not there", m->path, dep);
		found->taken = true;
	}
	return 0;
}

static bool is_wanted(const char *name, const char *const *wanted)
{
	for (; *wanted; wanted++)
		if (str_eq(name, *wanted))
			return true;
	return false;
}

int modules_select(const char *dep, size_t len, const char *const *wanted, struct str_list *paths, struct err *err)
{
	autoclean(index_free) struct index ix = { 0 };

	if (read_index(dep, len, &ix, err) < 0)
		return -1;
	for (size_t i = 0; i < ix.len; i++)
		if (is_wanted(ix.items[i].name, wanted) && take(&ix, &ix.items[i], err) < 0)
			return -1;
	for (size_t i = 0; i < ix.len; i++)
		if (ix.items[i].taken && (i == 0 || !str_eq(ix.items[i].path, ix.items[i - 1].path)))
			str_list_add(paths, ix.items[i].path);
	return 0;
}

void modules_firmware(const void *module, size_t len, struct str_list *out)
{
	static const char tag[] = "firmware=";
	const char *data = module, *end = data + len, *p = data;

	while ((p = memmem(p, (size_t)(end - p), tag, sizeof(tag) - 1)) != NULL) {
		const char *value = p + sizeof(tag) - 1, *stop = memchr(value, '\0', (size_t)(end - value));

		/* In .modinfo a string begins after the NUL of the one before. */
		if (stop && (p == data || p[-1] == '\0')) {
			autofree char *name = mem_strdup(value);

			if (path_is_inside(name) && !str_list_has(out, name))
				str_list_add(out, name);
		}
		p = value;
	}
}
