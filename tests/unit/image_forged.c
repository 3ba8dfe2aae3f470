/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imaging/restore_feed: a chunk that unpacks well, to the right length and with zstd's own checksum, but is not the signer's. */
#include "image_fixture.h"

#include "imaging/chunk_table.h"
#include "imaging/codec.h"

/* Put noise of another seed in place of the chunk's content: noise does not compress, so it is stored with the same length. */
static void forge(const struct fixture *f, const char *ref)
{
	autofree char *chunks = str_format("%s/images/%s/chunks.bin", f->store_dir, ref), *pack = store_file(f, "packs", ".pack");
	autoclean(buf_free) struct buf text = { 0 }, stored = { 0 };
	autoclean(chunk_table_free) struct chunk_table table = { 0 };
	autoclean(codec_freep) struct codec *codec = codec_new();
	const struct chunk_row *row;
	autofree uint8_t *other = NULL;
	autoclose int fd = -1;

	OK(fs_read(chunks, MIB, &text, err));
	OK(chunk_table_decode(text.data, text.len, CHUNK_RAW_MAX, &table, err));
	row = &table.rows[1]; /* of the noise, which comes first */
	other = noise(row->raw_len, 4711);
	OK(codec_pack(codec, other, row->raw_len, &stored, err));
	assert_int_equal(stored.len, row->stored_len);
	fd = open(pack, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	OK(fs_pwrite_all(fd, pack, stored.data, stored.len, row->pack_offset, err));
}

static void test_forged(void **state)
{
	struct fixture *f = *state;
	autofree uint8_t *plain = mem_zalloc(4 * MIB);
	autofree char *ref = NULL;
	autoclose int fd = -1;

	memset(plain, 'x', 4 * MIB);
	put_noise(f->tree, "big", 9 * MIB, 1);
	/* What packs well makes the pack shorter than its content: it is then believed, or not, as a whole. */
	put_file(f->tree, "plain", plain, 4 * MIB);
	ref = take_image(f, "one");
	forge(f, ref);
	fd = open(f->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FAILS(ERR_DAMAGED, "does not have the SHA-256 that names it",
	      restore_from_store(f->store, ref, &(struct restore_how){ .key = &f->public }, fd, err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_forged, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
