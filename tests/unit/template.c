/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Templates: what is written for each form, and that whatever is wrong is said with its line, also in a part that is not taken.
 */
#include "base/mem.h"
#include "base/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

static void fill(struct template_map *m)
{
	static const char *const names[] = { "name", "address", NULL };
	struct template_map *node = template_put_map(m, "node"), *site = template_put_map(m, "site");
	struct template_list *hosts, *ntp;

	template_put(node, "name", "n01");
	template_putf(node, "ipv4", "10.77.0.%d", 17);
	template_put(node, "ipv6", NULL);
	template_put(node, "evil", "a\nb");
	template_put(node, "quote", "it's \"x\"");
	template_put(site, "domain", "cluster.test");
	hosts = template_put_list(m, "hosts", names);
	template_list_add(hosts, (const char *const[]){ "head1", "10.77.0.1" });
	template_list_add(hosts, (const char *const[]){ "n01", "10.77.0.17" });
	ntp = template_put_list(m, "ntp", NULL);
	template_list_add(ntp, (const char *const[]){ "a.test" });
	template_list_add(ntp, (const char *const[]){ "b.test" });
	template_put_list(m, "none", names);
}

static char *made(const char *text)
{
	autoclean(template_map_free) struct template_map m = { 0 };
	struct buf out = { 0 };
	struct err err = { 0 };

	fill(&m);
	if (template_render(text, strlen(text), &m, 4096, &out, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return buf_steal(&out);
}

static void same(const char *text, const char *want)
{
	autofree char *have = made(text);

	assert_string_equal(have, want);
}

static void refused_max(const char *text, size_t len, size_t max, const char *why)
{
	autoclean(template_map_free) struct template_map m = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	struct err err = { 0 };

	fill(&m);
	if (template_render(text, len, &m, max, &out, &err) == 0)
		fail_msg("%s gives '%s'", text, buf_str(&out));
	assert_int_equal(err.kind, ERR_INVALID);
	if (!strstr(err.text, why))
		fail_msg("'%s' is not in '%s'", why, err.text);
}

static void refused(const char *text, const char *why)
{
	refused_max(text, strlen(text), 4096, why);
}

static void test_names(void **state)
{
	(void)state;
	same("", "");
	same("plain { text } }} without names\n", "plain { text } }} without names\n");
	same("{{node.name}}.{{ site.domain }}\n", "n01.cluster.test\n");
	same("[{{node.ipv6}}]", "[]");
	same("{{\"{{node.name}}\"}}", "{{node.name}}");
	same("{{! said {{ to\nnobody }}x", "x");
	same("{{sh node.quote}} {{json node.quote}} {{json node.evil}}", "'it'\\''s \"x\"' \"it's \\\"x\\\"\" \"a\\nb\"");
}

static void test_blocks(void **state)
{
	(void)state;
	same("{{#each hosts}}\n{{address}} {{name}}.{{site.domain}}\n{{/each}}\n",
	     "10.77.0.1 head1.cluster.test\n10.77.0.17 n01.cluster.test\n");
	same("{{#each ntp}}server {{.}} iburst\n{{/each}}", "server a.test iburst\nserver b.test iburst\n");
	same("{{#each ntp}}{{.}}{{#unless @last}}, {{/unless}}{{/each}}.", "a.test, b.test.");
	same("{{#each ntp}}{{#if @first}}={{/if}}{{.}}{{/each}}", "=a.testb.test");
	same("{{#each none}}{{name}}{{else}}nobody{{/each}}", "nobody");
	same("{{#if node.ipv6}}six{{else}}four{{/if}} {{#unless node.ipv4}}no{{/unless}}!", "four !");
	same("{{#if hosts}}some{{/if}}{{#if none}}none{{/if}}", "some");
	same("a\n  {{#if node.name}}\t\nb\n  {{else}}\nc\n {{/if}}\nd\n", "a\nb\nd\n");
	same("a {{#if node.name}}\nb{{/if}}\n", "a \nb\n"); /* not alone on its line */
	same("{{! alone }}\nx", "x");
	same("{{#each hosts}}{{#each ntp}}{{name}}-{{.}} {{/each}}{{/each}}", "head1-a.test head1-b.test n01-a.test n01-b.test ");
}

static void test_what_is_wrong_has_its_place(void **state)
{
	(void)state;
	refused("one\ntwo {{node.nam}}", "line 2, column 5: there is no 'node.nam' here; is 'name' meant?");
	refused("{{#if node.name}}{{else}}{{nose}}{{/if}}", "column 26: there is no 'nose'"); /* the part not taken */
	refused("{{#each none}}{{nme}}{{/each}}", "is 'name' meant?");			      /* of a list that is empty */
	refused("{{name}}", "there is no 'name'");
	refused("{{node.evil}}", "control byte (0x0a)");
	refused("{{node}}", "is no text");
	refused("{{ntp}}", "is no text");
	refused("{{node.name.x}}", "has nothing inside");
	refused("{{#each node.name}}{{/each}}", "is no list");
	refused("{{#if @first}}{{/if}}", "in {{#each}}");
	refused("{{@first}}", "in {{#each}}");
	refused("{{#each ntp}}{{@first}}{{/each}}", "is no text");
	refused("{{#if node.name}}", "no {{/if}}");
	refused("\n{{/if}}", "line 2, column 1: no block");
	refused("{{#if node.name}}{{/each}}", "{{/if}} is expected");
	refused("{{else}}", "without a block");
	refused("{{#if node.name}}{{else}}{{else}}{{/if}}", "second time");
	refused("{{node.name", "never closed");
	refused("{{\"}}", "never closed");
	refused("{{node.\nname}}", "not closed on its line");
	refused("{{}}", "no name");
	refused("{{a b}}", "'a b' is no name");
	refused("{{A}}", "is no name");
	refused("{{a..b}}", "is no name");
	refused("{{#for x}}", "a block is");
	refused("\xff", "line 1, column 1: byte 0xff");
	refused_max("a\0b", 3, 100, "byte 0x00");
}

static void test_limits(void **state)
{
	autoclean(buf_free) struct buf deep = { 0 }, wide = { 0 };

	(void)state;
	refused_max("{{node.name}}{{node.name}}", 26, 5, "longer than 5 bytes");
	for (int i = 0; i <= TEMPLATE_DEPTH_MAX; i++)
		buf_adds(&deep, "{{#if node.name}}");
	refused(buf_str(&deep), "blocks in each other");
	buf_reserve(&wide, TEMPLATE_TEXT_MAX + 1);
	for (size_t i = 0; i <= TEMPLATE_TEXT_MAX; i++)
		buf_addc(&wide, 'x');
	refused(buf_str(&wide), "at most");
}

static void test_lists_in_each_other_come_to_an_end(void **state)
{
	static const char text[] = "{{#each l}}{{#each l}}{{#each l}}{{#each l}}{{/each}}{{/each}}{{/each}}{{/each}}";
	autoclean(template_map_free) struct template_map m = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	struct template_list *l = template_put_list(&m, "l", NULL);
	struct err err = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++)
		template_list_add(l, (const char *const[]){ "x" });
	assert_int_equal(template_render(text, strlen(text), &m, 100, &out, &err), -1);
	assert_non_null(strstr(err.text, "too many"));
	assert_int_equal(out.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_what_is_wrong_has_its_place),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_lists_in_each_other_come_to_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
