/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a cast leaves this machine, and to which group. Nothing is guessed: of several networks the administrator names one. */
#include "base/mem.h"
#include "base/str.h"
#include "cast/desk.h"
#include "cast/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* Above what Linux gives out by itself (ip_local_port_range): a receiver has no such port taken by chance. */
#define GROUP_PORT_FIRST 61000u

static bool print_address(const struct sockaddr *a, char out[TOKEN_HOST_MAX])
{
	const void *bytes = a->sa_family == AF_INET ? (const void *)&((const struct sockaddr_in *)(const void *)a)->sin_addr
						    : (const void *)&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;

	return inet_ntop(a->sa_family, bytes, out, TOKEN_HOST_MAX) != NULL;
}

static void take(const struct ifaddrs *i, struct desk_place *out)
{
	*out = (struct desk_place){ 0 };
	snprintf(out->interface, sizeof(out->interface), "%s", i->ifa_name);
	(void)print_address(i->ifa_addr, out->address);
	memcpy(&out->addr, i->ifa_addr,
	       i->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
}

struct wish {
	const char *interface, *address;
	bool six;
};

static bool fits(const struct ifaddrs *i, const struct wish *w)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)i->ifa_addr;
	char text[TOKEN_HOST_MAX];

	if (!i->ifa_addr || !(i->ifa_flags & IFF_UP))
		return false;
	if (i->ifa_addr->sa_family != (w->six ? AF_INET6 : AF_INET))
		return false;
	if (w->six && IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
		return false;
	if (w->interface && !str_eq(i->ifa_name, w->interface))
		return false;
	if (w->address)
		return print_address(i->ifa_addr, text) && str_eq(text, w->address);
	/* The loopback only for who names it. */
	return w->interface || !(i->ifa_flags & IFF_LOOPBACK);
}

static int none_fits(const struct wish *w, struct err *err)
{
	const char *family = w->six ? "IPv6" : "IPv4";

	if (w->interface && if_nametoindex(w->interface) == 0) {
		err_set(err, ERR_USAGE, "there is no interface '%s'", w->interface);
		return err_hint(err, "`ip -br address` lists them");
	}
	if (w->address)
		err_set(err, ERR_USAGE, "%s is no address of %s%s", w->address, w->interface ? "interface " : "this machine",
			w->interface ? w->interface : "");
	else if (w->interface)
		err_set(err, ERR_USAGE, "interface %s is down, or has no %s address that others can reach", w->interface, family);
	else
		err_set(err, ERR_FAILED, "no interface has an %s address that others can reach", family);
	return err_hint(err, "`ip -br address` shows what there is%s", w->six ? "" : "; --ipv6 sends by IPv6");
}

/* Several addresses of one interface are one network most of the time; two interfaces never are. */
static int choose(const struct ifaddrs *list, const struct wish *w, struct desk_place *out, struct err *err)
{
	autoclean(buf_free) struct buf names = { 0 };
	unsigned int n = 0;

	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		if (!fits(i, w) || (n && str_eq(i->ifa_name, out->interface)))
			continue;
		if (!n++)
			take(i, out);
		buf_addf(&names, "%s%s", n > 1 ? ", " : "", i->ifa_name);
	}
	if (!n)
		return none_fits(w, err);
	if (n == 1)
		return 0;
	err_set(err, ERR_USAGE, "this machine has several networks: %s", buf_str(&names));
	return err_hint(err, "say which one with --interface NAME");
}

int desk_place(const char *interface, const char *address, bool ipv6, struct desk_place *out, struct err *err)
{
	struct wish w = { .interface = interface, .six = ipv6 || (address && strchr(address, ':')) };
	char canonical[TOKEN_HOST_MAX];
	struct ifaddrs *list = NULL;
	struct in6_addr raw;
	int rc;

	*out = (struct desk_place){ 0 };
	if (address) {
		/* "::1" has other forms: the kernel's is compared. */
		if (inet_pton(w.six ? AF_INET6 : AF_INET, address, &raw) != 1 ||
		    !inet_ntop(w.six ? AF_INET6 : AF_INET, &raw, canonical, sizeof(canonical)))
			return err_set(err, ERR_USAGE, "'%s' is not an address", address);
		w.address = canonical;
	}
	if (getifaddrs(&list) < 0)
		return err_errno(err, errno, "list the interfaces");
	rc = choose(list, &w, out, err);
	freeifaddrs(list);
	return rc;
}

int desk_place_towards(const char *peer, struct desk_place *out, struct err *err)
{
	struct sockaddr_storage to;
	struct net_way way;

	*out = (struct desk_place){ 0 };
	if (net_parse(peer, 0, &to, err) < 0 || net_towards(&to, &way, err) < 0)
		return -1;
	snprintf(out->interface, sizeof(out->interface), "%s", way.name);
	out->addr = way.local;
	(void)print_address((const struct sockaddr *)(const void *)&way.local, out->address);
	return 0;
}

static void by_chance(bool six, struct sockaddr_storage *out)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	uint8_t r[4];

	random_bytes(r, sizeof(r));
	if (six) {
		/* ff35: of this site, source-specific; from 8000:0 on whoever sends chooses (RFC 4607 section 1). */
		in6->sin6_family = AF_INET6;
		in6->sin6_addr = (struct in6_addr){ .s6_addr = { 0xff, 0x35 } };
		memcpy(in6->sin6_addr.s6_addr + 12, r, 4);
		in6->sin6_addr.s6_addr[12] |= 0x80;
		return;
	}
	/* 232.0.0/24 is not for use. */
	in4->sin_family = AF_INET;
	in4->sin_addr.s_addr = htonl(232u << 24 | (uint32_t)(1 + r[0] % 255) << 16 | (uint32_t)r[1] << 8 | r[2]);
}

static int read_group(const char *text, bool six, struct sockaddr_storage *out, struct err *err)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	bool right;

	if (six) {
		right = inet_pton(AF_INET6, text, &in6->sin6_addr) == 1 && in6->sin6_addr.s6_addr[0] == 0xff &&
			(in6->sin6_addr.s6_addr[1] >> 4 == 3 || in6->sin6_addr.s6_addr[1] == 0x15);
		in6->sin6_family = AF_INET6;
	} else {
		right = inet_pton(AF_INET, text, &in4->sin_addr) == 1 &&
			(ntohl(in4->sin_addr.s_addr) >> 24 == 232 || ntohl(in4->sin_addr.s_addr) >> 24 == 239);
		in4->sin_family = AF_INET;
	}
	if (right)
		return 0;
	err_set(err, ERR_USAGE, "'%s' is no group for a cast by IPv%d", text, six ? 6 : 4);
	return err_hint(err, six ? "it begins with ff3 or is of ff15::/16, like ff35::8000:1"
				 : "it is of 232.0.0.0/8 (heard from this sender only) or 239.0.0.0/8, like 232.1.2.3");
}

int desk_group(const char *text, bool ipv6, struct sockaddr_storage *out, struct err *err)
{
	uint16_t r;

	*out = (struct sockaddr_storage){ 0 };
	if (text && read_group(text, ipv6, out, err) < 0)
		return -1;
	if (!text)
		by_chance(ipv6, out);
	random_bytes(&r, sizeof(r));
	/* The port is at the same place in both families. */
	((struct sockaddr_in *)out)->sin_port = htons((uint16_t)(GROUP_PORT_FIRST + r % (65536 - GROUP_PORT_FIRST)));
	return 0;
}

void desk_ways(const struct desk_place *place, struct session *s)
{
	const bool six = s->sender.ss_family == AF_INET6;
	struct desk_place other;
	struct err none = { 0 };

	if (desk_place(place->interface, NULL, !six, &other, &none) == 0 && desk_group(NULL, !six, &s->group2, &none) == 0) {
		s->sender2 = other.addr;
		net_port_set(&s->group2, net_port(&s->group));
	}
	if (net_broadcast(six ? &s->sender2 : &s->sender, &s->broadcast, &none) == 0)
		net_port_set(&s->broadcast, net_port(&s->group));
}
