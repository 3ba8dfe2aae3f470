/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A certificate that is young is given again: to the same node with the same key, and never for longer than said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "daemon/certs.h"

#define NOW INT64_C(1800000000)

static struct digest key(size_t i)
{
	struct digest d;

	digest_of(&i, sizeof(i), &d);
	return d;
}

static void test_the_same_again_while_it_is_young(void **state)
{
	struct certs l = { 0 };
	struct digest one = key(1), two = key(2);

	(void)state;
	assert_null(certs_find(&l, "n01", &one, NOW));
	certs_add(&l, "n01", &one, "first", NOW);
	certs_add(&l, "n01", &two, "of the other key", NOW);
	assert_string_equal(certs_find(&l, "n01", &one, NOW), "first");
	assert_string_equal(certs_find(&l, "n01", &two, NOW), "of the other key");
	assert_null(certs_find(&l, "n02", &one, NOW));
	assert_string_equal(certs_find(&l, "n01", &one, NOW + CERTS_YOUNG_S - 1), "first");
	assert_null(certs_find(&l, "n01", &one, NOW + CERTS_YOUNG_S));
	/* The clock was set back: until when it is good is another time now. */
	assert_null(certs_find(&l, "n01", &one, NOW - 1));
	certs_add(&l, "n01", &one, "second", NOW + 10);
	assert_string_equal(certs_find(&l, "n01", &one, NOW + 20), "second");
	assert_int_equal(l.len, 2);
	certs_free(&l);
}

static void test_it_does_not_grow(void **state)
{
	struct certs l = { 0 };

	(void)state;
	for (size_t i = 0; i < CERTS_KEPT + 3; i++) {
		struct digest k = key(i);

		certs_add(&l, "n01", &k, "pem", NOW);
	}
	assert_int_equal(l.len, CERTS_KEPT);
	for (size_t i = 0; i < 6; i++) {
		struct digest k = key(i);

		assert_int_equal(certs_find(&l, "n01", &k, NOW) != NULL, i >= 3);
	}
	/* What is old goes when another comes. */
	certs_add(&l, "n01", &(const struct digest){ { 1 } }, "pem", NOW + CERTS_YOUNG_S);
	assert_int_equal(l.len, 1);
	certs_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_again_while_it_is_young),
		cmocka_unit_test(test_it_does_not_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
