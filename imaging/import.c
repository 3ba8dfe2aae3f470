/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/import.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/image_kind.h"
#include "imaging/import_priv.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BLOCK ((size_t)1 << 20)
#define HEADERS_MAX ((uint64_t)8 << 30) /* that archives may have beside their files' data */

const char *import_note_name(enum import_note_kind kind)
{
	static const char *const names[] = {
		[NOTE_XATTRS] = "entries have extended attributes that images do not keep; those are left out",
		[NOTE_ACLS] = "entries have access control lists that can't be told without their names; those are left out",
		[NOTE_FLAGS] = "entries have inode flags that images do not keep; those are left out",
		[NOTE_MADE] = "directories have no entry; they are made with mode 0755 and belong to root",
		[NOTE_WORDS] = "remarks came from the reader",
	};

	return names[kind];
}

void import_notes_free(struct import_notes *n)
{
	for (size_t i = 0; i < NOTE_KINDS; i++)
		free(n->of[i].first);
	free(n->words);
	*n = (struct import_notes){ 0 };
}

uint64_t import_unpacked_max(const struct import *im)
{
	return im->max_bytes > UINT64_MAX - HEADERS_MAX ? UINT64_MAX : im->max_bytes + HEADERS_MAX;
}

enum source_kind { SOURCE_STREAM, SOURCE_ARCHIVE, SOURCE_SQUASHFS, SOURCE_LAYOUT };

static int look(const char *source, enum source_kind *kind, struct err *err)
{
	char magic[4] = "";
	autoclose int fd = -1;
	struct stat st;

	*kind = SOURCE_STREAM;
	if (str_eq(source, "-"))
		return 0;
	/* A pipe by its name would be waited for. */
	fd = open(source, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "open %s", source);
	if (S_ISDIR(st.st_mode)) {
		*kind = SOURCE_LAYOUT;
		if (faccessat(fd, "oci-layout", F_OK, 0) == 0)
			return 0;
		err_set(err, ERR_INVALID, "%s is a directory, but no OCI image layout", source);
		return err_hint(err, "to make an image of the files in it: `orthrus image build NAME --from %s`", source);
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(err, ERR_INVALID, "%s is no file", source);
		return err_hint(err, "a pipe is read with -");
	}
	*kind = pread(fd, magic, sizeof(magic), 0) == sizeof(magic) && memcmp(magic, "hsqs", sizeof(magic)) == 0 ? SOURCE_SQUASHFS
														 : SOURCE_ARCHIVE;
	return 0;
}

int import_probe(const struct import *im, struct err *err)
{
	struct store *s = NULL;
	enum source_kind kind;
	int rc;

	if (str_check_name(im->name, err) < 0)
		return err_wrap(err, "image name");
	if (image_kind_check(im->kind, err) < 0)
		return -1;
	if (look(im->source, &kind, err) < 0)
		return -1;
	if (!fs_exists(im->store_dir))
		return 0;
	if (store_open(im->store_dir, false, &s, err) < 0)
		return -1;
	rc = store_check_place(s, im->name, err);
	store_close(s);
	return rc;
}

void import_plan(const struct import *im, struct plan *plan)
{
	char size[STR_BYTES_MAX];

	str_from_bytes(im->max_bytes, size);
	plan_add(plan, 0, PLAN_READS, "read",
		 str_format("read the archive %s, at most %s of files%s; its content into a file without a name in %s",
			    str_eq(im->source, "-") ? "on standard input" : im->source, size,
			    im->allow_devices ? ", devices too" : "", im->tmp_dir),
		 NULL, NULL);
	plan_add(plan, 0, PLAN_WRITES, "ingest", str_format("store it as image %s, kind %s", im->name, im->kind), NULL, NULL);
}

static int read_file(struct import_run *run, struct err *err)
{
	const struct import *im = run->im;
	bool is_stream = str_eq(im->source, "-");
	struct import_input in = {
		.is_stream = is_stream, .max_bytes = import_unpacked_max(im), .progress = im->progress, .ctx = im->ctx
	};
	autoclose int fd = is_stream ? -1 : fs_open_regular(im->source, 0, err);
	struct stat st;
	int rc;

	if (!is_stream && fd < 0)
		return -1;
	in.fd = is_stream ? STDIN_FILENO : fd;
	if (!is_stream) {
		if (fstat(fd, &st) < 0)
			return err_errno(err, errno, "look at it");
		in.left = in.total = (uint64_t)st.st_size;
	}
	rc = import_archive(run, &in, NULL, NULL, err);
	import_input_free(&in);
	if (rc == 0 && import_is_oci(&run->tree))
		rc = import_oci(run, -1, err);
	return rc;
}

static int read_source(struct import_run *run, struct err *err)
{
	autoclose int dir_fd = -1;
	enum source_kind kind;
	int rc;

	if (look(run->im->source, &kind, err) < 0)
		return -1;
	if (kind == SOURCE_LAYOUT && (dir_fd = fs_open_dir(run->im->source, err)) < 0)
		return -1;
	rc = kind == SOURCE_LAYOUT     ? import_oci(run, dir_fd, err)
	     : kind == SOURCE_SQUASHFS ? import_squashfs(run, run->im->source, err)
				       : read_file(run, err);
	if (rc == 0 && run->tree.len == 0)
		rc = err_set(err, ERR_INVALID, "there is nothing in it");
	if (rc < 0)
		return err_wrap(err, "archive %s", str_eq(run->im->source, "-") ? "on standard input" : run->im->source);
	if (run->tree.made) {
		run->notes->of[NOTE_MADE].count = run->tree.made;
		run->notes->of[NOTE_MADE].first = mem_strdup(run->tree.first_made);
	}
	return 0;
}

struct source {
	struct import_run *run;
	struct ingest_sink *sink;
	uint8_t *block;
};

static int put_content(void *ctx, const struct import_inode *inode, uint64_t len, struct err *err)
{
	struct source *s = ctx;

	for (uint64_t at = 0; at < len;) {
		size_t n = len - at < COPY_BLOCK ? (size_t)(len - at) : COPY_BLOCK;

		if (fs_pread_all(s->run->spool.fd, "the archive's content", s->block, n, inode->spool_at + at, err) < 0 ||
		    ingest_put(s->sink, s->block, n, err) < 0)
			return -1;
		at += n;
	}
	return 0;
}

static int give_tree(void *ctx, struct tree *tree, struct ingest_sink *sink, struct err *err)
{
	struct source s = { .run = ctx, .sink = sink, .block = mem_zalloc(COPY_BLOCK) };
	int rc = import_tree_emit(&s.run->tree, tree, put_content, &s, err);

	free(s.block);
	return rc;
}

static int store_it(struct import_run *run, char **ref, struct err *err)
{
	const struct import *im = run->im;
	struct ingest in = { .source = give_tree,
			     .source_ctx = run,
			     .snapshot = "archive",
			     .name = im->name,
			     .kind = im->kind,
			     .cluster_id = im->cluster_id,
			     .suite = im->suite,
			     .wall_s = im->wall_s,
			     .key = im->key,
			     .progress = im->progress,
			     .ctx = im->ctx,
			     .stats = im->stats };
	struct store *s = NULL;
	int rc;

	if (store_open(im->store_dir, true, &s, err) < 0)
		return -1;
	rc = store_ingest(s, &in, ref, err);
	store_close(s);
	return rc;
}

int import_apply(const struct import *im, struct import_notes *notes, char **ref, struct err *err)
{
	struct import_run run = { .im = im, .notes = notes, .spool.fd = -1 };
	int rc = spool_open(&run.spool, im->tmp_dir, err);

	import_tree_init(&run.tree);
	if (rc == 0)
		rc = read_source(&run, err);
	if (rc == 0)
		rc = store_it(&run, ref, err);
	import_tree_free(&run.tree);
	if (run.spool.fd >= 0)
		close(run.spool.fd);
	return rc;
}
