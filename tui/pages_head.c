/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "site/words.h"
#include "tui/pages_priv.h"

#include <string.h>

static int check_name(const struct answers *a, const struct facts *f, const char *value, struct err *err)
{
	autofree char *domain = answers_get(a, f, ANSWER_DOMAIN);
	autofree char *bare = mem_strndup(value, strcspn(value, "."));
	struct err ignored;

	if (!*value)
		return err_set(err, ERR_INVALID, "this head needs a name; write one like head1");
	if (str_eq(value, domain))
		return err_set(err, ERR_INVALID, "'%.80s' is the domain's own name; write a name in it, like head1", value);
	if (strchr(value, '.') && word_machine(bare, &ignored) == 0)
		return err_set(err, ERR_INVALID, "'%.80s' has a domain; write the name alone: %s", value, bare);
	if (str_eq(value, "svc"))
		return err_set(err, ERR_INVALID,
			       "'svc' is the name of the address that follows the active head; write another, like head1");
	return word_machine(value, err);
}

static int check_service(const struct answers *a, const struct facts *f, const char *value, struct err *err)
{
	autofree char *head = answers_get(a, f, ANSWER_HEAD_ADDRESS), *ipv6 = answers_get(a, f, ANSWER_IPV6);
	struct addr6 addr6;
	uint32_t addr;

	if (!*value)
		return 0;
	if (str_eq(value, head))
		return err_set(err, ERR_INVALID,
			       "%s is this head's own address; write another, for it moves to a second head one day", value);
	if (!strchr(value, ':'))
		return pages_in_subnet(a, f, "the service address", value, &addr, err);
	if (addr6_read(value, &addr6, err) < 0)
		return -1;
	if (str_eq(ipv6, "off"))
		return err_set(err, ERR_INVALID, "%s is IPv6, which is off; write an IPv4 address", value);
	return 0;
}

static const struct page_field fields[] = {
	{ ANSWER_HEAD_NAME, FIELD_TEXT, "This head's name",
	  "What this machine is called in the cluster; its host name is a good choice, and is not changed.\n"
	  "1 to 63 of a-z, 0-9 and '-', without the domain. Example: head1",
	  NULL, check_name },
	{ ANSWER_SERVICE_ADDRESS, FIELD_TEXT, "Service address",
	  "An address that nodes ask for in place of this head's own, so that a second head can take it over one day without the "
	  "nodes being "
	  "told. Empty: none; it can be added later, and nodes learn of it when they are installed.\n"
	  "An address in the subnet that nothing has, this head neither. Example: 10.1.0.2",
	  NULL, check_service },
};
static const struct page_def def = { "head",
				     "Head",
				     "This machine. A second head can join later, and take over when this one fails.",
				     fields,
				     ARRAY_LEN(fields),
				     ANSWER_SERVICE_ADDRESS };

static struct page *build(const struct answers *a, const struct facts *f)
{
	autofree char *name = answers_get(a, f, ANSWER_HEAD_NAME), *domain = answers_get(a, f, ANSWER_DOMAIN);
	autofree char *address = answers_get(a, f, ANSWER_HEAD_ADDRESS), *interface = answers_get(a, f, ANSWER_INTERFACE);
	autofree char *service = answers_get(a, f, ANSWER_SERVICE_ADDRESS);
	struct page *page = pages_build(&def, a, f);
	autoclean(buf_free) struct buf lines = { 0 };

	buf_addf(&lines, "%s.%s is %s on %s\n", name, domain, *address ? address : "without an address yet",
		 *interface ? interface : "an interface that is still to be chosen");
	buf_addf(&lines, "nodes ask %s\n", *service ? service : *address ? address : "it");
	pages_note(page, "found", "What this comes to", &lines, "Where this head is found, and where nodes look for it.");
	return page;
}

static int take(struct answers *a, const struct facts *f, const char *key, const char *value, struct err *err)
{
	return pages_take(&def, a, f, key, value, err);
}

static int check(const struct answers *a, const struct facts *f, const char **key, struct err *err)
{
	return pages_site(&def, a, f, key, err);
}

const struct page_kind page_head = { "head", "Head", build, take, check };
