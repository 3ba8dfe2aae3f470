/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/net.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define NET_IPV6_MULTICAST_ALL 29 /* linux/in6.h, which can't be included together with netinet/in.h */

int net_open(const struct sockaddr_storage *local, bool shared, int *out, struct err *err)
{
	autoclose int fd = socket(local->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char text[NET_TEXT];
	const int one = 1;

	net_print(local, text);
	if (fd < 0)
		return err_errno(err, errno, "a socket for %s", text);
	if (local->ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
		return err_errno(err, errno, "a socket for %s: IPV6_V6ONLY", text);
	if (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return err_errno(err, errno, "a socket for %s: SO_REUSEADDR", text);
	if (bind(fd, (const struct sockaddr *)local, net_len(local)) < 0) {
		const bool taken = errno == EADDRINUSE;

		(void)err_errno(err, errno, "bind to %s", text);
		err->kind = taken ? ERR_EXISTS : err->kind;
		return -1;
	}
	*out = steal_fd(fd);
	return 0;
}

int net_bound(int fd, struct sockaddr_storage *out, struct err *err)
{
	socklen_t len = sizeof(*out);

	memset(out, 0, sizeof(*out));
	return getsockname(fd, (struct sockaddr *)out, &len) < 0 ? err_errno(err, errno, "getsockname") : 0;
}

int net_connect(int fd, const struct sockaddr_storage *to, struct err *err)
{
	char text[NET_TEXT];

	if (connect(fd, (const struct sockaddr *)to, net_len(to)) == 0)
		return 0;
	net_print(to, text);
	return err_errno(err, errno, "the way to %s", text);
}

static size_t buffer(int fd, int force, int plain, size_t want)
{
	const int bytes = (int)(want < INT32_MAX / 2 ? want : INT32_MAX / 2);
	socklen_t len = sizeof(int);
	int got = 0;

	/* The limits of the system bind only those without CAP_NET_ADMIN. */
	if (setsockopt(fd, SOL_SOCKET, force, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof(bytes));
	if (getsockopt(fd, SOL_SOCKET, plain, &got, &len) < 0 || got < 0)
		return 0;
	return (size_t)got / 2; /* socket(7): twice what was asked for, for the kernel's own use */
}

size_t net_receive_buffer(int fd, size_t want_bytes)
{
	return buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, want_bytes);
}

size_t net_send_buffer(int fd, size_t want_bytes)
{
	return buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, want_bytes);
}

void net_may_broadcast(int fd)
{
	const int on = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
}

void net_whole(int fd, sa_family_t family)
{
	const int four = IP_PMTUDISC_PROBE, six = IPV6_PMTUDISC_PROBE;

	if (family == AF_INET)
		(void)setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &four, sizeof(four));
	else
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &six, sizeof(six));
}

uint32_t net_dropped(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);

	return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0 ? 0 : info[SK_MEMINFO_DROPS];
}

static void only_joined(int fd, sa_family_t family)
{
	const int off = 0;

	/* A socket hears, else, what any other of this host joined. Old kernels don't know this for IPv6. */
	if (family == AF_INET)
		(void)setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof(off));
	else
		(void)setsockopt(fd, IPPROTO_IPV6, NET_IPV6_MULTICAST_ALL, &off, sizeof(off));
}

int net_join(int fd, const struct sockaddr_storage *group, const struct sockaddr_storage *source, unsigned int interface,
	     struct err *err)
{
	const int level = group->ss_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	struct group_source_req from = { .gsr_interface = interface };
	struct group_req any = { .gr_interface = interface };
	char text[NET_TEXT];
	int rc;

	only_joined(fd, group->ss_family);
	memcpy(&any.gr_group, group, sizeof(any.gr_group));
	memcpy(&from.gsr_group, group, sizeof(from.gsr_group));
	if (source) {
		memcpy(&from.gsr_source, source, sizeof(from.gsr_source));
		rc = setsockopt(fd, level, MCAST_JOIN_SOURCE_GROUP, &from, sizeof(from));
	} else {
		rc = setsockopt(fd, level, MCAST_JOIN_GROUP, &any, sizeof(any));
	}
	if (rc == 0)
		return 0;
	net_print(group, text);
	return err_errno(err, errno, "join the group %s on interface %u", text, interface);
}

static int by_ipv4(int fd, unsigned int interface, int hops)
{
	const struct ip_mreqn by = { .imr_ifindex = (int)interface };
	const int on = 1;

	return setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof(by)) < 0 ||
			       setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof(hops)) < 0 ||
			       setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &on, sizeof(on)) < 0
		       ? -1
		       : 0;
}

static int by_ipv6(int fd, unsigned int interface, int hops)
{
	const int by = (int)interface, on = 1;

	return setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &by, sizeof(by)) < 0 ||
			       setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)) < 0 ||
			       setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &on, sizeof(on)) < 0
		       ? -1
		       : 0;
}

int net_multicast_by(int fd, sa_family_t family, unsigned int interface, unsigned int hops, struct err *err)
{
	const int n = (int)(hops < 255 ? hops : 255);
	const int rc = family == AF_INET ? by_ipv4(fd, interface, n) : by_ipv6(fd, interface, n);

	return rc < 0 ? err_errno(err, errno, "multicast by interface %u", interface) : 0;
}
