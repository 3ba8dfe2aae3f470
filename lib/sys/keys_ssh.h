/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine proves that it has the private half of an ssh host key, whose public half anybody can read: a signature as ssh-keygen
 * -Y makes it (PROTOCOL.sshsig of OpenSSH) over its node's name, the fingerprint of the keys by which the head knows it, and the
 * host key. So it is of no use to another node, nor after the node got other keys, nor for anything else. */
#ifndef ORTHRUS_SYS_KEYS_SSH_H
#define ORTHRUS_SYS_KEYS_SSH_H

#include "base/buf.h"
#include "base/err.h"
#include "base/ssh_key.h"

#define SSH_PROOF_NAMESPACE "orthrus-host-key"

struct ssh_claim {
	const char *node;
	const char *fingerprint; /* of the node's keys, 64 hex digits */
	const char *key;	 /* as ssh_key_read() gives it */
};

/* Appends the proof (base64, without line breaks); the private key is in the file `key_path`, without a passphrase. */
int ssh_proof_make(const char *key_path, const struct ssh_claim *claim, struct buf *out, struct err *err) WARN_UNUSED;
/* 0 only when `proof` was made for this claim with the private half of its key; all else is ERR_REFUSED. */
int ssh_proof_check(const struct ssh_claim *claim, const char *proof, struct err *err) WARN_UNUSED;

#endif
