/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which switch port is at the other end of a cable: one frame of the Link Layer Discovery Protocol (IEEE 802.1AB-2016) becomes a
 * struct. Pure: the bytes are any neighbour's. */
#ifndef ORTHRUS_IMAGER_LLDP_H
#define ORTHRUS_IMAGER_LLDP_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define LLDP_ETHERTYPE 0x88cc
#define LLDP_FRAME_MAX 9216 /* a jumbo frame; most are below 500 bytes */

/* Texts are printable; NULL: the neighbour does not say. */
struct lldp {
	char *chassis;	/* never NULL; a MAC address as aa:bb:cc:dd:ee:ff, an IP address or what the switch calls itself */
	char *port;	/* never NULL; "Ethernet1/5", "swp5", "5", a MAC address */
	uint16_t ttl_s; /* how long it is true; 0: the neighbour goes away now */
	char *port_description, *system, *system_description;
	char *address; /* where the switch is managed: the first IPv4, IPv6 or MAC address that it gives */
	uint16_t vlan; /* the port's own VLAN (IEEE 802.1Q Annex D.2.1), 0: none, or not said */
};

/* `frame` begins with the Ethernet header, with or without a VLAN tag. ERR_INVALID: no LLDP frame; ERR_DAMAGED: it is one, but
 * not a sound one. `out` is empty after a failure. */
int lldp_read(const uint8_t *frame, size_t len, struct lldp *out, struct err *err) WARN_UNUSED;
void lldp_free(struct lldp *l);

#endif
