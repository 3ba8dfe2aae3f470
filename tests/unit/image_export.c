/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Export without a command line: what a target's name means, what a format can't hold, ACLs in both forms, the chain that bytes
 * go through, and the content stream read with a damaged chunk in it. */
#include "image_fixture.h"

#include "imaging/content_reader.h"
#include "imaging/export_priv.h"
#include "imaging/posix_acl.h"
#include "imaging/store_priv.h"

#include <archive.h>
#include <archive_entry.h>

static void test_choose(void **state)
{
	static const struct {
		const char *target, *word;
		enum export_format format;
		enum export_filter filter;
		bool as_tar;
	} good[] = {
		{ "x", NULL, EXPORT_DIR, EXPORT_PLAIN, false },
		{ "a.tar/x", NULL, EXPORT_DIR, EXPORT_PLAIN, false },
		{ ".tar", NULL, EXPORT_DIR, EXPORT_PLAIN, false },
		{ "x.tar", NULL, EXPORT_PAX, EXPORT_PLAIN, false },
		{ "x.tar.gz", NULL, EXPORT_PAX, EXPORT_GZIP, false },
		{ "x.tgz", NULL, EXPORT_PAX, EXPORT_GZIP, false },
		{ "x.tar.zst", NULL, EXPORT_PAX, EXPORT_ZSTD, false },
		{ "x.cpio.gz", NULL, EXPORT_CPIO, EXPORT_GZIP, false },
		{ "x.squashfs", NULL, EXPORT_SQUASHFS, EXPORT_PLAIN, false },
		{ "x.sqfs", NULL, EXPORT_SQUASHFS, EXPORT_PLAIN, false },
		{ "x.cpio.zst", NULL, EXPORT_CPIO, EXPORT_ZSTD, false },
		{ "a.zip/x", NULL, EXPORT_DIR, EXPORT_PLAIN, false },
		{ "a.iso/", NULL, EXPORT_DIR, EXPORT_PLAIN, false },
		{ ".zip", NULL, EXPORT_DIR, EXPORT_PLAIN, false },
		{ "img", NULL, EXPORT_DIR, EXPORT_PLAIN, false },
		{ "x.tar.xz", "dir", EXPORT_DIR, EXPORT_PLAIN, false },
		{ "x.img", "squashfs", EXPORT_SQUASHFS, EXPORT_PLAIN, false },
		{ "x.gz", "pax", EXPORT_PAX, EXPORT_GZIP, false },
		{ "x.tar", "dir", EXPORT_DIR, EXPORT_PLAIN, false },
		{ "x.tar", "oci", EXPORT_OCI, EXPORT_PLAIN, true },
		{ "x", "oci", EXPORT_OCI, EXPORT_PLAIN, false },
		{ "-", NULL, EXPORT_PAX, EXPORT_PLAIN, false },
		{ "-", "cpio", EXPORT_CPIO, EXPORT_PLAIN, false },
	};
	static const char *const bad[][2] = { { "x", "zip" },	     { "-", "dir" },	     { "-", "squashfs" },
					      { "x.tar.gz", "oci" }, { "x.gz", "squashfs" }, { "x.zst", NULL },
					      { "-", "oci" },	     { "x.tar.xz", NULL },   { "x.txz", NULL },
					      { "x.tar.bz2", NULL }, { "x.tbz2", NULL },     { "x.zip", NULL },
					      { "x.7z", NULL },	     { "x.img", NULL },	     { "x.iso", NULL },
					      { "x.qcow2", NULL } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct export x = { .target = good[i].target };

		OK(export_choose(&x, good[i].word, err));
		if (x.format != good[i].format || x.filter != good[i].filter || x.as_tar != good[i].as_tar)
			fail_msg("%s as %s: format %d filter %d", good[i].target, good[i].word ? good[i].word : "-", x.format,
				 x.filter);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct export x = { .target = bad[i][0] };

		FAILS(ERR_USAGE, "", export_choose(&x, bad[i][1], err));
	}
}

static struct tree_entry *add(struct tree *t, const char *path, enum tree_type type)
{
	struct tree_entry *e = tree_add(t);

	e->path = mem_strdup(path);
	e->type = type;
	return e;
}

static void test_lost(void **state)
{
	autoclean(tree_free) struct tree t = { 0 };
	static const uint64_t want[][LOST_KINDS] = {
		[EXPORT_DIR] = { 0 },
		[EXPORT_PAX] = { [LOST_SOCKETS] = 1 },
		[EXPORT_CPIO] = { [LOST_FLAGS] = 1, [LOST_NANOSECONDS] = 2, [LOST_TIMES] = 2, [LOST_HOLES] = 1 },
		[EXPORT_SQUASHFS] = { [LOST_SOCKETS] = 1, [LOST_FLAGS] = 1, [LOST_NANOSECONDS] = 1, [LOST_TIMES] = 2 },
		[EXPORT_OCI] = { [LOST_SOCKETS] = 1, [LOST_FLAGS] = 1 },
	};
	struct tree_entry *e;

	(void)state;
	add(&t, "", TREE_DIR)->flags = 0x10;
	e = add(&t, "late", TREE_FILE);
	e->mtime_s = INT64_C(1) << 33;
	e->mtime_ns = 1;
	add(&t, "old", TREE_FILE)->mtime_s = -1;
	add(&t, "hole", TREE_FILE)->size = 5;
	add(&t, "sock", TREE_SOCKET)->mtime_ns = 1;
	for (int format = EXPORT_DIR; format <= EXPORT_OCI; format++) {
		autoclean(export_facts_free) struct export_facts f = { 0 };

		export_find_lost(&t, (enum export_format)format, &f);
		for (int kind = 0; kind < LOST_KINDS; kind++) {
			if (f.lost[kind].count != want[format][kind])
				fail_msg("format %d loses %llu of kind %d", format, (unsigned long long)f.lost[kind].count, kind);
			assert_true(!f.lost[kind].first == !f.lost[kind].count);
		}
		OK(export_tree_check(&t, (enum export_format)format, err));
	}
	add(&t, "dir/.wh.x", TREE_FILE)->size = UINT64_C(1) << 32;
	FAILS(ERR_REFUSED, "'/dir/.wh.x' is larger", export_tree_check(&t, EXPORT_CPIO, err));
	FAILS(ERR_REFUSED, "'/dir/.wh.x' has a name", export_tree_check(&t, EXPORT_OCI, err));
	OK(export_tree_check(&t, EXPORT_PAX, err));
}

/* user::rwx user:12345:r-x group::r-- mask::r-x other::--- */
static uint8_t acl[] = { 2, 0, 0,   0,	 1,   0,   7,  0, 255, 255, 255, 255, 2,   0,	5,  0, 0x39, 0x30, 0,	0,   4,	  0,
			 4, 0, 255, 255, 255, 255, 16, 0, 5,   0,   255, 255, 255, 255, 32, 0, 0,    0,	   255, 255, 255, 255 };

static void test_acl(void **state)
{
	struct tree_xattr x = { .name = (char[]){ POSIX_ACL_ACCESS }, .value = acl, .len = sizeof(acl) }, back = { 0 };
	struct archive_entry *e = archive_entry_new();
	uint16_t mode = 0;

	(void)state;
	archive_entry_set_mode(e, AE_IFREG | 0750);
	assert_true(posix_acl_valid(acl, sizeof(acl)));
	assert_true(posix_acl_to_entry(&x, e));
	assert_int_equal(posix_acl_of_entry(e, true, &back, &mode), 0);
	assert_int_equal(posix_acl_of_entry(e, false, &back, &mode), 1);
	assert_int_equal(mode, 0750);
	assert_string_equal(back.name, POSIX_ACL_ACCESS);
	assert_int_equal(back.len, sizeof(acl));
	assert_memory_equal(back.value, acl, sizeof(acl));
	free(back.name);
	free(back.value);
	/* Cut, of another version, with a bit that is none, without a mask. */
	assert_false(posix_acl_valid(acl, sizeof(acl) - 1));
	for (size_t i = 0; i < 3; i++) {
		static const size_t at[] = { 0, 6, 28 };
		uint8_t was = acl[at[i]];

		acl[at[i]] = 9;
		assert_false(posix_acl_valid(acl, sizeof(acl)));
		acl[at[i]] = was;
	}
	archive_entry_clear(e);
	archive_entry_set_mode(e, AE_IFREG | 0750);
	archive_entry_acl_add_entry(e, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, 5, ARCHIVE_ENTRY_ACL_USER, -1, "lisa");
	assert_int_equal(posix_acl_of_entry(e, false, &back, &mode), -1);
	archive_entry_free(e);
}

static void test_sinks(void **state)
{
	struct fixture *f = *state;
	autofree char *path = fs_join(f->dir, "out"), *full = mem_strdup("/dev/full");
	autofree uint8_t *data = noise(3 << 20, 7);
	autoclose int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), full_fd = open(full, O_WRONLY | O_CLOEXEC);
	struct sink_sum plain, packed, again;
	struct digest want;

	for (int filter = EXPORT_PLAIN; filter <= EXPORT_ZSTD; filter++) {
		autoclean(sink_freep) struct sink *s = NULL, *bad = NULL;
		struct err failed = { 0 };

		assert_int_equal(ftruncate(fd, 0), 0);
		lseek(fd, 0, SEEK_SET);
		s = sink_digest(export_compress((enum export_filter)filter, sink_digest(sink_fd(fd, path), &packed)), &plain);
		for (size_t at = 0; at < 3 << 20; at += 65536)
			OK(sink_put(s, data + at, 65536, err));
		OK(sink_end(s, err));
		digest_of(data, 3 << 20, &want);
		assert_int_equal(digest_cmp(&plain.digest, &want), 0);
		assert_int_equal(plain.bytes, 3 << 20);
		assert_int_equal(packed.bytes, (uint64_t)lseek(fd, 0, SEEK_END));
		assert_true(filter == EXPORT_PLAIN ? packed.bytes == plain.bytes : packed.bytes != plain.bytes);
		/* Where nothing more fits it is said, at the end at the latest. */
		bad = sink_digest(export_compress((enum export_filter)filter, sink_fd(full_fd, full)), &again);
		assert_true(sink_put(bad, data, 3 << 20, &failed) < 0 || sink_end(bad, &failed) < 0);
		assert_non_null(strstr(failed.text, "No space left"));
	}
}

/* Every byte of the stream comes once and in order; a damaged chunk is never seen. */
static void test_content_reader(void **state)
{
	struct fixture *f = *state;
	autofree char *ref = NULL, *name = NULL, *id = NULL, *dir = NULL, *pack = NULL;
	autofree uint8_t *data = noise(9 << 20, 3);
	autoclean(chunk_table_free) struct chunk_table table = { 0 };
	autoclean(manifest_free) struct manifest m = { 0 };
	struct content_reader r;
	struct err bad = { 0 };
	const uint8_t *p;
	uint64_t at = 0;
	size_t n;

	put_file(f->tree, "big", data, 9 << 20);
	ref = take_image(f, "big");
	OK(store_find(f->store, ref, &name, &id, &dir, err));
	OK(store_read_table(dir, &m, &table, err));
	assert_true(table.len > 2);
	content_reader_init(&r, &table, m.chunk_max, f->store->packs);
	while (at < 9 << 20) {
		OK(content_read(&r, at, &p, &n, err));
		n = n > 100000 ? 100000 : n;
		assert_memory_equal(p, data + at, n);
		at += n;
	}
	assert_int_equal(at, 9 << 20);
	FAILS(ERR_USAGE, "no byte", content_read(&r, at, &p, &n, err));
	FAILS(ERR_USAGE, "no byte", content_read(&r, 0, &p, &n, err));
	content_reader_free(&r);
	pack = store_file(f, "packs", ".pack");
	flip_bit(pack, table.rows[1].pack_offset + table.rows[1].stored_len / 2);
	content_reader_init(&r, &table, m.chunk_max, f->store->packs);
	OK(content_read(&r, table.rows[0].raw_len - 1, &p, &n, err));
	assert_int_equal(n, 1);
	assert_int_equal(content_read(&r, table.rows[0].raw_len, &p, &n, &bad), -1);
	assert_int_equal(bad.kind, ERR_DAMAGED);
	content_reader_free(&r);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choose), cmocka_unit_test(test_lost), cmocka_unit_test(test_acl), TEST(test_sinks),
		TEST(test_content_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
