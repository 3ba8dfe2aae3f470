/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/restore.h"

#include "base/mem.h"
#include "imaging/pack.h"
#include "imaging/store_priv.h"

static int put_all(struct restore *r, const struct store *s, struct err *err)
{
	autoclean(pack_reader_close) struct pack_reader reader = { .dir = s->packs, .fd = -1 };
	autoclean(buf_free) struct buf stored = { 0 };

	for (size_t i = 0; i < restore_chunk_count(r); i++) {
		const struct restore_chunk *c = restore_chunk_at(r, i);
		char hex[DIGEST_HEX_LEN];

		digest_hex(&c->pack, hex);
		if (pack_read(&reader, &c->pack, c->pack_offset, c->stored_len, &stored, err) < 0 ||
		    restore_put(r, i, stored.data, stored.len, err) < 0)
			return err_wrap(err, "pack %s", hex);
	}
	return restore_finish(r, err);
}

int restore_from_store(struct store *s, const char *ref, const struct verify_key *key, int target_fd, struct err *err)
{
	autoclean(image_files_free) struct image_files files = { 0 };
	autofree char *name = NULL;
	autofree char *id = NULL;
	autofree char *dir = NULL;
	struct restore_source src = { .key = key };
	struct restore *r = NULL;
	int rc;

	if (store_find(s, ref, &name, &id, &dir, err) < 0 || image_files_read(dir, &files, err) < 0)
		return -1;
	restore_source_of(&files, &src);
	src.name = name;
	if (restore_begin(&src, target_fd, &r, err) < 0)
		return err_wrap(err, "image %s/%s", name, id);
	rc = put_all(r, s, err);
	restore_free(r);
	return rc < 0 ? err_wrap(err, "image %s/%s", name, id) : 0;
}
