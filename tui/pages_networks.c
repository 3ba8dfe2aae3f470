/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "site/site.h"
#include "tui/networks_check.h"
#include "tui/pages_priv.h"

#include <string.h>

/* "igb, 1 Gbit/s, 192.0.2.7/24, default route" */
static void describe(const struct facts_interface *x, struct buf *out)
{
	buf_adds(out, *x->driver ? x->driver : x->physical ? "no driver" : "virtual");
	buf_adds(out, !x->link ? ", no link" : x->speed_mbit ? ", " : ", link");
	if (x->link && x->speed_mbit)
		pages_speed(x->speed_mbit, out);
	for (size_t i = 0; i < x->n_ipv4; i++) {
		char addr[ADDR4_LEN];

		addr4_print(x->ipv4[i].addr, addr);
		buf_addf(out, ", %s/%u", addr, x->ipv4[i].net.prefix);
	}
	if (!x->n_ipv4)
		buf_adds(out, x->ipv6.len ? ", IPv6 only" : ", no address");
	if (x->default_route)
		buf_adds(out, ", default route");
}

static void choose_interface(const struct answers *a, const struct facts *f, struct field *field)
{
	(void)a;
	/* Those with hardware first: bridges and the like are rarely meant. */
	for (size_t i = 0; i < 2 * f->n_interfaces; i++) {
		const struct facts_interface *x = &f->interfaces[i % f->n_interfaces];
		autoclean(buf_free) struct buf label = { 0 };

		if (x->physical != (i < f->n_interfaces))
			continue;
		buf_addf(&label, "%s: ", x->name);
		describe(x, &label);
		field_choice(field, x->name, buf_str(&label));
	}
}

static const struct page_field fields[] = {
	{ ANSWER_INTERFACE, FIELD_CHOICE, "Leads to the nodes",
	  "The interface of this head that the nodes are behind. Here it answers DHCP and network boot, for every machine there: "
	  "on any "
	  "other network that does harm.\n"
	  "Choose the one whose cable goes to the nodes' switch. Example: eno2, with no address yet.",
	  choose_interface, networks_check_interface },
	{ ANSWER_SUBNET, FIELD_TEXT, "IPv4 subnet",
	  "The IPv4 addresses of heads and nodes on that network.\n"
	  "A private subnet that is used nowhere else here, prefix length 8 to 30; or off, with IPv6. Example: 10.1.0.0/16",
	  NULL, networks_check_subnet },
	{ ANSWER_IPV6, FIELD_TEXT, "IPv6 prefix",
	  "The IPv6 addresses of heads and nodes on that network.\n"
	  "own: a prefix for local use that is made of the cluster's name and this machine's id, so that nobody else has it (RFC "
	  "4193). "
	  "off: none. Or a prefix of yours; of one shorter than 64 bits the first /64 is taken. Example: 2001:db8:1::/48",
	  NULL, networks_check_ipv6 },
	{ ANSWER_HEAD_ADDRESS, FIELD_TEXT, "This head's address",
	  "Where nodes find this head. With IPv4 and IPv6 write one of them: the other has the same number in its subnet.\n"
	  "An address in the subnet that nothing else has. Example: 10.1.0.1",
	  NULL, networks_check_head },
	{ ANSWER_GATEWAY, FIELD_TEXT, "Router for nodes (IPv4)",
	  "The router over which nodes reach other networks. Empty: none, they stay among themselves.\n"
	  "An address in the subnet; the head's own if it routes. Example: 10.1.255.254",
	  NULL, networks_check_gateway },
	{ ANSWER_DISCOVER, FIELD_SWITCH, "Unknown machines report",
	  "A machine that nobody has named yet, and that boots from the network: yes, it starts a small system that reports what "
	  "it is, "
	  "and waits for your approval; nothing on it is changed. no: it boots its own disk.\n"
	  "yes or no. Example: yes",
	  NULL, NULL },
	{ ANSWER_POOL, FIELD_TEXT, "Addresses lent to them",
	  "Addresses that are lent to machines until they have a name.\n"
	  "The first and the last, with '-' between them, both in the subnet and away from the head and the router; or off. "
	  "Example: 10.1.254.1-10.1.255.254",
	  NULL, networks_check_pool },
};
static const struct page_def def = {
	"networks",
	"Networks",
	"The network that the nodes boot from. This head gives addresses there, and nobody else may.",
	fields,
	ARRAY_LEN(fields),
	ANSWER_POOL
};

/* What may be meant, and should be known. */
static void warn(const struct answers *a, const struct facts *f, struct buf *out)
{
	autofree char *name = answers_get(a, f, ANSWER_INTERFACE), *address = answers_get(a, f, ANSWER_HEAD_ADDRESS);
	const struct facts_interface *x = facts_interface(f, name);
	bool has = false;
	struct err ignored;
	uint32_t addr;

	for (size_t i = 0; i < f->n_dhcp; i++)
		buf_addf(out, "! a DHCP server, %s, answers on %s%s\n", f->dhcp[i].server, f->dhcp[i].interface,
			 str_eq(f->dhcp[i].interface, name) ? ": switch it off, or choose another interface"
							    : "; that is not touched");
	if (!x) {
		buf_adds(out, "! no interface is chosen: which one leads to the nodes can't be guessed here\n");
		return;
	}
	if (!x->link)
		buf_addf(out, "! %s has no link: is its cable plugged in, and the switch on?\n", name);
	if (x->default_route)
		buf_addf(out, "! %s has the default route: every machine on that network will be answered\n", name);
	for (size_t i = 0; addr4_read(address, &addr, &ignored) == 0 && i < x->n_ipv4; i++)
		has |= x->ipv4[i].addr == addr;
	if (!has)
		buf_addf(out, "%s gets the address %s\n", name, *address ? address : "that is written above");
}

/* What the addresses come to: the own prefix too, which nobody typed. */
static void summarise(const struct answers *a, const struct facts *f, struct buf *out)
{
	autoclean(site_free) struct site site = { 0 };
	struct err ignored;

	if (networks_site(a, f, &site, &ignored) < 0)
		return;
	if (site.networks[0].has6) {
		char net[NET6_LEN], addr[ADDR6_LEN];

		net6_print(&site.networks[0].net6, net);
		addr6_print(&site.heads[0].addr6, addr);
		buf_addf(out, "IPv6: %s, this head %s\n", net, addr);
	}
	if (site.networks[0].has4) {
		const struct site_network *n = &site.networks[0];
		uint32_t pool = n->pool4_first ? n->pool4_last - n->pool4_first + 1 : 0;

		buf_addf(out, "room for %u nodes%s", net4_broadcast(&n->net4) - n->net4.base - 2 - pool, pool ? "" : "\n");
		if (pool)
			buf_addf(out, ", and %u machines that are not known\n", pool);
	}
}

static struct page *build(const struct answers *a, const struct facts *f)
{
	struct page *page = pages_build(&def, a, f);
	autoclean(buf_free) struct buf lines = { 0 };

	warn(a, f, &lines);
	summarise(a, f, &lines);
	pages_note(page, "found", "What this comes to", &lines,
		   "What follows from the answers above, and what was heard on the networks of this machine.\n"
		   "Lines with '!' are worth a look before you go on.");
	page_add(
		page, FIELD_ACTION, "again", "Look again", "",
		"Looks at this machine and its networks once more: after a cable was plugged in, or a DHCP server switched off.");
	return page;
}

static int take(struct answers *a, const struct facts *f, const char *key, const char *value, struct err *err)
{
	return str_eq(key, "again") ? 0 : pages_take(&def, a, f, key, value, err);
}

static int check(const struct answers *a, const struct facts *f, const char **key, struct err *err)
{
	return pages_site(&def, a, f, key, err);
}

const struct page_kind page_networks = { "networks", "Networks", build, take, check };
