/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cast/wire: reports of receivers and signed digests, there and back; what is cut short, too long or makes no sense is refused.
 */
#include "cast/wire.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define PLAIN_MAX (WIRE_PACKET_MAX - WIRE_HEAD - WIRE_TAG)

/* --- REPORT */

static struct wire_report report_of(unsigned int n)
{
	struct wire_report r = {
		.seq = 0xa1a2a3a4,
		.poll_us = 0x0102030405060708,
		.held_us = 0xb1b2b3b4,
		.heard = 0x1112131415161718,
		.top = 0x2122232425262728,
		.buffer_kib = 0xc1c2c3c4,
		.loss_ppm = 1000000,
		.blocks_lacking = 0xd1d2d3d4,
		.rows_from = UINT32_MAX,
		.state = WIRE_LAGGING,
		.pressed = true,
		.probes = 0x0abc,
		.n_needs = (uint16_t)n,
	};

	for (unsigned int i = 0; i < n; i++)
		r.needs[i] = (struct wire_need){ 10 * i, 1 + i % 10, (uint8_t)(1 + i % 255) };
	return r;
}

static void test_report(void **state)
{
	static const unsigned int counts[] = { 0, 1, 2, 100, WIRE_NEEDS_MAX };
	static const uint8_t start[] = { 0xa1, 0xa2, 0xa3, 0xa4, 1,    2,    3,	   4,	 5,    6,    7,	   8,	 0xb1,
					 0xb2, 0xb3, 0xb4, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x21, 0x22,
					 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0xc1, 0xc2, 0xc3, 0xc4, 0,	   0x0f, 0x42,
					 0x40, 0xd1, 0xd2, 0xd3, 0xd4, 0xff, 0xff, 0xff, 0xff, 3,    1,	   0x0a, 0xbc,
					 0,    1,    0,	   0,	 0,    0,    0,	   0,	 0,    1,    1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		struct wire_report r = report_of(counts[i]), back;
		uint8_t bytes[WIRE_PACKET_MAX], again[WIRE_PACKET_MAX];
		size_t len = wire_report_write(&r, bytes);
		struct err err = { 0 };

		assert_true(len <= PLAIN_MAX);
		if (counts[i] == 1)
			assert_memory_equal(bytes, start, sizeof(start));
		assert_int_equal(wire_report_read(bytes, len, &back, &err), 0);
		assert_int_equal(wire_report_write(&back, again), len);
		assert_memory_equal(bytes, again, len);
		assert_int_equal(back.n_needs, counts[i]);
		assert_true(back.seq == r.seq && back.poll_us == r.poll_us && back.held_us == r.held_us && back.heard == r.heard);
		assert_true(back.top == r.top && back.buffer_kib == r.buffer_kib && back.loss_ppm == r.loss_ppm);
		assert_true(back.blocks_lacking == r.blocks_lacking && back.rows_from == r.rows_from);
		assert_true(back.state == r.state && back.pressed == r.pressed && back.probes == r.probes);
		for (unsigned int j = 0; j < counts[i]; j++) {
			assert_int_equal(back.needs[j].first, r.needs[j].first);
			assert_int_equal(back.needs[j].count, r.needs[j].count);
			assert_int_equal(back.needs[j].deficit, r.needs[j].deficit);
		}
	}
}

static void report_refused(const uint8_t *bytes, size_t len)
{
	autofree uint8_t *exact = mem_dup(bytes, len);
	struct wire_report r;
	struct err err = { 0 };

	assert_int_equal(wire_report_read(exact, len, &r, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
}

static void test_report_refused(void **state)
{
	struct wire_report r = report_of(3);
	uint8_t bytes[WIRE_PACKET_MAX + 1] = { 0 };
	size_t len = wire_report_write(&r, bytes);

	(void)state;
	for (size_t cut = 0; cut < len; cut++)
		report_refused(bytes, cut);
	for (size_t more = len + 1; more <= sizeof(bytes); more++)
		report_refused(bytes, more);
	for (unsigned int v = 0; v < 256; v++) {
		bytes[48] = (uint8_t)v;
		if (v < WIRE_READY || v > WIRE_FAILED)
			report_refused(bytes, len);
	}
	bytes[48] = WIRE_DONE;
	for (unsigned int v = 2; v < 256; v++) {
		bytes[49] = (uint8_t)v;
		report_refused(bytes, len);
	}
	r.probes = 0x1000;
	report_refused(bytes, wire_report_write(&r, bytes));
	r.probes = WIRE_HEARD_ALL;
	r.loss_ppm = 1000001;
	report_refused(bytes, wire_report_write(&r, bytes));
	r = report_of(WIRE_NEEDS_MAX);
	len = wire_report_write(&r, bytes);
	bytes[53]++;
	memset(bytes + len, 0xff, 9);
	report_refused(bytes, len + 9);
}

/* Ranges: the last blocks there can be are taken; what overflows, overlaps, goes backwards or is empty is not. */
static void test_report_ranges(void **state)
{
	static const struct {
		struct wire_need a, b;
		bool good;
	} cases[] = {
		{ { 0, 1, 1 }, { 1, 1, 1 }, true },	      { { 5, 10, 255 }, { 15, UINT32_MAX - 15, 255 }, true },
		{ { 5, 10, 1 }, { 14, 1, 1 }, false },	      { { 5, 1, 1 }, { 4, 1, 1 }, false },
		{ { 5, 1, 1 }, { 5, 1, 1 }, false },	      { { 5, 0, 1 }, { 6, 1, 1 }, false },
		{ { 5, 1, 1 }, { 6, 0, 1 }, false },	      { { 5, 1, 0 }, { 6, 1, 1 }, false },
		{ { 5, 1, 1 }, { 6, 1, 0 }, false },	      { { 5, 1, 1 }, { 15, UINT32_MAX - 14, 1 }, false },
		{ { 0, UINT32_MAX, 1 }, { 0, 1, 1 }, false }, { { UINT32_MAX, 1, 1 }, { 0, 1, 1 }, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct wire_report r = report_of(2), back;
		uint8_t bytes[WIRE_PACKET_MAX];
		struct err err = { 0 };
		size_t len;

		r.needs[0] = cases[i].a;
		r.needs[1] = cases[i].b;
		len = wire_report_write(&r, bytes);
		if (cases[i].good)
			assert_int_equal(wire_report_read(bytes, len, &back, &err), 0);
		else
			report_refused(bytes, len);
	}
}

/* --- ROWS */

static struct wire_rows rows_of(uint32_t first, unsigned int n)
{
	struct wire_rows r = { .first = first, .n = (uint16_t)n };

	for (unsigned int i = 0; i < n; i++)
		memset(r.digests[i].bytes, (int)(i + 1), DIGEST_LEN);
	memset(r.signature, 0x5a, sizeof(r.signature));
	return r;
}

static void test_rows(void **state)
{
	(void)state;
	for (unsigned int n = 1; n <= WIRE_ROWS_MAX; n++) {
		struct wire_rows r = rows_of(0x01020304 + n, n), back;
		uint8_t bytes[WIRE_PACKET_MAX], again[WIRE_PACKET_MAX];
		size_t len = wire_rows_write(&r, bytes);
		struct err err = { 0 };

		assert_int_equal(len, 6 + n * 32 + 64);
		assert_true(len <= PLAIN_MAX);
		assert_int_equal(wire_rows_read(bytes, len, &back, &err), 0);
		assert_int_equal(wire_rows_write(&back, again), len);
		assert_memory_equal(bytes, again, len);
		assert_int_equal(back.first, r.first);
		assert_int_equal(back.n, n);
		assert_memory_equal(back.digests, r.digests, n * DIGEST_LEN);
		assert_memory_equal(back.signature, r.signature, sizeof(r.signature));
	}
}

static void test_rows_signed(void **state)
{
	static const uint8_t want[] = "orthrus cast rows\n\x0a\x0b\x0c\x0d\x01\x02\x03\x04\x00\x02";
	struct wire_rows r = rows_of(0x01020304, 2);
	uint8_t bytes[WIRE_ROWS_SIGNED_MAX];
	size_t fixed = sizeof(want) - 1;

	(void)state;
	assert_int_equal(wire_rows_signed(0x0a0b0c0d, &r, bytes), fixed + 64);
	assert_memory_equal(bytes, want, fixed);
	assert_memory_equal(bytes + fixed, r.digests, 64);
	r = rows_of(0, WIRE_ROWS_MAX);
	assert_int_equal(wire_rows_signed(1, &r, bytes), WIRE_ROWS_SIGNED_MAX);
}

static void rows_refused(const uint8_t *bytes, size_t len)
{
	autofree uint8_t *exact = mem_dup(bytes, len);
	struct wire_rows r;
	struct err err = { 0 };

	assert_int_equal(wire_rows_read(exact, len, &r, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
}

static void test_rows_refused(void **state)
{
	struct wire_rows r = rows_of(7, 2), back;
	uint8_t bytes[WIRE_PACKET_MAX] = { 0 };
	size_t len = wire_rows_write(&r, bytes);
	struct err err = { 0 };

	(void)state;
	for (size_t cut = 0; cut < len; cut++)
		rows_refused(bytes, cut);
	for (size_t more = len + 1; more <= sizeof(bytes); more++)
		rows_refused(bytes, more);
	bytes[5] = 0;
	rows_refused(bytes, 6 + 64);
	bytes[5] = WIRE_ROWS_MAX + 1;
	rows_refused(bytes, 6 + (WIRE_ROWS_MAX + 1) * 32 + 64);
	bytes[4] = 1, bytes[5] = 2; /* 258 */
	rows_refused(bytes, len);
	r.first = UINT32_MAX - 1;
	len = wire_rows_write(&r, bytes);
	rows_refused(bytes, len);
	r.first = UINT32_MAX - 2;
	len = wire_rows_write(&r, bytes);
	assert_int_equal(wire_rows_read(bytes, len, &back, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_report), cmocka_unit_test(test_report_refused), cmocka_unit_test(test_report_ranges),
		cmocka_unit_test(test_rows),   cmocka_unit_test(test_rows_signed),    cmocka_unit_test(test_rows_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
