/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk layout as a drawing in ASCII: a column for each disk, a row for each partition, and behind it what is made of them. */
#include "site/layout.h"
#include "tui/pages_priv.h"

#include <string.h>

#define SHOWN 3 /* columns, which leaves room beside them at 80; of more disks the last one stands behind dots */
#define CELL 12

static const struct layout_md *array_on(const struct layout *l, const char *part)
{
	for (size_t i = 0; i < l->n_md; i++)
		if (str_eq(l->md[i].on, part))
			return &l->md[i];
	return NULL;
}

static const struct layout_fs *fs_on(const struct layout *l, const char *on)
{
	for (size_t i = 0; i < l->n_fs; i++)
		if (str_eq(l->fs[i].on, on))
			return &l->fs[i];
	return NULL;
}

static size_t columns(const struct layout *l)
{
	return l->want > SHOWN ? SHOWN : l->want;
}

/* The number of the disk in that column: 1, 2 and the last one. */
static unsigned int disk_at(const struct layout *l, size_t column)
{
	return l->want > SHOWN && column == SHOWN - 1 ? l->want : (unsigned int)column + 1;
}

static void put_cells(const struct layout *l, const char *cell, bool joined, struct buf *out)
{
	for (size_t i = 0; i < columns(l); i++) {
		if (i && l->want > SHOWN && i == SHOWN - 1)
			buf_adds(out, joined ? "-..-" : " .. ");
		else if (i)
			buf_adds(out, joined ? "--" : "  ");
		buf_addf(out, "[%-*s]", CELL - 2, cell);
	}
}

static void put_part(const struct layout *l, const struct layout_part *p, struct buf *out)
{
	const struct layout_md *md = array_on(l, p->id);
	const struct layout_fs *fs = fs_on(l, md ? md->name : p->id);
	autofree char *cell =
		p->rest ? mem_strdup(p->id) : str_format("%s %lluM", p->id, (unsigned long long)(p->size_bytes >> 20));

	buf_adds(out, " ");
	put_cells(l, cell, md != NULL, out);
	if (md)
		buf_addf(out, " RAID %u", md->level);
	if (fs)
		buf_addf(out, "%s%s%s%s", md ? ", " : " ", fs->type, fs->mount ? " on " : "", fs->mount ? fs->mount : "");
	if (str_eq(p->use, "bios_grub"))
		buf_adds(out, " GRUB, for BIOS");
	buf_addc(out, '\n');
}

void pages_draw(const struct layout *l, struct buf *out)
{
	buf_adds(out, " ");
	for (size_t i = 0; i < columns(l); i++) {
		autofree char *head = str_format("disk %u", disk_at(l, i));

		if (i)
			buf_adds(out, l->want > SHOWN && i == SHOWN - 1 ? "    " : "  ");
		buf_addf(out, " %-*s", i + 1 < columns(l) ? CELL - 1 : 0, head);
	}
	buf_addc(out, '\n');
	for (size_t i = 0; i < l->n_parts; i++)
		put_part(l, &l->parts[i], out);
}
