/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this machine is: its board, memory, processors, network interfaces and disks, as the head wants to know it. */
#ifndef ORTHRUS_IMAGER_INVENTORY_H
#define ORTHRUS_IMAGER_INVENTORY_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "imaging/imager/board_bmc.h"
#include "imaging/imager/lldp.h"
#include "raidsetup/raidsetup.h"

#include <stdbool.h>
#include <stdint.h>

struct nic {
	char *name, *mac, *driver; /* driver "" when unknown */
	bool link;
	uint64_t speed_mbps; /* 0: not known, or no link */
	struct lldp *heard;  /* the switch port at the other end as far as it was heard, else NULL */
};
struct inventory {
	char mac[STR_MAC_LEN]; /* the address that stands for the machine */
	char *boot_id;	       /* the kernel's, new at each boot */
	bool uefi, secure_boot;
	uint64_t memory_bytes, cpus;
	char *vendor, *product, *serial; /* DMI; "" when there is none */
	char *cpu_model;		 /* "" when the kernel does not say */
	uint64_t memory_modules;	 /* 0: not known */
	char *tpm;			 /* "2.0", "1.2"; "" when there is none */
	bool has_bmc;
	struct board_bmc bmc;
	struct nic *nics;
	size_t n_nics;
	struct disks disks;
};

/* Reads /sys, /proc, /dev/ipmi0 and what lldp_listen() heard below `root` ("" for this machine), all but mac and disks. What a
 * machine does not have is left empty. */
int inventory_read(const char *root, struct inventory *out, struct err *err) WARN_UNUSED;
void inventory_free(struct inventory *inv);
/* Appends which switch ports are heard now, and which cards have a link, below `root`: while the text stays the same, the head
 * knows it all. A card that was brought up only now has no link for some seconds. */
void inventory_neighbours(const char *root, struct buf *out);
/* The JSON document of POST /v1/imager/hello. */
void inventory_print(const struct inventory *inv, struct buf *out);

#endif
