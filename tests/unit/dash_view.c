/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dashboard's screens, each with its attributes, as in tests/golden/dash/NAME; DASH_GOLDEN=write writes them anew, to be
 * looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dash_cluster.h"
#include "sys/fs.h"
#include "tui/dash_view.h"

#include <stdio.h>
#include <stdlib.h>

/* What it is now is what the file says. */
static void is_golden(const char *name, const struct dash_screen *screen)
{
	const char *top = getenv("TOP"), *how = getenv("DASH_GOLDEN");
	autofree char *path = str_format("%s/tests/golden/dash/%s", top ? top : ".", name);
	autoclean(buf_free) struct buf want = { 0 }, got = { 0 };
	struct err err = { 0 };

	dash_screen_marked(screen, &got);
	if (how && str_eq(how, "write"))
		must(fs_write_atomic(path, buf_str(&got), got.len, 0644, &err), &err);
	must(fs_read(path, 1 << 20, &want, &err), &err);
	if (!str_eq(buf_str(&want), buf_str(&got)))
		fail_msg("%s is now:\n%s", name, buf_str(&got));
}

static void shows(const char *name, const struct dash_state *s, struct dash_ui *ui, size_t rows, size_t cols, bool ascii)
{
	struct dash_screen screen;

	dash_settle(ui, s);
	dash_view(s, ui, rows, cols, ascii, &screen);
	is_golden(name, &screen);
	dash_screen_free(&screen);
}

static void sizes(void **state)
{
	autoclean(dash_state_free) struct dash_state s = { 0 };
	autoclean(dash_ui_free) struct dash_ui ui = { 0 };

	(void)state;
	add_all(&s, 40, 2);
	shows("40-nodes-80x24", &s, &ui, 24, 80, false);
	shows("40-nodes-80x24-ascii", &s, &ui, 24, 80, true);
	shows("40-nodes-120x40", &s, &ui, 40, 120, false);
	shows("40-nodes-200x60", &s, &ui, 60, 200, true);
	ui.plain = true;
	shows("40-nodes-plain", &s, &ui, 0, 80, true);
}

static void many(void **state)
{
	autoclean(dash_state_free) struct dash_state s = { 0 };
	autoclean(dash_ui_free) struct dash_ui ui = { 0 };

	(void)state;
	add_all(&s, 5000, 4);
	shows("5000-nodes-80x24", &s, &ui, 24, 80, true);
	/* The last of them, and one before it marked. */
	assert_int_equal(dash_key(&ui, &s, DASH_KEY_END, 8), DASH_WANT_NOTHING);
	assert_string_equal(ui.chosen[DASH_NODES], "n5000");
	(void)dash_key(&ui, &s, DASH_KEY_UP, 8);
	(void)dash_key(&ui, &s, ' ', 8);
	shows("5000-nodes-end-120x40", &s, &ui, 40, 120, true);
	/* Of those that failed, some. */
	snprintf(ui.filter, sizeof(ui.filter), "failed n[0001-0099]");
	ui.focus = DASH_WAITING;
	shows("5000-nodes-filter-80x24", &s, &ui, 24, 80, true);
	assert_string_equal(ui.chosen[DASH_NODES], "n0095");
}

/* They differ at their ends, and that is seen; on paper they are whole. */
static void long_names(void **state)
{
	static const char text[] =
		"{\"nodes\":[{\"name\":\"building-a-row-07-rack-12-slot-01\",\"group\":\"compute-infiniband-old\",\"ipv4\":"
		"\"10.77.0.1\",\"ipv6\":null,\"state\":\"up\",\"macs\":[]},{\"name\":\"building-a-row-07-rack-12-slot-02\","
		"\"group\":\"compute-infiniband-new\",\"ipv4\":\"10.77.0.2\",\"ipv6\":null,\"state\":\"up\",\"macs\":[]}]}";
	static const char *const names[] = { "building-a-..-12-slot-0", "building-a-..-12-slot-0",
					     "building-a-row-07-rack-12-slot-0" };
	autoclean(dash_state_free) struct dash_state s = { 0 };
	autoclean(dash_ui_free) struct dash_ui ui = { 0 };
	struct dash_state news = { 0 };
	struct err err = { 0 };

	(void)state;
	add_status(&s, "beowulf");
	must(node_rows_read(text, sizeof(text) - 1, &news.nodes, &err), &err);
	dash_state_take(&s, &news, DASH_NODE_ROWS | DASH_DAEMON);
	add_casts(&s);
	free(s.casts.items[0].image);
	s.casts.items[0].image = mem_strdup("compute/20261101T021500Z-golden-of-november");
	for (int i = 0; i < 3; i++) {
		autoclean(buf_free) struct buf out = { 0 };
		struct dash_screen screen = { 0 };

		ui.plain = i == 2;
		dash_view(&s, &ui, i == 2 ? 0 : 24, i == 1 ? 120 : 80, true, &screen);
		dash_screen_text(&screen, &out);
		dash_screen_free(&screen);
		for (int k = 1; k <= 2; k++) {
			autofree char *name = str_format("%s%d ", names[i], k);

			assert_non_null(strstr(buf_str(&out), name));
		}
		assert_true(i != 2 || strstr(buf_str(&out), "compute/20261101T021500Z-golden-of-november "));
		assert_true(i != 1 || (strstr(buf_str(&out), " comp..-old ") && strstr(buf_str(&out), " comp..-new ")));
	}
}

static void nothing_yet(void **state)
{
	autoclean(dash_state_free) struct dash_state s = { 0 };
	autoclean(dash_ui_free) struct dash_ui ui = { 0 };

	(void)state;
	shows("asking-80x24", &s, &ui, 24, 80, true);
	add_status(&s, NULL);
	add_no_guard(&s);
	shows("no-site-80x24", &s, &ui, 24, 80, true);
	add_status(&s, "beowulf");
	add_guard(&s, "head2", false);
	add_nodes(&s, 0, 2);
	shows("empty-80x24", &s, &ui, 24, 80, true);
}

static void silence(void **state)
{
	autoclean(dash_state_free) struct dash_state s = { 0 }, t = { 0 };
	autoclean(dash_ui_free) struct dash_ui ui = { 0 };

	(void)state;
	add_no_daemon(&s);
	add_guard(&s, "head1", false);
	shows("no-daemon-80x24", &s, &ui, 24, 80, true);
	/* It did answer before. */
	add_all(&t, 40, 2);
	add_no_daemon(&t);
	add_no_guard(&t);
	shows("daemon-gone-no-guard-80x24", &t, &ui, 24, 80, true);
	/* It is back. */
	add_nodes(&t, 40, 2);
	assert_null(t.daemon.text);
	add_guard(&t, NULL, true);
	shows("no-holder-80x24", &t, &ui, 24, 80, true);
	t.daemon_slow = true;
	shows("slow-daemon-80x24", &t, &ui, 24, 80, false);
	t.daemon_slow = false;
	/* Where one walks among the events, their texts are whole. */
	ui.focus = DASH_EVENTS;
	add_long_event(&t);
	shows("events-80x24", &t, &ui, 24, 80, true);
	ui.focus = DASH_NODES;
	shows("event-cut-80x24", &t, &ui, 24, 80, true);
}

static void boxes(void **state)
{
	autoclean(dash_state_free) struct dash_state s = { 0 };
	autoclean(dash_ui_free) struct dash_ui ui = { 0 };

	(void)state;
	add_all(&s, 40, 2);
	str_list_add(&ui.program, "orthrus");
	dash_settle(&ui, &s);
	(void)dash_key(&ui, &s, DASH_KEY_F1, 8);
	shows("help-80x24", &s, &ui, 24, 80, true);
	(void)dash_key(&ui, &s, DASH_KEY_ESC, 8);
	/* All of one: what did not fit is read there, also when it is gone. */
	(void)dash_key(&ui, &s, DASH_KEY_DOWN, 4);
	(void)dash_key(&ui, &s, DASH_KEY_PGDN, 3);
	(void)dash_key(&ui, &s, DASH_KEY_ENTER, 8);
	shows("about-node-80x24", &s, &ui, 24, 80, true);
	add_nodes(&s, 3, 2);
	shows("about-gone-80x24", &s, &ui, 24, 80, false);
	(void)dash_key(&ui, &s, DASH_KEY_ESC, 8);
	add_nodes(&s, 40, 2);
	(void)dash_key(&ui, &s, DASH_KEY_TAB, 8);
	(void)dash_key(&ui, &s, DASH_KEY_ENTER, 8);
	shows("about-machine-80x24", &s, &ui, 24, 80, true);
	(void)dash_key(&ui, &s, DASH_KEY_ESC, 8);
	(void)dash_key(&ui, &s, DASH_KEY_BACKTAB, 8);
	(void)dash_key(&ui, &s, DASH_KEY_HOME, 8);
	(void)dash_key(&ui, &s, '/', 8);
	(void)dash_key(&ui, &s, 'u', 8);
	shows("typing-filter-80x24", &s, &ui, 24, 80, false);
	(void)dash_key(&ui, &s, DASH_KEY_ESC, 8);
	(void)dash_key(&ui, &s, 'a', 8);
	shows("approve-form-80x24", &s, &ui, 24, 80, true);
	(void)dash_key(&ui, &s, DASH_KEY_ENTER, 8);
	assert_int_equal(dash_key(&ui, &s, DASH_KEY_ENTER, 8), DASH_WANT_PLAN);
	shows("approve-planning-80x24", &s, &ui, 24, 80, true);
	dash_heard(
		&ui,
		"n41: MAC 52:54:00:12:34:56, serial S-1, QEMU Standard PC, from 10.77.0.200, key TIDE ITCH SLOW REIN RULE MOT");
	dash_heard(&ui, "would:");
	dash_heard(&ui, " 1  add n41 to the group compute");
	dash_ended(&ui, 0, NULL);
	(void)dash_key(&ui, &s, 'y', 8);
	shows("approve-confirm-80x24", &s, &ui, 24, 80, false);
	(void)dash_key(&ui, &s, 'e', 8);
	(void)dash_key(&ui, &s, 's', 8);
	assert_int_equal(dash_key(&ui, &s, DASH_KEY_ENTER, 8), DASH_WANT_RUN);
	dash_heard(&ui, "orthrus: a machine with this MAC address was approved meanwhile\033[31m");
	dash_ended(&ui, 1, NULL);
	shows("approve-failed-80x24", &s, &ui, 24, 80, true);
	assert_int_equal(dash_key(&ui, &s, DASH_KEY_ENTER, 8), DASH_WANT_REFRESH);
	(void)dash_key(&ui, &s, 's', 8);
	for (int i = 1; i <= 40; i++) {
		autofree char *line = str_format("line %d of a long plan", i);

		dash_heard(&ui, line);
	}
	dash_ended(&ui, 0, NULL);
	(void)dash_key(&ui, &s, DASH_KEY_PGDN, 8);
	shows("switch-confirm-120x40", &s, &ui, 40, 120, true);
}

static void small(void **state)
{
	autoclean(dash_state_free) struct dash_state s = { 0 };
	autoclean(dash_ui_free) struct dash_ui ui = { 0 };

	(void)state;
	add_all(&s, 40, 2);
	shows("too-small-40x12", &s, &ui, 12, 40, true);
	/* Any size is drawn without an overflow, with every box. */
	for (int mode = DASH_BROWSE; mode <= DASH_DONE; mode++)
		for (size_t rows = 1; rows < 70; rows += 3)
			for (size_t cols = 1; cols < 260; cols += 13) {
				struct dash_screen screen;

				ui.mode = (enum dash_mode)mode;
				ui.n_fields = 0;
				if (mode == DASH_FORM)
					(void)dash_key((ui.mode = DASH_BROWSE, &ui), &s, 'n', 8);
				ui.scroll = SIZE_MAX / 2;
				dash_view(&s, &ui, rows, cols, rows % 2, &screen);
				dash_screen_free(&screen);
			}
	ui.mode = DASH_BROWSE;
}

static void screens(void **state)
{
	struct dash_screen s;
	autoclean(buf_free) struct buf out = { 0 };
	autoclean(str_list_free) struct str_list lines = { 0 };

	(void)state;
	dash_screen_init(&s, 2, 10, false);
	assert_int_equal(dash_put(&s, 0, 0, 10, DASH_NORMAL, "K\u00f6ln \u4e2d\u0301 12345"), 10);
	assert_int_equal(dash_put(&s, 1, 8, 10, DASH_BOLD, "\u2500x"), 2);
	assert_int_equal(dash_put(&s, 1, 10, 10, DASH_BOLD, "x") + dash_put(&s, 2, 0, 1, DASH_BOLD, "x"), 0);
	dash_paint(&s, 1, 9, 5, DASH_WARN);
	dash_glyphs(&s, 1, 0, 2, DASH_REVERSE, DASH_DOUBLE);
	dash_screen_marked(&s, &out);
	assert_string_equal(
		buf_str(&out),
		"K\u00f6ln ?? 1\u2026\n\u2550\u2550      \u2500x\nattr 1 0-1 reverse\nattr 1 8-8 bold\nattr 1 9-9 warn\n");
	dash_screen_free(&s);
	assert_int_equal(dash_width("K\u00f6ln \xff"), 6);
	dash_wrap("one two three fourfivesix seven", 8, 2, &lines);
	assert_int_equal(lines.len, 5);
	assert_string_equal(lines.items[0], "one two");
	assert_string_equal(lines.items[1], "  three");
	assert_string_equal(lines.items[2], "  fourfi");
	dash_wrap("", 8, 2, &lines);
	assert_int_equal(lines.len, 6);
	buf_clear(&out);
	dash_bar(50, 4, true, &out);
	dash_bar(101, 2, true, &out);
	assert_string_equal(buf_str(&out), "[##..][##]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes), cmocka_unit_test(many),  cmocka_unit_test(nothing_yet), cmocka_unit_test(silence),
		cmocka_unit_test(boxes), cmocka_unit_test(small), cmocka_unit_test(screens),	 cmocka_unit_test(long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
