/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What whoever made this machine (a hypervisor, a BMC) wrote into its SMBIOS tables for us: a token that lets it enrol by itself.
 * They do not pass through the network, as the kernel command line does. */
#ifndef ORTHRUS_IMAGER_SMBIOS_H
#define ORTHRUS_IMAGER_SMBIOS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define SMBIOS_TABLE "/sys/firmware/dmi/tables/DMI"
#define SMBIOS_TOKEN_LEN 129 /* 128 bytes of A-Z a-z 0-9 '-' at most, and NUL */

/* Pure. Looks for the OEM string (type 11 of DMTF DSP0134) "io.systemd.credential:orthrus.token=TOKEN"
 * (systemd.system-credentials(7)) in the structure table. 1: found; 0: there is none, as far as the table can be read, for many
 * firmwares' tables have faults; -1 with ERR_INVALID: what follows the '=' is no token. */
int smbios_token(const uint8_t *table, size_t len, char out[SMBIOS_TOKEN_LEN], struct err *err) WARN_UNUSED;
/* The same from SMBIOS_TABLE, or a file like it; a machine without one has no token. */
int smbios_token_read(const char *path, char out[SMBIOS_TOKEN_LEN], struct err *err) WARN_UNUSED;

#endif
