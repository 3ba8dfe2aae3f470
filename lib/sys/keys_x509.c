/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/keys_x509.h"

#include "base/mem.h"
#include "sys/keys.h"
#include "sys/keys_ssl.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#define CN_MAX 64
#define DAY_S INT64_C(86400)
#define HOUR_S INT64_C(3600)
#define REQUEST_MAX 4096 /* one for P-256 has some 400 bytes */

static void free_crt(X509 **c)
{
	X509_free(*c);
}
static void free_ctx(EVP_PKEY_CTX **c)
{
	EVP_PKEY_CTX_free(*c);
}
static void free_names(GENERAL_NAMES **n)
{
	GENERAL_NAMES_free(*n);
}
static void free_time(ASN1_TIME **t)
{
	ASN1_TIME_free(*t);
}

static EVP_PKEY *read_key(const struct buf *pem)
{
	autoclean(ssl_free_bio) BIO *bio = BIO_new_mem_buf(buf_str(pem), (int)pem->len);

	return bio ? PEM_read_bio_PrivateKey(bio, NULL, ssl_no_passphrase, NULL) : NULL;
}

static X509 *read_crt(const struct buf *pem)
{
	autoclean(ssl_free_bio) BIO *bio = BIO_new_mem_buf(buf_str(pem), (int)pem->len);

	return bio ? PEM_read_bio_X509(bio, NULL, ssl_no_passphrase, NULL) : NULL;
}

static void take_bio(BIO *bio, struct buf *out)
{
	char *data = NULL;
	long len = BIO_get_mem_data(bio, &data);

	if (len > 0)
		buf_add(out, data, (size_t)len);
}

int x509_key_make(struct buf *pem, struct err *err)
{
	autoclean(ssl_free_key) EVP_PKEY *key = EVP_EC_gen("P-256");
	autoclean(ssl_free_bio) BIO *bio = BIO_new(BIO_s_secmem());

	if (!key || !bio || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		return ssl_failed(err, "make a private key");
	take_bio(bio, pem);
	return 0;
}

/* "dns:n01" and "ip:10.0.0.1", sorted, each once: what names a certificate has, comparable. */
static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void canonical(struct str_list *list)
{
	size_t kept = 0;

	if (!list->len)
		return;
	qsort(list->items, list->len, sizeof(*list->items), by_text);
	for (size_t i = 0; i < list->len; i++) {
		if (kept && str_eq(list->items[kept - 1], list->items[i]))
			free(list->items[i]);
		else
			list->items[kept++] = list->items[i];
	}
	list->items[kept] = NULL;
	list->len = kept;
}

static int wanted_names(const struct x509_spec *spec, struct str_list *out, struct err *err)
{
	for (size_t i = 0; spec->names && i < spec->names->len; i++)
		str_list_addf(out, "dns:%s", spec->names->items[i]);
	for (size_t i = 0; spec->addrs && i < spec->addrs->len; i++) {
		uint8_t raw[16];
		char text[INET6_ADDRSTRLEN];
		int family = strchr(spec->addrs->items[i], ':') ? AF_INET6 : AF_INET;

		if (inet_pton(family, spec->addrs->items[i], raw) != 1)
			return err_set(err, ERR_INVALID, "a certificate cannot name the address '%s'", spec->addrs->items[i]);
		inet_ntop(family, raw, text, sizeof(text));
		str_list_addf(out, "ip:%s", text);
	}
	canonical(out);
	return 0;
}

static void names_in(const X509 *crt, struct str_list *out)
{
	autoclean(free_names) GENERAL_NAMES *names = X509_get_ext_d2i(crt, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);
		const ASN1_STRING *s = n->type == GEN_DNS ? n->d.dNSName : n->type == GEN_IPADD ? n->d.iPAddress : NULL;
		const uint8_t *data = s ? ASN1_STRING_get0_data(s) : NULL;
		int len = s ? ASN1_STRING_length(s) : 0;
		char text[INET6_ADDRSTRLEN];

		if (n->type == GEN_IPADD && (len == 4 || len == 16))
			str_list_addf(out, "ip:%s", inet_ntop(len == 4 ? AF_INET : AF_INET6, data, text, sizeof(text)));
		else if (n->type == GEN_DNS && data)
			str_list_addf(out, "dns:%.*s", len, (const char *)data);
		else
			str_list_add(out, "other");
	}
	canonical(out);
}

static int add_alt_names(X509 *crt, const struct str_list *wanted)
{
	autoclean(free_names) GENERAL_NAMES *names = GENERAL_NAMES_new();

	for (size_t i = 0; names && i < wanted->len; i++) {
		bool ip = str_starts(wanted->items[i], "ip:");
		GENERAL_NAME *n =
			a2i_GENERAL_NAME(NULL, NULL, NULL, ip ? GEN_IPADD : GEN_DNS, strchr(wanted->items[i], ':') + 1, 0);

		if (!n || !sk_GENERAL_NAME_push(names, n))
			return 0;
	}
	return names && X509_add1_ext_i2d(crt, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
}

static int add_ext(X509 *crt, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	int ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, crt, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext && X509_add_ext(crt, ext, -1);
	X509_EXTENSION_free(ext);
	return ok;
}

static int add_extensions(X509 *crt, X509 *issuer, enum x509_use use)
{
	bool ca = use == X509_USE_CA;

	return add_ext(crt, issuer, NID_basic_constraints, ca ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") &&
	       add_ext(crt, issuer, NID_key_usage, ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature") &&
	       add_ext(crt, issuer, NID_subject_key_identifier, "hash") &&
	       add_ext(crt, issuer, NID_authority_key_identifier, "keyid") &&
	       (ca || add_ext(crt, issuer, NID_ext_key_usage, use == X509_USE_SERVER ? "serverAuth" : "clientAuth"));
}

static int add_name(X509_NAME *name, const char *field, const char *value)
{
	autofree char *cut = mem_strndup(value, strnlen(value, CN_MAX));

	return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)cut, -1, -1, 0);
}

/* The unit says what the holder may do: http_server reads it back. */
static int set_subject(X509 *crt, const struct x509_spec *spec)
{
	static const char *const units[] = {
		[X509_USE_CA] = "ca", [X509_USE_SERVER] = "server", [X509_USE_ADMIN] = "admin", [X509_USE_NODE] = "node"
	};
	X509_NAME *name = X509_get_subject_name(crt);

	return add_name(name, "O", "orthrus") && add_name(name, "OU", units[spec->use]) && add_name(name, "CN", spec->name);
}

static int set_serial(X509 *crt)
{
	uint8_t raw[16];
	BIGNUM *n;
	int ok;

	random_bytes(raw, sizeof(raw));
	raw[0] = (raw[0] & 0x7f) | 0x40; /* positive, and always of the same length */
	n = BN_bin2bn(raw, sizeof(raw), NULL);
	ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(crt));
	BN_free(n);
	return ok;
}

static int set_times(X509 *crt, const X509 *issuer, const struct x509_spec *spec)
{
	time_t end = (time_t)(spec->wall_s + DAY_S * spec->days + HOUR_S * spec->hours);

	if (issuer && ASN1_TIME_cmp_time_t(X509_get0_notAfter(issuer), end) < 0)
		return X509_set1_notAfter(crt, X509_get0_notAfter(issuer)) && ASN1_TIME_set(X509_getm_notBefore(crt), 0);
	return ASN1_TIME_set(X509_getm_notAfter(crt), end) && ASN1_TIME_set(X509_getm_notBefore(crt), 0);
}

/* For the public half of `key`; without `ca_crt` it signs itself. */
static int issue(const struct x509_spec *spec, EVP_PKEY *key, const struct buf *ca_crt, const struct buf *ca_key, struct buf *out,
		 struct err *err)
{
	autoclean(str_list_free) struct str_list wanted = { 0 };
	autoclean(ssl_free_key) EVP_PKEY *issuer_key = ca_crt ? read_key(ca_key) : NULL;
	autoclean(free_crt) X509 *issuer = ca_crt ? read_crt(ca_crt) : NULL;
	autoclean(free_crt) X509 *crt = X509_new();
	autoclean(ssl_free_bio) BIO *bio = BIO_new(BIO_s_mem());
	X509 *by = issuer ? issuer : crt;

	if (wanted_names(spec, &wanted, err) < 0)
		return -1;
	if (!key || !crt || !bio || (ca_crt && (!issuer || !issuer_key)))
		return ssl_failed(err, "read the keys for a certificate");
	if (!X509_set_version(crt, X509_VERSION_3) || !set_serial(crt) || !set_times(crt, issuer, spec) ||
	    !set_subject(crt, spec) || !X509_set_issuer_name(crt, X509_get_subject_name(by)) || !X509_set_pubkey(crt, key) ||
	    !add_extensions(crt, by, spec->use) || (wanted.len && !add_alt_names(crt, &wanted)) ||
	    !X509_sign(crt, issuer ? issuer_key : key, EVP_sha256()) || PEM_write_bio_X509(bio, crt) != 1)
		return ssl_failed(err, "make a certificate");
	take_bio(bio, out);
	return 0;
}

int x509_issue(const struct x509_spec *spec, const struct buf *key_pem, const struct buf *ca_crt, const struct buf *ca_key,
	       struct buf *out, struct err *err)
{
	autoclean(ssl_free_key) EVP_PKEY *key = read_key(key_pem);

	return issue(spec, key, ca_crt, ca_key, out, err);
}

/* Type and length first, then the signature: whoever asks holds the private half. NULL with err. The key belongs to *request. */
static EVP_PKEY *read_request(const char *pem, size_t len, X509_REQ **request, struct err *err)
{
	autoclean(ssl_free_bio) BIO *bio = len <= REQUEST_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
	EVP_PKEY *key;

	*request = bio ? PEM_read_bio_X509_REQ(bio, NULL, ssl_no_passphrase, NULL) : NULL;
	key = *request ? X509_REQ_get0_pubkey(*request) : NULL;
	if (!key)
		err_set(err, ERR_INVALID, "the certificate request cannot be read");
	else if (!ssl_is_p256(key))
		err_set(err, ERR_INVALID, "the certificate request is not for a key of ECDSA P-256");
	else if (X509_REQ_verify(*request, key) != 1)
		err_set(err, ERR_INVALID, "the certificate request is not signed by its own key");
	else
		return key;
	ERR_clear_error();
	return NULL;
}

int x509_issue_request(const struct x509_spec *spec, const struct buf *request, const struct buf *ca_crt,
		       const struct buf *ca_key, struct buf *crt, struct err *err)
{
	autoclean(ssl_free_request) X509_REQ *req = NULL;
	EVP_PKEY *key = read_request(buf_str(request), request->len, &req, err);

	return key ? issue(spec, key, ca_crt, ca_key, crt, err) : -1;
}

int x509_request_check(const char *pem, size_t len, struct digest *spki, struct err *err)
{
	autoclean(ssl_free_request) X509_REQ *req = NULL;
	EVP_PKEY *key = read_request(pem, len, &req, err);
	unsigned char *der = NULL;
	int n = key ? i2d_PUBKEY(key, &der) : 0;

	if (!key)
		return -1;
	if (n <= 0)
		return ssl_failed(err, "encode the key of a certificate request");
	digest_of(der, (size_t)n, spki);
	OPENSSL_free(der);
	return 0;
}

int x509_until(const struct buf *crt_pem, int64_t *wall_s, struct err *err)
{
	autoclean(free_crt) X509 *crt = read_crt(crt_pem);
	autoclean(free_time) ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days, seconds;

	ERR_clear_error();
	if (!crt || !epoch || !ASN1_TIME_diff(&days, &seconds, epoch, X509_get0_notAfter(crt)))
		return err_set(err, ERR_DAMAGED, "the certificate cannot be read");
	*wall_s = days * DAY_S + seconds;
	return 0;
}

int x509_check_pair(const struct buf *crt_pem, const struct buf *key_pem, struct err *err)
{
	autoclean(ssl_free_key) EVP_PKEY *key = read_key(key_pem);
	autoclean(free_crt) X509 *crt = read_crt(crt_pem);
	autoclean(free_ctx) EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
	/* X509_check_private_key looks at public halves only: a hurt private half is seen by the pairwise check. */
	int same = ctx && crt && X509_check_private_key(crt, key) == 1 && EVP_PKEY_pairwise_check(ctx) == 1;

	ERR_clear_error();
	if (!key || !crt)
		return err_set(err, ERR_DAMAGED, "the %s cannot be read", crt ? "private key" : "certificate");
	return same ? 0 : err_set(err, ERR_DAMAGED, "the certificate is not for this private key");
}

int x509_check_issued(const struct x509_spec *spec, const struct buf *crt_pem, const struct buf *ca_pem, unsigned int days_left,
		      struct err *err)
{
	autoclean(str_list_free) struct str_list wanted = { 0 };
	autoclean(str_list_free) struct str_list has = { 0 };
	autoclean(free_crt) X509 *crt = read_crt(crt_pem);
	autoclean(free_crt) X509 *ca = read_crt(ca_pem);
	int signed_by_ca = crt && ca && X509_verify(crt, X509_get0_pubkey(ca)) == 1;
	bool same;

	ERR_clear_error();
	if (!signed_by_ca)
		return err_set(err, ERR_DAMAGED, "the certificate is not signed by this cluster's CA");
	if (ASN1_TIME_cmp_time_t(X509_get0_notAfter(crt), (time_t)(spec->wall_s + DAY_S * days_left)) < 0)
		return err_set(err, ERR_DAMAGED, "the certificate ends within %u days", days_left);
	if (wanted_names(spec, &wanted, err) < 0)
		return -1;
	names_in(crt, &has);
	same = wanted.len == has.len;
	for (size_t i = 0; same && i < has.len; i++)
		same = str_eq(wanted.items[i], has.items[i]);
	return same ? 0 : err_set(err, ERR_DAMAGED, "the certificate has other names");
}
