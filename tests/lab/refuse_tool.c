/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What no program of ours would write, given to our readers; for tests/netns/fail-closed.sh.
 *   refuse_tool lengths                                      each reader of lengths; prints "NAME: refused: WHY" or "NAME: taken"
 *   refuse_tool image DIR NAME SIGN.PUB CLUSTER-ID SEQUENCE  an image as a node looks at it that must not go back behind SEQUENCE
 */
#include "base/mem.h"
#include "base/str.h"
#include "imaging/chunk_table.h"
#include "imaging/image_docs.h"
#include "imaging/imager/lldp.h"
#include "imaging/imager/smbios.h"
#include "imaging/pack.h"
#include "imaging/store_priv.h"
#include "imaging/tree.h"
#include "sys/fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HALF UINT32_C(0x80000000)

static void told(const char *name, int rc, const struct err *err)
{
	if (rc < 0)
		printf("%s: refused: %s\n", name, err->text);
	else
		printf("%s: taken\n", name);
}

/* Two chunks of 2^31 bytes: in 32 bits they are none, and the pack of no bytes would be full. */
static void pack(void)
{
	struct pack_entry entries[2] = { { .raw_len = HALF, .stored_len = HALF },
					 { .offset = HALF, .raw_len = HALF, .stored_len = HALF } };
	struct pack_index x = { .entries = entries, .len = 2 };
	autoclean(pack_index_free) struct pack_index out = { 0 };
	autoclean(buf_free) struct buf raw = { 0 };
	struct digest name = { .bytes = { 1 } };
	struct err err = { 0 };
	uint64_t bytes;

	pack_index_encode(&x, &name, 0, &raw);
	told("pack index", pack_index_decode(raw.data, raw.len, &name, &out, &bytes, &err), &err);
}

static void table(const char *name, uint64_t offset, uint32_t raw_len, uint32_t raw_max)
{
	struct chunk_row rows[2] = { { .pack_offset = offset, .raw_len = raw_len, .stored_len = HALF },
				     { .pack_offset = offset, .raw_len = raw_len, .stored_len = HALF } };
	struct chunk_table t = { .rows = rows, .len = 2 };
	autoclean(chunk_table_free) struct chunk_table out = { 0 };
	autoclean(buf_free) struct buf raw = { 0 };
	struct err err = { 0 };

	chunk_table_encode(&t, &raw);
	told(name, chunk_table_decode(raw.data, raw.len, raw_max, &out, &err), &err);
}

/* Files whose lengths together are 2^64, which is 0; and extents of a sparse one that are. */
static void tree(const char *name, uint64_t len, size_t n_extents)
{
	struct tree_extent extents[2] = { { .offset = 0, .len = UINT64_C(1) << 63 },
					  { .offset = UINT64_C(1) << 63, .len = UINT64_C(1) << 63 } };
	struct tree_entry entries[3] = {
		{ .path = (char[]){ "" }, .type = TREE_DIR, .mode = 0755 },
		{ .path = (char[]){ "a" },
		  .type = TREE_FILE,
		  .size = len,
		  .stream_len = len,
		  .extents = extents,
		  .n_extents = n_extents },
		{ .path = (char[]){ "b" }, .type = TREE_FILE, .size = len, .stream_at = len, .stream_len = len },
	};
	struct tree t = { .entries = entries, .len = 3 };
	autoclean(tree_free) struct tree out = { 0 };
	autoclean(buf_free) struct buf raw = { 0 };
	struct err err = { 0 };

	tree_encode(&t, &raw);
	told(name, tree_decode(raw.data, raw.len, &out, &err), &err);
}

/* A TLV that says 511 bytes, in a frame that has 3 more. */
static void lldp(void)
{
	static const uint8_t frame[] = { 1, 0x80, 0xc2, 0, 0, 14, 2, 0, 0, 0, 0, 1, 0x88, 0xcc, 0x03, 0xff, 4, 'a', 'b' };
	struct lldp out = { 0 };
	struct err err = { 0 };

	told("LLDP frame", lldp_read(frame, sizeof(frame), &out, &err), &err);
	lldp_free(&out);
}

/* A structure that says 255 bytes, and one that says none; the token behind it is not found by going on. */
static void smbios(const char *name, uint8_t said)
{
	uint8_t raw[80] = { 11, said, 0, 0, 1 };
	char token[SMBIOS_TOKEN_LEN] = "";
	struct err err = { 0 };

	memcpy(raw + 5, "io.systemd.credential:orthrus.token=00112233445566778899aabbccddeeff", 69);
	if (smbios_token(raw, sizeof(raw), token, &err) == 1 && token[0])
		printf("%s: taken\n", name);
	else
		printf("%s: refused: no token\n", name);
}

static int image(char **arg)
{
	autoclean(image_files_free) struct image_files files = { 0 };
	autoclean(image_docs_free) struct image_docs docs = { 0 };
	struct verify_key key;
	struct restore_source src = {
		.key = &key, .name = arg[1], .cluster_id = arg[3], .min_sequence = strtoull(arg[4], NULL, 10)
	};
	struct err err = { 0 };

	if (verify_key_load(arg[2], &key, &err) < 0 || image_files_read(arg[0], &files, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 2;
	}
	restore_source_of(&files, &src);
	told("image", image_docs_check(&src, &docs, &err), &err);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 7 && str_eq(argv[1], "image"))
		return image(argv + 2);
	if (argc != 2 || !str_eq(argv[1], "lengths"))
		return 2;
	pack();
	table("chunk table", 0, HALF, UINT32_MAX / 4);
	table("chunk table, offset", UINT64_MAX - HALF + 1, 1 << 20, 1 << 22);
	tree("tree", UINT64_C(1) << 63, 0);
	tree("tree, extents", UINT64_C(1) << 63, 2);
	lldp();
	smbios("a sound SMBIOS structure", 5);
	smbios("SMBIOS structure", 255);
	smbios("SMBIOS structure, empty", 0);
	return 0;
}
