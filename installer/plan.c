/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/order.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* "QEMU HARDDISK, serial n01a, 5 GiB; ..." or, in place of a disk that is not there, "one missing". */
static char *describe_members(const struct disks *disks, const struct raid_result *result)
{
	autoclean(buf_free) struct buf out = { 0 };

	for (size_t i = 0; i < result->members.len; i++) {
		const char *id = result->members.items[i];
		const struct disk *d = disk_find(disks, id);
		char size[STR_BYTES_MAX];

		if (i)
			buf_adds(&out, "; ");
		if (!d) {
			buf_adds(&out, str_eq(id, "missing") ? "one missing" : id);
			continue;
		}
		str_from_bytes(d->size_bytes, size);
		buf_addf(&out, "%s%s%s, %s", d->model, d->model[0] ? ", " : "", id, size);
	}
	return buf_steal(&out);
}

/* Hand the steps of `from` over, in order. */
static void move_steps(struct plan *to, struct plan *from)
{
	for (size_t i = 0; i < from->len; i++) {
		struct plan_step *s = &from->steps[i];

		plan_add(to, s->type, s->effect, s->name, steal(s->text), steal(s->arg), steal(s->arg_free));
	}
	plan_free(from);
}

static void add(struct plan *plan, enum install_step type, enum plan_effect effect, const char *name, char *text)
{
	plan_add(plan, (int)type, effect, name, text, NULL, NULL);
}

static const char *boot_kinds(const struct layout *l)
{
	if (l->bios && l->uefi)
		return "GRUB for BIOS on each disk and, for UEFI, the signed loaders on the EFI system partition";
	return l->uefi ? "the signed UEFI loaders on the EFI system partition" : "GRUB for BIOS on each disk";
}

/* The boot loader comes after the check of what was restored: until then nothing on these disks boots. */
static void add_system_steps(const struct order *order, struct plan *plan)
{
	add(plan, INSTALL_RESTORE, PLAN_WRITES, "restore",
	    str_format("mount the file systems and restore image %s/%s (manifest %.16s)", order->image_name, order->image_id,
		       order->manifest_digest));
	add(plan, INSTALL_HOST_FILES, PLAN_WRITES, "host-files",
	    str_format("write what makes it %s.%s: names, file systems, network %s, time, access", order->node, order->domain,
		       order->mac));
	add(plan, INSTALL_VERIFY, PLAN_READS, "verify",
	    mem_strdup("check arrays, file systems and restored files against the plan"));
	add(plan, INSTALL_BOOT_LOADER, PLAN_WRITES, "boot-loader", str_format("make it boot: %s", boot_kinds(&order->layout)));
	add(plan, INSTALL_UNMOUNT, PLAN_WRITES, "unmount", mem_strdup("unmount the file systems and stop the arrays"));
}

int install_plan(const struct order *order, const struct disks *disks, struct plan *plan, struct raid_result *result,
		 struct err *err)
{
	autoclean(plan_free) struct plan raid = { 0 };
	autofree char *members = NULL;
	uint8_t seed[RAID_SEED_LEN];

	if (str_unhex(order->install_id, seed, sizeof(seed), err) < 0)
		return err_wrap(err, "install_id");
	if (raid_plan(&order->layout, disks, seed, &raid, result, err) < 0)
		return -1;
	members = describe_members(disks, result);
	add(plan, INSTALL_DISK_TEST, PLAN_READS, "disk-test", str_format("test before use, reading only: %s", members));
	move_steps(plan, &raid);
	add_system_steps(order, plan);
	return 0;
}

/* A disk as it counts for an approval: which disk, not what lies on it or how its test was worded. */
static struct disk approved_view(const struct disk *d)
{
	struct disk v = *d;

	v.found = (struct str_list){ 0 };
	v.bad = d->bad ? mem_strdup("failed its test") : NULL;
	return v;
}

int install_digest(const struct order *order, const struct disks *disks, char hex[DIGEST_HEX_LEN], struct err *err)
{
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	struct disks view = { .items = mem_array(disks->len ? disks->len : 1, sizeof(*view.items)), .len = disks->len };
	struct digest d;
	int rc;

	for (size_t i = 0; i < disks->len; i++)
		view.items[i] = approved_view(&disks->items[i]);
	rc = install_plan(order, &view, &plan, &result, err);
	/* The rest of each view belongs to `disks`. */
	for (size_t i = 0; i < view.len; i++)
		free(view.items[i].bad);
	free(view.items);
	if (rc < 0)
		return -1;
	plan_digest(&plan, &d);
	digest_hex(&d, hex);
	return 0;
}
