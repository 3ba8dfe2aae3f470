/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/store_priv.h"

#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_EVERY_NS (50 * NS_PER_MS)
#define LOCK_TRIES 40 /* 2 s: a full or slow disk may take that long for what is a moment elsewhere */
#define SWEEP_MAX_NS (600 * NS_PER_S)

/* An image is worth nothing in a store whose own name a power cut takes back. Who was killed may have made `path` and not come
 * further: so the last directory that is there is made durable too, where its parent lets us. */
static int make_durable_dir(const char *path, mode_t mode, struct err *err)
{
	const char *slash = strrchr(path, '/');
	autofree char *parent =
		slash && slash != path ? mem_strndup(path, (size_t)(slash - path)) : mem_strdup(slash ? "/" : ".");

	if (!fs_exists(path) && !str_eq(parent, "/") && !str_eq(parent, ".") && make_durable_dir(parent, 0755, err) < 0)
		return -1;
	if (fs_mkdirs(path, mode, err) < 0)
		return -1;
	return access(parent, R_OK) < 0 && errno == EACCES ? 0 : fs_sync_parent(path, err);
}

static int find_dir(const char *dir, const char *store, struct err *err)
{
	struct stat st;

	if (lstat(dir, &st) == 0)
		return 0;
	if (errno == EACCES) {
		err_errno(err, errno, "open the image store: %s", dir);
		return err_hint(err, "what is in images is for root alone: run it as root");
	}
	if (errno != ENOENT && errno != ENOTDIR)
		return err_errno(err, errno, "open the image store: %s", dir);
	err_set(err, ERR_NOT_FOUND, "there is no image store at %s", store);
	return err_hint(err, "`orthrus image build` makes one");
}

int store_open(const char *path, bool create, struct store **out, struct err *err)
{
	struct store *s = mem_zalloc(sizeof(*s));
	const char *dirs[3];

	s->path = mem_strdup(path);
	dirs[0] = s->packs = fs_join(path, "packs");
	dirs[1] = s->images = fs_join(path, "images");
	dirs[2] = s->sequence = fs_join(path, "sequence");
	if (create && make_durable_dir(path, STORE_MODE, err) < 0)
		goto failed;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		if (create && make_durable_dir(dirs[i], 0755, err) < 0)
			goto failed;
		if (!create && find_dir(dirs[i], path, err) < 0)
			goto failed;
	}
	store_close_to_others(s);
	*out = s;
	return 0;
failed:
	store_close(s);
	return -1;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	free(s->path);
	free(s->packs);
	free(s->images);
	free(s->sequence);
	free(s);
}

void store_images_free(struct store_images *l)
{
	for (size_t i = 0; i < l->len; i++) {
		free(l->items[i].name);
		free(l->items[i].id);
		manifest_free(&l->items[i].manifest);
	}
	free(l->items);
	*l = (struct store_images){ 0 };
}

char *store_image_dir(const struct store *s, const char *name, const char *id)
{
	return str_format("%s/%s/%s", s->images, name, id);
}

int store_try_lock(const struct store *s, struct err *err)
{
	autofree char *path = fs_join(s->path, "lock");
	int fd = fs_lock(path, err);

	if (fd < 0 && err->kind == ERR_CONFLICT) {
		err_set(err, ERR_CONFLICT, "another program is writing to the image store %s", s->path);
		err_hint(err, "wait until it has ended and try again");
	}
	return fd;
}

/* A deletion shows by what it took out, but for the moments between its lock and its rename and between its last removal and its
 * unlock: a few tries for these. */
int store_lock(const struct store *s, struct err *err)
{
	int64_t began = clock_now_ns();

	for (int tries = 1;; tries++) {
		struct err busy = { 0 };
		int fd = store_try_lock(s, &busy);

		if (fd >= 0)
			return fd;
		if (store_has_taken_out(s))
			tries = 0;
		if (busy.kind != ERR_CONFLICT || clock_now_ns() - began > SWEEP_MAX_NS || tries >= LOCK_TRIES) {
			*err = busy;
			return -1;
		}
		clock_sleep_ns(LOCK_EVERY_NS);
	}
}

static int remove_named(const char *dir, const char *name, struct err *err)
{
	autofree char *path = fs_join(dir, name);

	return fs_remove_tree(path, err);
}

/* In packs/: "pack.XXXXXX", "<sha256>.pack.XXXXXX" and "<sha256>.idx.XXXXXX". What somebody else put there is not ours to remove.
 */
static bool is_unfinished_pack(const char *name)
{
	size_t hex = strspn(name, "0123456789abcdef");
	const char *suffix = name + hex;

	if (str_starts(name, "pack."))
		return strlen(name) == strlen("pack.XXXXXX");
	return hex == DIGEST_HEX_LEN - 1 && ((str_starts(suffix, ".pack.") && strlen(suffix) == strlen(".pack.XXXXXX")) ||
					     (str_starts(suffix, ".idx.") && strlen(suffix) == strlen(".idx.XXXXXX")));
}

/* Remove from `dir` what `is_unfinished` says is no more than the beginning of a file. */
static int clean_files(const char *dir, bool (*is_unfinished)(const char *name), struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };

	if (fs_list(dir, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++)
		if (is_unfinished(names.items[i]) && remove_named(dir, names.items[i], err) < 0)
			return -1;
	return 0;
}

int store_clean(const struct store *s, struct err *err)
{
	autoclean(store_strangers_free) struct store_strangers strangers = { 0 };
	autoclean(str_list_free) struct str_list names = { 0 };
	autoclean(str_list_free) struct str_list left = { 0 };
	struct store_freed freed;

	if (store_sweep_taken_out(s, &freed, err) < 0 || clean_files(s->packs, is_unfinished_pack, err) < 0 ||
	    clean_files(s->sequence, store_is_unfinished_counter, err) < 0 || store_names(s, &names, &strangers, err) < 0 ||
	    store_leftovers(s, &left, err) < 0)
		return -1;
	store_warn_strangers(&strangers);
	for (size_t i = 0; i < left.len; i++)
		if (remove_named(s->images, left.items[i], err) < 0)
			return -1;
	for (size_t i = 0; i < names.len; i++) {
		autofree char *dir = fs_join(s->images, names.items[i]);

		/* An image that was never finished leaves its name empty. */
		if (rmdir(dir) < 0 && errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT)
			return err_errno(err, errno, "remove %s", dir);
	}
	return 0;
}

static int read_manifest(const char *dir, struct manifest *out, struct err *err)
{
	autofree char *path = fs_join(dir, "manifest.json");
	autoclean(buf_free) struct buf text = { 0 };

	if (fs_read_nofollow(path, STORE_MANIFEST_MAX, &text, err) < 0)
		return -1;
	return manifest_read(text.data, text.len, out, err);
}

int store_list(struct store *s, struct store_images *out, struct err *err)
{
	autoclean(store_strangers_free) struct store_strangers strangers = { 0 };
	autoclean(str_list_free) struct str_list refs = { 0 };

	if (store_refs(s, &refs, &strangers, err) < 0)
		return -1;
	store_warn_strangers(&strangers);
	out->items = mem_array(refs.len, sizeof(out->items[0]));
	for (size_t i = 0; i < refs.len; i++) {
		struct store_image *image = &out->items[out->len++];
		autofree char *dir = fs_join(s->images, refs.items[i]);
		const char *slash = strchr(refs.items[i], '/');
		struct err damaged = { 0 };

		image->name = mem_strndup(refs.items[i], (size_t)(slash - refs.items[i]));
		image->id = mem_strdup(slash + 1);
		if (read_manifest(dir, &image->manifest, &damaged) < 0)
			log_warn("imaging", "image %s can't be read: %s", refs.items[i], damaged.text);
		image->stored_bytes = image->manifest.stored_bytes;
	}
	return 0;
}

static int not_found(struct store *s, const char *ref, struct err *err)
{
	autoclean(str_list_free) struct str_list refs = { 0 };
	autoclean(buf_free) struct buf all = { 0 };
	struct err ignored = { 0 };

	if (store_refs(s, &refs, NULL, &ignored) < 0)
		return err_set(err, ERR_NOT_FOUND, "there is no image '%.140s'", ref);
	for (size_t i = 0; i < refs.len && all.len < 300; i++)
		buf_addf(&all, "%s%s", i ? ", " : "", refs.items[i]);
	err_set(err, ERR_NOT_FOUND, "there is no image '%.140s' in %s", ref, s->path);
	return err_hint(err, refs.len ? "there are: %s" : "the store is empty%s", buf_str(&all));
}

/* The newest is the one with the highest number: clocks go wrong. One whose number can't be read might be it: then nobody can
 * say. */
static int find_newest(struct store *s, const char *name, char **id, struct err *err)
{
	autofree char *dir = fs_join(s->images, name);
	autoclean(str_list_free) struct str_list ids = { 0 };
	uint64_t best = 0;

	if (store_ids(s, name, &ids, err) < 0)
		return -1;
	for (size_t i = 0; i < ids.len; i++) {
		autofree char *one = fs_join(dir, ids.items[i]);
		autoclean(manifest_free) struct manifest m = { 0 };

		if (read_manifest(one, &m, err) < 0) {
			err_wrap(err, "which image %s is the newest is not known: %s/manifest.json", name, one);
			err->kind = ERR_DAMAGED;
			return err_hint(err, "say which one: %s/ID; `orthrus image list` shows them", name);
		}
		if (m.sequence <= best)
			continue;
		best = m.sequence;
		free(*id);
		*id = mem_strdup(ids.items[i]);
	}
	return best ? 0 : not_found(s, name, err);
}

int store_find(struct store *s, const char *ref, char **name, char **id, char **dir, struct err *err)
{
	const char *slash = strchr(ref, '/');
	autofree char *n = slash ? mem_strndup(ref, (size_t)(slash - ref)) : mem_strdup(ref);
	autofree char *i = NULL;
	autofree char *d = NULL;
	bool is_image;

	/* The reference becomes a path: nothing but plain names gets that far. */
	if (str_check_name(n, err) < 0 || (slash && str_check_name(slash + 1, err) < 0))
		return err_wrap(err, "image '%.140s'", ref);
	if (slash)
		i = mem_strdup(slash + 1);
	else if (find_newest(s, n, &i, err) < 0)
		return -1;
	d = store_image_dir(s, n, i);
	if (store_is_image(s, n, i, &is_image, err) < 0)
		return -1;
	if (!is_image)
		return not_found(s, ref, err);
	*name = steal(n);
	*id = steal(i);
	*dir = steal(d);
	return 0;
}
