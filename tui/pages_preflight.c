/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/pages_priv.h"

#include <string.h>

#define LITTLE_STORE (UINT64_C(8) << 30)
#define LITTLE_RAM (UINT64_C(2) << 30)

static void put_machine(const struct facts *f, struct buf *out)
{
	char ram[STR_BYTES_MAX], left[STR_BYTES_MAX];

	str_from_bytes(f->ram_bytes, ram);
	str_from_bytes(f->store_free_bytes, left);
	buf_addf(out, "%s: Debian %s (%s), Linux %s, %s\n", f->hostname, f->debian, f->suite, f->kernel,
		 f->uefi ? "UEFI" : "BIOS");
	buf_addf(out, "%s, %llu processor%s, %s of memory\n", *f->cpu ? f->cpu : "processor", (unsigned long long)f->cpus,
		 f->cpus == 1 ? "" : "s", ram);
	buf_addf(out, "%s free for images (/srv/orthrus)\n", left);
	for (size_t i = 0; i < f->disks.len; i++) {
		const struct disk *d = &f->disks.items[i];
		autofree char *id = disk_id(d);
		char size[STR_BYTES_MAX];

		str_from_bytes(d->size_bytes, size);
		buf_addf(out, "disk: %s%s%s, %s: %s\n", d->model, *d->model ? ", " : "", id, size,
			 d->in_use	? d->in_use
			 : d->found.len ? d->found.items[0]
					: "unused");
	}
}

static void put_interfaces(const struct facts *f, struct buf *out)
{
	for (size_t i = 0; i < f->n_interfaces; i++) {
		const struct facts_interface *x = &f->interfaces[i];
		buf_addf(out, "%s: %s, %s, ", x->name, *x->driver ? x->driver : "virtual", x->mac);
		if (x->link && x->speed_mbit)
			pages_speed(x->speed_mbit, out);
		else
			buf_adds(out, x->link ? "link" : "no link");
		for (size_t k = 0; k < x->n_ipv4; k++) {
			char addr[ADDR4_LEN];

			addr4_print(x->ipv4[k].addr, addr);
			buf_addf(out, ", %s/%u", addr, x->ipv4[k].net.prefix);
		}
		for (size_t k = 0; k < x->ipv6.len; k++)
			buf_addf(out, ", %s", x->ipv6.items[k]);
		buf_adds(out, x->default_route ? ", default route\n" : "\n");
	}
}

/* What is in the way, then what is worth knowing, then what will be mended. */
static void put_findings(const struct facts *f, struct buf *out)
{
	for (size_t i = 0; i < f->problems.len; i++)
		buf_addf(out, "! %s\n", f->problems.items[i]);
	if (!f->n_interfaces)
		buf_adds(out, "! this machine has no network interface: a head needs one that leads to the nodes\n");
	for (size_t i = 0; i < f->n_dhcp; i++)
		buf_addf(out, "! a DHCP server, %s, answers on %s: that network can't be the nodes'\n", f->dhcp[i].server,
			 f->dhcp[i].interface);
	for (size_t i = 0; i < f->n_ports; i++)
		buf_addf(out, "! %s port %llu is in use by %s\n", str_eq(f->ports[i].protocol, "udp") ? "UDP" : "TCP",
			 (unsigned long long)f->ports[i].port, f->ports[i].program ? f->ports[i].program : "another program");
	for (size_t i = 0; i < f->n_configurations; i++)
		buf_addf(out, "! %s is configured here: %s. The plan shows each line that it would change\n",
			 f->configurations[i].service, f->configurations[i].path);
	if (f->store_free_bytes < LITTLE_STORE)
		buf_adds(out, "! that is little room: an image and the tree that it is built in need about 4 GiB\n");
	if (f->ram_bytes < LITTLE_RAM)
		buf_adds(out, "! that is little memory: a head needs 2 GiB\n");
	for (size_t i = 0; i < f->n_missing; i++)
		buf_addf(out, "missing: %s (%s)\n", f->missing[i].name, f->missing[i].why);
	if (f->n_missing == 1)
		buf_adds(out, "The plan installs it; nothing has to be done now\n");
	else if (f->n_missing)
		buf_addf(out, "The plan installs these %zu; nothing has to be done now\n", f->n_missing);
	if (!out->len)
		buf_adds(out, "nothing is missing, and nothing is in the way\n");
}

static struct page *build(const struct answers *a, const struct facts *f)
{
	struct page *page = page_new("preflight", "This machine");
	autoclean(buf_free) struct buf machine = { 0 }, interfaces = { 0 }, findings = { 0 };

	(void)a;
	page->intro = mem_strdup(
		"What this machine has. Nothing is changed before the last page, and there you see all that would be.");
	put_findings(f, &findings);
	pages_note(
		page, "findings", "What was found", &findings,
		"What may be in the way of a head. Lines with '!' are worth a look. Packages that are missing are installed as "
		"the first step of the plan, from the archive that this machine's apt uses, so that `orthrus head uninstall` can "
		"take them away again.");
	put_machine(f, &machine);
	pages_note(page, "machine", "This machine", &machine, "The system, its processors, its memory, and its disks.");
	put_interfaces(f, &interfaces);
	if (!f->n_interfaces)
		buf_adds(&interfaces, "none\n");
	pages_note(page, "interfaces", "Its networks", &interfaces,
		   "Each interface with its driver, MAC address, link, and addresses. One of them leads to the nodes.");
	page_add(page, FIELD_ACTION, "again", "Look again", "",
		 "Looks at this machine once more: after you have mended what is in the way.");
	pages_command(page, "orthrus head install --probe");
	return page;
}

static int take(struct answers *a, const struct facts *f, const char *key, const char *value, struct err *err)
{
	(void)a;
	(void)f;
	(void)value;
	return str_eq(key, "again") ? 0 : err_set(err, ERR_INVALID, "there is no field '%.40s' on this page", key);
}

static int check(const struct answers *a, const struct facts *f, const char **key, struct err *err)
{
	(void)a;
	if (!f->problems.len)
		return 0;
	*key = "again"; /* looks once more, when it is mended */
	return err_set(err, ERR_REFUSED, "%s", f->problems.items[0]);
}

const struct page_kind page_preflight = { "preflight", "This machine", build, take, check };
