/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/keys_csr.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/keys.h"
#include "sys/keys_ssl.h"
#include "sys/keys_x509.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#define CN_MAX 64
#define SCALAR_LEN 32

static void free_number(BIGNUM **n)
{
	BN_clear_free(*n);
}

/* NULL with err. */
static EVP_PKEY *read_key(const struct buf *pem, struct err *err)
{
	autoclean(ssl_free_bio) BIO *bio = pem->len <= NODE_KEY_PEM_MAX ? BIO_new_mem_buf(buf_str(pem), (int)pem->len) : NULL;
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, ssl_no_passphrase, NULL) : NULL;

	ERR_clear_error();
	if (key && ssl_is_p256(key))
		return key;
	EVP_PKEY_free(key);
	err_set(err, ERR_DAMAGED, key ? "the private key is not one of ECDSA P-256" : "the private key cannot be read");
	return NULL;
}

/* A request made with two halves that don't belong together would be refused for ever, without anybody knowing why. */
static bool halves_fit(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	int good = ctx ? EVP_PKEY_pairwise_check(ctx) : 0;

	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return good == 1;
}

static void take_bio(BIO *bio, struct buf *out)
{
	char *data = NULL;
	long len = BIO_get_mem_data(bio, &data);

	if (len > 0)
		buf_add(out, data, (size_t)len);
}

void node_keys_clear(struct node_keys *k)
{
	seal_wipe(&k->tls_pem);
	explicit_bzero(k, sizeof(*k));
}

/* The public half is always worked out, never believed. */
static int find_public(struct node_keys *k, struct err *err)
{
	static const uint8_t zeros[SEAL_KEY_LEN];

	/* What a failed read or a fresh disk block looks like. */
	if (memcmp(k->seal_secret, zeros, sizeof(zeros)) == 0)
		return err_set(err, ERR_DAMAGED, "the key for sealed secrets is all zeros");
	return seal_public(k->seal_secret, k->seal_public, err);
}

int node_keys_make(struct node_keys *out, struct err *err)
{
	*out = (struct node_keys){ 0 };
	buf_reserve(&out->tls_pem, NODE_KEY_PEM_MAX);
	random_bytes(out->seal_secret, sizeof(out->seal_secret));
	if (x509_key_make(&out->tls_pem, err) == 0 && find_public(out, err) == 0)
		return 0;
	node_keys_clear(out);
	return -1;
}

int node_keys_read(const struct buf *tls_pem, const struct buf *seal_text, struct node_keys *out, struct err *err)
{
	autoclean(ssl_free_key) EVP_PKEY *key = NULL;
	char digits[NODE_SEAL_TEXT_LEN];
	size_t len = seal_text->len;
	struct err why = { 0 };
	int rc;

	*out = (struct node_keys){ 0 };
	key = read_key(tls_pem, err);
	if (!key)
		return -1;
	if (!halves_fit(key))
		return err_set(err, ERR_DAMAGED, "the private key's two halves do not belong together");
	if (len && seal_text->data[len - 1] == '\n')
		len--;
	if (len != 2 * SEAL_KEY_LEN)
		return err_set(err, ERR_DAMAGED, "the key for sealed secrets has %zu digits, not %d", len, 2 * SEAL_KEY_LEN);
	memcpy(digits, seal_text->data, len);
	digits[len] = '\0';
	rc = str_unhex(digits, out->seal_secret, SEAL_KEY_LEN, &why);
	explicit_bzero(digits, sizeof(digits));
	if (rc < 0)
		err_set(err, ERR_DAMAGED, "the key for sealed secrets has bytes that are not hex digits");
	else
		rc = find_public(out, err);
	if (rc < 0) {
		node_keys_clear(out);
		return -1;
	}
	buf_reserve(&out->tls_pem, NODE_KEY_PEM_MAX);
	buf_add(&out->tls_pem, tls_pem->data, tls_pem->len);
	return 0;
}

void node_keys_seal_text(const struct node_keys *k, char out[NODE_SEAL_TEXT_LEN])
{
	str_hex(k->seal_secret, SEAL_KEY_LEN, out);
	memcpy(out + NODE_SEAL_TEXT_LEN - 2, "\n", 2);
}

int node_keys_pack(const struct node_keys *k, uint8_t raw[NODE_KEYS_RAW_LEN], struct err *err)
{
	autoclean(ssl_free_key) EVP_PKEY *key = read_key(&k->tls_pem, err);
	autoclean(free_number) BIGNUM *scalar = NULL;

	if (!key)
		return -1;
	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &scalar) != 1 ||
	    BN_bn2binpad(scalar, raw, SCALAR_LEN) != SCALAR_LEN)
		return ssl_failed(err, "take the secret out of a private key");
	memcpy(raw + SCALAR_LEN, k->seal_secret, SEAL_KEY_LEN);
	return 0;
}

/* An ECPrivateKey of RFC 5915 around the scalar, without the public half: libcrypto works that out. */
static EVP_PKEY *key_of_scalar(const uint8_t *scalar)
{
	static const uint8_t before[] = { 0x30, 0x31, 0x02, 0x01, 0x01, 0x04, SCALAR_LEN };
	static const uint8_t after[] = { 0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
	uint8_t der[sizeof(before) + SCALAR_LEN + sizeof(after)];
	const unsigned char *at = der;
	EVP_PKEY *key;

	memcpy(der, before, sizeof(before));
	memcpy(der + sizeof(before), scalar, SCALAR_LEN);
	memcpy(der + sizeof(before) + SCALAR_LEN, after, sizeof(after));
	key = d2i_PrivateKey(EVP_PKEY_EC, NULL, &at, sizeof(der));
	explicit_bzero(der, sizeof(der));
	return key;
}

int node_keys_unpack(const uint8_t raw[NODE_KEYS_RAW_LEN], struct node_keys *out, struct err *err)
{
	autoclean(ssl_free_key) EVP_PKEY *key = key_of_scalar(raw);
	autoclean(ssl_free_bio) BIO *bio = BIO_new(BIO_s_secmem());
	EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
	int good = ctx ? EVP_PKEY_private_check(ctx) : 0;

	*out = (struct node_keys){ 0 };
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	/* Zero, or beyond the order of the curve. */
	if (good != 1)
		return err_set(err, ERR_DAMAGED, "these bytes are no private key of ECDSA P-256");
	if (!bio || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		return ssl_failed(err, "write a private key");
	memcpy(out->seal_secret, raw + SCALAR_LEN, SEAL_KEY_LEN);
	if (find_public(out, err) < 0) {
		node_keys_clear(out);
		return -1;
	}
	buf_reserve(&out->tls_pem, NODE_KEY_PEM_MAX);
	take_bio(bio, &out->tls_pem);
	return 0;
}

int node_keys_fingerprint(const struct node_keys *k, struct digest *out, struct err *err)
{
	autoclean(ssl_free_key) EVP_PKEY *key = read_key(&k->tls_pem, err);
	struct digest_ctx *ctx;
	unsigned char *der = NULL;
	struct digest spki;
	int n;

	if (!key)
		return -1;
	n = i2d_PUBKEY(key, &der);
	if (n <= 0)
		return ssl_failed(err, "encode a public key");
	digest_of(der, (size_t)n, &spki);
	OPENSSL_free(der);
	ctx = digest_new();
	digest_add(ctx, spki.bytes, DIGEST_LEN);
	digest_add(ctx, k->seal_public, SEAL_KEY_LEN);
	digest_end(ctx, out);
	return 0;
}

int x509_request_make(const struct buf *key_pem, const char *name, struct buf *csr, struct err *err)
{
	autoclean(ssl_free_key) EVP_PKEY *key = read_key(key_pem, err);
	autoclean(ssl_free_request) X509_REQ *req = X509_REQ_new();
	autoclean(ssl_free_bio) BIO *bio = BIO_new(BIO_s_mem());
	autofree char *cut = mem_strndup(name, strnlen(name, CN_MAX));

	if (!key)
		return -1;
	if (!req || !bio || !X509_REQ_set_version(req, X509_REQ_VERSION_1) ||
	    !X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_UTF8, (const unsigned char *)cut, -1, -1,
					0) ||
	    !X509_REQ_set_pubkey(req, key) || !X509_REQ_sign(req, key, EVP_sha256()) || PEM_write_bio_X509_REQ(bio, req) != 1)
		return ssl_failed(err, "make a certificate request");
	take_bio(bio, csr);
	return 0;
}
