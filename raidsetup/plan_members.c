/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/members.h"

#include "base/mem.h"
#include "base/str.h"
#include "raidsetup/disk.h"
#include "raidsetup/steps.h"

#include <fnmatch.h>
#include <string.h>
#include <strings.h>

/* What the rest must come to: no system fits into less, and every mkfs here can make a file system of it. */
#define REST_LEAST_BYTES (UINT64_C(64) << 20)
/* Disks of one nominal size differ by a little from maker to maker; up to 1/50 they count as equal. */
#define NEARLY 50
#define SECTOR_LEAST 512
#define SECTOR_MOST 4096

void members_free(struct members *m)
{
	for (size_t i = 0; i < m->n_all; i++)
		free(m->all[i].why);
	free(m->all);
	*m = (struct members){ 0 };
}

uint64_t align_up(uint64_t bytes)
{
	uint64_t sum;

	if (__builtin_add_overflow(bytes, RAID_ALIGN_BYTES - 1, &sum))
		return UINT64_MAX;
	return sum / RAID_ALIGN_BYTES * RAID_ALIGN_BYTES;
}

uint64_t layout_needs_bytes(const struct layout *l)
{
	uint64_t sum = RAID_ALIGN_BYTES;

	for (size_t i = 0; i < l->n_parts; i++) {
		const struct layout_part *p = &l->parts[i];

		if (__builtin_add_overflow(sum, align_up(p->rest ? REST_LEAST_BYTES : p->size_bytes), &sum))
			return UINT64_MAX;
	}
	/* The second GPT needs a little at the end even when nothing is reserved. */
	if (__builtin_add_overflow(sum, align_up(l->reserve_bytes ? l->reserve_bytes : 1), &sum))
		return UINT64_MAX;
	return sum;
}

/* virtio, NVMe and ATA pass on no more than 20 bytes of a serial number; the label on the disk may have more. */
#define SERIAL_CUT 20

/* One element of `protect`. Generous: protecting a disk too many costs a refusal, one too few costs its data. */
static bool protects(const char *item, const struct disk *d)
{
	size_t len;

	/* As the probe and the plan write it: "serial S439NA0M1". */
	if (strncasecmp(item, "serial ", 7) == 0)
		item += 7;
	else if (strncasecmp(item, "WWN ", 4) == 0 || strncasecmp(item, "wwn-", 4) == 0)
		item += 4;
	len = strlen(item);
	if (disk_same_number(item, d->serial) || disk_same_number(item, d->wwn))
		return true;
	if (strlen(d->serial) == SERIAL_CUT && strncasecmp(item, d->serial, SERIAL_CUT) == 0)
		return true;
	/* The number on an NVMe's label means all its namespaces, which have "_2", "_3" behind it here. */
	return str_eq(d->transport, "nvme") && len && strncasecmp(d->serial, item, len) == 0 && d->serial[len] == '_';
}

static bool protected_by(const struct layout *l, const struct disk *d)
{
	for (size_t i = 0; i < l->protect.len; i++)
		if (protects(l->protect.items[i], d))
			return true;
	return false;
}

static bool rule_fits(const struct layout_match *m, const struct disk *d)
{
	return (m->rotational < 0 || (m->rotational != 0) == d->rotational) && (!m->min_bytes || d->size_bytes >= m->min_bytes) &&
	       (!m->max_bytes || d->size_bytes <= m->max_bytes) && (!m->model || fnmatch(m->model, d->model, 0) == 0) &&
	       (!m->transport || fnmatch(m->transport, d->transport, 0) == 0);
}

/* A stick left in a machine must not become its system disk: USB and removable disks are taken only by a rule that names a
 * transport. */
static char *why_no_rule(const struct layout *l, const struct disk *d)
{
	bool outside = d->removable || str_eq(d->transport, "usb"), fits = false;

	for (size_t i = 0; i < l->n_match; i++) {
		if (!rule_fits(&l->match[i], d))
			continue;
		fits = true;
		if (!outside || l->match[i].transport)
			return NULL;
	}
	if (l->n_match && !fits)
		return mem_strdup("no match rule of the layout fits it");
	if (outside)
		return str_format("it is %s, and no match rule asks for its transport (%s)",
				  d->removable ? "removable" : "a USB disk", d->transport);
	return NULL;
}

/* One number on two disks: one disk seen over two paths, or a maker who does not number. Either way a step could hit the other.
 * The serial number decides, for some makers give all disks one WWN; a path that shows no serial number is known by its WWN. */
static bool id_is_shared(const struct members *m, size_t i)
{
	const struct disk *d = m->all[i].disk;
	autofree char *id = disk_id(d);

	for (size_t j = 0; j < m->n_all; j++) {
		const struct disk *o = m->all[j].disk;
		autofree char *other = disk_id(o);

		if (j == i)
			continue;
		if (str_eq(id, other) || ((!d->serial[0] || !o->serial[0]) && disk_same_number(d->wwn, o->wwn)))
			return true;
	}
	return false;
}

static char *why_not(const struct layout *l, const struct members *m, size_t i)
{
	const struct disk *d = m->all[i].disk;
	uint64_t needs = layout_needs_bytes(l);
	char size[STR_BYTES_MAX];
	char *why;

	if (!disk_has_id(d))
		return mem_strdup("it has neither serial number nor WWN, so it can't be told from others");
	if (protected_by(l, d))
		return mem_strdup("it is protected by the layout");
	if (id_is_shared(m, i))
		return mem_strdup("another disk has the same identity, so they can't be told apart");
	if (d->in_use)
		return str_format("it is in use: %s", d->in_use);
	if (d->read_only)
		return mem_strdup("it is read-only");
	if (d->logical_sector_bytes < SECTOR_LEAST || d->logical_sector_bytes > SECTOR_MOST ||
	    RAID_ALIGN_BYTES % d->logical_sector_bytes)
		return str_format("it reports sectors of %llu bytes", (unsigned long long)d->logical_sector_bytes);
	why = why_no_rule(l, d);
	if (why)
		return why;
	if (d->bad && l->exclude_bad)
		return str_format("its test failed: %s", d->bad);
	str_from_bytes(needs, size);
	if (d->size_bytes < needs)
		return str_format("it is too small: the layout needs at least %s", size);
	return NULL;
}

/* Candidates of one sector size, smallest first. */
struct pool {
	size_t *at; /* indices into members.all */
	size_t len;
	uint64_t sector_bytes;
};

static uint64_t pool_size(const struct members *m, const struct pool *p, size_t i)
{
	return m->all[p->at[i]].disk->size_bytes;
}

static void pool_insert(const struct members *m, struct pool *p, size_t index)
{
	uint64_t size = m->all[index].disk->size_bytes;
	size_t i = p->len++;

	/* Not past an equal one: equal sizes keep the order of their ids. */
	for (; i > 0 && pool_size(m, p, i - 1) > size; i--)
		p->at[i] = p->at[i - 1];
	p->at[i] = index;
}

static uint64_t spread(const struct members *m, const struct pool *p, size_t first, size_t n)
{
	return pool_size(m, p, first + n - 1) - pool_size(m, p, first);
}

static bool nearly_equal(uint64_t small, uint64_t large)
{
	return large - small <= small / NEARLY;
}

/* Of all runs of `n` neighbours in size: the smallest disks that are nearly equal, for the large ones are somebody's data; among
 * runs of that size the one whose sizes differ least. When none is nearly equal, the one that wastes least. */
static size_t best_run(const struct members *m, const struct pool *p, size_t n)
{
	size_t best = 0, first_equal = p->len;

	for (size_t i = 0; i + n <= p->len && first_equal == p->len; i++)
		if (nearly_equal(pool_size(m, p, i), pool_size(m, p, i + n - 1)))
			first_equal = best = i;
	for (size_t i = best; i + n <= p->len; i++) {
		if (first_equal < p->len && !nearly_equal(pool_size(m, p, first_equal), pool_size(m, p, i)))
			break;
		if (spread(m, p, i, n) < spread(m, p, best, n))
			best = i;
	}
	return best;
}

/* Disks with 512 and 4096 byte sectors don't mix: firmware can't read a FAT made for the other kind. The kind that gives more
 * disks wins, then the one with the smaller sectors. */
static void make_pool(const struct members *m, size_t want, struct pool *pool)
{
	for (uint64_t sector = SECTOR_LEAST; sector <= SECTOR_MOST; sector *= 2) {
		struct pool p = { .at = mem_array(m->n_all + 1, sizeof(*p.at)), .sector_bytes = sector };

		for (size_t i = 0; i < m->n_all; i++)
			if (!m->all[i].why && m->all[i].disk->logical_sector_bytes == sector)
				pool_insert(m, &p, i);
		if ((p.len < want ? p.len : want) > (pool->len < want ? pool->len : want)) {
			free(pool->at);
			*pool = p;
		} else {
			free(p.at);
		}
	}
}

static void leave_rest(struct members *m, const struct pool *pool, size_t want, size_t first)
{
	size_t n = pool->len < want ? pool->len : want;

	for (size_t i = 0; i < pool->len; i++) {
		if (i >= first && i < first + n)
			continue;
		m->all[pool->at[i]].why = str_format("not needed: the layout wants %zu disk%s", want, want == 1 ? "" : "s");
	}
	for (size_t i = 0; i < m->n_all; i++) {
		const struct disk *d = m->all[i].disk;

		if (!m->all[i].why && d->logical_sector_bytes != pool->sector_bytes)
			m->all[i].why =
				str_format("its sectors are %llu bytes, those of the disks taken %llu",
					   (unsigned long long)d->logical_sector_bytes, (unsigned long long)pool->sector_bytes);
	}
	m->n_taken = n;
}

static int by_disk(const void *a, const void *b)
{
	const struct verdict *x = a, *y = b;

	return disk_order(x->disk, y->disk);
}

void members_pick(const struct layout *l, const struct disks *disks, struct members *out)
{
	struct pool pool = { 0 };

	*out = (struct members){ .all = mem_array(disks->len + 1, sizeof(*out->all)), .n_all = disks->len };
	for (size_t i = 0; i < disks->len; i++)
		out->all[i].disk = &disks->items[i];
	qsort(out->all, out->n_all, sizeof(*out->all), by_disk);
	for (size_t i = 0; i < out->n_all; i++)
		out->all[i].why = why_not(l, out, i);
	make_pool(out, l->want, &pool);
	if (pool.len)
		leave_rest(out, &pool, l->want, best_run(out, &pool, pool.len < l->want ? pool.len : l->want));
	free(pool.at);
}

int members_refuse(const struct layout *l, const struct members *m, struct err *err)
{
	/* The error holds one line of bounded length; the plan's reading steps have the whole list. */
	const size_t room = sizeof(err->text) - 220;
	autoclean(buf_free) struct buf list = { 0 };

	for (size_t i = 0; i < m->n_all; i++) {
		autofree char *label = disk_label(m->all[i].disk);

		if (list.len + strlen(label) + (m->all[i].why ? strlen(m->all[i].why) : 8) > room && i) {
			buf_addf(&list, "; and %zu more", m->n_all - i);
			break;
		}
		buf_addf(&list, "%s%s: %s", i ? "; " : "", label, m->all[i].why ? m->all[i].why : "would do");
	}
	if (!m->n_all)
		buf_adds(&list, "the machine has no disk at all");
	err_set(err, ERR_REFUSED, "layout '%s' needs %u disk%s, and %zu of %zu fit%s (%s)", l->name, l->min,
		l->min == 1 ? "" : "s", m->n_taken, m->n_all, m->n_taken == 1 ? "s" : "", buf_str(&list));
	return err_hint(err, "change the layout's match rules, min or protect list in site.json, or the machine's disks; "
			     "`orthrus disk probe` on the machine shows what it has");
}
