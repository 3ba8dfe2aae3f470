/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/cable.h"

#include "base/mem.h"
#include "base/str.h"
#include "cast/net.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MBIT_MAX 10000000
#define MTU_MAX 1048576

static const char *const duplexes[] = { "unknown", "half", "full", NULL };

/* Drivers say 65535 or 2^32 - 1 for "I don't know". */
static void look_at_link(int fd, struct ifreq *req, struct cable *out)
{
	struct ethtool_cmd cmd = { .cmd = ETHTOOL_GSET };
	uint32_t mbit;

	req->ifr_data = (char *)&cmd;
	if (ioctl(fd, SIOCETHTOOL, req) < 0)
		return;
	mbit = ethtool_cmd_speed(&cmd);
	if (mbit != (uint32_t)SPEED_UNKNOWN && mbit != UINT16_MAX && mbit <= MBIT_MAX)
		out->speed_mbit = mbit;
	if (cmd.duplex == DUPLEX_HALF || cmd.duplex == DUPLEX_FULL)
		out->duplex = cmd.duplex == DUPLEX_HALF ? CABLE_HALF : CABLE_FULL;
}

void cable_look(const char *interface, struct cable *out)
{
	autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = { 0 };

	*out = (struct cable){ 0 };
	if (fd < 0 || strlen(interface) >= sizeof(req.ifr_name))
		return;
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", interface);
	if (ioctl(fd, SIOCGIFMTU, &req) < 0)
		return;
	out->mtu = req.ifr_mtu > 0 && req.ifr_mtu <= MTU_MAX ? (uint32_t)req.ifr_mtu : 0;
	memcpy(out->interface, req.ifr_name, sizeof(out->interface));
	look_at_link(fd, &req, out);
}

void cable_towards(const struct sockaddr_storage *to, struct cable *out)
{
	struct err no_way = { 0 };
	struct net_way way;

	*out = (struct cable){ 0 };
	if (net_towards(to, &way, &no_way) == 0)
		cable_look(way.name, out);
}

void cable_put(const struct cable *c, struct json_out *w)
{
	if (!c->interface[0])
		return;
	json_put_obj(w, "link");
	json_put_str(w, "interface", c->interface);
	json_put_u64(w, "speed_mbit", c->speed_mbit);
	json_put_str(w, "duplex", duplexes[c->duplex]);
	json_put_u64(w, "mtu", c->mtu);
	json_end_obj(w);
}

/* What the kernel takes as a name, and nothing that does something to a terminal. */
static bool is_name(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~' || text[i] == '/')
			return false;
	return len > 0 && len < sizeof(((struct cable *)NULL)->interface);
}

int cable_read(struct json_obj *o, struct cable *out, struct err *err)
{
	autofree char *name = NULL;
	uint64_t mbit = 0, mtu = 0;
	int duplex = 0, found;
	struct json_obj l;

	*out = (struct cable){ 0 };
	found = json_obj(o, "link", JSON_MAY, &l, err);
	if (found <= 0)
		return found;
	if (json_str(&l, "interface", JSON_MUST, &name, err) < 0 ||
	    json_u64(&l, "speed_mbit", JSON_MAY, 0, MBIT_MAX, &mbit, err) < 0 ||
	    json_enum(&l, "duplex", JSON_MAY, duplexes, &duplex, err) < 0 ||
	    json_u64(&l, "mtu", JSON_MAY, 0, MTU_MAX, &mtu, err) < 0)
		return -1;
	if (!is_name(name))
		return json_bad(&l, "interface", err, "is no interface's name");
	snprintf(out->interface, sizeof(out->interface), "%s", name);
	out->speed_mbit = (uint32_t)mbit;
	out->duplex = (enum cable_duplex)duplex;
	out->mtu = (uint32_t)mtu;
	return json_obj_end(&l, err);
}
