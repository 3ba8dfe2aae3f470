/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dnsmasq's lease file: "EXPIRY MAC ADDRESS NAME CLIENT-ID" a line, after the line "duid ..." "EXPIRY IAID ADDRESS NAME DUID"
 * (dnsmasq(8), --dhcp-leasefile). Pure. */
#include "netboot/netboot.h"
#include "netboot/render.h"

#include "base/mem.h"

#include <string.h>

enum family { NONE, FOUR, SIX };
struct lease {
	enum family family;
	char *text; /* cut into pieces */
	const char *who;
	uint32_t addr4;
	struct addr6 addr6;
};

static void lease_free(struct lease *l)
{
	free(l->text);
}

/* A line of another form (the server's DUID) is of no family. */
static void lease_read(const char *line, size_t len, struct lease *out)
{
	struct err ignored = { 0 };
	char *save = NULL, *address;

	*out = (struct lease){ .text = mem_strndup(line, len) };
	if (!strtok_r(out->text, " ", &save))
		return;
	out->who = strtok_r(NULL, " ", &save);
	address = strtok_r(NULL, " ", &save);
	if (!out->who || !address)
		return;
	if (addr4_read(address, &out->addr4, &ignored) == 0)
		out->family = FOUR;
	else if (addr6_read(address, &out->addr6, &ignored) == 0)
		out->family = SIX;
}

/* Whose address is it? NULL: no node's. */
static const struct netboot_node *owner(const struct netboot_input *in, const struct lease *l)
{
	for (size_t i = 0; i < in->n_nodes; i++) {
		const struct netboot_node *n = &in->nodes[i];

		if (!n->macs->len)
			continue;
		if ((l->family == FOUR && n->addr4 == l->addr4) ||
		    (l->family == SIX && n->has6 && addr6_same(&n->addr6, &l->addr6)))
			return n;
	}
	return NULL;
}

/* Is one of its MAC addresses on the line of `address` in the file that dnsmasq had? */
static bool had_before(const struct netboot_node *n, const struct addr6 *address, const char *old_hosts)
{
	char addr[ADDR6_LEN];
	autofree char *field = NULL;
	const char *found;

	addr6_print(address, addr);
	field = str_format(",[%s],", addr);
	found = strstr(old_hosts, field);
	if (!found)
		return false;
	while (found > old_hosts && found[-1] != '\n')
		found--;
	for (size_t len = strcspn(found, "\n"), i = 0; i < n->macs->len; i++) {
		const char *mac = strstr(found, n->macs->items[i]);

		if (mac && mac < found + len)
			return true;
	}
	return false;
}

size_t netboot_leases_keep(const struct netboot_input *in, const char *leases, struct buf *out)
{
	size_t dropped = 0;

	while (*leases) {
		size_t len = strcspn(leases, "\n"), whole = leases[len] ? len + 1 : len;
		autoclean(lease_free) struct lease l;
		const struct netboot_node *n;

		lease_read(leases, len, &l);
		n = owner(in, &l);
		if (n && (l.family == SIX || !str_list_has(n->macs, l.who)))
			dropped++;
		else if (out)
			buf_add(out, leases, whole);
		leases += whole;
	}
	return dropped;
}

size_t netboot_leases_stale(const struct netboot_input *in, const char *leases, const char *old_hosts)
{
	size_t stale = 0;

	while (*leases) {
		size_t len = strcspn(leases, "\n");
		autoclean(lease_free) struct lease l;
		const struct netboot_node *n;

		lease_read(leases, len, &l);
		n = owner(in, &l);
		if (n && (l.family == SIX ? !had_before(n, &l.addr6, old_hosts) : !str_list_has(n->macs, l.who)))
			stale++;
		leases += leases[len] ? len + 1 : len;
	}
	return stale;
}
