/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/expect.h"

#include "base/mem.h"

size_t expect_ports(const struct machine *m, struct naming_port out[EXPECT_PORTS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_nics && n < EXPECT_PORTS_MAX; i++) {
		const struct nic_port *p = &m->nics[i].heard;

		if (p->chassis)
			out[n++] = (struct naming_port){ p->system ? p->system : p->chassis, p->port, p->description };
	}
	return n;
}

static bool has_mac(const struct node *n, const struct machine *m)
{
	if (str_list_has(&n->macs, m->mac))
		return true;
	for (size_t i = 0; i < m->n_nics; i++)
		if (m->nics[i].mac && str_list_has(&n->macs, m->nics[i].mac))
			return true;
	return false;
}

static bool is_at(const struct node *n, const struct naming_port *ports, size_t n_ports)
{
	for (size_t i = 0; n->switch_name && i < n_ports; i++)
		if (naming_is_port(&ports[i], n->switch_name, n->switch_port))
			return true;
	return false;
}

/* Why the machine looks like this node; NULL: it does not. */
static const char *likeness(const struct node *n, const struct machine *m, const struct naming_port *ports, size_t n_ports)
{
	if (has_mac(n, m))
		return "MAC address";
	if (n->macs.len)
		return NULL;
	if (n->serial && str_eq(n->serial, m->serial))
		return "serial number";
	return is_at(n, ports, n_ports) ? "switch port" : NULL;
}

/* What else is said of the node must hold too; a switch that was not heard yet is no contradiction. */
static int check_rest(const struct node *n, const struct machine *m, const struct naming_port *ports, size_t n_ports,
		      struct err *err)
{
	if (n->serial && !str_eq(n->serial, m->serial)) {
		err_set(err, ERR_REFUSED, "%s must have the serial number %s, this machine has %s", n->name, n->serial,
			m->serial ? m->serial : "none");
		return err_hint(err, "if it is the right one: orthrus node set %s --serial %s", n->name,
				m->serial ? m->serial : "''");
	}
	if (!n->macs.len && n->switch_name && n_ports && !is_at(n, ports, n_ports)) {
		err_set(err, ERR_REFUSED, "%s is expected at port %s of %s, this machine is at port %s of %s", n->name,
			n->switch_port, n->switch_name, ports[0].port, ports[0].system);
		return err_hint(err, "look at the cable, or: orthrus node set %s --switch %s --port %s", n->name, ports[0].system,
				ports[0].port);
	}
	return 0;
}

int expect_match(const struct roster *r, const struct machine *m, const struct node **node, struct err *err)
{
	struct naming_port ports[EXPECT_PORTS_MAX];
	size_t n_ports = expect_ports(m, ports);
	const struct node *found = NULL;
	const char *found_by = NULL;

	for (size_t i = 0; i < r->len; i++) {
		const char *by = likeness(&r->nodes[i], m, ports, n_ports);

		if (!by)
			continue;
		if (found) {
			err_set(err, ERR_CONFLICT, "its %s is %s's, its %s is %s's", found_by, found->name, by, r->nodes[i].name);
			return err_hint(err, "`orthrus node show` says what is known of each; set right what is wrong");
		}
		found = &r->nodes[i];
		found_by = by;
	}
	if (!found)
		return 0;
	*node = found;
	return check_rest(found, m, ports, n_ports, err) < 0 ? -1 : 1;
}

void expect_take(struct node *n, const struct machine *m)
{
	if (!n->macs.len)
		str_list_add(&n->macs, m->mac);
}
