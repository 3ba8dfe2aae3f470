/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/naming.h"
#include "site/addr.h"
#include "site/words.h"
#include "tui/pages_priv.h"

#include <string.h>

static int check_one(const struct answers *a, const struct facts *f, const char *name, struct err *err)
{
	autofree char *head = answers_get(a, f, ANSWER_HEAD_NAME), *domain = answers_get(a, f, ANSWER_DOMAIN);

	if (word_machine(name, err) < 0)
		return -1;
	if (str_eq(name, head))
		return err_set(err, ERR_INVALID,
			       "'%s' is the name of this head; write names that begin otherwise, like n[001-064]", name);
	if (str_eq(name, "svc") || str_eq(name, domain))
		return err_set(err, ERR_INVALID, "'%s' is the name of something else; write other names, like n[001-064]", name);
	return 0;
}

/* How many machines have room beside the head, the router, the service address and the pool; UINT64_MAX without IPv4. */
static uint64_t room(const struct answers *a, const struct facts *f)
{
	autofree char *subnet = answers_get(a, f, ANSWER_SUBNET), *pool = answers_get(a, f, ANSWER_POOL);
	autofree char *gateway = answers_get(a, f, ANSWER_GATEWAY), *service = answers_get(a, f, ANSWER_SERVICE_ADDRESS);
	autofree char *first = mem_strndup(pool, strcspn(pool, "-"));
	const char *last = strchr(pool, '-');
	struct err ignored;
	struct net4 net;
	uint32_t from, to;
	uint64_t n;

	if (net4_read(subnet, &net, &ignored) < 0)
		return UINT64_MAX;
	n = net4_broadcast(&net) - net.base - 2;
	n -= *gateway != '\0';
	n -= *service && !strchr(service, ':');
	if (last && addr4_read(first, &from, &ignored) == 0 && addr4_read(last + 1, &to, &ignored) == 0)
		n -= to - from + 1;
	return n;
}

static int check_names(const struct answers *a, const struct facts *f, const char *value, struct err *err)
{
	autoclean(naming_free) struct naming n = { 0 };
	autofree char *subnet = answers_get(a, f, ANSWER_SUBNET);
	const struct str_list *names;

	if (!*value)
		return err_set(err, ERR_INVALID, "no names are written; write some like n[001-064]");
	if (naming_add(&n, value, err) < 0)
		return -1;
	names = &n.rules[0].names;
	for (size_t i = 0; i < names->len; i++)
		if (check_one(a, f, names->items[i], err) < 0)
			return -1;
	if (names->len > room(a, f))
		return err_set(err, ERR_INVALID,
			       "it stands for %zu nodes, and %s has room for %llu; write fewer, or a larger subnet before",
			       names->len, subnet, (unsigned long long)room(a, f));
	return 0;
}

static const struct page_field fields[] = {
	{ ANSWER_NAMES, FIELD_TEXT, "Nodes' names",
	  "What the nodes are called, and how many there may be. Machines that you approve get the lowest free name in the order "
	  "in which they "
	  "report; or by the switch port that they hang on, when you write SYSTEM:PORT=NAMES as the switch says it by LLDP.\n"
	  "Numbers in brackets are counted, with as many digits as the first one has. Examples: n[001-500], rack[1-4]n[01-32], "
	  "sw1:swp[1-48]=r1n[01-48]",
	  NULL, check_names },
};
static const struct page_def def = {
	"naming", "Naming",	     "How machines are named when they are approved. Names that are never used cost nothing.",
	fields,	  ARRAY_LEN(fields), ANSWER_NAMES
};

static void expand(const struct answers *a, const struct facts *f, const char *rule, struct buf *out)
{
	autoclean(naming_free) struct naming n = { 0 };
	autofree char *domain = answers_get(a, f, ANSWER_DOMAIN);
	const struct naming_rule *r;
	struct err err = { 0 };

	if (naming_add(&n, rule, &err) < 0) {
		buf_addf(out, "! %s\n", err.text);
		return;
	}
	r = &n.rules[0];
	buf_addf(out, "%zu name%s:", r->names.len, r->names.len == 1 ? "" : "s");
	for (size_t i = 0; i < r->names.len; i++) {
		if (i == 3 && r->names.len > 5)
			buf_adds(out, ", ..");
		if (i < 3 || i + 1 == r->names.len || r->names.len <= 5)
			buf_addf(out, "%s %s", i ? "," : "", r->names.items[i]);
	}
	buf_addf(out, "\n%s.%s is the %s\n", r->names.items[0], domain,
		 r->at.len ? "machine at" : "first machine that you approve");
	if (r->at.len)
		buf_addf(out, "  %s\n", r->at.items[0]);
}

static struct page *build(const struct answers *a, const struct facts *f)
{
	autofree char *rule = answers_get(a, f, ANSWER_NAMES);
	const char *const words[] = { "orthrus", "node", "discover", "--name", rule, "--group", "compute" };
	autoclean(str_list_free) struct str_list list = { 0 };
	struct page *page = pages_build(&def, a, f);
	autoclean(buf_free) struct buf lines = { 0 };
	autofree char *line = NULL;

	expand(a, f, rule, &lines);
	pages_note(page, "found", "What this comes to", &lines, "The names that the line above stands for.");
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		str_list_add(&list, words[i]);
	line = answers_line(&list);
	pages_command(page, line);
	return page;
}

static int take(struct answers *a, const struct facts *f, const char *key, const char *value, struct err *err)
{
	return pages_take(&def, a, f, key, value, err);
}

const struct page_kind page_naming = { "naming", "Naming", build, take, NULL };
