/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/export.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/export_priv.h"
#include "imaging/image_docs.h"
#include "imaging/store_priv.h"
#include "sys/fs.h"

#include <string.h>
#include <unistd.h>

static const struct {
	enum export_format format;
	const char *name;
} formats[] = { { EXPORT_DIR, "dir" },
		{ EXPORT_PAX, "pax" },
		{ EXPORT_CPIO, "cpio" },
		{ EXPORT_SQUASHFS, "squashfs" },
		{ EXPORT_OCI, "oci" } };

static const struct {
	const char *suffix;
	enum export_format format;
	enum export_filter filter;
} suffixes[] = { { ".tar", EXPORT_PAX, EXPORT_PLAIN },	     { ".tar.gz", EXPORT_PAX, EXPORT_GZIP },
		 { ".tgz", EXPORT_PAX, EXPORT_GZIP },	     { ".tar.zst", EXPORT_PAX, EXPORT_ZSTD },
		 { ".cpio", EXPORT_CPIO, EXPORT_PLAIN },     { ".cpio.gz", EXPORT_CPIO, EXPORT_GZIP },
		 { ".cpio.zst", EXPORT_CPIO, EXPORT_ZSTD },  { ".squashfs", EXPORT_SQUASHFS, EXPORT_PLAIN },
		 { ".sqfs", EXPORT_SQUASHFS, EXPORT_PLAIN }, { ".gz", EXPORT_DIR, EXPORT_GZIP },
		 { ".zst", EXPORT_DIR, EXPORT_ZSTD } };

/* Who names a target like this does not mean a directory. */
static const char *const not_written[] = { ".xz",  ".txz", ".bz2", ".tbz2", ".tbz", ".lzma", ".lz4",   ".tzst",
					   ".zip", ".7z",  ".rar", ".img",  ".raw", ".iso",  ".qcow2", ".vmdk" };

const char *export_format_name(enum export_format format)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (formats[i].format == format)
			return formats[i].name;
	return "";
}

static int by_word(struct export *x, const char *word, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		if (str_eq(formats[i].name, word)) {
			x->format = formats[i].format;
			return 0;
		}
	}
	err_set(err, ERR_USAGE, "--format '%.40s' is none that an image can be exported in", word);
	return err_hint(err, "there are: dir, pax, cpio, squashfs, oci");
}

static int check_target(const struct export *x, struct err *err)
{
	if (x->update && x->format != EXPORT_DIR) {
		err_set(err, ERR_USAGE, "--update is for a directory, not for %s", export_format_name(x->format));
		return err_hint(err, "a file is replaced with --force");
	}
	if (x->format == EXPORT_DIR && x->force) {
		err_set(err, ERR_USAGE, "--force replaces a file: a directory is filled only when it is empty");
		return err_hint(err, "leave out --force; --update makes a directory that is there what the image is");
	}
	if (x->filter != EXPORT_PLAIN && x->format != EXPORT_PAX && x->format != EXPORT_CPIO) {
		err_set(err, ERR_USAGE, "%.200s: %s is not compressed as a whole", x->target, export_format_name(x->format));
		return err_hint(err, "leave out .gz or .zst, or say --format pax");
	}
	if (str_eq(x->target, "-") && x->format != EXPORT_PAX && x->format != EXPORT_CPIO) {
		err_set(err, ERR_USAGE, "%s can't be written to standard output", export_format_name(x->format));
		return err_hint(err, "name a target, or say --format pax or cpio");
	}
	return 0;
}

static int check_suffix(const struct export *x, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(not_written); i++) {
		if (strlen(x->target) <= strlen(not_written[i]) || !str_ends(x->target, not_written[i]))
			continue;
		err_set(err, ERR_USAGE, "%.200s: an image can't be exported as %s", x->target, not_written[i]);
		return err_hint(err, "there are .tar, .tar.gz, .tgz, .tar.zst, .cpio, .cpio.gz, .cpio.zst, .squashfs and .sqfs; "
				     "--format dir makes a directory of this name");
	}
	return 0;
}

int export_choose(struct export *x, const char *word, struct err *err)
{
	size_t len = 0;

	x->format = str_eq(x->target, "-") ? EXPORT_PAX : EXPORT_DIR;
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		const char *s = suffixes[i].suffix;

		if (strlen(s) > len && strlen(x->target) > strlen(s) && str_ends(x->target, s)) {
			x->format = suffixes[i].format;
			x->filter = suffixes[i].filter;
			len = strlen(s);
		}
	}
	if (word ? by_word(x, word, err) < 0 : check_suffix(x, err) < 0)
		return -1;
	x->as_tar = x->format == EXPORT_OCI && str_ends(x->target, ".tar");
	return check_target(x, err);
}

void export_facts_free(struct export_facts *f)
{
	free(f->ref);
	free(f->created);
	restore_delta_free(&f->delta);
	for (size_t i = 0; i < LOST_KINDS; i++)
		free(f->lost[i].first);
	*f = (struct export_facts){ 0 };
}

static int read_facts(const struct export *x, struct export_facts *out, struct err *err)
{
	autoclean(image_files_free) struct image_files files = { 0 };
	autoclean(image_docs_free) struct image_docs docs = { 0 };
	autofree char *name = NULL, *id = NULL, *dir = NULL;
	struct restore_source src = { .key = x->key };

	if (store_find(x->store, x->ref, &name, &id, &dir, err) < 0 || image_files_read(dir, &files, err) < 0)
		return -1;
	restore_source_of(&files, &src);
	src.name = name;
	/* A restore looks at the others itself, before it touches anything. */
	if (x->format == EXPORT_DIR) {
		if (image_docs_manifest(&src, &docs.manifest, err) < 0)
			return err_wrap(err, "image %s/%s", name, id);
	} else if (image_docs_check(&src, &docs, err) < 0 || export_tree_check(&docs.tree, x->format, err) < 0) {
		return err_wrap(err, "image %s/%s", name, id);
	}
	out->ref = str_format("%s/%s", name, id);
	out->created = mem_strdup(docs.manifest.created);
	out->entries = docs.manifest.entries;
	out->content_bytes = docs.manifest.content_bytes;
	export_find_lost(&docs.tree, x->format, out);
	return 0;
}

int export_probe(const struct export *x, struct export_facts *out, struct err *err)
{
	if (export_place_check(x, err) < 0)
		return -1;
	if (x->format == EXPORT_DIR)
		return read_facts(x, out, err) < 0 ? -1 : export_dir_probe(x, out, err);
	if (export_file_check(x, err) < 0)
		return -1;
	out->replaces = fs_exists(x->target);
	return read_facts(x, out, err);
}

void export_plan(const struct export *x, const struct export_facts *f, struct plan *plan)
{
	static const char *const filters[] = { "", " compressed by gzip,", " compressed by zstd," };
	char size[STR_BYTES_MAX];

	if (x->format == EXPORT_DIR) {
		export_dir_plan(x, f, plan);
		return;
	}
	str_from_bytes(f->content_bytes, size);
	plan_add(plan, 0, PLAN_WRITES, "export",
		 str_format("write image %s (%llu entries, %s of content) as %s,%s to %s%s", f->ref,
			    (unsigned long long)f->entries, size, export_format_name(x->format), filters[x->filter],
			    str_eq(x->target, "-") ? "standard output" : x->target,
			    f->replaces ? ", in place of the file that is there" : ""),
		 NULL, NULL);
}

static int to_stdout(const struct export *x, const struct export_facts *f, struct err *err)
{
	autoclean(sink_freep) struct sink *chain = export_compress(x->filter, sink_fd(STDOUT_FILENO, "standard output"));

	if (isatty(STDOUT_FILENO)) {
		err_set(err, ERR_USAGE, "an archive is not for a terminal");
		return err_hint(err, "redirect standard output, or name a file");
	}
	return export_archive(x, f, x->format, chain, err) < 0 ? -1 : sink_end(chain, err);
}

static int to_file(const struct export *x, const struct export_facts *f, int fd, const char *path, struct err *err)
{
	autoclean(sink_freep) struct sink *chain = NULL;

	if (x->format == EXPORT_SQUASHFS)
		return export_squashfs(x, f, path, err);
	chain = export_compress(x->filter, sink_fd(fd, x->target));
	return export_archive(x, f, x->format, chain, err) < 0 ? -1 : sink_end(chain, err);
}

int export_apply(const struct export *x, const struct export_facts *f, struct err *err)
{
	struct export_file file = { .fd = -1 };

	if (x->format == EXPORT_DIR)
		return export_dir(x, f, err);
	if (str_eq(x->target, "-"))
		return to_stdout(x, f, err);
	if (x->format == EXPORT_OCI)
		return export_oci(x, f, err);
	if (export_file_begin(&file, x, err) < 0)
		return -1;
	if (to_file(x, f, file.fd, file.tmp, err) == 0 && export_file_commit(&file, err) == 0)
		return 0;
	export_file_drop(&file);
	return err_wrap(err, "export to %s", x->target);
}
