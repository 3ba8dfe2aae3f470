/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netboot/rootfs.h"

#include "base/cpio.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)256 << 20)

static void entry_free(struct rootfs_entry *e)
{
	free(e->path);
	free(e->source);
	buf_free(&e->data);
}

void rootfs_free(struct rootfs *r)
{
	for (size_t i = 0; i < r->len; i++) {
		entry_free(&r->items[i]);
	}
	free(r->items);
	*r = (struct rootfs){ 0 };
}

static char *normal_path(const char *path)
{
	static const char *const merged[] = { "bin/", "sbin/", "lib/", "lib64/" };

	while (*path == '/')
		path++;
	for (size_t i = 0; i < ARRAY_LEN(merged); i++)
		if (str_starts(path, merged[i]))
			return str_format("usr/%s", path);
	return mem_strdup(path);
}

static struct rootfs_entry *find(const struct rootfs *r, const char *path)
{
	for (size_t i = 0; i < r->len; i++)
		if (str_eq(r->items[i].path, path))
			return &r->items[i];
	return NULL;
}

bool rootfs_has(const struct rootfs *r, const char *path)
{
	autofree char *normal = normal_path(path);

	return find(r, normal) != NULL;
}

void rootfs_without(struct rootfs *r, const struct rootfs *other)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->len; i++) {
		if (find(other, r->items[i].path))
			entry_free(&r->items[i]);
		else
			r->items[kept++] = r->items[i];
	}
	r->len = kept;
}

static struct rootfs_entry *add(struct rootfs *r, enum rootfs_type type, const char *path, unsigned int mode)
{
	autofree char *normal = normal_path(path);
	char *slash = strrchr(normal, '/');

	if (find(r, normal))
		return NULL;
	if (slash) {
		autofree char *parent = mem_strndup(normal, (size_t)(slash - normal));

		rootfs_dir(r, parent, 0755);
	}
	r->items = mem_room(r->items, r->len, &r->cap, sizeof(*r->items));
	r->items[r->len] = (struct rootfs_entry){ .type = type, .path = steal(normal), .mode = mode };
	return &r->items[r->len++];
}

void rootfs_dir(struct rootfs *r, const char *path, unsigned int mode)
{
	add(r, ROOTFS_DIR, path, mode);
}

void rootfs_file(struct rootfs *r, const char *path, unsigned int mode, const char *source)
{
	struct rootfs_entry *e = add(r, ROOTFS_FILE, path, mode);

	if (e)
		e->source = mem_strdup(source);
}

void rootfs_data(struct rootfs *r, const char *path, unsigned int mode, const char *text)
{
	struct rootfs_entry *e = add(r, ROOTFS_FILE, path, mode);

	if (e)
		buf_adds(&e->data, text);
}

void rootfs_link(struct rootfs *r, const char *path, const char *target)
{
	struct rootfs_entry *e = add(r, ROOTFS_LINK, path, 0777);

	if (e)
		e->source = mem_strdup(target);
}

void rootfs_char(struct rootfs *r, const char *path, unsigned int mode, unsigned int major, unsigned int minor)
{
	struct rootfs_entry *e = add(r, ROOTFS_CHAR, path, mode);

	if (e) {
		e->major = major;
		e->minor = minor;
	}
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct rootfs_entry *)a)->path, ((const struct rootfs_entry *)b)->path);
}

static void sort(struct rootfs *r)
{
	if (r->len)
		qsort(r->items, r->len, sizeof(*r->items), by_path);
}

/* A file's bytes, from memory or from disk into `room`. */
static int content(const struct rootfs_entry *e, struct buf *room, const void **data, size_t *len, struct err *err)
{
	if (!e->source) {
		*data = buf_str(&e->data);
		*len = e->data.len;
		return 0;
	}
	if (fs_read(e->source, FILE_MAX, room, err) < 0)
		return err_wrap(err, "initramfs");
	*data = buf_str(room);
	*len = room->len;
	return 0;
}

int rootfs_digest(struct rootfs *r, struct digest *out, struct err *err)
{
	struct digest_ctx *ctx = digest_new();

	sort(r);
	for (size_t i = 0; i < r->len; i++) {
		const struct rootfs_entry *e = &r->items[i];
		autoclean(buf_free) struct buf room = { 0 };
		/* Lengths go in before what they measure: no two lists can look the same to the hash. */
		autofree char *head = NULL;
		const void *data = "";
		size_t len = 0;

		if (e->type == ROOTFS_LINK) {
			data = e->source;
			len = strlen(e->source);
		} else if (e->type == ROOTFS_FILE && content(e, &room, &data, &len, err) < 0) {
			digest_end(ctx, NULL);
			return -1;
		}
		head = str_format("%d %o %u %u %zu:%s %zu:", (int)e->type, e->mode, e->major, e->minor, strlen(e->path), e->path,
				  len);
		digest_add(ctx, head, strlen(head));
		digest_add(ctx, data, len);
	}
	digest_end(ctx, out);
	return 0;
}

static int write_entry(struct cpio *c, const struct rootfs_entry *e, struct err *err)
{
	autoclean(buf_free) struct buf room = { 0 };
	const void *data;
	size_t len;

	switch (e->type) {
	case ROOTFS_DIR:
		cpio_dir(c, e->path, e->mode);
		break;
	case ROOTFS_FILE:
		if (content(e, &room, &data, &len, err) < 0)
			return -1;
		cpio_file(c, e->path, e->mode, data, len);
		break;
	case ROOTFS_LINK:
		cpio_symlink(c, e->path, e->source);
		break;
	case ROOTFS_CHAR:
		cpio_char_device(c, e->path, e->mode, e->major, e->minor);
		break;
	}
	return 0;
}

int rootfs_cpio(struct rootfs *r, struct buf *out, struct err *err)
{
	struct cpio c = { .out = out };

	/* Sorted by bytes a directory comes before what is in it: its path is the shorter. */
	sort(r);
	for (size_t i = 0; i < r->len; i++)
		if (write_entry(&c, &r->items[i], err) < 0)
			return -1;
	cpio_end(&c);
	return 0;
}
