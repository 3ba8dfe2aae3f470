/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "headinstall/paths.h"
#include "headinstall/plan_priv.h"
#include "headinstall/store.h"

#include <string.h>

#define NAMES 8

void head_store_free(struct head_store *s)
{
	free(s->fs);
	str_list_free(&s->disks);
	str_list_free(&s->wipe);
	plan_free(&s->raid);
	raid_result_free(&s->result);
	*s = (struct head_store){ 0 };
}

void head_array_free(struct head_array *a)
{
	free(a->fs);
	free(a->seed);
	free(a->md_uuid);
	free(a->fs_uuid);
	str_list_free(&a->disks);
	*a = (struct head_array){ 0 };
}

static void copy_list(const struct str_list *from, struct str_list *to)
{
	for (size_t i = 0; i < from->len; i++)
		str_list_add(to, from->items[i]);
}

/* One array and one file system: what is looked for on a system that runs. */
static void set_result(struct head_store *s, const struct head_array *a)
{
	raid_result_free(&s->result);
	s->result.md = mem_array(1, sizeof(*s->result.md));
	s->result.n_md = 1;
	s->result.md[0].name = mem_strdup(HEAD_STORE_ARRAY);
	memcpy(s->result.md[0].uuid, a->md_uuid, HEAD_ARRAY_MD_LEN + 1);
	s->result.fs = mem_array(1, sizeof(*s->result.fs));
	s->result.n_fs = 1;
	s->result.fs[0].mount = mem_strdup(HEAD_STORE);
	s->result.fs[0].type = mem_strdup(a->fs);
	s->result.fs[0].device_md = mem_strdup(HEAD_STORE_ARRAY);
	memcpy(s->result.fs[0].uuid, a->fs_uuid, HEAD_ARRAY_FS_LEN + 1);
}

bool head_store_resumed(const struct head_journal *j, struct head_store *out)
{
	struct err none = { 0 };

	if (!j->array.there || str_unhex(j->array.seed, out->seed, RAID_SEED_LEN, &none) < 0)
		return false;
	out->begun = true;
	out->level = (unsigned int)j->array.level;
	out->fs = mem_strdup(j->array.fs);
	copy_list(&j->array.disks, &out->disks);
	/* The step that mounts it comes after all that make it. */
	for (size_t i = 0; i < j->n_steps; i++)
		out->made = out->made || str_eq(j->steps[i].step, "store");
	set_result(out, &j->array);
	return true;
}

void head_store_array(const struct head_store *s, struct head_array *out)
{
	char hex[2 * RAID_SEED_LEN + 1];

	str_hex(s->seed, RAID_SEED_LEN, hex);
	*out = (struct head_array){ .there = true,
				    .level = s->level,
				    .fs = mem_strdup(s->fs),
				    .seed = mem_strdup(hex),
				    .md_uuid = mem_strdup(s->result.md[0].uuid),
				    .fs_uuid = mem_strdup(s->result.fs[0].uuid) };
	copy_list(&s->disks, &out->disks);
}

char *head_store_text(const struct head_store *s)
{
	autoclean(buf_free) struct buf out = { 0 };

	buf_addf(&out, "RAID %u of ", s->level);
	head_words(&out, &s->disks, NAMES);
	buf_addf(&out, ", %s", s->fs);
	return buf_steal(&out);
}

int head_store_same(const struct head_store *asked, const struct head_store *begun, struct err *err)
{
	bool same = asked->level == begun->level && asked->disks.len == begun->disks.len && str_eq(asked->fs, begun->fs);
	autofree char *is = head_store_text(begun);

	for (size_t i = 0; same && i < asked->disks.len; i++)
		same = str_list_has(&begun->disks, asked->disks.items[i]);
	if (same)
		return 0;
	err_set(err, ERR_REFUSED, "an array for images was %s here already: %s", begun->made ? "made" : "begun", is);
	return err_hint(err, "run this with the same --store-raid and --store-disk, or without them; `orthrus head uninstall "
			     "--remove-data` takes it apart");
}

/* --- Which disks --- */

static unsigned int least_disks(unsigned int level)
{
	return level == 6 ? 4 : level == 5 ? 3 : level == 1 || level == 10 ? 2 : 0;
}

static int check_wish(const struct head_store *s, struct err *err)
{
	unsigned int least = least_disks(s->level);

	if (!least)
		return err_set(err, ERR_USAGE, "--store-raid is 1, 5, 6 or 10");
	if (!str_eq(s->fs, "xfs") && !str_eq(s->fs, "ext4"))
		return err_set(err, ERR_USAGE, "--store-fs is xfs or ext4");
	if (s->disks.len < least) {
		err_set(err, ERR_USAGE, "RAID %u needs %u disks or more, and --store-disk names %zu", s->level, least,
			s->disks.len);
		return err_hint(err, "`orthrus disk probe` lists this machine's disks");
	}
	for (size_t i = 0; i < s->disks.len; i++)
		for (size_t k = 0; k < i; k++)
			if (str_eq(s->disks.items[i], s->disks.items[k]))
				return err_set(err, ERR_USAGE, "--store-disk names %s twice", s->disks.items[i]);
	for (size_t i = 0; i < s->wipe.len; i++)
		if (!str_list_has(&s->disks, s->wipe.items[i]))
			return err_set(err, ERR_USAGE, "--store-wipe names %s, which no --store-disk does", s->wipe.items[i]);
	return 0;
}

/* "QEMU HARDDISK, serial QM1, 5.0 GiB" */
static char *label_of(const struct disk *d)
{
	autofree char *id = disk_id(d);
	char size[STR_BYTES_MAX];

	str_from_bytes(d->size_bytes, size);
	return str_format("%s%s%s, %s", d->model, *d->model ? ", " : "", id, size);
}

/* Left by a run that was cut off: an empty table, or a member of this very array. */
static bool is_ours(const char *found)
{
	return str_eq(found, "GPT") || str_starts(found, "partition table") ||
	       (str_starts(found, "md member") && strstr(found, "'any:" HEAD_STORE_ARRAY "'"));
}

static int check_empty(const struct head_store *s, const struct disk *d, const char *id, struct err *err)
{
	autofree char *label = label_of(d);
	autoclean(buf_free) struct buf holds = { 0 };

	if (str_list_has(&s->wipe, id))
		return 0;
	for (size_t i = 0; i < d->found.len; i++)
		if (!s->begun || !is_ours(d->found.items[i]))
			buf_addf(&holds, "%s%s", holds.len ? ", " : "", d->found.items[i]);
	if (!holds.len)
		return 0;
	err_set(err, ERR_REFUSED, "%s holds something: %s", label, buf_str(&holds));
	return err_hint(err, "--store-wipe '%s' says that all that is on it may be lost", id);
}

static int refuse_id(const char *id, const struct disks *all, bool twice, struct err *err)
{
	autoclean(str_list_free) struct str_list have = { 0 };
	autoclean(buf_free) struct buf text = { 0 };

	if (twice) {
		err_set(err, ERR_REFUSED, "two disks of this machine say that they are %s", id);
		return err_hint(err, "they can't be told apart: take others");
	}
	for (size_t i = 0; i < all->len; i++) {
		autofree char *is = disk_id(&all->items[i]);

		str_list_add(&have, is);
	}
	head_words(&text, &have, NAMES);
	err_set(err, ERR_REFUSED, "this machine has no disk %s", id);
	return err_hint(err, "it has %s; `orthrus disk probe` says more of them", text.len ? buf_str(&text) : "none");
}

/* Shallow copies of the disks that are named, and of no others. */
static int pick(const struct head_store *s, const struct disks *all, struct disks *out, struct err *err)
{
	for (size_t i = 0; i < s->disks.len; i++) {
		const char *id = s->disks.items[i];
		struct disk *d = NULL;

		for (size_t k = 0; k < all->len; k++) {
			autofree char *is = disk_id(&all->items[k]);

			if (!str_eq(is, id))
				continue;
			if (d)
				return refuse_id(id, all, true, err);
			d = &out->items[out->len++];
			*d = all->items[k];
		}
		if (!d)
			return refuse_id(id, all, false, err);
		/* Perhaps by the half of this array that a run left, which is stopped by its UUID before anything else; what else
		 * holds the disk has the step refused that would write to it. */
		if (s->begun && d->in_use && str_starts(d->in_use, "held by the running array"))
			d->in_use = NULL;
		if (!d->in_use && check_empty(s, d, id, err) < 0)
			return -1;
	}
	return 0;
}

/* The same on each disk: one partition, so that others see that the disk is used. */
static int make_plan(struct head_store *s, const struct disks *picked, struct err *err)
{
	char part[] = "data", use[] = "raid", array[] = HEAD_STORE_ARRAY, meta[] = "1.2", where[] = HEAD_STORE, name[] = "store";
	struct layout_part parts[] = { { .id = part, .rest = true, .use = use } };
	struct layout_md md[] = { { .name = array, .level = s->level, .metadata = meta, .bitmap = true, .on = part } };
	struct layout_fs fs[] = { { .on = array, .type = s->fs, .mount = where, .label = array } };
	const struct layout l = { .name = name,
				  .min = (unsigned int)s->disks.len,
				  .want = (unsigned int)s->disks.len,
				  .reserve_bytes = UINT64_C(16) << 20,
				  .parts = parts,
				  .n_parts = 1,
				  .md = md,
				  .n_md = 1,
				  .fs = fs,
				  .n_fs = 1 };
	struct raid_result result = { 0 };
	struct plan plan = { 0 };

	if (raid_plan(&l, picked, s->seed, &plan, &result, err) == 0) {
		plan_free(&s->raid);
		raid_result_free(&s->result);
		s->raid = plan;
		s->result = result;
		return 0;
	}
	plan_free(&plan);
	return err_hint(err, "choose other disks for the array of images (--store-disk); `orthrus disk probe` says what each is "
			     "used for");
}

int head_store_plan(struct head_store *s, const struct disks *all, struct err *err)
{
	struct disks picked = { 0 };
	int rc;

	if (check_wish(s, err) < 0)
		return -1;
	picked.items = mem_array(s->disks.len + 1, sizeof(*picked.items));
	rc = pick(s, all, &picked, err) < 0 || make_plan(s, &picked, err) < 0 ? -1 : 0;
	free(picked.items);
	return rc;
}

/* --- The head's steps --- */

static char *mount_unit(const struct head_store *s)
{
	return str_format(
		"# Written by `orthrus head install`: the array of this head's own disks, for images.\n"
		"[Unit]\nDescription=Images of the cluster\nBefore=orthrusd.service orthrus-helper.service\n\n"
		"[Mount]\nWhat=/dev/disk/by-uuid/%s\nWhere=" HEAD_STORE "\nType=%s\nOptions=noatime\n\n"
		"[Install]\nWantedBy=multi-user.target\n"
		"# Without its array orthrusd would begin a second store below the mount.\nRequiredBy=orthrusd.service\n",
		s->result.fs[0].uuid, s->result.fs[0].type);
}

static void plan_raid(const struct head_store *s, struct plan *out)
{
	if (s->begun)
		head_add(out, HEAD_STEP_STORE_STOP, PLAN_WRITES, "store:stop",
			 mem_strdup("stop the array for images that was begun and not completed: it is made anew"));
	for (size_t i = 0; i < s->raid.len; i++) {
		const struct plan_step *step = &s->raid.steps[i];
		autofree char *id = str_format("store:%s", step->name);

		head_add(out, HEAD_STEP_RAID, step->effect, id, mem_strdup(step->text))->raid = step;
	}
}

int plan_store(const struct head_facts *f, const struct head_wish *wish, struct plan *out, struct err *err)
{
	const struct head_store *s = wish->store;
	const struct head_unit *u = head_unit(f, HEAD_STORE_UNIT);
	autofree char *what = NULL;
	struct head_step *step;
	bool writes;

	if (!s)
		return 0;
	if (!f->running)
		return err_set(err, ERR_REFUSED, "an array for images is made on a machine that runs, not below another root");
	if (!s->made && f->store_used) {
		err_set(err, ERR_REFUSED, HEAD_STORE " %s", f->store_used);
		return err_hint(err,
				"move it elsewhere, then run this again; or leave --store-raid out: images stay where they are");
	}
	if (!s->made)
		plan_raid(s, out);
	what = head_store_text(s);
	step = head_add(out, HEAD_STEP_STORE, PLAN_WRITES, "store",
			str_format("keep images on that array (%s): mount it at " HEAD_STORE ", now and with every start of this "
				   "machine",
				   what));
	str_list_add(&step->words, HEAD_STORE_UNIT);
	writes = head_add_write(
		f, step, HEAD_STORE_MDADM,
		str_format("# Written by `orthrus head install`: images are on it.\nARRAY /dev/md/" HEAD_STORE_ARRAY
			   " metadata=1.2 UUID=%s\n",
			   s->result.md[0].uuid),
		0644);
	writes |= head_add_write(f, step, HEAD_STORE_MOUNT, mount_unit(s), 0644);
	if (!writes && s->made && u && u->enabled && u->active && !str_list_has(&wish->open, "store"))
		head_drop_last(out);
	return 0;
}
