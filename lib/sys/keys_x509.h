/* SPDX-License-Identifier: GPL-2.0-or-later */
/* X.509 certificates as PEM texts, so that libcrypto's types stay in one file (RFC 5280; keys are ECDSA P-256). */
#ifndef ORTHRUS_SYS_KEYS_X509_H
#define ORTHRUS_SYS_KEYS_X509_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

enum x509_use { X509_USE_CA, X509_USE_SERVER, X509_USE_ADMIN, X509_USE_NODE };

/* What a certificate shall say. */
struct x509_spec {
	enum x509_use use;
	const char *name;		      /* common name; cut to the 64 bytes that X.520 allows */
	const struct str_list *names, *addrs; /* subject alternative names: DNS names and numeric addresses; may be NULL */
	int64_t wall_s;			      /* the time now */
	unsigned int days, hours;	      /* their sum is how long it is good from now; never longer than its issuer */
};

/* A new private key (PKCS#8 PEM); wipe `pem` after use. */
int x509_key_make(struct buf *pem, struct err *err) WARN_UNUSED;
/* A certificate for `key`, signed by the CA; with `ca_crt` NULL it is signed by `key` itself. Good from 1970 on: a machine whose
 * clock lost its battery must still be able to check it. */
int x509_issue(const struct x509_spec *spec, const struct buf *key, const struct buf *ca_crt, const struct buf *ca_key,
	       struct buf *crt, struct err *err) WARN_UNUSED;
/* A certificate for whoever made this request (PKCS#10 PEM, RFC 2986), signed by the CA. Only the key is taken from the request:
 * what the certificate says is in `spec`. ERR_INVALID when the request is not
 * signed by the key in it, or that key is not ECDSA P-256. */
int x509_issue_request(const struct x509_spec *spec, const struct buf *request, const struct buf *ca_crt,
		       const struct buf *ca_key, struct buf *crt, struct err *err) WARN_UNUSED;
/* Only check it. *spki is the SHA-256 of the key's SubjectPublicKeyInfo. The bytes may be anybody's. */
int x509_request_check(const char *pem, size_t len, struct digest *spki, struct err *err) WARN_UNUSED;
/* The last second in which `crt` is good; ERR_DAMAGED when it is no certificate. */
int x509_until(const struct buf *crt, int64_t *wall_s, struct err *err) WARN_UNUSED;
/* ERR_DAMAGED unless `crt` belongs to `key`. */
int x509_check_pair(const struct buf *crt, const struct buf *key, struct err *err) WARN_UNUSED;
/* ERR_DAMAGED unless the CA signed `crt`, and it has exactly these names and addresses, and `days_left` at least. The text says
 * which. */
int x509_check_issued(const struct x509_spec *spec, const struct buf *crt, const struct buf *ca_crt, unsigned int days_left,
		      struct err *err) WARN_UNUSED;

#endif
