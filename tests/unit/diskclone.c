/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk beside the plan's that says the same of itself: a clone with the same GUIDs, another disk in the place of the one that
 * was probed. It must not be written to. On loop devices. Needs root. */
#include "raidsetup/apply.h"
#include "raidsetup/probe.h"
#include "tests/unit/loopdisk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define SIZE (64 * MIB + 64 * MIB)
#define ROOT_AT (2 * MIB)

static const char layout_text[] = "{\"name\":\"single\",\"disks\":{\"want\":1},\"parts\":[{\"id\":\"bios\",\"size\":\"1M\"},"
				  "{\"id\":\"root\",\"size\":\"rest\"}],"
				  "\"fs\":[{\"on\":\"root\",\"type\":\"ext4\",\"mount\":\"/\"}],\"boot\":{\"bios\":true}}";

struct rig {
	char *dir;
	struct loopdisk disks[2];
	struct str_list loops;
	struct raid_env env;
	struct raid_ctx *ctx;
};

static int begin(void **state)
{
	struct rig *r = mem_zalloc(sizeof(*r));
	const char *tmp = getenv("TMPDIR");
	autofree char *target = NULL;

	*state = r;
	r->dir = str_format("%s/orthrus-clone.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(r->dir));
	for (int i = 0; i < 2; i++) {
		loopdisk_make(&r->disks[i], r->dir, i ? "two" : "one", SIZE, 512, 0);
		str_list_add(&r->loops, r->disks[i].name);
	}
	r->env = raid_env_host;
	r->env.loops = &r->loops;
	target = fs_join(r->dir, "target");
	r->ctx = raid_ctx_new_in(target, &r->env);
	return 0;
}

static int end(void **state)
{
	struct rig *r = *state;
	struct err err = { 0 };

	raid_ctx_free(r->ctx);
	for (int i = 0; i < 2; i++)
		loopdisk_end(&r->disks[i]);
	str_list_free(&r->loops);
	assert_int_equal(fs_remove_tree(r->dir, &err), 0);
	free(r->dir);
	free(r);
	return 0;
}

/* For one of the rig's disks alone. */
static void make_plan(const struct rig *r, const struct loopdisk *disk, struct plan *plan, struct raid_result *result)
{
	static const uint8_t seed[RAID_SEED_LEN] = { 5 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(layout_free) struct layout layout = { 0 };
	autoclean(disks_free) struct disks all = { 0 };
	struct disks own = { .len = 1 };
	struct json_obj o;
	struct err err = { 0 };

	if (json_parse(layout_text, strlen(layout_text), &doc, &err) < 0 || json_root_obj(&doc, &o, &err) < 0 ||
	    layout_read(&o, &layout, &err) < 0 || probe_disks(&r->env, true, &all, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < all.len; i++)
		if (str_eq(all.items[i].name, disk->name))
			own.items = &all.items[i];
	assert_non_null(own.items);
	if (raid_plan(&layout, &own, seed, plan, result, &err) < 0)
		fail_msg("%s", err.text);
}

static void perform(struct rig *r, const struct plan *plan, int first, int last)
{
	for (size_t i = 0; i < plan->len; i++) {
		struct err err = { 0 };

		if (plan->steps[i].type >= first && plan->steps[i].type <= last &&
		    raid_perform(r->ctx, &plan->steps[i], &err) < 0)
			fail_msg("%s: %s", plan->steps[i].text, err.text);
	}
}

static void copy(const struct loopdisk *from, const struct loopdisk *to)
{
	autofree char *data = mem_zalloc(SIZE);
	struct err err = { 0 };

	assert_int_equal(fs_pread_all(from->file, "one", data, SIZE, 0, &err), 0);
	loopdisk_put(to, 0, data, SIZE);
	assert_int_equal(target_reread(to->loop, &err), 0);
	/* A kernel that reads no GPT is told by parted. */
	RUN("partprobe", to->node);
}

/* The name of the file system's disk, once made and once looked for; both ways round, for one of the two is found first. */
static void check_clone(struct rig *r, const struct loopdisk *own, const struct loopdisk *clone)
{
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	autoclean(str_list_free) struct str_list both = { 0 };
	autofree char *node = NULL, *none = NULL, *mark = mem_zalloc(MIB), *now = mem_zalloc(MIB);
	struct err err = { 0 };

	make_plan(r, own, &plan, &result);
	perform(r, &plan, RAID_UNBOOT, RAID_PARTITION);
	copy(own, clone);
	memset(mark, 0x5a, MIB);
	loopdisk_put(clone, ROOT_AT, mark, MIB);
	perform(r, &plan, RAID_FORMAT, RAID_FORMAT);
	assert_int_equal(pread(clone->file, now, MIB, (off_t)ROOT_AT), (ssize_t)MIB);
	assert_memory_equal(mark, now, MIB);
	copy(own, clone);
	if (fs_find(&r->env, &result.members, "ext4", result.fs[0].uuid, &node, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(str_starts(node, own->node));
	str_list_addf(&both, "serial %s", own->name);
	str_list_addf(&both, "serial %s", clone->name);
	assert_int_equal(fs_find(&r->env, &both, "ext4", result.fs[0].uuid, &none, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	for (size_t i = 0; i < plan.len; i++) {
		const struct raid_format *f = plan.steps[i].arg;

		if (plan.steps[i].type != RAID_FORMAT)
			continue;
		assert_int_equal(part_find(&r->env, &both, f->part_guid, &none, &err), -1);
		assert_int_equal(err.kind, ERR_REFUSED);
	}
}

static void a_clone_is_left_alone(void **state)
{
	struct rig *r = *state;

	check_clone(r, &r->disks[0], &r->disks[1]);
	check_clone(r, &r->disks[1], &r->disks[0]);
}

/* Swapped for one of the same size between probe and open: the name stands for the other one now. */
static void a_swapped_disk_is_refused(void **state)
{
	struct rig *r = *state;
	autofree char *id = str_format("serial %s", r->disks[0].name), *other = str_format("serial %s", r->disks[1].name);
	struct raid_target t = { .id = id, .label = id, .size_bytes = SIZE, .sector_bytes = 512 };
	struct err err = { 0 };

	if (target_check(&r->env, r->disks[0].loop, r->disks[0].name, &t, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(target_check(&r->env, r->disks[1].loop, r->disks[1].name, &t, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_non_null(strstr(err.text, "another disk"));
	/* The name has gone to a disk with another number. */
	assert_int_equal(target_check(&r->env, r->disks[1].loop, r->disks[0].name, &t, &err), -1);
	assert_non_null(strstr(err.text, "another name"));
	/* Neither name nor identity, but the size. */
	t.id = other;
	t.size_bytes = SIZE + MIB;
	assert_int_equal(target_check(&r->env, r->disks[1].loop, r->disks[1].name, &t, &err), -1);
	assert_non_null(strstr(err.text, "its size"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_clone_is_left_alone, begin, end),
		cmocka_unit_test_setup_teardown(a_swapped_disk_is_refused, begin, end),
	};
	autoclose int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	if (geteuid() != 0 || control < 0) {
		puts("needs root and loop devices");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
