/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cast/wire: the bytes of docs/cast.md, there and back; what is cut short, too long or makes no sense is refused. */
#include "cast/wire.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define PLAIN_MAX (WIRE_PACKET_MAX - WIRE_HEAD - WIRE_TAG)

static const struct wire_head head = { WIRE_REPORT, 0x1234, 0x01020304, 0x1122334455667788 };

static void test_head(void **state)
{
	static const uint8_t want[] = { 0xc8, 4, 0x12, 0x34, 1, 2, 3, 4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88 };
	uint8_t bytes[WIRE_HEAD];
	struct wire_head back;
	struct err err = { 0 };

	(void)state;
	wire_head_write(&head, bytes);
	assert_memory_equal(bytes, want, sizeof(want));
	for (uint8_t type = WIRE_DATA; type <= WIRE_PROBE; type++) {
		bytes[1] = type;
		assert_int_equal(wire_head_read(bytes, sizeof(bytes), &back, &err), 0);
		assert_int_equal(back.type, type);
		assert_int_equal(back.from, head.from);
		assert_int_equal(back.cast, head.cast);
		assert_true(back.counter == head.counter);
	}
}

static void head_refused(const uint8_t *bytes, size_t len)
{
	struct wire_head h;
	struct wire_data d;
	struct err err = { 0 };

	assert_int_equal(wire_head_read(bytes, len, &h, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
	err = (struct err){ 0 };
	assert_int_equal(wire_data_read(bytes, len, &d, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
}

static void test_head_refused(void **state)
{
	uint8_t bytes[WIRE_HEAD];

	(void)state;
	wire_head_write(&head, bytes);
	for (size_t len = 0; len < WIRE_HEAD; len++) {
		autofree uint8_t *exact = mem_dup(bytes, len);

		head_refused(exact, len);
	}
	bytes[0] ^= 1;
	head_refused(bytes, sizeof(bytes));
	bytes[0] ^= 1;
	for (unsigned int type = 0; type < 256; type++) {
		bytes[1] = (uint8_t)type;
		if (type < WIRE_DATA || type > WIRE_PROBE)
			head_refused(bytes, sizeof(bytes));
	}
}

static void data_refused(const uint8_t *bytes, size_t len)
{
	autofree uint8_t *exact = mem_dup(bytes, len);
	struct wire_data d;
	struct err err = { 0 };

	assert_int_equal(wire_data_read(exact, len, &d, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
}

static void test_data(void **state)
{
	static const uint8_t want[] = { 0xc8, 1, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 9, 0xfe, 0xdc, 0xba, 0x98, 200, 3, 0, 0 };
	struct wire_data d = { { WIRE_DATA, WIRE_FROM_SENDER, 0x01020304, 9 }, 0xfedcba98, 200, 3 }, back;
	uint8_t bytes[WIRE_PACKET_MAX] = { 0 };
	struct err err = { 0 };

	(void)state;
	wire_data_write(&d, bytes);
	assert_memory_equal(bytes, want, sizeof(want));
	assert_int_equal(wire_data_read(bytes, sizeof(bytes), &back, &err), 0);
	assert_int_equal(wire_data_read(bytes, WIRE_DATA_HEAD, &back, &err), 0);
	assert_int_equal(back.head.type, WIRE_DATA);
	assert_int_equal(back.head.cast, d.head.cast);
	assert_true(back.head.counter == 9);
	assert_int_equal(back.block, d.block);
	assert_int_equal(back.index, 200);
	assert_int_equal(back.pass, 3);
	for (size_t len = WIRE_HEAD; len < WIRE_DATA_HEAD; len++)
		data_refused(bytes, len);
	bytes[23] = 1;
	data_refused(bytes, sizeof(bytes));
	bytes[23] = 0, bytes[22] = 1;
	data_refused(bytes, sizeof(bytes));
	bytes[22] = 0, bytes[3] = 1; /* from a receiver */
	data_refused(bytes, sizeof(bytes));
	bytes[3] = 0, bytes[1] = WIRE_POLL;
	data_refused(bytes, sizeof(bytes));
}

/* --- POLL */

static struct wire_poll poll_of(unsigned int n)
{
	struct wire_poll p = {
		.seq = 0xa1a2a3a4,
		.stage = WIRE_ASK,
		.pass = 7,
		.ways = WIRE_HEARD_MC6 | WIRE_HEARD_BROADCAST,
		.sent = UINT64_MAX,
		.now_us = 0x0102030405060708,
		.grtt_us = 0xb1b2b3b4,
		.crowd = 5000,
		.marks = UINT32_MAX,
		.loss_limit = 0xc1c2c3c4,
		.asked_from = 0xd1d2d3d4,
		.asked_to = UINT32_MAX,
		.n_promises = (uint16_t)n,
	};

	for (unsigned int i = 0; i < n; i++)
		p.promises[i] = (struct wire_promise){ UINT32_MAX - i, (uint8_t)(1 + i % 255) };
	return p;
}

static void test_poll(void **state)
{
	static const unsigned int counts[] = { 0, 1, 2, 100, WIRE_PROMISES_MAX };
	static const uint8_t start[] = { 0xa1, 0xa2, 0xa3, 0xa4, 3,    7,    5,	   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					 0xff, 1,    2,	   3,	 4,    5,    6,	   7,	 8,    0xb1, 0xb2, 0xb3, 0xb4, 0,
					 0,    0x13, 0x88, 0xff, 0xff, 0xff, 0xff, 0xc1, 0xc2, 0xc3, 0xc4, 0xd1, 0xd2, 0xd3,
					 0xd4, 0xff, 0xff, 0xff, 0xff, 0,    1,	   0xff, 0xff, 0xff, 0xff, 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		struct wire_poll p = poll_of(counts[i]), back;
		uint8_t bytes[WIRE_PACKET_MAX], again[WIRE_PACKET_MAX];
		size_t len = wire_poll_write(&p, bytes);
		struct err err = { 0 };

		assert_true(len <= PLAIN_MAX);
		if (counts[i] == 1)
			assert_memory_equal(bytes, start, sizeof(start));
		assert_int_equal(wire_poll_read(bytes, len, &back, &err), 0);
		assert_int_equal(wire_poll_write(&back, again), len);
		assert_memory_equal(bytes, again, len);
		assert_int_equal(back.n_promises, counts[i]);
		assert_true(back.seq == p.seq && back.stage == p.stage && back.pass == p.pass && back.ways == p.ways &&
			    back.sent == p.sent);
		assert_true(back.now_us == p.now_us && back.grtt_us == p.grtt_us && back.crowd == p.crowd &&
			    back.marks == p.marks);
		assert_true(back.loss_limit == p.loss_limit && back.asked_from == p.asked_from && back.asked_to == p.asked_to);
		for (unsigned int j = 0; j < counts[i]; j++) {
			assert_int_equal(back.promises[j].block, p.promises[j].block);
			assert_int_equal(back.promises[j].count, p.promises[j].count);
		}
	}
}

static void poll_refused(const uint8_t *bytes, size_t len)
{
	autofree uint8_t *exact = mem_dup(bytes, len);
	struct wire_poll p;
	struct err err = { 0 };

	assert_int_equal(wire_poll_read(exact, len, &p, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
}

static void poll_struct_refused(const struct wire_poll *p)
{
	uint8_t bytes[WIRE_PACKET_MAX];

	poll_refused(bytes, wire_poll_write(p, bytes));
}

static void test_poll_refused(void **state)
{
	struct wire_poll p = poll_of(3);
	uint8_t bytes[WIRE_PACKET_MAX + 1] = { 0 };
	size_t len = wire_poll_write(&p, bytes);

	(void)state;
	for (size_t cut = 0; cut < len; cut++)
		poll_refused(bytes, cut);
	for (size_t more = len + 1; more <= sizeof(bytes); more++)
		if (more != len + WIRE_SIGNATURE)
			poll_refused(bytes, more);
	for (unsigned int stage = 0; stage < 256; stage++) {
		if (stage >= WIRE_GATHER && stage < WIRE_OVER) /* OVER needs a signature */
			continue;
		bytes[4] = (uint8_t)stage;
		poll_refused(bytes, len);
	}
	bytes[4] = WIRE_PASS;
	bytes[47] = 0xff; /* 65,283 promises */
	poll_refused(bytes, len);
	p.ways = WIRE_HEARD_WAYS + 1;
	poll_struct_refused(&p);
	p = poll_of(3);
	p.asked_from = 5, p.asked_to = 4;
	poll_struct_refused(&p);
	p = poll_of(3);
	p.seq = 0;
	poll_struct_refused(&p);
	p = poll_of(3);
	p.promises[2].count = 0;
	poll_struct_refused(&p);
	/* One more than there is room for, though the packet would be long enough. */
	p = poll_of(WIRE_PROMISES_MAX);
	len = wire_poll_write(&p, bytes);
	bytes[48]++;
	memcpy(bytes + len, bytes + len - 5, 5);
	poll_refused(bytes, len + 5);
}

/* --- PROBE */

static void probe_refused(const uint8_t *bytes, size_t len)
{
	autofree uint8_t *exact = mem_dup(bytes, len);
	struct wire_probe p;
	struct err err = { 0 };

	assert_int_equal(wire_probe_read(exact, len, &p, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
}

static void test_probe(void **state)
{
	static const size_t lens[] = { 64, 1448, 8936 }; /* the last two as DATA of symbols of 1,408 and 8,896 bytes */
	uint8_t bytes[WIRE_PROBE_JUMBO + 1] = { 0 };
	struct wire_probe back;
	struct err err = { 0 };

	(void)state;
	for (int way = 0; way < WIRE_WAYS; way++) {
		for (int size = 0; size < WIRE_SIZES; size++) {
			const struct wire_probe p = { (enum wire_way)way, (enum wire_size)size };
			size_t len = wire_probe_write(&p, bytes);

			assert_int_equal(wire_probe_len(p.size), lens[size]);
			assert_int_equal(len, lens[size] - WIRE_HEAD - WIRE_TAG);
			assert_int_equal(wire_probe_read(bytes, len, &back, &err), 0);
			assert_true(back.way == p.way && back.size == p.size);
			probe_refused(bytes, len - 1);
			probe_refused(bytes, len + 1);
			bytes[len - 1] = 1;
			probe_refused(bytes, len);
			bytes[len - 1] = 0, bytes[0] = WIRE_WAYS;
			probe_refused(bytes, len);
			bytes[0] = (uint8_t)way, bytes[1] = WIRE_SIZES;
			probe_refused(bytes, len);
		}
	}
	probe_refused(bytes, 0);
	probe_refused(bytes, 1);
}

/* The bits that diagnosis and choice read. */
static void test_heard(void **state)
{
	(void)state;
	assert_int_equal(WIRE_HEARD(WIRE_MC6, WIRE_SMALL), WIRE_HEARD_MC6);
	assert_int_equal(WIRE_HEARD(WIRE_MC4, WIRE_FULL), WIRE_HEARD_MC4 << 4);
	assert_int_equal(WIRE_HEARD(WIRE_BROADCAST, WIRE_JUMBO), WIRE_HEARD_BROADCAST << 8);
	assert_int_equal(WIRE_HEARD(WIRE_UNICAST, WIRE_SMALL), WIRE_HEARD_UNICAST);
}

/* What is signed is all of it, with the cast and the counter of its packet; the signature comes last. */
static void test_poll_signed(void **state)
{
	struct wire_poll p = poll_of(3), back;
	uint8_t plain[WIRE_PACKET_MAX], bytes[WIRE_PACKET_MAX], text[WIRE_POLL_SIGNED_MAX];
	const size_t len = wire_poll_write(&p, plain);
	struct err err = { 0 };

	(void)state;
	assert_int_equal(wire_poll_signed(0x01020304, 0x1122334455667788, &p, text), 18 + 4 + 8 + len);
	assert_memory_equal(text, "orthrus cast poll\n\1\2\3\4\x11\x22\x33\x44\x55\x66\x77\x88", 30);
	assert_memory_equal(text + 30, plain, len);
	p.is_signed = true;
	memset(p.signature, 0x5a, sizeof(p.signature));
	p.stage = WIRE_OVER;
	assert_int_equal(wire_poll_write(&p, bytes), len + WIRE_SIGNATURE);
	assert_int_equal(wire_poll_read(bytes, len + WIRE_SIGNATURE, &back, &err), 0);
	assert_true(back.is_signed && back.stage == WIRE_OVER && back.n_promises == 3);
	assert_memory_equal(back.signature, p.signature, WIRE_SIGNATURE);
	for (size_t cut = 0; cut < len + WIRE_SIGNATURE; cut++)
		poll_refused(bytes, cut);
	p = poll_of(WIRE_PROMISES_MAX);
	p.is_signed = true;
	assert_true(wire_poll_write(&p, bytes) <= PLAIN_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head),  cmocka_unit_test(test_head_refused), cmocka_unit_test(test_data),
		cmocka_unit_test(test_poll),  cmocka_unit_test(test_poll_refused), cmocka_unit_test(test_probe),
		cmocka_unit_test(test_heard), cmocka_unit_test(test_poll_signed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
