/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Restoring what may be forged, damaged or another image than was asked for. */
#include "image_fixture.h"

#include "imaging/chunk_table.h"
#include "imaging/codec.h"
#include "imaging/tree.h"

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
	struct restore_hand *hand;
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
	hand = restore_hand_new(r);
	n = restore_chunk_count(r);
	assert_true(n > 4);
	assert_null(restore_chunk_at(r, n));
	for (size_t i = n; i-- > 0;) {
		const struct restore_chunk *c = restore_chunk_at(r, i);
		char *stored = pack.data + c->pack_offset;

		if (i == 2)
			FAILS(ERR_FAILED, "never put", restore_finish(r, err));
		stored[c->stored_len / 2] ^= 1;
		FAILS(ERR_DAMAGED, "chunk", restore_put(hand, i, stored, c->stored_len, err));
		stored[c->stored_len / 2] ^= 1;
		FAILS(ERR_DAMAGED, "bytes", restore_put(hand, i, stored, c->stored_len - 1, err));
		OK(restore_put(hand, i, stored, c->stored_len, err));
	}
	OK(restore_finish(r, err));
	restore_hand_free(hand);
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
		TEST(test_hostile_trees),
		TEST(test_symlink_in_target),
		TEST(test_wrong_image),
		TEST(test_chunks_in_any_order),
		cmocka_unit_test(test_decompression_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
