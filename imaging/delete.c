/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/store_priv.h"

#include "base/mem.h"
#include "imaging/pack.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names of packs, sorted, each once. */
struct pack_set {
	struct digest *items;
	size_t len, cap;
};

static void pack_set_free(struct pack_set *s)
{
	free(s->items);
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, DIGEST_LEN);
}

/* Rows of one pack mostly follow one another: that alone keeps the list short until it is sorted. */
static void pack_set_add(struct pack_set *s, const struct digest *pack)
{
	if (s->len && by_bytes(&s->items[s->len - 1], pack) == 0)
		return;
	s->items = mem_room(s->items, s->len, &s->cap, sizeof(s->items[0]));
	s->items[s->len++] = *pack;
}

static bool pack_set_has(const struct pack_set *s, const struct digest *pack)
{
	return s->len && bsearch(pack, s->items, s->len, sizeof(s->items[0]), by_bytes) != NULL;
}

/* Mark: the packs that the images other than `except` use. An image that can't be read might use any: then nothing may be swept.
 */
static int mark(const struct store *s, const char *except, struct pack_set *used, struct err *err)
{
	autoclean(store_strangers_free) struct store_strangers strangers = { 0 };
	autoclean(str_list_free) struct str_list refs = { 0 };

	if (store_refs(s, &refs, &strangers, err) < 0)
		return -1;
	if (strangers.link) {
		err_set(err, ERR_REFUSED, "%s is a symbolic link: which packs are used behind it is not known", strangers.link);
		return err_hint(err, "put the directory itself there, or remove the link");
	}
	for (size_t i = 0; i < refs.len; i++) {
		autoclean(chunk_table_free) struct chunk_table table = { 0 };
		autoclean(manifest_free) struct manifest m = { 0 };
		autofree char *dir = fs_join(s->images, refs.items[i]);

		if (str_eq(refs.items[i], except))
			continue;
		if (store_read_table(dir, &m, &table, err) < 0)
			return err_wrap(err, "which packs image %s uses is not known", refs.items[i]);
		for (size_t j = 0; j < table.len; j++)
			pack_set_add(used, &table.rows[j].pack);
	}
	if (used->len)
		qsort(used->items, used->len, sizeof(used->items[0]), by_bytes);
	return 0;
}

int store_drop_packs(const struct store *s, const struct digest *packs, size_t n, struct err *err)
{
	static const char *const suffixes[] = { ".idx", ".pack" };
	autoclean(pack_set_free) struct pack_set used = { 0 };

	if (!n)
		return 0;
	/* An image may have got its name although what came after that failed. */
	if (mark(s, NULL, &used, err) < 0)
		return -1;
	for (size_t k = 0; k < 2 * n; k++) {
		autofree char *path = pack_path(s->packs, &packs[k % n], suffixes[k / n]);

		if (!pack_set_has(&used, &packs[k % n]) && unlink(path) < 0 && errno != ENOENT)
			return err_errno(err, errno, "remove %s", path);
	}
	return 0;
}

/* Call for each file of packs/ that belongs to a pack nobody uses. With `remove` it goes, the index first: a pack is known by it.
 */
static int sweep(const struct store *s, const struct pack_set *used, bool remove, uint64_t *bytes, struct err *err)
{
	static const char *const suffixes[] = { ".idx", ".pack" };
	autoclean(str_list_free) struct str_list names = { 0 };

	if (fs_list(s->packs, &names, err) < 0)
		return -1;
	for (size_t k = 0; k < 2 * names.len; k++) {
		const char *name = names.items[k % names.len], *suffix = suffixes[k / names.len];
		autofree char *path = fs_join(s->packs, name);
		autofree char *hex = mem_strndup(name, DIGEST_HEX_LEN - 1);
		struct err no_pack = { 0 };
		struct digest pack;
		struct stat st;

		if (strlen(name) != DIGEST_HEX_LEN - 1 + strlen(suffix) || !str_ends(name, suffix) ||
		    str_unhex(hex, pack.bytes, DIGEST_LEN, &no_pack) < 0 || pack_set_has(used, &pack))
			continue;
		if (stat(path, &st) == 0)
			*bytes += (uint64_t)st.st_size;
		if (remove && unlink(path) < 0 && errno != ENOENT)
			return err_errno(err, errno, "remove %s", path);
	}
	return 0;
}

int store_delete_frees(struct store *s, const char *ref, struct store_freed *freed, struct err *err)
{
	autoclean(pack_set_free) struct pack_set used = { 0 };
	autofree char *name = NULL;
	autofree char *id = NULL;
	autofree char *dir = NULL;
	autofree char *full = NULL;

	*freed = (struct store_freed){ 0 };
	if (store_find(s, ref, &name, &id, &dir, err) < 0)
		return -1;
	full = str_format("%s/%s", name, id);
	if (mark(s, full, &used, &freed->kept) < 0)
		return 0;
	return sweep(s, &used, false, &freed->bytes, err);
}

static int sync_dir(const char *path, struct err *err)
{
	autoclose int fd = fs_open_dir(path, err);

	if (fd < 0)
		return -1;
	return fsync(fd) < 0 ? err_errno(err, errno, "make %s durable", path) : 0;
}

/* What was taken out, as paths. */
static int list_taken_out(const struct store *s, struct str_list *out, struct err *err)
{
	autoclean(str_list_free) struct str_list left = { 0 };

	if (store_leftovers(s, &left, err) < 0)
		return -1;
	for (size_t i = 0; i < left.len; i++)
		if (str_starts(strchr(left.items[i], '/') + 1, STORE_DELETED))
			str_list_addf(out, "%s/%s", s->images, left.items[i]);
	return 0;
}

bool store_has_taken_out(const struct store *s)
{
	autoclean(str_list_free) struct str_list dirs = { 0 };
	struct err none = { 0 };

	return list_taken_out(s, &dirs, &none) == 0 && dirs.len;
}

/* The directory that says that there is something to sweep goes last: cut off before, it is all done again. */
int store_sweep_taken_out(const struct store *s, struct store_freed *freed, struct err *err)
{
	autoclean(pack_set_free) struct pack_set used = { 0 };
	autoclean(str_list_free) struct str_list dirs = { 0 };

	*freed = (struct store_freed){ 0 };
	if (list_taken_out(s, &dirs, err) < 0)
		return -1;
	if (!dirs.len)
		return 0;
	if (mark(s, NULL, &used, &freed->kept) < 0)
		log_warn("imaging", "all packs are kept: %s", freed->kept.text);
	else if (sweep(s, &used, true, &freed->bytes, err) < 0 || sync_dir(s->packs, err) < 0)
		return -1;
	for (size_t i = 0; i < dirs.len; i++)
		if (fs_remove_tree(dirs.items[i], err) < 0)
			return -1;
	return 0;
}

/* Closing alone would leave the lock with a child between its fork and its exec, and a build that comes just then would be lost.
 */
void store_unlock(const int *lock)
{
	if (*lock < 0)
		return;
	flock(*lock, LOCK_UN);
	close(*lock);
}

int store_take_out(struct store *s, const char *ref, int *lock, struct err *err)
{
	autoclean(store_unlock) int held = store_try_lock(s, err);
	autoclean(image_unlock) int alone = -1;
	autofree char *name = NULL;
	autofree char *id = NULL;
	autofree char *dir = NULL;
	autofree char *parent = NULL;
	autofree char *gone = NULL;

	if (held < 0 || store_find(s, ref, &name, &id, &dir, err) < 0)
		return -1;
	/* Until it has its new name, or its old one again: who waits to read it meanwhile then sees which. */
	if (image_lock_alone(dir, &alone, err) < 0) {
		if (err->kind == ERR_CONFLICT)
			err_hint(err, "wait until the export, or who else reads it, has ended; `lslocks` shows who holds %s",
				 dir);
		return err_wrap(err, "image %s/%s is not deleted", name, id);
	}
	parent = fs_join(s->images, name);
	gone = str_format("%s/%s-%s", parent, STORE_DELETED, id);
	/* One of the same id whose deletion was cut off may lie there. */
	if (fs_remove_tree(gone, err) < 0)
		return -1;
	if (rename(dir, gone) < 0)
		return err_errno(err, errno, "remove %s", dir);
	if (sync_dir(parent, err) < 0) {
		/* Whether it would stay away is not known: then it is not deleted. */
		if (rename(gone, dir) < 0)
			log_warn("imaging", "cannot bring %s back", dir);
		return -1;
	}
	*lock = steal_fd(held);
	return 0;
}

int store_sweep(struct store *s, struct store_freed *freed, struct err *err)
{
	return store_sweep_taken_out(s, freed, err) < 0 || store_clean(s, err) < 0 ? -1 : 0;
}

int store_delete(struct store *s, const char *ref, struct err *err)
{
	struct store_freed freed;
	autoclean(store_unlock) int lock = -1;

	return store_take_out(s, ref, &lock, err) < 0 ? -1 : store_sweep(s, &freed, err);
}

int store_finish_deletes(struct store *s, struct err *err)
{
	struct err busy = { 0 };
	autoclean(store_unlock) int lock = -1;

	if (!store_has_taken_out(s))
		return 0;
	lock = store_try_lock(s, &busy);
	if (lock >= 0)
		return store_clean(s, err);
	if (busy.kind == ERR_CONFLICT)
		return 0; /* who holds the lock does it */
	*err = busy;
	return -1;
}
