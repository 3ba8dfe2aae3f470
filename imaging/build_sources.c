/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/build_sources.h"

#include "base/buf.h"
#include "base/mem.h"

#include <string.h>

struct target {
	char *field[4]; /* URI, release, codename, component */
};

static void target_free(struct target *t)
{
	for (size_t i = 0; i < ARRAY_LEN(t->field); i++)
		free(t->field[i]);
}

static bool target_read(const char *line, size_t len, struct target *t)
{
	const char *end = line + len;

	for (size_t i = 0; i < ARRAY_LEN(t->field); i++) {
		const char *bar = i + 1 < ARRAY_LEN(t->field) ? memchr(line, '|', (size_t)(end - line)) : end;

		if (!bar)
			return false;
		t->field[i] = mem_strndup(line, (size_t)(bar - line));
		line = bar + (bar < end);
	}
	return t->field[0][0] && t->field[3][0];
}

/* Is it the archive `want` ("bookworm-security")? The code name is known only once apt has fetched its lists; before, what
 * sources.list says. */
static bool is_archive(const struct target *t, const char *want)
{
	return str_eq(t->field[2][0] ? t->field[2] : t->field[1], want);
}

/* One "deb URI SUITE COMPONENT ..." for each repository that serves `want`. */
static void add_lines(const char *targets, const char *want, const char *suite, struct str_list *out)
{
	autoclean(str_list_free) struct str_list lines = { 0 };

	for (const char *p = targets; *p;) {
		autoclean(target_free) struct target t = { 0 };
		size_t n = strcspn(p, "\n");
		autofree char *head = NULL;
		size_t i;

		if (target_read(p, n, &t) && is_archive(&t, want)) {
			head = str_format("deb %s %s ", t.field[0], suite);
			for (i = 0; i < lines.len && !str_starts(lines.items[i], head); i++)
				;
			if (i == lines.len) {
				str_list_addf(&lines, "%s%s ", head, t.field[3]);
			} else {
				autofree char *component = str_format(" %s ", t.field[3]);

				/* Several architectures give the same line again. */
				if (!strstr(lines.items[i], component)) {
					char *longer = str_format("%s%s ", lines.items[i], t.field[3]);

					free(lines.items[i]);
					lines.items[i] = longer;
				}
			}
		}
		p += n + (p[n] == '\n');
	}
	for (size_t i = 0; i < lines.len; i++) {
		lines.items[i][strlen(lines.items[i]) - 1] = '\0';
		str_list_add(out, lines.items[i]);
	}
}

int build_sources(const char *targets, const char *own, const char *suite, struct str_list *out, struct err *err)
{
	static const char *const parts[] = { "", "-updates", "-security" };

	size_t before = out->len;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		autofree char *want = str_format("%s%s", own, parts[i]);
		autofree char *as = str_format("%s%s", suite, parts[i]);

		add_lines(targets, want, as, out);
		if (i == 0 && out->len == before) {
			err_set(err, ERR_FAILED, "this machine's apt has no repository of its own release '%s'", own);
			return err_hint(err,
					"add one to /etc/apt/sources.list and run `apt-get update`, or say which: --mirror URL");
		}
	}
	return 0;
}
