/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/facts.h"

#include "base/json.h"
#include "base/mem.h"

#include <string.h>

#define LIST_MAX 1024 /* more than any machine has of anything here */

void facts_free(struct facts *f)
{
	for (size_t i = 0; i < f->n_interfaces; i++) {
		free(f->interfaces[i].name);
		free(f->interfaces[i].driver);
		free(f->interfaces[i].mac);
		free(f->interfaces[i].ipv4);
		str_list_free(&f->interfaces[i].ipv6);
	}
	for (size_t i = 0; i < f->n_missing; i++) {
		free(f->missing[i].name);
		free(f->missing[i].why);
	}
	for (size_t i = 0; i < f->n_ports; i++) {
		free(f->ports[i].protocol);
		free(f->ports[i].program);
	}
	for (size_t i = 0; i < f->n_configurations; i++) {
		free(f->configurations[i].service);
		free(f->configurations[i].path);
	}
	for (size_t i = 0; i < f->n_dhcp; i++) {
		free(f->dhcp[i].interface);
		free(f->dhcp[i].server);
	}
	free(f->hostname);
	free(f->domain);
	free(f->timezone);
	free(f->machine_id);
	free(f->debian);
	free(f->suite);
	free(f->kernel);
	free(f->cpu);
	free(f->interfaces);
	free(f->missing);
	free(f->ports);
	free(f->configurations);
	free(f->dhcp);
	disks_free(&f->disks);
	str_list_free(&f->ssh_keys);
	str_list_free(&f->problems);
	*f = (struct facts){ 0 };
}

/* What is shown line by line is one line, whatever a device or another program called itself. */
static int read_text(struct json_obj *o, const char *key, enum json_need need, char **out, struct err *err)
{
	if (json_str(o, key, need, out, err) < 0)
		return -1;
	if (*out) {
		char *shown = str_printable(*out, strlen(*out));

		free(*out);
		*out = shown;
	}
	return 0;
}

static int read_texts(struct json_obj *o, const char *key, struct str_list *out, struct err *err)
{
	autoclean(str_list_free) struct str_list raw = { 0 };

	if (json_strs(o, key, JSON_MUST, &raw, err) < 0)
		return -1;
	for (size_t i = 0; i < raw.len; i++) {
		autofree char *shown = str_printable(raw.items[i], strlen(raw.items[i]));

		str_list_add(out, shown);
	}
	return 0;
}

/* The elements of a list of objects into new zeroed items; what was begun is counted, so that it is freed. */
static int read_list(struct json_obj *o, const char *key, size_t size, void **items, size_t *n,
		     int (*read)(struct json_obj *o, void *item, struct err *err), struct err *err)
{
	struct json_arr a;

	if (json_arr_max(o, key, JSON_MUST, LIST_MAX, &a, err) < 0)
		return -1;
	*items = mem_array(a.len, size);
	for (size_t i = 0; i < a.len; i++) {
		struct json_obj item;

		if (json_arr_obj(&a, i, &item, err) < 0)
			return -1;
		*n = i + 1;
		if (read(&item, (char *)*items + i * size, err) < 0 || json_obj_end(&item, err) < 0)
			return -1;
	}
	return 0;
}

/* "192.0.2.7/24": an address and the subnet that it is in. Prefixes that site.json has no use for (a /32) are kept too. */
static int read_address4(const struct json_obj *o, const char *text, struct facts_address4 *out, struct err *err)
{
	const char *slash = strchr(text, '/');
	autofree char *addr = mem_strndup(text, slash ? (size_t)(slash - text) : 0);
	uint64_t prefix;
	struct err why;

	if (!slash || addr4_read(addr, &out->addr, &why) < 0 || str_to_u64(slash + 1, 0, 32, &prefix, &why) < 0)
		return json_bad(o, "ipv4", err, "'%.40s' is not an address with a prefix length (like 192.0.2.7/24)", text);
	out->net.prefix = (unsigned int)prefix;
	out->net.base = out->addr & net4_mask(&out->net);
	return 0;
}

static int read_interface(struct json_obj *o, void *item, struct err *err)
{
	struct facts_interface *x = item;
	autoclean(str_list_free) struct str_list ipv4 = { 0 };

	if (read_text(o, "name", JSON_MUST, &x->name, err) < 0 || read_text(o, "driver", JSON_MUST, &x->driver, err) < 0 ||
	    read_text(o, "mac", JSON_MUST, &x->mac, err) < 0 || json_bool(o, "physical", JSON_MUST, &x->physical, err) < 0 ||
	    json_bool(o, "link", JSON_MUST, &x->link, err) < 0 ||
	    json_u64(o, "speed_mbit", JSON_MUST, 0, UINT32_MAX, &x->speed_mbit, err) < 0 ||
	    json_bool(o, "default_route", JSON_MUST, &x->default_route, err) < 0 ||
	    json_strs(o, "ipv4", JSON_MUST, &ipv4, err) < 0 || read_texts(o, "ipv6", &x->ipv6, err) < 0)
		return -1;
	x->ipv4 = mem_array(ipv4.len, sizeof(x->ipv4[0]));
	for (; x->n_ipv4 < ipv4.len; x->n_ipv4++)
		if (read_address4(o, ipv4.items[x->n_ipv4], &x->ipv4[x->n_ipv4], err) < 0)
			return -1;
	return 0;
}

static int read_package(struct json_obj *o, void *item, struct err *err)
{
	struct facts_package *x = item;

	return read_text(o, "name", JSON_MUST, &x->name, err) < 0 ? -1 : read_text(o, "why", JSON_MUST, &x->why, err);
}

static int read_port(struct json_obj *o, void *item, struct err *err)
{
	struct facts_port *x = item;

	if (read_text(o, "protocol", JSON_MUST, &x->protocol, err) < 0 ||
	    json_u64(o, "port", JSON_MUST, 1, 65535, &x->port, err) < 0)
		return -1;
	return read_text(o, "program", JSON_MAY, &x->program, err);
}

static int read_configuration(struct json_obj *o, void *item, struct err *err)
{
	struct facts_configuration *x = item;

	return read_text(o, "service", JSON_MUST, &x->service, err) < 0 ? -1 : read_text(o, "path", JSON_MUST, &x->path, err);
}

static int read_dhcp(struct json_obj *o, void *item, struct err *err)
{
	struct facts_dhcp *x = item;

	return read_text(o, "interface", JSON_MUST, &x->interface, err) < 0 ? -1
									    : read_text(o, "server", JSON_MUST, &x->server, err);
}

/* What there is one of. */
static int read_machine(struct json_obj *o, struct facts *f, struct err *err)
{
	if (read_text(o, "hostname", JSON_MUST, &f->hostname, err) < 0 ||
	    read_text(o, "domain", JSON_MUST, &f->domain, err) < 0 ||
	    read_text(o, "timezone", JSON_MUST, &f->timezone, err) < 0 ||
	    read_text(o, "machine_id", JSON_MUST, &f->machine_id, err) < 0 ||
	    read_text(o, "debian", JSON_MUST, &f->debian, err) < 0 || read_text(o, "suite", JSON_MUST, &f->suite, err) < 0 ||
	    read_text(o, "kernel", JSON_MUST, &f->kernel, err) < 0 || read_text(o, "cpu", JSON_MUST, &f->cpu, err) < 0 ||
	    json_bool(o, "uefi", JSON_MUST, &f->uefi, err) < 0 ||
	    json_u64(o, "cpus", JSON_MUST, 0, UINT32_MAX, &f->cpus, err) < 0 ||
	    json_u64(o, "ram_bytes", JSON_MUST, 0, UINT64_MAX, &f->ram_bytes, err) < 0 ||
	    json_u64(o, "store_free_bytes", JSON_MUST, 0, UINT64_MAX, &f->store_free_bytes, err) < 0)
		return -1;
	return 0;
}

#define READ_LIST(o, key, list, n, read) read_list(o, key, sizeof((list)[0]), (void **)&(list), &(n), read, err)

static int read_facts(struct json_obj *o, void *out, struct err *err)
{
	struct facts *f = out;

	if (read_machine(o, f, err) < 0 || READ_LIST(o, "interfaces", f->interfaces, f->n_interfaces, read_interface) < 0 ||
	    disks_from_json(o, "disks", &f->disks, err) < 0 ||
	    READ_LIST(o, "missing_packages", f->missing, f->n_missing, read_package) < 0 ||
	    READ_LIST(o, "ports", f->ports, f->n_ports, read_port) < 0 ||
	    READ_LIST(o, "configurations", f->configurations, f->n_configurations, read_configuration) < 0 ||
	    READ_LIST(o, "dhcp_servers", f->dhcp, f->n_dhcp, read_dhcp) < 0 || read_texts(o, "ssh_keys", &f->ssh_keys, err) < 0 ||
	    read_texts(o, "problems", &f->problems, err) < 0)
		return -1;
	return json_obj_end(o, err);
}

int facts_read(const char *text, size_t len, struct facts *out, struct err *err)
{
	*out = (struct facts){ 0 };
	if (json_read(text, len, read_facts, out, err) == 0)
		return 0;
	facts_free(out);
	return -1;
}

static void print_interface(const struct facts_interface *x, struct json_out *w)
{
	json_put_obj(w, NULL);
	json_put_str(w, "name", x->name);
	json_put_str(w, "driver", x->driver);
	json_put_str(w, "mac", x->mac);
	json_put_bool(w, "physical", x->physical);
	json_put_bool(w, "link", x->link);
	json_put_u64(w, "speed_mbit", x->speed_mbit);
	json_put_bool(w, "default_route", x->default_route);
	json_put_arr(w, "ipv4");
	for (size_t i = 0; i < x->n_ipv4; i++) {
		char addr[ADDR4_LEN];
		autofree char *text = NULL;

		addr4_print(x->ipv4[i].addr, addr);
		text = str_format("%s/%u", addr, x->ipv4[i].net.prefix);
		json_put_str(w, NULL, text);
	}
	json_end_arr(w);
	json_put_strs(w, "ipv6", &x->ipv6);
	json_end_obj(w);
}

static void print_machine(const struct facts *f, struct json_out *w)
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
}

/* Two texts of each element. */
static void print_pair(struct json_out *w, const char *a, const char *a_value, const char *b, const char *b_value)
{
	json_put_obj(w, NULL);
	json_put_str(w, a, a_value);
	json_put_str(w, b, b_value);
	json_end_obj(w);
}

static void print_services(const struct facts *f, struct json_out *w)
{
	json_put_arr(w, "missing_packages");
	for (size_t i = 0; i < f->n_missing; i++)
		print_pair(w, "name", f->missing[i].name, "why", f->missing[i].why);
	json_end_arr(w);
	json_put_arr(w, "ports");
	for (size_t i = 0; i < f->n_ports; i++) {
		json_put_obj(w, NULL);
		json_put_str(w, "protocol", f->ports[i].protocol);
		json_put_u64(w, "port", f->ports[i].port);
		json_put_str(w, "program", f->ports[i].program);
		json_end_obj(w);
	}
	json_end_arr(w);
	json_put_arr(w, "configurations");
	for (size_t i = 0; i < f->n_configurations; i++)
		print_pair(w, "service", f->configurations[i].service, "path", f->configurations[i].path);
	json_end_arr(w);
	json_put_arr(w, "dhcp_servers");
	for (size_t i = 0; i < f->n_dhcp; i++)
		print_pair(w, "interface", f->dhcp[i].interface, "server", f->dhcp[i].server);
	json_end_arr(w);
}

void facts_print(const struct facts *f, struct json_out *w, const char *key)
{
	json_put_obj(w, key);
	print_machine(f, w);
	json_put_arr(w, "interfaces");
	for (size_t i = 0; i < f->n_interfaces; i++)
		print_interface(&f->interfaces[i], w);
	json_end_arr(w);
	disks_to_json(&f->disks, w, "disks");
	print_services(f, w);
	json_put_strs(w, "ssh_keys", &f->ssh_keys);
	json_put_strs(w, "problems", &f->problems);
	json_end_obj(w);
}

const struct facts_interface *facts_interface(const struct facts *f, const char *name)
{
	for (size_t i = 0; name && i < f->n_interfaces; i++)
		if (str_eq(f->interfaces[i].name, name))
			return &f->interfaces[i];
	return NULL;
}

const char *facts_dhcp_on(const struct facts *f, const char *interface)
{
	for (size_t i = 0; interface && i < f->n_dhcp; i++)
		if (str_eq(f->dhcp[i].interface, interface))
			return f->dhcp[i].server;
	return NULL;
}
