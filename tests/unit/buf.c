/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/base/buf: a buffer that grows, and a cursor that never reads past the end. */
#include "base/buf.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_grows(void **state)
{
	autoclean(buf_free) struct buf b = { 0 };

	(void)state;
	assert_string_equal(buf_str(&b), "");
	buf_adds(&b, "");
	assert_int_equal(b.len, 0);
	for (int i = 0; i < 1000; i++) {
		buf_addc(&b, 'a');
		assert_int_equal(b.data[b.len], 0);
	}
	assert_int_equal(b.len, 1000);
	buf_addf(&b, "%05d|%s", 42, "x");
	assert_string_equal(b.data + 1000, "00042|x");
	buf_add(&b, "\0\xff", 2);
	assert_int_equal(b.len, 1009);
	assert_memory_equal(b.data + 1007, "\0\xff", 3);
}

static void test_clear_keeps_memory(void **state)
{
	autoclean(buf_free) struct buf b = { 0 };
	const char *before;

	(void)state;
	buf_clear(&b); /* of nothing */
	buf_reserve(&b, 100);
	assert_string_equal(buf_str(&b), ""); /* a string from the first moment */
	before = b.data;
	for (int i = 0; i < 100; i++)
		buf_addc(&b, 'x');
	assert_ptr_equal(b.data, before); /* reserved is reserved */
	buf_clear(&b);
	assert_int_equal(b.len, 0);
	assert_string_equal(buf_str(&b), "");
	assert_ptr_equal(b.data, before);
}

static void test_steal(void **state)
{
	struct buf b = { 0 };
	autofree char *empty = buf_steal(&b), *s = NULL;

	(void)state;
	assert_string_equal(empty, "");
	buf_adds(&b, "text");
	s = buf_steal(&b);
	assert_string_equal(s, "text");
	assert_null(b.data);
	assert_int_equal(b.len, 0);
	buf_adds(&b, "again");
	assert_string_equal(buf_str(&b), "again");
	buf_free(&b);
	buf_free(&b); /* twice is fine */
}

static void test_numbers_are_little_endian(void **state)
{
	static const uint8_t want[] = {
		0xab, 0x34, 0x12, 0x78, 0x56, 0x34, 0x12, 0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01
	};
	autoclean(buf_free) struct buf b = { 0 };

	(void)state;
	buf_add_u8(&b, 0xab);
	buf_add_u16(&b, 0x1234);
	buf_add_u32(&b, 0x12345678);
	buf_add_u64(&b, UINT64_C(0x0123456789abcdef));
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.data, want, sizeof(want));
}

static void test_cursor_reads_back(void **state)
{
	autoclean(buf_free) struct buf b = { 0 };
	struct err err = { 0 };
	struct cursor c;
	const uint8_t *p;
	uint8_t v8;
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;

	(void)state;
	buf_add_u8(&b, 255);
	buf_add_u16(&b, 65535);
	buf_add_u32(&b, 4294967295u);
	buf_add_u64(&b, UINT64_MAX - 1);
	buf_adds(&b, "tail");
	c = (struct cursor){ .data = (const uint8_t *)b.data, .len = b.len };
	assert_int_equal(cursor_u8(&c, &v8, &err), 0);
	assert_int_equal(cursor_u16(&c, &v16, &err), 0);
	assert_int_equal(cursor_u32(&c, &v32, &err), 0);
	assert_int_equal(cursor_u64(&c, &v64, &err), 0);
	assert_int_equal(v8, 255);
	assert_int_equal(v16, 65535);
	assert_int_equal(v32, 4294967295u);
	assert_true(v64 == UINT64_MAX - 1);
	assert_int_equal(cursor_left(&c), 4);
	assert_int_equal(cursor_bytes(&c, 4, &p, &err), 0);
	assert_memory_equal(p, "tail", 4);
	assert_int_equal(cursor_left(&c), 0);
	assert_int_equal(cursor_bytes(&c, 0, &p, &err), 0);
	assert_int_equal(cursor_u8(&c, &v8, &err), -1);
}

/* Each number needs all its bytes; a failed read says so and moves nothing. */
static void test_cursor_stops(void **state)
{
	static const uint8_t data[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct err err = { 0 };
	const uint8_t *p;
	uint8_t v8;
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;

	(void)state;
	for (size_t len = 0; len <= 8; len++) {
		struct cursor c = { .data = data, .len = len };

		assert_int_equal(cursor_u64(&c, &v64, &err), len >= 8 ? 0 : -1);
		assert_int_equal(c.at, len >= 8 ? 8 : 0);
		c.at = 0;
		assert_int_equal(cursor_u32(&c, &v32, &err), len >= 4 ? 0 : -1);
		c.at = 0;
		assert_int_equal(cursor_u16(&c, &v16, &err), len >= 2 ? 0 : -1);
		c.at = 0;
		assert_int_equal(cursor_u8(&c, &v8, &err), len >= 1 ? 0 : -1);
		c.at = 0;
		assert_int_equal(cursor_bytes(&c, len + 1, &p, &err), -1);
		assert_int_equal(cursor_bytes(&c, SIZE_MAX, &p, &err), -1); /* no sum that could wrap */
		assert_int_equal(err.kind, ERR_DAMAGED);
		assert_int_equal(c.at, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_clear_keeps_memory),
		cmocka_unit_test(test_steal),
		cmocka_unit_test(test_numbers_are_little_endian),
		cmocka_unit_test(test_cursor_reads_back),
		cmocka_unit_test(test_cursor_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
