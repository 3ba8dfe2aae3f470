/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/state/mark.h"

#include "base/buf.h"
#include "base/mem.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Two copies, each in a page of its own: "OrthruMk", u32 version, u32 serving, u64 id, u64 number of the write, u64 index, u64
 * term, 32 bytes chain, 32 bytes SHA-256 of all before; the rest of the page is zero. Numbers are little-endian. */
#define MAGIC "OrthruMk"
#define MAGIC_LEN 8
#define VERSION 1
#define PAGE 4096
#define COPIES 2

struct mark_file {
	int fd;
	char *path;
	uint64_t writes; /* copy writes % COPIES is the newest */
};

static void encode(const struct mark *m, uint64_t writes, struct buf *out)
{
	static const char zeros[PAGE];
	size_t start = out->len;
	struct digest d;

	buf_add(out, MAGIC, MAGIC_LEN);
	buf_add_u32(out, VERSION);
	buf_add_u32(out, m->serving);
	buf_add_u64(out, m->id);
	buf_add_u64(out, writes);
	buf_add_u64(out, m->index);
	buf_add_u64(out, m->term);
	buf_add(out, m->chain.bytes, DIGEST_LEN);
	digest_of(out->data + start, out->len - start, &d);
	buf_add(out, d.bytes, DIGEST_LEN);
	buf_add(out, zeros, PAGE - (out->len - start));
}

static int decode(const char *page, struct mark *m, uint64_t *writes, struct err *err)
{
	struct cursor c = { .data = (const uint8_t *)page, .len = PAGE };
	const uint8_t *magic, *chain, *sum;
	uint32_t version, serving;
	struct digest d;

	if (cursor_bytes(&c, MAGIC_LEN, &magic, err) < 0 || cursor_u32(&c, &version, err) < 0 ||
	    cursor_u32(&c, &serving, err) < 0 || cursor_u64(&c, &m->id, err) < 0 || cursor_u64(&c, writes, err) < 0 ||
	    cursor_u64(&c, &m->index, err) < 0 || cursor_u64(&c, &m->term, err) < 0 ||
	    cursor_bytes(&c, DIGEST_LEN, &chain, err) < 0)
		return -1;
	digest_of(page, c.at, &d);
	if (cursor_bytes(&c, DIGEST_LEN, &sum, err) < 0)
		return -1;
	if (memcmp(magic, MAGIC, MAGIC_LEN) != 0 || memcmp(sum, d.bytes, DIGEST_LEN) != 0)
		return err_set(err, ERR_DAMAGED, "not a whole copy of the mark");
	if (version != VERSION)
		return err_set(err, ERR_DAMAGED, "a mark of version %u is not known here", version);
	memcpy(m->chain.bytes, chain, DIGEST_LEN);
	m->serving = serving != 0;
	return 0;
}

int mark_create(const char *path, const struct mark *m, struct err *err)
{
	autoclean(buf_free) struct buf b = { 0 };

	for (uint64_t i = 0; i < COPIES; i++)
		encode(m, i, &b);
	return fs_write_atomic(path, b.data, b.len, 0600, err);
}

int mark_open(const char *path, struct mark_file **out, struct mark *now, struct err *err)
{
	autoclean(buf_free) struct buf b = { 0 };
	autoclose int fd = -1;
	struct mark_file *f;
	uint64_t newest = 0;
	bool found = false;

	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_errno(err, errno, "%s", path);
	if (fs_read_fd(fd, path, COPIES * PAGE, &b, err) < 0)
		return -1;
	for (size_t i = 0; i < COPIES; i++) {
		struct mark m = { 0 };
		uint64_t writes;

		if ((i + 1) * PAGE > b.len || decode(b.data + i * PAGE, &m, &writes, err) < 0) {
			log_warn("state", "%s: copy %zu is not whole; a power cut while it was written does that", path, i + 1);
			continue;
		}
		if (found && writes < newest)
			continue;
		*now = m;
		newest = writes;
		found = true;
	}
	if (!found)
		return err_set(err, ERR_DAMAGED, "%s: no copy of the mark in it is whole", path);
	f = mem_zalloc(sizeof(*f));
	f->fd = steal_fd(fd);
	f->path = mem_strdup(path);
	f->writes = newest;
	*out = f;
	return 0;
}

int mark_write(struct mark_file *f, const struct mark *m, struct err *err)
{
	autoclean(buf_free) struct buf b = { 0 };
	uint64_t writes = f->writes + 1;

	encode(m, writes, &b);
	if (fs_pwrite_all(f->fd, f->path, b.data, b.len, writes % COPIES * PAGE, err) < 0)
		return -1;
	if (fdatasync(f->fd) < 0)
		return err_errno(err, errno, "%s: write it to the disk", f->path);
	f->writes = writes;
	return 0;
}

void mark_close(struct mark_file *f)
{
	if (!f)
		return;
	close(f->fd);
	free(f->path);
	free(f);
}
