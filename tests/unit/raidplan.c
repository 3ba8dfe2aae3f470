/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The corpus of disk plans: tests/golden/raid/NAME.in.json gives NAME.plan or NAME.err, and every case keeps the planner's
 * promises. A report of a wrong choice becomes a file there. UPDATE_GOLDEN=1 writes the expected files anew, to be read before a
 * commit. */
#include "base/mem.h"
#include "raidsetup/disk.h"
#include "raidsetup/raidsetup.h"
#include "raidsetup/steps.h"
#include "sys/fs.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FEWEST_CASES 40

struct input {
	struct layout layout;
	struct disks disks;
	uint8_t seed[RAID_SEED_LEN];
};

static void input_free(struct input *in)
{
	layout_free(&in->layout);
	disks_free(&in->disks);
}

static int read_parts(struct json_obj *o, struct input *in, struct err *err)
{
	struct json_obj layout;
	autofree char *seed = NULL;

	if (json_obj(o, "layout", JSON_MUST, &layout, err) < 0 || layout_read(&layout, &in->layout, err) < 0 ||
	    disks_from_json(o, "disks", &in->disks, err) < 0 || json_str(o, "seed", JSON_MUST, &seed, err) < 0 ||
	    str_unhex(seed, in->seed, sizeof(in->seed), err) < 0)
		return -1;
	return json_obj_end(o, err);
}

static void read_input(const char *path, struct input *in)
{
	autoclean(buf_free) struct buf text = { 0 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;
	struct err err = { 0 };

	if (fs_read(path, 1 << 20, &text, &err) < 0 || json_parse(text.data, text.len, &doc, &err) < 0 ||
	    json_root_obj(&doc, &o, &err) < 0 || read_parts(&o, in, &err) < 0)
		fail_msg("%s: %s", path, err.text);
}

static void print_result(const struct raid_result *r, struct buf *out)
{
	for (size_t i = 0; i < r->members.len; i++)
		buf_addf(out, "member %s\n", r->members.items[i]);
	for (size_t i = 0; i < r->n_md; i++)
		buf_addf(out, "array %s on %s: RAID %u, %llu bytes, %s, %s at %s\n", r->md[i].name, r->md[i].on, r->md[i].level,
			 (unsigned long long)r->md[i].size_bytes, r->md[i].uuid, r->md[i].fs_type ? r->md[i].fs_type : "-",
			 r->md[i].mount ? r->md[i].mount : "-");
	for (size_t i = 0; i < r->n_fs; i++)
		buf_addf(out, "%s at %s on %s: %s, options %s\n", r->fs[i].type, r->fs[i].mount ? r->fs[i].mount : "-",
			 r->fs[i].device_md ? r->fs[i].device_md : "the disk", r->fs[i].uuid,
			 r->fs[i].options ? r->fs[i].options : "-");
}

/* The plan, or the error, as the golden files have it. Returns raid_plan's result. */
static int render(const struct input *in, struct plan *plan, struct buf *out)
{
	autoclean(raid_result_free) struct raid_result result = { 0 };
	struct err err = { 0 };

	if (raid_plan(&in->layout, &in->disks, in->seed, plan, &result, &err) < 0) {
		buf_addf(out, "%s: %s\nhint: %s\n", err_kind_name(err.kind), err.text, err.hint);
		return -1;
	}
	plan_print(plan, out);
	print_result(&result, out);
	return 0;
}

static void check_golden(const char *in_path, bool planned, const struct buf *got)
{
	autofree char *stem = mem_strndup(in_path, strlen(in_path) - strlen(".in.json"));
	autofree char *path = str_format("%s.%s", stem, planned ? "plan" : "err");
	autofree char *other = str_format("%s.%s", stem, planned ? "err" : "plan");
	autoclean(buf_free) struct buf want = { 0 };
	struct err err = { 0 };

	if (getenv("UPDATE_GOLDEN")) {
		assert_int_equal(fs_write_atomic(path, buf_str(got), got->len, 0644, &err), 0);
		unlink(other);
		return;
	}
	if (fs_exists(other) || fs_read(path, 1 << 20, &want, &err) < 0)
		fail_msg("%s: expected %s, but it gives:\n%s", in_path, other, buf_str(got));
	if (!str_eq(buf_str(&want), buf_str(got)))
		fail_msg("%s: expected:\n%sbut it gives:\n%s", in_path, buf_str(&want), buf_str(got));
}

/* Which disks the destructive steps name. */
static const struct raid_target *destroys(const struct plan_step *s)
{
	if (s->type == RAID_WIPE)
		return &((const struct raid_wipe *)s->arg)->disk;
	if (s->type == RAID_PARTITION)
		return &((const struct raid_partition *)s->arg)->disk;
	return NULL;
}

static void check_table(const struct raid_partition *p, const struct layout *l)
{
	uint64_t at = RAID_ALIGN_BYTES;

	assert_int_equal(p->n_parts, l->n_parts);
	for (size_t i = 0; i < p->n_parts; i++) {
		assert_int_equal(p->parts[i].first_byte, at);
		assert_int_equal(p->parts[i].size_bytes % RAID_ALIGN_BYTES, 0);
		assert_true(p->parts[i].size_bytes >= l->parts[i].size_bytes);
		at += p->parts[i].size_bytes;
	}
	assert_true(at + l->reserve_bytes <= p->disk.size_bytes);
	assert_true(at + 34 * p->disk.sector_bytes <= p->disk.size_bytes);
}

/* Each disk is either left alone, with a reason, or wiped and partitioned once; never one that must not be touched. */
static void check_promises(const char *path, const struct input *in, const struct plan *plan)
{
	for (size_t i = 0; i < in->disks.len; i++) {
		const struct disk *d = &in->disks.items[i];
		autofree char *id = disk_id(d), *label = disk_label(d);
		size_t wiped = 0, parted = 0, left = 0;

		for (size_t k = 0; k < plan->len; k++) {
			const struct raid_target *t = destroys(&plan->steps[k]);

			wiped += plan->steps[k].type == RAID_WIPE && str_eq(t->id, id);
			parted += plan->steps[k].type == RAID_PARTITION && str_eq(t->id, id);
			left += plan->steps[k].type == RAID_LEAVE && strstr(plan->steps[k].text, label) != NULL;
			if (strstr(plan->steps[k].text, d->name) || strstr(plan->steps[k].name, d->name))
				fail_msg("%s: step '%s' shows the kernel's name %s", path, plan->steps[k].text, d->name);
			if (plan->steps[k].type == RAID_PARTITION)
				check_table(plan->steps[k].arg, &in->layout);
		}
		if (wiped != parted || wiped > 1 || (wiped == 1) == (left > 0))
			fail_msg("%s: %s is wiped %zu times, partitioned %zu times, left alone %zu times", path, label, wiped,
				 parted, left);
		if (wiped && (d->in_use || d->read_only || (d->bad && in->layout.exclude_bad)))
			fail_msg("%s: %s must not be touched", path, label);
		for (size_t k = 0; wiped && k < in->layout.protect.len; k++)
			if (disk_same_number(in->layout.protect.items[k], d->serial) ||
			    disk_same_number(in->layout.protect.items[k], d->wwn))
				fail_msg("%s: %s is protected", path, label);
	}
}

/* Every disk that is wiped is made unbootable before the first of them is, in one step. */
static void check_unboot_first(const char *path, const struct plan *plan)
{
	const struct raid_disarm *u = NULL;
	size_t wiped = 0;

	for (size_t i = 0; i < plan->len; i++) {
		const struct plan_step *s = &plan->steps[i];

		if (s->type == RAID_UNBOOT && (u || wiped))
			fail_msg("%s: '%s' comes too late or again", path, s->text);
		if (s->type == RAID_UNBOOT)
			u = s->arg;
		if (s->type != RAID_WIPE)
			continue;
		if (!u || wiped == u->n_disks || !str_eq(u->disks[wiped].id, destroys(s)->id))
			fail_msg("%s: '%s' is not made unbootable first", path, s->text);
		wiped++;
	}
	assert_int_equal(wiped, u ? u->n_disks : 0);
}

static void check_names_unique(const char *path, const struct plan *plan)
{
	for (size_t i = 0; i < plan->len; i++) {
		assert_true(raid_owns_step(&plan->steps[i]));
		for (size_t k = 0; k < i; k++)
			if (str_eq(plan->steps[i].name, plan->steps[k].name))
				fail_msg("%s: two steps are named %s", path, plan->steps[i].name);
	}
}

static void rotate(struct disks *d)
{
	struct disk first = d->items[0];

	memmove(d->items, d->items + 1, (d->len - 1) * sizeof(*d->items));
	d->items[d->len - 1] = first;
}

static void reverse(struct disks *d)
{
	for (size_t i = 0; i < d->len / 2; i++) {
		struct disk swap = d->items[i];

		d->items[i] = d->items[d->len - 1 - i];
		d->items[d->len - 1 - i] = swap;
	}
}

/* The order in which the kernel found the disks must not decide anything. */
static void check_order_is_irrelevant(const char *path, struct input *in, const struct buf *expected)
{
	for (size_t turn = 0; turn < 2 * in->disks.len; turn++) {
		autoclean(plan_free) struct plan plan = { 0 };
		autoclean(buf_free) struct buf got = { 0 };

		if (turn == in->disks.len)
			reverse(&in->disks);
		rotate(&in->disks);
		render(in, &plan, &got);
		if (!str_eq(buf_str(&got), buf_str(expected)))
			fail_msg("%s: with the disks in another order it gives:\n%s", path, buf_str(&got));
	}
}

/* Another seed: the same steps, and not one identifier in common. */
static void check_seed(const struct input *in, const struct plan *plan)
{
	struct input other = *in;
	autoclean(plan_free) struct plan again = { 0 };
	autoclean(buf_free) struct buf out = { 0 };

	other.seed[0] ^= 1;
	assert_int_equal(render(&other, &again, &out), 0);
	assert_int_equal(plan->len, again.len);
	for (size_t i = 0; i < plan->len; i++) {
		assert_string_equal(plan->steps[i].name, again.steps[i].name);
		if (plan->steps[i].type == RAID_FORMAT) {
			const struct raid_format *a = plan->steps[i].arg, *b = again.steps[i].arg;

			assert_string_not_equal(a->uuid, b->uuid);
		} else if (plan->steps[i].type == RAID_CREATE) {
			const struct raid_create *a = plan->steps[i].arg, *b = again.steps[i].arg;

			assert_string_not_equal(a->uuid, b->uuid);
			assert_string_not_equal(a->active.items[0], b->active.items[0]);
		}
	}
}

static void check_json_keeps_all(const struct input *in)
{
	autoclean(buf_free) struct buf one = { 0 }, two = { 0 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(disks_free) struct disks back = { 0 };
	struct json_out w;
	struct json_obj o;
	struct err err = { 0 };

	json_out_init(&w, &one, false);
	json_put_obj(&w, NULL);
	disks_to_json(&in->disks, &w, "disks");
	json_end_obj(&w);
	assert_int_equal(json_parse(one.data, one.len, &doc, &err), 0);
	assert_int_equal(json_root_obj(&doc, &o, &err), 0);
	assert_int_equal(disks_from_json(&o, "disks", &back, &err), 0);
	json_out_init(&w, &two, false);
	json_put_obj(&w, NULL);
	disks_to_json(&back, &w, "disks");
	json_end_obj(&w);
	assert_string_equal(buf_str(&one), buf_str(&two));
}

static void run_case(const char *path)
{
	autoclean(input_free) struct input in = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(buf_free) struct buf got = { 0 };
	int rc;

	read_input(path, &in);
	rc = render(&in, &plan, &got);
	check_golden(path, rc == 0, &got);
	check_names_unique(path, &plan);
	if (rc == 0) {
		check_promises(path, &in, &plan);
		check_unboot_first(path, &plan);
		check_seed(&in, &plan);
	} else {
		for (size_t i = 0; i < plan.len; i++)
			assert_int_equal(plan.steps[i].effect, PLAN_READS);
	}
	check_json_keeps_all(&in);
	check_order_is_irrelevant(path, &in, &got);
}

static void test_corpus(void **state)
{
	const char *top = getenv("TOP");
	autofree char *pattern = str_format("%s/tests/golden/raid/*.in.json", top ? top : ".");
	glob_t found;

	(void)state;
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		run_case(found.gl_pathv[i]);
	assert_true(found.gl_pathc >= FEWEST_CASES);
	globfree(&found);
}

static void test_same_number(void **state)
{
	(void)state;
	assert_true(disk_same_number("0x5000c500a1b2c3d4", "naa.5000C500A1B2C3D4"));
	assert_true(disk_same_number("WD-WCC4N1", " wd-wcc4n1 "));
	assert_true(disk_same_number("eui.0025385", "0025385"));
	assert_false(disk_same_number("WD-WCC4N1", "WD-WCC4N12"));
	assert_false(disk_same_number("", ""));
	assert_false(disk_same_number("0x", "naa."));
}

static void expect_bad_json(const char *text, const char *part)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(disks_free) struct disks out = { 0 };
	struct json_obj o;
	struct err err = { 0 };

	assert_int_equal(json_parse(text, strlen(text), &doc, &err), 0);
	assert_int_equal(json_root_obj(&doc, &o, &err), 0);
	assert_int_equal(disks_from_json(&o, "disks", &out, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	if (!strstr(err.text, part))
		fail_msg("'%s' does not speak of '%s'", err.text, part);
	assert_null(out.items);
}

#define DISK_HEAD "{\"disks\":[{\"name\":\"vda\",\"model\":\"M\",\"wwn\":\"\",\"transport\":\"sata\","
#define DISK_TAIL                                                                                                                \
	"\"logical_sector_bytes\":512,\"physical_sector_bytes\":512,\"rotational\":false,\"removable\":false,"                   \
	"\"read_only\":false,\"found\":[]}]}"

static void test_bad_json(void **state)
{
	(void)state;
	expect_bad_json(DISK_HEAD "\"serial\":\"a\\nwipe b\",\"size_bytes\":1," DISK_TAIL, "disks[0].serial");
	expect_bad_json(DISK_HEAD "\"serial\":\"a\",\"size_bytes\":-1," DISK_TAIL, "disks[0].size_bytes");
	expect_bad_json(DISK_HEAD "\"serial\":\"a\",\"size_bytes\":1,\"extra\":1," DISK_TAIL, "extra");
	expect_bad_json(DISK_HEAD "\"serial\":\"a\"," DISK_TAIL, "size_bytes");
	expect_bad_json("{\"disks\":{}}", "disks");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_corpus),
		cmocka_unit_test(test_same_number),
		cmocka_unit_test(test_bad_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
