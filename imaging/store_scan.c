/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is in images/: what has an image's place and form, and what somebody else put there. */
#include "imaging/store_priv.h"

#include "base/mem.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

void store_strangers_free(struct store_strangers *x)
{
	str_list_free(&x->paths);
	free(x->link);
	*x = (struct store_strangers){ 0 };
}

enum kind { KIND_DIR, KIND_LINK, KIND_OTHER };

/* What can't be looked at may be an image: whoever took it for none would sweep its packs. */
static int look(const char *path, enum kind *kind, struct err *err)
{
	struct stat st = { .st_mode = S_IFDIR };

	/* A deletion removed it just now: whoever looks into it finds nothing. */
	if (lstat(path, &st) < 0 && errno != ENOENT)
		return err_errno(err, errno, "look at %s", path);
	*kind = S_ISDIR(st.st_mode) ? KIND_DIR : S_ISLNK(st.st_mode) ? KIND_LINK : KIND_OTHER;
	return 0;
}

/* Real directories in `dir`, named as images or their ids are. Names with a dot in front go to `dotted`. */
static int scan(const char *dir, struct str_list *out, struct str_list *dotted, struct store_strangers *strangers,
		struct err *err)
{
	autoclean(str_list_free) struct str_list all = { 0 };
	struct err why = { 0 };

	if (fs_list(dir, &all, &why) < 0) {
		if (why.kind == ERR_NOT_FOUND)
			return 0;
		*err = why;
		return -1;
	}
	for (size_t i = 0; i < all.len; i++) {
		autofree char *path = fs_join(dir, all.items[i]);
		struct err no_name = { 0 };
		enum kind kind = KIND_OTHER;

		if (dotted && all.items[i][0] == '.') {
			str_list_add(dotted, all.items[i]);
			continue;
		}
		if (look(path, &kind, err) < 0)
			return -1;
		if (kind == KIND_DIR && str_check_name(all.items[i], &no_name) == 0) {
			str_list_add(out, all.items[i]);
		} else if (strangers && !str_eq(all.items[i], "lost+found")) {
			if (kind == KIND_LINK && !strangers->link)
				strangers->link = mem_strdup(path);
			str_list_add(&strangers->paths, path);
		}
	}
	return 0;
}

int store_names(const struct store *s, struct str_list *out, struct store_strangers *strangers, struct err *err)
{
	return scan(s->images, out, NULL, strangers, err);
}

/* "NAME/ENTRY" of all names. */
static int each_name(const struct store *s, bool leftovers, struct str_list *out, struct store_strangers *strangers,
		     struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };

	if (store_names(s, &names, strangers, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		autoclean(str_list_free) struct str_list ids = { 0 };
		autoclean(str_list_free) struct str_list dotted = { 0 };
		const struct str_list *wanted = leftovers ? &dotted : &ids;
		autofree char *dir = fs_join(s->images, names.items[i]);

		if (scan(dir, &ids, &dotted, strangers, err) < 0)
			return -1;
		for (size_t j = 0; j < wanted->len; j++)
			str_list_addf(out, "%s/%s", names.items[i], wanted->items[j]);
	}
	return 0;
}

int store_refs(const struct store *s, struct str_list *out, struct store_strangers *strangers, struct err *err)
{
	return each_name(s, false, out, strangers, err);
}

int store_leftovers(const struct store *s, struct str_list *out, struct err *err)
{
	return each_name(s, true, out, NULL, err);
}

int store_ids(const struct store *s, const char *name, struct str_list *out, struct err *err)
{
	autoclean(str_list_free) struct str_list dotted = { 0 };
	autofree char *dir = fs_join(s->images, name);

	return scan(dir, out, &dotted, NULL, err);
}

int store_is_image(const struct store *s, const char *name, const char *id, bool *is, struct err *err)
{
	autofree char *parent = fs_join(s->images, name);
	autofree char *dir = fs_join(parent, id);
	struct stat st;

	errno = 0;
	*is = lstat(parent, &st) == 0 && S_ISDIR(st.st_mode) && lstat(dir, &st) == 0 && S_ISDIR(st.st_mode);
	return *is || errno == ENOENT || errno == ENOTDIR || errno == 0 ? 0 : err_errno(err, errno, "look at %s", dir);
}

/* images/NAME as a link would be written through, and then passed by by every reader. */
int store_check_place(struct store *s, const char *name, struct err *err)
{
	autoclean(str_list_free) struct str_list left = { 0 };
	autofree char *dir = fs_join(s->images, name);
	struct stat st;

	if (lstat(dir, &st) == 0 && !S_ISDIR(st.st_mode)) {
		err_set(err, ERR_REFUSED, "%s is %s, where the images of this name would be", dir,
			S_ISLNK(st.st_mode) ? "a symbolic link" : "no directory");
		return err_hint(err, "move it away, or choose another name");
	}
	return store_leftovers(s, &left, err) < 0 ? -1 : store_check_counter(s, name, err);
}

void store_warn_strangers(const struct store_strangers *x)
{
	for (size_t i = 0; i < x->paths.len; i++)
		log_warn("imaging", "%s is no image and is passed over%s", x->paths.items[i],
			 x->link && str_eq(x->link, x->paths.items[i]) ? ": it is a symbolic link" : "; move it elsewhere");
}
