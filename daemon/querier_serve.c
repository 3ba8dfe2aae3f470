/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/querier_serve.h"

#include "base/mem.h"
#include "base/str.h"
#include "daemon/querier_wire.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define TELL_NS (NS_PER_S / 5)
#define PACKET_MAX 2048 /* of a query that anybody sends; a longer one is cut, and wrong then */

/* From the IP header on: IGMP queries, and ICMPv6 after a hop-by-hop header, queries alone where that is a short one; none of a
 * VLAN on top, which is another network. So 5,000 members that answer wake nobody. */
static int only_queries(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 17),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 5),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_IGMP, 0, 13),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x11, 9, 10),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 9),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_HOPOPTS, 0, 7),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 40),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 5),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 41),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 48),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 130, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, PACKET_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { .len = ARRAY_LEN(code), .filter = code };
	int one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0)
		return -1;
	return 0;
}

int querier_socket(unsigned int index, struct err *err)
{
	/* Of no protocol until it is bound: nothing comes in before the filter. */
	autoclose int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)index };

	if (fd < 0 || only_queries(fd) < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return err_errno(err, errno, "listen for multicast queries on interface %u", index);
	return steal_fd(fd);
}

struct serving {
	const struct querier_serve *s;
	struct querier q;
	int64_t looked_ns, told_ns;
	uint8_t told[QUERIER_WIRE];
	bool failed; /* the last query could not be sent */
};

static bool is_link_local(const struct in6_addr *a)
{
	return a->s6_addr[0] == 0xfe && (a->s6_addr[1] & 0xc0) == 0x80;
}

/* Where there is none: NULL. if_indextoname(3) wants a socket of a kind that this process may not make. */
static const char *name_of(const struct ifaddrs *all, unsigned int index)
{
	for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
		struct sockaddr_ll link;

		if (!a->ifa_addr || a->ifa_addr->sa_family != AF_PACKET)
			continue;
		memcpy(&link, a->ifa_addr, sizeof(link));
		if (link.sll_ifindex == (int)index)
			return a->ifa_name;
	}
	return NULL;
}

/* The first of each family: the kernel names an interface's main address before others. IPv6 asks as link-local (RFC 3810, 5). */
static void look_at_addresses(struct serving *v, int64_t now)
{
	struct addr6 own[QUERIER_FAMILIES];
	bool has[QUERIER_FAMILIES] = { false };
	struct ifaddrs *all = NULL;
	const char *name;

	v->looked_ns = now;
	if (getifaddrs(&all) < 0)
		return;
	name = name_of(all, v->s->index);
	for (const struct ifaddrs *a = name ? all : NULL; a; a = a->ifa_next) {
		if (!a->ifa_addr || !str_eq(a->ifa_name, name))
			continue;
		if (a->ifa_addr->sa_family == AF_INET && !has[QUERIER_IPV4]) {
			struct sockaddr_in in;

			memcpy(&in, a->ifa_addr, sizeof(in));
			own[QUERIER_IPV4] = igmp_addr4(ntohl(in.sin_addr.s_addr));
			has[QUERIER_IPV4] = true;
		} else if (a->ifa_addr->sa_family == AF_INET6 && !has[QUERIER_IPV6]) {
			struct sockaddr_in6 in;

			memcpy(&in, a->ifa_addr, sizeof(in));
			memcpy(own[QUERIER_IPV6].bytes, in.sin6_addr.s6_addr, 16);
			has[QUERIER_IPV6] = is_link_local(&in.sin6_addr);
		}
	}
	for (int f = 0; name && f < QUERIER_FAMILIES; f++)
		querier_own(&v->q, (enum querier_family)f, has[f] ? &own[f] : NULL);
	freeifaddrs(all);
}

/* All that came, up to what makes the next query late. */
static int hear(struct serving *v, int64_t now, struct err *err)
{
	uint8_t packet[PACKET_MAX];

	for (int i = 0; i < 64; i++) {
		struct igmp_message m;
		struct err no = { 0 };
		ssize_t n = recv(v->s->packet_fd, packet, sizeof(packet), 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENETDOWN))
			return 0;
		if (n < 0)
			return err_errno(err, errno, "hear multicast queries");
		if (igmp_read(packet, (size_t)n, &m, &no) == 0)
			querier_heard(&v->q, &m, now);
	}
	return 0;
}

static void ask(struct serving *v, enum querier_family family)
{
	static const uint8_t all4[6] = { 0x01, 0x00, 0x5e, 0, 0, 1 }, all6[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	bool v6 = family == QUERIER_IPV6;
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(v6 ? ETH_P_IPV6 : ETH_P_IP),
				  .sll_ifindex = (int)v->s->index,
				  .sll_halen = 6 };
	uint8_t packet[IGMP_PACKET_MAX];
	size_t len = querier_write(&v->q, family, packet);
	bool failed;

	memcpy(to.sll_addr, v6 ? all6 : all4, 6);
	failed = sendto(v->s->packet_fd, packet, len, 0, (struct sockaddr *)&to, sizeof(to)) != (ssize_t)len;
	if (failed && !v->failed)
		log_warn("querier", "a query could not be sent: %s", strerrordesc_np(errno));
	v->failed = failed;
}

/* False: nobody is there any more who wants to know. */
static bool tell(struct serving *v, int64_t now)
{
	uint8_t packet[QUERIER_WIRE];

	querier_wire_write(&v->q, packet);
	if (memcmp(packet, v->told, sizeof(packet)) == 0 || (v->told_ns && now - v->told_ns < TELL_NS))
		return true;
	v->told_ns = now;
	/* One that is not taken now is made good by the next. */
	if (send(v->s->tell_fd, packet, sizeof(packet), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return errno == EAGAIN || errno == EINTR;
	memcpy(v->told, packet, sizeof(packet));
	return true;
}

static int pause_ms(const struct serving *v, int64_t now)
{
	int64_t left = querier_due_ns(&v->q) - now;
	uint8_t packet[QUERIER_WIRE];

	querier_wire_write(&v->q, packet);
	if (memcmp(packet, v->told, sizeof(packet)) != 0 && left > TELL_NS)
		left = TELL_NS;
	if (left <= 0)
		return 0;
	return left > 60 * NS_PER_S ? 60000 : (int)((left + NS_PER_MS - 1) / NS_PER_MS);
}

int querier_serve(const struct querier_serve *s, struct err *err)
{
	struct serving v = { .s = s };

	querier_init(&v.q, &s->opts, s->families, clock_now_ns());
	look_at_addresses(&v, clock_now_ns());
	for (;;) {
		struct pollfd p[] = { { .fd = s->packet_fd, .events = POLLIN }, { .fd = s->tell_fd } };
		int64_t now = clock_now_ns();
		unsigned int send_now;

		if (!tell(&v, now))
			return 0;
		if (poll(p, ARRAY_LEN(p), pause_ms(&v, now)) < 0 && errno != EINTR)
			return err_errno(err, errno, "wait for multicast queries");
		if (p[1].revents & (POLLHUP | POLLERR))
			return 0;
		now = clock_now_ns();
		if (now - v.looked_ns > NS_PER_S)
			look_at_addresses(&v, now);
		if (p[0].revents && hear(&v, now, err) < 0)
			return -1;
		send_now = querier_step(&v.q, now);
		for (int f = 0; f < QUERIER_FAMILIES; f++)
			if (send_now & QUERIER_BIT(f))
				ask(&v, (enum querier_family)f);
	}
}
