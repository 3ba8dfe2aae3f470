/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks for the identity of the system that is on this machine's disks, and writes nothing: not a journal, not a superblock of an
 * array, not a note of an error. */
#ifndef ORTHRUS_IMAGER_IDENTITY_DISK_H
#define ORTHRUS_IMAGER_IDENTITY_DISK_H

#include "base/err.h"
#include "base/str.h"
#include "sys/keys_csr.h"

#include <stdbool.h>

/* What touches the machine: a table, so that a test can try the rest without disks. */
struct look_ops {
	/* Block devices that hold a file system of ours may be: partitions, disks without any, running arrays; "/dev/sda2". */
	int (*devices)(struct str_list *out, struct err *err);
	/* "ext4", "xfs", "" for all else; the caller frees. */
	int (*type)(const char *device, char **out, struct err *err);
	/* Makes a device refuse every write, whoever asks; *was: it did so before. */
	int (*set_read_only)(const char *device, bool on, bool *was, struct err *err);
	int (*mount)(const char *device, const char *type, const char *where, struct err *err);
	int (*unmount)(const char *where, struct err *err);
	/* Arrays that do not run yet are started read-only; which, goes to `started`, for stop(). */
	int (*start_arrays)(struct str_list *started, struct err *err);
	void (*stop_arrays)(const struct str_list *started);
};
extern const struct look_ops look_ops;

/* What `mdadm --examine` says of one device: of which array of ours (metadata 1.x) it is a member. */
#define LOOK_UUID_LEN 35 /* mdadm's form: four groups of eight digits */
struct look_member {
	char uuid[LOOK_UUID_LEN + 1]; /* "": of none */
	bool changes; /* the array is being given another shape: mdadm would go on with that, and write, even where
		       * it is told to read only */
};
/* Pure. */
void look_member_read(const char *text, struct look_member *out);

struct look {
	const struct look_ops *ops;  /* &look_ops */
	const char *where;	     /* a directory of mode 0700; file systems are mounted at one below it, one by one */
	const char *cluster_id;	     /* of which cluster */
	const struct str_list *macs; /* the addresses of this machine */
};
/* The newest identity that identity_in_tree() takes: 1 found, 0 none. Everything is unmounted and stopped again, whatever
 * happens. What can't be looked at is said on the console and passed over. */
int identity_on_disks(const struct look *l, struct node_keys *out, struct err *err) WARN_UNUSED;

#endif
