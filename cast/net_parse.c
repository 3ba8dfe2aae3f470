/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/net.h. Alone here, since a static program can't use what finds names: orthrus-node has the rest. */
#include "cast/net.h"

#include <netdb.h>
#include <string.h>

int net_parse(const char *host, uint16_t port, struct sockaddr_storage *out, struct err *err)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM };
	struct addrinfo *found = NULL;

	memset(out, 0, sizeof(*out));
	if (getaddrinfo(host, NULL, &hints, &found) != 0 || !found)
		return err_set(err, ERR_INVALID, "'%s' is no address", host);
	memcpy(out, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	net_port_set(out, port);
	return 0;
}
