/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "site/site.h"
#include "tui/networks_check.h"
#include "tui/pages_priv.h"

static void choose_level(const struct answers *a, const struct facts *f, struct field *field)
{
	(void)a;
	(void)f;
	field_choice(field, "1", "RAID 1: mirrored, all but one disk may fail");
	field_choice(field, "10", "RAID 10: mirrored and striped, one may fail");
	field_choice(field, "5", "RAID 5: from 3 disks, one may fail");
	field_choice(field, "6", "RAID 6: from 4 disks, two may fail");
	field_choice(field, "0", "RAID 0: striped, none may fail");
	field_choice(field, "none", "none: a single disk");
}

static void choose_fs(const struct answers *a, const struct facts *f, struct field *field)
{
	(void)a;
	(void)f;
	field_choice(field, "ext4", "ext4");
	field_choice(field, "xfs", "XFS");
}

static void choose_firmware(const struct answers *a, const struct facts *f, struct field *field)
{
	(void)a;
	(void)f;
	field_choice(field, "both", "BIOS and UEFI: nodes of either kind");
	field_choice(field, "uefi", "UEFI only");
	field_choice(field, "bios", "BIOS only");
}

static int check_disks(const struct answers *a, const struct facts *f, const char *value, struct err *err)
{
	autofree char *raid = answers_get(a, f, ANSWER_RAID);
	unsigned int least = answers_level_least(raid);
	uint64_t n;

	if (!*value)
		return err_set(err, ERR_INVALID, "no number is written; write how many disks a node has, at least %u", least);
	if (str_to_u64(value, 1, 64, &n, err) < 0)
		return -1;
	if (str_eq(raid, "none") && n > 1)
		return err_set(err, ERR_INVALID, "%s disks, but without RAID one is used; write 1, or choose a level", value);
	if (n < least)
		return err_set(err, ERR_INVALID,
			       "RAID %s needs at least %u disks, and %s %s written; write more, or choose another level", raid,
			       least, value, n == 1 ? "is" : "are");
	return 0;
}

static const struct page_field fields[] = {
	{ ANSWER_RAID, FIELD_CHOICE, "RAID of nodes' disks",
	  "How the disks of a node are joined. With a mirror a node goes on, and boots, when a disk fails.\n"
	  "Choose a level, or none for nodes with one disk. Example: RAID 1, two equal disks",
	  choose_level, NULL },
	{ ANSWER_DISKS, FIELD_TEXT, "Disks of each node",
	  "How many disks of a node are used; what it has beyond is left alone. A node with fewer is refused, or installed with "
	  "a degraded "
	  "array as long as the level allows it.\n"
	  "A number from 1 to 64, at least what the level needs. Example: 2",
	  NULL, check_disks },
	{ ANSWER_FILE_SYSTEM, FIELD_CHOICE, "File system",
	  "The file system of nodes' /. With XFS /boot is a partition of its own, with ext4.\n"
	  "Choose one. Example: ext4",
	  choose_fs, NULL },
	{ ANSWER_FIRMWARE, FIELD_CHOICE, "Nodes boot by",
	  "Which firmware must be able to start the nodes from their disks. Both costs 513 MiB and works everywhere, Secure Boot "
	  "too.\n"
	  "Choose one. Example: BIOS and UEFI",
	  choose_firmware, NULL },
};
static const struct page_def def = {
	"nodedisks",
	"Node disks",
	"How nodes' disks are used. Nothing is erased before a node is installed; `orthrus node install --plan` says what.",
	fields,
	ARRAY_LEN(fields),
	ANSWER_FIRMWARE
};

static void put_losses(const struct layout *l, const char *raid, struct buf *out)
{
	unsigned int lost = answers_level_loses(raid, l->want);
	/* What n disks hold, in disks: of mirrors one, or half of them. */
	unsigned int tenths = str_eq(raid, "1")	   ? 10
			      : str_eq(raid, "10") ? l->want * 5
						   : 10 * (str_eq(raid, "0") || str_eq(raid, "none") ? l->want : l->want - lost);

	if (lost)
		buf_addf(out, "%u of %u disks may fail", lost, l->want);
	else
		buf_adds(out, "no disk may fail: what is on the node is lost with it");
	buf_addf(out, "; room of %u%s disk%s\n", tenths / 10, tenths % 10 ? ".5" : "", tenths == 10 ? "" : "s");
}

static struct page *build(const struct answers *a, const struct facts *f)
{
	autofree char *raid = answers_get(a, f, ANSWER_RAID);
	struct page *page = pages_build(&def, a, f);
	autoclean(buf_free) struct buf lines = { 0 };
	autoclean(site_free) struct site site = { 0 };
	struct err err = { 0 };

	if (networks_site(a, f, &site, &err) == 0) {
		pages_draw(&site.layouts[0], &lines);
		put_losses(&site.layouts[0], raid, &lines);
	} else {
		buf_addf(&lines, "! %s\n", err.text);
	}
	pages_note(page, "layout", "What a node's disks become", &lines,
		   "A column for each disk and a row for each of its partitions. Partitions in one row that are joined by lines "
		   "are one array; "
		   "behind it stands what is made of it.");
	return page;
}

static int take(struct answers *a, const struct facts *f, const char *key, const char *value, struct err *err)
{
	return pages_take(&def, a, f, key, value, err);
}

static int check(const struct answers *a, const struct facts *f, const char **key, struct err *err)
{
	return pages_site(&def, a, f, key, err);
}

const struct page_kind page_nodedisks = { "nodedisks", "Node disks", build, take, check };
