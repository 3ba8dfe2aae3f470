/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headinstall/probe.h"

#include "base/mem.h"
#include "headinstall/plan.h"
#include "headinstall/probe_priv.h"
#include "site/addr.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

/* dnsmasq looks for three seconds whether an address is in use before it offers it. */
#define ASK_NS (5 * NS_PER_S)
#define LINK_NS (5 * NS_PER_S)

static void interface_clear(struct head_interface *i)
{
	free(i->name);
	free(i->driver);
	free(i->mac);
	str_list_free(&i->ipv4);
	str_list_free(&i->ipv6);
}

static void lists_free(struct head_facts *f)
{
	for (size_t i = 0; i < f->n_interfaces; i++)
		interface_clear(&f->interfaces[i]);
	free(f->interfaces);
	for (size_t i = 0; i < f->n_ports; i++) {
		free(f->ports[i].address);
		free(f->ports[i].device);
		free(f->ports[i].program);
	}
	free(f->ports);
	for (size_t i = 0; i < f->n_confs; i++)
		free(f->confs[i].path);
	free(f->confs);
	for (size_t i = 0; i < f->n_texts; i++) {
		free(f->texts[i].path);
		buf_free(&f->texts[i].text);
	}
	free(f->texts);
	for (size_t i = 0; i < HEAD_VALUES; i++)
		free(f->values[i].now);
}

void head_facts_free(struct head_facts *f)
{
	char *const words[] = { f->root,   f->hostname, f->domain, f->timezone, f->machine_id,
				f->debian, f->suite,	f->kernel, f->cpu };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		free(words[i]);
	lists_free(f);
	free(f->network_file);
	str_list_free(&f->brings);
	str_list_free(&f->raises);
	str_list_free(&f->takes);
	dhcp_servers_free(&f->dhcp);
	str_list_free(&f->ssh_keys);
	str_list_free(&f->users);
	str_list_free(&f->images);
	str_list_free(&f->dangers);
	str_list_free(&f->problems);
	*f = (struct head_facts){ 0 };
}

char *head_read(const struct head_facts *f, const char *path, size_t max)
{
	autofree char *full = str_format("%s%s", f->root, path);
	autoclean(buf_free) struct buf text = { 0 };
	struct err none = { 0 };

	return fs_read(full, max, &text, &none) < 0 ? mem_strdup("") : buf_steal(&text);
}

void head_problem(struct head_facts *f, const char *fmt, ...)
{
	autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	str_list_add(&f->problems, text);
}

char *head_value_of(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = text; at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
		const char *value = at + len + 1;

		if (strncmp(at, name, len) != 0 || at[len] != '=')
			continue;
		value += *value == '"';
		return mem_strndup(value, strcspn(value, "\"\n"));
	}
	return mem_strdup("");
}

static char *first_line(char *text)
{
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static void read_debian(struct head_facts *f)
{
	autofree char *release = head_read(f, "/etc/os-release", 65536);
	autofree char *id = head_value_of(release, "ID"), *number = head_value_of(release, "VERSION_ID");
	autofree char *pretty = head_value_of(release, "PRETTY_NAME");

	f->suite = head_value_of(release, "VERSION_CODENAME");
	f->debian = first_line(head_read(f, "/etc/debian_version", 256));
	if (!str_eq(id, "debian") || (!str_eq(number, "12") && !str_eq(number, "13")))
		head_problem(f, "this is %s: a head runs Debian 12 or 13", *pretty ? pretty : "an unknown system");
}

static void read_kernel(struct head_facts *f)
{
	struct utsname u;
	unsigned int major = 0, minor = 0;

	f->kernel = mem_strdup(uname(&u) == 0 ? u.release : "");
	if (sscanf(f->kernel, "%u.%u", &major, &minor) == 2 && (major < 5 || (major == 5 && minor < 13)))
		head_problem(f, "the kernel is %s: a head needs 5.13 or newer (Landlock, and BPF for the gate)", f->kernel);
}

static char *read_timezone(const struct head_facts *f)
{
	autofree char *full = str_format("%s/etc/localtime", f->root);
	char target[512];
	ssize_t n = readlink(full, target, sizeof(target) - 1);
	const char *zone;

	if (n > 0) {
		target[n] = '\0';
		zone = strstr(target, "/zoneinfo/");
		if (zone)
			return mem_strdup(zone + strlen("/zoneinfo/"));
	}
	return first_line(head_read(f, "/etc/timezone", 256));
}

static void read_names(struct head_facts *f)
{
	char name[256] = "";
	size_t dot;

	if (gethostname(name, sizeof(name) - 1) < 0)
		name[0] = '\0';
	dot = strcspn(name, ".");
	f->domain = mem_strdup(name[dot] ? name + dot + 1 : "");
	f->hostname = mem_strndup(name, dot);
	f->machine_id = first_line(head_read(f, "/etc/machine-id", 256));
	f->timezone = read_timezone(f);
}

/* Of the file system that images would be on. */
static uint64_t store_free(const struct head_facts *f)
{
	static const char *const places[] = { "/srv/orthrus", "/srv", "/" };
	struct statvfs v;

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		autofree char *full = str_format("%s%s", f->root, places[i]);

		if (statvfs(full, &v) == 0)
			return (uint64_t)v.f_bavail * v.f_frsize;
	}
	return 0;
}

static void read_keys(struct head_facts *f)
{
	autofree char *text = head_read(f, "/root/.ssh/authorized_keys", 1 << 20);

	for (char *at = text, *next; at && *at; at = next) {
		next = strchr(at, '\n');
		if (next)
			*next++ = '\0';
		if (*at && *at != '#')
			str_list_add(&f->ssh_keys, at);
	}
}

void probe_machine(struct head_facts *f)
{
	autofree char *cpuinfo = head_read(f, "/proc/cpuinfo", 1 << 20);
	const char *model = strstr(cpuinfo, "model name");
	long cpus = sysconf(_SC_NPROCESSORS_ONLN), pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

	model = model ? strchr(model, ':') : NULL;
	f->cpu = model && model[1] ? mem_strndup(model + 2, strcspn(model + 2, "\n")) : mem_strdup("");
	f->cpus = cpus > 0 ? (uint64_t)cpus : 1;
	f->ram_bytes = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
	f->uefi = fs_exists("/sys/firmware/efi");
	f->store_free_bytes = store_free(f);
	read_names(f);
	read_kernel(f);
	read_debian(f);
	read_keys(f);
	if (geteuid() != 0)
		head_problem(f, "only root can make this machine a head: run it as root");
}

/* An offer from ourselves is none of another's. */
static bool is_ours(const struct head_facts *f, uint32_t server)
{
	char text[ADDR4_LEN];
	size_t len;

	addr4_print(server, text);
	len = strlen(text);
	for (size_t i = 0; i < f->n_interfaces; i++)
		for (size_t k = 0; k < f->interfaces[i].ipv4.len; k++)
			if (strncmp(f->interfaces[i].ipv4.items[k], text, len) == 0 && f->interfaces[i].ipv4.items[k][len] == '/')
				return true;
	return false;
}

static void ask_dhcp(const struct head_probe *p, struct head_facts *f)
{
	autoclean(dhcp_servers_free) struct dhcp_servers all = { 0 };
	autoclean(str_list_free) struct str_list names = { 0 };
	struct err why = { 0 };

	for (size_t i = 0; i < f->n_interfaces; i++) {
		const struct head_interface *n = &f->interfaces[i];

		if (n->up && n->link && (p->ask.len ? str_list_has(&p->ask, n->name) : n->physical))
			str_list_add(&names, n->name);
	}
	if (p->no_ask || dhcp_ask(&names, ASK_NS, &all, &why) < 0)
		return;
	f->asked = p->interface && str_list_has(&names, p->interface);
	for (size_t i = 0; i < all.len; i++) {
		if (is_ours(f, all.items[i].server))
			continue;
		f->dhcp.items = mem_room(f->dhcp.items, f->dhcp.len, &f->dhcp.cap, sizeof(*f->dhcp.items));
		f->dhcp.items[f->dhcp.len++] = (struct dhcp_server){ mem_strdup(all.items[i].interface), all.items[i].server };
	}
}

/* The kernel says it a moment after the interface came up; a switch may take longer. */
static bool has_link(const char *interface)
{
	autofree char *path = str_format("/sys/class/net/%s/carrier", interface);
	int64_t until = clock_now_ns() + LINK_NS;

	for (;;) {
		autoclean(buf_free) struct buf carrier = { 0 };
		struct err none = { 0 };

		if (fs_read(path, 16, &carrier, &none) == 0 && str_starts(buf_str(&carrier), "1"))
			return true;
		if (clock_now_ns() >= until)
			return false;
		clock_sleep_ns(100 * NS_PER_MS);
	}
}

int head_probe_alone(const char *interface, struct err *err)
{
	autoclean(head_facts_free) struct head_facts f = { .root = mem_strdup(""), .running = true };
	struct head_probe p = { .root = "", .interface = interface };

	if (!has_link(interface))
		return 0;
	str_list_add(&p.ask, interface);
	/* By now it may have the head's own address, from which our own dnsmasq answers. */
	probe_interfaces(&f);
	ask_dhcp(&p, &f);
	str_list_free(&p.ask);
	return f.dhcp.len ? head_refuse_dhcp(interface, f.dhcp.items[0].server, err) : 0;
}

int head_probe(const struct head_probe *p, struct head_facts *out, struct err *err)
{
	out->root = mem_strdup(p->root);
	out->running = !*p->root;
	if (!fs_exists(*p->root ? p->root : "/"))
		return err_set(err, ERR_NOT_FOUND, "the root %s does not exist", p->root);
	probe_machine(out);
	probe_interfaces(out);
	probe_ports(out);
	probe_packages(p, out);
	probe_services(p, out);
	probe_images(out);
	ask_dhcp(p, out);
	return 0;
}

const struct head_interface *head_interface(const struct head_facts *f, const char *name)
{
	for (size_t i = 0; i < f->n_interfaces; i++)
		if (str_eq(f->interfaces[i].name, name))
			return &f->interfaces[i];
	return NULL;
}

const struct head_text *head_text(const struct head_facts *f, const char *path)
{
	for (size_t i = 0; i < f->n_texts; i++)
		if (str_eq(f->texts[i].path, path))
			return &f->texts[i];
	return NULL;
}

const struct head_unit *head_unit(const struct head_facts *f, const char *name)
{
	for (size_t i = 0; i < f->n_units; i++)
		if (str_eq(f->units[i].name, name))
			return &f->units[i];
	return NULL;
}
