/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/daemon.h"

#include "base/mem.h"
#include "daemon/parsed.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int daemon_site(struct daemon *d, struct site *out, uint64_t *version, struct err *err)
{
	autoclean(state_doc_free) struct state_doc doc = { 0 };

	if (state_get(d->state, "site", &doc, err) < 0) {
		if (err->kind != ERR_NOT_FOUND)
			return -1;
		err_set(err, ERR_NOT_FOUND, "no site is applied yet");
		return err_hint(err, "make one with `orthrus site init`, then `orthrus site apply`");
	}
	if (version)
		*version = doc.version;
	return site_read(doc.value, strlen(doc.value), "the applied site", out, err);
}

int daemon_node_of(struct daemon *d, const struct state_doc *doc, struct node *out, struct err *err)
{
	return d->nodes ? parsed_get(d->nodes, doc, out, err) : node_read(doc->value, out, err);
}

int daemon_node(struct daemon *d, const char *name, struct node *out, uint64_t *version, struct err *err)
{
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	autofree char *key = NULL;

	if (str_check_hostname(name, err) < 0)
		return -1;
	key = str_format("node/%s", name);
	if (state_get(d->state, key, &doc, err) < 0) {
		if (err->kind != ERR_NOT_FOUND)
			return -1;
		err_set(err, ERR_NOT_FOUND, "there is no node %s", name);
		return err_hint(err, "see `orthrus node list`");
	}
	if (version)
		*version = doc.version;
	return daemon_node_of(d, &doc, out, err);
}

int daemon_get(struct daemon *d, const char *key, struct state_doc *doc, struct err *err)
{
	struct err why = { 0 };

	if (state_get(d->state, key, doc, &why) == 0)
		return 1;
	if (why.kind == ERR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

int daemon_run(struct daemon *d, const char *name, struct run *out, struct err *err)
{
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	autofree char *key = str_format("run/%s", name);
	int there = daemon_get(d, key, &doc, err);

	if (there <= 0)
		return there;
	return (d->runs ? parsed_get(d->runs, &doc, out, err) : run_read(doc.value, out, err)) < 0 ? err_wrap(err, "%s", name)
												   : 0;
}

int daemon_machine(struct daemon *d, const char *name, struct machine *out, struct err *err)
{
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	autofree char *key = str_format("inv/%s", name);
	int there = daemon_get(d, key, &doc, err);

	if (there <= 0)
		return there;
	return machine_read(doc.value, strlen(doc.value), out, err) < 0 ? err_wrap(err, "%s", name) : 1;
}

const struct site_head *daemon_head(const struct site *site, struct err *err)
{
	char name[256] = "";

	if (gethostname(name, sizeof(name) - 1) == 0) {
		name[strcspn(name, ".")] = '\0';
		for (size_t i = 0; i < site->n_heads; i++)
			if (str_eq(site->heads[i].name, name))
				return &site->heads[i];
	}
	if (site->n_heads == 1)
		return &site->heads[0];
	err_set(err, ERR_REFUSED, "none of the site's heads has this machine's name '%s'", name);
	err_hint(err, "name it in \"heads\" of site.json, or change the machine's host name");
	return NULL;
}

char *daemon_server_url(const struct site *site)
{
	uint32_t addr4 = site_service_addr4(site);
	struct addr6 addr6 = { { 0 } };
	char addr[ADDR6_LEN];

	/* With both families nodes are told the one that every firmware and every tool can do. */
	if (addr4 || !site_service_addr6(site, &addr6)) {
		addr4_print(addr4, addr);
		return str_format("https://%s:%llu", addr, (unsigned long long)site->api_port);
	}
	addr6_print(&addr6, addr);
	return str_format("https://[%s]:%llu", addr, (unsigned long long)site->api_port);
}
