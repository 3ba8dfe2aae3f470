/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/gpt.h"

#include "base/mem.h"
#include "base/str.h"
#include "raidsetup/signatures.h"
#include "sys/fs.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define N_ENTRIES 128
#define ENTRY_BYTES 128
#define ENTRIES_BYTES (N_ENTRIES * ENTRY_BYTES)
#define HEADER_BYTES 92
#define NAME_UNITS 36
#define MBR_BYTES 512
#define MBR_TABLE_AT 446
#define BOOT_CODE_BYTES 440 /* before the disk signature, which an old system may find its root by, and the table */

/* CRC-32 as of ISO 3309, a bit at a time: a few kilobytes per table. */
static uint32_t crc32_of(const char *data, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= (uint8_t)data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

/* GUIDs are stored with their first three fields little-endian (UEFI 2.10, appendix A). */
static int add_guid(struct buf *b, const char *text, struct err *err)
{
	static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	char hex[33];
	uint8_t bytes[16];
	size_t n = 0;

	for (const char *c = text; *c && n < 32; c++)
		if (*c != '-')
			hex[n++] = *c;
	hex[n] = '\0';
	if (str_unhex(hex, bytes, sizeof(bytes), err) < 0)
		return -1;
	for (size_t i = 0; i < 16; i++)
		buf_add_u8(b, bytes[order[i]]);
	return 0;
}

static void add_zeros(struct buf *b, size_t len)
{
	buf_reserve(b, len);
	memset(b->data + b->len, 0, len);
	b->len += len;
	b->data[b->len] = '\0';
}

/* Where things are, in sectors. */
struct geometry {
	uint64_t sector, last, entries; /* sector size; last sector; sectors that the entries take */
	uint64_t first_usable, last_usable;
};

static int measure(const struct raid_partition *t, struct geometry *g, struct err *err)
{
	g->sector = t->disk.sector_bytes;
	if (g->sector < MBR_BYTES || g->sector > 4096 || (g->sector & (g->sector - 1)))
		return err_set(err, ERR_INVALID, "sectors of %llu bytes", (unsigned long long)g->sector);
	g->entries = ENTRIES_BYTES / g->sector;
	if (t->disk.size_bytes / g->sector < 2 * g->entries + 4)
		return err_set(err, ERR_INVALID, "the disk is too small for a partition table");
	g->last = t->disk.size_bytes / g->sector - 1;
	g->first_usable = 2 + g->entries;
	g->last_usable = g->last - g->entries - 1;
	return 0;
}

static int add_entry(const struct gpt_part *p, const struct geometry *g, struct buf *b, struct err *err)
{
	uint64_t first = p->first_byte / g->sector, last = (p->first_byte + p->size_bytes) / g->sector - 1;
	size_t len = strlen(p->name);

	if (p->first_byte % g->sector || p->size_bytes % g->sector || !p->size_bytes || first < g->first_usable ||
	    last > g->last_usable)
		return err_set(err, ERR_INVALID, "partition '%s' does not fit on the disk", p->name);
	if (add_guid(b, p->type_guid, err) < 0 || add_guid(b, p->guid, err) < 0)
		return -1;
	buf_add_u64(b, first);
	buf_add_u64(b, last);
	buf_add_u64(b, 0);
	/* Names are ASCII (layout_read checks them), so UTF-16 is a zero after each byte. */
	for (size_t i = 0; i < NAME_UNITS; i++)
		buf_add_u16(b, i < len ? (uint8_t)p->name[i] : 0);
	return 0;
}

static int build_entries(const struct raid_partition *t, const struct geometry *g, struct buf *out, struct err *err)
{
	if (t->n_parts > N_ENTRIES)
		return err_set(err, ERR_INVALID, "%zu partitions; a GPT has room for %d", t->n_parts, N_ENTRIES);
	for (size_t i = 0; i < t->n_parts; i++) {
		if (i && t->parts[i].first_byte < t->parts[i - 1].first_byte + t->parts[i - 1].size_bytes)
			return err_set(err, ERR_INVALID, "partition '%s' begins inside '%s'", t->parts[i].name,
				       t->parts[i - 1].name);
		if (add_entry(&t->parts[i], g, out, err) < 0)
			return -1;
	}
	add_zeros(out, ENTRIES_BYTES - out->len);
	return 0;
}

/* One sector. */
static int add_header(const struct raid_partition *t, const struct geometry *g, bool backup, uint32_t entries_crc,
		      struct buf *out, struct err *err)
{
	autoclean(buf_free) struct buf h = { 0 };
	uint32_t crc;

	buf_add(&h, "EFI PART", 8);
	buf_add_u32(&h, 0x00010000);
	buf_add_u32(&h, HEADER_BYTES);
	buf_add_u32(&h, 0); /* the header's own checksum is made with 0 here */
	buf_add_u32(&h, 0);
	buf_add_u64(&h, backup ? g->last : 1);
	buf_add_u64(&h, backup ? 1 : g->last);
	buf_add_u64(&h, g->first_usable);
	buf_add_u64(&h, g->last_usable);
	if (add_guid(&h, t->guid, err) < 0)
		return -1;
	buf_add_u64(&h, backup ? g->last - g->entries : 2);
	buf_add_u32(&h, N_ENTRIES);
	buf_add_u32(&h, ENTRY_BYTES);
	buf_add_u32(&h, entries_crc);
	crc = crc32_of(h.data, h.len);
	for (size_t i = 0; i < 4; i++)
		h.data[16 + i] = (char)(crc >> 8 * i);
	add_zeros(&h, g->sector - h.len);
	buf_add(out, h.data, h.len);
	return 0;
}

/* What a BIOS runs from a disk that has no boot loader yet: say so, then INT 18h (boot failed, try the next device). Without it a
 * BIOS that accepts the signature runs into zeros and hangs. 16 bit, loaded at 0000:7C00; the text follows the 26 bytes of code.
 */
static const char not_bootable[] = "\x31\xc0"	  /* xor ax, ax */
				   "\x8e\xd8"	  /* mov ds, ax */
				   "\x31\xdb"	  /* xor bx, bx */
				   "\xfc"	  /* cld */
				   "\xbe\x1a\x7c" /* mov si, 7C1Ah: the text */
				   "\xac"	  /* next: lodsb */
				   "\x84\xc0"	  /* test al, al */
				   "\x74\x06"	  /* jz done */
				   "\xb4\x0e"	  /* mov ah, 0Eh: teletype output */
				   "\xcd\x10"	  /* int 10h */
				   "\xeb\xf5"	  /* jmp next */
				   "\xcd\x18"	  /* done: int 18h */
				   "\xf4"	  /* halt: hlt */
				   "\xeb\xfd"	  /* jmp halt */
				   "Orthrus: the system on this disk is not finished.\r\n";

static void add_boot_code(struct buf *out)
{
	buf_add(out, not_bootable, sizeof(not_bootable));
	add_zeros(out, BOOT_CODE_BYTES - sizeof(not_bootable));
}

/* The protective MBR (5.2.3): one partition of type 0xEE over the whole disk, and code that refuses to boot. */
static void add_mbr(const struct geometry *g, struct buf *out)
{
	add_boot_code(out);
	add_zeros(out, MBR_TABLE_AT - BOOT_CODE_BYTES);
	buf_add(out, "\0\0\2\0\xee\xff\xff\xff", 8);
	buf_add_u32(out, 1);
	buf_add_u32(out, g->last > UINT32_MAX ? UINT32_MAX : (uint32_t)g->last);
	add_zeros(out, 48);
	buf_add(out, "\x55\xaa", 2);
	add_zeros(out, g->sector - MBR_BYTES);
}

int gpt_build(const struct raid_partition *table, struct buf *head, struct buf *tail, struct err *err)
{
	autoclean(buf_free) struct buf entries = { 0 };
	struct geometry g;
	uint32_t crc;

	if (measure(table, &g, err) < 0 || build_entries(table, &g, &entries, err) < 0)
		return -1;
	crc = crc32_of(entries.data, entries.len);
	add_mbr(&g, head);
	if (add_header(table, &g, false, crc, head, err) < 0)
		return -1;
	buf_add(head, entries.data, entries.len);
	buf_add(tail, entries.data, entries.len);
	return add_header(table, &g, true, crc, tail, err);
}

int gpt_write(int fd, const struct raid_partition *table, struct err *err)
{
	autoclean(buf_free) struct buf head = { 0 }, tail = { 0 };
	uint64_t end;

	if (gpt_build(table, &head, &tail, err) < 0)
		return -1;
	for (size_t i = 0; i < table->n_parts; i++)
		if (signatures_erase(fd, table->parts[i].first_byte, table->parts[i].size_bytes, err) < 0)
			return -1;
	/* The disk's end in whole sectors: a file or an odd disk may have some bytes behind it. */
	end = table->disk.size_bytes / table->disk.sector_bytes * table->disk.sector_bytes;
	if (fs_pwrite_all(fd, "the disk", tail.data, tail.len, end - tail.len, err) < 0)
		return -1;
	if (fsync(fd) < 0)
		return err_errno(err, errno, "write the backup partition table");
	if (fs_pwrite_all(fd, "the disk", head.data, head.len, 0, err) < 0)
		return -1;
	return fsync(fd) < 0 ? err_errno(err, errno, "write the partition table") : 0;
}

int gpt_unboot(int fd, struct err *err)
{
	autoclean(buf_free) struct buf code = { 0 };

	add_boot_code(&code);
	if (fs_pwrite_all(fd, "the boot code", code.data, code.len, 0, err) < 0)
		return -1;
	return fsync(fd) < 0 ? err_errno(err, errno, "write the boot code") : 0;
}
