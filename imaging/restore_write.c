/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/restore_priv.h"

#include "base/mem.h"
#include "sys/fs.h"
#include "sys/fs_direct.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

/* What is shorter is quicker with the page cache, which writes neighbours together. */
#define DIRECT_MIN ((size_t)128 << 10)

void restore_raw_new(struct restore_hand *h)
{
	h->raw_room = mem_aligned(FS_DIRECT_ALIGN, h->r->docs.manifest.chunk_max + FS_DIRECT_ALIGN);
	h->raw = h->raw_room;
	h->aside = mem_aligned(FS_DIRECT_ALIGN, h->r->docs.manifest.chunk_max);
	h->direct = h->r->direct;
}

struct longest {
	size_t len, shift;
};

static int look_at_range(void *ctx, const struct tree_entry *e, uint64_t offset, size_t skip, size_t len, struct err *err)
{
	struct longest *l = ctx;

	(void)e;
	(void)err;
	if (len > l->len)
		*l = (struct longest){ .len = len, .shift = (size_t)((offset - skip) % FS_DIRECT_ALIGN) };
	return 0;
}

void restore_raw_align(struct restore_hand *h, size_t i)
{
	const struct restore *r = h->r;
	struct longest l = { 0 };
	struct err never = { 0 };

	if (h->direct &&
	    content_map_each(&r->docs.map, r->at[r->first_at[i]], r->chunks[i].raw_len, look_at_range, &l, &never) == 0)
		h->raw = h->raw_room + l.shift;
}

bool restore_can_reserve(int target_fd)
{
	struct statfs fs;

	return fstatfs(target_fd, &fs) == 0 && (fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC);
}

void restore_reserve(const struct restore *r, int fd, uint64_t size)
{
	if (r->reserves && size >= DIRECT_MIN)
		(void)fallocate(fd, 0, 0, (off_t)size); /* only quicker */
}

int restore_write_at(struct restore_hand *h, int fd, const uint8_t *data, size_t len, uint64_t offset, struct err *err)
{
	size_t head = (size_t)(-offset % FS_DIRECT_ALIGN), done = 0;

	if (h->direct && len >= DIRECT_MIN) {
		size_t body = (len - head) - (len - head) % FS_DIRECT_ALIGN;
		const uint8_t *from = data + head;

		if ((uintptr_t)from % FS_DIRECT_ALIGN)
			from = memcpy(h->aside, from, body);
		if (fs_pwrite_direct(fd, "it", from, body, offset + head, &done, err) < 0)
			return -1;
		h->direct = done == body;
		if (head && fs_pwrite_all(fd, "it", data, head, offset, err) < 0)
			return -1;
		done += head;
	}
	return done < len ? fs_pwrite_all(fd, "it", data + done, len - done, offset + done, err) : 0;
}
