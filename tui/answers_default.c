/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "site/words.h"
#include "tui/answers_priv.h"
#include "tui/facts.h"

#include <string.h>

/* What leads elsewhere, or has a DHCP server of its own, does not lead to nodes. NULL: it is for the administrator to say. */
static const char *default_interface(const struct facts *f)
{
	const struct facts_interface *best = NULL;

	for (size_t i = 0; i < f->n_interfaces; i++) {
		const struct facts_interface *x = &f->interfaces[i];
		struct err ignored;

		if (!x->physical || x->default_route || facts_dhcp_on(f, x->name) || word_interface(x->name, &ignored) < 0)
			continue;
		if (!best || x->link > best->link || (x->link == best->link && x->speed_mbit > best->speed_mbit))
			best = x;
	}
	return best ? best->name : "";
}

/* Is anything of this subnet at another interface than `own`? */
static bool is_elsewhere(const struct facts *f, const char *own, const struct net4 *net)
{
	for (size_t i = 0; i < f->n_interfaces; i++)
		for (size_t k = 0; k < f->interfaces[i].n_ipv4; k++)
			if (!str_eq(f->interfaces[i].name, own) && net4_overlap(&f->interfaces[i].ipv4[k].net, net))
				return true;
	return false;
}

/* The subnet that the interface is in, else a private one that this machine has nothing to do with. */
static char *default_subnet(const struct answers *a, const struct facts *f)
{
	static const char *const usual[] = { "10.1.0.0/16",   "10.2.0.0/16",	 "10.77.0.0/16",    "172.20.0.0/16",
					     "172.28.0.0/16", "192.168.64.0/18", "192.168.192.0/18" };
	autofree char *interface = answers_get(a, f, ANSWER_INTERFACE);
	const struct facts_interface *x = facts_interface(f, interface);
	struct err ignored;
	struct net4 net;

	for (size_t i = 0; x && i < x->n_ipv4; i++) {
		char text[NET4_LEN];

		net4_print(&x->ipv4[i].net, text);
		if (net4_read(text, &net, &ignored) == 0 && !is_elsewhere(f, interface, &net))
			return mem_strdup(text);
	}
	for (size_t i = 0; i < ARRAY_LEN(usual); i++)
		if (net4_read(usual[i], &net, &ignored) == 0 && !is_elsewhere(f, interface, &net))
			return mem_strdup(usual[i]);
	return mem_strdup(usual[0]);
}

/* What site_init() would take: asked with all that comes before. false: nothing can be made of it yet. */
static bool like_site(const struct answers *a, const struct facts *f, enum answer end, const char *unknown, struct site *out)
{
	autoclean(answers_seed_free) struct answers_seed s = { 0 };
	struct err ignored;

	answers_seed_fill(&s, a, f, end);
	s.seed.unknown = unknown;
	return site_init(&s.seed, out, &ignored) == 0;
}

char *answers_first_address(const struct answers *a, const struct facts *f)
{
	autoclean(site_free) struct site site = { 0 };
	char text[ADDR6_LEN];

	if (!like_site(a, f, ANSWER_HEAD_ADDRESS, NULL, &site))
		return mem_strdup("");
	if (site.heads[0].addr4)
		addr4_print(site.heads[0].addr4, text);
	else
		addr6_print(&site.heads[0].addr6, text);
	return mem_strdup(text);
}

/* The address that the interface has in the subnet; else the first one. */
static char *default_head_address(const struct answers *a, const struct facts *f)
{
	autofree char *interface = answers_get(a, f, ANSWER_INTERFACE), *subnet = answers_get(a, f, ANSWER_SUBNET);
	const struct facts_interface *x = facts_interface(f, interface);
	struct err ignored;
	struct net4 net;

	for (size_t i = 0; x && net4_read(subnet, &net, &ignored) == 0 && i < x->n_ipv4; i++) {
		char text[ADDR4_LEN];

		addr4_print(x->ipv4[i].addr, text);
		if (net4_has(&net, x->ipv4[i].addr))
			return mem_strdup(text);
	}
	return answers_first_address(a, f);
}

/* Clear of the head and the router; while these are wrong, which is said at them, of the subnet alone. */
static char *default_pool(const struct answers *a, const struct facts *f)
{
	autoclean(site_free) struct site site = { 0 };
	char first[ADDR4_LEN], last[ADDR4_LEN];

	if (!answers_is(a, f, ANSWER_DISCOVER, "yes") ||
	    (!like_site(a, f, ANSWER_DISCOVER, "discover", &site) && !like_site(a, f, ANSWER_HEAD_ADDRESS, "discover", &site)) ||
	    !site.networks[0].pool4_first)
		return mem_strdup("off");
	addr4_print(site.networks[0].pool4_first, first);
	addr4_print(site.networks[0].pool4_last, last);
	return str_format("%s-%s", first, last);
}

/* Machines that are not known can report what they are where there are addresses for them. What is wrong otherwise is no reason
 * to say no: it is mended first. */
static const char *default_discover(const struct answers *a, const struct facts *f)
{
	autoclean(site_free) struct site with = { 0 }, without = { 0 };

	if (like_site(a, f, ANSWER_DISCOVER, "discover", &with))
		return "yes";
	return like_site(a, f, ANSWER_DISCOVER, NULL, &without) ? "no" : "yes";
}

static char *default_head_name(const struct facts *f)
{
	size_t len = f->hostname ? strcspn(f->hostname, ".") : 0;
	autofree char *name = mem_strndup(f->hostname ? f->hostname : "", len);
	struct err ignored;

	return mem_strdup(word_machine(name, &ignored) == 0 && !str_eq(name, "debian") ? name : "head1");
}

/* How many there is room for, up to 64: a number of names that nobody has to think about. */
static char *default_names(const struct answers *a, const struct facts *f)
{
	autofree char *subnet = answers_get(a, f, ANSWER_SUBNET);
	uint32_t hosts = 64;
	struct net4 net;
	struct err ignored;

	if (net4_read(subnet, &net, &ignored) == 0)
		hosts = (net4_broadcast(&net) - net.base) / 2;
	return hosts >= 64 ? mem_strdup("n[001-064]") : str_format("n[1-%u]", hosts ? hosts : 1);
}

static char *default_domain(const struct answers *a, const struct facts *f)
{
	autofree char *cluster = answers_get(a, f, ANSWER_CLUSTER);

	return str_format("%s.internal", cluster);
}

static const char *default_time_zone(const struct facts *f)
{
	struct err ignored;

	return f->timezone && word_timezone(f->timezone, &ignored) == 0 ? f->timezone : "Etc/UTC";
}

static char *default_disks(const struct answers *a, const struct facts *f)
{
	autofree char *raid = answers_get(a, f, ANSWER_RAID);

	return str_format("%u", answers_level_least(raid));
}

char *answers_default(const struct answers *a, const struct facts *f, enum answer k)
{
	switch (k) {
	case ANSWER_CLUSTER:
		return mem_strdup("cluster");
	case ANSWER_DOMAIN:
		return default_domain(a, f);
	case ANSWER_TIME_ZONE:
		return mem_strdup(default_time_zone(f));
	case ANSWER_INTERFACE:
		return mem_strdup(default_interface(f));
	case ANSWER_SUBNET:
		return default_subnet(a, f);
	case ANSWER_IPV6:
		return mem_strdup(f->machine_id && *f->machine_id ? "own" : "off");
	case ANSWER_HEAD_ADDRESS:
		return default_head_address(a, f);
	case ANSWER_DISCOVER:
		return mem_strdup(default_discover(a, f));
	case ANSWER_POOL:
		return default_pool(a, f);
	case ANSWER_HEAD_NAME:
		return default_head_name(f);
	case ANSWER_STORE_RAID:
		return mem_strdup("none");
	case ANSWER_SUITE:
		return mem_strdup(str_eq(f->suite, "trixie") ? "trixie" : "bookworm");
	case ANSWER_SERIAL:
		return mem_strdup("ttyS0,115200");
	case ANSWER_RAID:
		return mem_strdup("1");
	case ANSWER_DISKS:
		return default_disks(a, f);
	case ANSWER_FILE_SYSTEM:
		return mem_strdup("ext4");
	case ANSWER_FIRMWARE:
		return mem_strdup("both");
	case ANSWER_NAMES:
		return default_names(a, f);
	case ANSWER_TRUST_MAC:
		return mem_strdup("no");
	case ANSWER_TIME_SERVERS:
	case ANSWER_GATEWAY:
	case ANSWER_SERVICE_ADDRESS:
	case ANSWER_STORE_DISKS:
	case ANSWER_SETS:
	case ANSWER_PACKAGES:
	case ANSWER_ADMIN_KEYS:
	case ANSWER_ADMIN_KEY:
	case ANSWER_END:
		break;
	}
	return mem_strdup("");
}
