/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last look at every value before it becomes part of a configuration file that a server or a boot loader runs. Pure. The site
 * and the state were checked when they came in; this holds even if one of those checks is wrong some day. */
#include "netboot/netboot.h"
#include "netboot/render.h"

#include "base/digest.h"
#include "base/mem.h"

#include <string.h>

/* Only characters of `allowed` and letters and digits, and at least one. */
static int check_chars(const char *what, const char *value, const char *allowed, struct err *err)
{
	if (!value || !*value)
		return err_set(err, ERR_INVALID, "%s is empty", what);
	for (const char *p = value; *p; p++) {
		bool alnum = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');

		if (!alnum && !strchr(allowed, *p)) {
			autofree char *shown = str_printable(value, strlen(value));

			return err_set(err, ERR_INVALID, "%s: \"%s\" has a character that has no place in a boot configuration",
				       what, shown);
		}
	}
	return 0;
}

static int check_payload(const char *what, const char *key, struct err *err)
{
	struct digest d;

	if (!key)
		return err_set(err, ERR_INVALID, "%s: there is no kernel and initramfs to boot", what);
	if (str_unhex(key, d.bytes, DIGEST_LEN, err) < 0)
		return err_wrap(err, "%s: payload key", what);
	return 0;
}

static int check_macs(const struct netboot_node *n, struct err *err)
{
	char mac[STR_MAC_LEN];

	for (size_t i = 0; i < n->macs->len; i++) {
		if (str_to_mac(n->macs->items[i], mac, err) < 0)
			return -1;
		if (!str_eq(mac, n->macs->items[i]))
			return err_set(err, ERR_INVALID, "MAC address %s is not written as %s", n->macs->items[i], mac);
	}
	return 0;
}

static int check_node(const struct netboot_input *in, const struct netboot_node *n, struct err *err)
{
	const struct site_network *net = site_provision(in->site);
	char addr[ADDR6_LEN], subnet[NET6_LEN];

	if (str_check_hostname(n->name, err) < 0 || check_macs(n, err) < 0)
		return -1;
	if (net->has4 ? !net4_has(&net->net4, n->addr4) : n->addr4 != 0) {
		addr4_print(n->addr4, addr);
		net4_print(&net->net4, subnet);
		return err_set(err, ERR_INVALID, "address %s is outside the provision network %s", addr,
			       net->has4 ? subnet : "(no IPv4)");
	}
	if (net->has6 ? !n->has6 || !net6_has(&net->net6, &n->addr6) : n->has6) {
		addr6_print(&n->addr6, addr);
		net6_print(&net->net6, subnet);
		return err_set(err, ERR_INVALID, "address %s is outside the provision network %s", addr,
			       net->has6 ? subnet : "(no IPv6)");
	}
	if (n->target != NETBOOT_DISK && n->target != NETBOOT_WAIT && check_payload("network boot", n->payload, err) < 0)
		return -1;
	for (size_t i = 0; n->kernel_args && i < n->kernel_args->len; i++)
		if (check_chars("kernel argument", n->kernel_args->items[i], "._,:=/+@%-", err) < 0)
			return -1;
	return 0;
}

int netboot_check(const struct netboot_input *in, struct err *err)
{
	const struct site_network *net = site_provision(in->site);

	if (!net || (!net->has4 && !net->has6))
		return err_set(err, ERR_INVALID, "there is no provision network");
	if ((net->has4 && !in->head_addr4) || (net->has6 && !in->head_has6))
		return err_set(err, ERR_INVALID, "this head has no %s address on the provision network",
			       net->has4 && !in->head_addr4 ? "IPv4" : "IPv6");
	if (check_chars("interface", in->interface, "._-@:", err) < 0 ||
	    check_chars("TFTP directory", in->tftp_root, "/._-+", err) < 0 ||
	    check_chars("run directory", in->run_dir, "/._-+", err) < 0 ||
	    check_chars("server URL", in->server_url, ":/.[]-_", err) < 0 ||
	    check_chars("domain", in->site->domain, ".-", err) < 0)
		return -1;
	if (in->site->serial_console && check_chars("serial console", in->site->serial_console, ",", err) < 0)
		return -1;
	for (size_t i = 0; i < net->dns.len; i++)
		if (check_chars("DNS server", net->dns.items[i], ".:", err) < 0)
			return -1;
	if (in->site->discover && in->discover_payload && check_payload("discovery", in->discover_payload, err) < 0)
		return -1;
	for (size_t i = 0; i < in->site->n_heads; i++)
		if (str_check_hostname(in->site->heads[i].name, err) < 0)
			return -1;
	for (size_t i = 0; i < in->n_nodes; i++)
		if (check_node(in, &in->nodes[i], err) < 0)
			return err_wrap(err, "node %s", in->nodes[i].name ? in->nodes[i].name : "?");
	return 0;
}
