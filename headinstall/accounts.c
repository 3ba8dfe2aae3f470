/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headinstall/accounts.h"

#include "base/mem.h"

#include <string.h>

#define PERSON_MIN 1000
#define PERSON_MAX 59999

/* The next line, without its end; NULL when there is none. */
static const char *next(const char **text, size_t *len)
{
	const char *line = *text;

	if (!*line)
		return NULL;
	*len = strcspn(line, "\n");
	*text = line + *len + (line[*len] == '\n');
	return line;
}

static char *name_of(const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);

	return mem_strndup(line, colon ? (size_t)(colon - line) : len);
}

void head_accounts_added(const char *was, const char *now, struct str_list *names)
{
	autoclean(str_list_free) struct str_list old = { 0 };
	const char *line;
	size_t len;

	while ((line = next(&was, &len))) {
		autofree char *name = name_of(line, len);

		str_list_add(&old, name);
	}
	while ((line = next(&now, &len))) {
		autofree char *name = name_of(line, len);

		if (*name && !str_list_has(&old, name))
			str_list_add(names, name);
	}
}

bool head_accounts_number(uint64_t number)
{
	return number >= PERSON_MIN && number <= PERSON_MAX;
}

bool head_accounts_person(const char *text, const char *name)
{
	const char *line;
	size_t len;

	while ((line = next(&text, &len))) {
		autofree char *is = name_of(line, len), *copy = mem_strndup(line, len), *digits = NULL;
		const char *colon = strchr(copy, ':'), *id = colon ? strchr(colon + 1, ':') : NULL;
		struct err none = { 0 };
		uint64_t number;

		if (!id || !str_eq(is, name))
			continue;
		digits = mem_strndup(id + 1, strcspn(id + 1, ":"));
		return str_to_u64(digits, 0, UINT64_MAX, &number, &none) == 0 && head_accounts_number(number);
	}
	return false;
}

/* "a,b,c" without the users. */
static void add_members(const char *list, size_t len, const struct str_list *users, struct buf *out)
{
	bool first = true;

	while (len) {
		size_t n = 0;
		autofree char *name = NULL;

		while (n < len && list[n] != ',')
			n++;
		name = mem_strndup(list, n);
		if (!str_list_has(users, name)) {
			buf_addf(out, "%s%s", first ? "" : ",", name);
			first = false;
		}
		n += n < len;
		list += n;
		len -= n;
	}
}

void head_accounts_without(const char *text, const struct str_list *names, bool members, const struct str_list *users,
			   struct buf *out)
{
	const char *line;
	size_t len;

	while ((line = next(&text, &len))) {
		autofree char *name = name_of(line, len);
		size_t last = len;

		if (str_list_has(names, name))
			continue;
		while (last > 0 && line[last - 1] != ':')
			last--;
		buf_add(out, line, members ? last : len);
		if (members)
			add_members(line + last, len - last, users, out);
		buf_addc(out, '\n');
	}
}
