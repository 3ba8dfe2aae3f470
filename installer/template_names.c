/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "installer/templates.h"

#include <string.h>

#define SAMPLE_DISK_BYTES (UINT64_C(64) << 40)

int order_layout_result(const struct order *order, struct raid_result *out, struct err *err)
{
	struct layout l = order->layout; /* on loan; which disks fit is not asked */
	struct disks disks = { .items = mem_array(l.want ? l.want : 1, sizeof(*disks.items)), .len = l.want ? l.want : 1 };
	autoclean(plan_free) struct plan plan = { 0 };
	uint8_t seed[RAID_SEED_LEN];
	int rc = str_unhex(order->install_id, seed, sizeof(seed), err);

	l.match = NULL;
	l.n_match = 0;
	for (size_t i = 0; i < disks.len; i++)
		disks.items[i] = (struct disk){ .name = str_format("disk%zu", i),
						.model = mem_strdup(""),
						.serial = str_format("disk-%zu", i),
						.wwn = mem_strdup(""),
						.transport = mem_strdup("sata"),
						.size_bytes = SAMPLE_DISK_BYTES,
						.logical_sector_bytes = 512,
						.physical_sector_bytes = 512 };
	if (rc == 0)
		rc = raid_plan(&l, &disks, seed, &plan, out, err);
	disks_free(&disks);
	return rc;
}

static void put_texts(struct template_map *m, const char *name, const struct str_list *texts)
{
	struct template_list *l = template_put_list(m, name, NULL);

	for (size_t i = 0; i < texts->len; i++)
		template_list_add(l, (const char *const[]){ texts->items[i] });
}

/* "ADDRESS FQDN NAME" of a line of the order's hosts; the pieces are cut in `line`. */
struct host {
	char *address, *fqdn, *name;
};

static bool split_host(char *line, struct host *h)
{
	char *rest = line;

	h->address = strsep(&rest, " \t");
	h->fqdn = strsep(&rest, " \t");
	h->name = strsep(&rest, " \t");
	if (!h->name)
		h->name = h->fqdn;
	return h->fqdn != NULL;
}

/* Heads, service addresses and the node; its own addresses are kept for {{node.ipv4}} and {{node.ipv6}}. */
static void put_hosts(const struct order *o, struct template_map *out, char **ipv4, char **ipv6)
{
	static const char *const names[] = { "address", "fqdn", "name", NULL };
	struct template_list *l = template_put_list(out, "hosts", names);

	for (size_t i = 0; i < o->hosts.len; i++) {
		autofree char *line = mem_strdup(o->hosts.items[i]);
		struct host h;
		char **own;

		if (!split_host(line, &h))
			continue;
		template_list_add(l, (const char *const[]){ h.address, h.fqdn, h.name });
		own = strchr(h.address, ':') ? ipv6 : ipv4;
		if (str_eq(h.name, o->node) && !*own)
			*own = mem_strdup(h.address);
	}
}

static void put_nodes(const struct order *o, const struct template_facts *facts, struct template_map *out)
{
	static const char *const names[] = { "name", "fqdn", "group", "ipv4", "ipv6", "mac", NULL };
	struct template_list *l = template_put_list(out, "nodes", names);

	for (size_t i = 0; i < facts->n_nodes; i++) {
		const struct template_node *n = &facts->nodes[i];
		autofree char *fqdn = str_format("%s.%s", n->name, o->domain);

		template_list_add(l, (const char *const[]){ n->name, fqdn, n->group, n->ipv4, n->ipv6, n->mac });
	}
}

static void put_storage(const struct raid_result *r, struct template_map *out)
{
	static const char *const fs_names[] = { "uuid", "mount", "type", "options", NULL };
	static const char *const md_names[] = { "name", "uuid", "level", NULL };
	struct template_list *fs = template_put_list(out, "filesystems", fs_names);
	struct template_list *md = template_put_list(out, "arrays", md_names);

	for (size_t i = 0; i < r->n_fs; i++)
		template_list_add(fs, (const char *const[]){ r->fs[i].uuid, r->fs[i].mount, r->fs[i].type, r->fs[i].options });
	for (size_t i = 0; i < r->n_md; i++) {
		autofree char *level = str_format("%u", r->md[i].level);

		template_list_add(md, (const char *const[]){ r->md[i].name, r->md[i].uuid, level });
	}
}

static void put_node(const struct order *o, const struct template_facts *facts, const char *ipv4, const char *ipv6,
		     struct template_map *out)
{
	struct template_map *node = template_put_map(out, "node");
	autoclean(str_list_free) struct str_list macs = { 0 };

	str_list_add(&macs, o->mac);
	for (size_t i = 0; i < o->more_macs.len; i++)
		str_list_add(&macs, o->more_macs.items[i]);
	template_put(node, "name", o->node);
	template_putf(node, "fqdn", "%s.%s", o->node, o->domain);
	template_put(node, "group", facts->group);
	template_put(node, "ipv4", ipv4);
	template_put(node, "ipv6", ipv6);
	template_put(node, "mac", o->mac);
	put_texts(node, "macs", &macs);
	template_put(node, "image", o->image_name);
	template_put(node, "layout", o->layout.name);
	template_put(node, "serial_console", o->serial_console);
}

int templates_names(const struct order *order, const struct template_facts *facts, struct template_map *out, struct err *err)
{
	autoclean(raid_result_free) struct raid_result result = { 0 };
	autofree char *ipv4 = NULL, *ipv6 = NULL;
	struct template_map *site;

	if (order->layout.name && order_layout_result(order, &result, err) < 0)
		return err_wrap(err, "disk layout %s", order->layout.name);
	put_hosts(order, out, &ipv4, &ipv6);
	put_node(order, facts, ipv4, ipv6, out);
	site = template_put_map(out, "site");
	template_put(site, "cluster", facts->cluster);
	template_put(site, "domain", order->domain);
	template_put(site, "timezone", order->timezone);
	template_put(site, "url", order->server_url);
	put_texts(site, "ntp", &order->ntp);
	put_nodes(order, facts, out);
	put_storage(&result, out);
	return 0;
}
