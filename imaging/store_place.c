/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A directory can be reached by many paths (symbolic links, bind mounts), so what is compared is where it lies in its file
 * system, as mountinfo tells it. */
#include "imaging/store_place.h"

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

/* Of two mounts at one point the later hides the other. */
static void find_place(const struct mounts *m, const char *real, struct places *out)
{
	const struct mount *cover = NULL;
	const char *rest;

	for (size_t i = 0; i < m->len; i++)
		if (is_at_or_below(real, m->items[i].point) && (!cover || strlen(m->items[i].point) >= strlen(cover->point)))
			cover = &m->items[i];
	if (!cover)
		return;
	rest = real + (str_eq(cover->point, "/") ? 0 : strlen(cover->point));
	add_place(out, cover->dev, str_format("%s%s", str_eq(cover->root, "/") ? "" : cover->root, rest));
}

static void find_mounts_below(const struct mounts *m, const char *real, struct places *out)
{
	for (size_t i = 0; i < m->len; i++)
		if (is_at_or_below(m->items[i].point, real) && !str_eq(m->items[i].point, real))
			add_place(out, m->items[i].dev, mem_strdup(m->items[i].root));
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

/* A store that is still to be made has nothing but its own path. */
static int add_store(const char *path, const struct store *s, const struct mounts *m, struct places *out, struct err *err)
{
	const char *const dirs[] = { path, s ? s->packs : NULL, s ? s->images : NULL, s ? s->sequence : NULL };

	for (size_t i = 0; i < ARRAY_LEN(dirs) && dirs[i]; i++) {
		autofree char *real = NULL;

		if (resolve(dirs[i], &real, err) < 0)
			return -1;
		find_place(m, real, out);
		find_mounts_below(m, real, out);
	}
	return 0;
}

int store_place_compare(const char *store_dir, const struct store *s, const char *dir, bool with_mounts, bool *meets, char **real,
			struct err *err)
{
	autoclean(mounts_free) struct mounts mounts = { 0 };
	autoclean(places_free) struct places store = { 0 }, other = { 0 };
	autofree char *resolved = NULL;

	if (resolve(dir, &resolved, err) < 0 || read_mounts(&mounts, err) < 0 ||
	    add_store(store_dir, s, &mounts, &store, err) < 0)
		return -1;
	find_place(&mounts, resolved, &other);
	if (with_mounts)
		find_mounts_below(&mounts, resolved, &other);
	*meets = overlap(&store, &other);
	*real = steal(resolved);
	return 0;
}
