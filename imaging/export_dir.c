/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/export_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"

#include <sys/stat.h>

#define REMOVED_SHOWN 20 /* names in a plan; the rest is counted */

/* What mkfs leaves in a new file system is nobody's. */
static bool is_empty(const struct str_list *names)
{
	return names->len == 0 || (names->len == 1 && str_eq(names->items[0], "lost+found"));
}

int export_dir_probe(const struct export *x, struct export_facts *out, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	autoclose int fd = -1;
	struct stat st;

	if (!fs_exists(x->target))
		return 0;
	if (stat(x->target, &st) == 0 && !S_ISDIR(st.st_mode)) {
		err_set(err, ERR_REFUSED, "%s is there and is no directory", x->target);
		return err_hint(err, "name a directory that is empty or not there yet");
	}
	fd = fs_open_dir(x->target, err);
	if (fd < 0 || fs_list(x->target, &names, err) < 0)
		return -1;
	out->resumes = restore_is_unfinished(fd);
	if (out->resumes || is_empty(&names))
		return 0;
	if (x->update)
		return restore_compare_store(x->store, out->ref, x->key, fd, &out->delta, err) < 0
			       ? err_wrap(err, "compare %s", x->target)
			       : 0;
	err_set(err, ERR_REFUSED, "%s is not empty: it holds '%.80s'", x->target, names.items[0]);
	return err_hint(err, "name a directory that is empty or not there yet; --update makes this one what the image is");
}

void export_dir_plan(const struct export *x, const struct export_facts *f, struct plan *plan)
{
	char size[STR_BYTES_MAX], kept[STR_BYTES_MAX];

	for (size_t i = 0; i < f->delta.removed.len && i < REMOVED_SHOWN; i++)
		plan_add(plan, 0, PLAN_DESTROYS, "remove",
			 str_format("remove %s%s, which the image does not have", x->target, f->delta.removed.items[i]), NULL,
			 NULL);
	if (f->delta.removed.len > REMOVED_SHOWN)
		plan_add(plan, 0, PLAN_DESTROYS, "remove",
			 str_format("remove %zu more such names", f->delta.removed.len - REMOVED_SHOWN), NULL, NULL);
	if (f->delta.kept_bytes || f->delta.missing_chunks) {
		str_from_bytes(f->delta.missing_bytes, size);
		str_from_bytes(f->delta.kept_bytes, kept);
		plan_add(
			plan, 0, PLAN_DESTROYS, "update",
			str_format("update %s to image %s: %s of content are right and stay, %llu chunks (%s stored) are written",
				   x->target, f->ref, kept, (unsigned long long)f->delta.missing_chunks, size),
			NULL, NULL);
		return;
	}
	str_from_bytes(f->content_bytes, size);
	plan_add(plan, 0, PLAN_WRITES, "export",
		 str_format("%s image %s (%llu entries, %s of content) into the directory %s",
			    f->resumes ? "complete the restore of" : "restore", f->ref, (unsigned long long)f->entries, size,
			    x->target),
		 NULL, NULL);
}

int export_dir(const struct export *x, const struct export_facts *f, struct err *err)
{
	const struct restore_how how = { .key = x->key, .update = x->update, .progress = x->progress, .ctx = x->ctx };
	autoclose int fd = -1;

	/* Only the owner, until the image says otherwise: files lie in it with modes that are not theirs yet. */
	if (fs_mkdirs(x->target, 0700, err) < 0)
		return -1;
	fd = fs_open_dir(x->target, err);
	if (fd < 0)
		return -1;
	if (restore_from_store(x->store, f->ref, &how, fd, err) == 0)
		return 0;
	err_wrap(err, "export to %s", x->target);
	if (err->hint[0] || !restore_is_unfinished(fd))
		return -1;
	return err_hint(err, "%s holds part of the image: the same command again completes it", x->target);
}
