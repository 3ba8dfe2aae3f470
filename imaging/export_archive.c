/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/export_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/content_reader.h"
#include "imaging/store_priv.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <string.h>
#include <sys/mman.h>

#define BLOCK ((size_t)1 << 20)
#define TAR_RECORD 10240 /* an archive's length is a multiple of it, as tar writes them */
#define ZEROS ((size_t)64 << 20)

struct archive_run {
	const struct export *x;
	enum export_format format;
	struct image_files files; /* of them only the lock */
	struct image_docs docs;
	struct content_reader content;
	struct archive *a;
	struct sink *out;
	struct err *err;      /* where the sink's error goes */
	const uint8_t *zeros; /* for holes: never written, so they take no memory */
	uint32_t inode;
};

static void run_free(struct archive_run *r)
{
	content_reader_free(&r->content);
	image_docs_free(&r->docs);
	image_files_free(&r->files);
	if (r->a) {
		archive_write_fail(r->a); /* whatever is not written by now is not wanted */
		archive_write_free(r->a);
	}
	if (r->zeros)
		munmap((void *)(uintptr_t)r->zeros, ZEROS);
}

/* In the C locale libarchive takes every name that is not ASCII for bytes and marks it so; in others it would convert it. */
static locale_t names_are_bytes(void)
{
	return uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0));
}

static void names_as_they_are(const locale_t *before)
{
	freelocale(uselocale(*before));
}

static la_ssize_t take_block(struct archive *a, void *ctx, const void *data, size_t len)
{
	struct archive_run *r = ctx;

	(void)a;
	return sink_put(r->out, data, len, r->err) < 0 ? -1 : (la_ssize_t)len;
}

static int archive_error(struct archive_run *r, struct err *err)
{
	if (err->kind != ERR_NONE) /* the sink's */
		return -1;
	return err_set(err, ERR_FAILED, "write the archive: %s", archive_error_string(r->a));
}

static int write_some(struct archive_run *r, const void *data, size_t len, struct err *err)
{
	return archive_write_data(r->a, data, len) != (la_ssize_t)len ? archive_error(r, err) : 0;
}

static int write_hole(struct archive_run *r, uint64_t len, struct err *err)
{
	while (len) {
		size_t n = len < ZEROS ? (size_t)len : ZEROS;

		if (write_some(r, r->zeros, n, err) < 0)
			return -1;
		len -= n;
	}
	return 0;
}

static int write_stream(struct archive_run *r, uint64_t at, uint64_t len, struct err *err)
{
	while (len) {
		const uint8_t *data;
		size_t n;

		if (content_read(&r->content, at, &data, &n, err) < 0)
			return -1;
		n = len < n ? (size_t)len : n;
		if (write_some(r, data, n, err) < 0)
			return -1;
		at += n;
		len -= n;
		if (r->x->progress)
			r->x->progress(r->x->ctx, "export", at, r->docs.manifest.content_bytes);
	}
	return 0;
}

/* All of the file, holes too: libarchive passes over those that it knows of. */
static int write_content(struct archive_run *r, const struct tree_entry *e, struct err *err)
{
	uint64_t at = e->stream_at, done = 0;

	if (!e->n_extents)
		return e->stream_len ? write_stream(r, at, e->stream_len, err) : write_hole(r, e->size, err);
	for (size_t i = 0; i < e->n_extents; i++) {
		const struct tree_extent *p = &e->extents[i];

		if (write_hole(r, p->offset - done, err) < 0 || write_stream(r, at, p->len, err) < 0)
			return -1;
		at += p->len;
		done = p->offset + p->len;
	}
	return write_hole(r, e->size - done, err);
}

static int write_entry(struct archive_run *r, const struct tree_entry *e, const struct tree_entry *first, struct err *err)
{
	struct archive_entry *out = archive_entry_new();
	int rc = 0;

	if (export_entry(e, first, r->format, out)) {
		if (r->format == EXPORT_CPIO && !e->link)
			archive_entry_set_ino64(out, ++r->inode);
		rc = archive_write_header(r->a, out);
		/* A warning says that a name is not ASCII, and so was marked as bytes. */
		rc = rc != ARCHIVE_OK && (rc != ARCHIVE_WARN || r->format == EXPORT_CPIO) ? archive_error(r, err) : 0;
		if (rc == 0 && e->type == TREE_FILE)
			rc = write_content(r, e, err);
		if (rc == 0 && archive_write_finish_entry(r->a) != ARCHIVE_OK)
			rc = archive_error(r, err);
	}
	archive_entry_free(out);
	if (rc < 0) {
		autofree char *shown = str_printable(e->path, strlen(e->path));

		err_wrap(err, "'/%.400s'", shown);
	}
	return rc;
}

static int write_entries(struct archive_run *r, struct err *err)
{
	const struct tree *t = &r->docs.tree;
	autofree const struct tree_entry **first = mem_array(t->len + 1, sizeof(*first)); /* of each link id */

	for (size_t i = 0; i < t->len; i++) {
		const struct tree_entry *e = &t->entries[i];

		if (e->link && e->type != TREE_HARDLINK)
			first[e->link] = e;
		/* The numbers up to the highest link id are those of inodes with several names. */
		if (e->link > r->inode)
			r->inode = e->link;
	}
	for (size_t i = 0; i < t->len; i++)
		if (write_entry(r, &t->entries[i], t->entries[i].link ? first[t->entries[i].link] : &t->entries[i], err) < 0)
			return -1;
	return 0;
}

static int open_image(struct archive_run *r, const char *ref, struct err *err)
{
	autofree char *name = NULL, *id = NULL, *dir = NULL;
	struct restore_source src = { .key = r->x->key };

	if (store_find(r->x->store, ref, &name, &id, &dir, err) < 0 || image_files_read(dir, &r->files, err) < 0)
		return -1;
	restore_source_of(&r->files, &src);
	src.name = name;
	if (image_docs_check(&src, &r->docs, err) < 0)
		return -1;
	image_files_drop_documents(&r->files);
	content_reader_init(&r->content, &r->docs.table, r->docs.manifest.chunk_max, r->x->store->packs);
	return 0;
}

static int open_archive(struct archive_run *r, struct err *err)
{
	bool is_cpio = r->format == EXPORT_CPIO;
	void *zeros = mmap(NULL, ZEROS, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (zeros == MAP_FAILED)
		return err_errno(err, errno, "map memory");
	r->zeros = zeros;
	r->a = archive_write_new();
	/* Attributes as star, GNU tar and container programs write them. */
	if ((is_cpio ? archive_write_set_format_cpio_newc(r->a) : archive_write_set_format_pax(r->a)) != ARCHIVE_OK ||
	    (!is_cpio && archive_write_set_options(r->a, "pax:xattrheader=SCHILY") != ARCHIVE_OK) ||
	    archive_write_set_bytes_per_block(r->a, (int)BLOCK) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(r->a, TAR_RECORD) != ARCHIVE_OK ||
	    archive_write_open(r->a, r, NULL, take_block, NULL) != ARCHIVE_OK)
		return archive_error(r, err);
	return 0;
}

int export_archive(const struct export *x, const struct export_facts *f, enum export_format format, struct sink *out,
		   struct err *err)
{
	autoclean(names_as_they_are) locale_t before = names_are_bytes();
	autoclean(run_free) struct archive_run r = { .x = x, .format = format, .out = out, .err = err };

	if (open_image(&r, f->ref, err) < 0 || open_archive(&r, err) < 0 || write_entries(&r, err) < 0)
		return err_wrap(err, "image %s", f->ref);
	return archive_write_close(r.a) != ARCHIVE_OK ? archive_error(&r, err) : 0;
}
