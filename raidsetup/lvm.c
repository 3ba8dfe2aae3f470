/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/lvm.h"

#include "base/mem.h"
#include "raidsetup/bytes.h"

#include <string.h>

/* lib/format_text/layout.h and lib/label/label.h of LVM2. */
#define SECTOR 512
#define PV_HEADER_AT 20 /* where the label says how far behind it the header begins */
#define PV_AREAS_AT 40	/* behind the UUID and the size */
#define AREA_BYTES 16
#define MDA_MAGIC "\x20LVM2\x20x[5A%r0N*>"
#define MDA_TEXT_AT 40 /* the first place of the metadata's text */
#define NAME_MAX_LEN 127

/* The first metadata area: the list of areas for data ends with a zero, then comes the list of those for metadata. */
static uint64_t first_mda(const uint8_t *label)
{
	uint64_t at = bytes_le(label + PV_HEADER_AT, 4) + PV_AREAS_AT;

	if (at > SECTOR - AREA_BYTES)
		return 0;
	while (at + 2 * AREA_BYTES <= SECTOR && bytes_le(label + at, 8))
		at += AREA_BYTES;
	at += AREA_BYTES;
	return at + AREA_BYTES <= SECTOR ? bytes_le(label + at, 8) : 0;
}

/* The text is "NAME {" and so on; names are made of these bytes (lvm(8)). */
static size_t name_len(const char *text)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+_.-";
	size_t len = strspn(text, good);

	return len && len <= NAME_MAX_LEN && strncmp(text + len, " {", 2) == 0 ? len : 0;
}

char *lvm_group(int fd, uint64_t first_byte, uint64_t label_at)
{
	uint8_t label[SECTOR], mda[SECTOR];
	char text[NAME_MAX_LEN + 4] = { 0 };
	uint64_t at;

	if (!bytes_read(fd, first_byte + label_at, label, sizeof(label)))
		return NULL;
	at = first_mda(label);
	if (!at || !bytes_read(fd, first_byte + at, mda, sizeof(mda)) || memcmp(mda + 4, MDA_MAGIC, 16) != 0)
		return NULL;
	if (!bytes_le(mda + MDA_TEXT_AT, 8) ||
	    !bytes_read(fd, first_byte + at + bytes_le(mda + MDA_TEXT_AT, 8), text, sizeof(text) - 1) || !name_len(text))
		return NULL;
	return mem_strndup(text, name_len(text));
}
