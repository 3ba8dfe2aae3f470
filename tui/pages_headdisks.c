/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/raidsetup.h"
#include "tui/pages_priv.h"

#include <string.h>

/* In the array that an earlier run made, and that this one goes on with. */
static bool is_ours(const struct disk *d)
{
	for (size_t i = 0; i < d->found.len; i++)
		if (str_starts(d->found.items[i], "md member") && strstr(d->found.items[i], ":orthrus'"))
			return true;
	return false;
}

/* A disk that nothing uses and that can be told from others. Commas divide what was marked. */
static bool is_spare(const struct disk *d)
{
	return (d->serial[0] || d->wwn[0]) && (!d->in_use || is_ours(d)) && !d->bad && !d->read_only && !d->removable &&
	       !str_eq(d->transport, "usb") && d->size_bytes && !strchr(d->serial, ',') && !strchr(d->wwn, ',');
}

/* Two disks with one number can't be told apart: then neither is offered. */
static bool is_double(const struct facts *f, const struct disk *d)
{
	autofree char *id = disk_id(d);

	for (size_t i = 0; i < f->disks.len; i++) {
		autofree char *other = disk_id(&f->disks.items[i]);

		if (&f->disks.items[i] != d && str_eq(id, other))
			return true;
	}
	return false;
}

static bool is_offered(const struct facts *f, const struct disk *d)
{
	return is_spare(d) && !is_double(f, d);
}

static size_t count_spares(const struct facts *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->disks.len; i++)
		n += is_offered(f, &f->disks.items[i]);
	return n;
}

/* "QEMU HARDDISK, serial QM00001, 5.0 GiB" and, where there is something, what will be lost. */
static char *label_of(const struct disk *d)
{
	autofree char *id = disk_id(d);
	char size[STR_BYTES_MAX];
	struct buf b = { 0 };

	str_from_bytes(d->size_bytes, size);
	buf_addf(&b, "%s%s%s, %s, %s", d->model, *d->model ? ", " : "", id, size, d->rotational ? "spinning" : "solid state");
	for (size_t i = 0; i < d->found.len; i++)
		buf_addf(&b, "%s%s", i ? ", " : "; holds ", d->found.items[i]);
	return buf_steal(&b);
}

static void choose_disks(const struct answers *a, const struct facts *f, struct field *field)
{
	(void)a;
	for (size_t i = 0; i < f->disks.len; i++) {
		const struct disk *d = &f->disks.items[i];
		autofree char *id = disk_id(d), *label = label_of(d);

		if (is_offered(f, d))
			field_choice(field, id, label);
	}
}

static void choose_level(const struct answers *a, const struct facts *f, struct field *field)
{
	size_t n = count_spares(f);

	(void)a;
	field_choice(field, "none", "no: images are kept where /srv/orthrus is now");
	if (n >= 2) {
		field_choice(field, "1", "RAID 1: mirrored, from 2 disks; all but one may fail");
		field_choice(field, "10", "RAID 10: mirrored and striped, from 2 disks; one may fail");
	}
	if (n >= 3)
		field_choice(field, "5", "RAID 5: from 3 disks; one may fail");
	if (n >= 4)
		field_choice(field, "6", "RAID 6: from 4 disks; two may fail");
}

static const struct page_field fields[] = {
	{ ANSWER_STORE_RAID, FIELD_CHOICE, "RAID for images",
	  "Spare disks of this head can become an array for /srv/orthrus, where images are kept. Without one they are kept on "
	  "the file system "
	  "that is there.\n"
	  "Choose a level, then mark its disks. All that is on them is erased. Example: RAID 1 of two disks",
	  choose_level, NULL },
	{ ANSWER_STORE_DISKS, FIELD_SET, "Disks that are erased for it",
	  "The disks of that array. None is marked until you do it, and only disks that nothing uses are listed.\n"
	  "What a disk holds is said behind it; it is gone when the plan is carried out, not before. Compare the serial numbers "
	  "with those on "
	  "the disks. Example: both of two equal disks",
	  choose_disks, NULL },
};
static const struct page_def def = { "headdisks", "Disks of the head", NULL, fields, ARRAY_LEN(fields), ANSWER_STORE_DISKS };

static const char *why_not(const struct facts *f, const struct disk *d)
{
	if (d->in_use)
		return d->in_use;
	if (d->bad)
		return d->bad;
	if (!d->serial[0] && !d->wwn[0])
		return "can't be told from others";
	if (is_double(f, d))
		return "another disk has the same number";
	if (d->read_only)
		return "is read-only";
	return d->removable || str_eq(d->transport, "usb") ? "can be pulled out" : "has a number that can't be written here";
}

static void list_others(const struct facts *f, struct buf *out)
{
	for (size_t i = 0; i < f->disks.len; i++) {
		const struct disk *d = &f->disks.items[i];
		autofree char *id = disk_id(d);
		char size[STR_BYTES_MAX];

		str_from_bytes(d->size_bytes, size);
		if (!is_offered(f, d))
			buf_addf(out, "%s%s%s, %s: %s\n", d->model, *d->model ? ", " : "", id, size, why_not(f, d));
	}
}

static void command(const struct answers *a, const struct facts *f, struct page *page)
{
	autoclean(str_list_free) struct str_list words = { 0 };
	autofree char *line = NULL;

	str_list_add(&words, "orthrus");
	str_list_add(&words, "head");
	str_list_add(&words, "install");
	answers_install_words(a, f, &words);
	line = answers_line(&words);
	pages_command(page, line);
}

static struct page *build(const struct answers *a, const struct facts *f)
{
	struct page *page = pages_build(&def, a, f);
	autoclean(buf_free) struct buf others = { 0 };
	size_t n = count_spares(f);

	page->intro = n >= 2 ? mem_strdup("Disks that nothing uses can keep the images. Nothing is marked by itself.")
			     : mem_strdup("Fewer than two disks are spare here: images are kept where /srv/orthrus is now.");
	list_others(f, &others);
	if (!others.len)
		buf_adds(&others, "none\n");
	pages_note(page, "others", "Disks that are left alone", &others,
		   "Disks of this head that are not offered, and why. They are never touched.");
	command(a, f, page);
	return page;
}

static int take(struct answers *a, const struct facts *f, const char *key, const char *value, struct err *err)
{
	return pages_take(&def, a, f, key, value, err);
}

static int check(const struct answers *a, const struct facts *f, const char **key, struct err *err)
{
	autofree char *raid = answers_get(a, f, ANSWER_STORE_RAID), *disks = answers_get(a, f, ANSWER_STORE_DISKS);
	autoclean(str_list_free) struct str_list ids = { 0 };
	unsigned int least = answers_level_least(raid);

	*key = answer_key(ANSWER_STORE_DISKS);
	answers_split(disks, ",", &ids);
	if (str_eq(raid, "none") && ids.len) {
		*key = answer_key(ANSWER_STORE_RAID);
		return err_set(err, ERR_INVALID,
			       "%zu disk%s marked below, but no level is chosen; choose one, or take the mark%s away", ids.len,
			       ids.len == 1 ? " is" : "s are", ids.len == 1 ? "" : "s");
	}
	if (!str_eq(raid, "none") && ids.len < least)
		return err_set(err, ERR_INVALID,
			       "RAID %s needs at least %u disks, and %zu %s marked; mark more, or choose another level", raid,
			       least, ids.len, ids.len == 1 ? "is" : "are");
	return 0;
}

const struct page_kind page_headdisks = { "headdisks", "Disks of the head", build, take, check };
