/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headinstall/dhcp.h"

#include <string.h>

#define BOOTP_LEN 236 /* before the magic cookie */
#define IP_LEN 20
#define UDP_LEN 8
#define MAGIC "\x63\x82\x53\x63"

enum { OPT_PAD = 0, OPT_TYPE = 53, OPT_SERVER = 54, OPT_WISHES = 55, OPT_END = 255 };

static void add16(struct buf *out, unsigned int v)
{
	buf_addc(out, (char)(v >> 8 & 0xff));
	buf_addc(out, (char)(v & 0xff));
}

static void add32(struct buf *out, uint32_t v)
{
	add16(out, v >> 16);
	add16(out, v & 0xffff);
}

static void add_zeros(struct buf *out, size_t n)
{
	while (n--)
		buf_addc(out, 0);
}

/* RFC 791: the one's complement sum of the header. */
static unsigned int ip_sum(const uint8_t *header)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < IP_LEN; i += 2)
		sum += (uint32_t)header[i] << 8 | header[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

static void add_message(struct buf *out, const uint8_t mac[DHCP_MAC_LEN], uint32_t xid)
{
	buf_add(out, "\1\1\6\0", 4); /* BOOTREQUEST, Ethernet */
	add32(out, xid);
	add16(out, 0);
	add16(out, 0x8000); /* the answer by broadcast: this machine takes no unicast for an address that it has not */
	add_zeros(out, 16); /* ciaddr, yiaddr, siaddr, giaddr */
	buf_add(out, mac, DHCP_MAC_LEN);
	add_zeros(out, 10 + 64 + 128);
	buf_add(out, MAGIC, 4);
	buf_add(out, "\x35\1\1", 3);   /* DHCPDISCOVER */
	buf_add(out, "\x37\2\1\3", 4); /* it would like a mask and a router */
	buf_addc(out, (char)OPT_END);
	add_zeros(out, 300 - BOOTP_LEN - 4 - 8); /* RFC 1542: not below 300 bytes */
}

void dhcp_discover(struct buf *out, const uint8_t mac[DHCP_MAC_LEN], uint32_t xid)
{
	const unsigned int payload = 300;
	size_t ip;
	unsigned int sum;

	buf_add(out, "\xff\xff\xff\xff\xff\xff", 6);
	buf_add(out, mac, DHCP_MAC_LEN);
	add16(out, 0x0800);
	ip = out->len;
	buf_add(out, "\x45\0", 2);
	add16(out, IP_LEN + UDP_LEN + payload);
	add32(out, 0);
	buf_add(out, "\x40\x11\0\0", 4);
	add32(out, 0);
	add32(out, 0xffffffff);
	sum = ip_sum((const uint8_t *)out->data + ip);
	out->data[ip + 10] = (char)(sum >> 8);
	out->data[ip + 11] = (char)(sum & 0xff);
	add16(out, 68);
	add16(out, 67);
	add16(out, UDP_LEN + payload);
	add16(out, 0); /* no checksum, which IPv4 allows */
	add_message(out, mac, xid);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* RFC 2132: pairs of code and length. */
static bool read_options(const uint8_t *p, size_t len, uint32_t *server)
{
	bool offer = false;
	size_t at = 0;

	while (at < len && p[at] != OPT_END) {
		size_t n;

		if (p[at] == OPT_PAD) {
			at++;
			continue;
		}
		if (len - at < 2 || (n = p[at + 1]) > len - at - 2)
			return false;
		if (p[at] == OPT_TYPE)
			offer = n == 1 && p[at + 2] == 2;
		if (p[at] == OPT_SERVER && n == 4)
			*server = get32(p + at + 2);
		at += 2 + n;
	}
	return offer;
}

bool dhcp_offer(const uint8_t *packet, size_t len, const uint8_t mac[DHCP_MAC_LEN], uint32_t xid, uint32_t *server)
{
	const uint8_t *udp, *dhcp;
	size_t header;

	if (len < IP_LEN || packet[0] >> 4 != 4)
		return false;
	header = (size_t)(packet[0] & 15) * 4;
	if (header < IP_LEN || len < header + UDP_LEN + BOOTP_LEN + 4 || packet[9] != 17 || ((packet[6] & 0x3f) | packet[7]))
		return false;
	udp = packet + header;
	dhcp = udp + UDP_LEN;
	if (udp[0] != 0 || udp[1] != 67 || udp[2] != 0 || udp[3] != 68 || dhcp[0] != 2 || get32(dhcp + 4) != xid ||
	    memcmp(dhcp + 28, mac, DHCP_MAC_LEN) != 0 || memcmp(dhcp + BOOTP_LEN, MAGIC, 4) != 0)
		return false;
	*server = get32(packet + 12);
	return read_options(dhcp + BOOTP_LEN + 4, len - header - UDP_LEN - BOOTP_LEN - 4, server);
}
