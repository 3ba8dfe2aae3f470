/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DHCP for many machines on one interface: each sends from its own MAC address on a packet socket, and what it gets is added to
 * the interface, so that it can talk from there. */
#ifndef ORTHRUS_TESTS_FLEET_DHCP_H
#define ORTHRUS_TESTS_FLEET_DHCP_H

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DHCP_TRIES 12
#define DHCP_XID 0x46000000U
enum { DHCP_DISCOVER = 1, DHCP_OFFER = 2, DHCP_REQUEST = 3, DHCP_ACK = 5, DHCP_NAK = 6 };

struct dhcp_packet { /* RFC 2131, section 2 */
	uint8_t op, htype, hlen, hops;
	uint32_t xid;
	uint16_t secs, flags;
	uint32_t ciaddr, yiaddr, siaddr, giaddr;
	uint8_t chaddr[16], sname[64], file[128];
	uint32_t magic;
	uint8_t options[312];
} __attribute__((packed));

struct dhcp_inbox { /* the last answer to a machine */
	int type;
	uint32_t yiaddr, server; /* network order */
	uint8_t prefix;
};
struct fleet_dhcp {
	int fd, index, netlink;
	unsigned int n;
	struct dhcp_inbox *inbox;
	pthread_mutex_t lock;
	pthread_cond_t more;
};

static inline uint32_t fleet_addr_read(const char *text)
{
	struct in_addr a;

	return inet_pton(AF_INET, text, &a) == 1 ? ntohl(a.s_addr) : 0;
}

static inline void fleet_addr_print(uint32_t addr, char out[16])
{
	struct in_addr a = { .s_addr = htonl(addr) };

	inet_ntop(AF_INET, &a, out, 16);
}

static inline const uint8_t *dhcp_option(const struct dhcp_packet *p, size_t len, uint8_t want, uint8_t want_len)
{
	size_t end = len > offsetof(struct dhcp_packet, options) ? len - offsetof(struct dhcp_packet, options) : 0;

	for (size_t i = 0; i + 1 < end && p->options[i] != 255;) {
		size_t n = p->options[i + 1];

		if (p->options[i] == 0) {
			i++;
			continue;
		}
		if (i + 2 + n > end)
			return NULL;
		if (p->options[i] == want && n == want_len)
			return &p->options[i + 2];
		i += 2 + n;
	}
	return NULL;
}

static inline void dhcp_take(struct fleet_dhcp *d, const uint8_t *frame, size_t len)
{
	struct dhcp_packet p = { 0 };
	size_t head = sizeof(struct ether_header) + sizeof(struct iphdr) + sizeof(struct udphdr);
	struct udphdr udp;
	const uint8_t *type, *server, *mask;
	uint32_t number;

	if (len < head + offsetof(struct dhcp_packet, options) || frame[23] != IPPROTO_UDP)
		return;
	memcpy(&udp, frame + sizeof(struct ether_header) + sizeof(struct iphdr), sizeof(udp));
	if (ntohs(udp.uh_dport) != 68)
		return;
	len = len - head < sizeof(p) ? len - head : sizeof(p);
	memcpy(&p, frame + head, len);
	number = ntohl(p.xid) - DHCP_XID;
	type = dhcp_option(&p, len, 53, 1);
	server = dhcp_option(&p, len, 54, 4);
	mask = dhcp_option(&p, len, 1, 4);
	if (number >= d->n || !type)
		return;
	pthread_mutex_lock(&d->lock);
	d->inbox[number] = (struct dhcp_inbox){ .type = type[0], .yiaddr = p.yiaddr };
	if (server)
		memcpy(&d->inbox[number].server, server, 4);
	for (int i = 0; mask && i < 32 && (mask[i / 8] & (0x80 >> (i % 8))); i++)
		d->inbox[number].prefix++;
	pthread_cond_broadcast(&d->more);
	pthread_mutex_unlock(&d->lock);
}

static inline void *dhcp_listen(void *arg)
{
	struct fleet_dhcp *d = arg;
	uint8_t frame[2048];

	for (;;) {
		ssize_t len = recv(d->fd, frame, sizeof(frame), 0);

		if (len > 0)
			dhcp_take(d, frame, (size_t)len);
	}
	return NULL;
}

static inline struct fleet_dhcp *fleet_dhcp_open(const char *interface, unsigned int n)
{
	struct fleet_dhcp *d = calloc(1, sizeof(*d));
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
	int big = 8 << 20;
	pthread_t thread;

	if (!d)
		return NULL;
	d->n = n;
	d->inbox = calloc(n, sizeof(*d->inbox));
	d->index = (int)if_nametoindex(interface);
	d->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IP));
	d->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	at.sll_ifindex = d->index;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->more, NULL);
	if (!d->inbox || !d->index || d->fd < 0 || d->netlink < 0 || bind(d->fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		perror("fleet: packet socket");
		return NULL;
	}
	setsockopt(d->fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
	return pthread_create(&thread, NULL, dhcp_listen, d) == 0 ? d : NULL;
}

static inline uint16_t ip_sum(const void *data, size_t len)
{
	const uint16_t *w = data;
	uint32_t sum = 0;

	for (; len > 1; len -= 2)
		sum += *w++;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static inline void dhcp_send(struct fleet_dhcp *d, unsigned int number, const uint8_t mac[6], int type,
			     const struct dhcp_inbox *offer)
{
	struct {
		struct ether_header eth;
		struct iphdr ip;
		struct udphdr udp;
		struct dhcp_packet dhcp;
	} __attribute__((packed)) f = { 0 };
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = d->index, .sll_halen = 6 };
	uint8_t *o = f.dhcp.options;
	struct iphdr ip = { .ihl = 5, .version = 4, .ttl = 64, .protocol = IPPROTO_UDP, .daddr = INADDR_BROADCAST };

	memset(f.eth.ether_dhost, 0xff, 6);
	memcpy(f.eth.ether_shost, mac, 6);
	f.eth.ether_type = htons(ETHERTYPE_IP);
	ip.tot_len = htons(sizeof(f) - sizeof(f.eth));
	ip.check = ip_sum(&ip, sizeof(ip));
	f.ip = ip;
	f.udp.uh_sport = htons(68);
	f.udp.uh_dport = htons(67);
	f.udp.uh_ulen = htons(sizeof(f.udp) + sizeof(f.dhcp));
	f.dhcp.op = 1;
	f.dhcp.htype = 1;
	f.dhcp.hlen = 6;
	f.dhcp.xid = htonl(DHCP_XID + number);
	f.dhcp.flags = htons(0x8000); /* broadcast the answer */
	memcpy(f.dhcp.chaddr, mac, 6);
	f.dhcp.magic = htonl(0x63825363);
	*o++ = 53;
	*o++ = 1;
	*o++ = (uint8_t)type;
	if (offer) {
		*o++ = 50;
		*o++ = 4;
		memcpy(o, &offer->yiaddr, 4);
		o += 4;
		*o++ = 54;
		*o++ = 4;
		memcpy(o, &offer->server, 4);
		o += 4;
	}
	*o = 255;
	memset(to.sll_addr, 0xff, 6);
	if (sendto(d->fd, &f, sizeof(f), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		perror("fleet: send");
}

/* An answer of this type within two seconds: 0; a refusal or none: -1. */
static inline int dhcp_wait(struct fleet_dhcp *d, unsigned int number, int type, struct dhcp_inbox *out)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 2;
	pthread_mutex_lock(&d->lock);
	while (d->inbox[number].type != type && d->inbox[number].type != DHCP_NAK && rc == 0)
		rc = pthread_cond_timedwait(&d->more, &d->lock, &until);
	*out = d->inbox[number];
	d->inbox[number].type = 0;
	pthread_mutex_unlock(&d->lock);
	return out->type == type ? 0 : -1;
}

static inline int add_address(struct fleet_dhcp *d, uint32_t addr, uint8_t prefix)
{
	struct {
		struct nlmsghdr h;
		struct ifaddrmsg a;
		struct rtattr r;
		uint32_t addr;
	} m = { .h = { .nlmsg_len = sizeof(m), .nlmsg_type = RTM_NEWADDR, .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE },
		.a = { .ifa_family = AF_INET, .ifa_prefixlen = prefix, .ifa_index = (uint32_t)d->index },
		.r = { .rta_len = RTA_LENGTH(4), .rta_type = IFA_LOCAL },
		.addr = addr };

	return send(d->netlink, &m, sizeof(m), 0) == (ssize_t)sizeof(m) ? 0 : -1;
}

/* The whole exchange; *addr in host order. */
static inline int fleet_dhcp_get(struct fleet_dhcp *d, unsigned int number, const uint8_t mac[6], uint32_t *addr)
{
	for (int tries = 0; tries < DHCP_TRIES; tries++) {
		struct dhcp_inbox offer, ack;

		dhcp_send(d, number, mac, DHCP_DISCOVER, NULL);
		if (dhcp_wait(d, number, DHCP_OFFER, &offer) < 0)
			continue;
		dhcp_send(d, number, mac, DHCP_REQUEST, &offer);
		if (dhcp_wait(d, number, DHCP_ACK, &ack) < 0)
			continue;
		*addr = ntohl(ack.yiaddr);
		return add_address(d, ack.yiaddr, ack.prefix ? ack.prefix : 32);
	}
	return -1;
}

#endif
