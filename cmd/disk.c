/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "raidsetup/raidsetup.h"
#include "site/site.h"

static const char *kind_of(const struct disk *d)
{
	return d->rotational ? "spinning" : "solid state";
}

static void print_disks(const struct disks *disks)
{
	autoclean(cmd_table_free) struct cmd_table t;
	char size[STR_BYTES_MAX];

	cmd_table_init(&t,
		       (const char *const[]){ "DISK", "NOW", "SIZE", "MODEL", "BY", "KIND", "SECTOR", "IN USE", "FOUND", NULL });
	for (size_t i = 0; i < disks->len; i++) {
		const struct disk *d = &disks->items[i];
		autoclean(buf_free) struct buf found = { 0 };
		autofree char *id = disk_id(d);

		for (size_t k = 0; k < d->found.len; k++)
			buf_addf(&found, "%s%s", k ? "; " : "", d->found.items[k]);
		str_from_bytes(d->size_bytes, size);
		cmd_table_add(&t, id);
		cmd_table_add(&t, d->name);
		cmd_table_add(&t, size);
		cmd_table_add(&t, d->model);
		cmd_table_add(&t, d->transport);
		cmd_table_add(&t, kind_of(d));
		cmd_table_addf(&t, "%llu/%llu", (unsigned long long)d->logical_sector_bytes,
			       (unsigned long long)d->physical_sector_bytes);
		cmd_table_add(&t, d->in_use);
		cmd_table_add(&t, buf_str(&found));
	}
	cmd_table_print(&t);
}

int cmd_disk_probe(struct cmd *c, struct err *err)
{
	autoclean(disks_free) struct disks disks = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	if (cmd_args(c, 0, 0, err) < 0 || raid_probe(&disks, err) < 0)
		return -1;
	if (!c->json) {
		print_disks(&disks);
		return 0;
	}
	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	disks_to_json(&disks, &w, "disks");
	json_end_obj(&w);
	cmd_print(buf_str(&out));
	return 0;
}

static int find_layout(const struct cmd *c, const struct site *site, const struct layout **out, struct err *err)
{
	autoclean(buf_free) struct buf list = { 0 };

	*out = site_layout(site, c->argv[0]);
	if (*out)
		return 0;
	for (size_t i = 0; i < site->n_layouts; i++)
		buf_addf(&list, "%s%s", i ? ", " : "", site->layouts[i].name);
	err_set(err, ERR_NOT_FOUND, "%s has no layout '%s'", c->site_path, c->argv[0]);
	return err_hint(err, "its layouts: %s", list.len ? buf_str(&list) : "none");
}

/* Shows only: the seed, and with it every identifier in the plan, is that of no node. */
int cmd_disk_plan(struct cmd *c, struct err *err)
{
	static const uint8_t seed[RAID_SEED_LEN];
	autoclean(raid_result_free) struct raid_result result = { 0 };
	autoclean(disks_free) struct disks disks = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(site_free) struct site site = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	const struct layout *layout;

	if (cmd_args(c, 1, 1, err) < 0 || cmd_read_site(c->site_path, &text, err) < 0 ||
	    site_read(buf_str(&text), text.len, c->site_path, &site, err) < 0 || find_layout(c, &site, &layout, err) < 0 ||
	    raid_probe(&disks, err) < 0 || raid_plan(layout, &disks, seed, &plan, &result, err) < 0)
		return -1;
	cmd_say(c, "Layout %s on this machine's disks would, in this order (nothing is changed now):", layout->name);
	cmd_print_plan(c, &plan);
	return 0;
}
