/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An array of a head's own disks: which are taken, after whose word, and how it goes on after a kill. */
#include "base/mem.h"
#include "headinstall/paths.h"
#include "headinstall/plan.h"
#include "headinstall/store.h"
#include "sys/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GIB (UINT64_C(1) << 30)

static struct disk *add_disk(struct disks *all, const char *serial)
{
	struct disk *d;

	all->items = mem_grow(all->items, all->len + 1, sizeof(*all->items));
	d = &all->items[all->len++];
	*d = (struct disk){ .name = mem_strdup("vdx"),
			    .model = mem_strdup("QEMU"),
			    .serial = mem_strdup(serial),
			    .wwn = mem_strdup(""),
			    .transport = mem_strdup("sata"),
			    .size_bytes = 5 * GIB,
			    .logical_sector_bytes = 512,
			    .physical_sector_bytes = 512 };
	return d;
}

/* Of QM1, QM2 and QM3 the first two are asked for. */
static void wish(struct disks *all, struct head_store *s)
{
	*all = (struct disks){ 0 };
	add_disk(all, "QM1");
	add_disk(all, "QM2");
	add_disk(all, "QM3");
	*s = (struct head_store){ .level = 1, .fs = mem_strdup("xfs"), .seed = { 1, 2, 3 } };
	str_list_add(&s->disks, "serial QM1");
	str_list_add(&s->disks, "serial QM2");
}

static void refused(struct head_store *s, const struct disks *all, enum err_kind kind, const char *text, const char *hint)
{
	struct err err = { 0 };

	assert_int_equal(head_store_plan(s, all, &err), -1);
	if (err.kind != kind || !strstr(err.text, text) || !strstr(err.hint, hint))
		fail_msg("'%s' and '%s' are not in: %s (%s)", text, hint, err.text, err.hint);
}

static void clear_found(struct disk *d)
{
	str_list_free(&d->found);
}

static void test_disks(void **state)
{
	autoclean(disks_free) struct disks all;
	autoclean(head_store_free) struct head_store s;
	struct err err = { 0 };

	(void)state;
	wish(&all, &s);
	assert_int_equal(head_store_plan(&s, &all, &err), 0);
	assert_int_equal(s.result.n_md, 1);
	assert_int_equal(s.result.md[0].level, 1);
	assert_string_equal(s.result.fs[0].mount, HEAD_STORE);
	for (size_t i = 0; i < s.raid.len; i++)
		assert_null(strstr(s.raid.steps[i].text, "QM3"));

	str_list_add(&all.items[1].found, "ext4 'photos'");
	refused(&s, &all, ERR_REFUSED, "QEMU, serial QM2, 5 GiB holds something: ext4 'photos'", "--store-wipe 'serial QM2'");
	str_list_add(&s.wipe, "serial QM1");
	refused(&s, &all, ERR_REFUSED, "serial QM2", "--store-wipe 'serial QM2'"); /* another disk's word is not its own */
	str_list_add(&s.wipe, "serial QM2");
	assert_int_equal(head_store_plan(&s, &all, &err), 0);
	str_list_add(&s.wipe, "serial QM3");
	refused(&s, &all, ERR_USAGE, "--store-wipe names serial QM3", "");
	str_list_free(&s.wipe);
	clear_found(&all.items[1]);

	all.items[0].in_use = mem_strdup("mounted at /");
	refused(&s, &all, ERR_REFUSED, "it is in use: mounted at /", "--store-disk");
	free(all.items[0].in_use);
	all.items[0].in_use = NULL;
	all.items[0].removable = true;
	refused(&s, &all, ERR_REFUSED, "removable", "--store-disk");
	all.items[0].removable = false;
	free(all.items[2].serial);
	all.items[2].serial = mem_strdup("QM1");
	refused(&s, &all, ERR_REFUSED, "two disks of this machine say that they are serial QM1", "can't be told apart");
	str_list_add(&s.disks, "serial QM9");
	free(all.items[2].serial);
	all.items[2].serial = mem_strdup("QM3");
	refused(&s, &all, ERR_REFUSED, "this machine has no disk serial QM9", "serial QM1, serial QM2 and serial QM3");
}

static void test_words(void **state)
{
	autoclean(disks_free) struct disks all;
	autoclean(head_store_free) struct head_store s;

	(void)state;
	wish(&all, &s);
	s.level = 0;
	refused(&s, &all, ERR_USAGE, "--store-raid is 1, 5, 6 or 10", "");
	s.level = 5;
	refused(&s, &all, ERR_USAGE, "RAID 5 needs 3 disks or more, and --store-disk names 2", "disk probe");
	s.level = 1;
	free(s.fs);
	s.fs = mem_strdup("vfat");
	refused(&s, &all, ERR_USAGE, "--store-fs is xfs or ext4", "");
	free(s.fs);
	s.fs = mem_strdup("ext4");
	str_list_add(&s.disks, "serial QM1");
	refused(&s, &all, ERR_USAGE, "names serial QM1 twice", "");
}

/* Each level with the fewest disks that it takes, and with one more: all are active, none is a spare, and what there is room for
 * follows from it. One disk less is refused. */
static void test_levels(void **state)
{
	static const struct {
		unsigned int level, least;
		unsigned int data[2]; /* how many halves of a disk can be used, of the fewest disks and of one more */
	} levels[] = { { 1, 2, { 2, 2 } }, { 5, 3, { 4, 6 } }, { 6, 4, { 4, 6 } }, { 10, 2, { 2, 3 } } };
	const uint64_t part = 5 * GIB - (UINT64_C(17) << 20); /* aligned, and with a reserve at the end */

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		autoclean(disks_free) struct disks all = { 0 };
		autoclean(head_store_free) struct head_store s = { .level = levels[i].level, .fs = mem_strdup("xfs") };
		autofree char *few = str_format("RAID %u needs %u disks or more, and --store-disk names %u", levels[i].level,
						levels[i].least, levels[i].least - 1);
		autofree char *create = str_format("RAID %u, metadata 1.2, write-intent bitmap", levels[i].level);

		for (unsigned int n = 1; n <= levels[i].least + 1; n++) {
			autofree char *serial = str_format("QM%u", n), *id = str_format("serial QM%u", n);
			struct err err = { 0 };
			size_t creates = 0;

			add_disk(&all, serial);
			str_list_add(&s.disks, id);
			if (n < levels[i].least) {
				if (n + 1 == levels[i].least)
					refused(&s, &all, ERR_USAGE, few, "disk probe");
				continue;
			}
			assert_int_equal(head_store_plan(&s, &all, &err), 0);
			assert_int_equal(s.result.n_md, 1);
			assert_int_equal(s.result.md[0].level, levels[i].level);
			assert_int_equal(s.result.md[0].active, n);
			assert_int_equal(s.result.md[0].missing + s.result.md[0].spares, 0);
			assert_int_equal(s.result.md[0].size_bytes, levels[i].data[n - levels[i].least] * part / 2);
			assert_string_equal(s.result.md[0].fs_type, "xfs");
			for (size_t k = 0; k < s.raid.len; k++) {
				const char *text = s.raid.steps[k].text;

				if (!str_starts(text, "create array"))
					continue;
				creates++;
				assert_non_null(strstr(text, create));
				assert_null(strstr(text, "spare"));
				assert_non_null(strstr(text, "serial QM1") && strstr(text, id) ? text : NULL);
			}
			assert_int_equal(creates, 1);
		}
	}
}

/* As the journal has it: the same seed gives the same array, and only what it left itself may go without a word. */
static void test_resumed(void **state)
{
	autoclean(disks_free) struct disks all;
	autoclean(head_store_free) struct head_store s, again = { 0 }, other = { 0 };
	autoclean(head_array_free) struct head_array array = { 0 };
	autoclean(head_journal_free) struct head_journal j = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	autofree char *text = NULL;
	struct err err = { 0 };
	size_t good;

	(void)state;
	wish(&all, &s);
	assert_int_equal(head_store_plan(&s, &all, &err), 0);
	head_store_array(&s, &array);
	head_line_array(&out, &array);
	assert_false(head_store_resumed(&j, &again));
	assert_int_equal(head_journal_read(buf_str(&out), out.len, &j, &good, &err), 0);
	assert_true(head_store_resumed(&j, &again));
	assert_true(again.begun && !again.made);
	text = head_store_text(&again);
	assert_string_equal(text, "RAID 1 of serial QM1 and serial QM2, xfs");
	assert_string_equal(again.result.md[0].uuid, s.result.md[0].uuid);

	all.items[0].in_use = mem_strdup("held by the running array md127");
	str_list_add(&all.items[0].found, "GPT");
	str_list_add(&all.items[0].found, "md member of array 'any:orthrus'");
	assert_int_equal(head_store_plan(&again, &all, &err), 0);
	assert_string_equal(again.result.md[0].uuid, s.result.md[0].uuid);
	assert_string_equal(again.result.fs[0].uuid, s.result.fs[0].uuid);
	str_list_add(&all.items[1].found, "md member of array 'web:0'");
	refused(&again, &all, ERR_REFUSED, "serial QM2, 5 GiB holds something: md member of array 'web:0'", "--store-wipe");

	assert_int_equal(head_store_same(&s, &again, &err), 0);
	str_list_add(&s.disks, "serial QM3");
	assert_int_equal(head_store_same(&s, &again, &err), -1);
	assert_non_null(strstr(err.text, "begun here already: RAID 1 of serial QM1 and serial QM2, xfs"));
	buf_clear(&out);
	head_line_step(&out, &(const struct head_event){ .step = (char[]){ "store" } }, NULL);
	assert_int_equal(head_journal_read(buf_str(&out), out.len, &j, &good, &err), 0);
	head_journal_settle(&j);
	assert_true(head_store_resumed(&j, &other) && other.made);
}

/* Words of the journal become arguments of programs. */
static void test_journal(void **state)
{
	static const char *const bad[] = {
		"\"level\":1,\"fs\":\"--x\\n\",\"seed\":\"00112233445566778899aabbccddeeff\"",
		"\"level\":1,\"fs\":\"xfs\",\"seed\":\"0011\"",
		"\"level\":11,\"fs\":\"xfs\",\"seed\":\"00112233445566778899aabbccddeeff\"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		autofree char *line =
			str_format("{\"record\":\"array\",%s,\"md\":\"00000000:00000000:00000000:00000000\","
				   "\"uuid\":\"00000000-0000-0000-0000-000000000000\",\"disks\":[]}\n{\"record\":\"complete\"}\n",
				   bad[i]);
		autoclean(head_journal_free) struct head_journal j = { 0 };
		struct err err = { 0 };
		size_t good;

		assert_int_equal(head_journal_read(line, strlen(line), &j, &good, &err), -1);
		assert_false(j.array.there);
	}
}

/* Kept on its disks where images are kept, taken apart where they go; before its packages do, and never before the key of images
 * is put beside them. */
static void test_back(void **state)
{
	autoclean(disks_free) struct disks all;
	autoclean(head_store_free) struct head_store s;
	struct head_journal none = { 0 };
	struct str_list wanted = { 0 };
	struct head_back b = { .journal = &none, .now = &none, .packages = &none, .wanted = &wanted, .store = &s };
	autoclean(plan_free) struct plan keep = { 0 }, erase = { 0 }, cannot = { 0 };
	struct err err = { 0 };

	(void)state;
	wish(&all, &s);
	assert_int_equal(head_store_plan(&s, &all, &err), 0);
	head_plan_back(&b, &keep);
	assert_string_equal(keep.steps[0].name, "note:images");
	assert_string_equal(keep.steps[1].name, "data");
	assert_string_equal(keep.steps[2].name, "store");
	assert_int_equal(keep.steps[2].effect, PLAN_WRITES);
	assert_string_equal(keep.steps[2].text,
			    "unmount and stop the array of images (RAID 1 of serial QM1 and serial QM2, xfs), "
			    "and keep it on its disks");
	b.data = HEAD_REMOVE_DATA;
	head_plan_back(&b, &erase);
	assert_string_equal(erase.steps[0].name, "store");
	assert_int_equal(erase.steps[0].effect, PLAN_DESTROYS);
	assert_string_equal(erase.steps[1].name, "data");
	plan_free(&s.raid);
	b.store_why = "disk serial QM1 is gone";
	head_plan_back(&b, &cannot);
	assert_int_equal(cannot.steps[0].effect, PLAN_WRITES);
	assert_non_null(strstr(cannot.steps[0].text, "it can't be taken apart, disk serial QM1 is gone"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_disks),	cmocka_unit_test(test_words),	cmocka_unit_test(test_levels),
		cmocka_unit_test(test_resumed), cmocka_unit_test(test_journal), cmocka_unit_test(test_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
