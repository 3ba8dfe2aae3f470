/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cluster's keys: an Ed25519 signing key (libsodium) and an X.509 CA with the certificates it issues (OpenSSL). */
#ifndef ORTHRUS_SYS_KEYS_H
#define ORTHRUS_SYS_KEYS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

struct sign_key {
	uint8_t secret[64]; /* wiped by sign_key_clear */
	uint8_t public[32];
};
struct verify_key {
	uint8_t public[32];
};
#define SIGNATURE_LEN 64
#define KEY_ID_LEN 17 /* hex of the first 8 bytes of SHA-256 of the public key, with NUL */

int sign_key_create(const char *path, struct err *err) WARN_UNUSED; /* mode 0600; an existing one is ERR_EXISTS */
int sign_key_load(const char *path, struct sign_key *out,
		  struct err *err) WARN_UNUSED; /* refuses a missing, empty, short or readable-by-others file */
int sign_key_make(struct sign_key *out, struct err *err) WARN_UNUSED; /* a fresh one, in memory only */
void sign_key_clear(struct sign_key *k);
int verify_key_load(const char *path, struct verify_key *out, struct err *err) WARN_UNUSED; /* hex text, 64 digits */
void verify_key_of(const struct sign_key *k, struct verify_key *out);
void verify_key_print(const struct verify_key *k, char hex[65]);
void verify_key_id(const struct verify_key *k, char out[KEY_ID_LEN]);
int sign_bytes(const struct sign_key *k, const void *data, size_t len, uint8_t sig[SIGNATURE_LEN], struct err *err) WARN_UNUSED;
/* 0 only when the signature is right; anything else is -1 with ERR_DAMAGED. */
int verify_bytes(const struct verify_key *k, const void *data, size_t len, const uint8_t *sig, size_t sig_len,
		 struct err *err) WARN_UNUSED;
/* From the kernel; ends the process if it can't. */
void random_bytes(void *out, size_t len);

/* PKI directory (/var/lib/orthrus/pki, mode 0700): ca.key ca.crt server.key server.crt sign.key sign.pub cluster-id. Created
 * whole on first use. A part that is missing or does not fit later is refused, never made again: every node trusts the old one.
 */
struct pki_paths {
	char *ca_crt, *server_crt, *server_key, *sign_key, *sign_pub, *cluster_id;
};
/* Make what is missing; the server certificate names `names` and `addrs` (numeric) and is made anew when they differ or it is
 * near its end. */
int pki_ensure(const char *dir, const char *cluster, const struct str_list *names, const struct str_list *addrs,
	       struct pki_paths *out, struct err *err) WARN_UNUSED;
/* Makes nothing. -1 (ERR_REFUSED or ERR_DAMAGED): the directory or a part of it is missing, is no key, or a key that others may
 * read; of the server's pair that both are missing is none of it. */
int pki_check(const char *dir, struct err *err) WARN_UNUSED;
void pki_paths_free(struct pki_paths *p);
/* The cluster's identity as written in the file `cluster_id` (32 hex digits); the caller frees. */
int cluster_id_load(const char *path, char **id, struct err *err) WARN_UNUSED;
/* A client certificate signed by the CA (for an administrator's machine): writes NAME.key and NAME.crt into `out_dir`, both or
 * neither. A file that is there already is ERR_EXISTS: it may be the only copy of a key in use. */
int pki_issue_client(const char *dir, const char *name, const char *out_dir, struct err *err) WARN_UNUSED;
/* A certificate for the machine that made this request (PKCS#10 PEM): node NAME, good for 24 hours. */
int pki_issue_node(const char *dir, const char *name, const struct buf *request, struct buf *crt, struct err *err) WARN_UNUSED;
/* When the certificate in this file ends: "2027-11-21T05:30:00Z". */
#define PKI_UNTIL_LEN 21
int pki_until(const char *crt_path, char out[PKI_UNTIL_LEN], struct err *err) WARN_UNUSED;

#endif
