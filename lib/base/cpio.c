/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cpio.h"

#include <string.h>
#include <sys/stat.h>

static void pad(struct cpio *c, size_t to)
{
	while ((c->out->len - c->start) % to)
		buf_addc(c->out, '\0');
}

static void entry(struct cpio *c, const char *path, unsigned int mode, unsigned int major, unsigned int minor, const void *data,
		  size_t len)
{
	size_t name = strlen(path) + 1;

	if (!c->inode)
		c->start = c->out->len;
	c->inode++;
	/* magic, inode, mode, uid, gid, links, mtime, size, device (2), rdevice (2), name length, check */
	buf_addf(c->out, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", c->inode, mode, 0U, 0U, 1U, 0U,
		 (unsigned int)len, 0U, 0U, major, minor, (unsigned int)name, 0U);
	buf_add(c->out, path, name);
	pad(c, 4);
	buf_add(c->out, data, len);
	pad(c, 4);
}

void cpio_dir(struct cpio *c, const char *path, unsigned int mode)
{
	entry(c, path, S_IFDIR | (mode & 07777), 0, 0, "", 0);
}

void cpio_file(struct cpio *c, const char *path, unsigned int mode, const void *data, size_t len)
{
	entry(c, path, S_IFREG | (mode & 07777), 0, 0, data, len);
}

void cpio_symlink(struct cpio *c, const char *path, const char *target)
{
	entry(c, path, S_IFLNK | 0777, 0, 0, target, strlen(target));
}

void cpio_char_device(struct cpio *c, const char *path, unsigned int mode, unsigned int major, unsigned int minor)
{
	entry(c, path, S_IFCHR | (mode & 07777), major, minor, "", 0);
}

void cpio_end(struct cpio *c)
{
	entry(c, "TRAILER!!!", 0, 0, 0, "", 0);
	pad(c, 512);
}
