/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/usage.h"

#include "base/mem.h"
#include "imaging/store_priv.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <string.h>
#include <sys/stat.h>

void store_usage_free(struct store_usage *u)
{
	free(u->images);
	*u = (struct store_usage){ 0 };
}

static void count_images(struct store *s, const struct store_images *list, struct usage_count *count, struct store_usage *out)
{
	for (size_t i = 0; i < list->len; i++) {
		autoclean(chunk_table_free) struct chunk_table table = { 0 };
		autoclean(manifest_free) struct manifest m = { 0 };
		autofree char *dir = store_image_dir(s, list->items[i].name, list->items[i].id);
		struct err why = { 0 };

		if (store_read_table(dir, &m, &table, &why) == 0 && usage_count_add(count, &table, &why) == 0) {
			out->images[i].known = true;
			continue;
		}
		out->known = false;
		if (list->items[i].manifest.format) /* else store_list() has said it */
			log_warn("imaging", "what image %s/%s uses is not known: %s", list->items[i].name, list->items[i].id,
				 why.text);
	}
}

/* The pack that a file of packs/ is, or false. */
static bool is_pack(const char *name, struct digest *pack)
{
	autofree char *hex = mem_strndup(name, DIGEST_HEX_LEN - 1);
	struct err no_pack = { 0 };

	return strlen(name) == DIGEST_HEX_LEN - 1 + strlen(".pack") && str_ends(name, ".pack") &&
	       str_unhex(hex, pack->bytes, DIGEST_LEN, &no_pack) == 0;
}

/* All files of the directory and of those below it: as many blocks as they take. Files that go meanwhile are gone. */
static void add_disk(const char *dir, int depth, uint64_t *bytes)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	struct err gone = { 0 };

	if (fs_list(dir, &names, &gone) < 0)
		return;
	for (size_t i = 0; i < names.len; i++) {
		autofree char *path = fs_join(dir, names.items[i]);
		struct stat st;

		if (lstat(path, &st) < 0)
			continue;
		*bytes += (uint64_t)st.st_blocks * 512;
		if (S_ISDIR(st.st_mode) && depth)
			add_disk(path, depth - 1, bytes);
	}
}

static int count_packs(struct store *s, const struct usage_count *count, struct store_usage *out, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };

	if (fs_list(s->packs, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		autofree char *path = fs_join(s->packs, names.items[i]);
		struct digest pack;
		struct stat st;

		if (!is_pack(names.items[i], &pack) || lstat(path, &st) < 0)
			continue;
		out->packs_bytes += (uint64_t)st.st_size;
		if (!usage_count_has_pack(count, &pack))
			out->removable_bytes += (uint64_t)st.st_size;
	}
	return 0;
}

static void free_count(struct usage_count **c)
{
	usage_count_free(*c);
}

int store_usage(struct store *s, const struct store_images *list, struct store_usage *out, struct err *err)
{
	autoclean(free_count) struct usage_count *count = usage_count_new();
	size_t n = 0;

	*out = (struct store_usage){ .images = mem_array(list->len, sizeof(out->images[0])), .len = list->len, .known = true };
	count_images(s, list, count, out);
	for (size_t i = 0; i < list->len; i++)
		if (out->images[i].known)
			usage_count_image(count, n++, &out->images[i].unique_bytes, &out->images[i].shared_bytes);
	if (count_packs(s, count, out, err) < 0)
		return -1;
	out->used_bytes = usage_count_used(count);
	/* Packs may be missing: then less is there than is used. */
	out->unused_bytes = out->known && out->packs_bytes > out->used_bytes ? out->packs_bytes - out->used_bytes : 0;
	out->removable_bytes = out->known ? out->removable_bytes : 0;
	/* Each may be a link to another volume. Images are directories of directories. */
	add_disk(s->packs, 0, &out->disk_bytes);
	add_disk(s->images, 2, &out->disk_bytes);
	add_disk(s->sequence, 0, &out->disk_bytes);
	return 0;
}
