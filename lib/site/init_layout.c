/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "site/init_layout.h"

#include "base/json.h"
#include "base/mem.h"
#include "site/site.h"

#define MAX_DISKS 64

/* How many disks a level needs, and how many of them a node may lack when it is installed. */
static const struct shape {
	const char *name;
	int level; /* -1: no array */
	unsigned int least, may_lack;
} shapes[] = { { "1", 1, 2, MAX_DISKS }, { "none", -1, 1, 0 }, { "0", 0, 2, 0 },
	       { "5", 5, 3, 1 },	 { "6", 6, 4, 2 },     { "10", 10, 2, 1 } };

static const struct shape *shape_of(const struct site_seed *seed)
{
	if (!seed->raid || !*seed->raid)
		return &shapes[0];
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
		if (str_eq(seed->raid, shapes[i].name))
			return &shapes[i];
	return NULL;
}

char *site_init_layout_name(const struct site_seed *seed)
{
	const struct shape *s = shape_of(seed);

	return s && s->level < 0 ? mem_strdup("single") : str_format("raid%s", s ? s->name : "");
}

struct plan_in {
	const struct shape *shape;
	uint64_t disks;
	const char *filesystem;
	bool bios, uefi, boot; /* boot: a partition of its own for /boot */
};

static int read_words(const struct site_seed *seed, struct plan_in *in, struct err *err)
{
	const char *fs = seed->filesystem && *seed->filesystem ? seed->filesystem : "ext4";
	const char *firmware = seed->firmware && *seed->firmware ? seed->firmware : "both";

	in->shape = shape_of(seed);
	if (!in->shape)
		return err_set(err, ERR_INVALID, "RAID: '%.40s' is no level; allowed are 0, 1, 5, 6, 10 and none", seed->raid);
	in->disks = in->shape->least;
	if (seed->disks && *seed->disks && str_to_u64(seed->disks, 1, MAX_DISKS, &in->disks, err) < 0)
		return err_wrap(err, "disks");
	if (in->shape->level < 0 && in->disks > 1)
		return err_set(err, ERR_INVALID, "disks: %s, but without RAID one disk is used; choose a level, or 1 disk",
			       seed->disks);
	if (!str_eq(fs, "ext4") && !str_eq(fs, "xfs"))
		return err_set(err, ERR_INVALID, "file system: '%.40s' can't be made; allowed are ext4 and xfs", fs);
	in->filesystem = fs;
	in->bios = str_eq(firmware, "both") || str_eq(firmware, "bios");
	in->uefi = str_eq(firmware, "both") || str_eq(firmware, "uefi");
	if (!in->bios && !in->uefi)
		return err_set(err, ERR_INVALID, "firmware: '%.40s' is none; allowed are both, bios and uefi", firmware);
	/* What GRUB reads is kept plain: one mirrored ext4, whatever is striped or newer beside it. */
	in->boot = !str_eq(fs, "ext4") || in->shape->level == 0 || in->shape->level > 1;
	return 0;
}

static void put_part(struct json_out *w, const char *id, const char *size)
{
	json_put_obj(w, NULL);
	json_put_str(w, "id", id);
	json_put_str(w, "size", size);
	json_end_obj(w);
}

static void put_array(struct json_out *w, const char *on, int level, const char *metadata, bool bitmap)
{
	json_put_obj(w, NULL);
	json_put_str(w, "name", on);
	json_put_u64(w, "level", (uint64_t)level);
	json_put_str(w, "metadata", metadata);
	if (bitmap)
		json_put_str(w, "bitmap", "internal");
	json_put_str(w, "on", on);
	json_end_obj(w);
}

static void put_fs(struct json_out *w, const char *on, const char *type, const char *mount)
{
	json_put_obj(w, NULL);
	json_put_str(w, "on", on);
	json_put_str(w, "type", type);
	json_put_str(w, "mount", mount);
	json_end_obj(w);
}

/* The array under the EFI system partition keeps its superblock at the end (metadata 1.0), where firmware does not trip over it:
 * so either firmware boots a mirror, with any of its disks gone. */
static void put_arrays(struct json_out *w, const struct plan_in *in)
{
	json_put_arr(w, "md");
	if (in->shape->level >= 0) {
		if (in->uefi)
			put_array(w, "esp", 1, "1.0", false);
		if (in->boot)
			put_array(w, "boot", 1, "1.2", true);
		put_array(w, "sys", in->shape->level, "1.2", in->shape->level != 0);
	}
	json_end_arr(w);
}

static void put_disks(struct json_out *w, const struct plan_in *in)
{
	uint64_t lack = in->shape->may_lack < in->disks ? in->shape->may_lack : in->disks - 1;

	json_put_obj(w, "disks");
	json_put_u64(w, "min", in->disks - lack);
	json_put_u64(w, "want", in->disks);
	json_put_bool(w, "exclude_bad", true);
	json_end_obj(w);
}

int site_init_layout(const struct site_seed *seed, struct buf *out, struct err *err)
{
	autofree char *name = site_init_layout_name(seed);
	struct plan_in in = { 0 };
	struct json_out w;

	if (read_words(seed, &in, err) < 0)
		return -1;
	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "name", name);
	put_disks(&w, &in);
	json_put_arr(&w, "parts");
	if (in.bios)
		put_part(&w, "bios", "1M");
	if (in.uefi)
		put_part(&w, "esp", "512M");
	if (in.boot)
		put_part(&w, "boot", "1G");
	put_part(&w, "sys", "rest");
	json_end_arr(&w);
	put_arrays(&w, &in);
	json_put_arr(&w, "fs");
	if (in.uefi)
		put_fs(&w, "esp", "vfat", "/boot/efi");
	if (in.boot)
		put_fs(&w, "boot", "ext4", "/boot");
	put_fs(&w, "sys", in.filesystem, "/");
	json_end_arr(&w);
	json_put_obj(&w, "boot");
	json_put_bool(&w, "bios", in.bios);
	json_put_bool(&w, "uefi", in.uefi);
	json_end_obj(&w);
	json_end_obj(&w);
	return 0;
}
