/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The public key of a certificate as a fingerprint: for servers that no CA vouches for, but whose key an administrator has seen.
 */
#ifndef ORTHRUS_SYS_KEYS_SPKI_H
#define ORTHRUS_SYS_KEYS_SPKI_H

#include "base/digest.h"
#include "base/err.h"

#include <stddef.h>

/* SHA-256 of the SubjectPublicKeyInfo (RFC 7469 section 2.4) of the first certificate in this PEM text, which may be anybody's.
 * ERR_DAMAGED when there is none. */
int spki_of_certificate(const char *pem, size_t len, struct digest *out, struct err *err) WARN_UNUSED;
/* The form in which libcurl takes it: "sha256//" and base64. */
#define SPKI_PIN_LEN 53
void spki_pin(const struct digest *spki, char out[SPKI_PIN_LEN]);

#endif
