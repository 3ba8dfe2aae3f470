/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys fail closed: what is missing, short, readable by others or changed by one bit is refused, and no two keys are alike. */
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/keys.h"
#include "sys/keys_x509.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

struct bench {
	char *dir;
	char *key_path;
	struct sign_key key;
	struct verify_key pub;
};

static int setup(void **state)
{
	struct bench *b = mem_zalloc(sizeof(*b));
	struct err err = { 0 };

	b->dir = mem_strdup("/tmp/orthrus-keys.XXXXXX");
	if (!mkdtemp(b->dir))
		return -1;
	b->key_path = fs_join(b->dir, "sign.key");
	if (sign_key_create(b->key_path, &err) < 0 || sign_key_load(b->key_path, &b->key, &err) < 0) {
		print_error("%s\n", err.text);
		return -1;
	}
	verify_key_of(&b->key, &b->pub);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;
	struct err err = { 0 };
	int rc = fs_remove_tree(b->dir, &err);

	free(b->dir);
	free(b->key_path);
	free(b);
	return rc;
}

static void test_signature_holds_only_for_its_bytes(void **state)
{
	struct bench *b = *state;
	const char text[] = "an image that a node boots is the image that was signed";
	uint8_t sig[SIGNATURE_LEN], bad[SIGNATURE_LEN];
	char changed[sizeof(text)];
	struct err err = { 0 };

	assert_int_equal(sign_bytes(&b->key, text, sizeof(text), sig, &err), 0);
	assert_int_equal(verify_bytes(&b->pub, text, sizeof(text), sig, sizeof(sig), &err), 0);
	for (size_t bit = 0; bit < 8 * sizeof(text); bit++) {
		memcpy(changed, text, sizeof(text));
		changed[bit / 8] ^= (char)(1 << (bit % 8));
		assert_int_equal(verify_bytes(&b->pub, changed, sizeof(changed), sig, sizeof(sig), &err), -1);
		assert_int_equal(err.kind, ERR_DAMAGED);
	}
	for (size_t bit = 0; bit < 8 * sizeof(sig); bit++) {
		memcpy(bad, sig, sizeof(sig));
		bad[bit / 8] ^= (uint8_t)(1 << (bit % 8));
		assert_int_equal(verify_bytes(&b->pub, text, sizeof(text), bad, sizeof(bad), &err), -1);
	}
	assert_int_equal(verify_bytes(&b->pub, text, sizeof(text) - 1, sig, sizeof(sig), &err), -1);
	assert_int_equal(verify_bytes(&b->pub, text, sizeof(text), sig, sizeof(sig) - 1, &err), -1);
	assert_int_equal(verify_bytes(&b->pub, text, sizeof(text), NULL, 0, &err), -1);
}

static void test_a_key_never_loaded_neither_signs_nor_verifies(void **state)
{
	struct sign_key none = { 0 };
	struct verify_key nobody = { 0 };
	uint8_t sig[SIGNATURE_LEN] = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(sign_bytes(&none, "x", 1, sig, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_int_equal(verify_bytes(&nobody, "x", 1, sig, sizeof(sig), &err), -1);
}

static void write_key(const char *path, const char *text, mode_t mode)
{
	struct err err = { 0 };

	assert_int_equal(fs_write_atomic(path, text, strlen(text), mode, &err), 0);
}

static void refuse_key(const char *path)
{
	struct sign_key key, none = { 0 };
	struct err err = { 0 };

	memset(&key, 0xaa, sizeof(key));
	assert_int_equal(sign_key_load(path, &key, &err), -1);
	assert_true(err.text[0] != '\0');
	assert_memory_equal(&key, &none, sizeof(key)); /* nothing half-loaded that could be used */
}

static void test_bad_key_files_are_refused(void **state)
{
	struct bench *b = *state;
	autofree char *path = fs_join(b->dir, "bad.key");
	char good[66], text[140];
	struct sign_key key;
	struct err err = { 0 };

	refuse_key("/nonexistent/sign.key");
	memset(good, '7', 64);
	good[64] = '\n';
	good[65] = '\0';
	write_key(path, good, 0600);
	assert_int_equal(sign_key_load(path, &key, &err), 0);
	for (mode_t mode = 01; mode <= 040; mode <<= 1) {
		write_key(path, good, 0600 | mode);
		refuse_key(path);
	}
	write_key(path, "", 0600);
	refuse_key(path);
	for (int cut = 1; cut < 64; cut++) {
		snprintf(text, sizeof(text), "%.*s", cut, good);
		write_key(path, text, 0600);
		refuse_key(path);
	}
	snprintf(text, sizeof(text), "%s7", good);
	write_key(path, text, 0600);
	refuse_key(path);
	snprintf(text, sizeof(text), "g%s", good + 1);
	write_key(path, text, 0600);
	refuse_key(path);
	memset(text, '0', 64);
	text[64] = '\0';
	write_key(path, text, 0600);
	refuse_key(path);
	unlink(path);
	assert_int_equal(symlink(b->key_path, path), 0);
	refuse_key(path);
}

static void test_an_existing_key_is_never_replaced(void **state)
{
	struct bench *b = *state;
	struct sign_key again;
	struct err err = { 0 };

	assert_int_equal(sign_key_create(b->key_path, &err), -1);
	assert_int_equal(err.kind, ERR_EXISTS);
	assert_int_equal(sign_key_load(b->key_path, &again, &err), 0);
	assert_memory_equal(again.secret, b->key.secret, sizeof(again.secret));
}

static void test_a_key_in_memory(void **state)
{
	struct sign_key a, b;
	struct verify_key v;
	uint8_t sig[SIGNATURE_LEN];
	struct err err = { 0 };

	(void)state;
	assert_int_equal(sign_key_make(&a, &err), 0);
	assert_int_equal(sign_key_make(&b, &err), 0);
	assert_memory_not_equal(a.secret, b.secret, sizeof(a.secret));
	assert_int_equal(sign_bytes(&a, "x", 1, sig, &err), 0);
	verify_key_of(&a, &v);
	assert_int_equal(verify_bytes(&v, "x", 1, sig, sizeof(sig), &err), 0);
	verify_key_of(&b, &v);
	assert_int_equal(verify_bytes(&v, "x", 1, sig, sizeof(sig), &err), -1);
}

static void test_public_key_files(void **state)
{
	struct bench *b = *state;
	autofree char *path = fs_join(b->dir, "x.pub");
	char hex[65], id[KEY_ID_LEN], text[80];
	struct verify_key got;
	struct err err = { 0 };

	verify_key_print(&b->pub, hex);
	verify_key_id(&b->pub, id);
	assert_int_equal(strlen(id), 16);
	snprintf(text, sizeof(text), "%s\n", hex);
	write_key(path, text, 0644);
	assert_int_equal(verify_key_load(path, &got, &err), 0);
	assert_memory_equal(got.public, b->pub.public, sizeof(got.public));
	text[63] = '\0';
	write_key(path, text, 0644);
	assert_int_equal(verify_key_load(path, &got, &err), -1);
	write_key(path, "", 0644);
	assert_int_equal(verify_key_load(path, &got, &err), -1);
}

static void test_keys_and_random_bytes_differ(void **state)
{
	struct bench *b = *state;
	uint8_t seen[16][32], zero[32] = { 0 };
	struct err err = { 0 };

	for (int i = 0; i < 8; i++) {
		autofree char *path = str_format("%s/k%d", b->dir, i);
		struct sign_key k;
		struct stat st;

		assert_int_equal(sign_key_create(path, &err), 0);
		assert_int_equal(sign_key_load(path, &k, &err), 0);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		memcpy(seen[i], k.public, 32);
		random_bytes(seen[8 + i], 32);
	}
	for (int i = 0; i < 16; i++) {
		assert_memory_not_equal(seen[i], zero, 32);
		for (int j = 0; j < i; j++)
			assert_memory_not_equal(seen[i], seen[j], 32);
	}
}

/* --- the PKI directory --- */

static void slurp(const char *path, struct buf *out)
{
	struct err err = { 0 };

	buf_clear(out);
	assert_int_equal(fs_read(path, 65536, out, &err), 0);
}

static void test_pki_is_made_once_and_kept(void **state)
{
	struct bench *b = *state;
	autofree char *dir = fs_join(b->dir, "a/pki");
	autoclean(str_list_free) struct str_list names = { 0 };
	autoclean(str_list_free) struct str_list addrs = { 0 };
	autoclean(pki_paths_free) struct pki_paths p = { 0 };
	autoclean(buf_free) struct buf ca = { 0 };
	autoclean(buf_free) struct buf crt = { 0 };
	autoclean(buf_free) struct buf again = { 0 };
	autofree char *id = NULL;
	struct err err = { 0 };
	struct stat st;

	str_list_add(&names, "head1");
	str_list_add(&addrs, "10.77.0.1");
	assert_int_equal(pki_ensure(dir, "lab", &names, &addrs, &p, &err), 0);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(p.server_key, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(cluster_id_load(p.cluster_id, &id, &err), 0);
	assert_int_equal(strlen(id), 32);
	slurp(p.ca_crt, &ca);
	slurp(p.server_crt, &crt);
	pki_paths_free(&p);
	assert_int_equal(pki_ensure(dir, "lab", &names, &addrs, &p, &err), 0);
	slurp(p.server_crt, &again);
	assert_string_equal(buf_str(&again), buf_str(&crt));
	/* Another name: a new server certificate, the same CA. */
	str_list_add(&addrs, "10.77.0.9");
	pki_paths_free(&p);
	assert_int_equal(pki_ensure(dir, "lab", &names, &addrs, &p, &err), 0);
	slurp(p.server_crt, &again);
	assert_string_not_equal(buf_str(&again), buf_str(&crt));
	slurp(p.ca_crt, &again);
	assert_string_equal(buf_str(&again), buf_str(&ca));
	/* A power cut between key and certificate: the pair does not fit and both are made anew. */
	assert_int_equal(fs_write_atomic(p.server_crt, buf_str(&crt), crt.len, 0644, &err), 0);
	pki_paths_free(&p);
	assert_int_equal(pki_ensure(dir, "lab", &names, &addrs, &p, &err), 0);
	slurp(p.server_crt, &again);
	assert_string_not_equal(buf_str(&again), buf_str(&crt));
}

static void test_pki_parts_are_never_remade(void **state)
{
	static const char *const parts[] = { "ca.key", "ca.crt", "sign.key", "sign.pub", "cluster-id" };
	struct bench *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		autofree char *dir = str_format("%s/pki-%s", b->dir, parts[i]);
		autofree char *part = fs_join(dir, parts[i]);
		autoclean(pki_paths_free) struct pki_paths p = { 0 };
		autoclean(buf_free) struct buf old = { 0 };
		struct err err = { 0 };

		assert_int_equal(pki_ensure(dir, "lab", NULL, NULL, &p, &err), 0);
		assert_false(fs_exists(p.server_crt)); /* no names asked for: no server certificate */
		pki_paths_free(&p);
		slurp(part, &old);
		assert_int_equal(unlink(part), 0);
		assert_int_equal(pki_ensure(dir, "lab", NULL, NULL, &p, &err), -1);
		assert_false(fs_exists(part));
		assert_int_equal(err.kind, ERR_REFUSED);
		write_key(part, "", 0600);
		assert_int_equal(pki_ensure(dir, "lab", NULL, NULL, &p, &err), -1);
		old.data[old.len / 2] ^= 1;
		write_key(part, buf_str(&old), 0600);
		/* One flipped bit is seen everywhere but in the identity itself, whose every value is one. */
		if (!str_eq(parts[i], "cluster-id"))
			assert_int_equal(pki_ensure(dir, "lab", NULL, NULL, &p, &err), -1);
		old.data[old.len / 2] ^= 1;
		write_key(part, buf_str(&old), 0600);
		assert_int_equal(pki_ensure(dir, "lab", NULL, NULL, &p, &err), 0);
		if (str_ends(part, ".key")) {
			pki_paths_free(&p);
			assert_int_equal(chmod(part, 0640), 0);
			assert_int_equal(pki_ensure(dir, "lab", NULL, NULL, &p, &err), -1);
			assert_int_equal(err.kind, ERR_REFUSED);
		}
	}
}

static void test_certificates_end_and_are_renewed(void **state)
{
	autoclean(buf_free) struct buf ca_key = { 0 };
	autoclean(buf_free) struct buf ca = { 0 };
	autoclean(buf_free) struct buf key = { 0 };
	autoclean(buf_free) struct buf crt = { 0 };
	autoclean(buf_free) struct buf other = { 0 };
	struct x509_spec spec = { .use = X509_USE_CA, .name = "lab CA", .wall_s = 1800000000, .days = 100 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(x509_key_make(&ca_key, &err), 0);
	assert_int_equal(x509_issue(&spec, &ca_key, NULL, NULL, &ca, &err), 0);
	assert_int_equal(x509_key_make(&key, &err), 0);
	spec.use = X509_USE_SERVER;
	spec.days = 60;
	assert_int_equal(x509_issue(&spec, &key, &ca, &ca_key, &crt, &err), 0);
	assert_int_equal(x509_check_pair(&crt, &key, &err), 0);
	assert_int_equal(x509_check_pair(&crt, &ca_key, &err), -1);
	assert_int_equal(x509_check_issued(&spec, &crt, &ca, 30, &err), 0);
	spec.wall_s += 29 * INT64_C(86400);
	assert_int_equal(x509_check_issued(&spec, &crt, &ca, 30, &err), 0);
	spec.wall_s += 2 * INT64_C(86400);
	assert_int_equal(x509_check_issued(&spec, &crt, &ca, 30, &err), -1);
	/* A machine at 1970 can still check it. */
	spec.wall_s = 0;
	assert_int_equal(x509_check_issued(&spec, &crt, &ca, 30, &err), 0);
	/* Nothing lives longer than what signed it. */
	spec.wall_s = 1800000000;
	spec.days = 1000;
	buf_clear(&crt);
	assert_int_equal(x509_issue(&spec, &key, &ca, &ca_key, &crt, &err), 0);
	assert_int_equal(x509_check_issued(&spec, &crt, &ca, 101, &err), -1);
	/* Another CA of the same name. */
	buf_clear(&ca_key);
	assert_int_equal(x509_key_make(&ca_key, &err), 0);
	spec.use = X509_USE_CA;
	spec.days = 100;
	assert_int_equal(x509_issue(&spec, &ca_key, NULL, NULL, &other, &err), 0);
	assert_int_equal(x509_check_issued(&spec, &crt, &other, 30, &err), -1);
}

static void test_certificate_names_must_be_addresses(void **state)
{
	struct bench *b = *state;
	autofree char *dir = fs_join(b->dir, "pki-names");
	autoclean(str_list_free) struct str_list addrs = { 0 };
	autoclean(pki_paths_free) struct pki_paths p = { 0 };
	struct err err = { 0 };

	str_list_add(&addrs, "10.77.0.1.example");
	assert_int_equal(pki_ensure(dir, "lab", NULL, &addrs, &p, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	assert_non_null(strstr(err.text, "10.77.0.1.example"));
	assert_int_equal(pki_issue_client(dir, "../admin", b->dir, &err), -1);
	assert_int_equal(pki_issue_client(dir, "admin", b->dir, &err), 0);
}

/* Both files or neither, never over another, and until when it is good. */
static void test_client_certificates_replace_nothing(void **state)
{
	struct bench *b = *state;
	autofree char *dir = fs_join(b->dir, "pki-clients");
	autofree char *key = fs_join(b->dir, "anna.key");
	autofree char *crt = fs_join(b->dir, "anna.crt");
	autofree char *other = fs_join(b->dir, "bert.crt");
	autofree char *other_key = fs_join(b->dir, "bert.key");
	autofree char *ca_crt = fs_join(dir, "ca.crt");
	autoclean(pki_paths_free) struct pki_paths p = { 0 };
	autoclean(buf_free) struct buf before = { 0 }, after = { 0 };
	char until[PKI_UNTIL_LEN], year_on[2][CLOCK_UTC_LEN];
	struct err err = { 0 };

	assert_int_equal(pki_ensure(dir, "lab", NULL, NULL, &p, &err), 0);
	clock_utc(clock_wall_s() + INT64_C(365) * 86400, year_on[0]);
	assert_int_equal(pki_issue_client(dir, "anna", b->dir, &err), 0);
	clock_utc(clock_wall_s() + INT64_C(365) * 86400, year_on[1]); /* it may be the next day */
	assert_int_equal(pki_until(crt, until, &err), 0);
	assert_true(memcmp(until, year_on[0], 10) == 0 || memcmp(until, year_on[1], 10) == 0);
	assert_int_equal(fs_read(key, 65536, &before, &err), 0);
	assert_int_equal(pki_issue_client(dir, "anna", b->dir, &err), -1);
	assert_int_equal(err.kind, ERR_EXISTS);
	assert_int_equal(fs_read(key, 65536, &after, &err), 0);
	assert_string_equal(buf_str(&before), buf_str(&after));
	assert_int_equal(symlink("/nowhere", other), 0);
	assert_int_equal(pki_issue_client(dir, "bert", b->dir, &err), -1);
	assert_int_equal(err.kind, ERR_EXISTS);
	assert_false(fs_exists(other_key));
	/* A part of the authority that is gone says what to do. */
	assert_int_equal(unlink(ca_crt), 0);
	assert_int_equal(pki_issue_client(dir, "carl", b->dir, &err), -1);
	assert_non_null(strstr(err.text, "ca.crt is missing"));
	assert_non_null(strstr(err.hint, "backup"));
	assert_int_equal(pki_until(key, until, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signature_holds_only_for_its_bytes),
		cmocka_unit_test(test_a_key_never_loaded_neither_signs_nor_verifies),
		cmocka_unit_test(test_bad_key_files_are_refused),
		cmocka_unit_test(test_an_existing_key_is_never_replaced),
		cmocka_unit_test(test_a_key_in_memory),
		cmocka_unit_test(test_public_key_files),
		cmocka_unit_test(test_keys_and_random_bytes_differ),
		cmocka_unit_test(test_pki_is_made_once_and_kept),
		cmocka_unit_test(test_pki_parts_are_never_remade),
		cmocka_unit_test(test_certificates_end_and_are_renewed),
		cmocka_unit_test(test_certificate_names_must_be_addresses),
		cmocka_unit_test(test_client_certificates_replace_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
