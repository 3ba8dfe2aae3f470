/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a machine makes itself to be known by: an ECDSA P-256 key for TLS, an X25519 key that secrets are sealed to, and the
 * request for a certificate (RFC 2986). The head's half of it is in sys/keys_x509.h. */
#ifndef ORTHRUS_SYS_KEYS_CSR_H
#define ORTHRUS_SYS_KEYS_CSR_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "sys/keys_seal.h"

#include <stddef.h>
#include <stdint.h>

#define NODE_KEY_PEM_MAX 1024			  /* one of P-256 has some 240 bytes */
#define NODE_SEAL_TEXT_LEN (2 * SEAL_KEY_LEN + 2) /* hex digits, newline, NUL */
#define NODE_KEYS_RAW_LEN 64

struct node_keys {
	struct buf tls_pem; /* private key, PKCS#8 PEM */
	uint8_t seal_secret[SEAL_KEY_LEN], seal_public[SEAL_KEY_LEN];
};
/* Wipes, and frees. */
void node_keys_clear(struct node_keys *k);
int node_keys_make(struct node_keys *out, struct err *err) WARN_UNUSED;
/* From the texts of the two files that a machine keeps: a PKCS#8 PEM, and 64 hex digits with or without a newline. What is no
 * key, or no P-256 key, is ERR_DAMAGED; the texts are never in the error's. */
int node_keys_read(const struct buf *tls_pem, const struct buf *seal_text, struct node_keys *out, struct err *err) WARN_UNUSED;
/* The second of these files; wipe it after use. */
void node_keys_seal_text(const struct node_keys *k, char out[NODE_SEAL_TEXT_LEN]);
/* Both secrets in 64 bytes, for where there is little room: the P-256 scalar, then the X25519 scalar. Wipe them after use. */
int node_keys_pack(const struct node_keys *k, uint8_t raw[NODE_KEYS_RAW_LEN], struct err *err) WARN_UNUSED;
/* ERR_DAMAGED when they can't be such secrets. */
int node_keys_unpack(const uint8_t raw[NODE_KEYS_RAW_LEN], struct node_keys *out, struct err *err) WARN_UNUSED;
/* SHA-256( SHA-256(SubjectPublicKeyInfo DER) || X25519 public key ): what stands for the machine. */
int node_keys_fingerprint(const struct node_keys *k, struct digest *out, struct err *err) WARN_UNUSED;

/* A request (PKCS#10 PEM, appended) for a certificate of this key, signed by it. `name` becomes the common name, cut to 64 bytes;
 * the head decides what the certificate says in the end. */
int x509_request_make(const struct buf *key_pem, const char *name, struct buf *csr, struct err *err) WARN_UNUSED;

#endif
