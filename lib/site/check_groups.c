/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "site/problems.h"
#include "site/site.h"

#include <stdlib.h>
#include <string.h>

#define IPMI_USER_MAX 16 /* IPMI 2.0, 22.28 */

static const struct site_group *parent(const struct site *site, const struct site_group *g)
{
	return g->extends ? site_group(site, g->extends) : NULL;
}

/* The ring of `extends` that leads from `g` back to itself, as "a > b > a"; NULL when there is none. `first`: is g its first in
 * the file? */
static char *cycle_from(const struct site *site, const struct site_group *g, bool *first)
{
	autoclean(buf_free) struct buf ring = { 0 };
	const struct site_group *at = g;

	*first = true;
	buf_adds(&ring, g->name);
	for (size_t i = 0; i < site->n_groups; i++) {
		at = parent(site, at);
		if (!at)
			return NULL;
		buf_addf(&ring, " > %s", at->name);
		if (at == g)
			return buf_steal(&ring);
		if (at < g)
			*first = false;
	}
	return NULL;
}

static void check_references(const struct site *site, size_t i, struct problems *p)
{
	const struct site_network *provision = site_provision(site);
	const struct site_group *g = &site->groups[i];

	if (g->image && !p->broken[PART_IMAGES] && !site_image(site, g->image))
		problems_at(p, "groups", i, "image", "there is no image '%s' in images", g->image);
	if (g->layout && !p->broken[PART_LAYOUTS] && !site_layout(site, g->layout))
		problems_at(p, "groups", i, "layout", "there is no layout '%s' in disk_layouts", g->layout);
	if (!g->network || p->broken[PART_NETWORKS])
		return;
	if (!site_network(site, g->network))
		problems_at(p, "groups", i, "network", "there is no network '%s' in networks", g->network);
	else if (provision && !str_eq(g->network, provision->name))
		problems_at(p, "groups", i, "network", "'%s' is not the provision network, '%s', which nodes boot from",
			    g->network, provision->name);
}

static void check_group(const struct site *site, size_t i, struct problems *p)
{
	const struct site_group *g = &site->groups[i];
	autofree char *ring = NULL;
	bool first;

	if (!g->name)
		return;
	if (str_eq(g->name, "all"))
		problems_at(p, "groups", i, "name", "'all' stands for every node; choose another name");
	for (size_t k = 0; k < i; k++)
		if (str_eq(g->name, site->groups[k].name))
			problems_at(p, "groups", i, "name", "'%s' is the name of groups[%zu] already", g->name, k);
	if (g->extends && !p->broken[PART_GROUPS] && !site_group(site, g->extends))
		problems_at(p, "groups", i, "extends", "there is no group '%s' in groups", g->extends);
	ring = cycle_from(site, g, &first);
	if (ring && first)
		problems_at(p, "groups", i, "extends", "'%s' makes a cycle: %s", g->extends, ring);
	check_references(site, i, p);
}

/* Once it has what it inherits. */
static void check_bmc(const struct site *site, size_t i, struct problems *p)
{
	const struct site_group *g = &site->groups[i];

	if (g->bmc_user && strlen(g->bmc_user) > IPMI_USER_MAX && !str_eq(g->bmc_protocol, "redfish"))
		problems_at(p, "groups", i, "bmc.user", "'%s' has %zu characters; IPMI takes %d", g->bmc_user,
			    strlen(g->bmc_user), IPMI_USER_MAX);
}

/* Take what is not set from the nearest ancestor that sets it. */
static void inherit(const struct site *site, struct site_group *g)
{
	const struct site_group *up = parent(site, g);
	bool args = g->has_kernel_args;

	for (size_t i = 0; up && i < site->n_groups; i++, up = parent(site, up)) {
		if (!g->image && up->image)
			g->image = mem_strdup(up->image);
		if (!g->layout && up->layout)
			g->layout = mem_strdup(up->layout);
		if (!g->network && up->network)
			g->network = mem_strdup(up->network);
		if (!g->boot && up->boot)
			g->boot = mem_strdup(up->boot);
		if (!g->bmc_protocol && up->bmc_protocol)
			g->bmc_protocol = mem_strdup(up->bmc_protocol);
		if (!g->bmc_user && up->bmc_user)
			g->bmc_user = mem_strdup(up->bmc_user);
		for (size_t k = 0; !args && up->has_kernel_args && k < up->kernel_args.len; k++)
			str_list_add(&g->kernel_args, up->kernel_args.items[k]);
		args |= up->has_kernel_args;
	}
}

void site_check_groups(struct site *site, struct problems *p)
{
	const struct site_network *provision = site_provision(site);

	for (size_t i = 0; i < site->n_groups; i++)
		check_group(site, i, p);
	site_check_interfaces(site, p);
	/* Only a site without problems is handed out, and only there is the walk up sure to end at a group without a parent. */
	if (p->n)
		return;
	for (size_t i = 0; i < site->n_groups; i++)
		inherit(site, &site->groups[i]);
	for (size_t i = 0; i < site->n_groups; i++)
		check_bmc(site, i, p);
	for (size_t i = 0; i < site->n_groups; i++)
		if (!site->groups[i].network && provision)
			site->groups[i].network = mem_strdup(provision->name);
}
