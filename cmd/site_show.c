/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/site_show.h"

#include "base/mem.h"
#include "cmd/cmd.h"
#include "site/site.h"

static void show_json(const struct site *site, const char *kind)
{
	autoclean(buf_free) struct buf text = { 0 }, out = { 0 };
	struct json_out w;

	site_print(site, &text);
	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	json_put_str(&w, "source", kind);
	json_put_raw(&w, "site", buf_str(&text));
	json_end_obj(&w);
	cmd_print(buf_str(&out));
}

static void show_networks(const struct site *site)
{
	static const char *const roles[] = {
		[SITE_PROVISION] = "provision",
		[SITE_COMPUTE] = "compute",
		[SITE_BMC] = "bmc",
		[SITE_OUTSIDE] = "outside",
	};
	autoclean(cmd_table_free) struct cmd_table t;
	char addr[NET6_LEN];

	cmd_table_init(&t, (const char *const[]){ "NETWORK", "ROLE", "IPV4", "GATEWAY", "IPV6", NULL });
	for (size_t i = 0; i < site->n_networks; i++) {
		const struct site_network *n = &site->networks[i];

		cmd_table_add(&t, n->name);
		cmd_table_add(&t, roles[n->role]);
		net4_print(&n->net4, addr);
		cmd_table_add(&t, n->has4 ? addr : NULL);
		addr4_print(n->gateway4, addr);
		cmd_table_add(&t, n->gateway4 ? addr : NULL);
		net6_print(&n->net6, addr);
		cmd_table_add(&t, n->has6 ? addr : NULL);
	}
	cmd_table_print(&t);
}

static void add_owner(struct cmd_table *t, const char *name, const char *what, const char *network, uint32_t addr4,
		      const struct addr6 *addr6)
{
	char addr[ADDR6_LEN];

	cmd_table_add(t, name);
	cmd_table_add(t, what);
	cmd_table_add(t, network);
	addr4_print(addr4, addr);
	cmd_table_add(t, addr4 ? addr : NULL);
	if (addr6)
		addr6_print(addr6, addr);
	cmd_table_add(t, addr6 ? addr : NULL);
}

static void show_addresses(const struct site *site)
{
	autoclean(cmd_table_free) struct cmd_table t;

	cmd_table_init(&t, (const char *const[]){ "NAME", "WHAT", "NETWORK", "IPV4", "IPV6", NULL });
	for (size_t i = 0; i < site->n_heads; i++) {
		const struct site_head *h = &site->heads[i];
		autofree char *what = str_format("head, on %s", h->interface);

		add_owner(&t, h->name, what, h->network, h->addr4, h->has6 ? &h->addr6 : NULL);
	}
	for (size_t i = 0; i < site->n_vips; i++) {
		const struct site_vip *v = &site->vips[i];

		add_owner(&t, v->name, "service address", v->network, v->addr4, v->has6 ? &v->addr6 : NULL);
	}
	cmd_table_print(&t);
}

static void show_groups(const struct site *site)
{
	autoclean(cmd_table_free) struct cmd_table t;

	cmd_table_init(&t, (const char *const[]){ "GROUP", "EXTENDS", "IMAGE", "SUITE", "LAYOUT", NULL });
	for (size_t i = 0; i < site->n_groups; i++) {
		const struct site_group *g = &site->groups[i];
		const struct site_image *m = site_image(site, g->image);

		cmd_table_add(&t, g->name);
		cmd_table_add(&t, g->extends);
		cmd_table_add(&t, g->image);
		cmd_table_add(&t, m ? m->suite : NULL);
		cmd_table_add(&t, g->layout);
	}
	cmd_table_print(&t);
}

static const char *levels_of(const struct layout *l, struct buf *out)
{
	for (size_t i = 0; i < l->n_md; i++)
		buf_addf(out, "%s%s: RAID%u", i ? ", " : "", l->md[i].name, l->md[i].level);
	return l->n_md ? buf_str(out) : "no array";
}

static void show_layouts(const struct site *site)
{
	autoclean(cmd_table_free) struct cmd_table t;

	cmd_table_init(&t, (const char *const[]){ "LAYOUT", "DISKS", "ARRAYS", "BOOTS", NULL });
	for (size_t i = 0; i < site->n_layouts; i++) {
		const struct layout *l = &site->layouts[i];
		autoclean(buf_free) struct buf arrays = { 0 };

		cmd_table_add(&t, l->name);
		cmd_table_addf(&t, "%u, at least %u", l->want, l->min);
		cmd_table_add(&t, levels_of(l, &arrays));
		cmd_table_add(&t, l->bios && l->uefi ? "BIOS and UEFI" : l->bios ? "BIOS" : "UEFI");
	}
	cmd_table_print(&t);
}

static char *casts_of(const struct site_cast *c)
{
	char group4[ADDR4_LEN], group6[ADDR6_LEN];
	autofree char *rate =
		c->rate_mbit ? str_format(", at most %llu Mbit/s", (unsigned long long)c->rate_mbit) : mem_strdup("");

	addr4_print(c->group4, group4);
	addr6_print(&c->group6, group6);
	return c->on ? str_format("by multicast from %s and %s on, UDP port %llu%s; %s querier", group4, group6,
				  (unsigned long long)c->port, rate, c->querier ? "the head may be the" : "the head is no")
		     : mem_strdup("over TLS, one by one");
}

void site_show(const struct cmd *c, const struct site *site, const char *source, const char *kind)
{
	autofree char *top = NULL;
	autofree char *casts = casts_of(&site->cast);

	if (c->json) {
		show_json(site, kind);
		return;
	}
	cmd_say(c, "From: %s", source);
	top = str_format("Cluster %s, domain %s, time zone %s\nNodes are known by: %s. Unknown machines: %s. API port %llu.\n"
			 "Images come %s.\n\n",
			 site->cluster, site->domain, site->timezone, site->trust_mac ? "their MAC address" : "approval",
			 site->discover ? "are discovered" : "boot their disk", (unsigned long long)site->api_port, casts);
	cmd_print(top);
	show_networks(site);
	cmd_print("\n");
	show_addresses(site);
	if (site->n_groups) {
		cmd_print("\n");
		show_groups(site);
	}
	if (site->n_layouts) {
		cmd_print("\n");
		show_layouts(site);
	}
}
