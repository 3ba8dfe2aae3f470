/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/restore_priv.h"

#include "base/mem.h"
#include "imaging/restore_feed.h"
#include "imaging/store_priv.h"

struct image {
	struct image_files files;
	char *name, *id, *dir;
};

static void image_free(struct image *i)
{
	image_files_free(&i->files);
	free(i->name);
	free(i->id);
	free(i->dir);
}

static int open_image(struct store *s, const char *ref, struct image *i, struct restore_source *src, struct err *err)
{
	if (store_find(s, ref, &i->name, &i->id, &i->dir, err) < 0 || image_files_read(i->dir, &i->files, err) < 0)
		return -1;
	restore_source_of(&i->files, src);
	src->name = i->name;
	return 0;
}

int restore_from_store(struct store *s, const char *ref, const struct restore_how *how, int target_fd, struct err *err)
{
	autoclean(image_free) struct image image = { 0 };
	struct restore_source src = { .key = how->key,
				      .update = how->update,
				      .resumable = true,
				      .direct = true,
				      .packs = s->packs,
				      .checkpoint_bytes = how->checkpoint_bytes };
	struct restore *r = NULL;
	int rc;

	if (open_image(s, ref, &image, &src, err) < 0)
		return -1;
	rc = restore_begin(&src, target_fd, &r, err);
	image_files_drop_documents(&image.files);
	if (rc == 0)
		rc = restore_feed(r, s->packs, how->progress, how->ctx, err) < 0 ? -1 : restore_finish(r, err);
	restore_free(r);
	return rc < 0 ? err_wrap(err, "image %s/%s", image.name, image.id) : 0;
}

int restore_compare_store(struct store *s, const char *ref, const struct verify_key *key, int target_fd,
			  struct restore_delta *out, struct err *err)
{
	autoclean(image_free) struct image image = { 0 };
	struct restore_source src = { .key = key, .update = true, .resumable = true };

	if (open_image(s, ref, &image, &src, err) < 0)
		return -1;
	return restore_compare(&src, target_fd, out, err) < 0 ? err_wrap(err, "image %s/%s", image.name, image.id) : 0;
}
