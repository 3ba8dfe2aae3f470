/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "site/site.h"

#include <string.h>

/* The provision network, and this head in it. */
struct addresses {
	bool has4, has6;
	char subnet4[NET4_LEN], subnet6[NET6_LEN], head4[ADDR6_LEN], head6[ADDR6_LEN];
};

static void put_subnet(struct json_out *w, const char *family, const char *subnet)
{
	json_put_obj(w, family);
	json_put_str(w, "subnet", subnet);
	json_end_obj(w);
}

static void put_network(struct json_out *w, const struct addresses *a)
{
	json_put_arr(w, "networks");
	json_put_obj(w, NULL);
	json_put_str(w, "name", "provision");
	json_put_str(w, "role", "provision");
	if (a->has4)
		put_subnet(w, "ipv4", a->subnet4);
	if (a->has6)
		put_subnet(w, "ipv6", a->subnet6);
	json_end_obj(w);
	json_end_arr(w);
}

static void put_head(struct json_out *w, const char *name, const char *interface, const struct addresses *a)
{
	json_put_arr(w, "heads");
	json_put_obj(w, NULL);
	json_put_str(w, "name", name);
	json_put_str(w, "interface", interface);
	json_put_str(w, "network", "provision");
	if (a->head4[0])
		json_put_str(w, "ipv4", a->head4);
	if (a->head6[0])
		json_put_str(w, "ipv6", a->head6);
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

static const char *cluster_of(const struct site_seed *seed)
{
	return seed->cluster ? seed->cluster : "cluster";
}

static void put_site(const struct site_seed *seed, const struct addresses *a, struct json_out *w)
{
	const char *cluster = cluster_of(seed);
	autofree char *domain = seed->domain ? mem_strdup(seed->domain) : str_format("%s.internal", cluster);

	json_put_obj(w, NULL);
	json_put_u64(w, "format", 1);
	json_put_obj(w, "cluster");
	json_put_str(w, "name", cluster);
	json_put_str(w, "domain", domain);
	json_end_obj(w);
	put_network(w, a);
	put_head(w, seed->head_name ? seed->head_name : "head1", seed->interface ? seed->interface : "eth0", a);
	put_nodes(w, seed->suite ? seed->suite : "bookworm");
	json_put_obj(w, "enrol");
	json_put_bool(w, "trust_mac", seed->trust_mac);
	json_end_obj(w);
	json_put_obj(w, "console");
	json_put_str(w, "serial", "ttyS0,115200");
	json_end_obj(w);
	json_end_obj(w);
}

/* A prefix of its own for this cluster: fd, 40 bits that nobody else has, and subnet 0 (RFC 4193, 3.1). */
static void own_prefix(const struct site_seed *seed, struct net6 *out)
{
	autofree char *text = str_format("orthrus unique local prefix\n%s\n%s\n", cluster_of(seed), seed->unique);
	struct digest d;

	digest_of(text, strlen(text), &d);
	*out = (struct net6){ .base = { .bytes = { 0xfd } }, .prefix = 64 };
	memcpy(out->base.bytes + 1, d.bytes, 5);
}

static int find_subnet6(const struct site_seed *seed, struct addresses *a, struct err *err)
{
	struct net6 net;

	a->has6 = seed->ipv6 ? !str_eq(seed->ipv6, "off") : seed->unique != NULL;
	if (!a->has6)
		return 0;
	if (!seed->ipv6)
		own_prefix(seed, &net);
	else if (net6_read(seed->ipv6, &net, err) < 0)
		return err_wrap(err, "IPv6");
	if (net.prefix > 64)
		return err_set(err, ERR_INVALID, "IPv6: %s has no /64 in it, which the provision network needs", seed->ipv6);
	net.prefix = 64;
	net6_print(&net, a->subnet6);
	return 0;
}

/* The head's address, unless another is given, is the first one; what is wrong with it is said by the reader, with the path in
 * the file. With both families the other is left to the reader too: it has the same host number. */
static int find_head(const struct site_seed *seed, struct addresses *a, struct err *err)
{
	const char *given = seed->head_addr;
	struct net4 net4;
	struct net6 net6;
	struct addr6 first6;
	bool six = given && strchr(given, ':');

	if (given && strlen(given) >= sizeof(a->head6))
		return err_set(err, ERR_INVALID, "the head's address: '%.80s' is none", given);
	if (given)
		memcpy(six ? a->head6 : a->head4, given, strlen(given) + 1);
	if (a->has4 && !a->head4[0]) {
		if (net4_read(a->subnet4, &net4, err) < 0)
			return err_wrap(err, "subnet");
		addr4_print(net4.base + 1, a->head4);
	}
	if (a->has4 || !a->has6 || a->head6[0])
		return 0;
	if (net6_read(a->subnet6, &net6, err) < 0)
		return -1;
	if (net6_at(&net6, 1, &first6))
		addr6_print(&first6, a->head6);
	return 0;
}

int site_init(const struct site_seed *seed, struct site *out, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	const char *subnet = seed->subnet ? seed->subnet : "10.1.0.0/16";
	struct addresses a = { .has4 = !str_eq(subnet, "off") };
	struct json_out w;
	struct net4 net;

	if (a.has4) {
		if (net4_read(subnet, &net, err) < 0)
			return err_wrap(err, "subnet");
		net4_print(&net, a.subnet4);
	}
	if (find_subnet6(seed, &a, err) < 0)
		return -1;
	if (!a.has4 && !a.has6)
		return err_set(err, ERR_INVALID, "a network has IPv4, IPv6 or both: both are off");
	if (find_head(seed, &a, err) < 0)
		return -1;
	json_out_init(&w, &text, false);
	put_site(seed, &a, &w);
	return site_read(buf_str(&text), text.len, "new site", out, err);
}
