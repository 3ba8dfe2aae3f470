/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For lib/sys/keys_*.c alone: what they all need around libcrypto's types. */
#ifndef ORTHRUS_SYS_KEYS_SSL_H
#define ORTHRUS_SYS_KEYS_SSL_H

#include "base/err.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

/* For autoclean. */
void ssl_free_key(EVP_PKEY **k);
void ssl_free_bio(BIO **b);
void ssl_free_request(X509_REQ **r);

/* -1: libcrypto's own words behind `what`; its queue of errors is empty then. */
int ssl_failed(struct err *err, const char *what);
/* A pem_password_cb: an encrypted key would make libcrypto ask at the terminal. */
int ssl_no_passphrase(char *out, int size, int rwflag, void *ctx);
bool ssl_is_p256(const EVP_PKEY *key);

#endif
