/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Superblocks of what this machine can't make, byte by byte as their makers write them: md (linux/raid/md_p.h), ZFS (its on-disk
 * format, chapter 1), DRBD (drbd_int.h), an ISO image made for sticks. All go into `fd`, over `size_bytes` from its start. */
#ifndef ORTHRUS_TESTS_OLDSIGS_RAW_H
#define ORTHRUS_TESTS_OLDSIGS_RAW_H

#include "base/buf.h"
#include "sys/fs.h"

#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MD_MAGIC 0xa92b4efcu
#define KIB UINT64_C(1024)

static inline void raw_put(int fd, uint64_t at, const void *data, size_t len)
{
	struct err err = { 0 };

	assert_int_equal(fs_pwrite_all(fd, "old contents", data, len, at, &err), 0);
}

static inline void set32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void set64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

/* Both versions: 32-bit words summed up, the carries added in. */
static inline uint32_t md_sum(const uint8_t *sb, size_t len)
{
	uint64_t sum = 0;
	uint32_t word;

	for (size_t i = 0; i + 4 <= len; i += 4) {
		memcpy(&word, sb + i, 4);
		sum += le32toh(word);
	}
	if (len % 4)
		sum += (uint64_t)sb[len - 2] | (uint64_t)sb[len - 1] << 8;
	return (uint32_t)(sum & UINT32_MAX) + (uint32_t)(sum >> 32);
}

/* Version 0.90, UUID 0badcafe:11111111:22222222:33333333: 64 KiB from the end and down to a multiple of that. */
static inline void raw_md090(int fd, uint64_t size_bytes)
{
	const uint32_t words[] = {
		MD_MAGIC, 0, 90, 0, 0,		0x0badcafe, 1600000000, 1, (uint32_t)(size_bytes / 1024 / 64 * 64 - 64),
		2,	  2, 0,	 0, 0x11111111, 0x22222222, 0x33333333
	};
	const uint32_t state[] = { 1600000000, 1, 2, 2, 0, 0, 0, 7 };
	uint8_t sb[4096] = { 0 };

	for (size_t i = 0; i < sizeof(words) / 4; i++)
		set32(sb + 4 * i, words[i]);
	for (size_t i = 0; i < sizeof(state) / 4; i++)
		set32(sb + 4 * (32 + i), state[i]);
	/* Two disks (number, major, minor, place, active and in sync), and that this is the first. */
	for (uint32_t i = 0; i < 2; i++) {
		const uint32_t disk[] = { i, 8, 1 + 16 * i, i, 6 };

		for (size_t k = 0; k < 5; k++)
			set32(sb + 4 * (128 + 32 * i + k), disk[k]);
	}
	memcpy(sb + 4 * 992, sb + 4 * 128, 128);
	set32(sb + 4 * 38, md_sum(sb, sizeof(sb)));
	raw_put(fd, size_bytes / (64 * KIB) * (64 * KIB) - 64 * KIB, sb, sizeof(sb));
}

/* Versions 1.0 (the end), 1.1 (the start) and 1.2 (4 KiB from it) of array "web:NAME". */
static inline void raw_md1(int fd, uint64_t size_bytes, int minor, const char *name)
{
	uint64_t at = minor == 0 ? (size_bytes / 512 - 16) / 8 * 8 : minor == 1 ? 0 : 8;
	uint64_t data = minor == 0 ? 0 : 2048;
	uint8_t sb[512] = { 0 };

	set32(sb, MD_MAGIC);
	set32(sb + 4, 1);
	memset(sb + 16, 0x5a, 16);
	memcpy(sb + 32, name, strlen(name));
	set64(sb + 64, 1600000000);
	set32(sb + 72, 1);
	set64(sb + 80, size_bytes / 512 - 4096);
	set32(sb + 92, 2);
	set64(sb + 128, data);
	set64(sb + 136, size_bytes / 512 - 4096);
	set64(sb + 144, at);
	memset(sb + 168, 0xa5, 16);
	set64(sb + 192, 1600000000);
	set64(sb + 200, 7);
	set64(sb + 208, UINT64_MAX);
	set32(sb + 220, 128);
	for (int i = 0; i < 128; i++)
		sb[256 + 2 * i] = sb[257 + 2 * i] = i < 2 ? 0 : 0xff;
	sb[258] = 1;
	set32(sb + 216, md_sum(sb, sizeof(sb)));
	raw_put(fd, at * 512, sb, sizeof(sb));
}

static inline void xdr32(struct buf *b, uint32_t v)
{
	v = htobe32(v);
	buf_add(b, &v, 4);
}

static inline void xdr_text(struct buf *b, const char *s)
{
	size_t len = strlen(s);

	xdr32(b, (uint32_t)len);
	buf_add(b, s, len);
	buf_add(b, "\0\0\0", (4 - len % 4) % 4);
}

/* A pair of a name-value list: the size it takes here and in memory, name, type, how many, value. */
static inline void xdr_pair(struct buf *b, const char *name, uint32_t type, const struct buf *val)
{
	autoclean(buf_free) struct buf body = { 0 };

	xdr_text(&body, name);
	xdr32(&body, type);
	xdr32(&body, 1);
	buf_add(&body, val->data, val->len);
	xdr32(b, (uint32_t)body.len + 8);
	xdr32(b, (uint32_t)body.len + 32);
	buf_add(b, body.data, body.len);
}

static inline void xdr_pair_u64(struct buf *b, const char *name, uint64_t v)
{
	autoclean(buf_free) struct buf val = { 0 };

	xdr32(&val, (uint32_t)(v >> 32));
	xdr32(&val, (uint32_t)v);
	xdr_pair(b, name, 8, &val);
}

static inline void zfs_list(struct buf *b, const char *pool)
{
	autoclean(buf_free) struct buf val = { 0 };

	buf_add(b, "\1\1\0\0", 4); /* XDR, made on a little-endian machine */
	xdr32(b, 0);
	xdr32(b, 1);
	xdr_pair_u64(b, "version", 5000);
	xdr_text(&val, pool);
	xdr_pair(b, "name", 9, &val);
	xdr_pair_u64(b, "state", 0);
	xdr_pair_u64(b, "txg", 4);
	xdr_pair_u64(b, "pool_guid", UINT64_C(0x1234567890abcdef));
	xdr_pair_u64(b, "guid", UINT64_C(0xfedcba0987654321));
	xdr32(b, 0);
	xdr32(b, 0);
}

/* Four labels of 256 KiB, two at each end: 16 KiB empty, 112 KiB list, 128 uberblocks of 1 KiB. */
static inline void raw_zfs(int fd, uint64_t size_bytes, const char *pool)
{
	const uint64_t label = 256 * KIB, end = size_bytes / label * label;
	const uint64_t places[] = { 0, label, end - 2 * label, end - label };
	autoclean(buf_free) struct buf list = { 0 };

	zfs_list(&list, pool);
	for (int i = 0; i < 4; i++) {
		raw_put(fd, places[i] + 16 * KIB, list.data, list.len);
		for (uint64_t k = 0; k < 128; k++) {
			uint8_t uber[1024] = { 0 };

			set64(uber, 0x00bab10c);
			set64(uber + 8, 5000);
			set64(uber + 16, 100 + k);
			set64(uber + 24, 1);
			set64(uber + 32, 1600000000);
			raw_put(fd, places[i] + 128 * KIB + k * KIB, uber, sizeof(uber));
		}
	}
}

/* Version 8.4's, internal: in the last 4 KiB, big-endian. */
static inline void raw_drbd(int fd, uint64_t size_bytes)
{
	autoclean(buf_free) struct buf b = { 0 };

	xdr32(&b, 0);
	xdr32(&b, (uint32_t)(size_bytes / 512 - 2048));
	for (uint32_t i = 0; i < 10; i++)
		xdr32(&b, i + 1);
	xdr32(&b, 0); /* reserved */
	xdr32(&b, 0);
	xdr32(&b, 1); /* flags: consistent */
	xdr32(&b, 0x8374026b);
	xdr32(&b, 2048);
	xdr32(&b, (uint32_t)-2048 + 8);
	xdr32(&b, 257);
	xdr32(&b, (uint32_t)-2048 + 64);
	xdr32(&b, 4096);
	raw_put(fd, size_bytes / 4096 * 4096 - 4096, b.data, b.len);
}

/* An image that starts from CD and stick: descriptors of ISO 9660 and El Torito, and an MBR over it all. */
static inline void raw_iso(int fd, const char *label)
{
	uint8_t d[3 * 2048], mbr[512] = { 0xeb, 0x63 };

	memset(d, 0, sizeof(d));
	for (int i = 0; i < 3; i++)
		memcpy(d + 2048 * i, i == 0 ? "\1CD001\1" : i == 1 ? "\0CD001\1" : "\377CD001\1", 7);
	memset(d + 8, ' ', 64);
	memcpy(d + 40, label, strlen(label));
	memcpy(d + 2048 + 7, "EL TORITO SPECIFICATION", 23);
	raw_put(fd, 32 * KIB, d, sizeof(d));
	mbr[446] = 0x80;
	mbr[450] = 0x17;
	set32(mbr + 454, 64);
	set32(mbr + 458, 100000);
	mbr[510] = 0x55;
	mbr[511] = 0xaa;
	raw_put(fd, 0, mbr, sizeof(mbr));
}

#endif
