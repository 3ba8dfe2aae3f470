/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/posix_acl.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

/* linux/posix_acl_xattr.h */
#define ACL_VERSION 2
#define ENTRY_LEN 8
#define NO_ID UINT32_MAX
enum { USER_OBJ = 1, USER = 2, GROUP_OBJ = 4, GROUP = 8, MASK = 16, OTHER = 32 };

static const struct {
	uint16_t kernel;
	int archive;
} tags[] = {
	{ USER_OBJ, ARCHIVE_ENTRY_ACL_USER_OBJ }, { USER, ARCHIVE_ENTRY_ACL_USER }, { GROUP_OBJ, ARCHIVE_ENTRY_ACL_GROUP_OBJ },
	{ GROUP, ARCHIVE_ENTRY_ACL_GROUP },	  { MASK, ARCHIVE_ENTRY_ACL_MASK }, { OTHER, ARCHIVE_ENTRY_ACL_OTHER },
};

bool posix_acl_is(const char *name)
{
	return str_eq(name, POSIX_ACL_ACCESS) || str_eq(name, POSIX_ACL_DEFAULT);
}

static int archive_tag(uint16_t kernel)
{
	for (size_t i = 0; i < ARRAY_LEN(tags); i++)
		if (tags[i].kernel == kernel)
			return tags[i].archive;
	return -1;
}

static bool add_entries(struct cursor *c, int type, struct archive_entry *out, struct err *err)
{
	while (cursor_left(c)) {
		uint16_t tag, perm;
		uint32_t id;
		int to;

		if (cursor_u16(c, &tag, err) < 0 || cursor_u16(c, &perm, err) < 0 || cursor_u32(c, &id, err) < 0)
			return false;
		to = archive_tag(tag);
		if (to < 0 || perm > 7 ||
		    archive_entry_acl_add_entry(out, type, perm, to, tag == USER || tag == GROUP ? (int)id : -1, NULL) !=
			    ARCHIVE_OK)
			return false;
	}
	return true;
}

bool posix_acl_to_entry(const struct tree_xattr *x, struct archive_entry *out)
{
	int type = str_eq(x->name, POSIX_ACL_ACCESS) ? ARCHIVE_ENTRY_ACL_TYPE_ACCESS : ARCHIVE_ENTRY_ACL_TYPE_DEFAULT;
	struct cursor c = { .data = x->value, .len = x->len };
	__LA_MODE_T mode = archive_entry_mode(out);
	struct err err = { 0 };
	uint32_t version;

	if (cursor_u32(&c, &version, &err) == 0 && version == ACL_VERSION && cursor_left(&c) % ENTRY_LEN == 0 &&
	    add_entries(&c, type, out, &err))
		return true;
	archive_entry_acl_clear(out);
	archive_entry_set_mode(out, mode);
	return false;
}

struct acl_line {
	uint16_t tag, perm;
	uint32_t id;
};

/* The kernel's order: by tag, then by id. */
static int by_tag(const void *a, const void *b)
{
	const struct acl_line *x = a, *y = b;

	if (x->tag != y->tag)
		return x->tag < y->tag ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Ids are numbers, or written as such in the place of a name. */
static bool line_of(int perm, int tag, int id, const char *name, struct acl_line *out)
{
	struct err err = { 0 };
	uint64_t number;

	*out = (struct acl_line){ .perm = (uint16_t)(perm & 7), .id = NO_ID };
	for (size_t i = 0; i < ARRAY_LEN(tags); i++)
		if (tags[i].archive == tag)
			out->tag = tags[i].kernel;
	if (!out->tag || perm & ~7)
		return false;
	if (out->tag != USER && out->tag != GROUP)
		return true;
	if (name && *name && str_to_u64(name, 0, NO_ID - 1, &number, &err) == 0)
		out->id = (uint32_t)number;
	else if (id != -1)
		out->id = (uint32_t)id;
	return out->id != NO_ID;
}

/* What posix_acl_valid() in the kernel asks for. */
static bool is_valid(const struct acl_line *l, size_t n)
{
	size_t user_obj = 0, group_obj = 0, other = 0, mask = 0, named = 0;

	for (size_t i = 0; i < n; i++) {
		user_obj += l[i].tag == USER_OBJ;
		group_obj += l[i].tag == GROUP_OBJ;
		other += l[i].tag == OTHER;
		mask += l[i].tag == MASK;
		named += l[i].tag == USER || l[i].tag == GROUP;
		if (i && by_tag(&l[i - 1], &l[i]) == 0)
			return false;
	}
	return user_obj == 1 && group_obj == 1 && other == 1 && (mask == 1 || (mask == 0 && named == 0));
}

bool posix_acl_valid(const void *value, size_t len)
{
	struct cursor c = { .data = value, .len = len };
	autofree struct acl_line *lines = NULL;
	struct err err = { 0 };
	uint32_t version;
	size_t n = 0;

	if (cursor_u32(&c, &version, &err) < 0 || version != ACL_VERSION || cursor_left(&c) % ENTRY_LEN)
		return false;
	lines = mem_array(cursor_left(&c) / ENTRY_LEN + 1, sizeof(lines[0]));
	for (; cursor_left(&c); n++)
		if (cursor_u16(&c, &lines[n].tag, &err) < 0 || cursor_u16(&c, &lines[n].perm, &err) < 0 ||
		    cursor_u32(&c, &lines[n].id, &err) < 0 || archive_tag(lines[n].tag) < 0 || lines[n].perm > 7 ||
		    (n && lines[n - 1].tag > lines[n].tag))
			return false;
	return is_valid(lines, n);
}

static void encode(const char *name, const struct acl_line *l, size_t n, struct tree_xattr *out, uint16_t *mode)
{
	autoclean(buf_free) struct buf b = { 0 };

	*mode = 0;
	buf_add_u32(&b, ACL_VERSION);
	for (size_t i = 0; i < n; i++) {
		buf_add_u16(&b, l[i].tag);
		buf_add_u16(&b, l[i].perm);
		buf_add_u32(&b, l[i].id);
		/* Of group and mask the mask comes last, and is what stat(2) shows. */
		if (l[i].tag == GROUP_OBJ || l[i].tag == MASK)
			*mode = (uint16_t)((*mode & ~070) | l[i].perm << 3);
		else if (l[i].tag == USER_OBJ || l[i].tag == OTHER)
			*mode |= (uint16_t)(l[i].perm << (l[i].tag == OTHER ? 0 : 6));
	}
	*out = (struct tree_xattr){ .name = mem_strdup(name), .len = (uint32_t)b.len };
	out->value = (uint8_t *)buf_steal(&b);
}

int posix_acl_of_entry(struct archive_entry *in, bool is_default, struct tree_xattr *out, uint16_t *mode)
{
	int type = is_default ? ARCHIVE_ENTRY_ACL_TYPE_DEFAULT : ARCHIVE_ENTRY_ACL_TYPE_ACCESS;
	int perm, tag, id, got, n = archive_entry_acl_reset(in, type);
	autofree struct acl_line *lines = NULL;
	size_t len = 0, cap = 0;
	const char *name;

	if (n <= 0 || (!is_default && n <= 3))
		return 0;
	while ((got = archive_entry_acl_next(in, type, &type, &perm, &tag, &id, &name)) == ARCHIVE_OK) {
		lines = mem_room(lines, len, &cap, sizeof(lines[0]));
		if ((len + 1) * ENTRY_LEN + 4 > TREE_XATTR_VALUE_MAX || !line_of(perm, tag, id, name, &lines[len++]))
			return -1;
		type = is_default ? ARCHIVE_ENTRY_ACL_TYPE_DEFAULT : ARCHIVE_ENTRY_ACL_TYPE_ACCESS;
	}
	if (got != ARCHIVE_EOF || !len)
		return -1;
	qsort(lines, len, sizeof(lines[0]), by_tag);
	if (!is_valid(lines, len))
		return -1;
	encode(is_default ? POSIX_ACL_DEFAULT : POSIX_ACL_ACCESS, lines, len, out, mode);
	return 1;
}
