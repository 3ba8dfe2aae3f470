/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/identity_disk.h"

#include "base/mem.h"
#include "imaging/imager/identity.h"
#include "imaging/imager/report.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

/* A machine with more is a disk array, whose systems are none of ours. */
#define DEVICES_MAX 256

struct found {
	struct node_keys keys;
	int64_t written_s;
	bool any;
};

static void found_free(struct found *f)
{
	node_keys_clear(&f->keys);
}

/* Of several systems the one that was written last: it is the one that was installed last. */
static int read_mounted(const struct look *l, const char *at, struct found *best, struct err *err)
{
	autoclose int fd = fs_open_dir(at, err);
	struct node_keys keys = { 0 };
	int64_t written_s = 0;
	int rc = fd < 0 ? -1 : identity_in_tree(fd, l->cluster_id, l->macs, &keys, &written_s, err);

	if (rc > 0 && (!best->any || written_s > best->written_s)) {
		node_keys_clear(&best->keys);
		*best = (struct found){ .keys = keys, .written_s = written_s, .any = true };
		return 0;
	}
	node_keys_clear(&keys);
	return rc < 0 ? -1 : 0;
}

static int mount_and_read(const struct look *l, const char *device, const char *type, struct found *best, struct err *err)
{
	autofree char *at = fs_join(l->where, "look");
	struct err why = { 0 };
	int rc;

	if (fs_mkdirs(at, 0700, err) < 0 || l->ops->mount(device, type, at, err) < 0)
		return -1;
	rc = read_mounted(l, at, best, err);
	if (l->ops->unmount(at, &why) < 0) {
		report_error(&why);
		rc = -1;
	}
	return rc;
}

static int look_at(const struct look *l, const char *device, struct found *best, struct err *err)
{
	autofree char *type = NULL;
	struct err why = { 0 };
	bool was = false;
	int rc;

	if (l->ops->type(device, &type, err) < 0)
		return -1;
	if (!type[0])
		return 0;
	/* Mounted read-only, ext4 still notes an error that it meets in its superblock: only a device that takes no write
	 * prevents that. */
	if (l->ops->set_read_only(device, true, &was, err) < 0)
		return -1;
	rc = mount_and_read(l, device, type, best, err);
	if (!was && l->ops->set_read_only(device, false, &was, &why) < 0)
		report_error(&why);
	return rc;
}

static void look_at_all(const struct look *l, struct found *best)
{
	autoclean(str_list_free) struct str_list devices = { 0 };
	struct err why = { 0 };

	if (l->ops->devices(&devices, &why) < 0)
		report_error(&why);
	for (size_t i = 0; i < devices.len && i < DEVICES_MAX; i++) {
		why = (struct err){ 0 };
		if (look_at(l, devices.items[i], best, &why) < 0)
			report_line("no identity is taken from %s: %s", devices.items[i], why.text);
	}
}

int identity_on_disks(const struct look *l, struct node_keys *out, struct err *err)
{
	autoclean(str_list_free) struct str_list started = { 0 };
	autoclean(found_free) struct found best = { 0 };

	if (fs_mkdirs(l->where, 0700, err) < 0)
		return -1;
	if (l->ops->start_arrays(&started, err) < 0) {
		report_error(err);
		*err = (struct err){ 0 };
	}
	look_at_all(l, &best);
	l->ops->stop_arrays(&started);
	if (!best.any)
		return 0;
	*out = best.keys;
	best.keys = (struct node_keys){ 0 };
	return 1;
}
