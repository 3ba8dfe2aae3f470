/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the head reads what an imager says of a step: however long it is, it arrives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "daemon/imager_event.h"

#include <string.h>

#define TEXT_MAX 700

/* An event whose text, error and hint are `unit`, `times` over. */
static void read_long(const char *unit, size_t times, struct imager_event *ev)
{
	autoclean(buf_free) struct buf text = { 0 }, json = { 0 };
	struct json_out w;
	struct err err = { 0 };

	for (size_t i = 0; i < times; i++)
		buf_adds(&text, unit);
	json_out_init(&w, &json, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "install_id", "00112233445566778899aabbccddeeff");
	json_put_u64(&w, "seq", 1);
	json_put_str(&w, "step", "disk-test");
	json_put_str(&w, "event", "failed");
	json_put_str(&w, "text", buf_str(&text));
	json_put_str(&w, "error", buf_str(&text));
	json_put_str(&w, "hint", buf_str(&text));
	json_end_obj(&w);
	if (imager_event_read(buf_str(&json), json.len, ev, &err) < 0)
		fail_msg("%s", err.text);
}

static void expect_cut(const char *text, size_t least)
{
	size_t len = strlen(text);

	assert_true(len <= TEXT_MAX && len >= least);
	assert_string_equal(text + len - 3, "...");
	for (size_t i = 0, n; i < len; i += n) {
		n = str_utf8_len(text + i, len - i);
		assert_true(n > 0);
	}
}

static void long_texts_are_cut(void **state)
{
	static const size_t times[] = { 701, 4096, 4097, 60000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		autoclean(imager_event_free) struct imager_event ev = { 0 };

		read_long("x", times[i], &ev);
		expect_cut(ev.text, TEXT_MAX);
		expect_cut(ev.error, TEXT_MAX);
		expect_cut(ev.hint, TEXT_MAX);
	}
}

static void short_ones_are_whole(void **state)
{
	autoclean(imager_event_free) struct imager_event ev = { 0 };

	(void)state;
	read_long("x", TEXT_MAX, &ev);
	assert_int_equal(strlen(ev.text), TEXT_MAX);
	assert_null(strstr(ev.text, "..."));
}

static void characters_stay_whole(void **state)
{
	static const char *const units[] = { "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x92\xbe", "a\xf0\x9f\x92\xbe" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		autoclean(imager_event_free) struct imager_event ev = { 0 };

		read_long(units[i], 2000, &ev);
		expect_cut(ev.text, TEXT_MAX - 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(short_ones_are_whole),
		cmocka_unit_test(characters_stay_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
