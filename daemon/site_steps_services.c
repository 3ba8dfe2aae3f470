/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/site_steps.h"

#include "base/mem.h"

#include <stdlib.h>

char *site_step_network(const struct site_network *net)
{
	char four[NET4_LEN] = "", six[NET6_LEN] = "";

	if (net->has4)
		net4_print(&net->net4, four);
	if (net->has6)
		net6_print(&net->net6, six);
	return str_format("%s (%s%s%s)", net->name, four, net->has4 && net->has6 ? ", " : "", six);
}

static void service(struct plan *plan, const char *name, const char *action, const char *clients, char *text)
{
	autofree char *step = str_format("service:%s", name);
	const struct site_step about = { .service = name, .action = action, .clients = clients };
	autofree char *said = text;

	site_step_add(plan, SITE_STEP_SERVICE, step, &about, "%s", said);
}

static void say_dnsmasq(const struct site_facts *f, struct plan *plan)
{
	autofree char *net = site_step_network(site_provision(f->site));
	const char *whom = f->site->discover ? "known nodes and, from the pool, unknown machines" : "known nodes only";

	if (f->no_dnsmasq)
		service(plan, "dnsmasq", "none", "none",
			mem_strdup("dnsmasq is switched off: the files of network boot are written and nobody is told"));
	else if (!f->was)
		service(plan, "dnsmasq", "start", "none",
			str_format("run dnsmasq on interface %s: this head answers DHCP on %s for %s", f->head->interface, net,
				   whom));
	else if (f->effect == NETBOOT_RESTART)
		service(plan, "dnsmasq", "restart", "pause",
			str_format("restart dnsmasq on interface %s, for %s, %s: it reads its configuration only when it starts. "
				   "Leases that still fit stay; for a second or two nobody is answered, and clients ask again. A "
				   "boot loader that "
				   "is being fetched by TFTP is fetched anew",
				   f->head->interface, net, whom));
	else if (f->effect == NETBOOT_RELOAD)
		service(plan, "dnsmasq", "reload", "none",
			mem_strdup("have dnsmasq read its hosts again (SIGHUP): it goes on answering, leases stay"));
	else
		service(plan, "dnsmasq", "none", "none", mem_strdup("dnsmasq goes on untouched"));
}

static void say_querier(const struct site_facts *f, struct plan *plan)
{
	bool was = f->was && f->old->cast.on && f->old->cast.querier, is = f->site->cast.on && f->site->cast.querier;

	if (was && is && !str_eq(f->was->interface, f->head->interface))
		service(plan, "querier", "restart", "none",
			str_format("have the querier of multicast members work on interface %s", f->head->interface));
	else if (f->was && was != is)
		service(plan, "querier", is ? "start" : "stop", "none",
			is ? str_format("let this head ask for multicast members on interface %s", f->head->interface)
			   : mem_strdup(
				     "end this head's querier of multicast members: switches that nobody asks may stop casts"));
}

void site_steps_services(const struct site_facts *f, struct plan *plan)
{
	say_dnsmasq(f, plan);
	for (size_t i = 0; i < f->n_files; i++)
		if (f->files[i].kind == SITE_FILE_SLURM && f->files[i].slurm_takes_note)
			service(plan, "slurmctld", "restart", "pause",
				mem_strdup(
					"restart slurmctld where it runs, some seconds later: it reads nodes and partitions only "
					"when it starts. Jobs go on"));
	if (f->serves_anew)
		service(plan, "api", f->was && f->old->api_port != f->site->api_port ? "restart" : "reload",
			f->was && f->old->api_port != f->site->api_port ? "break" : "none",
			str_format("serve nodes and administrators at %s, with a certificate for the heads' names and addresses",
				   f->url));
	if (f->was && f->old->cast.on && !f->site->cast.on)
		service(plan, "casts", "stop", "pause",
			mem_strdup("end the casts that run: nodes get their images over HTTPS, one by one"));
	say_querier(f, plan);
}
