/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/pack_write.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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
	return 0;
}

int pack_add(struct pack_writer *w, const struct digest *id, uint32_t raw_len, const void *stored, uint32_t stored_len,
	     uint64_t *offset, struct err *err)
{
	struct pack_index *x = &w->index;

	if (w->fd < 0 && begin_file(w, err) < 0)
		return -1;
	if (fs_write_all(w->fd, w->temp, stored, stored_len, err) < 0)
		return -1;
	digest_add(w->sum, stored, stored_len);
	*offset = w->bytes;
	x->entries = mem_room(x->entries, x->len, &x->cap, sizeof(x->entries[0]));
	x->entries[x->len++] = (struct pack_entry){ .id = *id, .offset = w->bytes, .raw_len = raw_len, .stored_len = stored_len };
	w->bytes += stored_len;
	return 0;
}

void pack_close(struct pack_writer *w, struct pack_full *out)
{
	*out = (struct pack_full){ .fd = steal_fd(w->fd), .temp = steal(w->temp), .bytes = w->bytes, .index = w->index };
	w->index = (struct pack_index){ 0 };
	w->bytes = 0;
	digest_end(steal(w->sum), &out->name);
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
