/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/chunk_source.h"

#include "base/mem.h"
#include "imaging/chunk_order.h"
#include "imaging/image_docs.h"
#include "imaging/pack.h"
#include "imaging/store_priv.h"
#include "sys/fs.h"

#include <fcntl.h>
#include <pthread.h>

struct place {
	size_t pack;
	uint64_t offset;
};
struct chunk_source {
	char *packs_dir;
	struct place *places;
	uint32_t *lens;
	size_t len;
	struct digest *packs;
	int *fds; /* of the packs; -1: not opened yet; under the lock */
	size_t n_packs;
	pthread_mutex_t lock;
};

void chunk_source_close(struct chunk_source *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_packs; i++)
		if (s->fds[i] >= 0)
			close(s->fds[i]);
	pthread_mutex_destroy(&s->lock);
	free(s->packs_dir);
	free(s->places);
	free(s->lens);
	free(s->packs);
	free(s->fds);
	free(s);
}

static int read_doc(const char *dir, const char *name, size_t max, struct buf *out, struct err *err)
{
	autofree char *path = fs_join(dir, name);

	return fs_read_nofollow(path, max, out, err);
}

/* chunks.bin, of which the signer's manifest says what it must be. */
static int read_table(const char *dir, const char *name, const char *id, const struct verify_key *key, struct chunk_table *out,
		      struct err *err)
{
	autoclean(buf_free) struct buf manifest = { 0 }, sig = { 0 }, chunks = { 0 };
	autoclean(manifest_free) struct manifest m = { 0 };
	struct restore_source src = { .key = key, .name = name, .id = id };
	struct digest got;

	if (read_doc(dir, "manifest.json", STORE_MANIFEST_MAX, &manifest, err) < 0 ||
	    read_doc(dir, "manifest.sig", SIGNATURE_LEN, &sig, err) < 0 ||
	    read_doc(dir, "chunks.bin", STORE_DOC_MAX, &chunks, err) < 0)
		return -1;
	src.manifest = buf_str(&manifest);
	src.manifest_len = manifest.len;
	src.manifest_sig = buf_str(&sig);
	src.manifest_sig_len = sig.len;
	if (image_docs_manifest(&src, &m, err) < 0)
		return -1;
	digest_of(buf_str(&chunks), chunks.len, &got);
	if (digest_cmp(&got, &m.chunks) != 0)
		return err_set(err, ERR_DAMAGED, "%s/chunks.bin is damaged: its SHA-256 is not the one in the manifest", dir);
	return chunk_table_decode(buf_str(&chunks), chunks.len, (uint32_t)m.chunk_max, out, err);
}

static void list(struct chunk_source *s, const struct chunk_table *t)
{
	autoclean(chunk_order_free) struct chunk_order order = { 0 };

	chunk_order_make(t, &order);
	s->len = order.len;
	s->places = mem_array(s->len, sizeof(s->places[0]));
	s->lens = mem_array(s->len, sizeof(s->lens[0]));
	s->packs = mem_array(s->len, sizeof(s->packs[0]));
	for (size_t i = 0; i < s->len; i++) {
		const struct chunk_row *row = &t->rows[order.rows[order.first[i]]];

		if (!s->n_packs || digest_cmp(&s->packs[s->n_packs - 1], &row->pack) != 0)
			s->packs[s->n_packs++] = row->pack;
		s->places[i] = (struct place){ .pack = s->n_packs - 1, .offset = row->pack_offset };
		s->lens[i] = row->stored_len;
	}
	s->fds = mem_array(s->n_packs, sizeof(s->fds[0]));
	for (size_t i = 0; i < s->n_packs; i++)
		s->fds[i] = -1;
}

int chunk_source_open(struct store *s, const char *name, const char *id, const struct verify_key *key, struct chunk_source **out,
		      struct err *err)
{
	autofree char *dir = store_image_dir(s, name, id);
	autoclean(chunk_table_free) struct chunk_table table = { 0 };
	struct chunk_source *src;

	if (read_table(dir, name, id, key, &table, err) < 0)
		return -1;
	src = mem_zalloc(sizeof(*src));
	src->packs_dir = mem_strdup(s->packs);
	pthread_mutex_init(&src->lock, NULL);
	list(src, &table);
	*out = src;
	return 0;
}

size_t chunk_source_count(const struct chunk_source *s)
{
	return s->len;
}

const uint32_t *chunk_source_lens(const struct chunk_source *s)
{
	return s->lens;
}

/* Once opened it stays so: whoever deletes the image takes nothing away from who reads it. */
static int pack_fd(struct chunk_source *s, size_t pack, const char *path, struct err *err)
{
	int fd;

	pthread_mutex_lock(&s->lock);
	if (s->fds[pack] < 0)
		s->fds[pack] = fs_open_regular(path, O_NOFOLLOW, err);
	fd = s->fds[pack];
	pthread_mutex_unlock(&s->lock);
	return fd;
}

int chunk_source_read(struct chunk_source *s, size_t chunk, void *to, struct err *err)
{
	const struct place *p = &s->places[chunk];
	autofree char *path = pack_path(s->packs_dir, &s->packs[p->pack], ".pack");
	int fd = pack_fd(s, p->pack, path, err);

	return fd < 0 ? -1 : fs_pread_all(fd, path, to, s->lens[chunk], p->offset, err);
}
