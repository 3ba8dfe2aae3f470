/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers of one to eight bytes, written and read one behind the other. */
#include "base/bigend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka.h wants setjmp.h and stdarg.h. */
#include <cmocka.h>

static void test_there_and_back(void **state)
{
	static const uint8_t want[] = {
		0xab, 0x12, 0x34, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10, 0x00, 0x00, 0x01, 0xff
	};
	uint8_t p[sizeof(want)];
	const uint8_t *from = p;
	uint8_t *to = p;

	(void)state;
	memset(p, 0xff, sizeof(p));
	to = bigend_put(to, 0x55ab, 1); /* the lowest byte alone */
	to = bigend_put(to, 0x1234, 2);
	to = bigend_put(to, 0xfedcba9876543210, 8);
	to = bigend_put(to, 1, 3);
	assert_ptr_equal(to, p + sizeof(want) - 1);
	assert_memory_equal(p, want, sizeof(want)); /* and nothing behind it */
	assert_int_equal(bigend_get(&from, 1), 0xab);
	assert_int_equal(bigend_get(&from, 2), 0x1234);
	assert_true(bigend_get(&from, 8) == 0xfedcba9876543210);
	assert_int_equal(bigend_get(&from, 3), 1);
	assert_ptr_equal(from, to);
	assert_int_equal(bigend_get(&from, 0), 0);
	assert_ptr_equal(from, to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
