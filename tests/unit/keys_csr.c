/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine's own keys: made, kept in files and in 64 bytes, read again as the same, and no bit of them believed that is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/keys_csr.h"
#include "sys/keys_x509.h"
#include "sys/spawn.h"

#include <string.h>

static void make(struct node_keys *k)
{
	struct err err = { 0 };

	if (node_keys_make(k, &err) < 0)
		fail_msg("%s", err.text);
}

static void fingerprint(const struct node_keys *k, char hex[DIGEST_HEX_LEN])
{
	struct digest d;
	struct err err = { 0 };

	if (node_keys_fingerprint(k, &d, &err) < 0)
		fail_msg("%s", err.text);
	digest_hex(&d, hex);
}

static void no_two_machines_are_alike(void **state)
{
	autoclean(node_keys_clear) struct node_keys a = { 0 }, b = { 0 };
	char one[DIGEST_HEX_LEN], two[DIGEST_HEX_LEN];

	(void)state;
	make(&a);
	make(&b);
	assert_string_not_equal(buf_str(&a.tls_pem), buf_str(&b.tls_pem));
	assert_memory_not_equal(a.seal_secret, b.seal_secret, SEAL_KEY_LEN);
	fingerprint(&a, one);
	fingerprint(&b, two);
	assert_string_not_equal(one, two);
	/* Either key alone makes another fingerprint. */
	memcpy(b.seal_public, a.seal_public, SEAL_KEY_LEN);
	fingerprint(&b, two);
	assert_string_not_equal(one, two);
}

/* The same bytes that openssl(1) and sha256sum(1) come to. */
static void the_fingerprint_is_of_both_public_keys(void **state)
{
	static const char pem[] = "-----BEGIN PRIVATE KEY-----\n"
				  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg4rHv+7OAFzYfT+DM\n"
				  "t2eZ2jelJ2GcR/lOHp1VoNjeiiqhRANCAASNA/NTTIFVbd9awWMBUhgXYHkop6/+\n"
				  "cOUNEYkAO9DhK6IsQo3f6MdaeraJtf2peT9+sVjfZcSTGY7k539OLuPC\n"
				  "-----END PRIVATE KEY-----\n";
	autoclean(node_keys_clear) struct node_keys k = { 0 };
	autoclean(buf_free) struct buf tls = { 0 }, seal = { 0 };
	char hex[DIGEST_HEX_LEN];
	struct err err = { 0 };

	(void)state;
	buf_adds(&tls, pem);
	buf_adds(&seal, "789ae5cf8a74271fcd79523dec3126f550327f0741380fe3b9e0eff422c3c96c");
	if (node_keys_read(&tls, &seal, &k, &err) < 0)
		fail_msg("%s", err.text);
	fingerprint(&k, hex);
	assert_string_equal(hex, "68443861906721e86a304c14559f8246a96dea585ab39cb261676dc35f14421c");
}

static void files_hold_what_was_made(void **state)
{
	autoclean(node_keys_clear) struct node_keys a = { 0 }, b = { 0 };
	autoclean(buf_free) struct buf seal = { 0 };
	char text[NODE_SEAL_TEXT_LEN], one[DIGEST_HEX_LEN], two[DIGEST_HEX_LEN];
	struct err err = { 0 };

	(void)state;
	make(&a);
	node_keys_seal_text(&a, text);
	assert_int_equal(strlen(text), 65);
	assert_int_equal(text[64], '\n');
	buf_adds(&seal, text);
	if (node_keys_read(&a.tls_pem, &seal, &b, &err) < 0)
		fail_msg("%s", err.text);
	fingerprint(&a, one);
	fingerprint(&b, two);
	assert_string_equal(one, two);
	assert_memory_equal(a.seal_secret, b.seal_secret, SEAL_KEY_LEN);
	/* The newline may be missing. */
	node_keys_clear(&b);
	seal.data[--seal.len] = '\0';
	assert_int_equal(node_keys_read(&a.tls_pem, &seal, &b, &err), 0);
}

static void expect_damaged(const char *pem, const char *seal)
{
	autoclean(buf_free) struct buf p = { 0 }, s = { 0 };
	struct node_keys k = { 0 };
	struct err err = { 0 };

	buf_adds(&p, pem);
	buf_adds(&s, seal);
	if (node_keys_read(&p, &s, &k, &err) == 0)
		fail_msg("taken: %s %s", pem, seal);
	assert_int_equal(err.kind, ERR_DAMAGED);
	assert_null(k.tls_pem.data);
	if (strlen(seal) > 8)
		assert_null(strstr(err.text, seal));
}

static void bad_files_are_refused(void **state)
{
	static const char ed25519[] = "-----BEGIN PRIVATE KEY-----\n"
				      "MC4CAQAwBQYDK2VwBCIEIOoomZBxr92ftu3t0A6rAC5teXNW9fud1fFePhpIRgnF\n"
				      "-----END PRIVATE KEY-----\n";
	static const char mixed[] = "-----BEGIN PRIVATE KEY-----\n"
				    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg4rHv+7OAFzYfT+DM\n"
				    "t2eZ2jelJ2GcR/lOHp1VoNjeiiqhRANCAAScyu7aetY5C7OAdSj0EDceas36CunJ\n"
				    "eqeQ4AF//tMhy5g6YUxjtjwoJIyUpjiLMp5fghb+/ctYQDLDL0oacJ9j\n"
				    "-----END PRIVATE KEY-----\n";
	static const char p384[] = "-----BEGIN PRIVATE KEY-----\n"
				   "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDALspfSBkg27lGEf+nZ\n"
				   "t6xfDapOB3dnWr7mIjAASegs9Qb5FMgPzuP/PXrG1xUjrh6hZANiAASusFK90EtN\n"
				   "tyAAp7vOIMigmgtO1eHEJ+pgSt/OvsCxHtoZifTwk6IznF1/mfwhGetYcBGMfTlD\n"
				   "yYFnRpXpx+3TXS2HRS0QgSJNrzR89HhHDcqkoBzvqqi2UvOAWbMYl14=\n"
				   "-----END PRIVATE KEY-----\n";
	autoclean(node_keys_clear) struct node_keys a = { 0 };
	autofree char *longer = NULL, *cut = NULL, *text_of = NULL;
	char text[NODE_SEAL_TEXT_LEN], bad[NODE_SEAL_TEXT_LEN];

	(void)state;
	make(&a);
	node_keys_seal_text(&a, text);
	text_of = mem_strdup(buf_str(&a.tls_pem));
	cut = mem_strndup(text_of, 100);
	longer = str_format("%s%01100d", text_of, 0);
	expect_damaged("", text);
	expect_damaged(cut, text);
	expect_damaged(longer, text);
	expect_damaged(ed25519, text);
	expect_damaged(p384, text);
	expect_damaged(mixed, text);
	expect_damaged("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", text);
	expect_damaged(text_of, "");
	memcpy(bad, text, sizeof(bad));
	bad[10] = 'g';
	expect_damaged(text_of, bad);
	bad[63] = '\0';
	expect_damaged(text_of, bad);
	expect_damaged(text_of, "0000000000000000000000000000000000000000000000000000000000000000\n");
}

static void sixty_four_bytes_hold_both(void **state)
{
	autoclean(node_keys_clear) struct node_keys a = { 0 }, b = { 0 };
	uint8_t raw[NODE_KEYS_RAW_LEN], bad[NODE_KEYS_RAW_LEN];
	char one[DIGEST_HEX_LEN], two[DIGEST_HEX_LEN];
	struct err err = { 0 };

	(void)state;
	/* Often enough to meet a scalar that begins with a zero byte. */
	for (int i = 0; i < 300; i++) {
		make(&a);
		if (node_keys_pack(&a, raw, &err) < 0 || node_keys_unpack(raw, &b, &err) < 0)
			fail_msg("%s", err.text);
		fingerprint(&a, one);
		fingerprint(&b, two);
		assert_string_equal(one, two);
		assert_memory_equal(a.seal_secret, b.seal_secret, SEAL_KEY_LEN);
		node_keys_clear(&a);
		node_keys_clear(&b);
	}
	for (int i = 0; i < 3; i++) {
		memcpy(bad, raw, sizeof(bad));
		memset(i == 1 ? bad + 32 : bad, i == 2 ? 0xff : 0, 32);
		assert_int_equal(node_keys_unpack(bad, &b, &err), -1);
		assert_int_equal(err.kind, ERR_DAMAGED);
		assert_null(b.tls_pem.data);
	}
}

/* What openssl(1) says of the request: our key, our name, signed by it. */
static void a_request_is_for_our_key(void **state)
{
	static const char *const verify[] = { "openssl", "req", "-verify", "-noout", "-subject", "-pubkey", NULL };
	static const char *const public[] = { "openssl", "pkey", "-pubout", NULL };
	autoclean(node_keys_clear) struct node_keys a = { 0 };
	autoclean(buf_free) struct buf csr = { 0 };
	autoclean(spawn_result_free) struct spawn_result said = { 0 }, key = { 0 };
	struct spawn s = { .argv = verify };
	struct err err = { 0 };

	(void)state;
	make(&a);
	if (x509_request_make(&a.tls_pem, "orthrus node", &csr, &err) < 0)
		fail_msg("%s", err.text);
	s.input = csr.data;
	s.input_len = csr.len;
	assert_int_equal(spawn_run(&s, &said, &err), 0);
	assert_int_equal(said.status, 0);
	assert_non_null(strstr(said.out.data, "CN = orthrus node"));
	s.argv = public;
	s.input = a.tls_pem.data;
	s.input_len = a.tls_pem.len;
	assert_int_equal(spawn_run(&s, &key, &err), 0);
	assert_non_null(strstr(said.out.data, buf_str(&key.out)));
	buf_clear(&csr);
	buf_clear(&a.tls_pem);
	assert_int_equal(x509_request_make(&a.tls_pem, "x", &csr, &err), -1);
	assert_int_equal(csr.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_two_machines_are_alike),  cmocka_unit_test(the_fingerprint_is_of_both_public_keys),
		cmocka_unit_test(files_hold_what_was_made),   cmocka_unit_test(bad_files_are_refused),
		cmocka_unit_test(sixty_four_bytes_hold_both), cmocka_unit_test(a_request_is_for_our_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
