/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/order.h"

#include "base/mem.h"
#include "installer/check.h"
#include "site/words.h"

#include <stdlib.h>
#include <string.h>

typedef int (*check_fn)(const char *s, struct err *err);

/* Read a string and refuse what the files written from it could not hold; the error gets the key's path. */
static int read_checked(struct json_obj *o, const char *key, enum json_need need, check_fn check, char **out, struct err *err)
{
	struct err why = { 0 };

	if (json_str(o, key, need, out, err) < 0)
		return -1;
	if (*out && check(*out, &why) < 0)
		return json_bad(o, key, err, "%s", why.text);
	return 0;
}

static int read_list(struct json_obj *o, const char *key, check_fn check, struct str_list *out, struct err *err)
{
	struct err why = { 0 };

	if (json_strs(o, key, JSON_MUST, out, err) < 0)
		return -1;
	for (size_t i = 0; i < out->len; i++)
		if (check(out->items[i], &why) < 0)
			return json_bad(o, key, err, "entry %zu: %s", i + 1, why.text);
	return 0;
}

static int check_install_id(const char *s, struct err *err)
{
	return check_hex(s, 2 * RAID_SEED_LEN, err);
}

static int check_digest(const char *s, struct err *err)
{
	return check_hex(s, DIGEST_HEX_LEN - 1, err);
}

static int read_layout(struct json_obj *o, struct order *out, struct err *err)
{
	struct json_obj child;

	if (json_obj(o, "layout", JSON_MUST, &child, err) < 0)
		return -1;
	return layout_read(&child, &out->layout, err);
}

/* One is always there; a node with one has no list, and its order reads as it always did. */
static int read_macs(struct json_obj *o, struct order *out, struct err *err)
{
	char canonical[STR_MAC_LEN];
	struct err why = { 0 };

	if (json_str(o, "mac", JSON_MUST, &out->mac, err) < 0)
		return -1;
	if (str_to_mac(out->mac, canonical, &why) < 0)
		return json_bad(o, "mac", err, "%s", why.text);
	free(out->mac);
	out->mac = mem_strdup(canonical);
	if (json_strs(o, "more_macs", JSON_MAY, &out->more_macs, err) < 0)
		return -1;
	for (size_t i = 0; i < out->more_macs.len; i++) {
		if (str_to_mac(out->more_macs.items[i], canonical, &why) < 0)
			return json_bad(o, "more_macs", err, "entry %zu: %s", i + 1, why.text);
		free(out->more_macs.items[i]);
		out->more_macs.items[i] = mem_strdup(canonical);
	}
	return 0;
}

static int read_all(struct json_obj *o, struct order *out, struct err *err)
{
	if (read_checked(o, "install_id", JSON_MUST, check_install_id, &out->install_id, err) < 0 ||
	    read_checked(o, "node", JSON_MUST, str_check_hostname, &out->node, err) < 0 ||
	    read_checked(o, "domain", JSON_MUST, word_domain, &out->domain, err) < 0 ||
	    read_checked(o, "cluster_id", JSON_MUST, str_check_name, &out->cluster_id, err) < 0 ||
	    read_checked(o, "image_name", JSON_MUST, str_check_name, &out->image_name, err) < 0 ||
	    read_checked(o, "image_id", JSON_MUST, str_check_name, &out->image_id, err) < 0 ||
	    read_checked(o, "manifest_digest", JSON_MUST, check_digest, &out->manifest_digest, err) < 0 ||
	    json_u64(o, "min_sequence", JSON_MUST, 0, INT64_MAX, &out->min_sequence, err) < 0 ||
	    read_checked(o, "plan_digest", JSON_MAY, check_digest, &out->plan_digest, err) < 0 || read_layout(o, out, err) < 0 ||
	    read_list(o, "kernel_args", word_kernel_arg, &out->kernel_args, err) < 0 ||
	    read_checked(o, "serial_console", JSON_MAY, word_serial, &out->serial_console, err) < 0 ||
	    read_checked(o, "timezone", JSON_MUST, word_timezone, &out->timezone, err) < 0 ||
	    read_checked(o, "admin_keys", JSON_MAY, check_admin_keys, &out->admin_keys, err) < 0 ||
	    read_list(o, "ntp", check_server, &out->ntp, err) < 0 ||
	    read_list(o, "hosts", check_hosts_line, &out->hosts, err) < 0 || read_macs(o, out, err) < 0 ||
	    order_networks_read(o, &out->networks, err) < 0 ||
	    read_checked(o, "server_url", JSON_MUST, check_url, &out->server_url, err) < 0 ||
	    json_bool(o, "no_cast", JSON_MAY, &out->no_cast, err) < 0 || order_files_read(o, "files", &out->files, err) < 0)
		return -1;
	return json_obj_end(o, err);
}

int order_read(struct json_obj *o, struct order *out, struct err *err)
{
	*out = (struct order){ 0 };
	if (read_all(o, out, err) < 0) {
		order_free(out);
		return -1;
	}
	return 0;
}

void order_print(const struct order *order, struct json_out *w, const char *key)
{
	json_put_obj(w, key);
	json_put_str(w, "install_id", order->install_id);
	json_put_str(w, "node", order->node);
	json_put_str(w, "domain", order->domain);
	json_put_str(w, "cluster_id", order->cluster_id);
	json_put_str(w, "image_name", order->image_name);
	json_put_str(w, "image_id", order->image_id);
	json_put_str(w, "manifest_digest", order->manifest_digest);
	json_put_u64(w, "min_sequence", order->min_sequence);
	if (order->plan_digest)
		json_put_str(w, "plan_digest", order->plan_digest);
	layout_print(&order->layout, w, "layout");
	json_put_strs(w, "kernel_args", &order->kernel_args);
	if (order->serial_console)
		json_put_str(w, "serial_console", order->serial_console);
	json_put_str(w, "timezone", order->timezone);
	if (order->admin_keys)
		json_put_str(w, "admin_keys", order->admin_keys);
	json_put_strs(w, "ntp", &order->ntp);
	json_put_strs(w, "hosts", &order->hosts);
	json_put_str(w, "mac", order->mac);
	if (order->more_macs.len)
		json_put_strs(w, "more_macs", &order->more_macs);
	order_networks_print(&order->networks, w);
	json_put_str(w, "server_url", order->server_url);
	if (order->no_cast) /* an older imager knows no such key */
		json_put_bool(w, "no_cast", true);
	order_files_print(&order->files, w, "files");
	json_end_obj(w);
}

void order_free(struct order *order)
{
	free(order->install_id);
	free(order->node);
	free(order->domain);
	free(order->cluster_id);
	free(order->image_name);
	free(order->image_id);
	free(order->manifest_digest);
	free(order->plan_digest);
	layout_free(&order->layout);
	str_list_free(&order->kernel_args);
	free(order->serial_console);
	free(order->timezone);
	free(order->admin_keys);
	str_list_free(&order->ntp);
	str_list_free(&order->hosts);
	free(order->mac);
	str_list_free(&order->more_macs);
	order_networks_free(&order->networks);
	free(order->server_url);
	order_files_free(&order->files);
	*order = (struct order){ 0 };
}
