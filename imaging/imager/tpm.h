/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's secrets in its TPM 2.0, by tpm2-tools: a sealed object at a fixed persistent handle, so that a machine is the
 * same one at its next network boot, whatever became of its disks. */
#ifndef ORTHRUS_IMAGER_TPM_H
#define ORTHRUS_IMAGER_TPM_H

#include "base/err.h"
#include "sys/keys_csr.h"

#include <stdint.h>

#define TPM_DEVICE "/dev/tpmrm0"
#define TPM_HANDLE "0x81004f52" /* of the owner's range (TCG registry of handles, 2.3.1) */

struct tpm {
	const char *tcti; /* of tpm2-tools: "device:/dev/tpmrm0" */
	const char *work; /* a directory of mode 0700 in memory, for what the TPM hands out encrypted */
};

/* The 64 bytes of node_keys_pack(). 1: they are in `raw`, wipe them after use; 0: the TPM keeps nothing at the handle; -1: it
 * can't be used, or what is there is not ours (ERR_REFUSED). */
int tpm_unseal(const struct tpm *t, uint8_t raw[NODE_KEYS_RAW_LEN], struct err *err) WARN_UNUSED;
/* Keeps them there from now on. Nothing that is at the handle is replaced: then ERR_EXISTS. The object never leaves this TPM
 * (fixedTPM, fixedParent), and no failed try locks it (noDA). */
int tpm_seal(const struct tpm *t, const uint8_t raw[NODE_KEYS_RAW_LEN], struct err *err) WARN_UNUSED;

#endif
