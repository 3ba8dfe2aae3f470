/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/lldp.h"

#include "base/mem.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <string.h>

#define ETHERTYPE_VLAN 0x8100
#define TEXT_MAX 255
#define ID_MAX 255 /* 802.1AB, 8.5.2.3 and 8.5.3.3 */

/* 802.1AB, table 8-1 */
enum tlv {
	TLV_END,
	TLV_CHASSIS,
	TLV_PORT,
	TLV_TTL,
	TLV_PORT_DESCRIPTION,
	TLV_SYSTEM,
	TLV_SYSTEM_DESCRIPTION,
	TLV_MANAGEMENT = 8,
	TLV_ORGANIZATION = 127
};
/* Tables 8-2 and 8-3: what an identifier is made of; all other kinds are texts. */
enum { CHASSIS_MAC = 4, CHASSIS_ADDRESS = 5, PORT_MAC = 3, PORT_ADDRESS = 4 };
/* IANA's address family numbers */
enum { FAMILY_IPV4 = 1, FAMILY_IPV6 = 2, FAMILY_802 = 6 };

struct piece {
	const uint8_t *at;
	size_t len;
};

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

void lldp_free(struct lldp *l)
{
	free(l->chassis);
	free(l->port);
	free(l->port_description);
	free(l->system);
	free(l->system_description);
	free(l->address);
	*l = (struct lldp){ 0 };
}

/* Some switches fill up with NUL bytes or blanks. NULL when nothing is left. What is not printable grows fourfold: then it is
 * cut, for the head refuses what is too long. */
static char *text_of(struct piece p)
{
	char *text;

	while (p.len && (p.at[p.len - 1] == '\0' || p.at[p.len - 1] == ' '))
		p.len--;
	if (!p.len)
		return NULL;
	text = str_printable((const char *)p.at, p.len);
	if (strlen(text) <= TEXT_MAX)
		return text;
	free(text);
	return str_printable((const char *)p.at, p.len < TEXT_MAX / 4 ? p.len : TEXT_MAX / 4);
}

static char *mac_of(struct piece p)
{
	return p.len == 6 ? str_format("%02x:%02x:%02x:%02x:%02x:%02x", p.at[0], p.at[1], p.at[2], p.at[3], p.at[4], p.at[5])
			  : NULL;
}

/* A family number, then the address. NULL: a family that we don't show, or a wrong length. */
static char *address_of(struct piece p)
{
	char text[INET6_ADDRSTRLEN];
	struct piece address = { p.at + 1, p.len - 1 };

	if (p.len < 2)
		return NULL;
	if (p.at[0] == FAMILY_802)
		return mac_of(address);
	if ((p.at[0] != FAMILY_IPV4 || address.len != 4) && (p.at[0] != FAMILY_IPV6 || address.len != 16))
		return NULL;
	return mem_strdup(inet_ntop(p.at[0] == FAMILY_IPV4 ? AF_INET : AF_INET6, address.at, text, sizeof(text)));
}

/* A kind, then the identifier. */
static int take_id(struct piece p, uint8_t mac_kind, uint8_t address_kind, const char *what, char **out, struct err *err)
{
	struct piece id = { p.at + 1, p.len - 1 };

	if (p.len < 2 || id.len > ID_MAX)
		return err_set(err, ERR_DAMAGED, "LLDP: the %s has %zu bytes", what, p.len ? id.len : 0);
	*out = p.at[0] == mac_kind ? mac_of(id) : p.at[0] == address_kind ? address_of(id) : text_of(id);
	if (!*out)
		return err_set(err, ERR_DAMAGED, "LLDP: the %s is not of its kind %u", what, p.at[0]);
	return 0;
}

static int take_text(struct piece p, const char *what, char **out, struct err *err)
{
	if (p.len > ID_MAX)
		return err_set(err, ERR_DAMAGED, "LLDP: the %s has %zu bytes", what, p.len);
	if (*out)
		return err_set(err, ERR_DAMAGED, "LLDP: the %s is given twice", what);
	*out = text_of(p);
	return 0;
}

/* Its length, family and address; the rest (interface, object) is of no use here. There may be several. */
static int take_management(struct piece p, struct lldp *out, struct err *err)
{
	if (p.len < 3 || p.at[0] < 2 || p.at[0] > 32 || p.at[0] > p.len - 1)
		return err_set(err, ERR_DAMAGED, "LLDP: the management address is cut off");
	if (!out->address)
		out->address = address_of((struct piece){ p.at + 1, p.at[0] });
	return 0;
}

static int take_organization(struct piece p, struct lldp *out, struct err *err)
{
	static const uint8_t port_vlan[] = { 0x00, 0x80, 0xc2, 1 };

	if (p.len < 4)
		return err_set(err, ERR_DAMAGED, "LLDP: an organization's entry has %zu bytes", p.len);
	if (memcmp(p.at, port_vlan, sizeof(port_vlan)) != 0)
		return 0;
	if (p.len != 6)
		return err_set(err, ERR_DAMAGED, "LLDP: the port's VLAN has %zu bytes", p.len);
	out->vlan = be16(p.at + 4) & 0xfff;
	return 0;
}

static int take_tlv(unsigned int type, struct piece p, struct lldp *out, struct err *err)
{
	switch (type) {
	case TLV_CHASSIS:
		return take_id(p, CHASSIS_MAC, CHASSIS_ADDRESS, "chassis", &out->chassis, err);
	case TLV_PORT:
		return take_id(p, PORT_MAC, PORT_ADDRESS, "port", &out->port, err);
	case TLV_TTL:
		if (p.len < 2)
			return err_set(err, ERR_DAMAGED, "LLDP: the time to live has %zu bytes", p.len);
		out->ttl_s = be16(p.at);
		return 0;
	case TLV_PORT_DESCRIPTION:
		return take_text(p, "port's description", &out->port_description, err);
	case TLV_SYSTEM:
		return take_text(p, "system's name", &out->system, err);
	case TLV_SYSTEM_DESCRIPTION:
		return take_text(p, "system's description", &out->system_description, err);
	case TLV_MANAGEMENT:
		return take_management(p, out, err);
	case TLV_ORGANIZATION:
		return take_organization(p, out, err);
	default: /* capabilities, and what later editions of the standard add */
		return 0;
	}
}

/* The first three entries are chassis, port and time to live, in this order and once (9.2.7.7.1); the end may be left out. */
static int read_tlvs(const uint8_t *at, size_t len, struct lldp *out, struct err *err)
{
	unsigned int n = 1;

	for (; len; n++) {
		struct piece p = { at + 2, len < 2 ? 0 : be16(at) & 0x1ff };
		unsigned int type = at[0] >> 1;

		if (len < 2 || p.len > len - 2)
			return err_set(err, ERR_DAMAGED, "LLDP: the frame is cut off in entry %u", n);
		if (n <= TLV_TTL ? type != n : type >= TLV_CHASSIS && type <= TLV_TTL)
			return err_set(err, ERR_DAMAGED, "LLDP: entry %u is of type %u", n, type);
		if (type == TLV_END)
			return 0;
		if (take_tlv(type, p, out, err) < 0)
			return -1;
		at += 2 + p.len;
		len -= 2 + p.len;
	}
	return n > TLV_TTL ? 0 : err_set(err, ERR_DAMAGED, "LLDP: the frame ends after %u of its first 3 entries", n - 1);
}

/* The three groups that no bridge of the standard forwards: whoever is heard is at the other end of the cable (table 7-1). */
static int check_header(const uint8_t *frame, size_t len, size_t *header, struct err *err)
{
	static const uint8_t group[] = { 0x01, 0x80, 0xc2, 0x00, 0x00 };

	*header = len >= 18 && be16(frame + 12) == ETHERTYPE_VLAN ? 18 : 14;
	if (len < *header || be16(frame + *header - 2) != LLDP_ETHERTYPE || memcmp(frame, group, sizeof(group)) != 0 ||
	    (frame[5] != 0x0e && frame[5] != 0x03 && frame[5] != 0x00))
		return err_set(err, ERR_INVALID, "this is no LLDP frame");
	return 0;
}

int lldp_read(const uint8_t *frame, size_t len, struct lldp *out, struct err *err)
{
	size_t header;

	*out = (struct lldp){ 0 };
	if (check_header(frame, len, &header, err) < 0)
		return -1;
	if (read_tlvs(frame + header, len - header, out, err) == 0)
		return 0;
	lldp_free(out);
	return -1;
}
