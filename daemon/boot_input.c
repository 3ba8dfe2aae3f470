/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/boot_input.h"

#include "base/mem.h"
#include "daemon/diskless.h"
#include "daemon/reconcile.h"
#include "imaging/store.h"
#include "sys/fs.h"

#include <string.h>

enum netboot_target node_target(const struct node *n, const struct run *r, bool has_order)
{
	if (has_order)
		return NETBOOT_INSTALL;
	if (n->rescue != NODE_RESCUE_NO)
		return NETBOOT_RESCUE;
	switch (n->boot) {
	case NODE_BOOT_DISK:
		return NETBOOT_DISK;
	case NODE_BOOT_NET:
		return NETBOOT_PROBE;
	case NODE_BOOT_DISKLESS:
		return NETBOOT_DISKLESS;
	case NODE_BOOT_AUTO:
		break;
	}
	switch (r->state) {
	case RUN_NEW:
	case RUN_READY:
	case RUN_FAILED:
		return NETBOOT_PROBE;
	case RUN_ORDERED: /* without an order: nothing must be installed by mistake */
	case RUN_INSTALLING:
	case RUN_INSTALLED:
	case RUN_UP:
		break;
	}
	return NETBOOT_DISK;
}

/* The newest image of each name, looked up once per round. */
struct newest {
	struct store *store; /* NULL: there is none yet */
	struct str_list names, refs;
};

static void newest_free(struct newest *n)
{
	if (n->store)
		store_close(n->store);
	str_list_free(&n->names);
	str_list_free(&n->refs);
}

/* "NAME" -> "NAME/ID"; NULL when the store has none. */
static const char *newest_ref(struct newest *l, const char *image)
{
	autofree char *name = NULL;
	autofree char *id = NULL;
	autofree char *dir = NULL;
	struct err ignored = { 0 };

	if (strchr(image, '/'))
		return image;
	for (size_t i = 0; i < l->names.len; i++)
		if (str_eq(l->names.items[i], image))
			return l->refs.items[i][0] ? l->refs.items[i] : NULL;
	str_list_add(&l->names, image);
	if (l->store && store_find(l->store, image, &name, &id, &dir, &ignored) == 0)
		str_list_addf(&l->refs, "%s/%s", name, id);
	else
		str_list_add(&l->refs, "");
	return l->refs.items[l->refs.len - 1][0] ? l->refs.items[l->refs.len - 1] : NULL;
}

static bool has_doc(const struct state_docs *docs, const char *key)
{
	size_t lo = 0, hi = docs->len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int cmp = strcmp(docs->items[mid].key, key);

		if (cmp == 0)
			return true;
		if (cmp < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

/* Of a wish nothing is made. */
static char *payload_of(const struct boot_input *b, struct payloads *p, const char *ref)
{
	return b->wish ? payloads_look(p, ref) : payloads_get(p, ref);
}

static int fill_node(struct daemon *d, struct payloads *p, struct boot_input *b, size_t i, const struct state_docs *orders,
		     struct newest *images, struct str_list *missing, struct err *err)
{
	const struct node *n = &b->roster->nodes[i];
	autofree char *order_key = str_format("order/%s", n->name);
	autoclean(run_free) struct run r = { 0 };
	struct netboot_node *out = &b->nodes[i];
	bool withdrawn = b->wish && str_list_has(b->wish->withdrawn, n->name), ordered = !withdrawn && has_doc(orders, order_key);
	const char *image = node_image(b->site, n), *ref;
	const struct site_group *g = site_group(b->site, n->group);
	struct diskless_image squashfs;
	struct node_addrs addrs;

	node_addresses(b->site, n, &addrs);
	if (daemon_run(d, n->name, &r, err) < 0)
		return -1;
	if (withdrawn)
		r.state = r.prior;
	*out = (struct netboot_node){ .name = n->name,
				      .macs = &n->macs,
				      .addr4 = addrs.addr4,
				      .has6 = addrs.has6,
				      .addr6 = addrs.addr6,
				      .target = node_target(n, &r, ordered),
				      .kernel_args = g ? &g->kernel_args : NULL };
	out->esp_uuid = b->esp_uuids[i] = steal(r.esp_uuid);
	if (out->target == NETBOOT_DISK)
		return 0;
	if (ordered && r.image)
		image = r.image;
	ref = image ? newest_ref(images, image) : NULL;
	if (missing && !ref && image && !str_list_has(missing, image))
		str_list_add(missing, image);
	b->payloads[i] = ref ? payload_of(b, p, ref) : NULL;
	out->payload = b->payloads[i];
	if (ref && out->target == NETBOOT_DISKLESS && diskless_find(d, ref, &squashfs, err) <= 0) {
		*err = (struct err){ 0 };
		if (!b->wish)
			payloads_want_diskless(p, ref);
		out->payload = NULL;
	}
	if (!out->payload)
		out->target = ref && !payloads_failed(p, ref) ? NETBOOT_WAIT : NETBOOT_DISK;
	return 0;
}

/* For machines that nobody knows: the imager of the first group that has one. */
static void fill_discover(struct payloads *p, struct boot_input *b, struct newest *images)
{
	for (size_t i = 0; b->site->discover && !b->discover_payload && i < b->site->n_groups; i++) {
		const char *image = b->site->groups[i].image;
		const char *ref = image ? newest_ref(images, image) : NULL;

		b->discover_payload = ref ? payload_of(b, p, ref) : NULL;
		b->discover_wait |= ref && !payloads_failed(p, ref);
	}
}

static int fill(struct daemon *d, struct payloads *p, struct boot_input *b, struct str_list *missing, struct err *err)
{
	autoclean(state_docs_free) struct state_docs orders = { 0 };
	autoclean(newest_free) struct newest images = { 0 };
	const struct site_head *head;
	struct err ignored = { 0 };

	if (state_list(d->state, "order/", &orders, err) < 0)
		return -1;
	head = daemon_head(b->site, err);
	if (!head)
		return -1;
	if (fs_exists(d->paths.store_dir) && store_open(d->paths.store_dir, false, &images.store, &ignored) < 0)
		images.store = NULL;
	b->nodes = mem_array(b->roster->len, sizeof(*b->nodes));
	b->payloads = mem_array(b->roster->len, sizeof(*b->payloads));
	b->esp_uuids = mem_array(b->roster->len, sizeof(*b->esp_uuids));
	for (size_t i = 0; i < b->roster->len; i++)
		if (fill_node(d, p, b, i, &orders, &images, missing, err) < 0)
			return -1;
	fill_discover(p, b, &images);
	b->server_url = daemon_server_url(b->site);
	b->in = (struct netboot_input){ .site = b->site,
					.interface = head->interface,
					.head_addr4 = head->addr4,
					.head_has6 = head->has6,
					.head_addr6 = head->addr6,
					.nodes = b->nodes,
					.n_nodes = b->roster->len,
					.discover_payload = b->discover_payload,
					.discover_wait = b->discover_wait,
					.server_url = b->server_url,
					.tftp_root = d->paths.tftp_dir,
					.run_dir = d->paths.run_dir };
	return 0;
}

int boot_input_make(struct daemon *d, struct payloads *p, struct boot_input *b, struct str_list *missing, struct err *err)
{
	b->site = &b->own_site;
	b->roster = &b->own_roster;
	if (daemon_site(d, &b->own_site, NULL, err) < 0 || roster_load(d, &b->own_roster, err) < 0)
		return -1;
	return fill(d, p, b, missing, err);
}

int boot_input_look(struct daemon *d, struct payloads *p, const struct boot_wish *wish, struct boot_input *b, struct err *err)
{
	b->wish = wish;
	b->site = wish->site;
	b->roster = wish->roster;
	return fill(d, p, b, NULL, err);
}

void boot_input_free(struct boot_input *b)
{
	for (size_t i = 0; b->payloads && i < b->roster->len; i++)
		free(b->payloads[i]);
	for (size_t i = 0; b->esp_uuids && i < b->roster->len; i++)
		free(b->esp_uuids[i]);
	free(b->payloads);
	free(b->esp_uuids);
	free(b->nodes);
	free(b->server_url);
	free(b->discover_payload);
	roster_free(&b->own_roster);
	site_free(&b->own_site);
	*b = (struct boot_input){ 0 };
}
