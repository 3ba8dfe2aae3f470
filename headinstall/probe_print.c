/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headinstall/probe.h"
#include "site/addr.h"

static void put_interfaces(const struct head_facts *f, struct json_out *w)
{
	json_put_arr(w, "interfaces");
	for (size_t i = 0; i < f->n_interfaces; i++) {
		const struct head_interface *n = &f->interfaces[i];

		json_put_obj(w, NULL);
		json_put_str(w, "name", n->name);
		json_put_str(w, "driver", n->driver);
		json_put_str(w, "mac", n->mac);
		json_put_bool(w, "physical", n->physical);
		json_put_bool(w, "link", n->link);
		json_put_u64(w, "speed_mbit", n->speed_mbit);
		json_put_bool(w, "default_route", n->default_route);
		json_put_strs(w, "ipv4", &n->ipv4);
		json_put_strs(w, "ipv6", &n->ipv6);
		json_end_obj(w);
	}
	json_end_arr(w);
}

static void put_services(const struct head_facts *f, struct json_out *w)
{
	json_put_arr(w, "missing_packages");
	for (size_t i = 0; i < f->n_needs; i++) {
		if (f->needs[i].installed)
			continue;
		json_put_obj(w, NULL);
		json_put_str(w, "name", f->needs[i].name);
		json_put_str(w, "why", f->needs[i].why);
		json_end_obj(w);
	}
	json_end_arr(w);
	json_put_arr(w, "ports");
	for (size_t i = 0; i < f->n_ports; i++) {
		json_put_obj(w, NULL);
		json_put_str(w, "protocol", f->ports[i].udp ? "udp" : "tcp");
		json_put_u64(w, "port", f->ports[i].port);
		json_put_str(w, "program", f->ports[i].program);
		json_end_obj(w);
	}
	json_end_arr(w);
	json_put_arr(w, "configurations");
	for (size_t i = 0; i < f->n_confs; i++) {
		json_put_obj(w, NULL);
		json_put_str(w, "service", f->confs[i].service);
		json_put_str(w, "path", f->confs[i].path);
		json_end_obj(w);
	}
	json_end_arr(w);
}

static void put_dhcp(const struct head_facts *f, struct json_out *w)
{
	json_put_arr(w, "dhcp_servers");
	for (size_t i = 0; i < f->dhcp.len; i++) {
		char text[ADDR4_LEN];

		addr4_print(f->dhcp.items[i].server, text);
		json_put_obj(w, NULL);
		json_put_str(w, "interface", f->dhcp.items[i].interface);
		json_put_str(w, "server", text);
		json_end_obj(w);
	}
	json_end_arr(w);
}

void head_facts_print(const struct head_facts *f, struct json_out *w)
{
	json_put_str(w, "hostname", f->hostname);
	json_put_str(w, "domain", f->domain);
	json_put_str(w, "timezone", f->timezone);
	json_put_str(w, "machine_id", f->machine_id);
	json_put_str(w, "debian", f->debian);
	json_put_str(w, "suite", f->suite);
	json_put_str(w, "kernel", f->kernel);
	json_put_bool(w, "uefi", f->uefi);
	json_put_str(w, "cpu", f->cpu);
	json_put_u64(w, "cpus", f->cpus);
	json_put_u64(w, "ram_bytes", f->ram_bytes);
	json_put_u64(w, "store_free_bytes", f->store_free_bytes);
	put_interfaces(f, w);
	put_services(f, w);
	put_dhcp(f, w);
	json_put_strs(w, "ssh_keys", &f->ssh_keys);
	json_put_strs(w, "problems", &f->problems);
}
