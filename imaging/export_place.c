/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeps exports out of the image store: to write or remove there would cost every image. A directory can be reached by many paths
 * (symbolic links, bind mounts), so what is compared is where it lies in its file system, as mountinfo tells it. */
#include "imaging/export_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/store_priv.h"
#include "sys/fs.h"
#include "sys/mounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_MAX ((size_t)64 << 20)

struct mount {
	char *dev, *root, *point; /* "8:1", what of the file system is mounted, and where */
};
struct mounts {
	struct mount *items;
	size_t len, cap;
};
/* A directory of a file system. */
struct place {
	const char *dev;
	char *path;
};
struct places {
	struct place *items;
	size_t len, cap;
};

static void mounts_free(struct mounts *m)
{
	for (size_t i = 0; i < m->len; i++) {
		free(m->items[i].dev);
		free(m->items[i].root);
		free(m->items[i].point);
	}
	free(m->items);
}

static void places_free(struct places *p)
{
	for (size_t i = 0; i < p->len; i++)
		free(p->items[i].path);
	free(p->items);
}

/* proc(5) writes blank, tab, newline and backslash as \040 and the like. */
static void unescape(char *s)
{
	char *o = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*o++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*o++ = *s;
		}
	}
	*o = '\0';
}

static int read_mounts(struct mounts *out, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	char *save = NULL;

	if (fs_read(MOUNTS_TABLE, TABLE_MAX, &text, err) < 0)
		return -1;
	buf_addc(&text, '\0');
	for (char *line = strtok_r((char *)text.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct mount m = { 0 };

		if (sscanf(line, "%*s %*s %ms %ms %ms", &m.dev, &m.root, &m.point) == 3) {
			unescape(m.root);
			unescape(m.point);
			out->items = mem_room(out->items, out->len, &out->cap, sizeof(out->items[0]));
			out->items[out->len++] = m;
			continue;
		}
		free(m.dev);
		free(m.root);
		free(m.point);
	}
	return 0;
}

static bool is_at_or_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	while (n && dir[n - 1] == '/')
		n--;
	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static void add_place(struct places *out, const char *dev, char *path)
{
	out->items = mem_room(out->items, out->len, &out->cap, sizeof(out->items[0]));
	out->items[out->len++] = (struct place){ .dev = dev, .path = path };
}

/* Where `real` lies, and all that is mounted below it. Of two mounts at one point the later hides the other. */
static void find_places(const struct mounts *m, const char *real, struct places *out)
{
	const struct mount *cover = NULL;

	for (size_t i = 0; i < m->len; i++) {
		const struct mount *one = &m->items[i];

		if (is_at_or_below(real, one->point) && (!cover || strlen(one->point) >= strlen(cover->point)))
			cover = one;
		else if (is_at_or_below(one->point, real) && !str_eq(one->point, real))
			add_place(out, one->dev, mem_strdup(one->root));
	}
	if (cover) {
		const char *rest = real + (str_eq(cover->point, "/") ? 0 : strlen(cover->point));

		add_place(out, cover->dev, str_format("%s%s", str_eq(cover->root, "/") ? "" : cover->root, rest));
	}
}

static bool overlap(const struct places *a, const struct places *b)
{
	for (size_t i = 0; i < a->len; i++)
		for (size_t k = 0; k < b->len; k++)
			if (str_eq(a->items[i].dev, b->items[k].dev) && (is_at_or_below(a->items[i].path, b->items[k].path) ||
									 is_at_or_below(b->items[k].path, a->items[i].path)))
				return true;
	return false;
}

/* realpath(3) of what may not be there yet. ".." below it would lead elsewhere once it is made. */
static int resolve(const char *target, char **out, struct err *err)
{
	autofree char *have = mem_strdup(target);

	for (;;) {
		autofree char *real = realpath(*have ? have : ".", NULL);
		const char *rest = target + strlen(have);
		char *slash;

		if (real) {
			rest += strspn(rest, "/");
			if (str_eq(rest, "..") || str_starts(rest, "../") || str_ends(rest, "/..") || strstr(rest, "/../")) {
				err_set(err, ERR_REFUSED, "%s goes through a directory that is not there", target);
				return err_hint(err, "name the directory without '..'");
			}
			*out = *rest ? fs_join(real, rest) : steal(real);
			return 0;
		}
		if (errno != ENOENT || !*have)
			return err_errno(err, errno, "look at %s", target);
		while (strlen(have) > 1 && have[strlen(have) - 1] == '/')
			have[strlen(have) - 1] = '\0';
		slash = strrchr(have, '/');
		have[!slash ? 0 : slash == have ? 1 : slash - have] = '\0';
	}
}

static int add_store(const struct store *s, const struct mounts *m, struct places *out, struct err *err)
{
	const char *const dirs[] = { s->path, s->packs, s->images, s->sequence };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		autofree char *real = realpath(dirs[i], NULL);

		if (!real)
			return err_errno(err, errno, "look at %s", dirs[i]);
		find_places(m, real, out);
	}
	return 0;
}

int export_place_check(const struct export *x, struct err *err)
{
	autoclean(mounts_free) struct mounts mounts = { 0 };
	autoclean(places_free) struct places store = { 0 }, target = { 0 };
	autofree char *real = NULL, *shown = str_printable(x->target, strlen(x->target));

	if (str_eq(x->target, "-"))
		return 0;
	if (resolve(x->target, &real, err) < 0 || read_mounts(&mounts, err) < 0 || add_store(x->store, &mounts, &store, err) < 0)
		return -1;
	if (str_eq(real, "/")) {
		err_set(err, ERR_REFUSED, "%s is the root of the running system", shown);
		return err_hint(err, "name a directory of its own for the image");
	}
	find_places(&mounts, real, &target);
	if (!overlap(&store, &target))
		return 0;
	err_set(err, ERR_REFUSED, "%s is, holds or lies in the image store %s", shown, x->store->path);
	return err_hint(err, "name a place outside of the image store");
}
