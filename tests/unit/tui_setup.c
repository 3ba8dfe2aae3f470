/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pure parts of orthrus-setup beside its pages: what is saved, the plan and its progress as pages, answers typed in plain
 * mode. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"
#include "tui/apply.h"
#include "tui/child.h"
#include "tui/options.h"
#include "tui/pages.h"
#include "tui/plain_answer.h"
#include "tui/review.h"
#include "tui/save.h"
#include "tui/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void test_saved(void **state)
{
	autoclean(saved_free) struct saved s = { 0 }, again = { 0 };
	autoclean(buf_free) struct buf text = { 0 }, twice = { 0 };
	struct err err = { 0 };

	(void)state;
	s.page = mem_strdup("networks");
	s.answers = mem_strdup("{\"cluster\":\"hound\"}");
	drafts_put(&s.drafts, "networks", "subnet", "10.\"");
	saved_print(&s, &text);
	assert_int_equal(saved_read(buf_str(&text), text.len, &again, &err), 0);
	assert_string_equal(again.page, "networks");
	assert_string_equal(drafts_get(&again.drafts, "networks", "subnet"), "10.\"");
	assert_non_null(strstr(again.answers, "hound"));
	assert_false(again.installed);
	saved_free(&again);
	assert_int_equal(saved_read("{\"version\":1,\"installed\":true,\"drafts\":[]}", 43, &again, &err),
			 -1); /* one byte too long */
	assert_int_equal(saved_read("{\"version\":1,\"installed\":true,\"drafts\":[]}", 42, &again, &err), 0);
	assert_true(again.installed);
	assert_null(again.page);
	saved_print(&again, &twice);
	assert_non_null(strstr(buf_str(&twice), "true"));
}

static void test_saved_refused(void **state)
{
	static const char *const bad[] = { "",
					   "{}",
					   "[]",
					   "{\"version\":2,\"installed\":false,\"drafts\":[]}",
					   "{\"version\":1,\"installed\":0,\"drafts\":[]}",
					   "{\"version\":1,\"installed\":false,\"drafts\":[1]}",
					   "{\"version\":1,\"installed\":false,\"drafts\":[{\"page\":\"a\",\"field\":\"b\"}]}",
					   "{\"version\":1,\"installed\":false,\"drafts\":[],\"answers\":[]}",
					   "{\"version\":1,\"installed\":false,\"drafts\":[],\"more\":1}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct saved s = { 0 };
		struct err err = { 0 };

		assert_int_equal(saved_read(bad[i], strlen(bad[i]), &s, &err), -1);
		assert_true(err.text[0]);
		assert_null(s.page);
		assert_int_equal(s.drafts.len, 0);
	}
}

static void test_files(void **state)
{
	char root[] = "/tmp/tui_setup.XXXXXX";
	autoclean(saved_free) struct saved s = { 0 }, again = { 0 };
	autofree char *path = NULL;
	struct err err = { 0 };
	struct stat st;
	int lock;

	(void)state;
	assert_non_null(mkdtemp(root));
	assert_int_equal(save_load(root, &s, &err), 0); /* nothing there: nothing was answered */
	assert_null(s.page);
	s.page = mem_strdup("keys");
	assert_int_equal(save_store(root, &s, &err), 0);
	path = str_format("%s/var/lib/orthrus/setup.json", root);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(save_load(root, &again, &err), 0);
	assert_string_equal(again.page, "keys");

	lock = save_lock(root, &err);
	assert_true(lock >= 0);
	assert_int_equal(save_lock(root, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_non_null(strstr(err.text, "another orthrus-setup is at work"));
	assert_non_null(strstr(err.text, " since 20"));
	assert_non_null(strstr(err.hint, "kill "));
	close(lock);
	lock = save_lock(root, &err);
	assert_true(lock >= 0);
	close(lock);

	err = (struct err){ 0 };
	assert_int_equal(save_store("/dev/null", &s, &err), -1); /* what it can't be kept in, and what to do */
	assert_non_null(strstr(err.text, "keep what was answered: "));
	assert_non_null(strstr(err.hint, "start orthrus-setup again"));
	assert_int_equal(fs_write_atomic(path, "{", 1, 0600, &err), 0);
	assert_int_equal(save_load(root, &s, &err), -1);
	assert_non_null(strstr(err.text, "setup.json"));
	assert_int_equal(fs_remove_tree(root, &err), 0);
}

static const char plan_text[] =
	"{\"steps\":["
	"{\"id\":\"packages\",\"text\":\"install 3 packages\",\"files\":[],\"destructive\":false},"
	"{\"id\":\"site\",\"text\":\"write the site\","
	"\"files\":[\"/etc/orthrus/site.json\",\"/etc/a\\u001b[2J\"],\"destructive\":false,"
	"\"diff\":\"@@ -1 +1 @@\\n-\\told\\u001b[2J\\n+new\\n\"},"
	"{\"id\":\"raid\",\"text\":\"make a RAID 1 of QEMU 1 and\\u001b[2J QEMU 2\",\"files\":[],\"destructive\":true}]}";

static struct page *build_nothing(const struct answers *a, const struct facts *f)
{
	(void)a;
	(void)f;
	return page_new("one", "One");
}
static const struct page_kind one = { "one", "One", build_nothing, NULL, NULL };
static const struct page_kind *const kinds[] = { &one };

static void test_review(void **state)
{
	autoclean(review_free) struct review r = { 0 };
	struct err err = { 0 };
	struct page *p;

	(void)state;
	assert_int_equal(review_read(plan_text, strlen(plan_text), &r, &err), 0);
	assert_int_equal(r.n_steps, 3);
	assert_int_equal(r.n_destructive, 1);
	p = review_page(&r, kinds, 1, "orthrus head install");
	assert_string_equal(page_field(p, "plan")->value, "  1. install 3 packages\n"
							  "  2. write the site\n"
							  "     /etc/orthrus/site.json\n"
							  "     /etc/a\\x1b[2J\n"
							  "       @@ -1 +1 @@\n"
							  "       - old\\x1b[2J\n"
							  "       +new\n"
							  "! 3. make a RAID 1 of QEMU 1 and\\x1b[2J QEMU 2");
	assert_string_equal(page_field(p, REVIEW_THEN)->value, REVIEW_APPLY);
	assert_int_equal(page_field(p, REVIEW_THEN)->n_choices, 3);
	assert_string_equal(page_field(p, REVIEW_THEN)->choices[1].key, "one");
	assert_non_null(strstr(p->intro, "1 of them"));
	page_free(p);
	p = review_confirm_page(&r, "orthrus head install");
	assert_string_equal(page_field(p, "erases")->value, "! 3. make a RAID 1 of QEMU 1 and\\x1b[2J QEMU 2");
	assert_string_equal(page_field(p, REVIEW_CONFIRM)->value, "");
	page_free(p);

	/* No plan: nothing to apply. */
	r.problem = mem_strdup("eth1 has no link");
	r.hint = mem_strdup("plug it in");
	p = review_page(&r, kinds, 1, "orthrus head install");
	assert_string_equal(page_field(p, "problem")->value, "eth1 has no link\nnext: plug it in");
	assert_string_equal(page_field(p, REVIEW_THEN)->value, "one");
	assert_null(page_field(p, "plan"));
	page_free(p);
	assert_int_equal(review_read("{\"steps\":[{\"id\":\"x\"}]}", 23, &r, &err), -1);
	assert_int_equal(r.n_steps, 0);
}

static void test_apply(void **state)
{
	autoclean(review_free) struct review r = { 0 };
	autoclean(apply_free) struct apply a = { 0 };
	struct err err = { 0 };
	struct page *p;
	size_t line;

	(void)state;
	assert_int_equal(review_read(plan_text, strlen(plan_text), &r, &err), 0);
	apply_begin(&a, &r);
	apply_line(&a, "");
	apply_line(&a, "no JSON at all");
	apply_line(&a, "{\"step\":\"packages\",\"number\":1,\"of\":3,\"state\":\"kept\",\"text\":\"install 3 packages\"}");
	apply_line(&a, "{\"step\":\"site\",\"number\":2,\"of\":3,\"state\":\"begun\",\"text\":\"write the site\"}");
	p = apply_page(&a, false, INT64_C(75) * 1000000000, &line);
	assert_int_equal(line, 1);
	assert_string_equal(page_field(p, "progress")->value, "[#############...........................] 1 of 3, 1 min 15 s");
	assert_string_equal(page_field(p, APPLY_STEPS)->value, "[=] install 3 packages\n"
							       "[>] write the site\n"
							       "[ ] make a RAID 1 of QEMU 1 and\\x1b[2J QEMU 2");
	page_free(p);
	err_set(&err, ERR_FAILED, "orthrus ended with exit 137 and said nothing");
	p = apply_end_page(&a, &err); /* killed: which step was it? */
	assert_string_equal(page_field(p, "step")->label, "The step that was under way:");
	assert_string_equal(page_field(p, "step")->value, "write the site");
	assert_null(strstr(p->intro, "failed"));
	page_free(p);
	apply_line(&a, "{\"step\":\"site\",\"number\":2,\"of\":3,\"state\":\"failed\",\"text\":\"no space left\"}");
	apply_line(&a, "{\"error\":{\"kind\":\"failed\",\"text\":\"write the site: no space left\",\"hint\":\"make room\"}}");
	assert_string_equal(a.err.text, "write the site: no space left");
	p = apply_page(&a, true, 0, &line);
	assert_string_equal(page_field(p, APPLY_STEPS)->value, "[1/3] install 3 packages: left as it is\n"
							       "[2/3] write the site: ...\n"
							       "[2/3] write the site: FAILED: no space left");
	page_free(p);
	p = apply_end_page(&a, &a.err);
	assert_string_equal(page_field(p, "why")->value, "write the site: no space left");
	assert_string_equal(page_field(p, "hint")->value, "make room");
	assert_string_equal(page_field(p, "step")->label, "The step:");
	assert_string_equal(page_field(p, "step")->value, "write the site");
	assert_non_null(strstr(p->intro, "1 of 3"));
	page_free(p);
	apply_line(&a, "{\"step\":\"site\",\"number\":2,\"of\":4,\"state\":\"done\",\"text\":\"write the site\"}");
	apply_line(&a, "{\"step\":\"new\",\"number\":4,\"of\":4,\"state\":\"done\",\"text\":\"one more\"}");
	assert_int_equal(a.n_steps, 4);
	assert_int_equal(apply_count(&a, APPLY_DONE), 2);
	p = apply_end_page(&a, NULL);
	assert_non_null(page_field(p, "next"));
	page_free(p);
}

/* Gone on with after a failure, or when somebody did by hand what was left. */
static void test_what_is_left(void **state)
{
	static const struct {
		const char *plan, *confirm, *end;
	} plans[] = { { "{\"steps\":[]}", "No step is left: nothing will be changed.", "nothing was left to do." },
		      { "{\"steps\":[{\"id\":\"s\",\"text\":\"t\",\"files\":[],\"destructive\":false}]}",
			"1 step will be done now. It erases nothing.", "the one step is done." },
		      { "{\"steps\":[{\"id\":\"s\",\"text\":\"t\",\"files\":[],\"destructive\":true}]}",
			"1 step will be done now. What it erases is gone for good:", "the one step is done." } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
		autoclean(review_free) struct review r = { 0 };
		autoclean(apply_free) struct apply a = { 0 };
		struct err err = { 0 };
		struct page *p;

		assert_int_equal(review_read(plans[i].plan, strlen(plans[i].plan), &r, &err), 0);
		p = review_page(&r, kinds, 1, "orthrus head install");
		assert_null(strstr(p->intro, "Nothing has been done"));
		assert_int_equal(str_starts(p->intro, "No step is left. "), i == 0);
		page_free(p);
		p = review_confirm_page(&r, "orthrus head install");
		assert_string_equal(p->intro, plans[i].confirm);
		page_free(p);
		apply_begin(&a, &r);
		if (i > 0)
			apply_line(&a, "{\"step\":\"s\",\"number\":1,\"of\":1,\"state\":\"done\",\"text\":\"t\"}");
		p = apply_end_page(&a, NULL);
		assert_true(str_ends(p->intro, plans[i].end));
		page_free(p);
	}
}

static void test_child_error(void **state)
{
	static const char text[] = "{\"error\":{\"kind\":\"refused\",\"text\":\"no\",\"hint\":\"yes\"}}";
	struct err err = { 0 };

	(void)state;
	assert_true(child_error(text, strlen(text), &err));
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_string_equal(err.text, "no");
	assert_string_equal(err.hint, "yes");
	assert_false(child_error("{}", 2, &err));
	assert_false(child_error("", 0, &err));
}

static void answered(const struct field *f, const char *typed, const char *want)
{
	autofree char *value = NULL;
	struct err err = { 0 };
	int rc = plain_answer(f, typed, &value, &err);

	assert_int_equal(rc, want ? 0 : -1);
	if (want)
		assert_string_equal(value, want);
	else
		assert_true(err.text[0]);
}

static void prompts(const struct field *f, const char *want)
{
	autoclean(buf_free) struct buf b = { 0 };

	plain_choices(f, &b);
	plain_prompt(f, &b);
	assert_string_equal(buf_str(&b), want);
}

static void test_plain(void **state)
{
	struct page *p = page_new("p", "P");
	struct field *f = page_add(p, FIELD_TEXT, "t", "Name", "x", NULL);

	(void)state;
	prompts(f, "Name [x]: ");
	answered(f, "", "x");
	answered(f, "y z", "y z");
	answered(f, "-", "");
	field_set(f, "\x1b[2J");
	prompts(f, "Name [\\x1b[2J]: ");
	f = page_add(p, FIELD_CHOICE, "c", "Level", "1", NULL);
	field_choice(f, "0", "none");
	field_choice(f, "1", "mirror");
	prompts(f, "Level:\n    1) none\n  * 2) mirror\nLevel [2]: ");
	answered(f, "", "1");
	answered(f, "1", "0"); /* the number that is shown, though "1" is mirror's key */
	answered(f, "2", "1");
	answered(f, "0", NULL);
	answered(f, "3", NULL);
	answered(f, "mirror", NULL);
	f = page_add(p, FIELD_SET, "s", "Disks", "b", NULL);
	field_choice(f, "a", "first");
	field_choice(f, "b", "second");
	field_choice(f, "c", "third");
	prompts(f, "Disks:\n    1) first\n  * 2) second\n    3) third\nDisks [2]: ");
	answered(f, "3,1", "a,c");
	answered(f, "c a", "a,c");
	answered(f, ",", "");
	answered(f, "-", "");
	answered(f, "1,4", NULL);
	f = page_add(p, FIELD_SWITCH, "w", "Wipe", "no", NULL);
	prompts(f, "Wipe [no]: ");
	answered(f, "Y", "yes");
	answered(f, "no", "no");
	answered(f, "maybe", NULL);
	f = page_add(p, FIELD_SECRET, "k", "Key", "hush", NULL);
	prompts(f, "Key [as typed before]: ");
	answered(f, "", "hush");
	field_refuse(f, "too short");
	prompts(f, "Key []: ");
	answered(f, "", "");
	f = page_add(p, FIELD_ACTION, "x", "Do it", "", NULL);
	prompts(f, "Do it [no]: ");
	f = page_add(p, FIELD_CHOICE, "none", "None", "", NULL);
	answered(f, "1", NULL);
	page_free(p);
}

static void options_are(const char *words, int want, const char *root, const char *site)
{
	autoclean(tui_options_free) struct tui_options o = { 0 };
	autofree char *all = mem_strdup(words);
	char *argv[16] = { (char *)(uintptr_t) "orthrus-setup" }, *save = NULL;
	struct err err = { 0 };
	int argc = 1;

	for (char *p = strtok_r(all, " ", &save); p; p = strtok_r(NULL, " ", &save))
		argv[argc++] = p;
	optind = 0;
	assert_int_equal(tui_options_read(argc, argv, &o, &err), want);
	if (want < 0) {
		assert_int_equal(err.kind, ERR_USAGE);
		return;
	}
	assert_string_equal(o.root, root);
	assert_string_equal(o.site, site);
	/* What is printed again and again is a dashboard in plain text. */
	assert_int_equal(o.watch && !(o.plain && o.dashboard), 0);
	assert_int_equal(o.watch, strstr(words, "--watch") != NULL);
	assert_int_equal(o.ascii, strstr(words, "--ascii") != NULL);
	assert_int_equal(o.api != NULL, strstr(words, "--api") != NULL);
}

static void test_options(void **state)
{
	(void)state;
	unsetenv("ORTHRUS_ROOT");
	options_are("", 0, "", "/var/lib/orthrus/setup-site.json");
	options_are("--root /x/y//", 0, "/x/y", "/x/y/var/lib/orthrus/setup-site.json");
	options_are("--root / --site s.json --plain", 0, "", "s.json");
	options_are("--root", -1, NULL, NULL);
	options_are("--nothing", -1, NULL, NULL);
	options_are("word", -1, NULL, NULL);
	options_are("--wizard --dashboard", -1, NULL, NULL);
	options_are("--wizard --watch", -1, NULL, NULL);
	options_are("--wizard --api https://h:1", -1, NULL, NULL);
	options_are("--ca f", -1, NULL, NULL);
	options_are("--watch --ascii --api https://h:1 --ca f --cert g --key h", 0, "", "/var/lib/orthrus/setup-site.json");
	setenv("ORTHRUS_ROOT", "/r/", 1);
	options_are("", 0, "/r", "/r/var/lib/orthrus/setup-site.json");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_saved),	    cmocka_unit_test(test_saved_refused), cmocka_unit_test(test_files),
		cmocka_unit_test(test_review),	    cmocka_unit_test(test_apply),	  cmocka_unit_test(test_what_is_left),
		cmocka_unit_test(test_child_error), cmocka_unit_test(test_plain),	  cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
