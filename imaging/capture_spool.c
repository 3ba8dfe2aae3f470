/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/capture_priv.h"

#include "base/mem.h"
#include "imaging/codec.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define BLOCK ((size_t)1 << 20) /* raw; only the last may be shorter */

struct capture_spool {
	int fd;
	char *dir;
	struct codec *codec;
	uint64_t *ends; /* of each block in the file */
	size_t n, cap;
	uint8_t *raw; /* the block being filled; when reading, block `loaded` */
	size_t raw_len, loaded;
	uint64_t bytes; /* raw, in all */
	struct buf stored;
};

int capture_spool_open(const char *dir, struct capture_spool **out, struct err *err)
{
	struct capture_spool *s;
	int fd;

	if (fs_mkdirs(dir, 0755, err) < 0)
		return -1;
	/* Without a name it is gone with us, however we end. */
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, errno, "create a file in %s", dir);
	s = mem_zalloc(sizeof(*s));
	s->fd = fd;
	s->dir = mem_strdup(dir);
	s->codec = codec_new();
	s->raw = mem_zalloc(BLOCK);
	s->loaded = SIZE_MAX;
	*out = s;
	return 0;
}

void capture_spool_free(struct capture_spool *s)
{
	if (!s)
		return;
	close(s->fd);
	codec_free(s->codec);
	buf_free(&s->stored);
	free(s->dir);
	free(s->ends);
	free(s->raw);
	free(s);
}

static int put_block(struct capture_spool *s, struct err *err)
{
	uint64_t at = s->n ? s->ends[s->n - 1] : 0;

	if (codec_pack(s->codec, s->raw, s->raw_len, &s->stored, err) < 0)
		return -1;
	if (fs_pwrite_all(s->fd, s->dir, s->stored.data, s->stored.len, at, err) < 0) {
		err_wrap(err, "keep what was read");
		return err_hint(
			err,
			"make room in %s: what a machine has that can't be held still is kept there, compressed, for a while",
			s->dir);
	}
	s->ends = mem_room(s->ends, s->n, &s->cap, sizeof(s->ends[0]));
	s->ends[s->n++] = at + s->stored.len;
	s->raw_len = 0;
	return 0;
}

int capture_spool_add(struct capture_spool *s, const void *data, size_t len, struct err *err)
{
	const uint8_t *p = data;

	s->bytes += len;
	while (len) {
		size_t n = len < BLOCK - s->raw_len ? len : BLOCK - s->raw_len;

		memcpy(s->raw + s->raw_len, p, n);
		s->raw_len += n;
		p += n;
		len -= n;
		if (s->raw_len == BLOCK && put_block(s, err) < 0)
			return -1;
	}
	return 0;
}

int capture_spool_done(struct capture_spool *s, struct err *err)
{
	return s->raw_len ? put_block(s, err) : 0;
}

static int load(struct capture_spool *s, size_t block, size_t raw_len, struct err *err)
{
	uint64_t at = block ? s->ends[block - 1] : 0;
	size_t len = (size_t)(s->ends[block] - at);

	if (s->loaded == block)
		return 0;
	s->loaded = SIZE_MAX;
	buf_clear(&s->stored);
	buf_reserve(&s->stored, len);
	if (fs_pread_all(s->fd, s->dir, s->stored.data, len, at, err) < 0 ||
	    codec_unpack(s->codec, s->stored.data, len, s->raw, raw_len, err) < 0)
		return err_wrap(err, "take back what was kept");
	s->loaded = block;
	return 0;
}

int capture_spool_read(struct capture_spool *s, uint64_t at, uint64_t len,
		       int (*take)(void *ctx, const void *data, size_t len, struct err *err), void *ctx, struct err *err)
{
	if (at > s->bytes || len > s->bytes - at)
		return err_set(err, ERR_DAMAGED, "what was kept is too short");
	while (len) {
		size_t block = (size_t)(at / BLOCK), skip = (size_t)(at % BLOCK);
		uint64_t begin = (uint64_t)block * BLOCK, left = s->bytes - begin;
		size_t raw_len = left < BLOCK ? (size_t)left : BLOCK, n = raw_len - skip;

		n = len < n ? (size_t)len : n;
		if (load(s, block, raw_len, err) < 0 || take(ctx, s->raw + skip, n, err) < 0)
			return -1;
		at += n;
		len -= n;
	}
	return 0;
}
