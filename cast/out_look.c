/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What there is before a reception begins: the target, and what an earlier one kept; and whether that is still what it was. */
#include "base/mem.h"
#include "base/str.h"
#include "cast/out_priv.h"
#include "cast/treehash.h"
#include "sys/fs.h"
#include "sys/threads.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

void out_names(const char *path, char **part, char **journal)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	int dir = (int)(name - path);

	*part = str_format("%.*s.%s.cast.part", dir, path, name);
	*journal = str_format("%.*s.%s.cast.journal", dir, path, name);
}

int out_journal_load(const char *part, const char *journal, struct out_journal *out, bool *found, struct err *err)
{
	autoclean(buf_free) struct buf data = { 0 };
	struct err why = { 0 };

	*found = false;
	if (!fs_exists(part) || !fs_exists(journal))
		return 0;
	if (fs_read_nofollow(journal, OUT_JOURNAL_FILE_MAX, &data, err) < 0)
		return -1;
	*found = out_journal_newest(data.data, data.len, out, &why) == 0;
	return 0;
}

static int check_name(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	if (str_eq(path, "-")) {
		err_set(err, ERR_USAGE,
			"a cast can't be written to standard output: its pieces come in any order, some of them twice");
		return err_hint(err, "name a file; `orthrus cast receive FILE && cat FILE` prints it");
	}
	if (!*name || str_eq(name, ".") || str_eq(name, ".."))
		return err_set(err, ERR_USAGE, "'%s' is no name for a file", path);
	return 0;
}

int out_check_target(const char *path, const char *shown, bool force, bool *replaces, struct err *err)
{
	struct stat st;

	*replaces = false;
	if (check_name(path, err) < 0)
		return -1;
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(err, errno, "look at %s", shown);
	if (S_ISDIR(st.st_mode)) {
		err_set(err, ERR_USAGE, "%s is a directory", shown);
		return err_hint(err, "name the file in it: %s/NAME", shown);
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(err, ERR_REFUSED, "%s is not a regular file", shown);
		return err_hint(err, "receive into a file; a disk is written with `dd` afterwards");
	}
	if (!force) {
		err_set(err, ERR_EXISTS, "%s exists", shown);
		return err_hint(err, "name another file, or say --force: it is replaced when the new one is whole");
	}
	*replaces = true;
	return 0;
}

uint64_t out_kept_bytes(const struct out_journal *j)
{
	struct ticket_file f = { .size_bytes = j->size_bytes, .piece_bytes = j->piece_bytes };
	uint64_t bytes = 0;

	for (uint64_t i = 0; i < ticket_pieces(&f); i++)
		if (j->have[i / 8] >> (i % 8) & 1)
			bytes += ticket_piece_len(&f, i);
	return bytes;
}

int out_look(const char *path, bool force, struct out_look *look, struct err *err)
{
	autofree char *part = NULL, *journal = NULL, *shown = str_printable(path, strlen(path));
	autoclean(out_journal_free) struct out_journal j = { 0 };

	*look = (struct out_look){ 0 };
	if (out_check_target(path, shown, force, &look->replaces, err) < 0)
		return -1;
	out_names(path, &part, &journal);
	if (out_journal_load(part, journal, &j, &look->resumes, err) < 0)
		return -1;
	if (look->resumes) {
		look->id = j.id;
		look->size_bytes = j.size_bytes;
		look->piece_bytes = j.piece_bytes;
		look->kept_bytes = out_kept_bytes(&j);
	}
	return 0;
}

/* --- what was kept --- */

struct verify {
	struct out *out;
	uint64_t first;
	const struct digest *digests;
};
struct verifier {
	const struct verify *job;
	struct treehash *hash;
	uint8_t *data;
};

static void *verify_begin(void *ctx)
{
	struct verifier *v = mem_zalloc(sizeof(*v));

	v->job = ctx;
	v->hash = treehash_new();
	v->data = mem_aligned(64, v->job->out->file.piece_bytes);
	return v;
}

static int verify_each(void *mine, size_t i, struct err *err)
{
	struct verifier *v = mine;
	struct out *o = v->job->out;
	uint64_t piece = v->job->first + i;
	uint32_t len = ticket_piece_len(&o->file, piece);
	struct err unread = { 0 };
	struct digest is;

	(void)err;
	if (!out_has(o, piece))
		return 0;
	/* What can't be read any more is had anew. */
	if (fs_pread_all(o->fd, o->part, v->data, len, piece * o->file.piece_bytes, &unread) == 0) {
		treehash_of(v->hash, v->data, len, &is);
		if (digest_cmp(&is, &v->job->digests[i]) == 0)
			return 0;
	}
	out_drop(o, piece);
	return 0;
}

static void verify_end(void *mine)
{
	struct verifier *v = mine;

	treehash_free(v->hash);
	free(v->data);
	free(v);
}

int out_verify(struct out *o, uint64_t first, const struct digest *digests, size_t n, struct err *err)
{
	struct verify job = { .out = o, .first = first, .digests = digests };
	struct threads_job work = {
		.n = n, .block = 1, .begin = verify_begin, .each = verify_each, .end = verify_end, .ctx = &job
	};

	if (first > ticket_pieces(&o->file) || n > ticket_pieces(&o->file) - first)
		return err_set(err, ERR_DAMAGED, "digests of pieces that the file does not have");
	return threads_each(threads_for_work(8), &work, err);
}
