/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/import_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BLOCK ((size_t)256 << 10)

int spool_open(struct spool *s, const char *dir, struct err *err)
{
	autofree char *path = NULL;

	s->dir = dir;
	if (fs_mkdirs(dir, 0755, err) < 0)
		return -1;
	s->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (s->fd >= 0)
		return 0;
	/* A file system without such files: one whose name goes at once. */
	path = str_format("%s/import.XXXXXX", dir);
	s->fd = mkostemp(path, O_CLOEXEC);
	if (s->fd < 0 || unlink(path) < 0)
		return err_errno(err, errno, "create a file in %s", dir);
	return 0;
}

int spool_add(struct spool *s, const void *data, size_t len, struct err *err)
{
	if (fs_pwrite_all(s->fd, "the archive's content", data, len, s->len, err) < 0)
		return err_wrap(err, "%s", s->dir);
	s->len += len;
	return 0;
}

static la_ssize_t read_packed(struct archive *a, void *ctx, const void **data)
{
	struct import_input *in = ctx;
	size_t want = in->is_stream || in->left > BLOCK ? BLOCK : (size_t)in->left;
	ssize_t n;

	do
		n = in->is_stream ? read(in->fd, in->block, want) : pread(in->fd, in->block, want, (off_t)in->at);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		err_errno(&in->err, errno, "read it");
		archive_set_error(a, EIO, "%s", in->err.text);
		return -1;
	}
	digest_add(in->packed, in->block, (size_t)n);
	in->packed_bytes += (uint64_t)n;
	if (!in->is_stream) {
		in->at += (uint64_t)n;
		in->left -= (uint64_t)n;
	}
	if (in->progress)
		in->progress(in->ctx, "unpack", in->packed_bytes, in->total);
	*data = in->block;
	return n;
}

static int input_error(struct import_input *in, struct err *err)
{
	const char *words = in->filter ? archive_error_string(in->filter) : NULL;

	if (in->err.kind != ERR_NONE) {
		*err = in->err;
		return -1;
	}
	return err_set(err, ERR_REFUSED, "it can't be unpacked: %s", words ? words : "no reason is given");
}

/* Only the filters that archives have in practice: each other one would be a parser more for hostile bytes. */
static int input_begin(struct import_input *in, struct err *err)
{
	struct archive_entry *e;
	int rc = -1;

	in->block = mem_zalloc(BLOCK);
	in->packed = digest_new();
	in->unpacked = digest_new();
	in->filter = archive_read_new();
	if (archive_read_support_format_raw(in->filter) != ARCHIVE_OK ||
	    archive_read_support_filter_gzip(in->filter) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(in->filter) != ARCHIVE_OK ||
	    archive_read_support_filter_xz(in->filter) != ARCHIVE_OK ||
	    (rc = archive_read_open(in->filter, in, NULL, read_packed, NULL)) != ARCHIVE_OK ||
	    (rc = archive_read_next_header(in->filter, &e)) != ARCHIVE_OK)
		rc = -1;
	if (rc == ARCHIVE_OK)
		return 0;
	if (in->packed_bytes == 0 && in->err.kind == ERR_NONE)
		return err_set(err, ERR_INVALID, "it is empty");
	return input_error(in, err);
}

static void keep_tail(struct import_input *in, const uint8_t *data, size_t len)
{
	size_t room = sizeof(in->tail), n = len < room ? len : room;

	memmove(in->tail, in->tail + n, room - n);
	memcpy(in->tail + room - n, data + len - n, n);
}

int import_input_next(struct import_input *in, const void **data, size_t *len, struct err *err)
{
	la_int64_t offset;
	int rc;

	if (!in->filter && input_begin(in, err) < 0)
		return -1;
	*len = 0;
	while (!in->at_end && *len == 0) {
		rc = archive_read_data_block(in->filter, data, len, &offset);
		if (rc != ARCHIVE_OK && rc != ARCHIVE_EOF)
			return input_error(in, err);
		in->at_end = rc == ARCHIVE_EOF;
		if (in->at_end)
			*len = 0;
	}
	if (!*len)
		return 0;
	in->unpacked_bytes += *len;
	if (in->unpacked_bytes > in->max_bytes) {
		err_set(err, ERR_REFUSED, "it unpacks to more than %llu bytes", (unsigned long long)in->max_bytes);
		return err_hint(err, "if it is to be trusted with so much, allow it with --max-size");
	}
	digest_add(in->unpacked, *data, *len);
	keep_tail(in, *data, *len);
	return 0;
}

int import_input_finish(struct import_input *in, struct digest *packed, struct digest *unpacked, struct err *err)
{
	const void *data;
	size_t len = 1;

	while (len)
		if (import_input_next(in, &data, &len, err) < 0)
			return -1;
	/* What follows the packed data is part of the file all the same. */
	while (in->is_stream || in->left) {
		la_ssize_t n = read_packed(in->filter, in, &data);

		if (n < 0)
			return input_error(in, err);
		if (n == 0)
			break;
	}
	digest_end(steal(in->packed), packed);
	digest_end(steal(in->unpacked), unpacked);
	return 0;
}

void import_input_free(struct import_input *in)
{
	if (in->filter)
		archive_read_free(in->filter);
	if (in->packed)
		digest_end(in->packed, NULL);
	if (in->unpacked)
		digest_end(in->unpacked, NULL);
	free(in->block);
	in->filter = NULL;
	in->packed = in->unpacked = NULL;
	in->block = NULL;
}
