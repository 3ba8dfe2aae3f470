/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `orthrus image ls`: what is in an image, as ls(1) or tar(1) would show it. */
#include "base/mem.h"
#include "cmd/commands.h"
#include "cmd/images.h"

#include <stdio.h>
#include <string.h>

#define FLUSH_AT ((size_t)64 << 10)

struct listing {
	const struct image_read *image;
	const struct tree_entry *top;
	const struct tree_entry **items;
	size_t len;
	bool recursive, full_time;
	int w_links, w_uid, w_gid, w_size, w_data;
};

static void listing_free(struct listing *l)
{
	free(l->items);
}

/* Directly in `dir`, or anywhere below it when `deep`. Entries after dir are below it until one is not. */
static bool is_in(const struct tree_entry *dir, const struct tree_entry *e, bool *below)
{
	size_t n = strlen(dir->path);
	const char *rest = n ? e->path + n + 1 : e->path;

	*below = !n || (strncmp(dir->path, e->path, n) == 0 && e->path[n] == '/');
	return *below && !strchr(rest, '/');
}

static void choose(struct listing *l)
{
	const struct tree *t = image_read_tree(l->image);
	const struct tree_entry *inode = image_read_inode(l->image, l->top);
	size_t i = (size_t)(l->top - t->entries);
	bool below = true;

	l->items = mem_array(inode->type == TREE_DIR ? t->len : 1, sizeof(l->items[0]));
	if (inode->type != TREE_DIR || l->recursive)
		l->items[l->len++] = l->top;
	if (inode->type != TREE_DIR)
		return;
	while (++i < t->len && below)
		if ((is_in(l->top, &t->entries[i], &below) || l->recursive) && below)
			l->items[l->len++] = &t->entries[i];
}

/* As ls(1): the name in its directory, but whole paths where there are several directories. */
static char *shown_name(const struct listing *l, const struct tree_entry *e)
{
	const char *slash = strrchr(e->path, '/');

	if (!l->recursive && e != l->top)
		return str_printable(slash ? slash + 1 : e->path, strlen(slash ? slash + 1 : e->path));
	autofree char *full = str_format("/%s", e->path);

	return str_printable(full, strlen(full));
}

static char *size_cell(const struct tree_entry *e)
{
	if (e->type == TREE_CHAR || e->type == TREE_BLOCK)
		return str_format("%u,%u", e->major, e->minor);
	if (e->type == TREE_SYMLINK)
		return str_format("%zu", strlen(e->target));
	return e->type == TREE_FILE ? str_format("%llu", (unsigned long long)e->size) : mem_strdup("-");
}

static char *data_cell(const struct tree_entry *e)
{
	return e->type == TREE_FILE ? str_format("%llu", (unsigned long long)e->stream_len) : mem_strdup("-");
}

static void widen(int *width, char *cell)
{
	if ((int)strlen(cell) > *width)
		*width = (int)strlen(cell);
	free(cell);
}

static void measure(struct listing *l)
{
	widen(&l->w_links, mem_strdup("LINKS"));
	widen(&l->w_uid, mem_strdup("UID"));
	widen(&l->w_gid, mem_strdup("GID"));
	widen(&l->w_size, mem_strdup("SIZE"));
	widen(&l->w_data, mem_strdup("DATA"));
	for (size_t i = 0; i < l->len; i++) {
		const struct tree_entry *e = image_read_inode(l->image, l->items[i]);

		widen(&l->w_links, str_format("%u", image_read_links(l->image, l->items[i])));
		widen(&l->w_uid, str_format("%u", e->uid));
		widen(&l->w_gid, str_format("%u", e->gid));
		widen(&l->w_size, size_cell(e));
		widen(&l->w_data, data_cell(e));
	}
}

static void print_long(const struct listing *l, const struct tree_entry *name)
{
	const struct tree_entry *e = image_read_inode(l->image, name);
	autofree char *size = size_cell(e), *data = data_cell(e), *shown = shown_name(l, name);
	char mode[IMAGE_MODE_LEN], when[IMAGE_TIME_LEN];

	image_entry_mode(e, mode);
	image_entry_time(e, when);
	printf("%s  %*u  %*u  %*u  %*s  %*s  %-20s  %s", mode, l->w_links, image_read_links(l->image, name), l->w_uid, e->uid,
	       l->w_gid, e->gid, l->w_size, size, l->w_data, data, when, shown);
	if (e->target) {
		autofree char *target = str_printable(e->target, strlen(e->target));

		printf(" -> %s", target);
	}
	putchar('\n');
}

static void print_text(struct listing *l, bool with_attributes)
{
	if (with_attributes) {
		measure(l);
		printf("%-11s  %*s  %*s  %*s  %*s  %*s  %-20s  %s\n", "MODE", l->w_links, "LINKS", l->w_uid, "UID", l->w_gid,
		       "GID", l->w_size, "SIZE", l->w_data, "DATA", "MODIFIED", "NAME");
	}
	for (size_t i = 0; i < l->len && !ferror(stdout); i++) {
		autofree char *shown = NULL;

		if (with_attributes) {
			print_long(l, l->items[i]);
			continue;
		}
		shown = shown_name(l, l->items[i]);
		puts(shown);
	}
}

/* An image may have millions of entries: printed as they come. */
static void print_json(const struct listing *l)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	json_put_str(&w, "image", image_read_ref(l->image));
	image_entry_put_path(&w, "path", l->top->path);
	json_put_arr(&w, "entries");
	for (size_t i = 0; i < l->len && !ferror(stdout); i++) {
		const struct tree_entry *e = l->items[i], *inode = image_read_inode(l->image, e);

		json_put_obj(&w, NULL);
		image_entry_put_path(&w, "path", e->path);
		if (inode != e)
			image_entry_put_path(&w, "link_of", inode->path);
		image_entry_put(&w, inode, image_read_links(l->image, e));
		json_end_obj(&w);
		if (out.len < FLUSH_AT)
			continue;
		cmd_print(buf_str(&out));
		buf_clear(&out);
	}
	json_end_arr(&w);
	json_end_obj(&w);
	cmd_print(buf_str(&out));
}

int cmd_image_ls(struct cmd *c, struct err *err)
{
	autoclean(images_close_store) struct store *s = NULL;
	autoclean(images_close) struct image_read *image = NULL;
	autoclean(listing_free) struct listing l = { .recursive = cmd_flag(c, "recursive") };
	bool with_attributes = cmd_flag(c, "long");

	if (cmd_args(c, 1, 2, err) < 0 || images_open_store(c, &s, err) < 0 || images_open(c, s, c->argv[0], &image, err) < 0)
		return -1;
	/* A link to a directory is gone through, unless its own attributes are asked for: as ls(1) does. */
	if (image_read_find(image, c->argc > 1 ? c->argv[1] : "", !with_attributes && !c->json, &l.top, err) < 0)
		return -1;
	l.image = image;
	choose(&l);
	if (c->json)
		print_json(&l);
	else
		print_text(&l, with_attributes);
	return 0;
}
