/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/hostfiles.h"

#include "base/buf.h"
#include "base/mem.h"

#include <string.h>

static void text(struct hostfiles *f, const char *path, char *content)
{
	hostfiles_add(f, HOSTFILE_TEXT, path, 0644, content);
}

static void link_to(struct hostfiles *f, const char *path, const char *target)
{
	hostfiles_add(f, HOSTFILE_LINK, path, 0, mem_strdup(target));
}

/* The host of "https://HOST:PORT" when it can be a nameserver's address. */
static char *url_address(const char *url)
{
	const char *host = url + strlen("https://");
	size_t len = host[0] == '[' ? strcspn(++host, "]") : strcspn(host, ":");

	return mem_strndup(host, len);
}

void hostfiles_add_network(const struct hostfiles_input *in, struct hostfiles *out)
{
	const struct order *o = in->order;
	autofree char *server = url_address(o->server_url);
	autoclean(buf_free) struct buf macs = { 0 };

	buf_adds(&macs, o->mac);
	for (size_t i = 0; i < o->more_macs.len; i++)
		buf_addf(&macs, " %s", o->more_macs.items[i]);
	/* The client id is the MAC address, as it was for the firmware and the imager: one machine, one lease. */
	text(out, "etc/systemd/network/10-orthrus.network",
	     str_format("# Written by orthrus: addresses come from the head.\n[Match]\nMACAddress=%s\nType=ether\n\n"
			"[Network]\nDHCP=ipv4\nLinkLocalAddressing=ipv6\nDomains=%s\n\n"
			"[DHCPv4]\nClientIdentifier=mac\nUseDomains=yes\nUseHostname=no\n",
			buf_str(&macs), o->domain));
	link_to(out, "etc/systemd/system/multi-user.target.wants/systemd-networkd.service",
		"/lib/systemd/system/systemd-networkd.service");
	link_to(out, "etc/systemd/system/sockets.target.wants/systemd-networkd.socket",
		"/lib/systemd/system/systemd-networkd.socket");
	link_to(out, "etc/systemd/system/network-online.target.wants/systemd-networkd-wait-online.service",
		"/lib/systemd/system/systemd-networkd-wait-online.service");
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
