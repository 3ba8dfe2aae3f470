/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the disks are looked at without a write: mdadm, blkid and the kernel's own means. */
#include "imaging/imager/identity_disk.h"

#include "base/mem.h"
#include "imaging/imager/report.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#define BLOCKS "/sys/class/block"
#define UUID_DIGITS "0123456789abcdefABCDEF:"
#define TIMEOUT_NS (60 * NS_PER_S)
#define STOP_TRIES 20

static bool is_empty_dir(const char *path)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	struct err ignored = { 0 };

	return fs_list(path, &names, &ignored) < 0 || names.len == 0;
}

/* Not what is a part of something else, and nothing that is not a disk. */
static bool may_hold(const char *name)
{
	static const char *const others[] = { "loop", "ram", "zram", "sr", "fd", "dm-", "nbd" };
	autofree char *holders = str_format(BLOCKS "/%s/holders", name);

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (str_starts(name, others[i]))
			return false;
	return is_empty_dir(holders);
}

static int devices(struct str_list *out, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };

	if (fs_list(BLOCKS, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++)
		if (may_hold(names.items[i]))
			str_list_addf(out, "/dev/%s", names.items[i]);
	return 0;
}

/* What is on the device itself, not in a cache; 2 is blkid's word for nothing, or for more than one thing. */
static int type(const char *device, char **out, struct err *err)
{
	const char *const argv[] = { "blkid", "-p", "-o", "value", "-s", "TYPE", device, NULL };
	const struct spawn s = { .argv = argv, .timeout_ns = TIMEOUT_NS };
	autoclean(spawn_result_free) struct spawn_result r = { 0 };

	if (spawn_run(&s, &r, err) < 0)
		return -1;
	*out = mem_strdup(str_eq(buf_str(&r.out), "ext4\n") ? "ext4" : str_eq(buf_str(&r.out), "xfs\n") ? "xfs" : "");
	return 0;
}

static int set_read_only(const char *device, bool on, bool *was, struct err *err)
{
	autoclose int fd = open(device, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int now = 0, wanted = on;

	if (fd < 0)
		return err_errno(err, errno, "open %s", device);
	if (ioctl(fd, BLKROGET, &now) < 0 || ioctl(fd, BLKROSET, &wanted) < 0)
		return err_errno(err, errno, "make %s %s", device, on ? "read-only" : "writable again");
	*was = now != 0;
	return 0;
}

/* norecovery: what the journal holds stays there, and what it would have brought is not seen. */
static int mount_it(const char *device, const char *fs, const char *where, struct err *err)
{
	const char *how = str_eq(fs, "xfs") ? "norecovery,nouuid" : "norecovery,errors=continue";

	if (mount(device, where, fs, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME, how) < 0)
		return err_errno(err, errno, "mount %s of type %s to read it", device, fs);
	return 0;
}

static int unmount_it(const char *where, struct err *err)
{
	if (umount2(where, UMOUNT_NOFOLLOW) < 0)
		return err_errno(err, errno, "unmount %s", where);
	return 0;
}

/* Nothing of what a disk can say freely goes into an argument: digits only. */
void look_member_read(const char *text, struct look_member *out)
{
	static const char version[] = "Version : 1.", uuid[] = "Array UUID : ";
	bool native = false;

	*out = (struct look_member){ 0 };
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		line += strspn(line, " ");
		native = native || str_starts(line, version);
		out->changes = out->changes || str_starts(line, "Reshape pos");
		if (!str_starts(line, uuid))
			continue;
		line += sizeof(uuid) - 1;
		if (strspn(line, UUID_DIGITS) == LOOK_UUID_LEN && line[LOOK_UUID_LEN] == '\n')
			snprintf(out->uuid, sizeof(out->uuid), "%.*s", LOOK_UUID_LEN, line);
	}
	if (!native)
		out->uuid[0] = '\0';
}

static int look_at_member(const char *device, struct str_list *uuids, struct str_list *changing, struct err *err)
{
	const char *const argv[] = { "mdadm", "--examine", device, NULL };
	const struct spawn s = { .argv = argv, .timeout_ns = TIMEOUT_NS };
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	struct look_member m = { 0 };

	if (spawn_run(&s, &r, err) < 0)
		return -1;
	/* It fails where there is no superblock. */
	if (r.status == 0)
		look_member_read(buf_str(&r.out), &m);
	if (m.uuid[0] && !str_list_has(uuids, m.uuid))
		str_list_add(uuids, m.uuid);
	if (m.uuid[0] && m.changes)
		str_list_add(changing, m.uuid);
	return 0;
}

static int start_array(const char *uuid, const char *node, struct err *err)
{
	autofree char *which = str_format("--uuid=%s", uuid);

	return SPAWN(err, "mdadm", "--assemble", node, "--config=partitions", which, "--readonly", "--run");
}

static int start_arrays(struct str_list *started, struct err *err)
{
	autoclean(str_list_free) struct str_list all = { 0 }, uuids = { 0 }, changing = { 0 };

	if (devices(&all, err) < 0)
		return -1;
	for (size_t i = 0; i < all.len; i++)
		if (look_at_member(all.items[i], &uuids, &changing, err) < 0)
			return -1;
	for (size_t i = 0; i < uuids.len; i++) {
		autofree char *node = str_format("/dev/md/orthrus-look-%zu", i);
		struct err why = { 0 };

		if (str_list_has(&changing, uuids.items[i]))
			report_line("array %s is not looked into: it is being given another shape", uuids.items[i]);
		else if (start_array(uuids.items[i], node, &why) == 0)
			str_list_add(started, node);
		else
			report_line("array %s is not looked into: %s", uuids.items[i], why.text);
	}
	return 0;
}

/* udev, which looks at what is new, may hold it for a moment; and an array that runs on would keep its disks from being
 * installed. */
static int stop_array(const char *node, struct err *err)
{
	for (int i = 0; SPAWN(err, "mdadm", "--stop", node) < 0; i++) {
		if (i == STOP_TRIES)
			return -1;
		clock_sleep_ns(100 * NS_PER_MS);
	}
	return 0;
}

static void stop_arrays(const struct str_list *started)
{
	for (size_t i = started->len; i > 0; i--) {
		struct err why = { 0 };

		if (stop_array(started->items[i - 1], &why) < 0)
			report_error(&why);
	}
}

const struct look_ops look_ops = { .devices = devices,
				   .type = type,
				   .set_read_only = set_read_only,
				   .mount = mount_it,
				   .unmount = unmount_it,
				   .start_arrays = start_arrays,
				   .stop_arrays = stop_arrays };
