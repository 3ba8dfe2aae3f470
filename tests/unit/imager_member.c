/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which arrays are started to be looked into: what the real mdadm says of superblocks that this test wrote (md(4): version 1.2).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "imaging/imager/identity_disk.h"
#include "sys/fs.h"
#include "sys/spawn.h"

#include <string.h>
#include <unistd.h>

#define AT 4096 /* of version 1.2 */
#define ROLES 128
#define RESHAPE 4
#define UUID "10111213:14151617:18191a1b:1c1d1e1f"

static void add_zeros(struct buf *b, size_t n)
{
	while (n--)
		buf_addc(b, '\0');
}

/* struct mdp_superblock_1 of <linux/raid/md_p.h>: a RAID1 of two disks, each of 10 MiB. */
static void add_superblock(struct buf *b, uint32_t features, const char name[32])
{
	size_t begin = b->len;
	uint64_t sum = 0;
	uint32_t csum;

	buf_add_u32(b, 0xa92b4efc);
	buf_add_u32(b, 1);
	buf_add_u32(b, features);
	buf_add_u32(b, 0);
	for (uint8_t i = 0x10; i < 0x20; i++)
		buf_add_u8(b, i);
	buf_add(b, name, 32);
	buf_add_u64(b, 1700000000); /* created */
	buf_add_u32(b, 1);	    /* level */
	buf_add_u32(b, 0);
	buf_add_u64(b, 20480); /* sectors */
	buf_add_u32(b, 0);
	buf_add_u32(b, 2); /* disks */
	buf_add_u32(b, 0);
	buf_add_u32(b, 1); /* new level */
	buf_add_u64(b, features & RESHAPE ? 4096 : 0);
	add_zeros(b, 16);
	buf_add_u64(b, 2048); /* data from */
	buf_add_u64(b, 20480);
	buf_add_u64(b, AT / 512);
	add_zeros(b, 40);
	buf_add_u64(b, 1700000000); /* written */
	buf_add_u64(b, 5);
	buf_add_u64(b, UINT64_MAX);
	buf_add_u32(b, 0); /* the sum, below */
	buf_add_u32(b, ROLES);
	add_zeros(b, 32);
	assert_int_equal(b->len - begin, 256);
	for (int i = 0; i < ROLES; i++)
		buf_add_u16(b, i < 2 ? (uint16_t)i : 0xffff);
	for (size_t i = begin; i < b->len; i += 4) {
		uint32_t word;

		memcpy(&word, b->data + i, 4);
		sum += word;
	}
	csum = (uint32_t)((sum & 0xffffffff) + (sum >> 32));
	memcpy(b->data + begin + 216, &csum, 4);
}

static void examine(uint32_t features, const char name[32], struct look_member *out)
{
	char dir[] = "/tmp/orthrus-member.XXXXXX";
	autoclean(buf_free) struct buf disk = { 0 };
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	autofree char *path = NULL;
	struct err err = { 0 };

	assert_non_null(mkdtemp(dir));
	path = fs_join(dir, "disk");
	add_zeros(&disk, AT);
	add_superblock(&disk, features, name);
	assert_int_equal(fs_write_atomic(path, disk.data, disk.len, 0600, &err), 0);
	assert_int_equal(truncate(path, 32 << 20), 0);
	if (spawn_run(&(const struct spawn){ .argv = (const char *const[]){ "mdadm", "--examine", path, NULL } }, &r, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(r.status, 0);
	look_member_read(buf_str(&r.out), out);
	assert_int_equal(fs_remove_tree(dir, &err), 0);
}

static void members_are_told_by_their_array(void **state)
{
	struct look_member m;

	(void)state;
	examine(0, "any:sys\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", &m);
	assert_string_equal(m.uuid, UUID);
	assert_false(m.changes);
	examine(RESHAPE, "any:sys\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", &m);
	assert_string_equal(m.uuid, UUID);
	assert_true(m.changes);
}

/* A name is any bytes; what it makes of the text is at worst another array's UUID, or that none is looked into. */
static void a_name_can_say_what_it_likes(void **state)
{
	static const char *const texts[] = {
		"",
		"mdadm: No md superblock detected on /dev/sda.\n",
		"        Version : 0.90.00\n           UUID : 10111213:14151617:18191a1b:1c1d1e1f\n",
		"        Version : 0.90.00\n     Array UUID : 10111213:14151617:18191a1b:1c1d1e1f\n",
		"        Version : 1.2\n     Array UUID : 10111213:14151617:18191a1b:1c1d1e1\n",
		"        Version : 1.2\n     Array UUID : 10111213:14151617:18191a1b:1c1d1e1f0\n",
		"        Version : 1.2\n     Array UUID : --config=/tmp/x:14151617:18191a1b:1c1\n",
		"        Version : 1.2\n     Array UUID : 10111213:14151617:18191a1b:1c1d1e1f",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct look_member m = { .uuid = "old", .changes = true };

		look_member_read(texts[i], &m);
		assert_string_equal(m.uuid, "");
		assert_false(m.changes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_told_by_their_array),
		cmocka_unit_test(a_name_can_say_what_it_likes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
