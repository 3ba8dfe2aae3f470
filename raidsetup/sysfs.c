/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/sysfs.h"

#include "base/mem.h"
#include "sys/fs.h"
#include "sys/log.h"
#include "sys/spawn.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define TEXT_MAX 4096

const struct raid_env raid_env_host = { .sys = "/sys", .dev = "/dev", .udev = "/run/udev", .proc = "/proc" };

bool sysfs_read(const char *path, size_t max, struct buf *out)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	if (fd < 0)
		return false;
	/* Not fs_read(): attributes lie about their size, and a read can fail with the device's own error. */
	while (n > 0 && out->len < max) {
		buf_reserve(out, max - out->len);
		n = read(fd, out->data + out->len, max - out->len);
		if (n > 0)
			out->len += (size_t)n;
	}
	if (out->data)
		out->data[out->len] = '\0';
	return n >= 0;
}

char *sysfs_text(const char *dir, const char *name)
{
	autofree char *path = fs_join(dir, name);
	autoclean(buf_free) struct buf b = { 0 };
	const char *s;
	size_t len;

	if (!sysfs_read(path, TEXT_MAX, &b))
		return mem_strdup("");
	s = buf_str(&b);
	while (isspace((unsigned char)*s))
		s++;
	len = strcspn(s, "\n");
	while (len && isspace((unsigned char)s[len - 1]))
		len--;
	return str_printable(s, len);
}

uint64_t sysfs_u64(const char *dir, const char *name, uint64_t otherwise)
{
	autofree char *text = sysfs_text(dir, name);
	uint64_t v = otherwise;
	struct err err = { 0 };

	return str_to_u64(text, 0, UINT64_MAX, &v, &err) < 0 ? otherwise : v;
}

bool sysfs_dev(const char *dir, dev_t *out)
{
	autofree char *text = sysfs_text(dir, "dev");
	unsigned int major, minor;

	if (sscanf(text, "%u:%u", &major, &minor) != 2)
		return false;
	*out = makedev(major, minor);
	return true;
}

void sysfs_list(const char *dir, struct str_list *out)
{
	struct err err = { 0 };

	if (fs_exists(dir) && fs_list(dir, out, &err) < 0)
		log_err("disks", dir, &err);
}

void sys_parts_free(struct sys_parts *p)
{
	for (size_t i = 0; i < p->len; i++) {
		free(p->items[i].name);
		free(p->items[i].dir);
	}
	free(p->items);
	*p = (struct sys_parts){ 0 };
}

char *sys_block_dir(const struct raid_env *env, const char *name)
{
	return str_format("%s/block/%s", env->sys, name);
}

char *sys_node(const struct raid_env *env, const char *name)
{
	char *path = str_format("%s/%s", env->dev, name);

	for (char *c = path + strlen(env->dev); *c; c++)
		if (*c == '!')
			*c = '/';
	return path;
}

static int by_number(const void *a, const void *b)
{
	const struct sys_part *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

void sys_parts_read(const struct raid_env *env, const char *disk, struct sys_parts *out)
{
	autofree char *dir = sys_block_dir(env, disk);
	autoclean(str_list_free) struct str_list names = { 0 };

	*out = (struct sys_parts){ 0 };
	sysfs_list(dir, &names);
	out->items = mem_array(names.len + 1, sizeof(*out->items));
	for (size_t i = 0; i < names.len; i++) {
		autofree char *part = fs_join(dir, names.items[i]);
		uint64_t number = sysfs_u64(part, "partition", 0);
		struct sys_part *p;

		if (!number)
			continue;
		/* Both are in units of 512 bytes, whatever the disk's sectors are. */
		p = &out->items[out->len++];
		p->name = mem_strdup(names.items[i]);
		p->number = (unsigned int)number;
		p->first_byte = sysfs_u64(part, "start", 0) * 512;
		p->size_bytes = sysfs_u64(part, "size", 0) * 512;
		p->dir = steal(part);
	}
	qsort(out->items, out->len, sizeof(*out->items), by_number);
}

void udev_settle(const struct raid_env *env)
{
	autofree char *control = fs_join(env->udev, "control");
	struct err err = { 0 };

	if (fs_exists(control) && SPAWN(&err, "udevadm", "settle", "--timeout=30") < 0)
		log_err("disks", "wait for udev", &err);
}
