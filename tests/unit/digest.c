/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/base/digest: SHA-256, against the vectors of FIPS 180-4 and of NIST's example page. */
#include "base/digest.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *text, *hex;
} vectors[] = {
	{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};

static void test_vectors(void **state)
{
	struct digest d;
	char hex[DIGEST_HEX_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		digest_of(vectors[i].text, strlen(vectors[i].text), &d);
		digest_hex(&d, hex);
		assert_string_equal(hex, vectors[i].hex);
	}
}

/* In any pieces: the same. One million 'a' is a NIST vector too. */
static void test_pieces(void **state)
{
	struct digest_ctx *ctx = digest_new();
	struct digest d;
	char hex[DIGEST_HEX_LEN], piece[997];
	size_t left = 1000000;

	(void)state;
	memset(piece, 'a', sizeof(piece));
	digest_add(ctx, piece, 0);
	for (size_t n = 1; left; n = n % sizeof(piece) + 1) {
		size_t now = n < left ? n : left;

		digest_add(ctx, piece, now);
		left -= now;
	}
	digest_end(ctx, &d);
	digest_hex(&d, hex);
	assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	digest_end(digest_new(), NULL); /* only frees: the leak checker looks on */
}

static void test_cmp(void **state)
{
	struct digest a, b;

	(void)state;
	digest_of("a", 1, &a);
	b = a;
	assert_int_equal(digest_cmp(&a, &b), 0);
	for (size_t i = 0; i < DIGEST_LEN; i++) {
		b.bytes[i] ^= 1;
		assert_int_not_equal(digest_cmp(&a, &b), 0);
		b.bytes[i] ^= 1;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_cmp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
