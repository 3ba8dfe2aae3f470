/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/oldparts.h"

#include "base/mem.h"
#include "raidsetup/bytes.h"
#include "raidsetup/gpt.h"
#include "sys/fs.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define SECTOR_LEAST 512u
#define SECTOR_MOST 4096u
/* More than any table maker writes; a larger number is a damaged or hostile header. */
#define ENTRIES_MAX 256u
#define MBR_ESP 0xef
/* Sectors 16 and 17 of a CD: its first descriptor, and the one that names the boot catalogue (El Torito 1.0, chapter 2). */
#define ISO_AT (UINT64_C(16) * 2048)
#define ISO_BYTES (2 * 2048)

/* A stale table calls anything an EFI system partition, and what lies there now may be the old system's root: only the kernel's
 * word, or a FAT that is there, makes a place one to make unbootable. */
enum seen {
	SEEN_HERE = 1,	 /* by a table in this disk's sector size */
	SEEN_KERNEL = 2, /* by the kernel: the table in force */
	SEEN_LOADER = 4, /* a table says that it is for boot loaders */
};

void old_parts_free(struct old_parts *p)
{
	free(p->items);
	*p = (struct old_parts){ 0 };
}

/* By the fields that firmware goes by; NTFS and exFAT have zeros where FAT counts its tables and reserved sectors. */
static bool is_fat(int fd, uint64_t at)
{
	uint8_t s[512];
	uint64_t sector, cluster;

	if (!bytes_read(fd, at, s, sizeof(s)) || (s[0] != 0xeb && s[0] != 0xe9))
		return false;
	sector = bytes_le(s + 11, 2);
	cluster = s[13];
	return sector >= SECTOR_LEAST && sector <= SECTOR_MOST && !(sector & (sector - 1)) && cluster &&
	       !(cluster & (cluster - 1)) && bytes_le(s + 14, 2) && s[16] >= 1 && s[16] <= 4;
}

/* What begins at byte 0 is no partition: the boot code covers it. */
static void add(struct old_parts *out, uint64_t disk_bytes, uint64_t first_byte, uint64_t size_bytes, unsigned int seen)
{
	if (!first_byte || first_byte >= disk_bytes || !size_bytes)
		return;
	if (size_bytes > disk_bytes - first_byte)
		size_bytes = disk_bytes - first_byte;
	for (size_t i = 0; i < out->len; i++) {
		struct old_part *p = &out->items[i];

		if (p->first_byte == first_byte && p->size_bytes == size_bytes) {
			p->seen |= seen;
			return;
		}
	}
	out->items = mem_grow(out->items, out->len + 1, sizeof(*out->items));
	out->items[out->len++] = (struct old_part){ .first_byte = first_byte, .size_bytes = size_bytes, .seen = seen };
}

static void from_kernel(const struct raid_env *env, const char *name, uint64_t disk_bytes, struct old_parts *out)
{
	autoclean(sys_parts_free) struct sys_parts parts = { 0 };

	sys_parts_read(env, name, &parts);
	for (size_t i = 0; i < parts.len; i++)
		add(out, disk_bytes, parts.items[i].first_byte, parts.items[i].size_bytes, SEEN_HERE | SEEN_KERNEL);
}

static void probe_free(blkid_probe *pr)
{
	blkid_free_probe(*pr);
}

/* Logical partitions, tables inside partitions, and all that the kernel was not built to read. */
static void from_blkid(int fd, uint64_t disk_bytes, struct old_parts *out)
{
	autoclean(probe_free) blkid_probe pr = blkid_new_probe();
	blkid_partlist list;

	if (!pr || blkid_probe_set_device(pr, fd, 0, 0) < 0)
		return;
	blkid_probe_enable_partitions(pr, 1);
	blkid_probe_set_partitions_flags(pr, BLKID_PARTS_FORCE_GPT);
	list = blkid_probe_get_partitions(pr);
	for (int i = 0; list && i < blkid_partlist_numof_partitions(list); i++) {
		blkid_partition p = blkid_partlist_get_partition(list, i);
		const char *type = blkid_partition_get_type_string(p);
		bool boots = type ? strcasecmp(type, GPT_TYPE_ESP) == 0 || strcasecmp(type, GPT_TYPE_BIOS) == 0
				  : blkid_partition_get_type(p) == MBR_ESP;
		blkid_loff_t first = blkid_partition_get_start(p), size = blkid_partition_get_size(p);

		if (first > 0 && size > 0 && first <= INT64_MAX / 512 && size <= INT64_MAX / 512)
			add(out, disk_bytes, (uint64_t)first * 512, (uint64_t)size * 512, SEEN_HERE | (boots ? SEEN_LOADER : 0));
	}
}

/* Beside a GPT too: some firmware starts from the MBR of a hybrid table. */
static void from_mbr(int fd, const struct raid_target *t, struct old_parts *out)
{
	uint8_t mbr[512];

	if (!bytes_read(fd, 0, mbr, sizeof(mbr)) || mbr[510] != 0x55 || mbr[511] != 0xaa)
		return;
	for (const uint8_t *e = mbr + 446; e < mbr + 510; e += 16)
		if (e[4] == MBR_ESP)
			add(out, t->size_bytes, bytes_le(e + 8, 4) * t->sector_bytes, bytes_le(e + 12, 4) * t->sector_bytes,
			    SEEN_HERE | SEEN_LOADER);
}

static bool guid_is(const uint8_t *p, const char *guid)
{
	autofree char *text =
		str_format("%08llx-%04llx-%04llx-%02x%02x-%02x%02x%02x%02x%02x%02x", (unsigned long long)bytes_le(p, 4),
			   (unsigned long long)bytes_le(p + 4, 2), (unsigned long long)bytes_le(p + 6, 2), p[8], p[9], p[10],
			   p[11], p[12], p[13], p[14], p[15]);

	return str_eq(text, guid);
}

/* One copy of a GPT, whatever its checksums say: not all firmware looks at them. The other copy's place, or 0. */
static uint64_t from_gpt_at(int fd, uint64_t disk_bytes, uint64_t sector, uint64_t lba, unsigned int seen, struct old_parts *out)
{
	uint8_t h[92], e[128];
	uint64_t entries, count, size;

	if (!lba || lba >= disk_bytes / sector || !bytes_read(fd, lba * sector, h, sizeof(h)) || memcmp(h, "EFI PART", 8) != 0)
		return 0;
	entries = bytes_le(h + 72, 8);
	count = bytes_le(h + 80, 4);
	size = bytes_le(h + 84, 4);
	if (entries >= disk_bytes / sector || size < sizeof(e) || size > SECTOR_MOST)
		return 0;
	for (uint64_t i = 0; i < count && i < ENTRIES_MAX; i++) {
		uint64_t first, last;
		bool loader;

		if (!bytes_read(fd, entries * sector + i * size, e, sizeof(e)))
			break;
		first = bytes_le(e + 32, 8);
		last = bytes_le(e + 40, 8);
		loader = guid_is(e, GPT_TYPE_ESP) || guid_is(e, GPT_TYPE_BIOS);
		if (first && first <= last && last < disk_bytes / sector)
			add(out, disk_bytes, first * sector, (last - first + 1) * sector, seen | (loader ? SEEN_LOADER : 0));
	}
	return bytes_le(h + 32, 8);
}

/* Both copies: they may differ, and when the first is gone firmware takes the second. In all sector sizes: a disk that was behind
 * another bridge has its table where this one does not look. */
static void from_gpt(int fd, const struct raid_target *t, struct old_parts *out)
{
	for (uint64_t sector = SECTOR_LEAST; sector <= SECTOR_MOST && t->size_bytes >= 2 * sector; sector *= 2) {
		unsigned int seen = sector == t->sector_bytes ? SEEN_HERE : 0;
		uint64_t last = t->size_bytes / sector - 1, other = from_gpt_at(fd, t->size_bytes, sector, 1, seen, out);

		if (other != last)
			from_gpt_at(fd, t->size_bytes, sector, other, seen, out);
		from_gpt_at(fd, t->size_bytes, sector, last, seen, out);
	}
}

static int by_place(const void *a, const void *b)
{
	const struct old_part *x = a, *y = b;

	if (x->first_byte != y->first_byte)
		return x->first_byte < y->first_byte ? -1 : 1;
	return x->size_bytes < y->size_bytes ? -1 : x->size_bytes > y->size_bytes;
}

void old_parts_read(const struct raid_env *env, const char *name, int fd, const struct raid_target *t, struct old_parts *out)
{
	*out = (struct old_parts){ 0 };
	from_kernel(env, name, t->size_bytes, out);
	from_blkid(fd, t->size_bytes, out);
	from_gpt(fd, t, out);
	from_mbr(fd, t, out);
	for (size_t i = 0; i < out->len; i++) {
		struct old_part *p = &out->items[i];

		p->boots = (p->seen & SEEN_HERE) &&
			   (((p->seen & SEEN_KERNEL) && (p->seen & SEEN_LOADER)) || is_fat(fd, p->first_byte));
	}
	if (out->len)
		qsort(out->items, out->len, sizeof(*out->items), by_place);
}

static int unboot_iso(int fd, struct err *err)
{
	static const char zeros[ISO_BYTES];
	char d[ISO_BYTES];

	if (!bytes_read(fd, ISO_AT, d, sizeof(d)) || memcmp(d + 1, "CD001", 5) != 0 || memcmp(d + 2048, "\0CD001", 6) != 0)
		return 0;
	return fs_pwrite_all(fd, "the boot catalogue", zeros, sizeof(zeros), ISO_AT, err);
}

int old_parts_unboot(int fd, uint64_t sector_bytes, const struct old_parts *parts, struct err *err)
{
	static const char zeros[SECTOR_MOST];

	/* One sector of each, which a disk writes whole or not at all: with more, a power cut could leave half a loader. */
	if (gpt_unboot(fd, err) < 0 || unboot_iso(fd, err) < 0)
		return -1;
	for (size_t i = 0; i < parts->len; i++)
		if (parts->items[i].boots &&
		    fs_pwrite_all(fd, "the EFI system partition", zeros, sector_bytes < SECTOR_MOST ? sector_bytes : SECTOR_MOST,
				  parts->items[i].first_byte, err) < 0)
			return -1;
	return fsync(fd) < 0 ? err_errno(err, errno, "make the disk unbootable") : 0;
}
