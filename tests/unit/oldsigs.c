/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a machine may have been before it is a node: old contents are told of by name before they are lost, and after a wipe
 * nothing finds them again, neither on the disk nor in a partition made where one was. Made by their own programs where these run
 * here, byte by byte where not. Needs root. */
#include "raidsetup/apply.h"
#include "raidsetup/probe.h"
#include "raidsetup/signatures.h"
#include "tests/unit/loopdisk.h"
#include "tests/unit/oldsigs_raw.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#define MIB (UINT64_C(1) << 20)
/* Not round: what counts from the end must be found and erased all the same. */
#define DISK_BYTES (800 * MIB + 7 * 4096)
#define PART_BYTES (400 * MIB)
#define PART_AT (300 * MIB)
#define PART_LAST "734003199" /* parted wants the last byte */

struct rig {
	char *dir;
	struct loopdisk disk;
	struct str_list loops;
	struct raid_env env;
	struct raid_ctx *ctx;
};

/* Makes the old contents on `node`, a device of its own; `fd` is the file behind it. */
typedef void (*make_fn)(const char *node, int fd, uint64_t size_bytes);

static void make_ext4(const char *node, int fd, uint64_t size_bytes)
{
	(void)fd, (void)size_bytes;
	RUN("mkfs.ext4", "-q", "-F", "-L", "data", node);
}
static void make_xfs(const char *node, int fd, uint64_t size_bytes)
{
	(void)fd, (void)size_bytes;
	RUN("mkfs.xfs", "-q", "-f", "-L", "scratch", node);
}
static void make_btrfs(const char *node, int fd, uint64_t size_bytes)
{
	(void)fd, (void)size_bytes;
	RUN("mkfs.btrfs", "-q", "-f", "-L", "home", node);
}
static void make_swap(const char *node, int fd, uint64_t size_bytes)
{
	(void)fd, (void)size_bytes;
	RUN("mkswap", "-L", "swap0", node);
}
static void make_vfat(const char *node, int fd, uint64_t size_bytes)
{
	(void)fd, (void)size_bytes;
	RUN("mkfs.vfat", "-I", "-n", "EFI", node);
}
static void make_exfat(const char *node, int fd, uint64_t size_bytes)
{
	(void)fd, (void)size_bytes;
	RUN("mkfs.exfat", "-L", "stick", node);
}
static void make_ntfs(const char *node, int fd, uint64_t size_bytes)
{
	(void)fd, (void)size_bytes;
	RUN("mkntfs", "-q", "-f", "-F", "-L", "Windows", node);
}
static void make_bcache(const char *node, int fd, uint64_t size_bytes)
{
	(void)fd, (void)size_bytes;
	RUN("make-bcache", "-B", node);
}

static void luks(const char *node, const char *version, const char *label_opt, const char *label)
{
	static const char phrase[] = "not a secret";
	const char *const argv[] = { "cryptsetup", "luksFormat", "-q",	   "--type",
				     version,	   "--pbkdf",	 "pbkdf2", "--pbkdf-force-iterations",
				     "1000",	   node,	 "-",	   label_opt,
				     label,	   NULL };
	struct err err = { 0 };

	if (spawn_run(&(const struct spawn){ .argv = argv, .input = phrase, .input_len = sizeof(phrase) - 1 }, NULL, &err) < 0)
		fail_msg("%s", err.text);
}
static void make_luks1(const char *node, int fd, uint64_t size_bytes)
{
	(void)fd, (void)size_bytes;
	luks(node, "luks1", NULL, NULL);
}
static void make_luks2(const char *node, int fd, uint64_t size_bytes)
{
	(void)fd, (void)size_bytes;
	luks(node, "luks2", "--label", "vault");
}

/* LVM looks at no other device of this machine, and notes nothing down about this one. */
static void lvm(const char *node, const char *verb, const char *group)
{
	autofree char *config = str_format("devices { use_devicesfile=0 filter=[\"a|^%s$|\",\"r|.*|\"] } "
					   "backup { backup=0 archive=0 } global { use_lvmpolld=0 }",
					   node);

	RUN(verb, "--config", config, "-q", "-y", group ? group : node, group ? node : NULL);
}
static void make_pv(const char *node, int fd, uint64_t size_bytes)
{
	(void)fd, (void)size_bytes;
	lvm(node, "pvcreate", NULL);
}
static void make_vg(const char *node, int fd, uint64_t size_bytes)
{
	(void)fd, (void)size_bytes;
	lvm(node, "pvcreate", NULL);
	lvm(node, "vgcreate", "old-vg_1");
}

static void make_md090(const char *node, int fd, uint64_t size_bytes)
{
	(void)node;
	raw_md090(fd, size_bytes);
}
static void make_md10(const char *node, int fd, uint64_t size_bytes)
{
	(void)node;
	raw_md1(fd, size_bytes, 0, "web:boot");
}
static void make_md11(const char *node, int fd, uint64_t size_bytes)
{
	(void)node;
	raw_md1(fd, size_bytes, 1, "web:one");
}
static void make_md12(const char *node, int fd, uint64_t size_bytes)
{
	(void)node;
	raw_md1(fd, size_bytes, 2, "web:0");
}
/* An md member at the end, and the file system that it mirrors at the start: both are there. */
static void make_md10_ext4(const char *node, int fd, uint64_t size_bytes)
{
	make_ext4(node, fd, size_bytes);
	raw_md1(fd, size_bytes, 0, "web:root");
}
static void make_zfs(const char *node, int fd, uint64_t size_bytes)
{
	(void)node;
	raw_zfs(fd, size_bytes, "tank");
}
/* The disk was used anew from its start: the labels at the end are left, and enough for libblkid. */
static void make_zfs_end(const char *node, int fd, uint64_t size_bytes)
{
	static const char zeros[MIB];

	(void)node;
	raw_zfs(fd, size_bytes, "tank");
	raw_put(fd, 0, zeros, sizeof(zeros));
}
static void make_drbd(const char *node, int fd, uint64_t size_bytes)
{
	(void)node;
	raw_drbd(fd, size_bytes);
}
static void make_iso(const char *node, int fd, uint64_t size_bytes)
{
	(void)node, (void)size_bytes;
	raw_iso(fd, "RESCUE");
}

static const struct old {
	const char *name;
	make_fn make;
	const char *words[2]; /* each one entry of what is found */
	const char *mdadm;    /* what `mdadm --examine` says of it when it is byte-exact */
} olds[] = {
	{ "ext4", make_ext4, { "ext4 'data'" }, NULL },
	{ "xfs", make_xfs, { "xfs 'scratch'" }, NULL },
	{ "btrfs", make_btrfs, { "btrfs 'home'" }, NULL },
	{ "swap", make_swap, { "swap space 'swap0'" }, NULL },
	{ "vfat", make_vfat, { "vfat 'EFI'" }, NULL },
	{ "exfat", make_exfat, { "exfat 'stick'" }, NULL },
	{ "ntfs", make_ntfs, { "ntfs 'Windows'" }, NULL },
	{ "bcache", make_bcache, { "bcache" }, NULL },
	{ "LUKS 1", make_luks1, { "LUKS" }, NULL },
	{ "LUKS 2", make_luks2, { "LUKS 'vault'" }, NULL },
	{ "LVM, no group", make_pv, { "LVM PV" }, NULL },
	{ "LVM", make_vg, { "LVM PV of group 'old-vg_1'" }, NULL },
	{ "md 0.90",
	  make_md090,
	  { "md member of array '0badcafe:11111111:22222222:33333333'" },
	  "UUID : 0badcafe:11111111:22222222" },
	{ "md 1.0", make_md10, { "md member of array 'web:boot'" }, "Name : web:boot" },
	{ "md 1.1", make_md11, { "md member of array 'web:one'" }, "Name : web:one" },
	{ "md 1.2", make_md12, { "md member of array 'web:0'" }, "Name : web:0" },
	{ "md 1.0 and ext4", make_md10_ext4, { "md member of array 'web:root'", "ext4 'data'" }, "Name : web:root" },
	{ "ZFS", make_zfs, { "ZFS member of pool 'tank'" }, NULL },
	{ "ZFS, its end", make_zfs_end, { "ZFS member of pool 'tank'" }, NULL },
	{ "DRBD", make_drbd, { "drbd" }, NULL },
	{ "ISO", make_iso, { "ISO9660 'RESCUE'" }, NULL },
};

static void begin(struct rig *r, uint32_t sector_bytes)
{
	const char *tmp = getenv("TMPDIR");
	autofree char *target = NULL;

	*r = (struct rig){ .env = raid_env_host };
	r->dir = str_format("%s/orthrus-old.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(r->dir));
	loopdisk_make(&r->disk, r->dir, "disk", DISK_BYTES, sector_bytes, 0);
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

static void check_mdadm(const struct old *o, const char *node)
{
	struct spawn_result res = { 0 };
	struct err err = { 0 };

	if (!o->mdadm)
		return;
	assert_int_equal(
		spawn_run(&(const struct spawn){ .argv = (const char *const[]){ "mdadm", "--examine", node, NULL } }, &res, &err),
		0);
	if (!strstr(buf_str(&res.out), o->mdadm) || !strstr(buf_str(&res.out), "- correct"))
		fail_msg("%s: mdadm says: %s%s", o->name, buf_str(&res.out), buf_str(&res.err));
	spawn_result_free(&res);
}

/* Make it on a device of its own, of the right size, and carry over what was written. */
static void place(const struct rig *r, const struct old *o, uint64_t at, uint64_t size_bytes, uint32_t sector_bytes)
{
	autofree char *chunk = mem_zalloc(MIB), *path = fs_join(r->dir, "maker");
	struct loopdisk maker;
	off_t data = 0;

	loopdisk_make(&maker, r->dir, "maker", size_bytes, sector_bytes, 0);
	o->make(maker.node, maker.loop, size_bytes);
	assert_int_equal(fsync(maker.loop), 0);
	check_mdadm(o, maker.node);
	while ((data = lseek(maker.file, data, SEEK_DATA)) >= 0) {
		ssize_t n = pread(maker.file, chunk, MIB, data);

		assert_true(n > 0);
		raw_put(r->disk.loop, at + (uint64_t)data, chunk, (size_t)n);
		data += n;
	}
	assert_int_equal(fsync(r->disk.loop), 0);
	loopdisk_end(&maker);
	assert_int_equal(unlink(path), 0);
}

static void parted(const struct rig *r)
{
	RUN("parted", "--script", r->disk.node, "mklabel", "gpt", "unit", "B", "mkpart", "old", "314572800", PART_LAST);
}

static const char layout_text[] =
	"{\"name\":\"single\",\"disks\":{\"want\":1},\"parts\":[{\"id\":\"bios\",\"size\":\"1M\"},"
	"{\"id\":\"root\",\"size\":\"rest\"}],\"fs\":[{\"on\":\"root\",\"type\":\"ext4\",\"mount\":\"/\"}],"
	"\"boot\":{\"bios\":true,\"uefi\":false}}";

/* Only the rig's own disk: the machine's are none of this test's business. */
static void probe_own(const struct rig *r, struct disks *out)
{
	autoclean(disks_free) struct disks all = { 0 };
	struct err err = { 0 };

	assert_int_equal(probe_disks(&r->env, true, &all, &err), 0);
	*out = (struct disks){ 0 };
	for (size_t i = 0; i < all.len; i++) {
		if (!str_eq(all.items[i].name, r->disk.name))
			continue;
		out->items = mem_dup(&all.items[i], sizeof(all.items[i]));
		out->len = 1;
		all.items[i] = (struct disk){ 0 };
	}
	assert_int_equal(out->len, 1);
}

static void make_plan(const struct disks *disks, struct plan *plan)
{
	static const uint8_t seed[RAID_SEED_LEN] = { 7 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(layout_free) struct layout layout = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	struct json_obj o;
	struct err err = { 0 };

	assert_int_equal(json_parse(layout_text, strlen(layout_text), &doc, &err), 0);
	assert_int_equal(json_root_obj(&doc, &o, &err), 0);
	if (layout_read(&o, &layout, &err) < 0 || raid_plan(&layout, disks, seed, plan, &result, &err) < 0)
		fail_msg("%s", err.text);
}

static char *joined(const struct str_list *l)
{
	autoclean(buf_free) struct buf b = { 0 };

	for (size_t i = 0; i < l->len; i++)
		buf_addf(&b, "%s%s", i ? ", " : "", l->items[i]);
	return buf_steal(&b);
}

/* What is found is said, and said in the plan; then the wipe. */
static void tell_and_wipe(const struct rig *r, const char *name, const char *const *words, size_t n_words)
{
	autoclean(disks_free) struct disks disks = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autofree char *all = NULL;

	probe_own(r, &disks);
	all = joined(&disks.items[0].found);
	make_plan(&disks, &plan);
	for (size_t i = 0; i < n_words && words[i]; i++)
		if (!str_list_has(&disks.items[0].found, words[i]))
			fail_msg("%s: '%s' is not among what was found: %s", name, words[i], all);
	for (size_t i = 0; i < plan.len && plan.steps[i].type <= RAID_WIPE; i++) {
		struct err err = { 0 };

		if (plan.steps[i].type == RAID_WIPE && !strstr(plan.steps[i].text, all))
			fail_msg("%s: the plan does not say '%s': %s", name, all, plan.steps[i].text);
		if (raid_perform(r->ctx, &plan.steps[i], &err) < 0)
			fail_msg("%s: %s: %s", name, plan.steps[i].text, err.text);
	}
}

/* Neither we nor wipefs, who has its own opinion of libblkid's answers, find anything. */
static void expect_nothing(const struct rig *r, const char *name, const char *node, uint64_t at, uint64_t size_bytes)
{
	autoclean(str_list_free) struct str_list found = { 0 };
	struct spawn_result res = { 0 };
	struct err err = { 0 };

	assert_int_equal(signatures_find(r->disk.loop, at, size_bytes, &found, &err), 0);
	if (found.len)
		fail_msg("%s: %s is still found on %s", name, found.items[0], node);
	assert_int_equal(ioctl(r->disk.loop, BLKFLSBUF), 0);
	assert_int_equal(spawn_run(&(const struct spawn){ .argv = (const char *const[]){ "wipefs", "-n", "--all", node, NULL } },
				   &res, &err),
			 0);
	if (res.status != 0 || res.out.len)
		fail_msg("%s: wipefs finds on %s: %s%s", name, node, buf_str(&res.out), buf_str(&res.err));
	spawn_result_free(&res);
}

/* Whoever looks into each new partition of the machine holds this one for a moment. */
static void reread_table(int fd)
{
	for (int tries = 0; ioctl(fd, BLKRRPART) < 0; tries++) {
		assert_int_equal(errno, EBUSY);
		assert_true(tries < 1000);
		usleep(10000);
	}
}

static void expect_nothing_at_its_place(const struct rig *r, const char *name)
{
	autofree char *part = str_format("%sp1", r->disk.node);

	parted(r);
	expect_nothing(r, name, part, PART_AT, PART_BYTES);
	reread_table(r->disk.loop);
}

static void on_disk(const struct old *o, uint32_t sector_bytes)
{
	struct rig r;

	begin(&r, sector_bytes);
	place(&r, o, 0, DISK_BYTES, sector_bytes);
	tell_and_wipe(&r, o->name, o->words, ARRAY_LEN(o->words));
	expect_nothing(&r, o->name, r.disk.node, 0, DISK_BYTES);
	end(&r);
}

static void in_partition(const struct old *o, uint32_t sector_bytes)
{
	struct rig r;

	begin(&r, sector_bytes);
	parted(&r);
	place(&r, o, PART_AT, PART_BYTES, sector_bytes);
	tell_and_wipe(&r, o->name, o->words, ARRAY_LEN(o->words));
	expect_nothing(&r, o->name, r.disk.node, 0, DISK_BYTES);
	expect_nothing_at_its_place(&r, o->name);
	end(&r);
}

static void test_on_disk(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(olds); i++)
		on_disk(&olds[i], 512);
}

static void test_in_partition(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(olds); i++)
		in_partition(&olds[i], 512);
}

/* Those whose place follows from the disk's end or its sectors. */
static void test_large_sectors(void **state)
{
	static const char *const names[] = { "vfat", "LVM", "md 1.0", "ZFS, its end", "DRBD" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(olds); i++) {
		for (size_t k = 0; k < ARRAY_LEN(names); k++) {
			if (!str_eq(olds[i].name, names[k]))
				continue;
			on_disk(&olds[i], 4096);
			in_partition(&olds[i], 4096);
		}
	}
}

/* The table's first copy is gone, so the kernel knows no partition; the second still says where one is. */
static void test_backup_table_only(void **state)
{
	static const char *const words[] = { "GPT", "md member of array 'web:boot'", "ext4 'data'" };
	static const struct old content = { "backup GPT", make_md10_ext4, { NULL }, NULL };
	static const struct old boot = { "backup GPT", make_md10, { NULL }, NULL };
	static const char zeros[MIB];
	struct rig r;

	(void)state;
	begin(&r, 512);
	parted(&r);
	place(&r, &content, PART_AT, PART_BYTES, 512);
	place(&r, &boot, PART_AT, PART_BYTES, 512);
	raw_put(r.disk.loop, 0, zeros, sizeof(zeros));
	assert_int_equal(fsync(r.disk.loop), 0);
	reread_table(r.disk.loop);
	tell_and_wipe(&r, "backup GPT", words, ARRAY_LEN(words));
	expect_nothing(&r, "backup GPT", r.disk.node, 0, DISK_BYTES);
	expect_nothing_at_its_place(&r, "backup GPT");
	end(&r);
}

/* A table made while the disk showed sectors of another size. */
static void test_table_of_another_sector_size(void **state)
{
	static const char *const words[] = { "md member of array 'web:boot'" };
	static const struct old boot = { "other sectors", make_md10, { NULL }, NULL };
	struct rig r;

	(void)state;
	begin(&r, 4096);
	parted(&r);
	place(&r, &boot, PART_AT, PART_BYTES, 512);
	reread_table(r.disk.loop);
	assert_int_equal(ioctl(r.disk.loop, LOOP_SET_BLOCK_SIZE, 512), 0);
	tell_and_wipe(&r, "other sectors", words, ARRAY_LEN(words));
	expect_nothing(&r, "other sectors", r.disk.node, 0, DISK_BYTES);
	expect_nothing_at_its_place(&r, "other sectors");
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_on_disk),
		cmocka_unit_test(test_in_partition),
		cmocka_unit_test(test_large_sectors),
		cmocka_unit_test(test_backup_table_only),
		cmocka_unit_test(test_table_of_another_sector_size),
	};
	autoclose int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	if (geteuid() != 0 || control < 0) {
		puts("needs root and loop devices");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
