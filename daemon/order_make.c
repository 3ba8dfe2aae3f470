/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/order_make.h"

#include "base/mem.h"
#include "daemon/host_files.h"
#include "daemon/node_networks.h"
#include "daemon/roster.h"
#include "imaging/store.h"
#include "sys/fs.h"
#include "sys/keys.h"

#include <string.h>

#define MANIFEST_MAX ((size_t)1 << 20)

static void close_store(struct store **s)
{
	if (*s)
		store_close(*s);
}

void order_image_free(struct order_image *i)
{
	free(i->name);
	free(i->id);
	free(i->manifest_digest);
	*i = (struct order_image){ 0 };
}

static int read_cluster_id(struct daemon *d, char **id, struct err *err)
{
	autofree char *path = fs_join(d->paths.pki_dir, "cluster-id");

	return cluster_id_load(path, id, err);
}

/* The bytes first, then what they say. */
static int verified_manifest(struct daemon *d, const char *dir, struct buf *json, struct manifest *m, struct err *err)
{
	autofree char *json_path = fs_join(dir, "manifest.json");
	autofree char *sig_path = fs_join(dir, "manifest.sig");
	autofree char *key_path = fs_join(d->paths.pki_dir, "sign.pub");
	autoclean(buf_free) struct buf sig = { 0 };
	struct verify_key key;

	if (verify_key_load(key_path, &key, err) < 0 || fs_read_nofollow(json_path, MANIFEST_MAX, json, err) < 0 ||
	    fs_read_nofollow(sig_path, SIGNATURE_LEN, &sig, err) < 0)
		return -1;
	if (verify_bytes(&key, buf_str(json), json->len, (const uint8_t *)buf_str(&sig), sig.len, err) < 0)
		return err_hint(err, "the image was changed, or signed by another cluster: it is not installed");
	return manifest_read(buf_str(json), json->len, m, err);
}

/* Only what is not there is to be made; anything else that is wrong is said as it is. */
static int say_not_found(const char *ref, struct err *err)
{
	if (err->kind != ERR_NOT_FOUND)
		return strstr(err->text, ref) ? -1 : err_wrap(err, "image %s", ref);
	err_set(err, ERR_NOT_FOUND, "image %s is not in the store", ref);
	return err_hint(err, "see `orthrus image list`; make it with `orthrus image build %.*s`", (int)strcspn(ref, "/"), ref);
}

int order_image_find(struct daemon *d, const char *ref, struct order_image *out, struct err *err)
{
	autoclean(close_store) struct store *store = NULL;
	autoclean(order_image_free) struct order_image found = { 0 };
	autoclean(manifest_free) struct manifest m = { 0 };
	autoclean(buf_free) struct buf json = { 0 };
	autofree char *dir = NULL;
	autofree char *cluster_id = NULL, *id = NULL;
	struct digest digest;
	char hex[DIGEST_HEX_LEN];

	if (store_open(d->paths.store_dir, false, &store, err) < 0 ||
	    store_find(store, ref, &found.name, &found.id, &dir, err) < 0)
		return say_not_found(ref, err);
	if (verified_manifest(d, dir, &json, &m, err) < 0 || read_cluster_id(d, &cluster_id, err) < 0 ||
	    store_check_opens(store, found.name, found.id, err) < 0)
		return err_wrap(err, "image %s/%s", found.name, found.id);
	id = manifest_id(m.created, m.kind);
	if (!str_eq(m.cluster_id, cluster_id) || !str_eq(m.name, found.name) || !str_eq(id, found.id))
		return err_set(err, ERR_DAMAGED, "image %s/%s: its manifest is that of image %s/%s of cluster %s", found.name,
			       found.id, m.name, id, m.cluster_id);
	digest_of(buf_str(&json), json.len, &digest);
	digest_hex(&digest, hex);
	found.manifest_digest = mem_strdup(hex);
	found.sequence = m.sequence;
	*out = found;
	found = (struct order_image){ 0 };
	return 0;
}

static void copy_list(const struct str_list *from, struct str_list *to)
{
	for (size_t i = 0; i < from->len; i++)
		str_list_add(to, from->items[i]);
}

static void add_host(struct order *out, const struct site *site, uint32_t addr4, const struct addr6 *addr6, const char *name)
{
	char addr[ADDR6_LEN];

	addr4_print(addr4, addr);
	if (addr4)
		str_list_addf(&out->hosts, "%s %s.%s %s", addr, name, site->domain, name);
	if (!addr6)
		return;
	addr6_print(addr6, addr);
	str_list_addf(&out->hosts, "%s %s.%s %s", addr, name, site->domain, name);
}

/* Heads, service addresses and the node itself: it must know these without asking. The others are in the heads' DNS. */
static void fill_hosts(struct order *out, const struct site *site, const struct node *n)
{
	struct err no_name = { 0 };
	struct node_addrs own;

	for (size_t i = 0; i < site->n_heads; i++) {
		const struct site_head *h = &site->heads[i];

		add_host(out, site, h->addr4, h->has6 ? &h->addr6 : NULL, h->name);
	}
	for (size_t i = 0; i < site->n_vips; i++) {
		const struct site_vip *v = &site->vips[i];

		if (str_check_hostname(v->name, &no_name) == 0)
			add_host(out, site, v->addr4, v->has6 ? &v->addr6 : NULL, v->name);
	}
	node_addresses(site, n, &own);
	add_host(out, site, own.addr4, own.has6 ? &own.addr6 : NULL, n->name);
}

/* A copy by way of its JSON: the layout belongs to the site. */
static int copy_layout(const struct layout *from, struct layout *to, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_out w;
	struct json_obj o;

	json_out_init(&w, &text, false);
	layout_print(from, &w, NULL);
	if (json_parse(buf_str(&text), text.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0)
		return -1;
	return layout_read(&o, to, err);
}

int order_wish(const struct site *site, const struct node *n, const struct machine *m, struct order *out, struct err *err)
{
	const struct site_group *g = site_group(site, n->group);
	const struct layout *layout = node_layout(site, n);

	if (!g || !layout)
		return err_set(err, ERR_REFUSED, "%s: its group '%s' has no disk layout in the site", n->name, n->group);
	if (!n->macs.len) {
		err_set(err, ERR_REFUSED, "%s: its machine has not arrived yet", n->name);
		return err_hint(err, "start it from the network; `orthrus node discover` shows it when it arrives");
	}
	if (node_networks(site, n, m, &out->networks, err) < 0 || copy_layout(layout, &out->layout, err) < 0)
		return -1;
	out->node = mem_strdup(n->name);
	out->domain = mem_strdup(site->domain);
	copy_list(&g->kernel_args, &out->kernel_args);
	model_set(&out->serial_console, site->serial_console);
	out->timezone = mem_strdup(site->timezone);
	model_set(&out->admin_keys, site->admin_keys);
	copy_list(&site->ntp, &out->ntp);
	fill_hosts(out, site, n);
	out->mac = mem_strdup(n->macs.items[0]);
	for (size_t i = 1; i < n->macs.len; i++)
		str_list_add(&out->more_macs, n->macs.items[i]);
	out->server_url = daemon_server_url(site);
	return 0;
}

int order_make(struct daemon *d, const struct site *site, const struct node *n, const struct order_image *image,
	       const char *install_id, const struct disks *disks, struct order *out, struct err *err)
{
	autoclean(machine_free) struct machine m = { 0 };
	autoclean(order_free) struct order o = { 0 };
	char hex[DIGEST_HEX_LEN];
	int known = daemon_machine(d, n->name, &m, err);

	/* With the interfaces that the machine told of, when it did. */
	if (known < 0 || order_wish(site, n, known ? &m : NULL, &o, err) < 0 || read_cluster_id(d, &o.cluster_id, err) < 0)
		return -1;
	o.install_id = mem_strdup(install_id);
	o.image_name = mem_strdup(image->name);
	o.image_id = mem_strdup(image->id);
	o.manifest_digest = mem_strdup(image->manifest_digest);
	o.min_sequence = image->sequence;
	if (host_files_fill(d, site, n, &o, err) < 0)
		return -1;
	if (disks) {
		if (install_digest(&o, disks, hex, err) < 0)
			return -1;
		o.plan_digest = mem_strdup(hex);
	}
	*out = o;
	o = (struct order){ 0 };
	return 0;
}
