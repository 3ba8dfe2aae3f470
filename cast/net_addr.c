/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/net.h: addresses, and which interface is towards one. */
#include "base/mem.h"
#include "cast/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

static const struct sockaddr_in *v4(const struct sockaddr_storage *a)
{
	return (const struct sockaddr_in *)a;
}

static const struct sockaddr_in6 *v6(const struct sockaddr_storage *a)
{
	return (const struct sockaddr_in6 *)a;
}

void net_print(const struct sockaddr_storage *a, char out[NET_TEXT])
{
	char host[INET6_ADDRSTRLEN] = "", zone[IF_NAMESIZE + 1] = "";

	if (a->ss_family == AF_INET) {
		inet_ntop(AF_INET, &v4(a)->sin_addr, host, sizeof(host));
		snprintf(out, NET_TEXT, "%s:%u", host, net_port(a));
	} else if (a->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &v6(a)->sin6_addr, host, sizeof(host));
		if (v6(a)->sin6_scope_id) {
			zone[0] = '%';
			if (!if_indextoname(v6(a)->sin6_scope_id, zone + 1))
				snprintf(zone + 1, IF_NAMESIZE, "%u", v6(a)->sin6_scope_id);
		}
		snprintf(out, NET_TEXT, "[%s%s]:%u", host, zone, net_port(a));
	} else {
		snprintf(out, NET_TEXT, "no address");
	}
}

socklen_t net_len(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

uint16_t net_port(const struct sockaddr_storage *a)
{
	return ntohs(a->ss_family == AF_INET ? v4(a)->sin_port : v6(a)->sin6_port);
}

void net_port_set(struct sockaddr_storage *a, uint16_t port)
{
	if (a->ss_family == AF_INET)
		((struct sockaddr_in *)a)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)a)->sin6_port = htons(port);
}

bool net_multicast(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET ? IN_MULTICAST(ntohl(v4(a)->sin_addr.s_addr))
				       : a->ss_family == AF_INET6 && IN6_IS_ADDR_MULTICAST(&v6(a)->sin6_addr);
}

static bool same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	uint32_t za, zb;

	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return v4(a)->sin_addr.s_addr == v4(b)->sin_addr.s_addr;
	za = v6(a)->sin6_scope_id;
	zb = v6(b)->sin6_scope_id;
	return IN6_ARE_ADDR_EQUAL(&v6(a)->sin6_addr, &v6(b)->sin6_addr) && (!za || !zb || za == zb);
}

bool net_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	return same_host(a, b) && net_port(a) == net_port(b);
}

int net_broadcast(const struct sockaddr_storage *local, struct sockaddr_storage *out, struct err *err)
{
	struct ifaddrs *all = NULL;
	char text[NET_TEXT];

	memset(out, 0, sizeof(*out));
	if (getifaddrs(&all) < 0)
		return err_errno(err, errno, "the addresses of this host");
	for (const struct ifaddrs *i = all; i && local->ss_family == AF_INET; i = i->ifa_next) {
		const struct sockaddr_in *a = (const struct sockaddr_in *)(const void *)i->ifa_addr,
					 *mask = (const struct sockaddr_in *)(const void *)i->ifa_netmask;
		struct sockaddr_in *to = (struct sockaddr_in *)out;

		if (!a || a->sin_family != AF_INET || !mask || !(i->ifa_flags & IFF_BROADCAST) ||
		    a->sin_addr.s_addr != v4(local)->sin_addr.s_addr || ntohl(~mask->sin_addr.s_addr) < 3)
			continue;
		to->sin_family = AF_INET;
		to->sin_addr.s_addr = a->sin_addr.s_addr | ~mask->sin_addr.s_addr;
	}
	freeifaddrs(all);
	if (out->ss_family)
		return 0;
	net_print(local, text);
	return err_set(err, ERR_NOT_FOUND, "no network of this host has a broadcast address for %s", text);
}

unsigned int net_mtu(const char *interface)
{
	autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = { .ifr_mtu = 0 };

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", interface);
	return fd >= 0 && ioctl(fd, SIOCGIFMTU, &req) == 0 && req.ifr_mtu > 0 ? (unsigned int)req.ifr_mtu : 0;
}

int net_interface(const char *name, unsigned int *index, struct err *err)
{
	*index = if_nametoindex(name);
	return *index ? 0 : err_set(err, ERR_NOT_FOUND, "there is no network interface '%s'", name);
}

/* The address that packets to there leave with; nothing is sent. */
static int local_towards(const struct sockaddr_storage *to, struct sockaddr_storage *local, struct err *err)
{
	autoclose int fd = socket(to->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage there = *to;

	if (fd < 0)
		return err_errno(err, errno, "socket");
	if (net_port(&there) == 0)
		net_port_set(&there, 9);
	if (net_connect(fd, &there, err) < 0 || net_bound(fd, local, err) < 0)
		return -1;
	net_port_set(local, 0);
	return 0;
}

int net_towards(const struct sockaddr_storage *to, struct net_way *out, struct err *err)
{
	struct ifaddrs *all = NULL;
	char text[NET_TEXT];

	memset(out, 0, sizeof(*out));
	if (local_towards(to, &out->local, err) < 0)
		return -1;
	if (getifaddrs(&all) < 0)
		return err_errno(err, errno, "the addresses of this host");
	/* By its address and not by the route: the route to an address of this host is over `lo`, where no group is. */
	for (const struct ifaddrs *i = all; i && !out->index; i = i->ifa_next) {
		struct sockaddr_storage a = { 0 };

		if (!i->ifa_addr || i->ifa_addr->sa_family != to->ss_family)
			continue;
		a.ss_family = to->ss_family;
		memcpy(&a, i->ifa_addr, net_len(&a));
		if (!same_host(&a, &out->local))
			continue;
		snprintf(out->name, sizeof(out->name), "%s", i->ifa_name);
		out->index = if_nametoindex(i->ifa_name);
	}
	freeifaddrs(all);
	if (out->index)
		return 0;
	net_print(&out->local, text);
	return err_set(err, ERR_NOT_FOUND, "no network interface has the address %s", text);
}
