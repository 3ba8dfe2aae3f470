/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/disk.h"

#include "base/mem.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>

void disk_free(struct disk *d)
{
	free(d->name);
	free(d->model);
	free(d->serial);
	free(d->wwn);
	free(d->transport);
	free(d->in_use);
	free(d->bad);
	str_list_free(&d->found);
	*d = (struct disk){ 0 };
}

void disks_free(struct disks *d)
{
	for (size_t i = 0; i < d->len; i++)
		disk_free(&d->items[i]);
	free(d->items);
	*d = (struct disks){ 0 };
}

struct disk *disks_add(struct disks *disks)
{
	struct disk *d;

	disks->items = mem_grow(disks->items, disks->len + 1, sizeof(*disks->items));
	d = &disks->items[disks->len++];
	*d = (struct disk){ 0 };
	d->name = mem_strdup("");
	d->model = mem_strdup("");
	d->serial = mem_strdup("");
	d->wwn = mem_strdup("");
	d->transport = mem_strdup("other");
	return d;
}

bool disk_has_id(const struct disk *d)
{
	return d->serial[0] || d->wwn[0];
}

char *disk_id(const struct disk *d)
{
	if (d->serial[0])
		return str_format("serial %s", d->serial);
	if (d->wwn[0])
		return str_format("WWN %s", d->wwn);
	return mem_strdup("no serial number");
}

const struct disk *disk_find(const struct disks *disks, const char *id)
{
	for (size_t i = 0; i < disks->len; i++) {
		autofree char *have = disk_id(&disks->items[i]);

		if (str_eq(have, id))
			return &disks->items[i];
	}
	return NULL;
}

char *disk_label(const struct disk *d)
{
	autofree char *id = disk_id(d);
	char size[STR_BYTES_MAX];

	str_from_bytes(d->size_bytes, size);
	if (d->model[0])
		return str_format("%s, %s, %s", d->model, id, size);
	return str_format("%s disk, %s, %s", str_eq(d->transport, "other") ? "unnamed" : d->transport, id, size);
}

static int order_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

int disk_order(const struct disk *a, const struct disk *b)
{
	autofree char *ida = disk_id(a), *idb = disk_id(b);
	int c = strcmp(ida, idb);

	c = c ? c : strcmp(a->wwn, b->wwn);
	c = c ? c : strcmp(a->model, b->model);
	c = c ? c : order_u64(a->size_bytes, b->size_bytes);
	c = c ? c : strcmp(a->transport, b->transport);
	return c ? c : strcmp(a->name, b->name);
}

static const char *skip_prefix(const char *s)
{
	static const char *const prefixes[] = { "0x", "naa.", "eui." };

	while (isspace((unsigned char)*s))
		s++;
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (strncasecmp(s, prefixes[i], strlen(prefixes[i])) == 0)
			return s + strlen(prefixes[i]);
	return s;
}

bool disk_same_number(const char *a, const char *b)
{
	a = skip_prefix(a);
	b = skip_prefix(b);
	if (!*a || !*b)
		return false;
	for (;; a++, b++) {
		while (isspace((unsigned char)*a) || *a == '_')
			a++;
		while (isspace((unsigned char)*b) || *b == '_')
			b++;
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
		if (!*a)
			return true;
	}
}
