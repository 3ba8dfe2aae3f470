/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the script on the machine is told: file systems and how to hold them, as variables of bash. Pure. */
#include "imaging/capture_priv.h"

#include "base/mem.h"

#include <string.h>

enum capture_hold capture_hold_of(const struct capture_facts *f, const char *path)
{
	autofree char *full = str_format("%s/%s", str_eq(f->dir, "/") ? "" : f->dir, path);
	const struct capture_fs *best = NULL;

	for (size_t i = 0; i < f->n_fs; i++)
		if (f->fs[i].taken && capture_is_below(*path ? full : f->dir, f->fs[i].target) &&
		    (!best || strlen(f->fs[i].target) > strlen(best->target)))
			best = &f->fs[i];
	return best ? best->hold : CAPTURE_LIVE;
}

void capture_describe(const struct capture_facts *f, bool again, struct buf *out)
{
	autoclean(str_list_free) struct str_list targets = { 0 };
	autoclean(str_list_free) struct str_list holds = { 0 };
	autoclean(str_list_free) struct str_list types = { 0 };
	autoclean(str_list_free) struct str_list lvs = { 0 };
	autoclean(str_list_free) struct str_list sizes = { 0 };
	autoclean(str_list_free) struct str_list points = { 0 };
	static const char *const holding[] = { [CAPTURE_LIVE] = "live", [CAPTURE_LVM] = "lvm", [CAPTURE_BTRFS] = "btrfs" };

	/* The outer ones first: these have the shorter names. */
	for (size_t len = 0; len < 4096; len++) {
		for (size_t i = 0; i < f->n_fs; i++) {
			const struct capture_fs *fs = &f->fs[i];

			if (!fs->taken || strlen(fs->target) != len)
				continue;
			str_list_add(&targets, fs->target);
			str_list_add(&holds, again && fs->hold != CAPTURE_LIVE ? "none" : holding[fs->hold]);
			str_list_add(&types, fs->type);
			str_list_add(&lvs, fs->lv ? fs->lv : "");
			if (fs->thin)
				str_list_add(&sizes, "thin");
			else
				str_list_addf(&sizes, "%llu", (unsigned long long)fs->snapshot_bytes);
			if (targets.len > 1)
				str_list_add(&points,
					     fs->target + (str_eq(targets.items[0], "/") ? 0 : strlen(targets.items[0])));
		}
	}
	capture_set(out, "mode", "read");
	capture_set(out, "dir", f->dir);
	capture_set(out, "plain", f->plain ? "1" : "0");
	capture_set(out, "ask", again ? "1" : "0");
	capture_set(out, "snapshots", f->snapshots && !again ? "1" : "0");
	capture_set_all(out, "fs_target", &targets);
	capture_set_all(out, "fs_hold", &holds);
	capture_set_all(out, "fs_type", &types);
	capture_set_all(out, "fs_lv", &lvs);
	capture_set_all(out, "fs_size", &sizes);
	capture_set_all(out, "points", &points);
	capture_set_all(out, "excludes", &f->excludes);
}
