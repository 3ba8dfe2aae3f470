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

bool netboot_has_pool(const struct site *site)
{
	const struct site_network *net = site_provision(site);

	return site->discover && net->pool4_first && net->pool4_last;
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

static void add_dhcp(const struct netboot_input *in, const struct site_network *net, struct buf *out)
{
	char base[ADDR4_LEN], mask[ADDR4_LEN], first[ADDR4_LEN], last[ADDR4_LEN], head[ADDR4_LEN], gateway[ADDR4_LEN];
	bool pool = netboot_has_pool(in->site);

	addr4_print(net->net4.base, base);
	addr4_print(net4_mask(&net->net4), mask);
	addr4_print(in->head_addr4, head);
	buf_addf(out, "\n# DHCP\ndhcp-range=%s,static,%s," LEASE_FIXED "\n", base, mask);
	if (pool) {
		addr4_print(net->pool4_first, first);
		addr4_print(net->pool4_last, last);
		/* no-ping: the pool is ours alone, and 3 s of listening before each answer would outlast a firmware's patience
		 * when a whole rack of new machines asks at once. */
		buf_addf(out, "dhcp-range=%s,%s,%s," LEASE_POOL "\nno-ping\n", first, last, mask);
	} else {
		/* Nobody but our nodes gets an answer, so a NAK can't reach another server's client. */
		buf_adds(out, "dhcp-ignore=tag:!known\ndhcp-authoritative\n");
	}
	buf_addf(out, "dhcp-hostsfile=%s/" NETBOOT_DHCP_HOSTS "\n", in->run_dir);
	buf_addf(out, "dhcp-leasefile=%s/" NETBOOT_LEASES "\n", in->run_dir);
	/* Firmware, GRUB, imager and installed system each have another client identifier, but one MAC. */
	buf_adds(out, "dhcp-ignore-clid\n");
	/* A machine can't choose its name, nor put one into our DNS. */
	buf_adds(out, "dhcp-ignore-names\n");
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

/* Client architectures of RFC 4578; 9 is what some x64 firmware says although the registry calls it "EBC". */
static void add_boot(const struct netboot_input *in, struct buf *out)
{
	char head[ADDR4_LEN];

	addr4_print(in->head_addr4, head);
	buf_adds(out, "\n# Network boot\n"
		      "dhcp-match=set:bios,option:client-arch,0\n"
		      "dhcp-match=set:uefi64,option:client-arch,7\n"
		      "dhcp-match=set:uefi64,option:client-arch,9\n");
	buf_addf(out, "dhcp-boot=tag:bios," NETBOOT_BIOS_FILE ",,%s\n", head);
	buf_addf(out, "dhcp-boot=tag:uefi64," NETBOOT_UEFI_FILE ",,%s\n", head);
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
	add_boot(in, out);
}

/* All MAC addresses of a node in one line: dnsmasq gives the address to whichever asks, and takes it from another of the same
 * line, whose lease it still is (the firmware tried one port, the cable is in the other now). */
void netboot_dhcp_hosts(const struct netboot_input *in, struct buf *out)
{
	for (size_t i = 0; i < in->n_nodes; i++) {
		const struct netboot_node *n = &in->nodes[i];
		char addr[ADDR4_LEN];

		if (!n->macs->len)
			continue;
		addr4_print(n->addr4, addr);
		for (size_t k = 0; k < n->macs->len; k++)
			buf_addf(out, "%s,", n->macs->items[k]);
		buf_addf(out, "%s,%s," LEASE_FIXED "\n", addr, n->name);
	}
}

static void add_host(const struct site *site, uint32_t addr4, const char *name, struct buf *out)
{
	char addr[ADDR4_LEN];

	addr4_print(addr4, addr);
	buf_addf(out, "%s %s.%s %s\n", addr, name, site->domain, name);
}

void netboot_hosts(const struct netboot_input *in, struct buf *out)
{
	struct err ignored = { 0 }; /* a service address may have a name that is none for DNS: then it has only its number */

	for (size_t i = 0; i < in->site->n_heads; i++)
		add_host(in->site, in->site->heads[i].addr4, in->site->heads[i].name, out);
	for (size_t i = 0; i < in->site->n_vips; i++)
		if (in->site->vips[i].addr4 && str_check_hostname(in->site->vips[i].name, &ignored) == 0)
			add_host(in->site, in->site->vips[i].addr4, in->site->vips[i].name, out);
	for (size_t i = 0; i < in->n_nodes; i++)
		add_host(in->site, in->nodes[i].addr4, in->nodes[i].name, out);
}
