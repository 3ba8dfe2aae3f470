/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dnsmasq's files (dnsmasq(8)). Pure. What changes with a node is kept out of dnsmasq.conf: it is in the two files that SIGHUP
 * reads again, so that adding a node never interrupts the others. */
#include "netboot/netboot.h"
#include "netboot/render.h"

/* Short enough that a replaced machine's old lease is soon gone, long enough that 5,000 nodes ask about 3 times a second. */
#define LEASE_FIXED "1h"
#define LEASE_POOL "10m"
/* dnsmasq's own 50 would make the 51st node of a rack that is switched on at once wait for its firmware's time-out. */
#define TFTP_MAX 600
/* dnsmasq's own 1000 would leave the 1001st node without an address. Who may have one is bounded by the nodes and the pool. */
#define LEASES_MAX 65536

bool netboot_has_pool(const struct site *site)
{
	const struct site_network *net = site_provision(site);

	return site->discover && net->has4 && net->pool4_first && net->pool4_last;
}

static void add_dns(const struct netboot_input *in, const struct site_network *net, struct buf *out)
{
	/* Names come from our files and, if the site names servers, from those: never from the head's own resolv.conf or hosts.
	 */
	buf_adds(out, "\n# DNS\nno-resolv\nno-hosts\ndomain-needed\nbogus-priv\n");
	for (size_t i = 0; i < net->dns.len; i++)
		buf_addf(out, "server=%s\n", net->dns.items[i]);
	buf_addf(out, "domain=%s\nlocal=/%s/\n", in->site->domain, in->site->domain);
	buf_addf(out, "addn-hosts=%s/" NETBOOT_HOSTS "\n", in->run_dir);
}

/* What holds for both families. */
static void add_dhcp(const struct netboot_input *in, const struct site_network *net, struct buf *out)
{
	buf_adds(out, "\n# DHCP\n");
	/* Nobody but our nodes gets an answer, so a NAK can't reach another server's client. A node with an IPv4 address is to
	 * DHCPv6 one that is known on another network. */
	if (!in->site->discover)
		buf_addf(out, "dhcp-ignore=tag:!known%s\ndhcp-authoritative\n",
			 net->has4 && net->has6 ? ",tag:!known-othernet" : "");
	buf_addf(out, "dhcp-hostsfile=%s/" NETBOOT_DHCP_HOSTS "\n", in->run_dir);
	buf_addf(out, "dhcp-leasefile=%s/" NETBOOT_LEASES "\ndhcp-lease-max=%d\n", in->run_dir, LEASES_MAX);
	/* A machine can't choose its name, nor put one into our DNS. */
	buf_adds(out, "dhcp-ignore-names\n");
}

static void add_dhcp4(const struct netboot_input *in, const struct site_network *net, struct buf *out)
{
	char base[ADDR4_LEN], mask[ADDR4_LEN], first[ADDR4_LEN], last[ADDR4_LEN], head[ADDR4_LEN], gateway[ADDR4_LEN];

	addr4_print(net->net4.base, base);
	addr4_print(net4_mask(&net->net4), mask);
	addr4_print(in->head_addr4, head);
	buf_addf(out, "dhcp-range=%s,static,%s," LEASE_FIXED "\n", base, mask);
	if (netboot_has_pool(in->site)) {
		addr4_print(net->pool4_first, first);
		addr4_print(net->pool4_last, last);
		/* no-ping: the pool is ours alone, and 3 s of listening before each answer would outlast a firmware's patience
		 * when a whole rack of new machines asks at once. */
		buf_addf(out, "dhcp-range=%s,%s,%s," LEASE_POOL "\nno-ping\n", first, last, mask);
	}
	/* Firmware, GRUB, imager and installed system each have another client identifier, but one MAC. */
	buf_adds(out, "dhcp-ignore-clid\n");
	if (net->gateway4) {
		addr4_print(net->gateway4, gateway);
		buf_addf(out, "dhcp-option=option:router,%s\n", gateway);
	} else {
		buf_adds(out, "dhcp-option=option:router\n"); /* empty: else dnsmasq names the head as router */
	}
	buf_addf(out, "dhcp-option=option:dns-server,%s\n", head);
	if (net->mtu)
		buf_addf(out, "dhcp-option=option:mtu,%u\n", net->mtu);
}

/* Does one of the site's heads have the gateway's address? */
static bool heads_route6(const struct site *site, const struct site_network *net)
{
	for (size_t i = 0; net->has_gateway6 && i < site->n_heads; i++)
		if (site->heads[i].has6 && addr6_same(&site->heads[i].addr6, &net->gateway6))
			return true;
	for (size_t i = 0; net->has_gateway6 && i < site->n_vips; i++)
		if (site->vips[i].has6 && addr6_same(&site->vips[i].addr6, &net->gateway6))
			return true;
	return false;
}

/* Router advertisements say that the prefix is on this link and that addresses come from DHCPv6 (RFC 4861, M and L). Only for
 * unknown machines they also let an address be made without asking (A, RFC 4862): the imager has one so before anybody knows it.
 *
 * Firmware and boot loader have addresses of the pool, not the node's own: a DHCPv6 lease belongs to a DUID and an IAID, of which
 * each stage has others (UEFI's two within one boot), so that with one address by MAC the first of them would keep it from the
 * next. */
static void add_dhcp6(const struct netboot_input *in, const struct site_network *net, struct buf *out)
{
	char first[ADDR6_LEN], last[ADDR6_LEN], head[ADDR6_LEN];

	addr6_print(&net->pool6_first, first);
	addr6_print(&net->pool6_last, last);
	addr6_print(&in->head_addr6, head);
	buf_addf(out, "\n# DHCPv6 and router advertisements\nenable-ra\nra-param=%s,", in->interface);
	if (net->mtu)
		buf_addf(out, "mtu:%u,", net->mtu);
	/* A lifetime of 0: we are no router, but for a site whose heads are. */
	buf_adds(out, heads_route6(in->site, net) ? "60,1800\n" : "60,0\n");
	buf_addf(out, "dhcp-range=%s,%s,%s64," LEASE_POOL "\n", first, last, in->site->discover ? "slaac," : "");
	buf_addf(out, "dhcp-option=option6:dns-server,[%s]\ndhcp-option=option6:domain-search,%s\n", head, in->site->domain);
}

/* Client architectures of RFC 4578 and RFC 5970; 9 is what some x64 firmware says although the registry calls it "EBC". */
static void add_boot4(const struct netboot_input *in, struct buf *out)
{
	char head[ADDR4_LEN];

	addr4_print(in->head_addr4, head);
	buf_adds(out, "dhcp-match=set:bios,option:client-arch,0\n"
		      "dhcp-match=set:uefi64,option:client-arch,7\n"
		      "dhcp-match=set:uefi64,option:client-arch,9\n");
	buf_addf(out, "dhcp-boot=tag:bios," NETBOOT_BIOS_FILE ",,%s\n", head);
	buf_addf(out, "dhcp-boot=tag:uefi64," NETBOOT_UEFI_FILE ",,%s\n", head);
}

/* No BIOS boots over IPv6. */
static void add_boot6(const struct netboot_input *in, struct buf *out)
{
	char head[ADDR6_LEN];

	addr6_print(&in->head_addr6, head);
	buf_adds(out, "dhcp-match=set:uefi64,option6:61,0007\n"
		      "dhcp-match=set:uefi64,option6:61,0009\n");
	buf_addf(out, "dhcp-option=tag:uefi64,option6:bootfile-url,tftp://[%s]/" NETBOOT_UEFI_FILE "\n", head);
}

static void add_tftp(const struct netboot_input *in, struct buf *out)
{
	buf_addf(out, "enable-tftp=%s\ntftp-root=%s\ntftp-max=%d\n", in->interface, in->tftp_root, TFTP_MAX);
}

void netboot_dnsmasq_conf(const struct netboot_input *in, struct buf *out)
{
	const struct site_network *net = site_provision(in->site);

	buf_adds(out, "# Made by orthrusd from site.json: changes made here are lost.\n");
	/* bind-dynamic: listens on the interface alone, and on service addresses as they come and go. */
	buf_addf(out, "interface=%s\nexcept-interface=lo\nbind-dynamic\n", in->interface);
	buf_addf(out, "user=dnsmasq\nkeep-in-foreground\nlog-facility=-\nlog-dhcp\npid-file=%s/" NETBOOT_PID "\n", in->run_dir);
	add_dns(in, net, out);
	add_dhcp(in, net, out);
	if (net->has4)
		add_dhcp4(in, net, out);
	if (net->has6)
		add_dhcp6(in, net, out);
	buf_adds(out, "\n# Network boot\n");
	if (net->has4)
		add_boot4(in, out);
	if (net->has6)
		add_boot6(in, out);
	add_tftp(in, out);
}

/* All MAC addresses of a node in one line: dnsmasq gives the address to whichever asks, and takes it from another of the same
 * line, whose lease it still is (the firmware tried one port, the cable is in the other now).
 * With IPv6 no name: dnsmasq would look it up in NETBOOT_HOSTS and lease the node's own IPv6 address, or give the name to an
 * address of the pool. The name that belongs to an IPv4 address it finds there by itself. */
void netboot_dhcp_hosts(const struct netboot_input *in, struct buf *out)
{
	for (size_t i = 0; i < in->n_nodes; i++) {
		const struct netboot_node *n = &in->nodes[i];
		char addr[ADDR4_LEN] = "";

		if (!n->macs->len)
			continue;
		for (size_t k = 0; k < n->macs->len; k++)
			buf_addf(out, "%s,", n->macs->items[k]);
		if (n->addr4)
			addr4_print(n->addr4, addr);
		if (n->addr4)
			buf_addf(out, "%s%s%s," LEASE_FIXED "\n", addr, n->has6 ? "" : ",", n->has6 ? "" : n->name);
		else
			buf_adds(out, LEASE_POOL "\n");
	}
}

static void add_host(const struct site *site, uint32_t addr4, const struct addr6 *addr6, const char *name, struct buf *out)
{
	char addr[ADDR6_LEN];

	if (addr4) {
		addr4_print(addr4, addr);
		buf_addf(out, "%s %s.%s %s\n", addr, name, site->domain, name);
	}
	if (addr6) {
		addr6_print(addr6, addr);
		buf_addf(out, "%s %s.%s %s\n", addr, name, site->domain, name);
	}
}

void netboot_hosts(const struct netboot_input *in, struct buf *out)
{
	struct err ignored = { 0 }; /* a service address may have a name that is none for DNS: then it has only its number */

	for (size_t i = 0; i < in->site->n_heads; i++) {
		const struct site_head *h = &in->site->heads[i];

		add_host(in->site, h->addr4, h->has6 ? &h->addr6 : NULL, h->name, out);
	}
	for (size_t i = 0; i < in->site->n_vips; i++) {
		const struct site_vip *v = &in->site->vips[i];

		if (str_check_hostname(v->name, &ignored) == 0)
			add_host(in->site, v->addr4, v->has6 ? &v->addr6 : NULL, v->name, out);
	}
	for (size_t i = 0; i < in->n_nodes; i++)
		add_host(in->site, in->nodes[i].addr4, in->nodes[i].has6 ? &in->nodes[i].addr6 : NULL, in->nodes[i].name, out);
}
