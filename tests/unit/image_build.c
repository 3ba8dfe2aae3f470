/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image_fixture.h"

#include "base/json.h"
#include "imaging/boot_facts.h"
#include "imaging/build.h"
#include "imaging/build_sources.h"
#include "imaging/tree.h"

static const char targets[] = "http://a.example/debian/|bookworm|bookworm|main\n"
			      "http://a.example/debian/|bookworm|bookworm|main\n"
			      "http://a.example/debian/|bookworm|bookworm|contrib\n"
			      "http://a.example/debian/|bookworm-updates|bookworm-updates|main\n"
			      "http://b.example/sec/|bookworm-security|bookworm-security|main\n"
			      "http://a.example/debian/|bookworm-backports|bookworm-backports|main\n"
			      "http://c.example/other/|nodistro||main\n";

static void test_sources(void **state)
{
	autoclean(str_list_free) struct str_list l = { 0 };

	(void)state;
	OK(build_sources(targets, "bookworm", "bookworm", &l, err));
	assert_int_equal(l.len, 3);
	assert_string_equal(l.items[0], "deb http://a.example/debian/ bookworm main contrib");
	assert_string_equal(l.items[1], "deb http://a.example/debian/ bookworm-updates main");
	assert_string_equal(l.items[2], "deb http://b.example/sec/ bookworm-security main");
}

static void test_sources_of_another_release(void **state)
{
	autoclean(str_list_free) struct str_list l = { 0 };

	(void)state;
	OK(build_sources(targets, "bookworm", "trixie", &l, err));
	assert_string_equal(l.items[0], "deb http://a.example/debian/ trixie main contrib");
	assert_string_equal(l.items[2], "deb http://b.example/sec/ trixie-security main");
}

/* "stable" in sources.list: the code name counts. Before the first `apt-get update` there is only what sources.list says. */
static void test_sources_by_name(void **state)
{
	autoclean(str_list_free) struct str_list l = { 0 };

	(void)state;
	OK(build_sources("http://a.example/|stable|trixie|main\n", "trixie", "trixie", &l, err));
	OK(build_sources("http://a.example/|trixie||main\n", "trixie", "trixie", &l, err));
	assert_string_equal(l.items[0], l.items[1]);
	FAILS(ERR_FAILED, "no repository",
	      build_sources("http://a.example/|sid|sid|main\n\nrubbish\n||\n", "trixie", "trixie", &l, err));
}

static struct build request(void)
{
	return (struct build){ .name = "compute",
			       .kind = "golden",
			       .suite = "bookworm",
			       .mirror = "http://a.example/debian",
			       .tmp_dir = "/t",
			       .store_dir = "/s" };
}

static void test_request_is_checked(void **state)
{
	static const char *const bad_packages[] = { "a b", "-x", "a,b", "A", "x", "a/b", "a=1", "$(x)" };
	static const char *const bad_mirrors[] = { "ftp://x", "http://x y", "http://x\ndeb http://y", "http://[trusted=yes]",
						   "" };
	struct build b = request();
	autoclean(str_list_free) struct str_list sources = { 0 };

	(void)state;
	OK(build_probe(&b, &sources, err));
	assert_string_equal(sources.items[0], "deb http://a.example/debian bookworm main");
	for (size_t i = 0; i < ARRAY_LEN(bad_packages); i++) {
		char *items[] = { (char *)(uintptr_t)bad_packages[i] };
		struct str_list one = { .items = items, .len = 1 };

		b.packages = &one;
		FAILS(ERR_INVALID, "not the name of a Debian package", build_probe(&b, &sources, err));
	}
	b.packages = NULL;
	for (size_t i = 0; i < ARRAY_LEN(bad_mirrors); i++) {
		b.mirror = bad_mirrors[i];
		FAILS(ERR_INVALID, "is not an http", build_probe(&b, &sources, err));
	}
	b = request();
	b.suite = "sid";
	FAILS(ERR_INVALID, "suite 'sid'", build_probe(&b, &sources, err));
	b.suite = NULL;
	FAILS(ERR_INVALID, "suite ''", build_probe(&b, &sources, err));
	b.from_dir = "/usr";
	OK(build_probe(&b, &sources, err));
	b.from_dir = "/"; /* the store that is to be made would lie in it */
	FAILS(ERR_REFUSED, "is, holds or lies in the image store", build_probe(&b, &sources, err));
}

static void test_plan(void **state)
{
	struct build b = request();
	char *items[] = { (char *)(uintptr_t) "slurmd" };
	struct str_list more = { .items = items, .len = 1 };
	autoclean(str_list_free) struct str_list sources = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(plan_free) struct plan from = { 0 };

	(void)state;
	b.packages = &more;
	OK(build_probe(&b, &sources, err));
	build_plan(&b, &sources, &plan);
	assert_int_equal(plan.len, 3);
	assert_non_null(strstr(plan.steps[0].text, "slurmd, from deb http://a.example/debian bookworm main"));
	assert_int_equal(plan.steps[2].type, BUILD_INGEST);
	b.from_dir = "/tree";
	build_plan(&b, &sources, &from);
	assert_int_equal(from.len, 1);
	assert_string_equal(from.steps[0].text, "store /tree as image compute, kind golden, in /s, signed");
}

/* The tree is taken as it is, and nothing is left below tmp. */
static void test_apply_from_directory(void **state)
{
	struct fixture *f = *state;
	struct build b = request();
	autoclean(str_list_free) struct str_list sources = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autofree char *ref = NULL;

	put_file(f->tree, "hello", "x", 1);
	b.from_dir = f->tree;
	b.store_dir = f->store_dir;
	b.key = &f->key;
	b.cluster_id = "c1";
	b.wall_s = 1795239000;
	build_plan(&b, &sources, &plan);
	OK(build_apply(&b, &sources, &plan, &ref, err));
	assert_string_equal(ref, "compute/20261121T053000Z-golden");
}

/* What would stop the last step is said before the first. */
static void test_probe_looks_at_all(void **state)
{
	struct fixture *f = *state;
	struct build b = request();
	autoclean(str_list_free) struct str_list sources = { 0 };
	autofree char *stranger = fs_join(f->store_dir, "images/compute");
	autofree char *readme = fs_join(f->store_dir, "images/README");
	autofree char *counter = fs_join(f->store_dir, "sequence/compute");
	autofree char *file = fs_join(f->tree, "file");
	autofree char *none = fs_join(f->tree, "none");

	put_file(f->tree, "file", "x", 1);
	put_file("/", readme, "x", 1);
	b.store_dir = f->store_dir;
	OK(build_probe(&b, &sources, err));
	put_file("/", stranger, "x", 1);
	FAILS(ERR_REFUSED, "images/compute is no directory", build_probe(&b, &sources, err));
	assert_int_equal(unlink(stranger), 0);
	put_file("/", counter, "7 x\n", 4);
	FAILS(ERR_DAMAGED, "sequence/compute", build_probe(&b, &sources, err));
	assert_int_equal(unlink(counter), 0);
	b.from_dir = f->tree;
	OK(build_probe(&b, &sources, err));
	b.from_dir = file;
	FAILS(ERR_INVALID, "is not a directory", build_probe(&b, &sources, err));
	b.from_dir = none;
	FAILS(ERR_NOT_FOUND, "none", build_probe(&b, &sources, err));
}

static void test_grubenv(void **state)
{
	autoclean(tree_free) struct tree t = { 0 };
	autoclean(buf_free) struct buf b = { 0 };
	struct tree_entry *e = tree_add(&t);

	(void)state;
	e->type = TREE_DIR;
	e->path = mem_strdup("");
	boot_facts_print(&t, "# GRUB Environment Block\nsaved_entry=a\"b\nnext_entry=\n####", &b);
	assert_non_null(strstr(b.data, "\"kernels\": []"));
	assert_non_null(strstr(b.data, "\"saved_entry\": \"a\\\"b\""));
	assert_non_null(strstr(b.data, "\"next_entry\": \"\""));
	assert_null(strstr(b.data, "###"));
}

/* The last value of a name counts; what is made of it can be read. */
static void test_grubenv_given_twice(void **state)
{
	autoclean(tree_free) struct tree t = { 0 };
	autoclean(buf_free) struct buf b = { 0 };
	struct tree_entry *e = tree_add(&t);
	struct json_doc doc = { 0 };

	(void)state;
	e->type = TREE_DIR;
	e->path = mem_strdup("");
	boot_facts_print(&t, "b=1\na=first\n\nno\na=then\nab=2\na=last\nb=3\n###", &b);
	OK(json_parse(b.data, b.len, &doc, err));
	json_doc_free(&doc);
	assert_non_null(strstr(b.data, "\"a\": \"last\""));
	assert_non_null(strstr(b.data, "\"ab\": \"2\""));
	assert_non_null(strstr(b.data, "\"b\": \"3\""));
	assert_null(strstr(b.data, "first"));
	assert_null(strstr(b.data, "then"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_sources_of_another_release),
		cmocka_unit_test(test_sources_by_name),
		cmocka_unit_test(test_request_is_checked),
		cmocka_unit_test(test_plan),
		TEST(test_apply_from_directory),
		TEST(test_probe_looks_at_all),
		cmocka_unit_test(test_grubenv),
		cmocka_unit_test(test_grubenv_given_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
