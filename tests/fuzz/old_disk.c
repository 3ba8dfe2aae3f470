/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole disk as somebody left it: partition tables, boot sectors, LVM's label. Its bytes are found, and made unbootable. */
#include "raidsetup/lvm.h"
#include "raidsetup/oldparts.h"

#include "base/mem.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define LEAST 4096u
#define MOST (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void no_boots(const struct old_parts *before, const struct old_parts *after)
{
	for (size_t i = 0; i < before->len; i++)
		for (size_t j = 0; j < after->len; j++)
			if (before->items[i].first_byte == after->items[j].first_byte && before->items[i].boots &&
			    after->items[j].boots)
				abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct raid_env env = { .sys = "/nowhere", .dev = "/nowhere", .udev = "/nowhere", .proc = "/nowhere" };
	const struct raid_target t = { .size_bytes = len / 512 * 512, .sector_bytes = 512 };
	autoclean(old_parts_free) struct old_parts before = { 0 }, after = { 0 };
	struct err err = { 0 };
	int fd;

	if (len < LEAST || len > MOST)
		return 0;
	fd = memfd_create("disk", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		abort();
	old_parts_read(&env, "none", fd, &t, &before);
	for (size_t i = 0; i < before.len; i++)
		if (!before.items[i].first_byte || before.items[i].first_byte >= t.size_bytes ||
		    before.items[i].size_bytes > t.size_bytes - before.items[i].first_byte)
			abort();
	free(lvm_group(fd, 0, 512));
	if (old_parts_unboot(fd, 512, &before, &err) < 0 && !err.kind)
		abort();
	old_parts_read(&env, "none", fd, &t, &after);
	no_boots(&before, &after);
	close(fd);
	return 0;
}
