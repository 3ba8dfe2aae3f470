/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An inventory's disks come from a machine that nobody has checked: reading them, and planning with what was read, must hold for
 * any bytes, and what is read must print and read again the same. */
#include "base/mem.h"
#include "raidsetup/raidsetup.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two disks, one array: enough to walk through every step of the planner. */
static void plan_with(const struct disks *disks)
{
	static char name[] = "l", esp[] = "esp", sys[] = "sys", raid[] = "raid", m10[] = "1.0", m12[] = "1.2", vfat[] = "vfat",
		    xfs[] = "xfs", root[] = "/", efi[] = "/boot/efi";
	struct layout_part parts[] = { { .id = esp, .size_bytes = UINT64_C(512) << 20, .use = esp },
				       { .id = sys, .rest = true, .use = raid } };
	struct layout_md md[] = { { .name = esp, .level = 1, .metadata = m10, .on = esp },
				  { .name = sys, .level = 1, .metadata = m12, .bitmap = true, .on = sys } };
	struct layout_fs fs[] = { { .on = sys, .type = xfs, .mount = root }, { .on = esp, .type = vfat, .mount = efi } };
	const struct layout l = { .name = name,
				  .min = 1,
				  .want = 2,
				  .exclude_bad = true,
				  .reserve_bytes = UINT64_C(16) << 20,
				  .parts = parts,
				  .n_parts = ARRAY_LEN(parts),
				  .md = md,
				  .n_md = ARRAY_LEN(md),
				  .fs = fs,
				  .n_fs = ARRAY_LEN(fs),
				  .uefi = true };
	const uint8_t seed[RAID_SEED_LEN] = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	struct err err = { 0 };

	if (raid_plan(&l, disks, seed, &plan, &result, &err) < 0 && !err.text[0])
		abort();
}

static int read_disks(const char *text, size_t len, struct disks *out)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;
	struct err err = { 0 };

	if (json_parse(text, len, &doc, &err) < 0 || json_root_obj(&doc, &o, &err) < 0)
		return -1;
	return disks_from_json(&o, "disks", out, &err);
}

static void print_disks(const struct disks *disks, struct buf *out)
{
	struct json_out w;

	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	disks_to_json(disks, &w, "disks");
	json_end_obj(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoclean(disks_free) struct disks disks = { 0 }, again = { 0 };
	autoclean(buf_free) struct buf one = { 0 }, two = { 0 };

	if (read_disks((const char *)data, size, &disks) < 0)
		return 0;
	print_disks(&disks, &one);
	if (read_disks(buf_str(&one), one.len, &again) < 0)
		abort();
	print_disks(&again, &two);
	if (!str_eq(buf_str(&one), buf_str(&two)))
		abort();
	plan_with(&disks);
	return 0;
}
