/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/parcel.h"

#include "base/mem.h"
#include "imaging/chunk_order.h"
#include "imaging/image_docs.h"
#include "imaging/pack.h"
#include "imaging/store_priv.h"
#include "sys/fs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PACKS "packs/"
#define BLOCK_BYTES ((size_t)1 << 20)

struct parcel {
	char *name;
	struct image_files held; /* the lock */
	struct parcel_file *files;
	size_t n, cap;
	uint64_t bytes;
};

void parcel_close(struct parcel *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++) {
		free(p->files[i].name);
		free(p->files[i].path);
	}
	image_files_free(&p->held);
	free(p->files);
	free(p->name);
	free(p);
}

const char *parcel_name(const struct parcel *p)
{
	return p->name;
}

const struct parcel_file *parcel_files(const struct parcel *p, size_t *n)
{
	*n = p->n;
	return p->files;
}

static int add(struct parcel *p, const char *name, const char *dir, struct err *err)
{
	autofree char *path = fs_join(dir, str_starts(name, PACKS) ? name + strlen(PACKS) : name);
	struct stat st;

	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
		return err_set(err, ERR_DAMAGED, "%s is not there, or is empty", path);
	p->files = mem_room(p->files, p->n, &p->cap, sizeof(p->files[0]));
	p->files[p->n++] = (struct parcel_file){
		.name = mem_strdup(name), .path = steal(path), .bytes = (uint64_t)st.st_size, .at = p->bytes
	};
	p->bytes += (uint64_t)st.st_size;
	return 0;
}

static int add_documents(struct parcel *p, const char *dir, bool layout, struct err *err)
{
	static const char *const names[] = { "manifest.json", "manifest.sig", "chunks.bin", "boot.json", "tree.zst" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (add(p, names[i], dir, err) < 0)
			return -1;
	return layout ? add(p, "layout.json", dir, err) : 0;
}

static int add_packs(struct parcel *p, const struct store *s, const struct chunk_table *t, struct err *err)
{
	autoclean(chunk_order_free) struct chunk_order order = { 0 };

	chunk_order_make(t, &order);
	for (size_t i = 0; i < order.len; i++) {
		const struct digest *pack = &t->rows[order.rows[order.first[i]]].pack;
		autofree char *idx = NULL, *file = NULL;
		char hex[DIGEST_HEX_LEN];

		if (i && digest_cmp(pack, &t->rows[order.rows[order.first[i - 1]]].pack) == 0)
			continue;
		digest_hex(pack, hex);
		idx = str_format(PACKS "%s.idx", hex);
		file = str_format(PACKS "%s.pack", hex);
		if (add(p, idx, s->packs, err) < 0 || add(p, file, s->packs, err) < 0)
			return -1;
	}
	return 0;
}

static int fill(struct parcel *p, struct store *s, const char *dir, const struct verify_key *key, struct err *err)
{
	struct restore_source src = { .key = key };
	struct image_docs docs;
	int rc;

	if (image_files_read(dir, &p->held, err) < 0)
		return -1;
	restore_source_of(&p->held, &src);
	if (image_docs_check(&src, &docs, err) < 0)
		return -1;
	image_files_drop_documents(&p->held);
	rc = add_documents(p, dir, docs.manifest.has_layout, err) < 0 ? -1 : add_packs(p, s, &docs.table, err);
	image_docs_free(&docs);
	return rc;
}

int parcel_open(struct store *s, const char *ref, const struct verify_key *key, struct parcel **out, struct err *err)
{
	autofree char *name = NULL, *id = NULL, *dir = NULL;
	struct parcel *p;

	if (store_find(s, ref, &name, &id, &dir, err) < 0)
		return -1;
	p = mem_zalloc(sizeof(*p));
	p->held.dir_fd = -1;
	p->name = str_format("%s/%s", name, id);
	if (fill(p, s, dir, key, err) == 0) {
		*out = p;
		return 0;
	}
	err_wrap(err, "image %s", p->name);
	parcel_close(p);
	return -1;
}

/* The pack that a file's name says, and whether it is the index. */
static bool pack_of(const char *name, struct digest *pack, bool *index)
{
	char hex[DIGEST_HEX_LEN];
	struct err no = { 0 };

	if (!str_starts(name, PACKS) || strlen(name) < strlen(PACKS) + DIGEST_HEX_LEN - 1)
		return false;
	memcpy(hex, name + strlen(PACKS), DIGEST_HEX_LEN - 1);
	hex[DIGEST_HEX_LEN - 1] = '\0';
	name += strlen(PACKS) + DIGEST_HEX_LEN - 1;
	*index = str_eq(name, ".idx");
	return (*index || str_eq(name, ".pack")) && str_unhex(hex, pack->bytes, DIGEST_LEN, &no) == 0;
}

static bool has_bytes(const char *path, uint64_t bytes, const struct digest *want)
{
	struct err no = { 0 };
	autoclose int fd = fs_open_regular(path, O_NOFOLLOW, &no);
	autofree uint8_t *block = mem_zalloc(BLOCK_BYTES);
	struct digest_ctx *sum;
	struct digest is;
	struct stat st;
	bool whole = true;

	if (fd < 0 || fstat(fd, &st) < 0 || (uint64_t)st.st_size != bytes)
		return false;
	sum = digest_new();
	for (uint64_t at = 0; whole && at < bytes;) {
		size_t n = bytes - at < BLOCK_BYTES ? (size_t)(bytes - at) : BLOCK_BYTES;

		whole = fs_pread_all(fd, path, block, n, at, &no) == 0;
		digest_add(sum, block, n);
		at += n;
	}
	digest_end(sum, &is);
	return whole && digest_cmp(&is, want) == 0;
}

bool parcel_has(struct store *s, const struct parcel_file *f)
{
	autoclean(pack_index_free) struct pack_index x = { 0 };
	autofree char *path = NULL;
	struct err no = { 0 };
	struct digest pack;
	uint64_t bytes;
	bool index;

	if (!pack_of(f->name, &pack, &index) || index || pack_index_load(s->packs, &pack, &x, &bytes, &no) < 0 ||
	    bytes != f->bytes)
		return false;
	path = pack_path(s->packs, &pack, ".pack");
	return has_bytes(path, bytes, &pack);
}
