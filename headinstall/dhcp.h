/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is there another DHCP server on the wire? A DHCPDISCOVER (RFC 2131) is broadcast on an interface, and who offers is listened
 * for. Nothing is asked for: an offer that nobody takes is withdrawn by its server. */
#ifndef ORTHRUS_HEADINSTALL_DHCP_H
#define ORTHRUS_HEADINSTALL_DHCP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DHCP_MAC_LEN 6

/* The whole frame, from Ethernet on: broadcast, from 0.0.0.0 port 68 to port 67. Pure. */
void dhcp_discover(struct buf *out, const uint8_t mac[DHCP_MAC_LEN], uint32_t xid);
/* An IPv4 packet as it came: is it a DHCPOFFER to this machine and this question? *server is then the server's identifier, else
 * the sender's address, in host order. Any bytes. Pure. */
bool dhcp_offer(const uint8_t *packet, size_t len, const uint8_t mac[DHCP_MAC_LEN], uint32_t xid, uint32_t *server);

struct dhcp_server {
	char *interface;
	uint32_t server;
};
struct dhcp_servers {
	struct dhcp_server *items;
	size_t len, cap;
};
void dhcp_servers_free(struct dhcp_servers *s);
/* On all these interfaces at once, for `wait_ns`. An interface where nothing can be sent is passed over. Answers are read by a
 * thread that can make no system calls but those that it needs (sys/confine.h). */
int dhcp_ask(const struct str_list *interfaces, int64_t wait_ns, struct dhcp_servers *out, struct err *err) WARN_UNUSED;

#endif
