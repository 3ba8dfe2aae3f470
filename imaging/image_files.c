/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/store_priv.h"

#include "base/mem.h"
#include "imaging/pack.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

void image_files_drop_documents(struct image_files *f)
{
	buf_free(&f->manifest);
	buf_free(&f->sig);
	buf_free(&f->tree);
	buf_free(&f->chunks);
}

/* A child between its fork and its exec has a copy of the fd: closing alone would leave it the lock. */
void image_unlock(const int *fd)
{
	if (*fd < 0)
		return;
	flock(*fd, LOCK_UN);
	close(*fd);
}

void image_files_free(struct image_files *f)
{
	image_files_drop_documents(f);
	free(f->id);
	f->id = NULL;
	if (f->locked)
		image_unlock(&f->dir_fd);
	f->locked = false;
}

static int was_deleted(const char *dir, struct err *err)
{
	err_set(err, ERR_NOT_FOUND, "%s was deleted just now", dir);
	return err_hint(err, "`orthrus image list` shows what there is");
}

/* Returns the fd that has the lock, also where there are no locks. */
static int lock_dir(const char *dir, int how, struct err *err)
{
	autoclose int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? was_deleted(dir, err) : err_errno(err, errno, "open %s", dir);
	if (fs_flock(fd, how) == 0)
		return steal_fd(fd);
	return errno == EWOULDBLOCK ? err_set(err, ERR_CONFLICT, "it is being read") : err_errno(err, errno, "lock %s", dir);
}

int image_lock_alone(const char *dir, int *fd, struct err *err)
{
	*fd = lock_dir(dir, LOCK_EX | LOCK_NB, err);
	return *fd < 0 ? -1 : 0;
}

/* A deletion has its lock for no more than a moment: that is waited for. It may have renamed what we opened. */
static int lock_to_read(const char *dir, struct image_files *f, struct err *err)
{
	struct stat opened, now;

	f->dir_fd = lock_dir(dir, LOCK_SH, err);
	f->locked = f->dir_fd >= 0;
	if (!f->locked)
		return -1;
	if (fstat(f->dir_fd, &opened) < 0)
		return err_errno(err, errno, "look at %s", dir);
	if (lstat(dir, &now) < 0)
		return errno == ENOENT ? was_deleted(dir, err) : err_errno(err, errno, "look at %s", dir);
	return now.st_dev == opened.st_dev && now.st_ino == opened.st_ino ? 0 : was_deleted(dir, err);
}

static int read_one(const char *dir, const char *name, size_t max, struct buf *out, struct err *err)
{
	autofree char *path = fs_join(dir, name);

	if (fs_read_nofollow(path, max, out, err) == 0)
		return 0;
	/* A document that is not there is as bad as one that is wrong. */
	err->kind = ERR_DAMAGED;
	return -1;
}

int image_files_read(const char *dir, struct image_files *out, struct err *err)
{
	return lock_to_read(dir, out, err) < 0 ? -1 : image_files_peek(dir, out, err);
}

int image_files_peek(const char *dir, struct image_files *out, struct err *err)
{
	if (read_one(dir, "manifest.json", STORE_MANIFEST_MAX, &out->manifest, err) < 0 ||
	    read_one(dir, "manifest.sig", SIGNATURE_LEN + 1, &out->sig, err) < 0 ||
	    read_one(dir, "tree.zst", STORE_DOC_MAX, &out->tree, err) < 0 ||
	    read_one(dir, "chunks.bin", STORE_DOC_MAX, &out->chunks, err) < 0)
		return -1;
	out->id = mem_strdup(strrchr(dir, '/') ? strrchr(dir, '/') + 1 : dir);
	return 0;
}

void restore_source_of(const struct image_files *f, struct restore_source *src)
{
	src->manifest = f->manifest.data;
	src->manifest_len = f->manifest.len;
	src->manifest_sig = f->sig.data;
	src->manifest_sig_len = f->sig.len;
	src->tree = f->tree.data;
	src->tree_len = f->tree.len;
	src->chunks = f->chunks.data;
	src->chunks_len = f->chunks.len;
	src->id = f->id;
}

/* No byte of it is read: that is store_verify's, and takes minutes. */
static int check_opens(const char *path, uint64_t least, struct err *err)
{
	autoclose int fd = fs_open_regular(path, O_NOFOLLOW, err);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "look at %s", path);
	if ((uint64_t)st.st_size < least)
		return err_set(err, ERR_DAMAGED, "%s has %llu bytes; at least %llu are needed", path,
			       (unsigned long long)st.st_size, (unsigned long long)least);
	return 0;
}

/* Rows of one pack mostly follow one another, their offsets grow: so each pack is opened about once, for its furthest row. */
static int check_packs_open(const struct store *s, const struct chunk_table *t, struct err *err)
{
	uint64_t end = 0;

	for (size_t i = 0; i < t->len; i++) {
		const struct chunk_row *row = &t->rows[i];
		autofree char *path = NULL;

		if (row->pack_offset + row->stored_len > end)
			end = row->pack_offset + row->stored_len;
		if (i + 1 < t->len && digest_cmp(&row[1].pack, &row->pack) == 0)
			continue;
		path = pack_path(s->packs, &row->pack, ".pack");
		if (check_opens(path, end, err) < 0)
			return -1;
		end = 0;
	}
	return 0;
}

int store_check_opens(struct store *s, const char *name, const char *id, struct err *err)
{
	static const char *const documents[] = { "manifest.json", "manifest.sig", "tree.zst", "chunks.bin", "boot.json" };
	autoclean(chunk_table_free) struct chunk_table table = { 0 };
	autoclean(manifest_free) struct manifest m = { 0 };
	autofree char *dir = store_image_dir(s, name, id);
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(documents) && rc == 0; i++) {
		autofree char *path = fs_join(dir, documents[i]);

		rc = check_opens(path, 1, err);
	}
	if (rc == 0 && store_read_table(dir, &m, &table, err) == 0 && check_packs_open(s, &table, err) == 0)
		return 0;
	err->kind = ERR_DAMAGED;
	return err->hint[0] ? -1 : err_hint(err, "see `orthrus image verify %s/%s`; is a file system not mounted?", name, id);
}

int store_read_table(const char *dir, struct manifest *m, struct chunk_table *table, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	autoclean(buf_free) struct buf chunks = { 0 };
	struct digest got;

	if (read_one(dir, "manifest.json", STORE_MANIFEST_MAX, &text, err) < 0 ||
	    read_one(dir, "chunks.bin", STORE_DOC_MAX, &chunks, err) < 0 || manifest_read(text.data, text.len, m, err) < 0)
		return -1;
	digest_of(chunks.data, chunks.len, &got);
	if (digest_cmp(&got, &m->chunks) != 0)
		return err_set(err, ERR_DAMAGED, "%s/chunks.bin is damaged: its SHA-256 is not the one in the manifest", dir);
	return chunk_table_decode(chunks.data, chunks.len, (uint32_t)m->chunk_max, table, err);
}
