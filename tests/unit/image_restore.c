/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image_fixture.h"

#include "imaging/chunk_table.h"
#include "imaging/codec.h"
#include "imaging/tree.h"
#include "imaging/walk.h"

#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define MIB ((size_t)1 << 20)

/* What the file system of the test's directory can't do is left out, and said. */
static void maybe(int rc, const char *what)
{
	if (rc < 0)
		print_message("not on this file system: %s (%s)\n", what, strerror(errno));
}

/* POSIX ACL in the kernel's form (linux/posix_acl_xattr.h): user::rwx user:12345:r-x group::r-x mask::r-x other::--- */
static const uint8_t acl[] = { 2, 0,   0,   0,	 1,   0,  7, 0, 255, 255, 255, 255, 2,	 0,  5, 0, 0x39, 0x30, 0,   0,	 4,  0, 5,
			       0, 255, 255, 255, 255, 16, 0, 5, 0,   255, 255, 255, 255, 32, 0, 0, 0,	 255,  255, 255, 255 };
/* cap_net_raw=ep (linux/capability.h, VFS_CAP_REVISION_2 with the effective bit). */
static const uint8_t caps[] = { 1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };

static int set_flags(int at, const char *name, unsigned int set, unsigned int clear)
{
	autoclose int fd = openat(at, name, O_RDONLY | O_CLOEXEC);
	unsigned int flags = 0;

	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return -1;
	flags = (flags & ~clear) | set;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static void at_fd(int dir, const char *name, char out[300])
{
	snprintf(out, 300, "/proc/self/fd/%d/%s", dir, name);
}

static void put_at(int dir, const char *name, const char *text)
{
	autoclose int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	OK(fs_write_all(fd, name, text, strlen(text), err));
}

static void make_names(int d)
{
	char longest[256];

	memset(longest, 'n', 255);
	longest[255] = '\0';
	put_at(d, longest, "255 bytes");
	put_at(d, "new\nline", "newline");
	put_at(d, "\xff\xfe not utf-8", "bytes");
	put_at(d, " $(x) ; -rf *", "shell");
	put_at(d, "-leading", "dash");
	put_at(d, "empty", "");
	assert_int_equal(mkdirat(d, "sub", 0750), 0);
	assert_int_equal(mkdirat(d, "sub-", 0700), 0);
	assert_int_equal(mkdirat(d, "sub/deeper", 02775), 0);
	put_at(d, "sub/deeper/a", "hard");
	assert_int_equal(linkat(d, "sub/deeper/a", d, "sub-/b", 0), 0);
	assert_int_equal(linkat(d, "sub/deeper/a", d, "a-first", 0), 0);
	assert_int_equal(symlinkat("../../../etc/shadow", d, "outside"), 0);
	assert_int_equal(symlinkat("dangling\xff", d, "sub/dangling"), 0);
	assert_int_equal(linkat(d, "sub/dangling", d, "sub/dangling-too", 0), 0);
}

static void make_nodes(int d)
{
	assert_int_equal(mkfifoat(d, "fifo", 0640), 0);
	assert_int_equal(mknodat(d, "sock", S_IFSOCK | 0755, 0), 0);
	maybe(mknodat(d, "null", S_IFCHR | 0666, makedev(1, 3)), "character devices");
	maybe(mknodat(d, "nvme", S_IFBLK | 0660, makedev(259, 300)), "block devices");
}

static void make_content(struct fixture *f, int d)
{
	autoclose int fd = openat(d, "terabyte", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	autoclose int hole = openat(d, "hole", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && hole >= 0);
	OK(fs_pwrite_all(fd, "terabyte", "middle", 6, (uint64_t)500 << 30, err));
	OK(fs_pwrite_all(fd, "terabyte", "end", 3, ((uint64_t)1 << 40) - 3, err));
	assert_int_equal(ftruncate(hole, 123456789), 0);
	put_noise(f->tree, "big", 9 * MIB + 17, 5);
	put_noise(f->tree, "big-again", 9 * MIB + 17, 5);
}

static void make_attributes(int d)
{
	struct timespec old[2] = { { 0, UTIME_OMIT }, { -123456789, 987654321 } },
			odd[2] = { { 0, UTIME_OMIT }, { 1700000000, 1 } };
	char path[300];

	put_at(d, "acl", "acl");
	at_fd(d, "acl", path);
	maybe(setxattr(path, "system.posix_acl_access", acl, sizeof(acl), 0), "ACLs");
	at_fd(d, "sub", path);
	maybe(setxattr(path, "system.posix_acl_default", acl, sizeof(acl), 0), "ACLs");
	put_at(d, "ping", "caps");
	assert_int_equal(fchownat(d, "ping", 1, 2, 0), 0);
	at_fd(d, "ping", path);
	maybe(setxattr(path, "security.capability", caps, sizeof(caps), 0), "capabilities");
	maybe(setxattr(path, "user.empty", "", 0, 0), "user attributes");
	maybe(setxattr(path, "user.zeros", "\0\0\0", 3, 0), "user attributes");
	at_fd(d, "outside", path);
	maybe(lsetxattr(path, "trusted.on.symlink", "x", 1, 0), "attributes on symlinks");
	at_fd(d, "fifo", path);
	maybe(lsetxattr(path, "trusted.on.fifo", "x", 1, 0), "attributes on fifos");
	put_at(d, "setuid", "s");
	assert_int_equal(fchownat(d, "setuid", 4000000000u, 3, 0), 0);
	assert_int_equal(fchmodat(d, "setuid", 06711, 0), 0);
	assert_int_equal(fchownat(d, "outside", 7, 8, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(utimensat(d, "outside", old, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(utimensat(d, "empty", old, 0), 0);
	assert_int_equal(utimensat(d, "sub", odd, 0), 0);
	assert_int_equal(fchmodat(d, "sub-", 0, 0), 0);
	put_at(d, "immutable", "i");
	maybe(set_flags(d, "immutable", FS_IMMUTABLE_FL, 0), "the immutable flag");
	maybe(set_flags(d, "big", FS_NODUMP_FL, 0), "the nodump flag");
	assert_int_equal(fchmodat(d, ".", 0711, 0), 0);
}

struct digest_list {
	struct digest_ctx *all;
};

static int hash_content(void *ctx, const struct tree_entry *e, int fd, struct err *err)
{
	struct digest_list *l = ctx;
	size_t n = e->n_extents ? e->n_extents : 1;

	for (size_t i = 0; i < n; i++) {
		struct tree_extent x = e->n_extents ? e->extents[i] : (struct tree_extent){ 0, e->size };
		autofree uint8_t *data = mem_zalloc(x.len);

		if (fs_pread_all(fd, e->path, data, x.len, x.offset, err) < 0)
			return -1;
		digest_add(l->all, data, x.len);
	}
	return 0;
}

/* Everything that is known of a tree, as bytes, and the hash of all content. */
static void describe(const char *path, struct tree *t, struct buf *records, struct digest *content)
{
	autoclose int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct digest_list l = { .all = digest_new() };
	struct walk w = { .root_fd = fd, .content = hash_content, .ctx = &l };

	assert_true(fd >= 0);
	OK(walk_tree(&w, t, err));
	tree_encode(t, records);
	digest_end(l.all, content);
}

static void test_fidelity(void **state)
{
	struct fixture *f = *state;
	autoclose int d = open(f->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int target = open(f->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclean(tree_free) struct tree a = { 0 };
	autoclean(tree_free) struct tree b = { 0 };
	autoclean(buf_free) struct buf ra = { 0 };
	autoclean(buf_free) struct buf rb = { 0 };
	autofree char *ref = NULL;
	struct digest ca, cb;
	struct stat st;

	if (geteuid() != 0)
		skip();
	make_names(d);
	make_nodes(d);
	make_content(f, d);
	make_attributes(d);
	ref = take_image(f, "hard");
	OK(restore_from_store(f->store, ref, &f->public, target, err));
	describe(f->tree, &a, &ra, &ca);
	describe(f->target, &b, &rb, &cb);
	/* Whatever was left out on this file system was left out of the source too. */
	set_flags(d, "immutable", 0, FS_IMMUTABLE_FL);
	set_flags(target, "immutable", 0, FS_IMMUTABLE_FL);
	assert_int_equal(a.len, b.len);
	for (size_t i = 0; i < a.len; i++)
		assert_string_equal(a.entries[i].path, b.entries[i].path);
	assert_int_equal(ra.len, rb.len);
	assert_memory_equal(ra.data, rb.data, ra.len);
	assert_int_equal(digest_cmp(&ca, &cb), 0);
	/* The walk could be blind to the same thing twice: a few by other means. */
	assert_int_equal(fstatat(target, "terabyte", &st, 0), 0);
	assert_int_equal(st.st_size, (int64_t)1 << 40);
	assert_true(st.st_blocks < 1000);
	assert_int_equal(fstatat(target, "empty", &st, 0), 0);
	assert_int_equal(st.st_mtim.tv_sec, -123456789);
	assert_int_equal(st.st_mtim.tv_nsec, 987654321);
	assert_int_equal(fstatat(target, "sub-/b", &st, 0), 0);
	assert_int_equal(st.st_nlink, 3);
	assert_int_equal(fstatat(target, "setuid", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 06711);
	assert_int_equal(st.st_uid, 4000000000u);
	assert_int_equal(fstatat(target, "outside", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_uid, 7);
}

static void test_many_files_in_one_directory(void **state)
{
	struct fixture *f = *state;
	autoclose int d = open(f->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int target = open(f->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclean(str_list_free) struct str_list names = { 0 };
	autofree char *ref = NULL;

	for (unsigned int i = 0; i < 5000; i++) {
		char name[16];
		autoclose int fd = -1;

		snprintf(name, sizeof(name), "%u", i * 2654435761u);
		fd = openat(d, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_true(fd >= 0 && write(fd, name, strlen(name)) == (ssize_t)strlen(name));
	}
	ref = take_image(f, "many");
	OK(restore_from_store(f->store, ref, &f->public, target, err));
	OK(fs_list(f->target, &names, err));
	assert_int_equal(names.len, 5000);
	for (size_t i = 0; i < names.len; i += 997) {
		autofree char *path = fs_join(f->target, names.items[i]);
		autoclean(buf_free) struct buf text = { 0 };

		OK(fs_read(path, 100, &text, err));
		assert_string_equal(text.data, names.items[i]);
	}
}

/* An image as a stranger with the key could make it: documents that fit one another around any tree. */
struct forged {
	struct buf manifest, tree, chunks;
	uint8_t sig[SIGNATURE_LEN];
	struct restore_source src;
};

static void forged_free(struct forged *g)
{
	buf_free(&g->manifest);
	buf_free(&g->tree);
	buf_free(&g->chunks);
}

static void forge(struct fixture *f, const struct tree *t, struct forged *g)
{
	autoclean(buf_free) struct buf records = { 0 };
	struct chunk_table none = { 0 };
	char key_id[KEY_ID_LEN];
	struct manifest m = { .format = 1,
			      .cluster_id = mem_strdup("c1"),
			      .name = mem_strdup("x"),
			      .kind = mem_strdup("golden"),
			      .created = mem_strdup("2026-11-21T05:30:00Z"),
			      .sequence = 5,
			      .chunk_min = 1,
			      .chunk_avg = 1,
			      .chunk_max = 1,
			      .codec = mem_strdup(CODEC_NAME),
			      .entries = t->len,
			      .snapshot = mem_strdup("directory") };
	struct codec *c = codec_new();

	verify_key_id(&f->public, key_id);
	m.signer = mem_strdup(key_id);
	tree_encode(t, &records);
	OK(codec_pack(c, records.data, records.len, &g->tree, err));
	codec_free(c);
	chunk_table_encode(&none, &g->chunks);
	digest_of(g->tree.data, g->tree.len, &m.tree);
	digest_of(g->chunks.data, g->chunks.len, &m.chunks);
	chunk_table_root(&none, &m.root);
	manifest_print(&m, &g->manifest);
	manifest_free(&m);
	OK(sign_bytes(&f->key, g->manifest.data, g->manifest.len, g->sig, err));
	g->src = (struct restore_source){ .manifest = g->manifest.data,
					  .manifest_len = g->manifest.len,
					  .manifest_sig = g->sig,
					  .manifest_sig_len = SIGNATURE_LEN,
					  .tree = g->tree.data,
					  .tree_len = g->tree.len,
					  .chunks = g->chunks.data,
					  .chunks_len = g->chunks.len,
					  .key = &f->public,
					  .cluster_id = "c1",
					  .name = "x",
					  .min_sequence = 5 };
}

static void add(struct tree *t, enum tree_type type, const char *path, const char *target)
{
	struct tree_entry *e = tree_add(t);

	e->type = type;
	e->path = mem_strdup(path);
	e->target = target ? mem_strdup(target) : NULL;
}

static void assert_empty(const char *dir)
{
	autoclean(str_list_free) struct str_list names = { 0 };

	OK(fs_list(dir, &names, err));
	assert_int_equal(names.len, 0);
}

static void test_hostile_trees(void **state)
{
	static const struct {
		enum tree_type type;
		const char *path, *why;
	} cases[] = {
		{ TREE_FILE, "../evil", "climbs" },
		{ TREE_FILE, "/tmp/evil", "absolute" },
		{ TREE_FILE, "link/evil", "has a parent that is not a directory" },
		{ TREE_HARDLINK, "shadow", "hard link to something outside" },
	};
	struct fixture *f = *state;
	autoclose int target = open(f->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autoclean(forged_free) struct forged g = { 0 };
		autoclean(tree_free) struct tree t = { 0 };
		struct restore *r;

		add(&t, TREE_DIR, "", NULL);
		if (tree_path_cmp(cases[i].path, "link") > 0)
			add(&t, TREE_SYMLINK, "link", "/tmp");
		add(&t, cases[i].type, cases[i].path, NULL);
		forge(f, &t, &g);
		FAILS(ERR_REFUSED, cases[i].why, restore_begin(&g.src, target, &r, err));
		/* Refused before anything was made. */
		assert_empty(f->target);
	}
}

/* A symlink that is already in the target must not lead the restore out of it. */
static void test_symlink_in_target(void **state)
{
	struct fixture *f = *state;
	autoclose int target = open(f->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autofree char *outside = fs_join(f->dir, "outside");
	autoclean(forged_free) struct forged g = { 0 };
	autoclean(tree_free) struct tree t = { 0 };
	struct restore *r;

	OK(fs_mkdirs(outside, 0755, err));
	assert_int_equal(symlinkat(outside, target, "etc"), 0);
	add(&t, TREE_DIR, "", NULL);
	add(&t, TREE_DIR, "etc", NULL);
	add(&t, TREE_FILE, "etc/passwd", NULL);
	forge(f, &t, &g);
	FAILS(ERR_EXISTS, "'/etc'", restore_begin(&g.src, target, &r, err));
	assert_empty(outside);
}

static void test_wrong_image(void **state)
{
	struct fixture *f = *state;
	autoclose int target = open(f->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclean(forged_free) struct forged g = { 0 };
	autoclean(tree_free) struct tree t = { 0 };
	struct digest other = { { 1 } };
	struct restore_source src;
	struct restore *r = NULL;

	add(&t, TREE_DIR, "", NULL);
	add(&t, TREE_DIR, "d", NULL);
	t.entries[1].mode = 0711;
	forge(f, &t, &g);
	src = g.src;
	src.min_sequence = 6;
	FAILS(ERR_REFUSED, "older", restore_begin(&src, target, &r, err));
	src = g.src;
	src.cluster_id = "c2";
	FAILS(ERR_REFUSED, "belongs to cluster c1", restore_begin(&src, target, &r, err));
	src = g.src;
	src.name = "y";
	FAILS(ERR_REFUSED, "is called x", restore_begin(&src, target, &r, err));
	src = g.src;
	src.manifest_digest = &other;
	FAILS(ERR_REFUSED, "approved", restore_begin(&src, target, &r, err));
	src = g.src;
	src.key = NULL;
	FAILS(ERR_REFUSED, "no key", restore_begin(&src, target, &r, err));
	src = g.src;
	src.manifest_sig_len = 0;
	FAILS(ERR_DAMAGED, "signature", restore_begin(&src, target, &r, err));
	src = g.src;
	src.tree_len--;
	FAILS(ERR_DAMAGED, "tree.zst", restore_begin(&src, target, &r, err));
	assert_empty(f->target);
	OK(restore_begin(&g.src, target, &r, err));
	OK(restore_finish(r, err));
	restore_free(r);
}

/* Chunks in any order, wrong ones refused and put again, none forgotten. */
static void test_chunks_in_any_order(void **state)
{
	static const char *const docs[] = { "manifest.json", "manifest.sig", "tree.zst", "chunks.bin" };
	struct fixture *f = *state;
	autoclose int target = open(f->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct buf in[4] = { 0 }, pack = { 0 };
	autofree char *ref = NULL;
	autofree char *pack_path = NULL;
	autofree char *a = fs_join(f->tree, "big");
	autofree char *b = fs_join(f->target, "big");
	struct restore_source src = { .key = &f->public };
	struct restore *r = NULL;
	size_t n;

	put_noise(f->tree, "big", 9 * MIB, 5);
	put_noise(f->tree, "big-again", 9 * MIB, 5);
	ref = take_image(f, "x");
	for (size_t i = 0; i < 4; i++) {
		autofree char *path = str_format("%s/images/%s/%s", f->store_dir, ref, docs[i]);

		OK(fs_read(path, 1 << 20, &in[i], err));
	}
	pack_path = store_file(f, "packs", ".pack");
	OK(fs_read(pack_path, 64 * MIB, &pack, err));
	src.manifest = in[0].data, src.manifest_len = in[0].len, src.manifest_sig = in[1].data, src.manifest_sig_len = in[1].len;
	src.tree = in[2].data, src.tree_len = in[2].len, src.chunks = in[3].data, src.chunks_len = in[3].len;
	OK(restore_begin(&src, target, &r, err));
	n = restore_chunk_count(r);
	assert_true(n > 4);
	assert_null(restore_chunk_at(r, n));
	for (size_t i = n; i-- > 0;) {
		const struct restore_chunk *c = restore_chunk_at(r, i);
		char *stored = pack.data + c->pack_offset;

		if (i == 2)
			FAILS(ERR_FAILED, "never put", restore_finish(r, err));
		stored[c->stored_len / 2] ^= 1;
		FAILS(ERR_DAMAGED, "chunk", restore_put(r, i, stored, c->stored_len, err));
		stored[c->stored_len / 2] ^= 1;
		FAILS(ERR_DAMAGED, "bytes", restore_put(r, i, stored, c->stored_len - 1, err));
		OK(restore_put(r, i, stored, c->stored_len, err));
	}
	OK(restore_finish(r, err));
	restore_free(r);
	for (size_t i = 0; i < 4; i++)
		buf_clear(&in[i]);
	OK(fs_read(a, 10 * MIB, &in[0], err));
	OK(fs_read(b, 10 * MIB, &in[1], err));
	assert_int_equal(in[0].len, in[1].len);
	assert_memory_equal(in[0].data, in[1].data, in[0].len);
	for (size_t i = 0; i < 4; i++)
		buf_free(&in[i]);
	buf_free(&pack);
}

/* A frame that says a petabyte, or fits but for a byte, is refused before memory is asked for. */
static void test_decompression_limits(void **state)
{
	struct codec *c = codec_new();
	autoclean(buf_free) struct buf b = { 0 };
	uint8_t raw[100] = { 0 }, bomb[] = { 0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0 };
	size_t len;

	(void)state;
	FAILS(ERR_DAMAGED, "more than", codec_raw_len(bomb, sizeof(bomb), TREE_RAW_MAX, &len, err));
	FAILS(ERR_DAMAGED, "no zstd frame", codec_raw_len("garbage", 7, TREE_RAW_MAX, &len, err));
	OK(codec_pack(c, raw, 100, &b, err));
	OK(codec_unpack(c, b.data, b.len, raw, 100, err));
	FAILS(ERR_DAMAGED, "more than", codec_unpack(c, b.data, b.len, raw, 99, err));
	buf_addc(&b, 'x');
	FAILS(ERR_DAMAGED, "does not fill", codec_unpack(c, b.data, b.len, raw, 100, err));
	codec_free(c);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fidelity),
		TEST(test_many_files_in_one_directory),
		TEST(test_hostile_trees),
		TEST(test_symlink_in_target),
		TEST(test_wrong_image),
		TEST(test_chunks_in_any_order),
		cmocka_unit_test(test_decompression_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
