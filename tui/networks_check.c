/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/networks_check.h"

#include "site/site.h"
#include "site/words.h"
#include "tui/pages_priv.h"

#include <string.h>

int networks_site(const struct answers *a, const struct facts *f, struct site *out, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };

	if (answers_site(a, f, &text, err) < 0)
		return -1;
	return site_read(buf_str(&text), text.len, "new site", out, err);
}

int networks_check_interface(const struct answers *a, const struct facts *f, const char *value, struct err *err)
{
	const char *server = facts_dhcp_on(f, value);

	(void)a;
	if (word_interface(value, err) < 0)
		return -1;
	if (server)
		return err_set(err, ERR_INVALID,
			       "on %s a DHCP server, %s, answers: two of them give machines wrong addresses; switch that one "
			       "off, or choose "
			       "another interface",
			       value, server);
	return 0;
}

/* A private subnet that this machine is not in. Caller frees. */
static char *suggest(const struct facts *f)
{
	autoclean(answers_free) struct answers nothing = { 0 };

	nothing.given[ANSWER_INTERFACE] = mem_strdup(""); /* so that all interfaces are others */
	return answers_default(&nothing, f, ANSWER_SUBNET);
}

/* An interface's address that is in this subnet, or whose subnet it is in. The interface's own subnet is fine. */
static int check_overlap(const struct facts *f, const char *own, const struct net4 *net, const char *value, struct err *err)
{
	for (size_t i = 0; i < f->n_interfaces; i++)
		for (size_t k = 0; k < f->interfaces[i].n_ipv4; k++) {
			const struct facts_address4 *x = &f->interfaces[i].ipv4[k];
			bool mine = str_eq(f->interfaces[i].name, own);
			char there[NET4_LEN], addr[ADDR4_LEN];
			autofree char *other = suggest(f);

			if (!net4_overlap(&x->net, net) || (mine && x->net.prefix == net->prefix))
				continue;
			net4_print(&x->net, there);
			addr4_print(x->addr, addr);
			return err_set(err, ERR_INVALID, "%s overlaps %s, in which %s has %s; write %s", value, there,
				       f->interfaces[i].name, addr, mine ? there : other);
		}
	return 0;
}

int networks_check_subnet(const struct answers *a, const struct facts *f, const char *value, struct err *err)
{
	autofree char *interface = answers_get(a, f, ANSWER_INTERFACE), *ipv6 = answers_get(a, f, ANSWER_IPV6);
	struct net4 net;

	if (str_eq(value, "off") && str_eq(ipv6, "off"))
		return err_set(err, ERR_INVALID, "IPv4 and IPv6 are both off; write a subnet, like 10.1.0.0/16");
	if (str_eq(value, "off"))
		return 0;
	if (!*value)
		return err_set(err, ERR_INVALID, "no subnet is written; write one like 10.1.0.0/16, or off");
	if (strchr(value, ':'))
		return err_set(err, ERR_INVALID, "'%.80s' is IPv6, which is written below; write an IPv4 subnet here, or off",
			       value);
	return net4_read(value, &net, err) < 0 ? -1 : check_overlap(f, interface, &net, value, err);
}

/* "2001:db8::7/64": is it in the prefix? */
static bool is_in6(const char *address, const struct net6 *net)
{
	const char *slash = strchrnul(address, '/');
	autofree char *bare = mem_strndup(address, (size_t)(slash - address));
	struct addr6 addr;
	struct err ignored;

	return addr6_read(bare, &addr, &ignored) == 0 && net6_has(net, &addr);
}

int networks_check_ipv6(const struct answers *a, const struct facts *f, const char *value, struct err *err)
{
	autofree char *interface = answers_get(a, f, ANSWER_INTERFACE), *subnet = answers_get(a, f, ANSWER_SUBNET);
	struct net6 net;

	if (str_eq(value, "off") && str_eq(subnet, "off"))
		return err_set(err, ERR_INVALID, "IPv4 and IPv6 are both off; write own, or a prefix like 2001:db8:1::/48");
	if (str_eq(value, "off"))
		return 0;
	if (str_eq(value, "own"))
		return f->machine_id && *f->machine_id
			       ? 0
			       : err_set(err, ERR_INVALID,
					 "an own prefix is made of this machine's id, and it has none; write off, or a prefix");
	if (!strchr(value, ':') || net6_read(value, &net, err) < 0)
		return strchr(value, ':')
			       ? -1
			       : err_set(err, ERR_INVALID,
					 "'%.80s' is none of own, off and a prefix; write own, off, or one like 2001:db8:1::/48",
					 value);
	if (net.prefix > 64)
		return err_set(err, ERR_INVALID,
			       "%s has no /64 in it, which machines that boot need; write a prefix of at most 64 bits", value);
	net.prefix = 64;
	for (size_t i = 0; i < f->n_interfaces; i++)
		for (size_t k = 0; !str_eq(f->interfaces[i].name, interface) && k < f->interfaces[i].ipv6.len; k++)
			if (is_in6(f->interfaces[i].ipv6.items[k], &net))
				return err_set(err, ERR_INVALID,
					       "in %s %s has the address %s already; write another prefix, or own", value,
					       f->interfaces[i].name, f->interfaces[i].ipv6.items[k]);
	return 0;
}

/* Who has this address at another interface than the nodes'? */
static const char *owner(const struct facts *f, const char *interface, uint32_t addr)
{
	for (size_t i = 0; i < f->n_interfaces; i++)
		for (size_t k = 0; k < f->interfaces[i].n_ipv4; k++)
			if (f->interfaces[i].ipv4[k].addr == addr && !str_eq(f->interfaces[i].name, interface))
				return f->interfaces[i].name;
	return NULL;
}

static int check_head6(const struct answers *a, const struct facts *f, const char *value, struct err *err)
{
	autofree char *ipv6 = answers_get(a, f, ANSWER_IPV6);
	autoclean(site_free) struct site site = { 0 };
	struct answers view = *a;
	struct err ignored;
	struct addr6 addr;
	char net[NET6_LEN];

	if (addr6_read(value, &addr, err) < 0)
		return -1;
	if (str_eq(ipv6, "off"))
		return err_set(err, ERR_INVALID, "%s is IPv6, which is off; write an IPv4 address, or a prefix above", value);
	for (size_t k = ANSWER_HEAD_ADDRESS; k < ANSWER_END; k++)
		view.given[k] = NULL;
	if (networks_site(&view, f, &site, &ignored) < 0 || net6_has(&site.networks[0].net6, &addr))
		return 0;
	net6_print(&site.networks[0].net6, net);
	return err_set(err, ERR_INVALID, "%s is not a machine's address in %s; write one in there", value, net);
}

int networks_check_head(const struct answers *a, const struct facts *f, const char *value, struct err *err)
{
	autofree char *interface = answers_get(a, f, ANSWER_INTERFACE), *subnet = answers_get(a, f, ANSWER_SUBNET);
	const char *other;
	uint32_t addr;

	if (!*value)
		return err_set(err, ERR_INVALID, "this head needs an address there; write one, like the subnet's first");
	if (strchr(value, ':'))
		return check_head6(a, f, value, err);
	if (pages_in_subnet(a, f, "the address", value, &addr, err) < 0)
		return -1;
	other = owner(f, interface, addr);
	if (other)
		return err_set(err, ERR_INVALID, "%s is the address of %s, which does not lead to the nodes; write another of %s",
			       value, other, subnet);
	return 0;
}

int networks_check_gateway(const struct answers *a, const struct facts *f, const char *value, struct err *err)
{
	uint32_t addr;

	if (!*value)
		return 0;
	if (strchr(value, ':'))
		return err_set(err, ERR_INVALID, "%.80s is IPv6; write an IPv4 address (IPv6 routers announce themselves)",
			       value);
	return pages_in_subnet(a, f, "the router", value, &addr, err);
}

static int check_apart(const struct answers *a, const struct facts *f, enum answer k, const char *what, uint32_t first,
		       uint32_t last, struct err *err)
{
	autofree char *text = answers_get(a, f, k);
	struct err ignored;
	uint32_t addr;

	if (addr4_read(text, &addr, &ignored) < 0 || addr < first || addr > last)
		return 0;
	return err_set(err, ERR_INVALID,
		       "%s, %s, lies in it, and would be lent to another machine; begin behind it, or end before it", what, text);
}

int networks_check_pool(const struct answers *a, const struct facts *f, const char *value, struct err *err)
{
	const char *dash = strchr(value, '-');
	autofree char *one = mem_strndup(value, dash ? (size_t)(dash - value) : 0), *subnet = answers_get(a, f, ANSWER_SUBNET);
	bool discover = answers_is(a, f, ANSWER_DISCOVER, "yes");
	uint32_t first, last;

	if (str_eq(value, "off") && discover && !str_eq(subnet, "off"))
		return err_set(err, ERR_INVALID,
			       "machines that are not known can't report without addresses; write FIRST-LAST, or say no "
			       "to \"Unknown machines report\"");
	if (str_eq(value, "off"))
		return 0;
	if (!dash)
		return err_set(err, ERR_INVALID,
			       "'%.80s' is not FIRST-LAST; write two addresses, like 10.1.254.1-10.1.255.254, or off", value);
	if (pages_in_subnet(a, f, "the first address", one, &first, err) < 0 ||
	    pages_in_subnet(a, f, "the last address", dash + 1, &last, err) < 0)
		return -1;
	if (first > last)
		return err_set(err, ERR_INVALID, "the first address, %s, is behind the last one, %s; write %s-%s", one, dash + 1,
			       dash + 1, one);
	if (check_apart(a, f, ANSWER_HEAD_ADDRESS, "this head's address", first, last, err) < 0)
		return -1;
	return check_apart(a, f, ANSWER_GATEWAY, "the router's address", first, last, err);
}
