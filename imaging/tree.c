/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/tree.h"
#include "imaging/tree_check.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static const char magic[8] = "ORTHTREE";
#define VERSION 1

/* '\0' ends a path and sorts first; then '/', then the rest. */
static unsigned int rank(char c)
{
	return c == '\0' ? 0 : c == '/' ? 1 : 1u + (unsigned char)c;
}

int tree_path_cmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (int)rank(*a) - (int)rank(*b);
}

struct tree_entry *tree_add(struct tree *t)
{
	t->entries = mem_room(t->entries, t->len, &t->cap, sizeof(t->entries[0]));
	t->entries[t->len] = (struct tree_entry){ 0 };
	return &t->entries[t->len++];
}

static void entry_free(struct tree_entry *e)
{
	free(e->path);
	free(e->target);
	free(e->extents);
	for (size_t i = 0; i < e->n_xattrs; i++) {
		free(e->xattrs[i].name);
		free(e->xattrs[i].value);
	}
	free(e->xattrs);
}

void tree_drop(struct tree *t)
{
	entry_free(&t->entries[--t->len]);
}

void tree_free(struct tree *t)
{
	for (size_t i = 0; i < t->len; i++)
		entry_free(&t->entries[i]);
	free(t->entries);
	*t = (struct tree){ 0 };
}

const struct tree_entry *tree_find(const struct tree *t, const char *path)
{
	size_t lo = 0, hi = t->len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = tree_path_cmp(t->entries[mid].path, path);

		if (c == 0)
			return &t->entries[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static void encode_entry(const struct tree_entry *e, struct buf *out)
{
	buf_add_u8(out, (uint8_t)e->type);
	buf_add_u8(out, 0);
	buf_add_u16(out, e->mode);
	buf_add_u32(out, e->uid);
	buf_add_u32(out, e->gid);
	buf_add_u64(out, (uint64_t)e->mtime_s);
	buf_add_u32(out, e->mtime_ns);
	buf_add_u32(out, e->flags);
	buf_add_u32(out, e->link);
	buf_add_u32(out, e->major);
	buf_add_u32(out, e->minor);
	buf_add_u64(out, e->size);
	buf_add_u64(out, e->stream_at);
	buf_add_u64(out, e->stream_len);
	buf_add_u16(out, (uint16_t)strlen(e->path));
	buf_add_u16(out, e->target ? (uint16_t)strlen(e->target) : 0);
	buf_add_u32(out, (uint32_t)e->n_xattrs);
	buf_add_u32(out, (uint32_t)e->n_extents);
	buf_adds(out, e->path);
	buf_adds(out, e->target ? e->target : "");
	for (size_t i = 0; i < e->n_xattrs; i++) {
		buf_add_u16(out, (uint16_t)strlen(e->xattrs[i].name));
		buf_add_u32(out, e->xattrs[i].len);
		buf_adds(out, e->xattrs[i].name);
		buf_add(out, e->xattrs[i].value, e->xattrs[i].len);
	}
	for (size_t i = 0; i < e->n_extents; i++) {
		buf_add_u64(out, e->extents[i].offset);
		buf_add_u64(out, e->extents[i].len);
	}
}

void tree_encode(const struct tree *t, struct buf *out)
{
	autoclean(buf_free) struct buf rec = { 0 };

	buf_add(out, magic, sizeof(magic));
	buf_add_u32(out, VERSION);
	buf_add_u32(out, 0);
	buf_add_u64(out, t->len);
	for (size_t i = 0; i < t->len; i++) {
		buf_clear(&rec);
		encode_entry(&t->entries[i], &rec);
		buf_add_u32(out, (uint32_t)rec.len);
		buf_add(out, rec.data, rec.len);
	}
}

/* A string of `len` bytes without NUL. */
static int take_string(struct cursor *c, size_t len, char **out, struct err *err)
{
	const uint8_t *p;

	if (cursor_bytes(c, len, &p, err) < 0)
		return -1;
	if (len && memchr(p, '\0', len))
		return err_set(err, ERR_DAMAGED, "a name holds a zero byte");
	*out = mem_strndup((const char *)p, len);
	return 0;
}

static int decode_xattrs(struct cursor *c, uint32_t n, struct tree_entry *e, struct err *err)
{
	if (n > TREE_XATTRS_MAX || n > cursor_left(c) / 6)
		return err_set(err, ERR_DAMAGED, "%u extended attributes", n);
	e->xattrs = mem_array(n, sizeof(e->xattrs[0]));
	for (; e->n_xattrs < n; e->n_xattrs++) {
		struct tree_xattr *x = &e->xattrs[e->n_xattrs];
		const uint8_t *value;
		uint16_t name_len;

		if (cursor_u16(c, &name_len, err) < 0 || cursor_u32(c, &x->len, err) < 0)
			return -1;
		if (name_len == 0 || name_len > 255 || x->len > TREE_XATTR_VALUE_MAX)
			return err_set(err, ERR_DAMAGED, "an extended attribute with a name of %u and a value of %u bytes",
				       name_len, x->len);
		if (take_string(c, name_len, &x->name, err) < 0)
			return -1;
		if (cursor_bytes(c, x->len, &value, err) < 0) {
			free(x->name);
			return -1;
		}
		x->value = mem_dup(value, x->len);
	}
	return 0;
}

static int decode_extents(struct cursor *c, uint32_t n, struct tree_entry *e, struct err *err)
{
	if (n > cursor_left(c) / 16)
		return err_set(err, ERR_DAMAGED, "%u extents do not fit into the record", n);
	e->extents = mem_array(n, sizeof(e->extents[0]));
	e->n_extents = n;
	for (uint32_t i = 0; i < n; i++)
		if (cursor_u64(c, &e->extents[i].offset, err) < 0 || cursor_u64(c, &e->extents[i].len, err) < 0)
			return -1;
	return 0;
}

static int decode_entry(struct cursor *c, struct tree_entry *e, struct err *err)
{
	uint8_t type, zero;
	uint16_t path_len, target_len;
	uint32_t n_xattrs, n_extents;
	uint64_t mtime;

	if (cursor_u8(c, &type, err) < 0 || cursor_u8(c, &zero, err) < 0 || cursor_u16(c, &e->mode, err) < 0 ||
	    cursor_u32(c, &e->uid, err) < 0 || cursor_u32(c, &e->gid, err) < 0 || cursor_u64(c, &mtime, err) < 0 ||
	    cursor_u32(c, &e->mtime_ns, err) < 0 || cursor_u32(c, &e->flags, err) < 0 || cursor_u32(c, &e->link, err) < 0 ||
	    cursor_u32(c, &e->major, err) < 0 || cursor_u32(c, &e->minor, err) < 0 || cursor_u64(c, &e->size, err) < 0 ||
	    cursor_u64(c, &e->stream_at, err) < 0 || cursor_u64(c, &e->stream_len, err) < 0 ||
	    cursor_u16(c, &path_len, err) < 0 || cursor_u16(c, &target_len, err) < 0 || cursor_u32(c, &n_xattrs, err) < 0 ||
	    cursor_u32(c, &n_extents, err) < 0)
		return -1;
	if (type < TREE_DIR || type > TREE_HARDLINK || zero != 0)
		return err_set(err, ERR_DAMAGED, "unknown entry type %u", type);
	e->type = (enum tree_type)type;
	e->mtime_s = (int64_t)mtime;
	if (take_string(c, path_len, &e->path, err) < 0)
		return -1;
	if (target_len && take_string(c, target_len, &e->target, err) < 0)
		return -1;
	if (decode_xattrs(c, n_xattrs, e, err) < 0 || decode_extents(c, n_extents, e, err) < 0)
		return -1;
	if (cursor_left(c))
		return err_set(err, ERR_DAMAGED, "%zu bytes too many in a record", cursor_left(c));
	return 0;
}

int tree_decode(const void *raw, size_t len, struct tree *out, struct err *err)
{
	struct cursor c = { .data = raw, .len = len };
	autoclean(tree_check_free) struct tree_check check = { 0 };
	const uint8_t *m;
	uint32_t version, zero;
	uint64_t n;

	if (cursor_bytes(&c, sizeof(magic), &m, err) < 0 || cursor_u32(&c, &version, err) < 0 || cursor_u32(&c, &zero, err) < 0 ||
	    cursor_u64(&c, &n, err) < 0)
		return err_wrap(err, "tree");
	if (memcmp(m, magic, sizeof(magic)) != 0 || version != VERSION || zero != 0)
		return err_set(err, ERR_DAMAGED, "tree: not one of version %d", VERSION);
	if (n == 0 || n > TREE_ENTRIES_MAX)
		return err_set(err, ERR_DAMAGED, "tree: %llu entries, allowed are 1 to %llu", (unsigned long long)n,
			       (unsigned long long)TREE_ENTRIES_MAX);
	for (uint64_t i = 0; i < n; i++) {
		struct cursor rec = { 0 };
		uint32_t rec_len;

		if (cursor_u32(&c, &rec_len, err) < 0 || cursor_bytes(&c, rec_len, &rec.data, err) < 0)
			return err_wrap(err, "tree, entry %llu", (unsigned long long)i);
		rec.len = rec_len;
		if (decode_entry(&rec, tree_add(out), err) < 0 || tree_check_last(&check, out, err) < 0)
			return err_wrap(err, "tree, entry %llu", (unsigned long long)i);
	}
	if (cursor_left(&c))
		return err_set(err, ERR_DAMAGED, "tree: %zu bytes after the last entry", cursor_left(&c));
	return 0;
}
