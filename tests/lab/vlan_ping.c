/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vlan_ping INTERFACE VLAN OWN-ADDRESS ADDRESS SIZE SECONDS: ARP (RFC 826) and ICMP echo (RFC 792) to a machine on a VLAN (IEEE
 * 802.1Q), as tagged frames on a packet socket: for hosts whose kernel has no VLANs. SIZE is that of the IPv4 packet, which must
 * not be fragmented. Prints the MAC address that answered; exit 0 when a whole answer came, 1 when none did in time. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX 65536
#define TAGGED 18 /* Ethernet header with its tag */
#define ID 0x4f72

struct probe {
	int fd;
	unsigned int vlan;
	uint8_t mac[6], peer[6];
	struct in_addr own, to;
	size_t size;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "vlan_ping: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint16_t sum(const uint8_t *p, size_t len)
{
	uint32_t s = 0;

	for (size_t i = 0; i < len; i++)
		s += (uint32_t)p[i] << (i % 2 ? 0 : 8);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return htons((uint16_t)~s);
}

static void send_frame(const struct probe *p, const uint8_t *to, uint16_t type, const uint8_t *payload, size_t len)
{
	static uint8_t frame[FRAME_MAX];
	const uint16_t head[] = { htons(ETHERTYPE_VLAN), htons((uint16_t)p->vlan), htons(type) };

	memcpy(frame, to, 6);
	memcpy(frame + 6, p->mac, 6);
	memcpy(frame + 12, head, sizeof(head));
	memcpy(frame + TAGGED, payload, len);
	if (send(p->fd, frame, TAGGED + len, 0) < 0)
		die("send");
}

static void ask_arp(const struct probe *p)
{
	static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, head[8] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	uint8_t arp[28] = { 0 };

	memcpy(arp, head, sizeof(head));
	memcpy(arp + 8, p->mac, 6);
	memcpy(arp + 14, &p->own, 4);
	memcpy(arp + 24, &p->to, 4);
	send_frame(p, all, ETHERTYPE_ARP, arp, sizeof(arp));
}

static void ask_echo(const struct probe *p)
{
	static uint8_t packet[FRAME_MAX];
	struct iphdr ip = { .version = 4,
			    .ihl = 5,
			    .tot_len = htons((uint16_t)p->size),
			    .frag_off = htons(IP_DF),
			    .ttl = 64,
			    .protocol = IPPROTO_ICMP,
			    .saddr = p->own.s_addr,
			    .daddr = p->to.s_addr };
	struct icmphdr icmp = { .type = ICMP_ECHO };

	icmp.un.echo.id = htons(ID);
	ip.check = sum((const uint8_t *)&ip, sizeof(ip));
	memset(packet, 0x5a, p->size);
	memcpy(packet, &ip, sizeof(ip));
	memcpy(packet + sizeof(ip), &icmp, sizeof(icmp));
	icmp.checksum = sum(packet + sizeof(ip), p->size - sizeof(ip));
	memcpy(packet + sizeof(ip), &icmp, sizeof(icmp));
	send_frame(p, p->peer, ETHERTYPE_IP, packet, p->size);
}

/* The tag of what is received is beside it: the kernel takes it out of the frame. */
static ssize_t receive(const struct probe *p, uint8_t *frame, unsigned int *vlan)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} control;
	struct iovec io = { .iov_base = frame, .iov_len = FRAME_MAX };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(p->fd, &m, 0);
	struct tpacket_auxdata aux;

	*vlan = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); n >= 0 && c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		if (aux.tp_status & TP_STATUS_VLAN_VALID)
			*vlan = aux.tp_vlan_tci & 0xfff;
	}
	return n;
}

static bool is_arp(struct probe *p, const uint8_t *f, size_t len)
{
	if (len < 42 || f[12] != 8 || f[13] != 6 || f[21] != 2 || memcmp(f + 28, &p->to, 4) != 0)
		return false;
	memcpy(p->peer, f + 22, 6);
	return true;
}

static bool is_echo(const struct probe *p, const uint8_t *f, size_t len)
{
	struct iphdr ip;

	if (len < 14 + p->size || f[12] != 8 || f[13] != 0)
		return false;
	memcpy(&ip, f + 14, sizeof(ip));
	return ip.saddr == p->to.s_addr && ip.protocol == IPPROTO_ICMP && ntohs(ip.tot_len) == p->size && ip.ihl == 5 &&
	       f[34] == ICMP_ECHOREPLY && f[38] == ID >> 8 && f[39] == (ID & 0xff);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Asked anew every half second. */
static bool wait_for(struct probe *p, bool echo, int64_t until)
{
	static uint8_t frame[FRAME_MAX];
	int64_t ask = 0;

	while (now_ms() < until) {
		struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
		unsigned int vlan;
		ssize_t n;

		if (now_ms() >= ask) {
			if (echo)
				ask_echo(p);
			else
				ask_arp(p);
			ask = now_ms() + 500;
		}
		if (poll(&pfd, 1, 100) <= 0)
			continue;
		n = receive(p, frame, &vlan);
		if (n > 0 && vlan == p->vlan && (echo ? is_echo(p, frame, (size_t)n) : is_arp(p, frame, (size_t)n)))
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	struct probe p = { .fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)) };
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct ifreq r = { 0 };
	int one = 1;
	int64_t until;

	if (argc != 7 || strlen(argv[1]) >= IFNAMSIZ || !inet_aton(argv[3], &p.own) || !inet_aton(argv[4], &p.to)) {
		fprintf(stderr, "usage: vlan_ping INTERFACE VLAN OWN-ADDRESS ADDRESS SIZE SECONDS\n");
		return 2;
	}
	p.vlan = (unsigned int)strtoul(argv[2], NULL, 10);
	p.size = strtoul(argv[5], NULL, 10);
	if (p.fd < 0 || p.size < 28 || p.size > 65000)
		die("start");
	memcpy(r.ifr_name, argv[1], strlen(argv[1]));
	if (ioctl(p.fd, SIOCGIFHWADDR, &r) < 0)
		die(argv[1]);
	memcpy(p.mac, r.ifr_hwaddr.sa_data, 6);
	at.sll_ifindex = (int)if_nametoindex(argv[1]);
	if (setsockopt(p.fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) < 0 ||
	    bind(p.fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		die("bind");
	until = now_ms() + (int64_t)strtoul(argv[6], NULL, 10) * 1000;
	if (!wait_for(&p, false, until) || !wait_for(&p, true, until))
		return 1;
	printf("%02x:%02x:%02x:%02x:%02x:%02x\n", p.peer[0], p.peer[1], p.peer[2], p.peer[3], p.peer[4], p.peer[5]);
	return 0;
}
