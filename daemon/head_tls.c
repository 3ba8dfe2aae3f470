/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/head_tls.h"

#include "base/mem.h"
#include "daemon/daemon.h"
#include "daemon/payloads.h"
#include "sys/fs.h"
#include "sys/http_server.h"
#include "sys/log.h"
#include "sys/pki_ssh.h"

static void add_addresses(uint32_t addr4, const struct addr6 *addr6, struct str_list *addrs)
{
	char text[ADDR6_LEN];

	if (addr4) {
		addr4_print(addr4, text);
		str_list_add(addrs, text);
	}
	if (addr6) {
		addr6_print(addr6, text);
		str_list_add(addrs, text);
	}
}

/* The names and addresses under which nodes and administrators reach this head. */
void head_tls_names(const struct site *site, struct str_list *names, struct str_list *addrs)
{
	str_list_add(names, "localhost");
	str_list_add(addrs, "127.0.0.1");
	for (size_t i = 0; i < site->n_heads; i++) {
		str_list_add(names, site->heads[i].name);
		str_list_addf(names, "%s.%s", site->heads[i].name, site->domain);
		add_addresses(site->heads[i].addr4, site->heads[i].has6 ? &site->heads[i].addr6 : NULL, addrs);
	}
	for (size_t i = 0; i < site->n_vips; i++)
		add_addresses(site->vips[i].addr4, site->vips[i].has6 ? &site->vips[i].addr6 : NULL, addrs);
}

/* Every address, in both families where this kernel has IPv6, whatever the site has: a socket for IPv4 alone would be in the way
 * of the one for both when the site gets IPv6. */
static const char *listen_any(void)
{
	return fs_exists("/proc/net/if_inet6") ? "[::]" : "0.0.0.0";
}

int head_tls_follow(struct head_tls *t, struct daemon *d, struct payloads *payloads, const struct site *site, uint64_t version,
		    struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	autoclean(str_list_free) struct str_list addrs = { 0 };
	autoclean(pki_paths_free) struct pki_paths pki = { 0 };
	autofree char *listen =
		d->listen ? mem_strdup(d->listen) : str_format("%s:%llu", listen_any(), (unsigned long long)site->api_port);
	struct http_tls tls = { .listen = listen };
	int64_t now = clock_now_ns();

	if (version == t->version && now - t->checked_ns < HEAD_TLS_EVERY_NS)
		return 0;
	head_tls_names(site, &names, &addrs);
	if (pki_ensure(d->paths.pki_dir, site->cluster, &names, &addrs, &pki, err) < 0 ||
	    pki_ssh_ensure(d->paths.pki_dir, err) < 0)
		return -1;
	tls.crt = pki.server_crt;
	tls.key = pki.server_key;
	tls.ca = pki.ca_crt;
	payloads_anchors(payloads, &pki);
	if (http_server_tls(d->http, &tls, err) < 0) {
		err_wrap(err, "nodes and administrators cannot reach this head");
		return err->hint[0] ? -1 : err_hint(err, "it is tried again; see who has the port: ss -ltnp");
	}
	if (version != t->version)
		log_info("daemon", "serving nodes on port %u", http_server_port(d->http));
	if (version != t->version && site->trust_mac)
		log_warn("daemon",
			 "enrol.trust_mac is on: whoever shows a node's MAC address on the provision network is taken for it");
	t->version = version;
	t->checked_ns = now;
	return 0;
}
