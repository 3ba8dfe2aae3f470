/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tui/form: where everything of a page stands, what scrolls, and what keys do. */
#include "tui/form.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "tui/text.h"
#include "tui/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct page *sample(void)
{
	struct page *p = page_new("disks", "Node disks");
	struct field *f;

	p->intro = mem_strdup("How the disks of a node are used.");
	page_add(p, FIELD_TEXT, "group", "Group", "compute", "The group.");
	page_add(p, FIELD_SECRET, "pass", "Passphrase", "abc", NULL);
	f = page_add(p, FIELD_CHOICE, "raid", "RAID level", "1", NULL);
	field_choice(f, "0", "none");
	field_choice(f, "1", "mirror");
	f = page_add(p, FIELD_SET, "use", "Use", "b", NULL);
	field_choice(f, "a", "first");
	field_choice(f, "b", "second");
	page_add(p, FIELD_SWITCH, "wipe", "Wipe", "no", NULL);
	page_add(p, FIELD_NOTE, "drawing", "Drawing", "one\ntwo", NULL);
	page_add(p, FIELD_ACTION, "again", "Look again", "", NULL);
	return p;
}

/* The rows as they are seen: '>' marks the cursor, '.' what is not in sight. */
static void looks(const struct form *f, const char *want)
{
	autoclean(form_rows_free) struct form_rows r = { 0 };
	autoclean(buf_free) struct buf got = { 0 };

	form_rows(f, &r);
	for (size_t i = 0; i < r.len; i++) {
		const struct form_row *row = &r.rows[i];
		size_t used = text_columns(row->label);
		bool seen = i >= f->top && i < f->top + f->height;

		assert_true(row->column >= used || !*row->text);
		assert_true(row->kind == FORM_ROW_ENTRY || row->column + text_columns(row->text) <= f->columns);
		buf_addf(&got, "%c%s%*s%s\n",
			 row->here ? '>'
			 : seen	   ? ' '
				   : '.',
			 row->label, *row->text ? (int)(row->column - used) : 0, "", row->text);
	}
	assert_string_equal(buf_str(&got), want);
}

static void on(const struct form *f, const char *key, size_t item)
{
	assert_non_null(form_field(f));
	assert_string_equal(form_field(f)->key, key);
	assert_int_equal(f->item, item);
}

static void test_rows(void **state)
{
	struct page *p = sample();
	struct form f = { .page = p, .next = "Next", .back = "Back", .columns = 70, .height = 30 };

	(void)state;
	form_focus(&f, NULL, 0);
	looks(&f, " How the disks of a node are used.\n"
		  " \n"
		  ">Group       compute\n"
		  " Passphrase  ***\n"
		  " \n"
		  " RAID level  ( ) none\n"
		  "             (*) mirror\n"
		  " \n"
		  " Use         [ ] first\n"
		  "             [x] second\n"
		  " \n"
		  " Wipe        [ ] no\n"
		  " \n"
		  " Drawing\n"
		  "   one\n"
		  "   two\n"
		  " \n"
		  " < Look again >\n");
	field_refuse(page_field(p, "raid"),
		     "a mirror needs two disks, and this group of nodes has one in each, as far as is known");
	form_focus(&f, "raid", 0);
	on(&f, "raid", 1);
	looks(&f, " How the disks of a node are used.\n"
		  " \n"
		  " Group       compute\n"
		  " Passphrase  ***\n"
		  " \n"
		  " RAID level  ( ) none\n"
		  ">            (*) mirror\n"
		  "             ! a mirror needs two disks, and this group of nodes has\n"
		  "               one in each, as far as is known\n"
		  " \n"
		  " Use         [ ] first\n"
		  "             [x] second\n"
		  " \n"
		  " Wipe        [ ] no\n"
		  " \n"
		  " Drawing\n"
		  "   one\n"
		  "   two\n"
		  " \n"
		  " < Look again >\n");
	page_free(p);
}

/* Labels stand above their values where there is little room; everything is seen by scrolling. */
static void test_narrow(void **state)
{
	struct page *p = sample();
	struct form f = { .page = p, .next = "Next", .columns = 20, .height = 6 };

	(void)state;
	form_focus(&f, NULL, 0);
	looks(&f, " How the disks of a\n"
		  " node are used.\n"
		  " \n"
		  " Group\n"
		  ">  compute\n"
		  " Passphrase\n"
		  ".  ***\n"
		  ".\n"
		  ".RAID level\n"
		  ".  ( ) none\n"
		  ".  (*) mirror\n"
		  ".\n"
		  ".Use\n"
		  ".  [ ] first\n"
		  ".  [x] second\n"
		  ".\n"
		  ".Wipe\n"
		  ".  [ ] no\n"
		  ".\n"
		  ".Drawing\n"
		  ".  one\n"
		  ".  two\n"
		  ".\n"
		  ".< Look again >\n");
	assert_int_equal(form_press(&f, FORM_KEY_TAB), FORM_STAY);
	assert_int_equal(form_press(&f, FORM_KEY_TAB), FORM_STAY);
	on(&f, "raid", 1);
	assert_int_equal(f.top, 5); /* its row is the last one; its heading was seen already */
	assert_int_equal(form_press(&f, FORM_KEY_END), FORM_STAY);
	assert_null(form_field(&f));
	assert_int_equal(f.top, 24 - 6);
	assert_int_equal(form_press(&f, FORM_KEY_HOME), FORM_STAY);
	on(&f, "group", 0);
	assert_int_equal(f.top, 0);
	page_free(p);
}

static void test_keys(void **state)
{
	struct page *p = sample();
	struct form f = { .page = p, .next = "Next", .back = "Back", .columns = 70, .height = 30 };

	(void)state;
	form_focus(&f, NULL, 0);
	assert_true(form_types(&f));
	assert_int_equal(form_press(&f, FORM_KEY_UP), FORM_STAY);
	on(&f, "group", 0);
	assert_int_equal(form_press(&f, FORM_KEY_ENTER), FORM_NEXT);
	assert_int_equal(form_press(&f, FORM_KEY_DOWN), FORM_STAY);
	assert_int_equal(form_press(&f, FORM_KEY_DOWN), FORM_STAY);
	on(&f, "raid", 0);
	assert_false(form_types(&f));
	/* To walk through a list chooses nothing. */
	assert_int_equal(form_press(&f, FORM_KEY_DOWN), FORM_STAY);
	assert_int_equal(form_press(&f, FORM_KEY_UP), FORM_STAY);
	assert_string_equal(form_field(&f)->value, "1");
	assert_int_equal(form_press(&f, FORM_KEY_ENTER), FORM_CHANGED);
	assert_string_equal(form_field(&f)->value, "0");
	assert_int_equal(form_press(&f, FORM_KEY_ENTER), FORM_NEXT);
	assert_int_equal(form_press(&f, FORM_KEY_SPACE), FORM_STAY);
	assert_int_equal(form_press(&f, FORM_KEY_TAB), FORM_STAY);
	on(&f, "use", 0);
	assert_int_equal(form_press(&f, FORM_KEY_SPACE), FORM_CHANGED);
	assert_string_equal(form_field(&f)->value, "a,b");
	assert_int_equal(form_press(&f, FORM_KEY_ENTER), FORM_NEXT);
	assert_int_equal(form_press(&f, FORM_KEY_TAB), FORM_STAY);
	on(&f, "wipe", 0);
	assert_int_equal(form_press(&f, FORM_KEY_RIGHT), FORM_CHANGED);
	assert_string_equal(form_field(&f)->value, "yes");
	assert_int_equal(form_press(&f, FORM_KEY_SPACE), FORM_CHANGED);
	/* The note is seen as a whole: nothing to do there. */
	assert_int_equal(form_press(&f, FORM_KEY_DOWN), FORM_STAY);
	on(&f, "again", 0);
	assert_int_equal(form_press(&f, FORM_KEY_ENTER), FORM_ACTION);
	assert_int_equal(form_press(&f, FORM_KEY_DOWN), FORM_STAY);
	assert_null(form_field(&f));
	assert_int_equal(form_press(&f, FORM_KEY_ENTER), FORM_NEXT);
	assert_int_equal(form_press(&f, FORM_KEY_RIGHT), FORM_STAY);
	assert_int_equal(form_press(&f, FORM_KEY_ENTER), FORM_BACK);
	assert_int_equal(form_press(&f, FORM_KEY_SPACE), FORM_BACK);
	assert_int_equal(form_press(&f, FORM_KEY_ON), FORM_NEXT);
	assert_int_equal(form_press(&f, FORM_KEY_TAB), FORM_STAY); /* around the end */
	on(&f, "group", 0);
	assert_int_equal(form_press(&f, FORM_KEY_UNTAB), FORM_STAY);
	assert_null(form_field(&f));
	assert_int_equal(form_press(&f, FORM_KEY_ESCAPE), FORM_BACK);
	assert_int_equal(form_press(&f, FORM_KEY_HELP), FORM_HELP);
	assert_int_equal(form_press(&f, FORM_KEY_QUIT), FORM_QUIT);
	page_free(p);
}

static struct page *long_note(size_t lines, bool field)
{
	struct page *p = page_new("plan", "Plan");
	autoclean(buf_free) struct buf b = { 0 };

	for (size_t i = 0; i < lines; i++)
		buf_addf(&b, "%sstep %zu", i ? "\n" : "", i);
	page_add(p, FIELD_NOTE, "steps", "Steps", buf_str(&b), NULL);
	if (field)
		page_add(p, FIELD_TEXT, "then", "Then", "", NULL);
	return p;
}

static void test_notes_scroll(void **state)
{
	struct page *p = long_note(50, true);
	struct form f = { .page = p, .next = "Next", .back = "Back", .columns = 70, .height = 10 };

	(void)state;
	form_focus(&f, NULL, 0);
	on(&f, "then", 0);
	form_focus(&f, "steps", 0);
	on(&f, "steps", 0);
	assert_int_equal(f.top, 0);
	form_focus(&f, "steps", 30);
	on(&f, "steps", 30);
	assert_int_equal(f.top, 22);
	assert_int_equal(form_press(&f, FORM_KEY_PAGE_DOWN), FORM_STAY);
	on(&f, "steps", 39);
	assert_int_equal(form_press(&f, FORM_KEY_PAGE_DOWN), FORM_STAY);
	assert_int_equal(form_press(&f, FORM_KEY_PAGE_DOWN), FORM_STAY);
	on(&f, "then", 0);
	assert_int_equal(form_press(&f, FORM_KEY_UP), FORM_STAY);
	on(&f, "steps", 49);
	for (size_t i = 0; i < 100; i++)
		form_press(&f, FORM_KEY_PAGE_UP);
	on(&f, "steps", 0);
	assert_int_equal(f.top, 0);
	/* A larger screen: the note is no place to be any more. */
	f.height = 60;
	form_settle(&f);
	on(&f, "then", 0);
	page_free(p);
}

/* A page with nothing to fill in, or nothing at all. */
static void test_little(void **state)
{
	struct page *p = long_note(3, false);
	struct form f = { .page = p, .next = "Next", .columns = 70, .height = 10 };

	(void)state;
	form_focus(&f, NULL, 0);
	assert_null(form_field(&f));
	assert_int_equal(form_press(&f, FORM_KEY_ENTER), FORM_NEXT);
	page_free(p);
	p = long_note(30, false);
	f = (struct form){ .page = p, .next = "Next", .columns = 70, .height = 10 };
	form_focus(&f, NULL, 0);
	on(&f, "steps", 0);
	assert_int_equal(form_press(&f, FORM_KEY_ENTER), FORM_NEXT);
	page_free(p);
	p = page_new("none", "Nothing");
	f = (struct form){ .page = p, .columns = 70, .height = 10 };
	form_focus(&f, "x", 3);
	for (int k = FORM_KEY_ENTER; k <= FORM_KEY_END; k++)
		form_press(&f, (enum form_key)k);
	page_free(p);
}

/* The page is made anew with fewer fields and choices: the cursor is on something that is there. */
static void test_other_page(void **state)
{
	struct page *p = sample(), *q = page_new("disks", "Node disks");
	struct form f = { .page = p, .next = "Next", .back = "Back", .columns = 70, .height = 30 };

	(void)state;
	page_add(q, FIELD_TEXT, "group", "Group", "", NULL);
	form_focus(&f, "use", 0);
	f.page = q;
	form_settle(&f);
	on(&f, "group", 0);
	assert_true(form_types(&f));
	page_free(p);
	page_free(q);
}

/* Whatever the size and the keys: the cursor is seen, and stands on something. */
static void test_all_sizes(void **state)
{
	struct page *p = sample();

	(void)state;
	for (size_t columns = 1; columns < 90; columns += 4)
		for (size_t height = 1; height < 24; height++) {
			struct form f = { .page = p, .next = "Next", .back = "Back", .columns = columns, .height = height };

			form_focus(&f, NULL, 0);
			for (size_t n = 0; n < 120; n++) {
				static const enum form_key keys[] = { FORM_KEY_DOWN,	FORM_KEY_DOWN, FORM_KEY_PAGE_DOWN,
								      FORM_KEY_TAB,	FORM_KEY_UP,   FORM_KEY_UNTAB,
								      FORM_KEY_PAGE_UP, FORM_KEY_DOWN };
				autoclean(form_rows_free) struct form_rows r = { 0 };

				form_press(&f, keys[n * n % ARRAY_LEN(keys)]);
				form_rows(&f, &r);
				if (!form_field(&f))
					continue;
				assert_true(r.here < r.len);
				assert_true(r.here >= f.top && r.here < f.top + height);
			}
		}
	page_free(p);
}

static void says(const struct form *f, const char *want)
{
	autofree char *got = form_keys(f);

	assert_string_equal(got, want);
}

static void test_help_line(void **state)
{
	struct page *p = sample();
	struct form f = { .page = p, .next = "Next", .back = "Back", .columns = 70, .height = 30 };

	(void)state;
	form_focus(&f, "group", 0);
	says(&f, "Enter next  Tab move  Esc back  F1 help");
	form_focus(&f, "raid", 0);
	says(&f, "Enter next  Tab move  Esc back  F1 help");
	form_press(&f, FORM_KEY_UP);
	says(&f, "Enter choose  Tab move  Esc back  F1 help");
	form_focus(&f, "use", 0);
	says(&f, "Space mark  Enter next  Tab move  Esc back  F1 help");
	form_focus(&f, "wipe", 0);
	says(&f, "Space change  Enter next  Tab move  Esc back  F1 help");
	form_focus(&f, "again", 0);
	says(&f, "Enter do it  Tab move  Esc back  F1 help");
	f.back = "Leave";
	form_press(&f, FORM_KEY_END);
	says(&f, "Enter leave  Tab move  Esc leave  F1 help");
	page_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	     cmocka_unit_test(test_narrow),    cmocka_unit_test(test_keys),
		cmocka_unit_test(test_notes_scroll), cmocka_unit_test(test_little),    cmocka_unit_test(test_other_page),
		cmocka_unit_test(test_all_sizes),    cmocka_unit_test(test_help_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
