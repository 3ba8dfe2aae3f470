/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/pack_write.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"
#include "sys/fs_direct.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is written at a time. */
#define ROOM ((size_t)1 << 20)

/* The file is ours alone until it has its name: whatever goes wrong, it goes. */
static void drop_file(int *fd, char **temp)
{
	if (*fd >= 0)
		close(steal_fd(*fd));
	if (*temp)
		unlink(*temp);
	free(steal(*temp));
}

void pack_writer_free(struct pack_writer *w)
{
	drop_file(&w->fd, &w->temp);
	if (w->sum)
		digest_end(steal(w->sum), NULL);
	free(steal(w->room));
	pack_index_free(&w->index);
}

void pack_full_free(struct pack_full *f)
{
	drop_file(&f->fd, &f->temp);
	pack_index_free(&f->index);
}

static int begin_file(struct pack_writer *w, struct err *err)
{
	w->temp = str_format("%s/pack.XXXXXX", w->dir);
	w->fd = mkostemp(w->temp, O_CLOEXEC);
	if (w->fd < 0) {
		err_errno(err, errno, "create a pack in %s", w->dir);
		free(steal(w->temp));
		return -1;
	}
	w->sum = digest_new();
	w->bytes = 0;
	w->in_room = 0;
	w->direct = true;
	if (!w->room)
		w->room = mem_aligned(FS_DIRECT_ALIGN, ROOM);
	return 0;
}

static int write_room(struct pack_writer *w, struct err *err)
{
	size_t body = w->in_room - w->in_room % FS_DIRECT_ALIGN, done = 0;
	uint64_t at = w->bytes - w->in_room;

	if (w->direct && fs_pwrite_direct(w->fd, w->temp, w->room, body, at, &done, err) < 0)
		return -1;
	w->direct = w->direct && done == body;
	if (fs_pwrite_all(w->fd, w->temp, w->room + done, w->in_room - done, at + done, err) < 0)
		return -1;
	w->in_room = 0;
	return 0;
}

static int add_bytes(struct pack_writer *w, const uint8_t *data, size_t len, struct err *err)
{
	while (len) {
		size_t n = len < ROOM - w->in_room ? len : ROOM - w->in_room;

		memcpy(w->room + w->in_room, data, n);
		w->in_room += n;
		w->bytes += n;
		data += n;
		len -= n;
		if (w->in_room == ROOM && write_room(w, err) < 0)
			return -1;
	}
	return 0;
}

int pack_add(struct pack_writer *w, const struct digest *id, uint32_t raw_len, const void *stored, uint32_t stored_len,
	     uint64_t *offset, struct err *err)
{
	struct pack_index *x = &w->index;

	if (w->fd < 0 && begin_file(w, err) < 0)
		return -1;
	*offset = w->bytes;
	if (add_bytes(w, stored, stored_len, err) < 0)
		return -1;
	digest_add(w->sum, stored, stored_len);
	x->entries = mem_room(x->entries, x->len, &x->cap, sizeof(x->entries[0]));
	x->entries[x->len++] = (struct pack_entry){ .id = *id, .offset = *offset, .raw_len = raw_len, .stored_len = stored_len };
	return 0;
}

int pack_close(struct pack_writer *w, struct pack_full *out, struct err *err)
{
	if (write_room(w, err) < 0)
		return -1;
	*out = (struct pack_full){ .fd = steal_fd(w->fd), .temp = steal(w->temp), .bytes = w->bytes, .index = w->index };
	w->index = (struct pack_index){ 0 };
	w->bytes = 0;
	digest_end(steal(w->sum), &out->name);
	return 0;
}

int pack_publish(struct pack_full *f, const char *dir, struct err *err)
{
	autoclean(buf_free) struct buf index = { 0 };
	autofree char *pack = pack_path(dir, &f->name, ".pack");
	autofree char *idx = pack_path(dir, &f->name, ".idx");

	if (fchmod(f->fd, 0644) < 0 || fsync(f->fd) < 0)
		return err_errno(err, errno, "write %s", pack);
	if (rename(f->temp, pack) < 0)
		return err_errno(err, errno, "name the pack %s", pack);
	free(steal(f->temp));
	if (fs_sync_parent(pack, err) < 0)
		return -1;
	pack_index_encode(&f->index, &f->name, f->bytes, &index);
	return fs_write_atomic(idx, index.data, index.len, 0644, err);
}
