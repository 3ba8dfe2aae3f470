/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"
#include "base/mem.h"
#include "site/site.h"

#include <string.h>

static void put_network(struct json_out *w, const char *subnet)
{
	json_put_arr(w, "networks");
	json_put_obj(w, NULL);
	json_put_str(w, "name", "provision");
	json_put_str(w, "role", "provision");
	json_put_obj(w, "ipv4");
	json_put_str(w, "subnet", subnet);
	json_end_obj(w);
	json_end_obj(w);
	json_end_arr(w);
}

static void put_head(struct json_out *w, const char *name, const char *interface, const char *addr)
{
	json_put_arr(w, "heads");
	json_put_obj(w, NULL);
	json_put_str(w, "name", name);
	json_put_str(w, "interface", interface);
	json_put_str(w, "network", "provision");
	json_put_str(w, "ipv4", addr);
	json_end_obj(w);
	json_end_arr(w);
}

/* Two mirrored disks that either firmware boots, with either disk gone: the array under the EFI system partition keeps its
 * superblock at the end (metadata 1.0), where the firmware does not trip over it. */
static const char layout_raid1[] =
	"[{\"name\":\"raid1\",\"disks\":{\"min\":1,\"want\":2,\"exclude_bad\":true},"
	"\"parts\":[{\"id\":\"bios\",\"size\":\"1M\"},{\"id\":\"esp\",\"size\":\"512M\"},{\"id\":\"sys\",\"size\":\"rest\"}],"
	"\"md\":[{\"name\":\"esp\",\"level\":1,\"metadata\":\"1.0\",\"on\":\"esp\"},"
	"{\"name\":\"sys\",\"level\":1,\"metadata\":\"1.2\",\"bitmap\":\"internal\",\"on\":\"sys\"}],"
	"\"fs\":[{\"on\":\"esp\",\"type\":\"vfat\",\"mount\":\"/boot/efi\"},{\"on\":\"sys\",\"type\":\"ext4\",\"mount\":\"/\"}],"
	"\"boot\":{\"bios\":true,\"uefi\":true}}]";

static void put_nodes(struct json_out *w, const char *suite)
{
	json_put_arr(w, "images");
	json_put_obj(w, NULL);
	json_put_str(w, "name", "compute");
	json_put_str(w, "suite", suite);
	json_end_obj(w);
	json_end_arr(w);
	json_put_raw(w, "disk_layouts", layout_raid1);
	json_put_arr(w, "groups");
	json_put_obj(w, NULL);
	json_put_str(w, "name", "compute");
	json_put_str(w, "image", "compute");
	json_put_str(w, "layout", "raid1");
	json_end_obj(w);
	json_end_arr(w);
}

static void put_site(const struct site_seed *seed, const char *subnet, const char *head_addr, struct json_out *w)
{
	const char *cluster = seed->cluster ? seed->cluster : "cluster";
	autofree char *domain = seed->domain ? mem_strdup(seed->domain) : str_format("%s.internal", cluster);

	json_put_obj(w, NULL);
	json_put_u64(w, "format", 1);
	json_put_obj(w, "cluster");
	json_put_str(w, "name", cluster);
	json_put_str(w, "domain", domain);
	json_end_obj(w);
	put_network(w, subnet);
	put_head(w, seed->head_name ? seed->head_name : "head1", seed->interface ? seed->interface : "eth0", head_addr);
	put_nodes(w, seed->suite ? seed->suite : "bookworm");
	json_put_obj(w, "enrol");
	json_put_bool(w, "trust_mac", seed->trust_mac);
	json_end_obj(w);
	json_put_obj(w, "console");
	json_put_str(w, "serial", "ttyS0,115200");
	json_end_obj(w);
	json_end_obj(w);
}

int site_init(const struct site_seed *seed, struct site *out, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	const char *subnet = seed->subnet ? seed->subnet : "10.1.0.0/16";
	char head_addr[ADDR4_LEN];
	struct json_out w;
	struct net4 net;

	/* Its first address, unless another is given, is the head's; the rest is said by the reader, with the path in the file.
	 */
	if (net4_read(subnet, &net, err) < 0)
		return err_wrap(err, "subnet");
	addr4_print(net.base + 1, head_addr);
	json_out_init(&w, &text, false);
	put_site(seed, subnet, seed->head_addr ? seed->head_addr : head_addr, &w);
	return site_read(buf_str(&text), text.len, "new site", out, err);
}
