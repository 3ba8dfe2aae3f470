/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/signatures.h"

#include "base/mem.h"
#include "raidsetup/lvm.h"
#include "sys/fs.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Covers the second LUKS2 header at its farthest place (4 MiB), all labels of ZFS, both copies of GPT, md at either end. */
#define END_BYTES (UINT64_C(8) << 20)
/* A disk that gives more signatures than this one after another is answering nonsense. */
#define ROUNDS_MAX 1000
#define FOUND_MAX 32
/* In the label sector of a physical volume: "LVM2 001". */
#define LVM_MAGIC_AT 24

static void probe_free(blkid_probe *pr)
{
	blkid_free_probe(*pr);
}

static int probe_open(int fd, uint64_t first_byte, uint64_t size_bytes, blkid_probe *out, struct err *err)
{
	blkid_probe pr = blkid_new_probe();

	*out = pr;
	if (!pr || blkid_probe_set_device(pr, fd, (blkid_loff_t)first_byte, (blkid_loff_t)size_bytes) < 0)
		return err_errno(err, errno, "look for signatures");
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_MAGIC | BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID |
						      BLKID_SUBLKS_BADCSUM);
	blkid_probe_enable_partitions(pr, 1);
	/* A GPT is one even when only its backup is left or its protective MBR is gone. */
	blkid_probe_set_partitions_flags(pr, BLKID_PARTS_MAGIC | BLKID_PARTS_FORCE_GPT);
	return 0;
}

static char *value(blkid_probe pr, const char *name)
{
	const char *data = NULL;
	size_t len = 0;

	if (blkid_probe_lookup_value(pr, name, &data, &len) < 0 || !data)
		return mem_strdup("");
	/* Labels come from the disk: no escape sequence of theirs reaches a terminal. */
	return str_printable(data, strnlen(data, len > 80 ? 80 : len));
}

/* The kinds whose libblkid name is not what an administrator would call them; `before` stands before a label, NULL: none is
 * shown. */
static const struct kind {
	const char *type, *words, *before;
} kinds[] = {
	{ "linux_raid_member", "md member", " of array" },
	{ "LVM2_member", "LVM PV", " of group" },
	{ "LVM1_member", "LVM PV", NULL },
	{ "zfs_member", "ZFS member", " of pool" },
	{ "crypto_LUKS", "LUKS", "" },
	{ "ddf_raid_member", "DDF RAID member", NULL },
	{ "isw_raid_member", "Intel RAID member", NULL },
	{ "iso9660", "ISO9660", "" },
	{ "swap", "swap space", "" },
	{ "swsuspend", "hibernation image", NULL },
};

/* What the thing is called by those who use it. Without a name an array has its UUID, as mdadm writes it. */
static char *name_of(blkid_probe pr, int fd, uint64_t first_byte, const char *type)
{
	autofree char *label = value(pr, "LABEL"), *uuid = NULL, *at = NULL, *group = NULL;
	struct err err = { 0 };
	uint64_t magic_at;
	size_t n = 0;

	if (str_eq(type, "LVM2_member")) {
		at = value(pr, "SBMAGIC_OFFSET");
		if (str_to_u64(at, LVM_MAGIC_AT, INT64_MAX, &magic_at, &err) == 0)
			group = lvm_group(fd, first_byte, magic_at - LVM_MAGIC_AT);
		return group ? steal(group) : mem_strdup("");
	}
	if (*label || !str_eq(type, "linux_raid_member"))
		return steal(label);
	uuid = value(pr, "UUID");
	for (const char *c = uuid; *c; c++)
		if (*c != '-')
			uuid[n++] = *c;
	uuid[n] = '\0';
	return n == 32 ? str_format("%.8s:%.8s:%.8s:%.8s", uuid, uuid + 8, uuid + 16, uuid + 24) : steal(label);
}

static void add_found(struct str_list *found, const char *text)
{
	if (!*text || str_list_has(found, text) || found->len > FOUND_MAX)
		return;
	str_list_add(found, found->len < FOUND_MAX ? text : "and more");
}

static void describe(blkid_probe pr, int fd, uint64_t first_byte, struct str_list *found)
{
	autofree char *type = value(pr, "TYPE"), *table = value(pr, "PTTYPE"), *name = name_of(pr, fd, first_byte, type);
	autoclean(buf_free) struct buf text = { 0 };
	const struct kind *k = kinds;

	while (k < kinds + ARRAY_LEN(kinds) && !str_eq(k->type, type))
		k++;
	if (*type && k < kinds + ARRAY_LEN(kinds)) {
		buf_adds(&text, k->words);
		if (*name && k->before)
			buf_addf(&text, "%s '%s'", k->before, name);
	} else if (*type) {
		buf_adds(&text, type);
		if (*name)
			buf_addf(&text, " '%s'", name);
	} else if (str_eq(table, "gpt")) {
		buf_adds(&text, "GPT");
	} else if (*table) {
		buf_addf(&text, "partition table (%s)", str_eq(table, "dos") ? "MS-DOS" : table);
	}
	add_found(found, buf_str(&text));
}

int signatures_find(int fd, uint64_t first_byte, uint64_t size_bytes, struct str_list *found, struct err *err)
{
	autoclean(probe_free) blkid_probe pr = NULL;
	int rc = 0;

	if (!size_bytes)
		return 0;
	if (probe_open(fd, first_byte, size_bytes, &pr, err) < 0)
		return -1;
	for (int i = 0; i < ROUNDS_MAX && (rc = blkid_do_probe(pr)) == 0; i++)
		describe(pr, fd, first_byte, found);
	return rc < 0 ? err_set(err, ERR_FAILED, "look for signatures: the disk can't be read") : 0;
}

int signatures_zero(int fd, uint64_t first_byte, uint64_t size_bytes, struct err *err)
{
	static const char zeros[1 << 20];
	uint64_t done = 0;

	while (done < size_bytes) {
		size_t n = size_bytes - done < sizeof(zeros) ? (size_t)(size_bytes - done) : sizeof(zeros);

		if (fs_pwrite_all(fd, "the disk", zeros, n, first_byte + done, err) < 0)
			return -1;
		done += n;
	}
	return fsync(fd) < 0 ? err_errno(err, errno, "write zeroes to the disk") : 0;
}

static int erase_left_over(int fd, uint64_t first_byte, uint64_t size_bytes, struct err *err)
{
	autoclean(probe_free) blkid_probe pr = NULL;
	int rc = 0;

	if (probe_open(fd, first_byte, size_bytes, &pr, err) < 0)
		return -1;
	for (int i = 0; i < ROUNDS_MAX && (rc = blkid_do_probe(pr)) == 0; i++)
		if (blkid_do_wipe(pr, 0) < 0)
			return err_errno(err, errno, "erase a signature");
	return rc < 0 ? err_set(err, ERR_FAILED, "look for signatures: the disk can't be read") : 0;
}

int signatures_erase(int fd, uint64_t first_byte, uint64_t size_bytes, struct err *err)
{
	autoclean(str_list_free) struct str_list left = { 0 };
	uint64_t end = size_bytes < END_BYTES ? size_bytes : END_BYTES;

	if (!size_bytes)
		return 0;
	if (signatures_zero(fd, first_byte, end, err) < 0 || signatures_zero(fd, first_byte + size_bytes - end, end, err) < 0 ||
	    erase_left_over(fd, first_byte, size_bytes, err) < 0 || signatures_find(fd, first_byte, size_bytes, &left, err) < 0)
		return -1;
	if (fsync(fd) < 0)
		return err_errno(err, errno, "erase signatures");
	if (left.len)
		return err_set(err, ERR_FAILED, "%s is still found after it was erased: the disk does not keep what is written",
			       left.items[0]);
	return 0;
}

int signatures_identify(const char *node, char **type, char **uuid, struct err *err)
{
	autoclose int fd = open(node, O_RDONLY | O_CLOEXEC);
	autoclean(probe_free) blkid_probe pr = blkid_new_probe();
	int rc;

	*type = *uuid = NULL;
	if (fd < 0)
		return err_errno(err, errno, "open %s", node);
	if (!pr || blkid_probe_set_device(pr, fd, 0, 0) < 0)
		return err_errno(err, errno, "read %s", node);
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_UUID);
	rc = blkid_do_safeprobe(pr);
	if (rc == -2)
		return err_set(err, ERR_FAILED, "more than one kind of file system is found on it");
	if (rc < 0)
		return err_set(err, ERR_FAILED, "it can't be read");
	*type = value(pr, "TYPE");
	*uuid = value(pr, "UUID");
	return 0;
}
