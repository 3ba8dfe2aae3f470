/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/keys_ssl.h"

#include "base/str.h"

#include <openssl/err.h>

void ssl_free_key(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}

void ssl_free_bio(BIO **b)
{
	BIO_free(*b);
}

void ssl_free_request(X509_REQ **r)
{
	X509_REQ_free(*r);
}

int ssl_failed(struct err *err, const char *what)
{
	char text[256];
	unsigned long code = ERR_get_error();

	ERR_error_string_n(code, text, sizeof(text));
	ERR_clear_error();
	return err_set(err, ERR_FAILED, "%s: %s", what, code ? text : "libcrypto says no reason");
}

int ssl_no_passphrase(char *out, int size, int rwflag, void *ctx)
{
	(void)out;
	(void)size;
	(void)rwflag;
	(void)ctx;
	return 0;
}

bool ssl_is_p256(const EVP_PKEY *key)
{
	char group[32] = "";
	size_t len;

	return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof(group), &len) == 1 &&
	       str_eq(group, "prime256v1");
}
