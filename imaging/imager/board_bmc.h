/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's baseboard management controller: its maker and its own address on the network (IPMI 2.0). */
#ifndef ORTHRUS_IMAGER_BOARD_BMC_H
#define ORTHRUS_IMAGER_BOARD_BMC_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct board_bmc {
	char *address, *mac; /* NULL: it has none, or does not say */
	char *vendor;	     /* NULL: not known */
};
void board_bmc_free(struct board_bmc *b);

#define BOARD_BMC_ANSWER_MAX 64
/* One question of the table below to the BMC. `answer` begins with the completion code; *len: its room, then its length. */
struct board_bmc_door {
	int (*ask)(void *ctx, uint8_t netfn, uint8_t command, const uint8_t *data, size_t data_len, uint8_t *answer, size_t *len,
		   struct err *err);
	void *ctx;
};
/* Pure but for the door. ERR_DAMAGED: an answer that is not what IPMI says. What the BMC does not have is NULL. */
int board_bmc_read(const struct board_bmc_door *door, struct board_bmc *out, struct err *err) WARN_UNUSED;

/* By the kernel's driver at `device` ("/dev/ipmi0"). ERR_NOT_FOUND: there is no driver, or no BMC. */
int board_bmc_probe(const char *device, struct board_bmc *out, struct err *err) WARN_UNUSED;

#endif
