/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Comma-separated values: what spreadsheets write is read, what is broken is named by line and column. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/csv.h"
#include "base/mem.h"

#include <string.h>

/* Rows as "LINE:cell|cell" lines; after them the error, if there is one. */
static char *read_all(const char *text, size_t len)
{
	autoclean(str_list_free) struct str_list cells = { 0 };
	autofree char *exact = mem_dup(text, len); /* sanitizers see one byte too far */
	struct buf out = { 0 };
	struct csv c;
	struct err err = { 0 };
	int rc;

	csv_init(&c, exact, len);
	while ((rc = csv_row(&c, &cells, &err)) == 1) {
		buf_addf(&out, "%zu:", c.row_line);
		for (size_t i = 0; i < cells.len; i++)
			buf_addf(&out, "%s%s", i ? "|" : "", cells.items[i]);
		buf_addc(&out, '\n');
	}
	if (rc < 0)
		buf_adds(&out, err.text);
	return buf_steal(&out);
}

static void rows(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },
		{ "a,b\n1,2\n", "1:a|b\n2:1|2\n" },
		{ "a,b\r\n1,2", "1:a|b\n2:1|2\n" },
		{ "\xef\xbb\xbf"
		  "a\n",
		  "1:a\n" },
		{ "\n\r\na,\n\n,b\n", "3:a|\n5:|b\n" },
		{ "\"a \"\"b\"\", c\",\"\"\n", "1:a \"b\", c|\n" },
		{ "\"one\r\ntwo\nthree\",x\ny\n", "1:one\r\ntwo\nthree|x\n4:y\n" },
		{ "a,", "1:a|\n" },
		{ "\"a\"", "1:a\n" },
		{ " a , b ", "1: a | b \n" },
		{ "\xc3\xa4,\xff", "1:\xc3\xa4|\xff\n" },
		{ "a\nb,\"c\n", "1:a\nline 2, column 3: the quote is never closed" },
		{ "a,\"b\"c\n", "line 1, column 6: a comma or the end of the line is missing behind the closing quote" },
		{ "x\ny\"z\n", "1:x\nline 2, column 2: a quote inside of a cell; such a cell is quoted as a whole, and its "
			       "quotes are doubled" },
		{ "a\rb\n", "line 1, column 2: a carriage return inside of a line" },
		{ "\"a\nb\"c", "line 2, column 3: a comma or the end of the line is missing behind the closing quote" },
		{ "\"", "line 1, column 1: the quote is never closed" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autofree char *got = read_all(cases[i].text, strlen(cases[i].text));

		if (!str_eq(got, cases[i].want))
			fail_msg("case %zu gives:\n%s", i, got);
	}
	for (int quoted = 0; quoted < 2; quoted++) {
		autofree char *got = quoted ? read_all("a\n\"b\0\"", 6) : read_all("a\nb\0", 4);

		assert_string_equal(got, quoted ? "1:a\nline 2, column 3: a NUL byte" : "1:a\nline 2, column 2: a NUL byte");
	}
}

static void limits(void **state)
{
	autoclean(buf_free) struct buf text = { 0 };

	(void)state;
	for (int quoted = 0; quoted < 2; quoted++)
		for (size_t n = CSV_CELL_MAX; n <= CSV_CELL_MAX + 1; n++) {
			autofree char *got = NULL;

			buf_clear(&text);
			buf_adds(&text, quoted ? "\"" : "");
			for (size_t i = 0; i < n; i++)
				buf_addc(&text, 'x');
			buf_adds(&text, quoted ? "\"" : "");
			got = read_all(text.data, text.len);
			assert_int_equal(strstr(got, "too long") != NULL, n > CSV_CELL_MAX);
		}
	for (size_t n = CSV_CELLS_MAX; n <= CSV_CELLS_MAX + 1; n++) {
		autofree char *got = NULL;

		buf_clear(&text);
		for (size_t i = 1; i < n; i++)
			buf_addc(&text, ',');
		got = read_all(text.data, text.len);
		assert_int_equal(strstr(got, "more than 64 cells") != NULL, n > CSV_CELLS_MAX);
	}
}

static void what_is_written_is_read_back(void **state)
{
	static const char *const cells[] = { "n01",	   "",	      "a,b", "say \"hello\"", "two\nlines",
					     "cr\rlf\r\n", " blank ", "\"",  "tail " };
	autoclean(buf_free) struct buf out = { 0 };
	autoclean(str_list_free) struct str_list back = { 0 };
	struct csv c;
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cells); i++)
		csv_put(&out, cells[i], i == 0);
	buf_addc(&out, '\n');
	csv_init(&c, out.data, out.len);
	assert_int_equal(csv_row(&c, &back, &err), 1);
	assert_int_equal(back.len, ARRAY_LEN(cells));
	for (size_t i = 0; i < ARRAY_LEN(cells); i++)
		assert_string_equal(back.items[i], cells[i]);
	assert_int_equal(csv_row(&c, &back, &err), 0);
	assert_int_equal(back.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(rows), cmocka_unit_test(limits),
					    cmocka_unit_test(what_is_written_is_read_back) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
