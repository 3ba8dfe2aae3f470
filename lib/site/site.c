/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "site/problems.h"

#include <stdlib.h>

const struct site_group *site_group(const struct site *site, const char *name)
{
	for (size_t i = 0; i < site->n_groups; i++)
		if (name && str_eq(site->groups[i].name, name))
			return &site->groups[i];
	return NULL;
}

const struct site_image *site_image(const struct site *site, const char *name)
{
	for (size_t i = 0; i < site->n_images; i++)
		if (name && str_eq(site->images[i].name, name))
			return &site->images[i];
	return NULL;
}

const struct layout *site_layout(const struct site *site, const char *name)
{
	for (size_t i = 0; i < site->n_layouts; i++)
		if (name && str_eq(site->layouts[i].name, name))
			return &site->layouts[i];
	return NULL;
}

const struct site_network *site_network(const struct site *site, const char *name)
{
	for (size_t i = 0; i < site->n_networks; i++)
		if (name && str_eq(site->networks[i].name, name))
			return &site->networks[i];
	return NULL;
}

const struct site_network *site_provision(const struct site *site)
{
	for (size_t i = 0; i < site->n_networks; i++)
		if (site->networks[i].role == SITE_PROVISION)
			return &site->networks[i];
	return NULL;
}

uint32_t site_service_addr4(const struct site *site)
{
	for (size_t i = 0; i < site->n_vips; i++)
		if (str_eq(site->vips[i].name, "svc"))
			return site->vips[i].addr4;
	return site->n_heads ? site->heads[0].addr4 : 0;
}

bool site_service_addr6(const struct site *site, struct addr6 *out)
{
	for (size_t i = 0; i < site->n_vips; i++)
		if (str_eq(site->vips[i].name, "svc")) {
			*out = site->vips[i].addr6;
			return site->vips[i].has6;
		}
	if (!site->n_heads || !site->heads[0].has6)
		return false;
	*out = site->heads[0].addr6;
	return true;
}

static void free_network(struct site_network *n)
{
	free(n->name);
	free(n->bond_mode);
	str_list_free(&n->bond_ports);
	str_list_free(&n->dns);
}

static void free_image(struct site_image *m)
{
	free(m->name);
	free(m->suite);
	free(m->mirror);
	str_list_free(&m->packages);
}

static void free_group(struct site_group *g)
{
	free(g->name);
	free(g->extends);
	free(g->image);
	free(g->layout);
	free(g->network);
	free(g->boot);
	free(g->bmc_protocol);
	free(g->bmc_user);
	str_list_free(&g->kernel_args);
	site_interfaces_free(&g->interfaces);
}

static void free_lists(struct site *site)
{
	for (size_t i = 0; i < site->n_networks; i++)
		free_network(&site->networks[i]);
	for (size_t i = 0; i < site->n_heads; i++) {
		free(site->heads[i].name);
		free(site->heads[i].interface);
		free(site->heads[i].network);
	}
	for (size_t i = 0; i < site->n_vips; i++) {
		free(site->vips[i].name);
		free(site->vips[i].network);
	}
	for (size_t i = 0; i < site->n_images; i++)
		free_image(&site->images[i]);
	for (size_t i = 0; i < site->n_layouts; i++)
		layout_free(&site->layouts[i]);
	for (size_t i = 0; i < site->n_groups; i++)
		free_group(&site->groups[i]);
	for (size_t i = 0; i < site->n_nodes; i++)
		site_node_free(&site->nodes[i]);
}

void site_free(struct site *site)
{
	free_lists(site);
	site_relays_free(&site->cast);
	site_pair_free(&site->pair);
	free(site->cluster);
	free(site->domain);
	free(site->timezone);
	free(site->serial_console);
	free(site->admin_keys);
	free(site->networks);
	free(site->heads);
	free(site->vips);
	free(site->images);
	free(site->layouts);
	free(site->groups);
	free(site->nodes);
	str_list_free(&site->ntp);
	*site = (struct site){ 0 };
}
