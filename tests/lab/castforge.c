/* SPDX-License-Identifier: GPL-2.0-or-later */
/* castforge INTERFACE SENDER-IPV4 PERCENT: an attacker on the cable of a cast. It hears the cast's packets (docs/cast.md) and for
 * each hundred of them sends PERCENT that are not what they seem, with the address of whoever they seem to be from: replayed,
 * with a bit flipped, cut off, grown, or made up with a good head; DATA, POLL and ROWS to the group and to the sender's port,
 * REPORTs to the sender's. On SIGTERM it says "heard=N forged=N to_group=N to_sender=N" and ends. */
#include <errno.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

#define FRAME_MAX 1514
#define HEADS (sizeof(struct ether_header) + sizeof(struct iphdr) + sizeof(struct udphdr))
#define KEPT 4096 /* packets of before, to be replayed */
#define MAGIC 0xC8
#define HEAD 16
#define REPORT 4

struct frame {
	size_t len;
	uint8_t data[FRAME_MAX];
};
struct forge {
	int fd;
	uint8_t mac[ETH_ALEN], sender_mac[ETH_ALEN];
	in_addr_t sender;
	uint16_t sender_port; /* as it is on the wire; 0: no report heard yet */
	unsigned long percent, heard, forged, to_group, to_sender;
	struct frame *kept;
	uint64_t dice;
};

static volatile sig_atomic_t over; /* set by the handler */

static void on_term(int signal)
{
	(void)signal;
	over = 1;
}

static uint64_t chance(struct forge *f, uint64_t below) /* the same in every run: xorshift */
{
	f->dice ^= f->dice << 13;
	f->dice ^= f->dice >> 7;
	f->dice ^= f->dice << 17;
	return f->dice % below;
}

static uint8_t *payload(struct frame *p)
{
	return p->data + HEADS;
}

static size_t payload_len(const struct frame *p)
{
	return p->len - HEADS;
}

/* Its lengths and sums are right again; UDP may do without a sum. */
static void set_len(struct frame *p, size_t len)
{
	struct iphdr ip;
	struct udphdr udp;
	uint32_t sum = 0;
	uint16_t word;

	p->len = HEADS + len;
	memcpy(&ip, p->data + sizeof(struct ether_header), sizeof(ip));
	memcpy(&udp, p->data + sizeof(struct ether_header) + sizeof(ip), sizeof(udp));
	ip.tot_len = htons((uint16_t)(sizeof(ip) + sizeof(udp) + len));
	ip.check = 0;
	for (size_t i = 0; i < sizeof(ip); i += 2) {
		memcpy(&word, (const uint8_t *)&ip + i, 2);
		sum += word;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	ip.check = (uint16_t) ~(sum + (sum >> 16));
	udp.len = htons((uint16_t)(sizeof(udp) + len));
	udp.check = 0;
	memcpy(p->data + sizeof(struct ether_header), &ip, sizeof(ip));
	memcpy(p->data + sizeof(struct ether_header) + sizeof(ip), &udp, sizeof(udp));
}

static void noise(struct forge *f, uint8_t *to, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)chance(f, 256);
}

/* One of five lies. */
static void change(struct forge *f, struct frame *p)
{
	uint8_t *u = payload(p);
	size_t len = payload_len(p), more;

	switch (chance(f, 6)) {
	case 0: /* replayed, as it is */
		break;
	case 1: /* a bit anywhere but in the magic */
		u[1 + chance(f, len - 1)] ^= (uint8_t)(1U << chance(f, 8));
		break;
	case 2: /* a bit of the head */
		u[1 + chance(f, 23)] ^= (uint8_t)(1U << chance(f, 8));
		break;
	case 3:
		set_len(p, chance(f, len));
		break;
	case 4:
		more = FRAME_MAX - p->len;
		noise(f, u + len, more);
		set_len(p, len + more);
		break;
	default: /* made up: a good head with a counter far ahead, any type that there may be */
		u[1] = (uint8_t)(1 + chance(f, 6));
		noise(f, u + 11, len - 11);
		break;
	}
}

/* What was for the group goes to the sender's port: it has that key too. */
static void to_sender(struct forge *f, struct frame *p)
{
	struct iphdr ip;

	memcpy(p->data, f->sender_mac, ETH_ALEN);
	memcpy(&ip, p->data + sizeof(struct ether_header), sizeof(ip));
	ip.daddr = f->sender;
	ip.saddr ^= htonl(0x2); /* nobody is sent a packet of his own */
	memcpy(p->data + sizeof(struct ether_header), &ip, sizeof(ip));
	memcpy(p->data + sizeof(struct ether_header) + sizeof(ip) + 2, &f->sender_port, 2);
	set_len(p, payload_len(p));
}

static void forge(struct forge *f, const struct frame *heard, bool report)
{
	struct frame p = f->kept[chance(f, KEPT)];

	if (report || p.len == 0 || chance(f, 2))
		p = *heard;
	report = payload(&p)[1] == REPORT;
	if (!report && f->sender_port && chance(f, 4) == 0) {
		to_sender(f, &p);
		report = true;
	}
	memcpy(p.data + ETH_ALEN, f->mac, ETH_ALEN);
	change(f, &p);
	set_len(&p, payload_len(&p));
	if (send(f->fd, p.data, p.len, 0) < 0)
		return;
	f->forged++;
	*(report ? &f->to_sender : &f->to_group) += 1;
}

/* An IPv4 packet of the cast, not cut in pieces, without options. */
static bool of_cast(const struct frame *p)
{
	const uint8_t *ip = p->data + sizeof(struct ether_header);

	return p->len >= HEADS + HEAD + 16 && p->data[12] == 0x08 && p->data[13] == 0x00 && ip[0] == 0x45 &&
	       ip[9] == IPPROTO_UDP && p->data[HEADS] == MAGIC;
}

static void hear(struct forge *f, struct frame *p)
{
	bool report = payload(p)[1] == REPORT;

	if (report && !f->sender_port) {
		memcpy(f->sender_mac, p->data, ETH_ALEN);
		memcpy(&f->sender_port, p->data + sizeof(struct ether_header) + sizeof(struct iphdr) + 2, 2);
	}
	f->kept[f->heard % KEPT] = *p;
	f->heard++;
	/* Reports are few: whenever it is time, the next one is preferred. */
	while (f->forged * 100 < f->heard * f->percent) {
		unsigned long before = f->forged;

		forge(f, p, report);
		if (f->forged == before) /* the cable takes no more now */
			return;
	}
}

static int open_cable(struct forge *f, const char *interface)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
	struct packet_mreq all = { .mr_type = PACKET_MR_PROMISC };
	struct ifreq r = { 0 };
	int room = 32 << 20;

	f->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IP));
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", interface);
	if (f->fd < 0 || ioctl(f->fd, SIOCGIFHWADDR, &r) < 0)
		return -1;
	memcpy(f->mac, r.ifr_hwaddr.sa_data, ETH_ALEN);
	at.sll_ifindex = all.mr_ifindex = (int)if_nametoindex(interface);
	return bind(f->fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
			       setsockopt(f->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) < 0 ||
			       setsockopt(f->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0
		       ? -1
		       : 0;
}

int main(int argc, char **argv)
{
	struct sigaction term = { .sa_handler = on_term };
	struct forge f = { .dice = 88172645463325252ULL };
	struct sockaddr_ll from;
	struct frame p;

	if (argc != 4 || (f.sender = inet_addr(argv[2])) == INADDR_NONE || (f.percent = strtoul(argv[3], NULL, 10)) == 0) {
		fputs("usage: castforge INTERFACE SENDER-IPV4 PERCENT\n", stderr);
		return 2;
	}
	sigaction(SIGTERM, &term, NULL);
	f.kept = calloc(KEPT, sizeof(*f.kept));
	if (!f.kept || open_cable(&f, argv[1]) < 0) {
		fprintf(stderr, "castforge: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (!over) {
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(f.fd, p.data, sizeof(p.data), 0, (struct sockaddr *)&from, &len);

		p.len = n > 0 ? (size_t)n : 0;
		if (n > 0 && from.sll_pkttype != PACKET_OUTGOING && of_cast(&p))
			hear(&f, &p);
	}
	printf("heard=%lu forged=%lu to_group=%lu to_sender=%lu\n", f.heard, f.forged, f.to_group, f.to_sender);
	return 0;
}
