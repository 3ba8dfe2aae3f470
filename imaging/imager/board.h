/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the firmware's table of hardware (SMBIOS 3.7, DSP0134) tells that the kernel does not: memory modules, and whether there
 * is a BMC. Pure. */
#ifndef ORTHRUS_IMAGER_BOARD_H
#define ORTHRUS_IMAGER_BOARD_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct board {
	unsigned int memory_modules; /* slots that hold one (type 17) */
	bool bmc;		     /* an IPMI interface (type 38), or one over the network inside the host (type 42) */
};
/* `table` as the kernel gives it in /sys/firmware/dmi/tables/DMI. ERR_DAMAGED: a structure leaves the table. */
int board_read(const uint8_t *table, size_t len, struct board *out, struct err *err) WARN_UNUSED;

#endif
