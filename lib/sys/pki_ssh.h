/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cluster's two ssh authorities (PROTOCOL.certkeys of OpenSSH), by ssh-keygen(1): one says which machine is a node, the other
 * lets the heads in there. Keys are Ed25519, in PKI_DIR/ssh (0700): host_ca and user_ca (0600), each with its .pub. */
#ifndef ORTHRUS_SYS_PKI_SSH_H
#define ORTHRUS_SYS_PKI_SSH_H

#include "base/buf.h"
#include "base/err.h"
#include "base/ssh_key.h"
#include "base/str.h"

#include <stdint.h>

enum ssh_ca { SSH_HOST_CA, SSH_USER_CA };

/* Both are made when neither is there, whole or not at all. Half of them, a key that others may read, or a public half of
 * another key is refused, never made again: every node trusts the old one. PKI_DIR must exist. */
int pki_ssh_ensure(const char *pki_dir, struct err *err) WARN_UNUSED;
/* Makes nothing: -1 when one of them is missing or not as it must be. */
int pki_ssh_check(const char *pki_dir, struct err *err) WARN_UNUSED;
/* The authority's public key: "ssh-ed25519 AAAA...". */
int pki_ssh_public(const char *pki_dir, enum ssh_ca ca, char out[SSH_KEY_LEN], struct err *err) WARN_UNUSED;

struct ssh_cert {
	enum ssh_ca ca;
	const char *key;		   /* as ssh_key_read() gives it */
	const char *identity;		   /* what logs show: "n01.cluster.test"; begins with a letter or digit */
	const struct str_list *principals; /* at least one: host names and addresses, or users; nothing with ',' or blanks */
	uint64_t serial;
	uint64_t valid_s; /* from now; a machine whose clock is behind takes it too */
};
/* The certificate as a line of text, with a line break. */
int pki_ssh_sign(const char *pki_dir, const struct ssh_cert *cert, struct buf *out, struct err *err) WARN_UNUSED;
/* A key revocation list (PROTOCOL.krl) of these public keys; their certificates are revoked with them. */
int pki_ssh_krl(const struct str_list *keys, struct buf *out, struct err *err) WARN_UNUSED;
/* A key pair PATH and PATH.pub for this machine, made when PATH is not there. `public` gets its public half. */
int pki_ssh_key(const char *path, const char *comment, char public[SSH_KEY_LEN], struct err *err) WARN_UNUSED;

#endif
