/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/node_show.h"

#include "base/mem.h"
#include "installer/order_network.h"

/* "52:54:00:77:00:01 (primary)", "enp65s0f*, driver ice" */
static void put_port(const struct order_port *p, struct buf *out)
{
	if (p->mac)
		buf_adds(out, p->mac);
	if (p->name)
		buf_adds(out, p->name);
	if (p->path)
		buf_addf(out, "%sat %s", p->name ? " " : "", p->path);
	if (p->driver)
		buf_addf(out, "%sdriver %s", p->name || p->path ? ", " : "", p->driver);
	if (p->primary)
		buf_adds(out, " (primary)");
}

static void put_device(const struct order_network *n, struct buf *out)
{
	if (n->vlan)
		buf_addf(out, "%s on %s", n->device, n->on);
	if (n->bond_mode)
		buf_addf(out, "%s (%s of ", n->device, n->bond_mode);
	for (size_t i = 0; i < n->n_ports; i++) {
		buf_adds(out, i ? ", " : "");
		put_port(&n->ports[i], out);
	}
	if (n->bond_mode && n->n_ports == 1 && n->ports[0].mac)
		buf_adds(out, " alone: no other port can take over");
	if (n->bond_mode)
		buf_adds(out, ")");
	if (n->mtu)
		buf_addf(out, ", MTU %u", n->mtu);
	for (size_t i = 0; i < n->addresses.len; i++)
		buf_addf(out, ", %s", n->addresses.items[i]);
	if (n->dhcp4 || n->dhcp6)
		buf_addf(out, ", by %s", n->dhcp4 && n->dhcp6 ? "DHCPv4 and DHCPv6" : n->dhcp6 ? "DHCPv6" : "DHCPv4");
	if (n->default_route)
		buf_adds(out, ", default route");
}

int node_show_networks(struct json_obj *o, struct buf *out, struct err *err)
{
	autoclean(order_networks_free) struct order_networks l = { 0 };
	autofree char *text = NULL, *hint = NULL;
	struct json_obj problem;
	int rc = json_obj(o, "networks_problem", JSON_MAY, &problem, err);

	if (rc < 0 || order_networks_read(o, &l, err) < 0)
		return -1;
	for (size_t i = 0; i < l.len; i++) {
		const struct order_network *n = &l.items[i];

		buf_addf(out, "%-12s %-12s ", i ? "" : "networks", n->name ? n->name : "-");
		put_device(n, out);
		buf_addc(out, '\n');
	}
	if (rc == 0)
		return 0;
	if (json_str(&problem, "text", JSON_MUST, &text, err) < 0 || json_str(&problem, "hint", JSON_MAY, &hint, err) < 0)
		return -1;
	buf_addf(out, "%-12s %s\n", "networks", text);
	if (hint && *hint)
		buf_addf(out, "%-12s %s\n", "  next", hint);
	return 0;
}
