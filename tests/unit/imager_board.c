/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The board as firmware and BMC describe it: SMBIOS tables and IPMI answers, sound and broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "imaging/imager/board_bmc.h"
#include "imaging/imager/board.h"

#include <string.h>

/* One structure: its formatted part, then its strings with all NULs. */
static void add_structure(struct buf *b, uint8_t type, size_t len, uint16_t size, const char *strings, size_t strings_len)
{
	uint8_t s[64] = { type, (uint8_t)len };

	s[12] = (uint8_t)size;
	s[13] = (uint8_t)(size >> 8);
	buf_add(b, s, len);
	buf_add(b, strings, strings_len);
}
#define STRUCTURE(b, type, len, size, strings) add_structure(b, type, len, size, strings, sizeof(strings))

static void a_table_is_read(void **state)
{
	autoclean(buf_free) struct buf b = { 0 };
	struct board s = { 0 };
	struct err err = { 0 };

	(void)state;
	STRUCTURE(&b, 0, 24, 0,
		  "Maker\0"
		  "1.0\0");
	STRUCTURE(&b, 17, 40, 16384, "DIMM 0\0");
	STRUCTURE(&b, 17, 40, 0, "DIMM 1\0"); /* an empty slot */
	STRUCTURE(&b, 17, 40, 0xffff, "\0");
	STRUCTURE(&b, 38, 18, 0, "\0");
	STRUCTURE(&b, 127, 4, 0, "\0");
	buf_adds(&b, "\x11\x01 behind the end");
	assert_int_equal(board_read((const uint8_t *)b.data, b.len, &s, &err), 0);
	assert_int_equal(s.memory_modules, 2);
	assert_true(s.bmc);
	buf_clear(&b);
	STRUCTURE(&b, 17, 40, 1, "\0");
	assert_int_equal(board_read((const uint8_t *)b.data, b.len, &s, &err), 0);
	assert_int_equal(s.memory_modules, 1);
	assert_false(s.bmc);
	for (size_t len = 1; len < b.len; len++) {
		autofree uint8_t *cut = mem_dup(b.data, len);
		struct board none = { 0 };

		assert_int_equal(board_read(cut, len, &none, &err), -1);
		assert_int_equal(err.kind, ERR_DAMAGED);
		assert_int_equal(none.memory_modules, 0);
	}
	b.data[1] = 3; /* shorter than its own header */
	assert_int_equal(board_read((const uint8_t *)b.data, b.len, &s, &err), -1);
}

struct fake {
	const struct said {
		uint8_t netfn, command, channel, parameter;
		const char *answer;
		size_t len;
	} * says;
	size_t n;
	int hangs_at; /* this question is not answered, -1: none */
	int asked;
};
#define SAYS(netfn, command, channel, parameter, text)                                                                           \
	{                                                                                                                        \
		netfn, command, channel, parameter, text, sizeof(text) - 1                                                       \
	}

static int fake_ask(void *ctx, uint8_t netfn, uint8_t command, const uint8_t *data, size_t data_len, uint8_t *answer, size_t *len,
		    struct err *err)
{
	struct fake *f = ctx;

	if (f->asked++ == f->hangs_at)
		return err_set(err, ERR_FAILED, "the BMC does not answer");
	for (size_t i = 0; i < f->n; i++) {
		const struct said *s = &f->says[i];

		if (s->netfn != netfn || s->command != command || (data_len > 0 && s->channel != data[0]) ||
		    (data_len > 1 && s->parameter != data[1]))
			continue;
		memcpy(answer, s->answer, s->len);
		*len = s->len;
		return 0;
	}
	answer[0] = 0xcc; /* invalid data field */
	*len = 1;
	return 0;
}

static int ask(const struct said *says, size_t n, int hangs_at, struct board_bmc *out, struct err *err)
{
	struct fake f = { says, n, hangs_at, 0 };
	struct board_bmc_door door = { fake_ask, &f };

	return board_bmc_read(&door, out, err);
}

#define DEVICE SAYS(0x06, 0x01, 0, 0, "\0\x20\x81\x02\x10\x02\xbf\xa2\x02\x00\x01\x00")
#define LAN(channel) SAYS(0x06, 0x42, channel, 0, "\0\x01\x84\x01\x80")

static void a_bmc_is_described(void **state)
{
	static const struct said says[] = {
		DEVICE,
		SAYS(0x06, 0x42, 1, 0, "\0\x01\x05\x01\x80"),
		LAN(2),
		LAN(8),
		SAYS(0x0c, 0x02, 2, 5, "\0\x11\x0c\xc4\x7a\x00\x00\x02"),
		SAYS(0x0c, 0x02, 2, 3, "\0\x11\0\0\0\0"),
		SAYS(0x0c, 0x02, 8, 5, "\0\x11\x0c\xc4\x7a\x00\x00\x08"),
		SAYS(0x0c, 0x02, 8, 3, "\0\x11\x0a\x4d\x09\x08"),
	};
	struct board_bmc b = { 0 };
	struct err err = { 0 };

	(void)state;
	/* The channel that has an address is the one that is used. */
	assert_int_equal(ask(says, ARRAY_LEN(says), -1, &b, &err), 0);
	assert_string_equal(b.vendor, "Dell");
	assert_string_equal(b.address, "10.77.9.8");
	assert_string_equal(b.mac, "0c:c4:7a:00:00:08");
	board_bmc_free(&b);
	/* Without any address the first one that has a MAC. */
	assert_int_equal(ask(says, ARRAY_LEN(says) - 2, -1, &b, &err), 0);
	assert_null(b.address);
	assert_string_equal(b.mac, "0c:c4:7a:00:00:02");
	board_bmc_free(&b);
	/* One that says no to everything is a BMC all the same. */
	assert_int_equal(ask(says, 0, -1, &b, &err), 0);
	assert_null(b.vendor);
	assert_null(b.mac);
	/* One that hangs half-way tells nothing. */
	for (int at = 0; at < 12; at++) {
		assert_int_equal(ask(says, ARRAY_LEN(says) - 2, at, &b, &err), -1);
		assert_null(b.vendor);
		assert_null(b.mac);
	}
}

static void ipv6_and_unknown_makers(void **state)
{
	static const struct said says[] = {
		SAYS(0x06, 0x01, 0, 0, "\0\x20\x81\x02\x10\x02\xbf\x39\x30\xf0\x01\x00"),
		LAN(1),
		SAYS(0x0c, 0x02, 1, 3, "\0\x11\0\0\0\0"),
		SAYS(0x0c, 0x02, 1, 56, "\0\x11\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x40\0"),
		SAYS(0x0c, 0x02, 1, 59, "\0\x11\0\x01\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\x40\0"),
	};
	static const struct said cut[] = { SAYS(0x06, 0x01, 0, 0, "\0\x20\x81") };
	struct board_bmc b = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(ask(says, ARRAY_LEN(says), -1, &b, &err), 0);
	assert_string_equal(b.address, "fd00::7");
	assert_string_equal(b.vendor, "IANA 12345");
	board_bmc_free(&b);
	assert_int_equal(ask(cut, 1, -1, &b, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
	assert_int_equal(board_bmc_probe("/nonexistent/ipmi0", &b, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_is_read),
		cmocka_unit_test(a_bmc_is_described),
		cmocka_unit_test(ipv6_and_unknown_makers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
