/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dashboard's keys: what a terminal sends for them, and what they make of a cluster: commands of orthrus(8), asked about
 * first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dash_cluster.h"
#include "tui/dash_input.h"
#include "tui/dash_ui.h"

struct dash {
	struct dash_state s;
	struct dash_ui ui;
};

static int begin(void **state)
{
	struct dash *d = mem_zalloc(sizeof(*d));

	str_list_add(&d->ui.program, "orthrus");
	add_all(&d->s, 40, 2);
	dash_settle(&d->ui, &d->s);
	*state = d;
	return 0;
}

static int end(void **state)
{
	struct dash *d = *state;

	dash_state_free(&d->s);
	dash_ui_free(&d->ui);
	free(d);
	return 0;
}

static enum dash_want press(struct dash *d, int key)
{
	return dash_key(&d->ui, &d->s, key, 8);
}

static void type(struct dash *d, const char *text)
{
	for (; *text; text++)
		assert_int_equal(press(d, *text), DASH_WANT_NOTHING);
}

static void command_is(const struct dash *d, const char *want)
{
	autoclean(buf_free) struct buf b = { 0 };

	dash_command(&d->ui, d->ui.last, &b);
	assert_string_equal(buf_str(&b), want);
}

/* --- what is sent --- */

static void sequences(void **state)
{
	static const struct {
		const char *sent;
		int keys[4];
	} cases[] = {
		{ "a", { 'a' } },
		{ "\033[A", { DASH_KEY_UP } },
		{ "\033OB", { DASH_KEY_DOWN } },
		{ "\033[5~\033[6~", { DASH_KEY_PGUP, DASH_KEY_PGDN } },
		{ "\033OP\033[11~\033[[A", { DASH_KEY_F1, DASH_KEY_F1, DASH_KEY_F1 } },
		{ "\033[Z\t\r\n", { DASH_KEY_BACKTAB, DASH_KEY_TAB, DASH_KEY_ENTER, DASH_KEY_ENTER } },
		{ "\033q", { DASH_KEY_ESC, 'q' } },
		{ "\033\033[H", { DASH_KEY_ESC, DASH_KEY_HOME } },
		{ "\033[99;5~x", { 'x' } },				     /* not known */
		{ "\033[0000000000000000000000Ax", { '0', '0', '0', '0' } }, /* too long: dropped, then as they are */
		{ "\033[\001", { 1 } },					     /* cut off */
		{ "\xc3\xa9z", { 'z' } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dash_input in = { 0 };
		size_t n = 0;

		for (const char *at = cases[i].sent; *at; at++) {
			int keys[2];
			const size_t whole = dash_input_byte(&in, (unsigned char)*at, keys);

			for (size_t k = 0; k < whole && n < 4; k++, n++)
				assert_int_equal(keys[k], cases[i].keys[n]);
		}
		assert_true(n == 4 || cases[i].keys[n] == 0);
		assert_false(dash_input_waits(&in));
	}
}

static void pauses(void **state)
{
	struct dash_input in = { 0 };
	int keys[2];

	(void)state;
	assert_int_equal(dash_input_byte(&in, 27, keys), 0);
	assert_true(dash_input_waits(&in));
	assert_int_equal(dash_input_pause(&in), DASH_KEY_ESC);
	assert_false(dash_input_waits(&in));
	assert_int_equal(dash_input_byte(&in, 27, keys) + dash_input_byte(&in, '[', keys), 0);
	assert_int_equal(dash_input_pause(&in), DASH_KEY_NONE);
}

/* --- walking --- */

static void walks(void **state)
{
	struct dash *d = *state;

	assert_string_equal(d->ui.chosen[DASH_NODES], "n01");
	press(d, DASH_KEY_DOWN);
	press(d, DASH_KEY_PGDN);
	assert_string_equal(d->ui.chosen[DASH_NODES], "n10");
	press(d, DASH_KEY_HOME);
	press(d, DASH_KEY_UP);
	assert_string_equal(d->ui.chosen[DASH_NODES], "n01");
	/* Nodes come and go: the chosen one stays so. */
	press(d, DASH_KEY_END);
	assert_string_equal(d->ui.chosen[DASH_NODES], "n40");
	press(d, DASH_KEY_UP);
	add_nodes(&d->s, 45, 2);
	dash_settle(&d->ui, &d->s);
	assert_string_equal(d->ui.chosen[DASH_NODES], "n39");
	add_nodes(&d->s, 20, 2);
	dash_settle(&d->ui, &d->s);
	assert_string_equal(d->ui.chosen[DASH_NODES], "n20");
	add_nodes(&d->s, 0, 2);
	dash_settle(&d->ui, &d->s);
	assert_null(d->ui.chosen[DASH_NODES]);
	press(d, DASH_KEY_DOWN);
	press(d, ' ');
	assert_int_equal(d->ui.marked.len, 0);
	/* Rejected machines are not among those that wait. */
	press(d, DASH_KEY_TAB);
	press(d, DASH_KEY_END);
	assert_string_equal(d->ui.chosen[DASH_WAITING], "cc");
	press(d, DASH_KEY_BACKTAB);
	press(d, DASH_KEY_BACKTAB);
	assert_int_equal(d->ui.focus, DASH_EVENTS);
	assert_int_equal(press(d, DASH_KEY_F5), DASH_WANT_REFRESH);
	assert_int_equal(press(d, DASH_CTRL('l')), DASH_WANT_REFRESH);
	assert_int_equal(press(d, 'q'), DASH_WANT_QUIT);
	assert_int_equal(press(d, DASH_CTRL('c')), DASH_WANT_QUIT);
}

static void filters(void **state)
{
	static const struct {
		const char *filter;
		size_t n;
	} cases[] = { { "", 40 },	{ "failed", 4 },    { "fail", 4 },	{ "@login", 5 },     { "n[01-09]", 9 },
		      { "n01,n02", 2 }, { "@login up", 4 }, { "n0", 9 },	{ "10.77.0.11", 1 }, { "52:54:00:00:00:28", 1 },
		      { "nothing", 0 }, { "n[", 0 },	    { "  up   n3 ", 6 } };
	struct dash *d = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t n;
		autofree size_t *shown = dash_shown(&d->s, cases[i].filter, &n);

		if (n != cases[i].n)
			fail_msg("'%s' leaves %zu", cases[i].filter, n);
	}
	press(d, '/');
	type(d, "failedq");
	press(d, DASH_KEY_BACK);
	assert_string_equal(d->ui.filter, "failed");
	press(d, DASH_KEY_ENTER);
	assert_string_equal(d->ui.chosen[DASH_NODES], "n05");
	press(d, '*');
	assert_int_equal(d->ui.marked.len, 4);
	press(d, '*');
	assert_int_equal(d->ui.marked.len, 0);
	press(d, DASH_KEY_ESC);
	assert_string_equal(d->ui.filter, "");
	press(d, '/');
	type(d, "up");
	press(d, DASH_KEY_ESC);
	assert_string_equal(d->ui.filter, "");
	assert_int_equal(d->ui.mode, DASH_BROWSE);
}

/* --- commands --- */

static void installs(void **state)
{
	struct dash *d = *state;

	/* The chosen one. */
	assert_int_equal(press(d, 'i'), DASH_WANT_PLAN);
	command_is(d, "orthrus node install n01 --plan");
	assert_int_equal(press(d, DASH_KEY_ESC), DASH_WANT_STOP);
	dash_ended(&d->ui, 143, "orthrus was ended");
	assert_int_equal(d->ui.mode, DASH_BROWSE);
	assert_non_null(strstr(d->ui.message, "nothing was changed"));
	/* Those that are marked. */
	press(d, ' ');
	press(d, ' ');
	press(d, DASH_KEY_DOWN);
	press(d, ' ');
	assert_int_equal(press(d, 'i'), DASH_WANT_PLAN);
	command_is(d, "orthrus node install 'n[01-02,04]' --plan");
	dash_heard(&d->ui, "n01: install compute");
	dash_ended(&d->ui, 0, NULL);
	assert_int_equal(d->ui.mode, DASH_CONFIRM);
	/* Nothing but the whole word does it. */
	type(d, "ye");
	assert_int_equal(press(d, DASH_KEY_ENTER), DASH_WANT_NOTHING);
	assert_int_equal(d->ui.mode, DASH_BROWSE);
	assert_non_null(strstr(d->ui.message, "nothing was changed"));
	assert_int_equal(d->ui.marked.len, 3);
	/* A plan without a digest is of another version: nothing binds the yes to it. */
	assert_int_equal(press(d, 'i'), DASH_WANT_PLAN);
	dash_ended(&d->ui, 0, NULL);
	type(d, "yes");
	assert_int_equal(press(d, DASH_KEY_ENTER), DASH_WANT_NOTHING);
	assert_int_equal(d->ui.mode, DASH_BROWSE);
	assert_int_equal(press(d, 'i'), DASH_WANT_PLAN);
	dash_heard(&d->ui, "as shown: 0123456789abcdef");
	dash_ended(&d->ui, 0, NULL);
	type(d, "yess");
	press(d, DASH_KEY_BACK);
	assert_int_equal(press(d, DASH_KEY_ENTER), DASH_WANT_RUN);
	/* Another plan by now is refused. */
	command_is(d, "orthrus node install 'n[01-02,04]' --as-shown 0123456789abcdef --yes");
	/* Esc does not end what changes something. */
	assert_int_equal(press(d, DASH_KEY_ESC), DASH_WANT_NOTHING);
	assert_int_equal(press(d, DASH_CTRL('c')), DASH_WANT_STOP);
	dash_ended(&d->ui, 0, NULL);
	assert_false(d->ui.failed);
	assert_int_equal(d->ui.marked.len, 0);
	assert_int_equal(press(d, DASH_KEY_ENTER), DASH_WANT_REFRESH);
	/* A plan that is refused is only shown. */
	assert_int_equal(press(d, 'd'), DASH_WANT_PLAN);
	command_is(d, "orthrus node remove n05 --plan");
	dash_heard(&d->ui, "orthrus: n05 is being installed");
	dash_ended(&d->ui, 3, NULL);
	assert_int_equal(d->ui.mode, DASH_DONE);
	type(d, "yes");
	assert_int_equal(d->ui.mode, DASH_DONE);
}

static void approves(void **state)
{
	struct dash *d = *state;

	assert_int_equal(press(d, 'a'), DASH_WANT_NOTHING);
	assert_int_equal(d->ui.mode, DASH_FORM);
	assert_string_equal(d->ui.fields[0].value, "n41");
	assert_string_equal(d->ui.fields[1].value, "compute");
	assert_non_null(strstr(d->ui.about, "TIDE ITCH SLOW REIN RULE MOT"));
	/* Wrong values are refused where they stand. */
	press(d, DASH_CTRL('u'));
	type(d, "n[50-51]");
	press(d, DASH_KEY_ENTER);
	press(d, DASH_CTRL('u'));
	type(d, "nobody");
	assert_int_equal(press(d, DASH_KEY_ENTER), DASH_WANT_NOTHING);
	assert_int_equal(d->ui.field, 0);
	assert_string_equal(d->ui.fields[0].problem, "one machine gets one name");
	press(d, DASH_CTRL('u'));
	type(d, "n50");
	press(d, DASH_KEY_TAB);
	assert_int_equal(press(d, DASH_KEY_ENTER), DASH_WANT_NOTHING);
	assert_int_equal(d->ui.field, 1);
	assert_string_equal(d->ui.fields[1].problem, "the site has no such group");
	press(d, DASH_CTRL('u'));
	type(d, "login");
	/* Another machine is chosen meanwhile; it is still about the first. */
	free(d->ui.chosen[DASH_WAITING]);
	d->ui.chosen[DASH_WAITING] = mem_strdup("bb");
	dash_settle(&d->ui, &d->s);
	assert_int_equal(press(d, DASH_KEY_ENTER), DASH_WANT_PLAN);
	command_is(d, "orthrus node approve n50 --group login --fingerprint 'TIDE ITCH SLOW REIN RULE MOT' --plan");
	dash_ended(&d->ui, 0, NULL);
	assert_true(dash_is_grave(d->ui.act));
	assert_int_equal(press(d, DASH_KEY_ESC), DASH_WANT_NOTHING);
	/* One that a node waits for needs no more to be said; that another key goes, does. */
	assert_int_equal(press(d, 'a'), DASH_WANT_PLAN);
	command_is(d, "orthrus node approve n04 --fingerprint 'OUT GULF BEAK LOSS RAFT GOLD' --plan");
	assert_non_null(strstr(d->ui.about, "n04 has another key"));
	dash_ended(&d->ui, 1, "no");
	press(d, DASH_KEY_ESC);
	press(d, DASH_KEY_TAB);
	press(d, DASH_KEY_DOWN);
	assert_int_equal(press(d, 'a'), DASH_WANT_NOTHING);
	assert_non_null(strstr(d->ui.message, "it looks like two nodes"));
}

/* The machine that is asked about goes away while its name is typed. */
static void approve_gone(void **state)
{
	struct dash *d = *state;
	struct dash_state none = { 0 };

	press(d, 'a');
	dash_state_take(&d->s, &none, DASH_PENDING_ROWS);
	dash_settle(&d->ui, &d->s);
	press(d, DASH_KEY_ENTER);
	assert_int_equal(press(d, DASH_KEY_ENTER), DASH_WANT_NOTHING);
	assert_string_equal(d->ui.fields[0].problem, "the machine does not wait any more");
	press(d, DASH_KEY_ESC);
	press(d, 'a');
	assert_non_null(strstr(d->ui.message, "No machine waits"));
}

static void adds(void **state)
{
	static const struct {
		const char *names, *macs, *problem;
		size_t field;
	} wrong[] = {
		{ "", "52:54:00:00:00:01", "a name is needed", 0 },
		{ "n[1", "52:54:00:00:00:01", "'n[1'", 0 },
		{ "N1", "52:54:00:00:00:01", "", 0 },
		{ "n50", "", "", 2 },
		{ "n50", "52:54:00:00:00", "", 2 },
		{ "n[50-52]", "52:54:00:00:00:01,52:54:00:00:00:02", "one for each node", 2 },
	};
	struct dash *d = *state;

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_int_equal(press(d, 'n'), DASH_WANT_NOTHING);
		press(d, DASH_CTRL('u'));
		type(d, wrong[i].names);
		press(d, DASH_KEY_UP);
		type(d, wrong[i].macs);
		assert_int_equal(press(d, DASH_KEY_ENTER), DASH_WANT_NOTHING);
		assert_int_equal(d->ui.field, wrong[i].field);
		if (!d->ui.fields[wrong[i].field].problem[0] || !strstr(d->ui.fields[wrong[i].field].problem, wrong[i].problem))
			fail_msg("%zu: %s", i, d->ui.fields[wrong[i].field].problem);
		press(d, DASH_KEY_ESC);
		assert_int_equal(d->ui.mode, DASH_BROWSE);
	}
	press(d, 'n');
	press(d, DASH_KEY_BACKTAB);
	type(d, "52:54:00:00:01:01");
	assert_int_equal(press(d, DASH_KEY_ENTER), DASH_WANT_PLAN);
	command_is(d, "orthrus node add n41 --group compute --mac 52:54:00:00:01:01 --plan");
	dash_ended(&d->ui, 0, NULL);
	assert_int_equal(press(d, 'n'), DASH_WANT_NOTHING);
	assert_int_equal(d->ui.mode, DASH_BROWSE);
	press(d, 'n');
	press(d, DASH_KEY_UP);
	type(d, "52:54:00:00:01:01");
	press(d, DASH_KEY_ENTER);
	dash_ended(&d->ui, 0, NULL);
	assert_int_equal(press(d, 'y'), DASH_WANT_RUN);
	dash_ended(&d->ui, 0, NULL);
	press(d, DASH_KEY_ENTER);
	/* A rack at once. */
	press(d, 'n');
	press(d, DASH_CTRL('u'));
	type(d, "n[101-164]");
	press(d, DASH_KEY_UP);
	for (int i = 0; i < 64; i++) {
		autofree char *mac = str_format("%s52:54:00:00:01:%02x", i ? "," : "", (unsigned int)i);

		type(d, mac);
	}
	assert_int_equal(press(d, DASH_KEY_ENTER), DASH_WANT_PLAN);
}

/* Names go on behind the last, whatever they look like. */
static void next_names(void **state)
{
	struct dash *d = *state;

	add_nodes(&d->s, 99, 2);
	press(d, 'n');
	assert_string_equal(d->ui.fields[0].value, "n100");
	press(d, DASH_KEY_ESC);
	add_nodes(&d->s, 0, 2);
	press(d, 'n');
	assert_string_equal(d->ui.fields[0].value, "n01");
	press(d, DASH_KEY_ESC);
	/* As the wizard was told; a rule by switch ports names nobody that is not seen on one. */
	d->ui.names = "r1n[001-064]";
	press(d, 'n');
	assert_string_equal(d->ui.fields[0].value, "r1n001");
	press(d, DASH_KEY_ESC);
	d->ui.names = "sw1:swp[1-2]=n[01-02]";
	press(d, 'n');
	assert_string_equal(d->ui.fields[0].value, "n01");
}

static void switches(void **state)
{
	struct dash *d = *state;
	size_t all;

	assert_int_equal(dash_votes(&d->s.guard, &all), 3);
	assert_int_equal(all, 3);
	assert_int_equal(press(d, 's'), DASH_WANT_PLAN);
	command_is(d, "orthrus head switch --plan");
	dash_ended(&d->ui, 0, NULL);
	assert_int_equal(press(d, 'y'), DASH_WANT_RUN);
	dash_ended(&d->ui, 0, NULL);
	press(d, DASH_KEY_ENTER);
	add_guard(&d->s, "head2", true);
	assert_int_equal(dash_votes(&d->s.guard, &all), 2);
	assert_int_equal(press(d, 's'), DASH_WANT_NOTHING);
	assert_non_null(strstr(d->ui.message, "head2 has the lease"));
	add_guard(&d->s, NULL, true);
	press(d, 's');
	assert_non_null(strstr(d->ui.message, "Nobody"));
	add_no_guard(&d->s);
	press(d, 's');
	assert_non_null(strstr(d->ui.message, "No guard answers"));
	/* The guard works without the daemon; the rest does not. */
	add_guard(&d->s, "head1", false);
	add_no_daemon(&d->s);
	assert_int_equal(press(d, 's'), DASH_WANT_PLAN);
	dash_ended(&d->ui, 1, NULL);
	press(d, DASH_KEY_ENTER);
	assert_int_equal(press(d, 'i'), DASH_WANT_NOTHING);
	assert_non_null(strstr(d->ui.message, "orthrusd does not answer"));
	str_list_add(&d->ui.program, "--api");
	str_list_add(&d->ui.program, "https://10.1.0.1:8443");
	press(d, 's');
	assert_non_null(strstr(d->ui.message, "on the head that has it"));
}

/* What a command prints is shown on a terminal. */
static void quoting(void **state)
{
	struct dash *d = *state;

	str_list_add(&d->ui.words, "it's");
	str_list_add(&d->ui.words, "");
	d->ui.last = NULL;
	command_is(d, "orthrus 'it'\\''s' ''");
	dash_heard(&d->ui, "a\033]0;title\007");
	assert_string_equal(d->ui.said.items[0], "a\\x1b]0;title\\x07");
}

/* Events that were told before are not told twice; a head whose state was made anew begins again. */
static void events_join(void **state)
{
	struct dash *d = *state;

	assert_int_equal(d->s.events.len, 30);
	add_events(&d->s, 40);
	assert_int_equal(d->s.events.len, 40);
	add_events(&d->s, 5);
	assert_int_equal(d->s.events.len, 5);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequences),
		cmocka_unit_test(pauses),
		TEST(walks),
		TEST(filters),
		TEST(installs),
		TEST(approves),
		TEST(approve_gone),
		TEST(adds),
		TEST(next_names),
		TEST(switches),
		TEST(quoting),
		TEST(events_join),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
