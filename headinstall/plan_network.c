/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interface that leads to the nodes: who else answers there, and the head's addresses on it. */
#include "base/mem.h"
#include "headinstall/paths.h"
#include "headinstall/plan_priv.h"
#include "site/site.h"

#include <string.h>

size_t head_of_site(const struct site *site, const char *hostname)
{
	for (size_t i = 0; i < site->n_heads; i++)
		if (str_eq(site->heads[i].name, hostname))
			return i;
	return 0;
}

static bool conflicts(const struct head_port *p)
{
	/* NFS is nothing of ours yet. */
	return p->port != 2049 && p->port != 123;
}

/* Does it listen where the head would: on all addresses, or on one that the interface has, and bound to no other interface? */
static bool is_there(const struct head_port *p, const struct head_interface *n)
{
	size_t len = strlen(p->address);

	if (p->device && n && !str_eq(p->device, n->name))
		return false;
	if (!len)
		return true;
	for (size_t i = 0; n && i < n->ipv4.len + n->ipv6.len; i++) {
		const char *a = i < n->ipv4.len ? n->ipv4.items[i] : n->ipv6.items[i - n->ipv4.len];

		if (strncmp(a, p->address, len) == 0 && a[len] == '/')
			return true;
	}
	return false;
}

static int refuse_port(const struct head_port *p, const char *interface, struct err *err)
{
	err_set(err, ERR_REFUSED, "port %u (%s) is in use on %s by %s, and a head needs it there", p->port,
		p->udp ? "UDP" : "TCP",
		p->address[0] ? p->address
		: p->device   ? p->device
			      : "all interfaces",
		p->program ? p->program : "a program that can't be named");
	if (str_eq(p->program, "dnsmasq"))
		return err_hint(err,
				"keep that dnsmasq off this interface: 'except-interface=%s' and 'bind-dynamic' in a file of "
				"/etc/dnsmasq.d, then restart it; Orthrus runs one of its own there",
				interface);
	return err_hint(err, "stop it, or keep it off %s by its own configuration, then run this again", interface);
}

int head_refuse_dhcp(const char *interface, uint32_t address, struct err *err)
{
	char server[ADDR4_LEN];

	addr4_print(address, server);
	err_set(err, ERR_REFUSED, "on %s another DHCP server answers: %s", interface, server);
	return err_hint(err,
			"switch its DHCP off on that network, or choose another interface; --accept-dhcp goes on in spite of "
			"it, and nodes then get addresses from whichever is faster");
}

int plan_wire(const struct head_facts *f, const struct site *site, const struct head_wish *wish, struct plan *out,
	      struct err *err)
{
	const char *name = site_head_interface(site, head_of_site(site, f->hostname), site_provision(site)->name);
	const struct head_interface *n = name ? head_interface(f, name) : NULL;

	(void)out;
	if (!name || !n) {
		autoclean(buf_free) struct buf have = { 0 };

		for (size_t i = 0; i < f->n_interfaces; i++)
			buf_addf(&have, "%s%s", i ? ", " : "", f->interfaces[i].name);
		err_set(err, ERR_REFUSED, "the site has the nodes on interface %s, which this machine has not",
			name ? name : "(none)");
		return err_hint(err, "it has %s: choose one of these in site.json (heads.interface)",
				have.len ? buf_str(&have) : "none");
	}
	for (size_t i = 0; i < f->dhcp.len && !wish->accept_dhcp; i++) {
		if (!str_eq(f->dhcp.items[i].interface, name))
			continue;
		return head_refuse_dhcp(name, f->dhcp.items[i].server, err);
	}
	for (size_t i = 0; i < f->n_ports; i++)
		if (conflicts(&f->ports[i]) && is_there(&f->ports[i], n))
			return refuse_port(&f->ports[i], name, err);
	return 0;
}

struct head_ip {
	char addr[ADDR6_LEN]; /* "" none */
	unsigned int prefix;
};

/* One of IPv4 for another network than the site's is not enough; an address of IPv6 may come by itself, and be for one machine.
 */
static bool has_address(const struct str_list *list, const struct head_ip *ip)
{
	autofree char *whole = str_format("%s/%u", ip->addr, ip->prefix);
	size_t len = strlen(ip->addr);

	for (size_t i = 0; i < list->len; i++)
		if (strchr(ip->addr, ':') ? strncmp(list->items[i], ip->addr, len) == 0 && list->items[i][len] == '/'
					  : str_eq(list->items[i], whole))
			return true;
	return false;
}

/* What somebody wrote of an interface in a file of ifupdown's stays theirs. */
static bool names_interface(const char *text, const char *interface)
{
	size_t len = strlen(interface);

	for (const char *at = text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
		const char *word = at + strspn(at, " \t"), *name = word + strlen("iface");

		if (!str_starts(word, "iface") || !strspn(name, " \t"))
			continue;
		name += strspn(name, " \t");
		if (strncmp(name, interface, len) == 0 && strchr(" \t\n", name[len]))
			return true;
	}
	return false;
}

/* NULL: none but ours. */
static const char *configured_by(const struct head_facts *f, const char *ours, const char *interface)
{
	for (size_t i = 0; i < f->n_texts; i++) {
		const struct head_text *t = &f->texts[i];

		if ((str_eq(t->path, HEAD_INTERFACES) || str_starts(t->path, HEAD_INTERFACES_DIR "/")) &&
		    !str_eq(t->path, ours) && t->there && t->text.data && names_interface(t->text.data, interface))
			return t->path;
	}
	return NULL;
}

static int refuse_own(const char *interface, const char *file, const struct head_ip *ip, struct err *err)
{
	err_set(err, ERR_REFUSED, "%s has a configuration of its own in %s, which gives it another address than the site",
		interface, file);
	return err_hint(err, "give it %s/%u there, or remove its lines, or change the site", ip->addr, ip->prefix);
}

/* The next word of a line; its length. */
static size_t next_word(const char **at)
{
	*at += strspn(*at, " \t");
	return strcspn(*at, " \t\n");
}

/* interfaces(5): of a directory only files are read whose names are of letters, digits, '_' and '-' (no VLAN's: eth0.7). */
static bool is_plain(const char *interface)
{
	return !interface[strspn(interface, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")];
}

/* Is our file for the interface read already? */
static bool sources_ours(const char *text, const char *interface)
{
	for (const char *at = text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
		const char *word = at, *name;
		size_t len = next_word(&word);
		bool whole = len == strlen("source-directory") && str_starts(word, "source-directory");
		autofree char *path = NULL;

		if (!whole && (len != strlen("source") || !str_starts(word, "source")))
			continue;
		word += len;
		len = next_word(&word);
		path = mem_strndup(word, len);
		name = str_starts(path, "/etc/network/") ? path + strlen("/etc/network/") : path;
		if (whole ? is_plain(interface) && (str_eq(name, "interfaces.d") || str_eq(name, "interfaces.d/"))
			  : str_eq(name, "interfaces.d/*") || str_eq(name, "interfaces.d/orthrus-*"))
			return true;
	}
	return false;
}

static int by_ifupdown(const struct head_facts *f, struct head_step *s, const char *interface, const struct head_ip *ip4,
		       const struct head_ip *ip6, struct err *err)
{
	const struct head_text *main = head_text(f, HEAD_INTERFACES);
	autofree char *path = str_format(HEAD_INTERFACES_OURS, interface);
	autoclean(buf_free) struct buf text = { 0 };
	const char *is = main && main->there ? buf_str(&main->text) : "", *own = configured_by(f, path, interface);

	if (own)
		return refuse_own(interface, own, ip4->addr[0] ? ip4 : ip6, err);
	/* Of that directory ours alone: others' may be read by another pattern, or be there to be read by nobody. */
	if (!sources_ours(is, interface))
		head_add_write(
			f, s, HEAD_INTERFACES,
			str_format("%s%s\n# Added by `orthrus head install`.\nsource /etc/network/interfaces.d/orthrus-*\n", is,
				   *is && !str_ends(is, "\n") ? "\n" : ""),
			0644);
	buf_addf(&text, "# Written by `orthrus head install`: the interface that leads to the nodes.\nauto %s\n", interface);
	if (ip4->addr[0])
		buf_addf(&text, "iface %s inet static\n\taddress %s/%u\n", interface, ip4->addr, ip4->prefix);
	if (ip6->addr[0])
		buf_addf(&text, "iface %s inet6 static\n\taddress %s/%u\n\tdad-attempts 0\n\taccept_ra 0\n", interface, ip6->addr,
			 ip6->prefix);
	head_add_write(f, s, path, buf_steal(&text), 0644);
	return 0;
}

static int by_networkd(const struct head_facts *f, struct head_step *s, const char *interface, const struct head_ip *ip4,
		       const struct head_ip *ip6, struct err *err)
{
	autofree char *path = str_format(HEAD_NETWORKD_OURS, interface);
	autoclean(buf_free) struct buf text = { 0 };

	/* The first by the names of files counts: behind that one, ours would never be read. */
	if (f->network_file && strrchr(f->network_file, '/') && strcmp(strrchr(f->network_file, '/'), strrchr(path, '/')) < 0)
		return refuse_own(interface, f->network_file, ip4->addr[0] ? ip4 : ip6, err);
	buf_addf(&text,
		 "# Written by `orthrus head install`: the interface that leads to the nodes.\n[Match]\nName=%s\n\n[Network]\n"
		 "IPv6AcceptRA=no\nConfigureWithoutCarrier=yes\n",
		 interface);
	if (ip4->addr[0])
		buf_addf(&text, "Address=%s/%u\n", ip4->addr, ip4->prefix);
	if (ip6->addr[0])
		buf_addf(&text, "Address=%s/%u\n", ip6->addr, ip6->prefix);
	head_add_write(f, s, path, buf_steal(&text), 0644);
	return 0;
}

static int refuse_address(const char *interface, const struct head_ip *ip, const char *why, struct err *err)
{
	err_set(err, ERR_REFUSED, "%s has not the head's address %s, and %s", interface, ip->addr, why);
	return err_hint(
		err, "give it %s/%u by what configures the network here, for this start and every next one, then run this again",
		ip->addr, ip->prefix);
}

static int choose_way(const struct head_facts *f, struct head_step *s, const char *interface, const struct head_ip *ip4,
		      const struct head_ip *ip6, struct err *err)
{
	const struct head_ip *first = ip4->addr[0] ? ip4 : ip6;

	switch (f->networker) {
	case HEAD_NET_IFUPDOWN:
		return by_ifupdown(f, s, interface, ip4, ip6, err);
	case HEAD_NET_NETWORKD:
		return by_networkd(f, s, interface, ip4, ip6, err);
	case HEAD_NET_MANAGER:
		return refuse_address(interface, first, "NetworkManager keeps its connections itself", err);
	case HEAD_NET_NONE:
		break;
	}
	return refuse_address(interface, first, "this machine has neither ifupdown nor systemd-networkd to give it by", err);
}

static void addresses_of(const struct head_facts *f, const struct site *site, struct head_ip *ip4, struct head_ip *ip6)
{
	const struct site_network *net = site_provision(site);
	const struct site_head *head = &site->heads[head_of_site(site, f->hostname)];

	*ip4 = (struct head_ip){ .prefix = net->net4.prefix };
	*ip6 = (struct head_ip){ .prefix = net->net6.prefix };
	if (head->addr4)
		addr4_print(head->addr4, ip4->addr);
	if (head->has6)
		addr6_print(&head->addr6, ip6->addr);
}

static bool is_wanted(const char *address, const struct head_ip *ip)
{
	autofree char *whole = str_format("%s/%u", ip->addr, ip->prefix);

	return str_eq(address, whole);
}

/* What an earlier run gave an interface, by another site. */
static void plan_taken(const struct head_facts *f, const struct head_setting *link, bool same, const struct head_ip *ip4,
		       const struct head_ip *ip6, struct plan *out)
{
	autofree char *id = str_format("address-off:%s", link->name), *rest = mem_strdup(link->value);
	autofree char *ifupdown = str_format(HEAD_INTERFACES_OURS, link->name);
	autofree char *networkd = str_format(HEAD_NETWORKD_OURS, link->name);
	const char *const files[] = { ifupdown, networkd };
	const struct head_interface *n = head_interface(f, link->name);
	autoclean(str_list_free) struct str_list gone = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	struct head_step *s;
	char *at = NULL;

	for (char *word = strtok_r(rest, " ", &at); word; word = strtok_r(NULL, " ", &at))
		if (n && (str_list_has(&n->ipv4, word) || str_list_has(&n->ipv6, word)) &&
		    !(same && (is_wanted(word, ip4) || is_wanted(word, ip6))))
			str_list_add(&gone, word);
	s = head_add(out, HEAD_STEP_ADDRESS_OFF, PLAN_WRITES, id, NULL);
	str_list_add(&s->words, link->name);
	for (size_t i = 0; !same && i < ARRAY_LEN(files); i++)
		if (head_text(f, files[i]) && head_text(f, files[i])->there)
			str_list_add(&s->paths, files[i]);
	if (!gone.len && !s->paths.len) {
		head_drop_last(out);
		return;
	}
	buf_addf(&text, "take from %s what an earlier run gave it, by another site%s", link->name, gone.len ? ": " : "");
	head_words(&text, &gone, SIZE_MAX);
	if (s->paths.len) {
		buf_adds(&text, "; remove ");
		head_words(&text, &s->paths, SIZE_MAX);
	}
	for (size_t i = 0; i < gone.len; i++)
		str_list_add(&s->words, gone.items[i]);
	s->start = !same && str_starts(link->value, "down");
	out->steps[out->len - 1].text = buf_steal(&text);
}

void plan_moved(const struct head_facts *f, const struct site *site, const struct head_wish *wish, struct plan *out)
{
	const char *interface = site_head_interface(site, head_of_site(site, f->hostname), site_provision(site)->name);
	struct head_ip ip4, ip6;

	addresses_of(f, site, &ip4, &ip6);
	for (size_t i = 0; f->running && i < wish->n_links; i++)
		if (*wish->links[i].value)
			plan_taken(f, &wish->links[i], str_eq(wish->links[i].name, interface), &ip4, &ip6, out);
}

int plan_address(const struct head_facts *f, const struct site *site, const struct head_wish *wish, struct plan *out,
		 struct err *err)
{
	const char *interface = site_head_interface(site, head_of_site(site, f->hostname), site_provision(site)->name);
	const struct head_interface *n = head_interface(f, interface);
	struct head_ip ip4, ip6;
	autofree char *id = str_format("address:%s", interface);
	autoclean(buf_free) struct buf text = { 0 };
	struct head_step *s;

	addresses_of(f, site, &ip4, &ip6);
	if (f->running && (!ip4.addr[0] || has_address(&n->ipv4, &ip4)) && (!ip6.addr[0] || has_address(&n->ipv6, &ip6)) &&
	    !str_list_has(&wish->open, id))
		return 0;
	buf_addf(&text, "give %s the head's address%s ", interface, ip4.addr[0] && ip6.addr[0] ? "es" : "");
	if (ip4.addr[0])
		buf_addf(&text, "%s/%u", ip4.addr, ip4.prefix);
	if (ip6.addr[0])
		buf_addf(&text, "%s%s/%u", ip4.addr[0] ? " and " : "", ip6.addr, ip6.prefix);
	buf_adds(&text, ", now and with every start of this machine");
	s = head_add(out, HEAD_STEP_ADDRESS, PLAN_WRITES, id, buf_steal(&text));
	str_list_add(&s->words, interface);
	if (ip4.addr[0])
		str_list_addf(&s->words, "%s/%u", ip4.addr, ip4.prefix);
	if (ip6.addr[0])
		str_list_addf(&s->words, "%s/%u", ip6.addr, ip6.prefix);
	if (choose_way(f, s, interface, &ip4, &ip6, err) < 0)
		return -1;
	/* Nothing to write and nothing to give: below a root that is not this machine's. */
	if (!f->running && !s->n_writes)
		head_drop_last(out);
	return 0;
}
