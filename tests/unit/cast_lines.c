/* SPDX-License-Identifier: GPL-2.0-or-later */
/* orthrusd and the process that casts for it understand each other, and nothing that is not so meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "daemon/cast_lines.h"

#include <string.h>

static char store[] = "/srv/orthrus/store", name[] = "compute", id[] = "20261121T053000Z-golden", group[] = "232.1.2.3",
	    sender[] = "10.1.0.1", group2[] = "ff35::8000:7", sender2[] = "fd00::1", broadcast[] = "10.1.255.255";

static void do_again(const struct cast_do_line *l, struct cast_do_line *out)
{
	autoclean(buf_free) struct buf b = { 0 };
	struct err err = { 0 };

	cast_do_write(l, &b);
	assert_int_equal(b.data[b.len - 1], '\n');
	assert_null(memchr(b.data, '\n', b.len - 1));
	if (cast_do_read(b.data, b.len - 1, out, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(out->what, l->what);
}

static void what_to_cast(void **state)
{
	struct cast_do_line l = { .what = CAST_DO_OPEN,
				  .open = { .store = store,
					    .name = name,
					    .id = id,
					    .group = group,
					    .sender = sender,
					    .cast = UINT32_MAX,
					    .port = 4580,
					    .reports = 4581,
					    .ports = 16,
					    .symbol_bytes = 1408,
					    .rate_max = 125000000,
					    .expected = 5000,
					    .gather_s = 10,
					    .empty_s = 2 } };
	struct cast_do_line out;

	(void)state;
	memset(l.open.verify_key, 1, CAST_KEY);
	memset(l.open.group_key, 2, CAST_KEY);
	str_list_add(&l.open.relays, "10.2.0.9");
	str_list_add(&l.open.relays, "10.3.0.9");
	do_again(&l, &out);
	str_list_free(&l.open.relays);
	assert_int_equal(out.open.relays.len, 2);
	assert_string_equal(out.open.relays.items[1], "10.3.0.9");
	assert_string_equal(out.open.store, store);
	assert_string_equal(out.open.name, name);
	assert_string_equal(out.open.id, id);
	assert_string_equal(out.open.group, group);
	assert_string_equal(out.open.sender, sender);
	assert_memory_equal(out.open.verify_key, l.open.verify_key, CAST_KEY);
	assert_memory_equal(out.open.group_key, l.open.group_key, CAST_KEY);
	assert_int_equal(out.open.cast, UINT32_MAX);
	assert_int_equal(out.open.rate_max, 125000000);
	assert_int_equal(out.open.reports, 4581);
	assert_int_equal(out.open.ports, 16);
	assert_int_equal(out.open.expected, 5000);
	cast_do_free(&out);
	assert_null(out.open.name);
}

static void who_takes_part(void **state)
{
	struct cast_do_line l = { .what = CAST_DO_JOIN, .number = 65535 }, out;

	(void)state;
	memset(l.own_key, 3, CAST_KEY);
	do_again(&l, &out);
	assert_int_equal(out.number, 65535);
	assert_int_equal(out.have.len, 0);
	assert_int_equal(out.relay, 0);
	cast_do_free(&out);
	l.relay = 16;
	buf_add(&l.have, "\x00\xff\x01", 3);
	do_again(&l, &out);
	assert_memory_equal(out.own_key, l.own_key, CAST_KEY);
	assert_int_equal(out.have.len, 3);
	assert_int_equal(out.relay, 16);
	assert_memory_equal(out.have.data, "\x00\xff\x01", 3);
	cast_do_free(&out);
	buf_free(&l.have);
	l = (struct cast_do_line){ .what = CAST_DO_LEAVE, .number = 2 };
	do_again(&l, &out);
	assert_int_equal(out.number, 2);
	l = (struct cast_do_line){ .what = CAST_DO_STOP };
	do_again(&l, &out);
}

static void said_again(const struct cast_said_line *l, struct cast_said_line *out)
{
	autoclean(buf_free) struct buf b = { 0 };
	struct err err = { 0 };

	cast_said_write(l, &b);
	if (cast_said_read(b.data, b.len - 1, out, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(out->what, l->what);
}

static void more_ways(void **state)
{
	struct cast_do_line l = { .what = CAST_DO_OPEN,
				  .open = { .store = store,
					    .name = name,
					    .id = id,
					    .group = group,
					    .sender = sender,
					    .group2 = group2,
					    .sender2 = sender2,
					    .broadcast = broadcast,
					    .small_instead = true,
					    .cast = 1,
					    .port = 4580,
					    .reports = 4580,
					    .ports = 16,
					    .symbol_bytes = 8896 } };
	struct cast_do_line out;
	struct cast_said_line said = { .what = CAST_SAID_ENDED, .too_large = true }, said_out;
	autoclean(buf_free) struct buf b = { 0 };
	struct err err = { 0 };

	(void)state;
	do_again(&l, &out);
	assert_string_equal(out.open.group2, group2);
	assert_string_equal(out.open.sender2, sender2);
	assert_string_equal(out.open.broadcast, broadcast);
	assert_true(out.open.small_instead);
	cast_do_free(&out);
	cast_do_write(&l, &b);
	memcpy(strstr(b.data, "\"sender2\":\"fd00::1\","), "                    ", strlen("\"sender2\":\"fd00::1\","));
	assert_int_equal(cast_do_read(b.data, b.len - 1, &out, &err), -1); /* a group without its sender */
	said_again(&said, &said_out);
	assert_true(said_out.too_large);
	cast_said_free(&said_out);
	said = (struct cast_said_line){ .what = CAST_SAID_REFUSED, .number = 1, .text = name, .too_large = true };
	said_again(&said, &said_out);
	assert_true(said_out.too_large);
	cast_said_free(&said_out);
}

static void how_it_goes(void **state)
{
	struct cast_view views[2] = { { .number = 1,
					.state = 2,
					.lacking = 7,
					.loss_ppm = 10000,
					.heard_ms = 3,
					.straggler = true,
					.probes = 0xfff,
					.sent = 1000,
					.came = 990,
					.reports = 70,
					.pressed = 2,
					.hellos = 3,
					.buffer_kib = 4096 },
				      { .number = 65535 } };
	struct cast_said_line l = { .what = CAST_SAID_OPENED, .port = 40000, .chunks = 25, .blocks = 100, .bytes = 1 << 20 }, out;

	(void)state;
	memset(l.layout.bytes, 9, DIGEST_LEN);
	memset(l.sign_public, 8, CAST_KEY);
	said_again(&l, &out);
	assert_memory_equal(out.sign_public, l.sign_public, CAST_KEY);
	assert_int_equal(out.port, 40000);
	assert_int_equal(out.blocks, 100);
	assert_int_equal(digest_cmp(&out.layout, &l.layout), 0);
	l = (struct cast_said_line){ .what = CAST_SAID_PROGRESS,
				     .progress = { .stage = 5, .pass = 2, .rate = 1, .ms = 77, .ways = 15 } };
	said_again(&l, &out);
	assert_memory_equal(&out.progress, &l.progress, sizeof(l.progress));
	l = (struct cast_said_line){ .what = CAST_SAID_RECEIVERS, .views = views, .n_views = 2 };
	said_again(&l, &out);
	assert_int_equal(out.n_views, 2);
	assert_memory_equal(out.views, views, sizeof(views));
	cast_said_free(&out);
	l = (struct cast_said_line){ .what = CAST_SAID_JOINED, .number = 4 };
	said_again(&l, &out);
	assert_int_equal(out.number, 4);
}

static void its_last_words(void **state)
{
	static char words[] = "no \x1b[2J such pack";
	char long_words[CAST_WORDS_MAX + 2];
	struct cast_said_line l = { .what = CAST_SAID_ENDED, .text = words }, out;
	autoclean(buf_free) struct buf b = { 0 };
	struct err err = { 0 };

	(void)state;
	said_again(&l, &out);
	assert_string_equal(out.text, words);
	cast_said_free(&out);
	l = (struct cast_said_line){ .what = CAST_SAID_ENDED };
	said_again(&l, &out);
	assert_null(out.text);
	l = (struct cast_said_line){ .what = CAST_SAID_REFUSED, .number = 3, .text = words };
	said_again(&l, &out);
	assert_int_equal(out.number, 3);
	cast_said_free(&out);
	memset(long_words, 'x', sizeof(long_words));
	long_words[sizeof(long_words) - 1] = '\0';
	l.text = long_words;
	cast_said_write(&l, &b);
	assert_int_equal(cast_said_read(b.data, b.len - 1, &out, &err), -1);
}

static void the_rest_is_refused(void **state)
{
	static const char *const lines[] = {
		"",
		"{}",
		"{\"do\":\"dance\"}",
		"{\"do\":\"stop\",\"more\":1}",
		"{\"do\":\"leave\",\"number\":0}",
		"{\"do\":\"leave\",\"number\":65536}",
		"{\"do\":\"join\",\"number\":1,\"own_key\":\"00\"}",
		"{\"said\":\"joined\",\"number\":0}",
		"{\"said\":\"opened\",\"port\":0}",
		"{\"said\":\"progress\",\"stage\":6}",
		"{\"said\":\"receivers\",\"receivers\":[{\"number\":1,\"state\":7,\"lacking\":0,\"loss_ppm\":0,\"heard_ms\":0,"
		"\"straggler\":false}]}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct cast_do_line d;
		struct cast_said_line s;
		struct err err = { 0 }, why = { 0 };

		if (cast_do_read(lines[i], strlen(lines[i]), &d, &err) == 0 ||
		    cast_said_read(lines[i], strlen(lines[i]), &s, &why) == 0)
			fail_msg("taken: %s", lines[i]);
		assert_string_not_equal(err.text, "");
		assert_string_not_equal(why.text, "");
	}
}

static void many_views_are_refused(void **state)
{
	struct cast_view *views = mem_array(CAST_VIEWS_MAX + 1, sizeof(*views));
	struct cast_said_line l = { .what = CAST_SAID_RECEIVERS, .views = views, .n_views = CAST_VIEWS_MAX + 1 }, out;
	autoclean(buf_free) struct buf b = { 0 };
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i <= CAST_VIEWS_MAX; i++)
		views[i].number = i + 1;
	cast_said_write(&l, &b);
	assert_int_equal(cast_said_read(b.data, b.len - 1, &out, &err), -1);
	free(views);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_to_cast),		  cmocka_unit_test(more_ways),
		cmocka_unit_test(who_takes_part),	  cmocka_unit_test(how_it_goes),
		cmocka_unit_test(its_last_words),	  cmocka_unit_test(the_rest_is_refused),
		cmocka_unit_test(many_views_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
