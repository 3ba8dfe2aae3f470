/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tui/wizard, with pages and answers of its own: turning pages, what is refused, what is kept. */
#include "tui/wizard.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "tui/pages.h"
#include "tui/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Here an answer is what the test says it is. The address follows from the network as long as nobody gave one. */
struct answers {
	char name[32], network[32], address[32], secret[32];
};
struct facts {
	const char *link;
};

static struct page *build_name(const struct answers *a, const struct facts *f)
{
	struct page *p = page_new("name", "Name");

	p->intro = mem_strdup("What it is called.");
	p->command = mem_strdup("orthrus site init --cluster NAME");
	page_add(p, FIELD_TEXT, "name", "Name", a->name, "One word.");
	page_add(p, FIELD_NOTE, "link", "Link", f->link, NULL);
	page_add(p, FIELD_SECRET, "secret", "Secret", "", NULL);
	return p;
}

static void set(char to[32], const char *value)
{
	assert_true(strlen(value) < 32);
	memcpy(to, value, strlen(value) + 1);
}

static int put(char *to, const char *value, const char *must_begin, struct err *err)
{
	if (!str_starts(value, must_begin))
		return err_set(err, ERR_INVALID, "'%s' does not begin with %s", value, must_begin);
	set(to, value);
	return 0;
}

static int take_name(struct answers *a, const struct facts *f, const char *key, const char *value, struct err *err)
{
	(void)f;
	if (str_eq(key, "secret"))
		return put(a->secret, value, "s", err);
	assert_string_equal(key, "name");
	return put(a->name, value, "n", err);
}

static struct page *build_network(const struct answers *a, const struct facts *f)
{
	struct page *p = page_new("network", "Network");
	autofree char *follows = str_format("%s.1", a->network);

	(void)f;
	page_add(p, FIELD_TEXT, "network", "Network", a->network, NULL);
	page_add(p, FIELD_TEXT, "address", "Address", *a->address ? a->address : follows, NULL);
	page_add(p, FIELD_ACTION, "again", "Look again", "", NULL);
	return p;
}

static int take_network(struct answers *a, const struct facts *f, const char *key, const char *value, struct err *err)
{
	autofree char *follows = str_format("%s.1", a->network);

	(void)f;
	if (str_eq(key, "network"))
		return put(a->network, value, "10", err);
	assert_string_equal(key, "address");
	if (!str_starts(value, a->network))
		return err_set(err, ERR_INVALID, "%s is not in %s", value, a->network);
	set(a->address, str_eq(value, follows) ? "" : value);
	return 0;
}

static int check_network(const struct answers *a, const struct facts *f, const char **key, struct err *err)
{
	(void)f;
	if (!str_eq(a->network, "10.9"))
		return 0;
	*key = "network";
	return err_set(err, ERR_REFUSED, "10.9 is somebody else's");
}

static const struct page_kind name_kind = { "name", "Name", build_name, take_name, NULL };
static const struct page_kind network_kind = { "network", "Network", build_network, take_network, check_network };
static const struct page_kind *const kinds[] = { &name_kind, &network_kind };
static const struct facts there = { "up" };

static void begin(struct wizard *w, struct answers *a)
{
	*a = (struct answers){ .name = "n1", .network = "10.1" };
	*w = (struct wizard){ .kinds = kinds, .n_kinds = 2, .answers = a, .facts = &there };
	assert_int_equal(wizard_goto(w, NULL), WIZARD_PAGE);
	assert_string_equal(wizard_key(w), "name");
	assert_true(w->fresh);
	assert_true(w->unsaved);
}

static void type(struct wizard *w, const char *key, const char *value)
{
	field_set(page_field(w->page, key), value);
}

static void test_there_and_back(void **state)
{
	struct answers a;
	struct wizard w;

	(void)state;
	begin(&w, &a);
	type(&w, "name", "n2");
	assert_int_equal(wizard_next(&w), WIZARD_PAGE);
	assert_string_equal(a.name, "n2");
	assert_string_equal(wizard_key(&w), "network");
	assert_null(w.focus);
	assert_int_equal(wizard_next(&w), WIZARD_AT_REVIEW);
	assert_string_equal(wizard_key(&w), WIZARD_REVIEW);
	assert_null(w.page);
	assert_int_equal(wizard_next(&w), WIZARD_AT_REVIEW);
	assert_int_equal(wizard_back(&w), WIZARD_PAGE);
	assert_string_equal(wizard_key(&w), "network");
	type(&w, "address", "10.1.7");
	assert_int_equal(wizard_back(&w), WIZARD_PAGE);
	assert_string_equal(a.address, "10.1.7"); /* Esc loses nothing */
	assert_int_equal(wizard_back(&w), WIZARD_LEAVE);
	assert_non_null(w.page);
	wizard_clear(&w);
}

static void test_refused(void **state)
{
	struct answers a;
	struct wizard w;

	(void)state;
	begin(&w, &a);
	wizard_next(&w);
	type(&w, "network", "11.1");
	assert_int_equal(wizard_next(&w), WIZARD_PAGE);
	assert_string_equal(wizard_key(&w), "network");
	assert_string_equal(w.focus, "network");
	assert_string_equal(page_field(w.page, "network")->value, "11.1"); /* as it was typed */
	assert_string_equal(page_field(w.page, "network")->problem, "'11.1' does not begin with 10");
	assert_string_equal(a.network, "10.1");
	/* Esc: what was typed is there when somebody comes back. */
	assert_int_equal(wizard_back(&w), WIZARD_PAGE);
	assert_string_equal(drafts_get(&w.drafts, "network", "network"), "11.1");
	assert_int_equal(wizard_next(&w), WIZARD_PAGE);
	assert_string_equal(page_field(w.page, "network")->value, "11.1");
	assert_non_null(page_field(w.page, "network")->problem);
	assert_string_equal(w.focus, "network");
	/* Mended. */
	type(&w, "network", "10.1");
	assert_int_equal(wizard_next(&w), WIZARD_AT_REVIEW);
	assert_null(drafts_get(&w.drafts, "network", "network"));
	wizard_clear(&w);
}

/* What the review found wrong between pages stands on the field that is to be changed. */
static void test_sent_back(void **state)
{
	struct answers a;
	struct wizard w;

	(void)state;
	begin(&w, &a);
	wizard_goto(&w, WIZARD_REVIEW);
	wizard_refuse(&w, "network", "at the review there is no field"); /* nothing happens */
	assert_null(w.page);
	wizard_goto(&w, "network");
	wizard_refuse(&w, "network", "10.1 is taken");
	assert_string_equal(page_field(w.page, "network")->problem, "10.1 is taken");
	assert_string_equal(w.focus, "network");
	wizard_refuse(&w, NULL, "something is wrong");
	assert_string_equal(w.page->fields[0].problem, "something is wrong");
	assert_string_equal(w.focus, w.page->fields[0].key);
	type(&w, "network", "10.2");
	assert_int_equal(wizard_next(&w), WIZARD_AT_REVIEW);
	wizard_clear(&w);
}

/* Gone back to, typed wrong and left by Esc: who looks at the plan then is to know. */
static void test_left(void **state)
{
	struct answers a;
	struct wizard w;

	(void)state;
	begin(&w, &a);
	wizard_goto(&w, WIZARD_REVIEW);
	assert_null(wizard_left(&w));
	wizard_goto(&w, "network");
	type(&w, "network", "wrong");
	assert_int_equal(wizard_back(&w), WIZARD_AT_REVIEW);
	assert_non_null(wizard_left(&w));
	assert_string_equal(wizard_left(&w)->page, "network");
	assert_string_equal(wizard_left(&w)->value, "wrong");
	/* The first page's comes first; of a field that is not there nothing can be said. */
	drafts_put(&w.drafts, "name", "nothing", "x");
	assert_string_equal(wizard_left(&w)->page, "network");
	drafts_put(&w.drafts, "name", "name", "x");
	assert_string_equal(wizard_left(&w)->page, "name");
	drafts_put(&w.drafts, "name", "name", NULL);
	/* Of a private key that is pasted nothing is kept. */
	wizard_goto(&w, "network");
	type(&w, "network", "-----BEGIN OPENSSH PRIVATE KEY-----b3BlbnNzaC1rZXk");
	assert_int_equal(wizard_next(&w), WIZARD_PAGE);
	assert_string_equal(wizard_left(&w)->value, "-----BEGIN OPENSSH PRIVATE KEY-----");
	assert_string_equal(page_field(w.page, "network")->value, "-----BEGIN OPENSSH PRIVATE KEY-----");
	assert_non_null(page_field(w.page, "network")->problem);
	type(&w, "network", "10.3");
	assert_int_equal(wizard_next(&w), WIZARD_AT_REVIEW);
	assert_null(wizard_left(&w));
	wizard_clear(&w);
}

/* A field that was left with another value is taken at once, and what follows from it is shown. */
static void test_changed(void **state)
{
	struct answers a;
	struct wizard w;

	(void)state;
	begin(&w, &a);
	wizard_next(&w);
	w.unsaved = false;
	type(&w, "network", "10.2");
	assert_int_equal(wizard_changed(&w, "network"), WIZARD_PAGE);
	assert_true(w.unsaved);
	assert_null(w.focus);
	assert_string_equal(page_field(w.page, "address")->value, "10.2.1");
	type(&w, "network", "12");
	assert_int_equal(wizard_changed(&w, "network"), WIZARD_PAGE);
	assert_string_equal(w.focus, "network");
	assert_non_null(page_field(w.page, "network")->problem);
	/* Left again as it was refused: the cursor may go. */
	free(w.focus);
	w.focus = NULL;
	assert_int_equal(wizard_changed(&w, "network"), WIZARD_PAGE);
	assert_null(w.focus);
	/* What follows from a network typed just before Enter is no answer of its own. */
	type(&w, "network", "10.3");
	assert_int_equal(wizard_next(&w), WIZARD_AT_REVIEW);
	assert_string_equal(a.network, "10.3");
	assert_string_equal(a.address, "");
	wizard_clear(&w);
}

static void test_check(void **state)
{
	struct answers a;
	struct wizard w;

	(void)state;
	begin(&w, &a);
	wizard_next(&w);
	type(&w, "network", "10.9");
	assert_int_equal(wizard_next(&w), WIZARD_PAGE);
	assert_string_equal(page_field(w.page, "network")->problem, "10.9 is somebody else's");
	assert_string_equal(w.focus, "network");
	assert_string_equal(a.network, "10.9"); /* taken: only on is no way */
	assert_int_equal(wizard_back(&w), WIZARD_PAGE);
	wizard_clear(&w);
}

static void test_secret(void **state)
{
	struct answers a;
	struct wizard w;

	(void)state;
	begin(&w, &a);
	type(&w, "secret", "x");
	assert_int_equal(wizard_next(&w), WIZARD_PAGE);
	assert_string_equal(w.focus, "secret");
	assert_non_null(page_field(w.page, "secret")->problem);
	assert_string_equal(page_field(w.page, "secret")->value, "x");
	assert_int_equal(w.drafts.len, 0); /* never written down */
	type(&w, "secret", "s3");
	assert_int_equal(wizard_changed(&w, "secret"), WIZARD_PAGE);
	assert_string_equal(page_field(w.page, "secret")->value, "");
	assert_int_equal(wizard_next(&w), WIZARD_PAGE);
	assert_string_equal(wizard_key(&w), "network");
	assert_string_equal(a.secret, "s3"); /* an empty field leaves it as it is */
	wizard_clear(&w);
}

static void test_jump(void **state)
{
	struct answers a;
	struct wizard w;

	(void)state;
	begin(&w, &a);
	assert_int_equal(wizard_goto(&w, WIZARD_REVIEW), WIZARD_AT_REVIEW);
	assert_int_equal(wizard_goto(&w, "name"), WIZARD_PAGE);
	type(&w, "name", "n5");
	assert_int_equal(wizard_next(&w), WIZARD_AT_REVIEW); /* back to where it came from */
	assert_string_equal(a.name, "n5");
	assert_int_equal(wizard_goto(&w, "network"), WIZARD_PAGE);
	assert_int_equal(wizard_back(&w), WIZARD_AT_REVIEW);
	assert_int_equal(wizard_goto(&w, "nothing"), WIZARD_PAGE);
	assert_string_equal(wizard_key(&w), "name");
	wizard_clear(&w);
}

static void test_other_facts(void **state)
{
	const struct facts down = { "down" };
	struct answers a;
	struct wizard w;

	(void)state;
	begin(&w, &a);
	type(&w, "name", "x");
	wizard_keep(&w);
	wizard_again(&w, &down);
	assert_string_equal(page_field(w.page, "link")->value, "down");
	assert_string_equal(page_field(w.page, "name")->value, "x");
	wizard_goto(&w, WIZARD_REVIEW);
	wizard_again(&w, &there);
	wizard_keep(&w);
	wizard_clear(&w);
}

static void test_help(void **state)
{
	struct answers a;
	struct wizard w;
	autofree char *of_field = NULL, *of_page = NULL;

	(void)state;
	begin(&w, &a);
	field_refuse(page_field(w.page, "name"), "too long");
	of_field = wizard_help(w.page, page_field(w.page, "name"));
	assert_string_equal(of_field,
			    "Name\n\nOne word.\n\n! too long\n\nThe same by command:\n  orthrus site init --cluster NAME\n");
	of_page = wizard_help(w.page, NULL);
	assert_string_equal(of_page, "What it is called.\n\nThe same by command:\n  orthrus site init --cluster NAME\n");
	wizard_clear(&w);
}

static void test_drafts(void **state)
{
	struct drafts d = { 0 };

	(void)state;
	drafts_put(&d, "p", "f", NULL);
	assert_int_equal(d.len, 0);
	drafts_put(&d, "p", "f", "1");
	drafts_put(&d, "p", "g", "2");
	drafts_put(&d, "q", "f", "3");
	drafts_put(&d, "p", "f", "4");
	assert_int_equal(d.len, 3);
	assert_string_equal(drafts_get(&d, "p", "f"), "4");
	drafts_put(&d, "p", "f", NULL);
	assert_null(drafts_get(&d, "p", "f"));
	assert_string_equal(drafts_get(&d, "p", "g"), "2");
	assert_string_equal(drafts_get(&d, "q", "f"), "3");
	drafts_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_refused), cmocka_unit_test(test_sent_back),
		cmocka_unit_test(test_left),	       cmocka_unit_test(test_changed), cmocka_unit_test(test_check),
		cmocka_unit_test(test_secret),	       cmocka_unit_test(test_jump),    cmocka_unit_test(test_other_facts),
		cmocka_unit_test(test_help),	       cmocka_unit_test(test_drafts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
