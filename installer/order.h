/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An order: all that one node needs to install itself, approved by the administrator. The head writes it, the imager obeys it. */
#ifndef ORTHRUS_INSTALLER_ORDER_H
#define ORTHRUS_INSTALLER_ORDER_H

#include "base/digest.h"
#include "base/err.h"
#include "base/json.h"
#include "base/plan.h"
#include "base/str.h"
#include "installer/order_files.h"
#include "installer/order_network.h"
#include "raidsetup/raidsetup.h"
#include "site/layout.h"

#include <stdbool.h>
#include <stdint.h>

/* What a node that runs its image from memory needs beside the squashfs: for the kernel, its programs and what they write. */
#define DISKLESS_ROOM_BYTES (UINT64_C(384) << 20)
/* The "step" by which the imager tells the head that this failed. */
#define DISKLESS_STEP "diskless"

struct order {
	char *install_id; /* 32 hex digits; also the seed of every identifier made */
	char *node, *domain, *cluster_id;
	char *image_name, *image_id;
	char *manifest_digest; /* hex: the very image that was approved */
	uint64_t min_sequence;
	char *plan_digest; /* hex of the disk plan shown; NULL: not shown (--accept-disks-unseen) */
	struct layout layout;
	struct str_list kernel_args;
	char *serial_console; /* or NULL */
	char *timezone;
	char *admin_keys; /* or NULL */
	struct str_list ntp;
	struct str_list hosts;		/* lines for /etc/hosts */
	char *mac;			/* of the interface to configure */
	struct str_list more_macs;	/* of the node's others: one address for whichever of them has the cable */
	struct order_networks networks; /* none: addresses by DHCPv4, on whichever of those MACs has the cable */
	char *server_url;		/* where to report after boot */
	bool no_cast;			/* the image comes over HTTPS alone */
	struct order_files files;	/* of the site's templates: beside, or in place of, ours */
};
int order_read(struct json_obj *o, struct order *out, struct err *err) WARN_UNUSED;
void order_print(const struct order *order, struct json_out *w, const char *key);
void order_free(struct order *order);

/* Pure: the whole installation as steps, disks first (raid_plan), then restore, host files, boot loader, verify. `result` is what
 * raid_plan decided. Head (to show) and imager (to do) call this with the same input and get the same plan, digest and
 * identifiers. */
int install_plan(const struct order *order, const struct disks *disks, struct plan *plan, struct raid_result *result,
		 struct err *err) WARN_UNUSED;
/* The digest that order.plan_digest must equal: of install_plan's steps, with what lies on the disks left out. Which disks are
 * used and what becomes of them is approved; leftovers of the same order's first try (a power cut) must not void the approval.
 * Lower-case hex. */
int install_digest(const struct order *order, const struct disks *disks, char hex[DIGEST_HEX_LEN], struct err *err) WARN_UNUSED;
enum install_step {
	INSTALL_DISK_TEST = 200,
	INSTALL_RESTORE,
	INSTALL_HOST_FILES,
	INSTALL_BOOT_LOADER,
	INSTALL_VERIFY,
	INSTALL_UNMOUNT
};

#endif
