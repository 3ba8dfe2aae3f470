/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the head's daemon says, read for the command line and the dashboard: nodes, machines that wait, casts, events, the guard,
 * arrays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/arrays.h"
#include "api/casts.h"
#include "api/events.h"
#include "api/guard.h"
#include "api/nodes.h"
#include "api/pending.h"
#include "base/json.h"
#include "base/mem.h"

#include <string.h>

#define NODE(name, state, more)                                                                                                  \
	"{\"name\":\"" name "\",\"group\":\"compute\",\"macs\":[\"52:54:00:00:00:01\"],\"ipv4\":\"10.0.0.1\",\"ipv6\":null,"     \
	"\"state\":\"" state "\"" more "}"

static void nodes(void **state)
{
	static const char text[] =
		"{\"nodes\":[" NODE("n1", "up", ",\"booted\":{\"install_id\":\"x\",\"mdstat\":\"md0 : active\"}") "," NODE(
			"n2", "failed", ",\"error\":\"no disk\",\"booted\":null") "," NODE("n3", "installing",
											   ",\"step\":\"write\",\"percent\":42,"
											   "\"a_new_key\":[1]") "]}";
	autoclean(node_rows_free) struct node_rows rows = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(node_rows_read(text, sizeof(text) - 1, &rows, &err), 0);
	assert_int_equal(rows.len, 3);
	assert_string_equal(rows.items[0].mdstat, "md0 : active");
	assert_null(rows.items[1].mdstat);
	assert_null(rows.items[0].ipv6);
	assert_ptr_equal(node_rows_find(&rows, "n2"), &rows.items[1]);
	assert_null(node_rows_find(&rows, "n4"));
	assert_non_null(strstr(rows.items[2].raw, "a_new_key"));
}

static void doing(void **state)
{
	char mac[] = "52:54:00:00:00:01", *macs[] = { mac };
	struct node_row r = { .macs = { .items = macs, .len = 1 } };
	char up[] = "up", failed[] = "failed", installing[] = "installing", why[] = "no disk", step[] = "write",
	     diskless[] = "diskless";
	autofree char *nothing = NULL, *error = NULL, *percent = NULL, *memory = NULL, *waits = NULL;

	(void)state;
	r.state = up;
	nothing = node_row_doing(&r);
	assert_null(nothing);
	r.state = failed;
	r.error = why;
	error = node_row_doing(&r);
	assert_string_equal(error, "no disk");
	r.state = installing;
	r.step = step;
	r.percent = 7;
	percent = node_row_doing(&r);
	assert_string_equal(percent, "write 7 %");
	r.state = up;
	r.step = diskless;
	memory = node_row_doing(&r);
	assert_string_equal(memory, "no disk");
	r = (struct node_row){ .state = up };
	waits = node_row_doing(&r);
	assert_string_equal(waits, "waits for its machine");
}

/* What is wrong is an error with a name, and nothing is left behind. */
static void wrong_answers(void **state)
{
	static const char *const texts[] = { "",
					     "[]",
					     "{}",
					     "{\"nodes\":{},\"pending\":1,\"casts\":[],\"events\":[1],\"last\":1}",
					     "{\"nodes\":[{\"name\":\"n1\"}],\"pending\":[{}],\"casts\":[{}],\"stopped\":[],"
					     "\"events\":[{\"number\":1}],\"last\":2}",
					     "{\"nodes\":[" NODE("n1", "up",
								 ",\"percent\":101") "],\"pending\":[{\"fingerprint\":\"a\"}]}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		autoclean(node_rows_free) struct node_rows n = { 0 };
		autoclean(pending_rows_free) struct pending_rows p = { 0 };
		autoclean(cast_views_free) struct cast_views c = { 0 };
		autoclean(event_page_free) struct event_page e = { 0 };
		struct err err[4] = { 0 };
		const size_t len = strlen(texts[i]);

		assert_int_equal(node_rows_read(texts[i], len, &n, &err[0]), -1);
		assert_int_equal(pending_rows_read(texts[i], len, &p, &err[1]), -1);
		assert_int_equal(cast_views_read(texts[i], len, &c, &err[2]), -1);
		assert_int_equal(event_page_read(texts[i], len, &e, &err[3]), -1);
		for (size_t k = 0; k < ARRAY_LEN(err); k++)
			assert_non_null(strstr(err[k].text, "the daemon's"));
	}
}

static void pending(void **state)
{
	static const char text[] =
		"{\"pending\":[{\"fingerprint\":\"ab\",\"words\":\"A B C D E "
		"F\",\"mac\":\"52:54:00:00:00:09\",\"from\":\"10.0.0.9\","
		"\"first_seen\":\"x\",\"last_seen\":\"y\",\"state\":\"pending\",\"node\":null,\"other_key\":false,\"conflict\":"
		"false,"
		"\"why\":\"\",\"machine\":{\"mac\":\"52:54:00:00:00:09\",\"dmi\":{\"vendor\":\"QEMU\",\"product\":null}}}]}";
	autoclean(pending_rows_free) struct pending_rows rows = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(pending_rows_read(text, sizeof(text) - 1, &rows, &err), 0);
	assert_int_equal(rows.len, 1);
	assert_string_equal(rows.items[0].vendor, "QEMU");
	assert_string_equal(rows.items[0].product, "");
	assert_null(rows.items[0].node);
}

#define CAST_COUNTS                                                                                                              \
	"\"cast\":1,\"seconds\":9,\"bytes\":1000,\"wire_bytes\":500,\"sending_ms\":4000,\"pass\":1,\"loss_ppm\":0,\"rejected\":" \
	"0,\"complete\":0"

static void casts(void **state)
{
	static const char text[] =
		"{\"casts\":[{\"image\":\"c/1\",\"state\":\"sending\",\"runs\":true," CAST_COUNTS
		",\"rate\":100,\"percent\":40,\"expected\":[\"n3\"],\"nodes\":["
		"{\"node\":\"n10\",\"state\":\"receiving\",\"way\":\"cast\",\"percent\":30,\"loss_ppm\":5,\"straggler\":true},"
		"{\"node\":\"n2\",\"state\":\"receiving\",\"way\":\"cast\",\"percent\":50,\"loss_ppm\":0,\"straggler\":false}],"
		"\"findings\":[{\"kind\":\"cable\",\"about\":\"sw1\",\"text\":\"a \\u0007 bell\"}]}],"
		"\"stopped\":[{\"image\":\"d/2\",\"by\":null,\"at\":null}]}";
	autoclean(cast_views_free) struct cast_views l = { 0 };
	struct err err = { 0 };
	uint64_t left;

	(void)state;
	assert_int_equal(cast_views_read(text, sizeof(text) - 1, &l, &err), 0);
	assert_int_equal(l.len, 1);
	assert_string_equal(l.items[0].rows[0].node, "n2"); /* by name */
	assert_string_equal(l.items[0].findings.items[0], "a \\x07 bell");
	assert_int_equal(l.stopped.len, 1);
	/* 600 bytes at 100 a second. */
	assert_true(cast_shown_left(&l.items[0], &left));
	assert_int_equal(left, 6);
	l.items[0].rate = 0;
	assert_false(cast_shown_left(&l.items[0], &left));
	l.items[0].rate = 100;
	l.items[0].runs = false;
	assert_false(cast_shown_left(&l.items[0], &left));
	l.items[0].runs = true;
	l.items[0].percent = 100;
	assert_false(cast_shown_left(&l.items[0], &left));
}

#define EVENT(number, text)                                                                                                      \
	"{\"number\":" number ",\"at\":\"t\",\"level\":\"info\",\"kind\":\"k\",\"node\":null,\"text\":\"" text "\"}"

static void events(void **state)
{
	static const char first[] = "{\"events\":[" EVENT("1", "a") "," EVENT("2", "b") "],\"last\":2}";
	static const char second[] = "{\"events\":[" EVENT("3", "c") "," EVENT("4", "\\u001b[2J") "],\"last\":4}";
	autoclean(event_page_free) struct event_page page = { 0 }, more = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(event_page_read(first, sizeof(first) - 1, &page, &err), 0);
	assert_int_equal(event_page_read(second, sizeof(second) - 1, &more, &err), 0);
	event_page_join(&page, &more, 3);
	assert_int_equal(page.len, 3);
	assert_int_equal(page.last, 4);
	assert_int_equal(page.items[0].number, 2);
	assert_string_equal(page.items[2].text, "\\x1b[2J");
	assert_int_equal(more.len, 0);
	/* Nothing new. */
	event_page_join(&page, &more, 3);
	assert_int_equal(page.len, 3);
}

#define SPREAD "{\"count\":2,\"last_us\":12300,\"p50_us\":8000,\"p99_us\":41000,\"max_us\":41000,\"worst_us\":41000}"
#define GUARD(more)                                                                                                              \
	"{\"guard\":{\"self\":\"head1\",\"role\":\"holder\",\"holder\":\"head1\",\"epoch\":7,\"held_us\":5000000,"               \
	"\"lease_us\":200000,\"renew_us\":40000,\"gate\":\"bpf\",\"renewals\":" SPREAD ",\"gaps\":" SPREAD ",\"voters\":[" more  \
	"]}}"

static void guard(void **state)
{
	static const char *const texts[] = { GUARD("{\"name\":\"w1\",\"role\":\"witness\",\"heard\":true,\"ago_us\":12000,"
						   "\"quarantine\":false,\"paused\":false,\"unfit\":false}"),
					     "{}", GUARD("{}") };
	static const int want[] = { 1, 0, -1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		autoclean(json_doc_free) struct json_doc doc = { 0 };
		autoclean(guard_view_free) struct guard_view g = { 0 };
		struct err err = { 0 };
		struct json_obj o;

		assert_int_equal(json_parse(texts[i], strlen(texts[i]), &doc, &err), 0);
		assert_int_equal(json_root_obj(&doc, &o, &err), 0);
		assert_int_equal(guard_view_read(&o, &g, &err), want[i]);
		if (i)
			continue;
		assert_string_equal(g.holder, "head1");
		assert_int_equal(g.gaps.last_us, 12300);
		assert_int_equal(g.n_voters, 1);
		assert_true(g.voters[0].heard);
	}
}

static void spans(void **state)
{
	static const struct {
		uint64_t us;
		const char *text;
	} cases[] = { { 0, "0.0 ms" },
		      { 12340, "12.3 ms" },
		      { 34000000, "34.0 s" },
		      { 420000000, "7 min" },
		      { UINT64_C(180000000000), "50 h" } };
	char out[GUARD_SPAN_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		guard_span(cases[i].us, out);
		assert_string_equal(out, cases[i].text);
	}
}

static void arrays(void **state)
{
	static const char text[] = "Personalities : [raid1] [raid6] [raid5] [raid4]\n"
				   "md127 : active (auto-read-only) raid1 vdb1[1] vda1[0]\n"
				   "      1046528 blocks super 1.2 [2/2] [UU]\n"
				   "      bitmap: 0/1 pages [0KB], 65536KB chunk\n"
				   "\n"
				   "md1 : active raid5 sdc1[2] sdb1[1](F) sda1[0]\n"
				   "      2093056 blocks level 5, 512k chunk, algorithm 2 [3/2] [U_U]\n"
				   "      [==>..................]  recovery = 12.6% (132/1046) finish=0.1min speed=132K/sec\n"
				   "md2 : inactive sdd[0](S)\n"
				   "      10 blocks\n"
				   "md3 : active raid0 sde1[1] sdf1[0]\n"
				   "      20 blocks 512k chunks\n"
				   "md4 : active raid1 x[0]\n"
				   "      1 blocks [2/2] [UU]\n"
				   "        resync=DELAYED\n"
				   "unused devices: <none>\n";
	static const char *const lines[] = { "md127 raid1 [UU]", "md1 raid5 [U_U], recovery 12.6%", "md2 inactive", "md3 raid0",
					     "md4 raid1 [UU], resync DELAYED" };
	static const bool whole[] = { true, false, false, true, true };
	struct array_rows rows;
	char line[ARRAY_LINE_MAX];

	(void)state;
	array_rows_read(text, &rows);
	assert_int_equal(rows.len, ARRAY_LEN(lines));
	for (size_t i = 0; i < rows.len; i++) {
		array_row_line(&rows.items[i], line);
		assert_string_equal(line, lines[i]);
		assert_int_equal(rows.items[i].whole, whole[i]);
	}
	array_rows_read("", &rows);
	assert_int_equal(rows.len, 0);
	/* A node's own words. */
	array_rows_read("md\033[2J : active \033raid1\n [UU", &rows);
	assert_int_equal(rows.len, 1);
	array_row_line(&rows.items[0], line);
	assert_string_equal(line, "md[2J raid1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes),   cmocka_unit_test(doing), cmocka_unit_test(wrong_answers),
		cmocka_unit_test(pending), cmocka_unit_test(casts), cmocka_unit_test(events),
		cmocka_unit_test(guard),   cmocka_unit_test(spans), cmocka_unit_test(arrays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
