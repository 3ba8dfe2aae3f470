/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network cards, and the switch ports at the other ends of their cables. */
#include "base/mem.h"
#include "imaging/imager/inventory_priv.h"
#include "imaging/imager/lldp_listen.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *read_driver(const char *root, const char *nic)
{
	autofree char *full = str_format("%s/sys/class/net/%s/device/driver", root, nic);
	char target[256];
	const char *slash;
	ssize_t n = readlink(full, target, sizeof(target) - 1);

	if (n <= 0)
		return mem_strdup("");
	target[n] = '\0';
	slash = strrchr(target, '/');
	return mem_strdup(slash ? slash + 1 : target);
}

/* The kernel says -1, or nothing at all, when there is no link; and 2^32 - 1 in some drivers. */
static uint64_t read_speed(const char *root, const char *nic)
{
	autofree char *path = str_format("sys/class/net/%s/speed", nic);
	autofree char *text = inventory_line(root, path);
	struct err none = { 0 };
	uint64_t mbps = 0;

	return str_to_u64(text, 1, INT32_MAX, &mbps, &none) == 0 ? mbps : 0;
}

/* NULL: nothing was heard. */
static struct lldp *read_neighbour(const char *root, const char *nic)
{
	autofree char *path = str_format("%s" LLDP_DIR "/%s", root, nic);
	autoclean(buf_free) struct buf frame = { 0 };
	autoclean(lldp_free) struct lldp heard = { 0 };
	struct lldp *out;
	struct err why = { 0 };

	if (fs_read(path, LLDP_FRAME_MAX, &frame, &why) < 0)
		return NULL;
	if (lldp_read((const uint8_t *)buf_str(&frame), frame.len, &heard, &why) < 0) {
		log_warn("inventory", "%s: %s", nic, why.text);
		return NULL;
	}
	out = mem_dup(&heard, sizeof(heard));
	heard = (struct lldp){ 0 };
	return out;
}

static void neighbour_free(struct lldp *l)
{
	if (l)
		lldp_free(l);
	free(l);
}

static bool has_link(const char *root, const char *name)
{
	autofree char *carrier = str_format("sys/class/net/%s/carrier", name);
	autofree char *link = inventory_line(root, carrier);

	return str_eq(link, "1");
}

static struct nic read_nic(const char *root, const char *name)
{
	autofree char *address = str_format("sys/class/net/%s/address", name);

	return (struct nic){ .name = mem_strdup(name),
			     .mac = inventory_line(root, address),
			     .driver = read_driver(root, name),
			     .link = has_link(root, name),
			     .speed_mbps = read_speed(root, name),
			     .heard = read_neighbour(root, name) };
}

/* Interfaces that are hardware: those with a device behind them. */
int inventory_nics(const char *root, struct inventory *out, struct err *err)
{
	autofree char *dir = str_format("%s/sys/class/net", root);
	autoclean(str_list_free) struct str_list names = { 0 };

	if (fs_list(dir, &names, err) < 0)
		return -1;
	out->nics = mem_array(names.len ? names.len : 1, sizeof(*out->nics));
	for (size_t i = 0; i < names.len; i++) {
		autofree char *device = str_format("%s/%s/device", dir, names.items[i]);

		if (fs_exists(device))
			out->nics[out->n_nics++] = read_nic(root, names.items[i]);
	}
	return 0;
}

void inventory_nics_free(struct inventory *inv)
{
	for (size_t i = 0; i < inv->n_nics; i++) {
		free(inv->nics[i].name);
		free(inv->nics[i].mac);
		free(inv->nics[i].driver);
		neighbour_free(inv->nics[i].heard);
	}
	free(inv->nics);
}

static void add_heard(const char *root, const char *name, struct buf *out)
{
	struct lldp *l = read_neighbour(root, name);

	if (l)
		buf_addf(out, "%s: %s, %s, %s, %s, %u\n", name, l->chassis, l->system ? l->system : "", l->port,
			 l->port_description ? l->port_description : "", l->vlan);
	neighbour_free(l);
}

void inventory_neighbours(const char *root, struct buf *out)
{
	autofree char *dir = str_format("%s" LLDP_DIR, root);
	autofree char *cards = str_format("%s/sys/class/net", root);
	autoclean(str_list_free) struct str_list heard = { 0 }, all = { 0 };
	struct err nobody_listens = { 0 }, none = { 0 };

	if (fs_list(dir, &heard, &nobody_listens) == 0)
		for (size_t i = 0; i < heard.len; i++)
			add_heard(root, heard.items[i], out);
	if (fs_list(cards, &all, &none) < 0)
		return;
	for (size_t i = 0; i < all.len; i++) {
		autofree char *device = fs_join(cards, all.items[i]);
		autofree char *hardware = fs_join(device, "device");

		if (fs_exists(hardware) && has_link(root, all.items[i]))
			buf_addf(out, "%s has a link\n", all.items[i]);
	}
}

static void print_neighbour(const struct lldp *l, struct json_out *w)
{
	json_put_obj(w, "lldp");
	json_put_str(w, "system", l->system);
	json_put_str(w, "port", l->port);
	json_put_str(w, "port_description", l->port_description);
	json_put_str(w, "chassis", l->chassis);
	json_put_u64(w, "vlan", l->vlan);
	json_end_obj(w);
}

void inventory_print_nics(const struct inventory *inv, struct json_out *w)
{
	json_put_arr(w, "nics");
	for (size_t i = 0; i < inv->n_nics; i++) {
		const struct nic *n = &inv->nics[i];

		json_put_obj(w, NULL);
		json_put_str(w, "name", n->name);
		json_put_str(w, "mac", n->mac);
		json_put_str(w, "driver", n->driver);
		json_put_bool(w, "link", n->link);
		json_put_u64(w, "speed_mbps", n->speed_mbps);
		if (n->heard)
			print_neighbour(n->heard, w);
		else
			json_put_str(w, "lldp", NULL);
		json_end_obj(w);
	}
	json_end_arr(w);
}
