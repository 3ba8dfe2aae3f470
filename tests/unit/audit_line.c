/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/base/audit_line and audit_chain: no line can be changed, taken out, put in or moved unseen. */
#include "base/audit_chain.h"
#include "base/audit_line.h"

#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define N 12

/* N lines, each with its newline. */
struct log {
	struct buf lines[N];
	char hash[N][DIGEST_HEX_LEN];
};

static void make_log(struct log *l)
{
	const char *prev = AUDIT_NO_LINE;

	for (size_t i = 0; i < N; i++) {
		struct audit_entry begin = { .phase = AUDIT_BEGIN,
					     .who = "uid 0",
					     .from = "local",
					     .what = "POST /v1/install",
					     .nodes = "n[01-04]",
					     .request = "00ff" };
		struct audit_entry end = {
			.phase = AUDIT_END, .begun = i, .result = AUDIT_FAILED, .status = 500, .text = "disk \"full\"\n"
		};

		l->lines[i] = (struct buf){ 0 };
		audit_line_print(i % 2 ? &end : &begin, i + 1, "2026-11-21T05:30:00Z", prev, &l->lines[i], l->hash[i]);
		prev = l->hash[i];
	}
}

static void free_log(struct log *l)
{
	for (size_t i = 0; i < N; i++)
		buf_free(&l->lines[i]);
}

static void add(struct audit_chain *c, const struct buf *line)
{
	audit_chain_add(c, "audit.log", c->lines + 1, line->data, line->len - 1);
}

static void test_a_line_comes_back(void **state)
{
	struct audit_entry e = { .phase = AUDIT_END,
				 .begun = 7,
				 .who = "certificate eve",
				 .from = "fd00::1",
				 .what = "w",
				 .nodes = "n1",
				 .request = "aa",
				 .result = AUDIT_DENIED,
				 .status = 403,
				 .text = "no\x1b[2J" };
	autoclean(audit_line_free) struct audit_line l = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	char hash[DIGEST_HEX_LEN];
	struct err err = { 0 };

	(void)state;
	audit_line_print(&e, 8, "2026-11-21T05:30:00Z", AUDIT_NO_LINE, &out, hash);
	assert_int_equal(audit_line_read(out.data, out.len - 1, &l, &err), AUDIT_GOOD);
	assert_int_equal(l.number, 8);
	assert_int_equal(l.begun, 7);
	assert_int_equal(l.phase, AUDIT_END);
	assert_int_equal(l.result, AUDIT_DENIED);
	assert_int_equal(l.status, 403);
	assert_string_equal(l.who, "certificate eve");
	assert_string_equal(l.from, "fd00::1");
	assert_string_equal(l.text, "no\x1b[2J");
	assert_string_equal(l.hash, hash);
	assert_null(strchr(out.data, 0x1b));
	assert_string_equal(audit_phase_name(AUDIT_REFUSALS), "refusals");
	assert_string_equal(audit_result_name(AUDIT_DONE), "done");
}

static void test_long_words_are_cut(void **state)
{
	autofree char *text = mem_zalloc(5001);
	struct audit_entry e = { .phase = AUDIT_NOTE, .text = text };
	autoclean(audit_line_free) struct audit_line l = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	char hash[DIGEST_HEX_LEN];
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < 5000; i += 2)
		memcpy(text + i, "\xc3\xa4", 2); /* a cut between the two would be no text */
	audit_line_print(&e, 1, "2026-11-21T05:30:00Z", AUDIT_NO_LINE, &out, hash);
	assert_int_equal(audit_line_read(out.data, out.len - 1, &l, &err), AUDIT_GOOD);
	assert_true(strlen(l.text) <= 1000 && strlen(l.text) > 990);
	assert_true(str_ends(l.text, "\xc3\xa4..."));
	assert_null(strstr(l.text, "\xef\xbf\xbd"));
	/* The longest there can be. */
	memset(text, 1, 5000);
	e = (struct audit_entry){ .phase = AUDIT_BEGIN,
				  .at = text,
				  .who = text,
				  .from = text,
				  .what = text,
				  .nodes = text,
				  .request = text,
				  .text = text };
	buf_clear(&out);
	audit_line_print(&e, UINT64_MAX - 1, text, AUDIT_NO_LINE, &out, hash);
	assert_true(out.len < AUDIT_LINE_MAX);
}

/* Every bit of every byte of the log, the newlines too. */
static void test_every_flipped_bit_is_found(void **state)
{
	struct log l;

	(void)state;
	make_log(&l);
	for (size_t i = 0; i < N; i++)
		for (size_t at = 0; at < l.lines[i].len - 1; at++)
			for (int bit = 0; bit < 8; bit++) {
				autoclean(audit_chain_free) struct audit_chain c = { 0 };

				l.lines[i].data[at] = (char)(l.lines[i].data[at] ^ (1 << bit));
				add(&c, &l.lines[i]);
				l.lines[i].data[at] = (char)(l.lines[i].data[at] ^ (1 << bit));
				if (!c.faults || c.findings[0].fault != AUDIT_FAULT_CHANGED)
					fail_msg("line %zu byte %zu bit %d", i, at, bit);
			}
	free_log(&l);
}

/* The lines given by `order` (numbers from 1, 0 ends): one finding of this kind at this number, and nothing else. */
static void expect(const struct log *l, const uint64_t *order, enum audit_fault fault, uint64_t number)
{
	autoclean(audit_chain_free) struct audit_chain c = { 0 };

	for (; *order; order++)
		add(&c, &l->lines[*order - 1]);
	audit_chain_end(&c);
	assert_int_equal(c.faults, fault ? 1 : 0);
	if (!fault)
		return;
	assert_int_equal(c.findings[0].fault, fault);
	assert_int_equal(c.findings[0].number, number);
}

static void test_order(void **state)
{
	struct log l;

	(void)state;
	make_log(&l);
	expect(&l, (const uint64_t[]){ 1, 2, 3, 4, 0 }, 0, 0);
	expect(&l, (const uint64_t[]){ 5, 6, 7, 0 }, 0, 0); /* older segments are elsewhere */
	expect(&l, (const uint64_t[]){ 1, 2, 4, 5, 0 }, AUDIT_FAULT_MISSING, 3);
	expect(&l, (const uint64_t[]){ 1, 2, 9, 10, 0 }, AUDIT_FAULT_MISSING, 3);
	expect(&l, (const uint64_t[]){ 1, 2, 2, 3, 0 }, AUDIT_FAULT_MOVED, 2);
	expect(&l, (const uint64_t[]){ 1, 2, 3, 1, 4, 0 }, AUDIT_FAULT_MOVED, 1);
	free_log(&l);
}

static void test_swapped(void **state)
{
	autoclean(audit_chain_free) struct audit_chain c = { 0 };
	struct log l;

	(void)state;
	make_log(&l);
	for (size_t i = 0; i < 6; i++)
		add(&c, &l.lines[i == 2 ? 3 : i == 3 ? 2 : i]);
	assert_int_equal(c.faults, 2); /* 3 is missing before 4, and stands behind it */
	assert_int_equal(c.findings[0].fault, AUDIT_FAULT_MISSING);
	assert_int_equal(c.findings[0].number, 3);
	assert_int_equal(c.findings[1].fault, AUDIT_FAULT_MOVED);
	assert_int_equal(c.findings[1].number, 3);
	free_log(&l);
}

/* A line that somebody wrote with a right hash of its own. */
static void test_forged(void **state)
{
	autoclean(audit_chain_free) struct audit_chain c = { 0 };
	autoclean(buf_free) struct buf forged = { 0 };
	struct audit_entry e = { .phase = AUDIT_BEGIN, .who = "uid 0", .what = "nothing happened here" };
	char hash[DIGEST_HEX_LEN];
	struct log l;

	(void)state;
	make_log(&l);
	audit_line_print(&e, 3, "2026-11-21T05:30:00Z", l.hash[1], &forged, hash);
	add(&c, &l.lines[0]);
	add(&c, &l.lines[1]);
	add(&c, &forged);
	add(&c, &l.lines[3]);
	assert_int_equal(c.faults, 1);
	assert_int_equal(c.findings[0].fault, AUDIT_FAULT_FOREIGN);
	assert_int_equal(c.findings[0].number, 4);
	assert_non_null(strstr(c.findings[0].text, "line 3"));
	assert_string_equal(audit_fault_name(c.findings[0].fault), "foreign");
	free_log(&l);
}

static void test_anchor(void **state)
{
	struct log l;

	(void)state;
	make_log(&l);
	for (size_t n = 0; n <= N; n++) {
		autoclean(audit_chain_free) struct audit_chain c = { .anchor = { .number = 8 } };

		memcpy(c.anchor.hash, l.hash[7], DIGEST_HEX_LEN);
		for (size_t i = 0; i < n; i++)
			add(&c, &l.lines[i]);
		audit_chain_end(&c);
		assert_int_equal(c.faults, n < 8);
		assert_int_equal(c.anchored, n >= 8);
		if (n < 8) {
			assert_int_equal(c.findings[0].fault, AUDIT_FAULT_CUT);
			assert_int_equal(c.findings[0].number, n + 1);
		}
	}
	/* The whole log written anew, as somebody with a keyboard can. */
	{
		autoclean(audit_chain_free) struct audit_chain c = { .anchor = { .number = 8 } };

		memcpy(c.anchor.hash, l.hash[6], DIGEST_HEX_LEN);
		for (size_t i = 0; i < N; i++)
			add(&c, &l.lines[i]);
		audit_chain_end(&c);
		assert_int_equal(c.faults, 1);
		assert_int_equal(c.findings[0].fault, AUDIT_FAULT_REPLACED);
		assert_int_equal(c.findings[0].number, 8);
	}
	free_log(&l);
}

static void test_torn(void **state)
{
	static const struct {
		uint64_t anchor;
		bool newest;
		enum audit_fault fault;
	} cases[] = { { 0, true, AUDIT_FAULT_TORN },
		      { 2, true, AUDIT_FAULT_TORN },
		      { 3, true, AUDIT_FAULT_CHANGED },
		      { 0, false, AUDIT_FAULT_CHANGED } };
	struct log l;

	(void)state;
	make_log(&l);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autoclean(audit_chain_free) struct audit_chain c = { .anchor = { .number = cases[i].anchor } };

		memcpy(c.anchor.hash, l.hash[1], DIGEST_HEX_LEN);
		add(&c, &l.lines[0]);
		add(&c, &l.lines[1]);
		audit_chain_torn(&c, "audit.log", 0, cases[i].newest);
		assert_int_equal(c.faults, 0);
		audit_chain_torn(&c, "audit.log", 20, cases[i].newest);
		assert_int_equal(c.faults, 1);
		assert_int_equal(c.findings[0].fault, cases[i].fault);
		assert_int_equal(c.findings[0].number, 3);
	}
	free_log(&l);
}

static void test_many_findings_are_counted(void **state)
{
	autoclean(audit_chain_free) struct audit_chain c = { 0 };

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		audit_chain_add(&c, "f", i + 1, "x", 1);
	assert_int_equal(c.faults, 1000);
	assert_int_equal(c.n_findings, AUDIT_FINDINGS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_comes_back),
		cmocka_unit_test(test_long_words_are_cut),
		cmocka_unit_test(test_every_flipped_bit_is_found),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_swapped),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_anchor),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_many_findings_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
