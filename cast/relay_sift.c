/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/relay.h: which packets are passed on, and where to. Pure. */
#include "cast/relay.h"
#include "cast/layout.h"
#include "cast/wire.h"

#include <netinet/in.h>

/* It can't tell a true packet from a forged one without the key; what it can see is looked at. */
static bool is_senders(const uint8_t *packet, size_t len, uint32_t *cast)
{
	struct err ignored;
	struct wire_head h;

	if (len < WIRE_HEAD + WIRE_TAG || len > LAYOUT_SYMBOL_JUMBO + WIRE_DATA_MORE ||
	    wire_head_read(packet, len, &h, &ignored) < 0)
		return false;
	*cast = h.cast;
	return h.from == WIRE_FROM_SENDER && h.type != WIRE_REPORT;
}

void relay_sift(const uint8_t *data, size_t len, size_t each, size_t at, struct relay_run *out)
{
	*out = (struct relay_run){ .at = at };
	while (at < len) {
		const size_t part = len - at < each ? len - at : each;
		uint32_t cast = 0;
		const bool good = is_senders(data + at, part, &cast);

		if (out->len && (!good || cast != out->cast))
			return;
		at += part;
		if (!good) {
			out->refused++;
			out->at = at;
			continue;
		}
		out->cast = cast;
		out->len += part;
	}
}

void relay_group(const struct relay_opts *o, uint32_t cast, struct sockaddr_storage *out)
{
	const uint32_t n = cast % RELAY_GROUPS;

	*out = o->group;
	if (out->ss_family == AF_INET6) {
		struct sockaddr_in6 *a = (struct sockaddr_in6 *)out;

		a->sin6_addr.s6_addr[15] = (uint8_t)(a->sin6_addr.s6_addr[15] + n);
		a->sin6_port = 0;
	} else {
		struct sockaddr_in *a = (struct sockaddr_in *)out;

		a->sin_addr.s_addr = htonl(ntohl(a->sin_addr.s_addr) + n);
		a->sin_port = 0;
	}
}
