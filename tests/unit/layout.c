/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disk layouts: what the reader makes of one, and how many disks each level needs. (Wrong ones: tests/golden/site/layout-*.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "site/layout.h"

#include <string.h>

static int read_text(const char *text, struct layout *l, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;

	if (json_parse(text, strlen(text), &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0)
		fail_msg("%s", err->text);
	return layout_read(&o, l, err);
}

static const char raid5[] =
	"{\"name\":\"wide\",\"disks\":{\"match\":[{\"rotational\":true,\"min_bytes\":1000},{\"transport\":\"nvme\",\"model\":\"A*"
	"\"}],"
	"\"min\":4,\"want\":6,\"protect\":[\"S1\",\"S2\"],\"reserve\":\"32M\"},"
	"\"parts\":[{\"id\":\"bios\",\"size\":\"1M\"},{\"id\":\"boot\",\"size\":\"1536M\"},{\"id\":\"data\",\"size\":\"rest\"}],"
	"\"md\":[{\"name\":\"boot\",\"level\":1,\"on\":\"boot\"},"
	"{\"name\":\"data\",\"level\":5,\"bitmap\":\"internal\",\"on\":\"data\",\"spares\":1,\"chunk\":\"256K\"}],"
	"\"fs\":[{\"on\":\"boot\",\"type\":\"ext4\",\"mount\":\"/boot\",\"label\":\"boot\"},"
	"{\"on\":\"data\",\"type\":\"xfs\",\"mount\":\"/\",\"options\":\"noatime\"}],\"boot\":{\"bios\":true}}";

static void reads_every_field(void **state)
{
	autoclean(layout_free) struct layout l = { 0 };
	struct err err = { 0 };

	(void)state;
	if (read_text(raid5, &l, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(l.name, "wide");
	assert_int_equal(l.n_match, 2);
	assert_int_equal(l.match[0].rotational, 1);
	assert_int_equal(l.match[0].min_bytes, 1000);
	assert_null(l.match[0].model);
	assert_int_equal(l.match[1].rotational, -1);
	assert_string_equal(l.match[1].transport, "nvme");
	assert_int_equal(l.min, 4);
	assert_int_equal(l.want, 6);
	assert_true(l.exclude_bad);
	assert_int_equal(l.protect.len, 2);
	assert_int_equal(l.reserve_bytes, 32 << 20);
	assert_int_equal(l.parts[1].size_bytes, UINT64_C(1536) << 20);
	assert_true(l.parts[2].rest && !l.parts[1].rest);
	assert_string_equal(l.parts[0].use, "bios_grub");
	assert_string_equal(l.parts[2].use, "raid");
	assert_string_equal(l.md[0].metadata, "1.2");
	assert_false(l.md[0].bitmap);
	assert_true(l.md[1].bitmap);
	assert_int_equal(l.md[1].spares, 1);
	assert_int_equal(l.md[1].chunk_bytes, 256 << 10);
	assert_string_equal(l.fs[0].label, "boot");
	assert_string_equal(l.fs[1].options, "noatime");
	assert_true(l.bios && !l.uefi);
}

static void prints_what_it_read(void **state)
{
	autoclean(layout_free) struct layout a = { 0 }, b = { 0 };
	autoclean(buf_free) struct buf first = { 0 }, second = { 0 };
	struct json_out w;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(read_text(raid5, &a, &err), 0);
	json_out_init(&w, &first, false);
	layout_print(&a, &w, NULL);
	if (read_text(buf_str(&first), &b, &err) < 0)
		fail_msg("%s", err.text);
	json_out_init(&w, &second, false);
	layout_print(&b, &w, NULL);
	assert_string_equal(buf_str(&first), buf_str(&second));
	assert_non_null(strstr(buf_str(&first), "\"size\":\"1536M\""));
	assert_non_null(strstr(buf_str(&first), "\"reserve\":\"32M\""));
}

static int read_level(unsigned int level, unsigned int want, unsigned int min, unsigned int spares, struct err *err)
{
	autoclean(layout_free) struct layout l = { 0 };
	autofree char *text = str_format(
		"{\"name\":\"x\",\"disks\":{\"min\":%u,\"want\":%u},\"parts\":[{\"id\":\"bios\",\"size\":\"1M\"},"
		"{\"id\":\"sys\",\"size\":\"rest\"}],\"md\":[{\"name\":\"sys\",\"level\":%u,\"on\":\"sys\",\"spares\":%u}],"
		"\"fs\":[{\"on\":\"sys\",\"type\":\"ext4\",\"mount\":\"/\"}],\"boot\":{\"bios\":true}}",
		min, want, level, spares);

	return read_text(text, &l, err);
}

/* For each level: the fewest disks it is made of, and the fewest of `want` with which it may go on degraded. */
static void levels(void **state)
{
	static const struct {
		unsigned int level, least, want, fewest;
	} cases[] = { { 0, 2, 4, 4 }, { 1, 2, 4, 1 }, { 5, 3, 5, 4 }, { 6, 4, 6, 4 }, { 10, 2, 6, 5 } };
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned int level = cases[i].level, least = cases[i].least, want = cases[i].want, fewest = cases[i].fewest;

		assert_int_equal(read_level(level, least, least, 0, &err), 0);
		assert_int_equal(read_level(level, least - 1, least - 1, 0, &err), -1);
		assert_int_equal(read_level(level, want, fewest, 0, &err), 0);
		assert_int_equal(read_level(level, want, fewest - 1, 0, &err), -1);
		if (level == 0)
			continue;
		assert_int_equal(read_level(level, least + 1, least + 1, 1, &err), 0);
		assert_int_equal(read_level(level, least, least, 1, &err), -1);
	}
}

static void failure_leaves_nothing(void **state)
{
	struct layout l;
	struct err err = { 0 };

	(void)state;
	memset(&l, 0xff, sizeof(l));
	assert_int_equal(
		read_text("{\"name\":\"x\",\"disks\":{\"match\":[{\"model\":\"A\"},{\"modle\":\"B\"}],\"want\":1}}", &l, &err),
		-1);
	assert_non_null(strstr(err.text, "disks.match[1].modle"));
	assert_null(l.name);
	assert_int_equal(l.n_match, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_field),
		cmocka_unit_test(prints_what_it_read),
		cmocka_unit_test(levels),
		cmocka_unit_test(failure_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
