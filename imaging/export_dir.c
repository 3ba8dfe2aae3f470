/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/export_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/restore_journal.h"
#include "imaging/restore_priv.h"
#include "sys/fs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define REMOVED_SHOWN 20 /* names before the question; the rest is counted */
#define NAME_SHOWN 80	 /* bytes of a name that is in the way */

/* The first name that is somebody's; NULL: the directory counts as empty. What mkfs leaves in a new file system is nobody's. */
static const char *first_name(int fd, const struct str_list *names)
{
	struct err ignored = { 0 };

	for (size_t i = 0; i < names->len; i++)
		if (!str_eq(names->items[i], "lost+found") && restore_is_journal(fd, names->items[i], &ignored) != 1)
			return names->items[i];
	return NULL;
}

static int compare(const struct export *x, int fd, struct export_facts *out, struct err *err)
{
	out->updates = true;
	return restore_compare_store(x->store, out->ref, x->key, fd, &out->delta, err) < 0
		       ? err_wrap(err, "compare %s", x->target)
		       : 0;
}

int export_dir_probe(const struct export *x, struct export_facts *out, struct err *err)
{
	autofree char *target = str_printable(x->target, strlen(x->target)), *shown = NULL;
	autoclean(str_list_free) struct str_list names = { 0 };
	autoclose int fd = -1;
	const char *first;
	struct stat st;

	if (!fs_exists(x->target))
		return 0;
	if (stat(x->target, &st) == 0 && !S_ISDIR(st.st_mode)) {
		err_set(err, ERR_REFUSED, "%s is there and is no directory", target);
		return err_hint(err, "name a directory that is empty or not there yet");
	}
	fd = fs_open_dir(x->target, err);
	if (fd < 0 || fs_list(x->target, &names, err) < 0)
		return -1;
	first = first_name(fd, &names);
	/* An update compares all there is, also where a restore was cut off. */
	if (first && x->update)
		return compare(x, fd, out, err);
	out->resumes = restore_is_unfinished(fd);
	if (out->resumes || !first)
		return 0;
	shown = str_printable(first, strnlen(first, NAME_SHOWN));
	err_set(err, ERR_REFUSED, "%s is not empty: it holds '%s'", target, shown);
	return err_hint(err, "name a directory that is empty or not there yet; --update makes this one what the image is");
}

static void plan_update(const struct export *x, const char *target, const struct export_facts *f, struct plan *plan)
{
	size_t shown = x->names_all ? f->delta.removed.len : REMOVED_SHOWN;
	char size[STR_BYTES_MAX], kept[STR_BYTES_MAX];

	for (size_t i = 0; i < f->delta.removed.len && i < shown; i++) {
		autofree char *name = str_printable(f->delta.removed.items[i], strlen(f->delta.removed.items[i]));

		plan_add(plan, 0, PLAN_DESTROYS, "remove", str_format("remove %s%s, which the image does not have", target, name),
			 NULL, NULL);
	}
	if (f->delta.removed.len > shown)
		plan_add(plan, 0, PLAN_DESTROYS, "remove",
			 str_format("remove %zu more such names (--plan has all of them)", f->delta.removed.len - shown), NULL,
			 NULL);
	str_from_bytes(f->delta.missing_bytes, size);
	str_from_bytes(f->delta.kept_bytes, kept);
	plan_add(plan, 0, PLAN_DESTROYS, "update",
		 str_format("update %s to image %s: %s of content are right and stay, %llu chunks (%s stored) are written",
			    target, f->ref, kept, (unsigned long long)f->delta.missing_chunks, size),
		 NULL, NULL);
}

void export_dir_plan(const struct export *x, const struct export_facts *f, struct plan *plan)
{
	autofree char *target = str_printable(x->target, strlen(x->target));
	char size[STR_BYTES_MAX];

	/* Also when all content is right: files without any may become others, and attributes do. */
	if (f->updates) {
		plan_update(x, target, f, plan);
		return;
	}
	str_from_bytes(f->content_bytes, size);
	plan_add(plan, 0, PLAN_WRITES, "export",
		 str_format("%s image %s (%llu entries, %s of content) into the directory %s",
			    f->resumes ? "complete the restore of" : "restore", f->ref, (unsigned long long)f->entries, size,
			    target),
		 NULL, NULL);
}

/* Is it the image that is hurt, or gone since? Then the same command can never complete it. */
static bool is_image_hurt(const struct export *x, const struct export_facts *f, const struct err *err)
{
	const char *slash = strchr(f->ref, '/');
	autofree char *name = mem_strndup(f->ref, (size_t)(slash - f->ref));
	struct err why = { 0 };

	if (err->kind == ERR_DAMAGED)
		return true;
	/* A disk that can't be read says nothing about what is on it. */
	return store_check_opens(x->store, name, slash + 1, &why) < 0 && why.kind != ERR_FAILED;
}

/* Itself only for its owner, until the image says otherwise: files lie in it with modes that are not theirs yet. */
static int make_target(const char *target, struct err *err)
{
	autofree char *above = mem_strdup(target);
	char *slash;

	for (size_t n = strlen(above); n > 1 && above[n - 1] == '/'; n--)
		above[n - 1] = '\0';
	slash = strrchr(above, '/');
	if (slash && slash != above) {
		*slash = '\0';
		if (fs_mkdirs(above, 0755, err) < 0)
			return -1;
	}
	return fs_mkdirs(target, 0700, err);
}

int export_dir(const struct export *x, const struct export_facts *f, struct err *err)
{
	/* Nothing is removed that was not planned: a directory that was empty then is not updated now. */
	const struct restore_how how = { .key = x->key, .update = f->updates, .progress = x->progress, .ctx = x->ctx };
	autoclose int fd = -1;

	if (make_target(x->target, err) < 0)
		return -1;
	fd = fs_open_dir(x->target, err);
	if (fd < 0)
		return -1;
	if (restore_from_store(x->store, f->ref, &how, fd, err) == 0)
		return 0;
	err_wrap(err, "export to %s", x->target);
	if (err->hint[0] || !restore_is_unfinished(fd))
		return -1;
	if (is_image_hurt(x, f, err))
		return err_hint(err, "run `orthrus image verify %s`, which names what is hurt; %s holds part of the image",
				f->ref, x->target);
	return err_hint(err, "%s holds part of the image: the same command again completes it", x->target);
}
