/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The node's networks as files of systemd-networkd (systemd.network(5), systemd.netdev(5), systemd.link(5)), for the versions 252
 * and 257 of Debian 12 and 13. */
#include "installer/hostfiles.h"

#include "base/buf.h"
#include "base/mem.h"

#include <string.h>

#define DIR "etc/systemd/network/"
#define WRITTEN "# Written by orthrus.\n"

static void text(struct hostfiles *f, const char *path, char *content)
{
	hostfiles_add(f, HOSTFILE_TEXT, path, 0644, content);
}

static void link_to(struct hostfiles *f, const char *path, const char *target)
{
	hostfiles_add(f, HOSTFILE_LINK, path, 0, mem_strdup(target));
}

/* No name of a device has a '+': what belongs to one is set off by that. */
static void device_file(struct hostfiles *f, const char *name, const char *suffix, struct buf *content)
{
	autofree char *path = str_format(DIR "10-orthrus%s%s%s", *name ? "-" : "", name, suffix);

	text(f, path, buf_steal(content));
}

/* "Type=ether" is the hardware alone: a bond and the VLANs on it have the MAC address of one of its ports. */
static void put_match(const struct order_port *p, struct buf *out)
{
	const struct {
		const char *key, *value;
	} patterns[] = { { "Name", p->name }, { "Path", p->path }, { "Driver", p->driver } };

	buf_adds(out, "[Match]\n");
	for (size_t i = 0; i < ARRAY_LEN(patterns); i++)
		if (patterns[i].value)
			buf_addf(out, "%s=%s\n", patterns[i].key, patterns[i].value);
	buf_adds(out, "Type=ether\n");
}

/* A port of a bond takes the bond's address; what it is known by then is the one it was made with. */
static void put_macs(const struct order_network *n, bool primary, struct buf *out)
{
	buf_addf(out, "[Match]\n%s=", n->bond_mode ? "PermanentMACAddress" : "MACAddress");
	for (size_t i = 0, found = 0; i < n->n_ports; i++)
		if (n->ports[i].mac && (!n->bond_mode || n->ports[i].primary == primary))
			buf_addf(out, "%s%s", found++ ? " " : "", n->ports[i].mac);
	buf_adds(out, "\nType=ether\n");
}

/* A system is "online" when it has its address on the provision network; with a bond one of its cables is enough. The others are
 * not waited for: a switch that is down must not hold up a boot. */
static void put_link(const struct order_network *n, struct buf *out)
{
	bool waited = n->name && n->role == SITE_PROVISION;

	buf_adds(out, "\n[Link]\n");
	if (n->mtu)
		buf_addf(out, "MTUBytes=%u\n", n->mtu);
	buf_addf(out, "RequiredForOnline=%s\n", !waited ? "no" : n->bond_mode ? "degraded-carrier" : "routable");
}

/* Is one of them of IPv6? */
static bool any6(const struct str_list *addresses)
{
	for (size_t i = 0; i < addresses->len; i++)
		if (strchr(addresses->items[i], ':'))
			return true;
	return false;
}

/* What a server says beside addresses is taken from the head alone: names, time and routes of others would lead astray. */
static void put_dhcp(const struct order_network *n, bool provision, struct buf *out)
{
	const char *use = provision ? "yes" : "no";

	/* One machine, one lease: the identity is the MAC address, as it was for the firmware and the imager. */
	if (n->dhcp4)
		buf_addf(out, "\n[DHCPv4]\nClientIdentifier=mac\nUseDNS=%s\nUseDomains=%s\nUseNTP=%s\nUseHostname=no\n%s", use,
			 use, use, n->default_route ? "" : "UseGateway=no\n");
	if (n->dhcp6)
		buf_addf(out,
			 "\n[DHCPv6]\nDUIDType=link-layer\nUseDNS=%s\nUseDomains=%s\nUseNTP=%s\nUseHostname=no\n"
			 "\n[IPv6AcceptRA]\nUseDNS=%s\nUseDomains=%s\n%s%s",
			 use, use, use, use, use,
			 /* On the provision network a node has the address that the head knows, and no other beside it. */
			 provision ? "UseAutonomousPrefix=no\n" : "", n->default_route ? "" : "UseGateway=no\n");
}

static void put_network(const struct order *o, const struct order_network *n, struct buf *out)
{
	bool provision = n->name && n->role == SITE_PROVISION;

	put_link(n, out);
	buf_addf(out, "\n[Network]\nDHCP=%s\nIPv6AcceptRA=%s\nIPv6PrivacyExtensions=no\nLinkLocalAddressing=%s\n",
		 n->dhcp4 && n->dhcp6 ? "yes"
		 : n->dhcp4	      ? "ipv4"
		 : n->dhcp6	      ? "ipv6"
				      : "no",
		 n->dhcp6 ? "yes" : "no", provision || n->dhcp6 || any6(&n->addresses) ? "ipv6" : "no");
	if (provision)
		buf_addf(out, "Domains=%s\n", o->domain);
	for (size_t i = 0; i < n->addresses.len; i++)
		buf_addf(out, "Address=%s\n", n->addresses.items[i]);
	for (size_t i = 0; i < n->gateways.len; i++)
		buf_addf(out, "Gateway=%s\n", n->gateways.items[i]);
	for (size_t i = 0; i < n->dns.len; i++)
		buf_addf(out, "DNS=%s\n", n->dns.items[i]);
	for (size_t i = 0; i < o->networks.len; i++)
		if (o->networks.items[i].vlan && str_eq(o->networks.items[i].on, n->device))
			buf_addf(out, "VLAN=%s\n", o->networks.items[i].device);
	put_dhcp(n, provision, out);
}

/* With its ports as they are: one file for those known by MAC address, and one for each pattern. */
static void add_plain(const struct order *o, const struct order_network *n, struct hostfiles *out)
{
	bool macs = false;

	for (size_t i = 0; i < n->n_ports; i++) {
		autoclean(buf_free) struct buf content = { 0 };
		autofree char *name = i ? str_format("%s+%zu", n->device, i + 1) : mem_strdup(n->device);

		if (n->ports[i].mac && macs)
			continue;
		buf_adds(&content, WRITTEN);
		if (n->ports[i].mac)
			put_macs(n, false, &content);
		else
			put_match(&n->ports[i], &content);
		macs = macs || n->ports[i].mac;
		put_network(o, n, &content);
		device_file(out, name, ".network", &content);
	}
}

static void add_ports(const struct order_network *n, struct hostfiles *out)
{
	bool macs[2] = { false, false };

	/* The primary port first: the file that fits first, by its name, is the one that counts. */
	for (size_t i = 0; i < 2 * n->n_ports; i++) {
		const struct order_port *p = &n->ports[i % n->n_ports];
		bool primary = i < n->n_ports;
		autoclean(buf_free) struct buf content = { 0 };
		autofree char *name =
			primary ? str_format("%s+a-primary", n->device) : str_format("%s+port%zu", n->device, i % n->n_ports + 1);

		if (p->primary != primary || (p->mac && macs[primary]))
			continue;
		buf_adds(&content, WRITTEN);
		if (p->mac)
			put_macs(n, primary, &content);
		else
			put_match(p, &content);
		macs[primary] = macs[primary] || p->mac;
		buf_addf(&content, "\n[Link]\nRequiredForOnline=no\n\n[Network]\nBond=%s\n%s", n->device,
			 primary ? "PrimarySlave=yes\n" : "");
		device_file(out, name, ".network", &content);
	}
}

/* The MAC address of the bond, whichever port comes first: that of its primary, else its first. NULL: not known here. */
static const char *bond_mac(const struct order *o, const struct order_network *n)
{
	for (size_t i = 0; i < n->n_ports; i++)
		if (n->ports[i].primary && n->ports[i].mac)
			return n->ports[i].mac;
	for (size_t i = 0; i < n->n_ports; i++)
		if (n->ports[i].mac)
			return n->ports[i].mac;
	return n->name && n->role == SITE_PROVISION ? o->mac : NULL; /* the head must know whom it answers */
}

static void add_bond(const struct order *o, const struct order_network *n, struct hostfiles *out)
{
	autoclean(buf_free) struct buf netdev = { 0 }, network = { 0 }, link = { 0 };
	const char *mac = bond_mac(o, n);

	buf_addf(&netdev, WRITTEN "[NetDev]\nName=%s\nKind=bond\nMACAddress=%s\n", n->device, mac ? mac : "none");
	if (n->mtu)
		buf_addf(&netdev, "MTUBytes=%u\n", n->mtu);
	buf_addf(&netdev, "\n[Bond]\nMode=%s\nMIIMonitorSec=100ms\n", n->bond_mode);
	if (n->lacp_rate)
		buf_addf(&netdev, "LACPTransmitRate=%s\n", n->lacp_rate);
	if (n->hash)
		buf_addf(&netdev, "TransmitHashPolicy=%s\n", n->hash);
	device_file(out, n->device, ".netdev", &netdev);
	if (!mac) {
		/* Then it takes its first port's; udev would make one up. */
		buf_addf(&link, WRITTEN "[Match]\nOriginalName=%s\nType=bond\n\n[Link]\nMACAddressPolicy=none\n", n->device);
		device_file(out, n->device, ".link", &link);
	}
	add_ports(n, out);
	buf_addf(&network, WRITTEN "[Match]\nName=%s\nType=bond\n", n->device);
	put_network(o, n, &network);
	device_file(out, n->device, ".network", &network);
}

static void add_vlan(const struct order *o, const struct order_network *n, struct hostfiles *out)
{
	autoclean(buf_free) struct buf netdev = { 0 }, network = { 0 };

	buf_addf(&netdev, WRITTEN "[NetDev]\nName=%s\nKind=vlan\n", n->device);
	if (n->mtu)
		buf_addf(&netdev, "MTUBytes=%u\n", n->mtu);
	buf_addf(&netdev, "\n[VLAN]\nId=%u\n", n->vlan);
	device_file(out, n->device, ".netdev", &netdev);
	buf_addf(&network, WRITTEN "[Match]\nName=%s\nType=vlan\n", n->device);
	put_network(o, n, &network);
	device_file(out, n->device, ".network", &network);
}

/* An order of before there were networks: DHCPv4 on whichever of its MAC addresses has the cable. */
static void add_only(const struct order *o, struct hostfiles *out)
{
	autofree struct order_port *ports = mem_array(1 + o->more_macs.len, sizeof(*ports));
	autofree char *provision = mem_strdup("provision"), *device = mem_strdup("");
	const struct order_network n = { .name = provision,
					 .role = SITE_PROVISION,
					 .device = device,
					 .ports = ports,
					 .n_ports = 1 + o->more_macs.len,
					 .dhcp4 = true,
					 .default_route = true };

	ports[0].mac = o->mac;
	for (size_t i = 0; i < o->more_macs.len; i++)
		ports[i + 1].mac = o->more_macs.items[i];
	add_plain(o, &n, out);
}

/* The host of "https://HOST:PORT" when it can be a nameserver's address. */
static char *url_address(const char *url)
{
	const char *host = url + strlen("https://");
	size_t len = host[0] == '[' ? strcspn(++host, "]") : strcspn(host, ":");

	return mem_strndup(host, len);
}

static void add_services(struct hostfiles *out)
{
	link_to(out, "etc/systemd/system/multi-user.target.wants/systemd-networkd.service",
		"/lib/systemd/system/systemd-networkd.service");
	link_to(out, "etc/systemd/system/sockets.target.wants/systemd-networkd.socket",
		"/lib/systemd/system/systemd-networkd.socket");
	link_to(out, "etc/systemd/system/network-online.target.wants/systemd-networkd-wait-online.service",
		"/lib/systemd/system/systemd-networkd-wait-online.service");
	/* Several interfaces may be meant for the provision network, and one of them has the cable. */
	text(out, "etc/systemd/system/systemd-networkd-wait-online.service.d/orthrus.conf",
	     mem_strdup(WRITTEN "[Service]\nExecStart=\nExecStart=/lib/systemd/systemd-networkd-wait-online --any\n"));
}

void hostfiles_add_network(const struct hostfiles_input *in, struct hostfiles *out)
{
	const struct order *o = in->order;
	autofree char *server = url_address(o->server_url);

	if (!o->networks.len)
		add_only(o, out);
	for (size_t i = 0; i < o->networks.len; i++) {
		const struct order_network *n = &o->networks.items[i];

		if (n->vlan)
			add_vlan(o, n, out);
		else if (n->bond_mode)
			add_bond(o, n, out);
		else
			add_plain(o, n, out);
	}
	add_services(out);
	if (in->facts.resolved) {
		link_to(out, "etc/systemd/system/multi-user.target.wants/systemd-resolved.service",
			"/lib/systemd/system/systemd-resolved.service");
		link_to(out, "etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf");
		return;
	}
	/* Nobody else would write the servers that DHCP names: the head answers for its domain. */
	if (strspn(server, "0123456789abcdefABCDEF.:") == strlen(server))
		text(out, "etc/resolv.conf", str_format("search %s\nnameserver %s\n", o->domain, server));
}
