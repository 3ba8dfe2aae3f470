/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/site_steps.h"

#include "base/mem.h"

/* Another address of this head is for whoever runs it to configure: without it nobody is answered. */
static void say_head(const struct site_facts *f, struct plan *plan)
{
	const struct site_network *net = site_provision(f->site), *before = site_provision(f->old);
	char addr[ADDR6_LEN];

	addr4_print(f->head->addr4, addr);
	if (net->has4 && (f->head->addr4 != f->was->addr4 || !before->has4 || net->net4.prefix != before->net4.prefix))
		site_step_add(
			plan, SITE_STEP_DANGER, "head:ipv4", NULL,
			"count on the address %s/%u on interface %s of this head: whoever runs it configures it, and until it "
			"is there nodes get no answer",
			addr, net->net4.prefix, f->head->interface);
	addr6_print(&f->head->addr6, addr);
	if (net->has6 && (!f->was->has6 || !addr6_same(&f->head->addr6, &f->was->addr6)))
		site_step_add(
			plan, SITE_STEP_DANGER, "head:ipv6", NULL,
			"count on the address %s/%u on interface %s of this head: whoever runs it configures it, and until it "
			"is there nodes get no answer",
			addr, net->net6.prefix, f->head->interface);
	if (!str_eq(f->was->interface, f->head->interface))
		site_step_add(
			plan, SITE_STEP_DANGER, "head:interface", NULL,
			"DHCP, DNS, TFTP and multicast leave interface %s of this head for %s: machines on %s are answered no "
			"more",
			f->was->interface, f->head->interface, f->was->interface);
}

static void say_subnets(const struct site_facts *f, struct plan *plan)
{
	const struct site_network *net = site_provision(f->site), *before = site_provision(f->old);
	autofree char *from = site_step_network(before), *to = site_step_network(net);
	bool four =
		before->has4 && (!net->has4 || before->net4.base != net->net4.base || before->net4.prefix != net->net4.prefix);
	bool six = before->has6 && (!net->has6 || !addr6_same(&before->net6.base, &net->net6.base));

	if (four || six)
		site_step_add(
			plan, SITE_STEP_DANGER, "danger:subnet", NULL,
			"the provision network changes from %s to %s: what runs there and is not named above (BMCs, switches, "
			"storage) is not told",
			from, to);
}

int site_steps_dangers(const struct site_facts *f, struct plan *plan, struct err *err)
{
	if (!f->old)
		return 0;
	if (f->was)
		say_head(f, plan);
	say_subnets(f, plan);
	if (f->site->trust_mac && !f->old->trust_mac)
		site_step_add(
			plan, SITE_STEP_DANGER, "danger:trust-mac", NULL,
			"from now on whoever shows a node's MAC address on the provision network is taken for that node, and "
			"gets its secrets");
	return site_steps_networks(f, plan, err);
}
