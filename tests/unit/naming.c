/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Naming rules by stories in tests/golden/naming: NAME.in has lines "rule TEXT", "taken NAME" and "machine
 * SYSTEM|PORT|DESCRIPTION ..."; NAME.out what comes of each rule that is wrong and of each machine. A name that was given is
 * taken from then on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/naming.h"
#include "sys/fs.h"

#include <string.h>

#define PORTS_MAX 8

struct story {
	struct naming rules;
	struct str_list taken;
	struct buf out;
};

static bool is_taken(void *ctx, const char *name)
{
	return str_list_has(ctx, name);
}

static void put_error(struct story *s, const struct err *err)
{
	buf_addf(&s->out, "error %s: %s\n", err_kind_name(err->kind), err->text);
	if (err->kind == ERR_INVALID)
		assert_non_null(strstr(err->hint, "rules are written"));
	else
		buf_addf(&s->out, "  next: %s\n", err->hint);
}

/* "SYSTEM|PORT|DESCRIPTION", empty for none; cuts up `word`. */
static struct naming_port port_of(char *word)
{
	char *port = word + strcspn(word, "|"), *description = port + 1 + strcspn(port + 1, "|");

	assert_true(*port && *description);
	*port++ = '\0';
	*description++ = '\0';
	return (struct naming_port){ *word ? word : NULL, port, *description ? description : NULL };
}

static void tell_machine(struct story *s, char *words)
{
	struct naming_port ports[PORTS_MAX];
	size_t n = 0;
	const char *name = NULL;
	struct err err = { 0 };

	for (char *save = NULL, *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		assert_true(n < PORTS_MAX);
		ports[n++] = port_of(w);
	}
	if (naming_name(&s->rules, ports, n, is_taken, &s->taken, &name, &err) < 0) {
		put_error(s, &err);
		return;
	}
	buf_addf(&s->out, "%s\n", name);
	str_list_add(&s->taken, name);
}

static void tell_line(struct story *s, char *line)
{
	char *rest = strchr(line, ' ');
	struct err err = { 0 };

	if (rest)
		*rest++ = '\0';
	if (str_eq(line, "machine"))
		tell_machine(s, rest ? rest : line + strlen(line));
	else if (str_eq(line, "taken"))
		str_list_add(&s->taken, rest);
	else if (str_eq(line, "rule") && naming_add(&s->rules, rest ? rest : "", &err) < 0)
		put_error(s, &err);
}

static void check_story(const char *dir, const char *name)
{
	autofree char *in_path = fs_join(dir, name);
	autofree char *out_path = str_format("%.*sout", (int)strlen(in_path) - 2, in_path);
	autoclean(buf_free) struct buf in = { 0 }, want = { 0 };
	struct story s = { 0 };
	struct err err = { 0 };

	if (fs_read(in_path, 1 << 20, &in, &err) < 0 || fs_read(out_path, 1 << 20, &want, &err) < 0)
		fail_msg("%s", err.text);
	for (char *save = NULL, *line = strtok_r(in.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		tell_line(&s, line);
	if (!str_eq(buf_str(&s.out), buf_str(&want)))
		fail_msg("%s gives:\n%s", name, buf_str(&s.out));
	naming_free(&s.rules);
	str_list_free(&s.taken);
	buf_free(&s.out);
}

static void stories(void **state)
{
	const char *top = getenv("TOP");
	autofree char *dir = str_format("%s/tests/golden/naming", top ? top : ".");
	autoclean(str_list_free) struct str_list names = { 0 };
	struct err err = { 0 };
	size_t n = 0;

	(void)state;
	assert_int_equal(fs_list(dir, &names, &err), 0);
	for (size_t i = 0; i < names.len; i++)
		if (str_ends(names.items[i], ".in") && ++n)
			check_story(dir, names.items[i]);
	assert_true(n >= 5);
}

static void expansion(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		const char *first, *last;
	} right[] = {
		{ "n07", 1, "n07", "n07" },
		{ "n[08-12]", 5, "n08", "n12" },
		{ "n[8-12]", 5, "n8", "n12" },
		{ "n[9,1-2,07]x", 4, "n9x", "n07x" },
		{ "r[1-4]n[01-32]", 128, "r1n01", "r4n32" },
		{ "[0-65535]", 65536, "0", "65535" },
	};
	static const char *const wrong[] = { "",
					     "n[",
					     "n[1",
					     "n[]",
					     "n[1-]",
					     "n[-1]",
					     "n[3-1]",
					     "n[1,]",
					     "n]",
					     "n[[1]]",
					     "n[1a]",
					     "n[0-65536]",
					     "n[1-1000]x[1-1000]",
					     "n[1234567890]",
					     "n[1-2-3]" };
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(right); i++) {
		autoclean(str_list_free) struct str_list l = { 0 };

		assert_int_equal(naming_expand(right[i].text, &l, &err), 0);
		assert_int_equal(l.len, right[i].n);
		assert_string_equal(l.items[0], right[i].first);
		assert_string_equal(l.items[l.len - 1], right[i].last);
	}
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		autoclean(str_list_free) struct str_list l = { 0 };

		if (naming_expand(wrong[i], &l, &err) == 0)
			fail_msg("accepted: '%s'", wrong[i]);
		assert_int_equal(err.kind, ERR_INVALID);
		assert_int_equal(l.len, 0);
	}
}

static void systems(void **state)
{
	static const struct naming_port p = { "SW-r1.example.com", "Ethernet1/5", "to n5" }, nameless = { NULL, "5", NULL };

	(void)state;
	assert_true(naming_is_port(&p, "sw-r1", "ethernet1/5"));
	assert_true(naming_is_port(&p, "sw-r1.example.com", "to n5"));
	assert_false(naming_is_port(&p, "sw-r1.example", "Ethernet1/5"));
	assert_false(naming_is_port(&p, "sw-r1.example.co", "Ethernet1/5"));
	assert_false(naming_is_port(&p, "sw-r", "Ethernet1/5"));
	assert_false(naming_is_port(&p, "sw-r11", "Ethernet1/5"));
	assert_false(naming_is_port(&p, "sw-r1", "Ethernet1/50"));
	assert_false(naming_is_port(&p, "sw-r1", "Ethernet1/"));
	assert_false(naming_is_port(&nameless, "", "5"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(stories), cmocka_unit_test(expansion), cmocka_unit_test(systems) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
