/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "site/words.h"
#include "tui/pages_priv.h"

#include <string.h>

static void choose_suite(const struct answers *a, const struct facts *f, struct field *field)
{
	(void)a;
	(void)f;
	field_choice(field, "bookworm", "Debian 12 (bookworm)");
	field_choice(field, "trixie", "Debian 13 (trixie)");
}

static void choose_sets(const struct answers *a, const struct facts *f, struct field *field)
{
	(void)a;
	(void)f;
	for (size_t i = 0; i < n_image_sets; i++) {
		autofree char *label = str_format("%s (%u MiB)", image_sets[i].label, image_sets[i].mib);

		field_choice(field, image_sets[i].key, label);
	}
}

static int check_packages(const struct answers *a, const struct facts *f, const char *value, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };

	(void)a;
	(void)f;
	answers_split(value, " ,", &names);
	for (size_t i = 0; i < names.len; i++)
		if (word_package(names.items[i], err) < 0)
			return -1;
	return 0;
}

static int check_serial(const struct answers *a, const struct facts *f, const char *value, struct err *err)
{
	(void)a;
	(void)f;
	if (!*value)
		return err_set(err, ERR_INVALID, "nothing is written; write a serial console like ttyS0,115200, or off");
	return str_eq(value, "off") ? 0 : word_serial(value, err);
}

static const struct page_field fields[] = {
	{ ANSWER_SUITE, FIELD_CHOICE, "Distribution",
	  "What the nodes run. The image is built from the archive that this head's apt uses.\n"
	  "Choose one; the head may run the other. Example: Debian 12 (bookworm)",
	  choose_suite, NULL },
	{ ANSWER_SETS, FIELD_SET, "Packages for the nodes",
	  "What the image has beside what every node needs (kernel, boot, disks, network, ssh, time). Each says how much it "
	  "takes on a node.\n"
	  "Mark any; more can be added later and is rolled out by a new image. Example: Slurm and MUNGE",
	  choose_sets, NULL },
	{ ANSWER_PACKAGES, FIELD_TEXT, "More packages",
	  "Other Debian packages for the image.\n"
	  "Names with spaces between them. Example: htop numactl",
	  NULL, check_packages },
	{ ANSWER_SERIAL, FIELD_TEXT, "Serial console of nodes",
	  "Where the nodes' boot loader, kernel and login can be seen beside the screen; their BMCs show it over the network.\n"
	  "A device with its speed, or off. Example: ttyS1,115200",
	  NULL, check_serial },
};
static const struct page_def def = {
	"image",
	"Node image",
	"The system that nodes are installed with. It is built here, signed, and brought to all of them.",
	fields,
	ARRAY_LEN(fields),
	ANSWER_SERIAL
};

static struct page *build(const struct answers *a, const struct facts *f)
{
	autofree char *marked = answers_get(a, f, ANSWER_SETS), *raid = answers_get(a, f, ANSWER_STORE_RAID);
	struct page *page = pages_build(&def, a, f);
	autoclean(str_list_free) struct str_list sets = { 0 };
	autoclean(buf_free) struct buf lines = { 0 };
	uint64_t mib = IMAGE_BASE_MIB;
	char size[STR_BYTES_MAX], left[STR_BYTES_MAX];

	answers_split(marked, ",", &sets);
	for (size_t i = 0; i < n_image_sets; i++)
		mib += str_list_has(&sets, image_sets[i].key) ? image_sets[i].mib : 0;
	str_from_bytes(mib << 20, size);
	str_from_bytes(f->store_free_bytes, left);
	buf_addf(&lines, "about %s on each node, and less than half of that in the store\n", size);
	/* The tree that it is built in, and the store's copy. */
	if (str_eq(raid, "none") && f->store_free_bytes < (mib << 20) * 2)
		buf_addf(&lines, "! only %s are free for /srv/orthrus here: building it needs about twice its size\n", left);
	pages_note(page, "found", "What this comes to", &lines,
		   "How large the image is about. Equal files of several images are kept once.");
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

const struct page_kind page_image = { "image", "Node image", build, take, check };
