/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/node_networks.h"

#include "base/mem.h"
#include "daemon/roster.h"

#include <fnmatch.h>
#include <string.h>

/* One node on the way to its networks. */
struct work {
	const struct site *site;
	const struct node *n;
	const struct machine *machine; /* NULL: its interfaces are not known */
	const struct site_network *default_network;
	bool addresses_only; /* its interfaces are not looked at */
	struct order_networks *out;
};

/* "eth0 (52:54:00:00:00:01, virtio_net), ..."; the caller frees. */
static char *interfaces_of(const struct machine *m)
{
	autoclean(buf_free) struct buf b = { 0 };

	for (size_t i = 0; i < m->n_nics; i++)
		buf_addf(&b, "%s%s (%s, %s)", i ? ", " : "", m->nics[i].name, m->nics[i].mac,
			 m->nics[i].driver ? m->nics[i].driver : "?");
	return buf_steal(&b);
}

static int unknown(const struct work *w, const char *what, const char *value, const struct order_network *net, struct err *err)
{
	autofree char *have = interfaces_of(w->machine);

	err_set(err, ERR_REFUSED, "%s: it has no interface with the %s %s, which site.json wants for %s", w->n->name, what, value,
		net->name ? net->name : net->device);
	return err_hint(err, "it has %s", have);
}

static struct order_port *add_port(struct order_network *net)
{
	net->ports = mem_grow(net->ports, net->n_ports + 1, sizeof(*net->ports));
	net->ports[net->n_ports] = (struct order_port){ 0 };
	return &net->ports[net->n_ports++];
}

/* Once in this network; in another one before it is an error. */
static int add_mac(const struct work *w, struct order_network *net, const char *mac, struct err *err)
{
	for (size_t i = 0; i < w->out->len; i++) {
		const struct order_network *other = &w->out->items[i];

		for (size_t k = 0; k < other->n_ports; k++) {
			if (!str_eq(other->ports[k].mac, mac))
				continue;
			if (other == net)
				return 0;
			err_set(err, ERR_REFUSED, "%s: the interface %s would be used for %s and for %s", w->n->name, mac,
				other->name ? other->name : other->device, net->name ? net->name : net->device);
			return err_hint(err, "say more exactly which is meant in \"interfaces\" of its group in site.json");
		}
	}
	add_port(net)->mac = mem_strdup(mac);
	return 0;
}

static int add_driver(const struct work *w, struct order_network *net, const char *pattern, struct err *err)
{
	bool found = false;

	for (size_t i = 0; i < w->machine->n_nics; i++) {
		const struct nic *nic = &w->machine->nics[i];

		if (!nic->driver || fnmatch(pattern, nic->driver, 0) != 0)
			continue;
		if (add_mac(w, net, nic->mac, err) < 0)
			return -1;
		found = true;
	}
	return found ? 0 : unknown(w, "driver", pattern, net, err);
}

static void set_text(char **field, const char *value)
{
	*field = value ? mem_strdup(value) : NULL;
}

static int add_match(const struct work *w, struct order_network *net, const struct site_match *m, struct err *err)
{
	struct order_port *p;
	bool known = !w->machine;

	for (size_t i = 0; m->boot && i < w->n->macs.len; i++)
		if (add_mac(w, net, w->n->macs.items[i], err) < 0)
			return -1;
	if (m->boot)
		return 0;
	for (size_t i = 0; m->mac && w->machine && i < w->machine->n_nics; i++)
		known = known || str_eq(w->machine->nics[i].mac, m->mac);
	if (m->mac)
		return known ? add_mac(w, net, m->mac, err) : unknown(w, "MAC address", m->mac, net, err);
	if (w->machine && m->driver && !m->name && !m->path)
		return add_driver(w, net, m->driver, err);
	p = add_port(net);
	set_text(&p->name, m->name);
	set_text(&p->path, m->path);
	set_text(&p->driver, m->driver);
	return 0;
}

static bool port_fits(const struct work *w, const struct order_port *p, const struct site_match *m)
{
	if (m->mac)
		return str_eq(p->mac, m->mac);
	if (!p->mac)
		return str_eq(p->name, m->name) && str_eq(p->path, m->path) && str_eq(p->driver, m->driver);
	for (size_t i = 0; w->machine && m->driver && !m->name && !m->path && i < w->machine->n_nics; i++)
		if (str_eq(w->machine->nics[i].mac, p->mac))
			return w->machine->nics[i].driver && fnmatch(m->driver, w->machine->nics[i].driver, 0) == 0;
	return false;
}

/* The bond's primary is one of its ports, or one that the others' pattern includes: that is a port of its own then. */
static int mark_primary(const struct work *w, struct order_network *net, const struct site_bond *bond, struct err *err)
{
	const struct site_match *m = &bond->primary;
	size_t fit = 0, patterns = 0;
	struct order_port *p;

	for (size_t i = 0; i < net->n_ports; i++) {
		bool fits = port_fits(w, &net->ports[i], m);

		net->ports[i].primary = fits && fit++ == 0;
		patterns += !net->ports[i].mac;
	}
	if (fit == 1)
		return 0;
	if (fit > 1 || ((m->mac || m->driver) && w->machine && !patterns)) {
		err_set(err, ERR_REFUSED, "%s: %s of the ports of %s fit its \"primary\"; it is one of them", w->n->name,
			fit ? "several" : "none", net->device);
		return err_hint(err, "name it by its MAC address, or leave \"primary\" out");
	}
	p = add_port(net);
	set_text(&p->mac, m->mac);
	set_text(&p->name, m->name);
	set_text(&p->path, m->path);
	set_text(&p->driver, m->driver);
	p->primary = true;
	return 0;
}

static int add_ports(const struct work *w, struct order_network *net, const struct site_interface *it, struct err *err)
{
	static const struct site_match boot = { .boot = true };
	bool one = it->addresses_given && it->addresses != SITE_DHCP;

	for (size_t i = 0; i < it->n_match; i++)
		if (add_match(w, net, &it->match[i], err) < 0)
			return -1;
	if (!it->n_match && add_match(w, net, &boot, err) < 0)
		return -1;
	if (!net->n_ports) { /* a node that is known by its serial number until it comes */
		err_set(err, ERR_REFUSED, "%s: it has no MAC address yet by which its interface on %s would be known", w->n->name,
			net->name ? net->name : net->device);
		return err_hint(err, "it gets one when its machine enrols, or by `orthrus node set %s --mac`", w->n->name);
	}
	if (it->bond.has_primary && mark_primary(w, net, &it->bond, err) < 0)
		return -1;
	/* Only where it is the one that the head gives to whichever has the cable may an address be meant for several. */
	if ((one || net->role != SITE_PROVISION) && !net->bond_mode && net->n_ports > 1) {
		err_set(err, ERR_REFUSED, "%s: %zu interfaces would have its address on %s", w->n->name, net->n_ports,
			net->name ? net->name : net->device);
		return err_hint(err, "make a bond of them in site.json, or say which one is meant");
	}
	return 0;
}

/* The node's place in the provision network, the same on all others. */
static uint64_t host_number(const struct site_network *provision, const struct node_addrs *a)
{
	uint64_t number = 0;

	if (!a->addr4 || !net4_number(&provision->net4, a->addr4, &number))
		return a->has6 && net6_number(&provision->net6, &a->addr6, &number) ? number : 0;
	return number;
}

static void put_address6(struct order_network *net, const struct site_network *sn, const struct addr6 *a)
{
	char text[ADDR6_LEN];

	addr6_print(a, text);
	str_list_addf(&net->addresses, "%s/%u", text, sn->net6.prefix);
}

static int add_static(const struct work *w, struct order_network *net, const struct site_network *sn, struct err *err)
{
	const struct site_network *provision = site_provision(w->site);
	struct node_addrs own;
	char text[ADDR6_LEN];
	uint64_t host;
	struct addr6 a6;
	uint32_t a4;

	node_addresses(w->site, w->n, &own);
	host = host_number(provision, &own);
	a4 = own.addr4;
	a6 = own.addr6;
	if (sn->has4) {
		if (sn != provision && site_node_addr4(w->site, sn, w->n->name, host, &a4, err) < 0)
			return -1;
		addr4_print(a4, text);
		str_list_addf(&net->addresses, "%s/%u", text, sn->net4.prefix);
	}
	if (sn->has6) {
		if (sn != provision && site_node_addr6(w->site, sn, w->n->name, host, &a6, err) < 0)
			return -1;
		put_address6(net, sn, &a6);
	}
	return 0;
}

/* On the provision network the IPv6 address is the node's own, and static: a DHCPv6 lease of it is the firmware's, which is
 * another client, so that the installed system would get none, or the firmware none at the next boot. */
static void add_provision6(const struct work *w, struct order_network *net, const struct site_network *sn)
{
	struct addr6 server;
	struct node_addrs own;
	char text[ADDR6_LEN];

	node_addresses(w->site, w->n, &own);
	if (own.has6)
		put_address6(net, sn, &own.addr6);
	addr6_print(&sn->gateway6, text);
	if (net->default_route && sn->has_gateway6)
		str_list_add(&net->gateways, text);
	if (sn->has4 || !site_service_addr6(w->site, &server)) /* DHCPv4 names the head */
		return;
	addr6_print(&server, text);
	str_list_add(&net->dns, text);
}

static void add_gateways(struct order_network *net, const struct site_network *sn)
{
	char text[ADDR6_LEN];

	addr4_print(sn->gateway4, text);
	if (sn->gateway4)
		str_list_add(&net->gateways, text);
	addr6_print(&sn->gateway6, text);
	if (sn->has_gateway6)
		str_list_add(&net->gateways, text);
}

static int add_addresses(const struct work *w, struct order_network *net, const struct site_network *sn, enum site_addressing how,
			 struct err *err)
{
	net->default_route = sn == w->default_network;
	net->dhcp4 = how == SITE_DHCP && sn->has4;
	net->dhcp6 = how == SITE_DHCP && sn->has6 && sn->role != SITE_PROVISION;
	if (how == SITE_DHCP && sn->has6 && sn->role == SITE_PROVISION)
		add_provision6(w, net, sn);
	if (how != SITE_STATIC)
		return 0;
	/* The provision network's name servers are whom the head asks; nodes ask the head. */
	for (size_t i = 0; sn->role != SITE_PROVISION && i < sn->dns.len; i++)
		str_list_add(&net->dns, sn->dns.items[i]);
	if (net->default_route)
		add_gateways(net, sn);
	return add_static(w, net, sn, err);
}

/* A device without a network has the largest MTU of those that are on it. */
static unsigned int carried_mtu(const struct work *w, const struct site_interfaces *l, const struct site_interface *it)
{
	unsigned int mtu = 0;

	for (size_t i = 0; i < l->len; i++) {
		const struct site_network *sn = site_network(w->site, l->items[i].network);

		if (sn && str_eq(l->items[i].on, it->name) && sn->mtu > mtu)
			mtu = sn->mtu;
	}
	return mtu;
}

static int add_one(struct work *w, const struct site_interfaces *l, const struct site_interface *it, struct err *err)
{
	const struct site_network *sn = site_network(w->site, it->network);
	enum site_addressing how = it->addresses;
	struct order_network *net = &w->out->items[w->out->len++];

	*net = (struct order_network){ .role = SITE_COMPUTE };
	if (sn && sn->role == SITE_PROVISION && !it->addresses_given)
		how = SITE_DHCP;
	if (sn) {
		net->name = mem_strdup(sn->name);
		net->role = sn->role;
	}
	net->mtu = sn ? sn->mtu : carried_mtu(w, l, it);
	if (it->on) {
		net->vlan = sn->vlan;
		net->device = str_format("vlan%u", sn->vlan);
		net->on = mem_strdup(it->on);
	} else {
		net->device = mem_strdup(it->name ? it->name : sn->name);
	}
	set_text(&net->bond_mode, it->bond.mode);
	set_text(&net->lacp_rate, it->bond.lacp_rate);
	set_text(&net->hash, it->bond.hash);
	if (sn && add_addresses(w, net, sn, how, err) < 0)
		return -1;
	return it->on || w->addresses_only ? 0 : add_ports(w, net, it, err);
}

/* First the provision network, then the other hardware, then what is on these. */
static int add_all(struct work *w, const struct site_interfaces *l, struct err *err)
{
	const struct site_network *provision = site_provision(w->site);
	struct site_interface implied = { .network = provision->name };
	const struct site_interface *own = &implied;

	for (size_t i = 0; i < l->len; i++)
		if (str_eq(l->items[i].network, provision->name))
			own = &l->items[i];
	if (add_one(w, l, own, err) < 0)
		return -1;
	for (size_t vlans = 0; vlans < 2; vlans++)
		for (size_t i = 0; i < l->len; i++)
			if (&l->items[i] != own && !l->items[i].on == !vlans && add_one(w, l, &l->items[i], err) < 0)
				return -1;
	return 0;
}

static int make(const struct site *site, const struct node *n, const struct machine *machine, bool addresses_only,
		struct order_networks *out, struct err *err)
{
	const struct site_interfaces *l = site_interfaces(site, n->group, n->name);
	bool two;
	struct work w = { .site = site,
			  .n = n,
			  .machine = machine && machine->n_nics ? machine : NULL,
			  .default_network = site_default_network(site, l, &two),
			  .addresses_only = addresses_only,
			  .out = out };

	*out = (struct order_networks){ .items = mem_array(l->len + 1, sizeof(*out->items)) };
	if (add_all(&w, l, err) == 0)
		return 0;
	order_networks_free(out);
	return -1;
}

int node_networks(const struct site *site, const struct node *n, const struct machine *machine, struct order_networks *out,
		  struct err *err)
{
	return make(site, n, machine, false, out, err);
}

int node_networks_addresses(const struct site *site, const struct node *n, struct order_networks *out, struct err *err)
{
	return make(site, n, NULL, true, out, err);
}

int node_networks_check(const struct site *site, const struct node *n, struct err *err)
{
	autoclean(order_networks_free) struct order_networks l = { 0 };

	return make(site, n, NULL, true, &l, err);
}
