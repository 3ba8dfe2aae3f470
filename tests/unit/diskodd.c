/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks that are not as one expects: read-only, swapped to, with large sectors, tiny, half claimed by an idle array. On loop
 * devices. Needs root. */
#include "raidsetup/apply.h"
#include "raidsetup/probe.h"
#include "raidsetup/signatures.h"
#include "tests/unit/loopdisk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/swap.h>

#define MIB (UINT64_C(1) << 20)

struct rig {
	char *dir;
	struct loopdisk disk;
	struct str_list loops;
	struct raid_env env;
	struct raid_ctx *ctx;
};

static void begin(struct rig *r, uint64_t size_bytes, uint32_t sector_bytes, uint32_t flags)
{
	const char *tmp = getenv("TMPDIR");
	autofree char *target = NULL;

	*r = (struct rig){ .env = raid_env_host };
	r->dir = str_format("%s/orthrus-odd.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(r->dir));
	loopdisk_make(&r->disk, r->dir, "disk", size_bytes, sector_bytes, flags);
	str_list_add(&r->loops, r->disk.name);
	r->env.loops = &r->loops;
	target = fs_join(r->dir, "target");
	r->ctx = raid_ctx_new_in(target, &r->env);
}

static void end(struct rig *r)
{
	struct err err = { 0 };

	raid_ctx_free(r->ctx);
	loopdisk_end(&r->disk);
	str_list_free(&r->loops);
	assert_int_equal(fs_remove_tree(r->dir, &err), 0);
	free(r->dir);
}

/* The plan for the rig's disk alone; -1 with the reason when it is refused. */
static int make_plan(const struct rig *r, struct plan *plan, struct raid_result *result, struct err *err)
{
	static const char text[] =
		"{\"name\":\"single\",\"disks\":{\"want\":1},\"parts\":[{\"id\":\"bios\",\"size\":\"1M\"},"
		"{\"id\":\"esp\",\"size\":\"272M\"},{\"id\":\"root\",\"size\":\"rest\"}],"
		"\"fs\":[{\"on\":\"root\",\"type\":\"ext4\",\"mount\":\"/\"},"
		"{\"on\":\"esp\",\"type\":\"vfat\",\"mount\":\"/boot/efi\"}],\"boot\":{\"bios\":true,\"uefi\":true}}";
	static const uint8_t seed[RAID_SEED_LEN] = { 7 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(layout_free) struct layout layout = { 0 };
	autoclean(disks_free) struct disks all = { 0 };
	struct disks own = { 0 };
	struct json_obj o;

	assert_int_equal(json_parse(text, strlen(text), &doc, err), 0);
	assert_int_equal(json_root_obj(&doc, &o, err), 0);
	assert_int_equal(layout_read(&o, &layout, err), 0);
	assert_int_equal(probe_disks(&r->env, true, &all, err), 0);
	for (size_t i = 0; i < all.len; i++)
		if (str_eq(all.items[i].name, r->disk.name))
			own = (struct disks){ .items = &all.items[i], .len = 1 };
	assert_int_equal(own.len, 1);
	return raid_plan(&layout, &own, seed, plan, result, err);
}

static void expect_refused(const struct rig *r, const char *words)
{
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	struct err err = { 0 };

	assert_int_equal(make_plan(r, &plan, &result, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	if (!strstr(err.text, words))
		fail_msg("'%s' does not say '%s'", err.text, words);
}

/* A plan made before is refused at its first step that writes, with these words. */
static void expect_steps_refused(const struct rig *r, const struct plan *plan, const char *words)
{
	for (size_t i = 0; i < plan->len; i++) {
		struct err err = { 0 };

		if (plan->steps[i].type > RAID_PARTITION || plan->steps[i].type < RAID_UNBOOT)
			continue;
		assert_int_equal(raid_perform(r->ctx, &plan->steps[i], &err), -1);
		assert_int_equal(err.kind, ERR_REFUSED);
		if (!strstr(err.text, words))
			fail_msg("%s: '%s' does not say '%s'", plan->steps[i].name, err.text, words);
	}
}

static void test_read_only(void **state)
{
	struct rig r;

	(void)state;
	begin(&r, 1024 * MIB, 512, LO_FLAGS_READ_ONLY);
	expect_refused(&r, "it is read-only");
	end(&r);
}

static void test_too_small(void **state)
{
	struct rig r;

	(void)state;
	begin(&r, 64 * MIB, 512, 0);
	expect_refused(&r, "it is too small");
	end(&r);
}

/* Swapped to since the plan was made. */
static void test_swap_in_use(void **state)
{
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	autofree char *part = NULL;
	struct err err = { 0 };
	struct rig r;

	(void)state;
	begin(&r, 1024 * MIB, 512, 0);
	RUN("parted", "--script", r.disk.node, "mklabel", "gpt", "mkpart", "s", "10MiB", "80MiB");
	part = str_format("%sp1", r.disk.node);
	RUN("mkswap", part);
	assert_int_equal(make_plan(&r, &plan, &result, &err), 0);
	/* A kernel may be built without swapping; nothing else is an excuse. */
	if (swapon(part, 0) < 0) {
		assert_int_equal(errno, ENOSYS);
	} else {
		expect_refused(&r, "used as swap space");
		expect_steps_refused(&r, &plan, "used as swap space");
		assert_int_equal(swapoff(part), 0);
	}
	end(&r);
}

static void test_whole_plan_with_large_sectors(void **state)
{
	struct err err = { 0 };
	struct rig r;

	(void)state;
	begin(&r, 1024 * MIB + 4096, 4096, 0);
	for (int again = 0; again < 2; again++) {
		autoclean(plan_free) struct plan p = { 0 };
		autoclean(raid_result_free) struct raid_result res = { 0 };

		assert_int_equal(make_plan(&r, &p, &res, &err), 0);
		for (size_t i = 0; i < p.len; i++)
			if (raid_perform(r.ctx, &p.steps[i], &err) < 0)
				fail_msg("%s: %s", p.steps[i].text, err.text);
		for (size_t i = 0; i < res.n_fs; i++) {
			autofree char *node = NULL;

			if (fs_find(&r.env, &res.members, res.fs[i].type, res.fs[i].uuid, &node, &err) < 0)
				fail_msg("%s", err.text);
		}
	}
	end(&r);
}

/* Smaller than what is erased at each end, down to a few sectors. */
static void test_erases_tiny_ones(void **state)
{
	static const uint64_t sizes[] = { 512, 4096, 8192 + 512, MIB, 8 * MIB, 8 * MIB + 512, 15 * MIB };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		autofree char *bytes = mem_zalloc(sizes[i]);
		struct err err = { 0 };
		struct rig r;

		begin(&r, sizes[i], 512, 0);
		memset(bytes, 'x', sizes[i]);
		loopdisk_put(&r.disk, 0, bytes, sizes[i]);
		assert_int_equal(signatures_erase(r.disk.loop, 0, sizes[i], &err), 0);
		assert_int_equal(pread(r.disk.loop, bytes, sizes[i], 0), (ssize_t)sizes[i]);
		for (uint64_t k = 0; k < sizes[i]; k++)
			assert_int_equal(bytes[k], 0);
		end(&r);
	}
}

static void put_text(const char *dir, const char *path, const char *text)
{
	autofree char *full = fs_join(dir, path), *parent = mem_strdup(full);
	struct err err = { 0 };

	*strrchr(parent, '/') = '\0';
	assert_int_equal(fs_mkdirs(parent, 0755, &err), 0);
	assert_int_equal(fs_write_atomic(full, text, strlen(text), 0644, &err), 0);
}

/* An idle array has the first partition; somebody unnamed has the second, as ZFS does. */
static void test_claimed_beside_an_idle_array(void **state)
{
	autofree char *sys = NULL, *dev = NULL, *node = NULL, *proc = NULL, *free_one = NULL, *why = NULL;
	autoclose int claim = -1;
	struct err err = { 0 };
	struct raid_env env;
	struct rig r;

	(void)state;
	begin(&r, 64 * MIB, 512, 0);
	sys = fs_join(r.dir, "sys");
	dev = fs_join(r.dir, "dev");
	proc = fs_join(r.dir, "proc");
	node = fs_join(dev, "sdz2");
	put_text(r.dir, "sys/block/sdz/dev", "240:0\n");
	put_text(r.dir, "sys/block/sdz/sdz1/partition", "1\n");
	put_text(r.dir, "sys/block/sdz/sdz1/holders/md127", "");
	put_text(r.dir, "sys/block/sdz/sdz2/partition", "2\n");
	put_text(r.dir, "sys/block/md127/md/array_state", "inactive\n");
	assert_int_equal(fs_mkdirs(dev, 0755, &err), 0);
	assert_int_equal(symlink(r.disk.node, node), 0);
	env = (struct raid_env){ .sys = sys, .dev = dev, .udev = proc, .proc = proc };
	free_one = probe_in_use(&env, "sdz", NULL);
	assert_null(free_one);
	claim = open(r.disk.node, O_RDONLY | O_EXCL | O_CLOEXEC);
	assert_true(claim >= 0);
	why = probe_in_use(&env, "sdz", NULL);
	assert_non_null(why);
	assert_string_equal(why, "held by another program or the kernel");
	close(steal_fd(claim));
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_only),	 cmocka_unit_test(test_too_small),
		cmocka_unit_test(test_swap_in_use),	 cmocka_unit_test(test_whole_plan_with_large_sectors),
		cmocka_unit_test(test_erases_tiny_ones), cmocka_unit_test(test_claimed_beside_an_idle_array),
	};
	autoclose int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	if (geteuid() != 0 || control < 0) {
		puts("needs root and loop devices");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
