/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/keys_spki.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

static int digest_key(X509 *crt, struct digest *out)
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(crt), &der);

	if (len <= 0)
		return -1;
	digest_of(der, (size_t)len, out);
	OPENSSL_free(der);
	return 0;
}

int spki_of_certificate(const char *pem, size_t len, struct digest *out, struct err *err)
{
	BIO *bio = len <= INT_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
	X509 *crt = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	int rc = crt ? digest_key(crt, out) : -1;

	X509_free(crt);
	BIO_free(bio);
	ERR_clear_error();
	return rc < 0 ? err_set(err, ERR_DAMAGED, "this is no certificate whose key can be read") : 0;
}

void spki_pin(const struct digest *spki, char out[SPKI_PIN_LEN])
{
	static const char before[] = "sha256//";

	_Static_assert(SPKI_PIN_LEN == sizeof(before) + (DIGEST_LEN + 2) / 3 * 4, "form of a pin");
	memcpy(out, before, sizeof(before));
	EVP_EncodeBlock((unsigned char *)out + sizeof(before) - 1, spki->bytes, DIGEST_LEN);
}
