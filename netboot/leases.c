/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dnsmasq's lease file: "EXPIRY MAC ADDRESS NAME CLIENT-ID" a line (dnsmasq(8), --dhcp-leasefile). Pure. */
#include "netboot/netboot.h"
#include "netboot/render.h"

#include "base/mem.h"

#include <string.h>

/* Does a node own `addr`, but with other MACs than `mac`? */
static bool belongs_to_other(const struct netboot_input *in, uint32_t addr, const char *mac)
{
	for (size_t i = 0; i < in->n_nodes; i++)
		if (in->nodes[i].addr4 == addr && in->nodes[i].macs->len)
			return !str_list_has(in->nodes[i].macs, mac);
	return false;
}

static bool is_stale(const struct netboot_input *in, const char *line, size_t len)
{
	autofree char *copy = mem_strndup(line, len);
	struct err ignored = { 0 };
	char *save = NULL, *mac, *address;
	uint32_t addr;

	if (!strtok_r(copy, " ", &save))
		return false;
	mac = strtok_r(NULL, " ", &save);
	address = strtok_r(NULL, " ", &save);
	/* Lines of another form are none of our business here: an IPv6 lease is of the pool, which nobody owns. */
	if (!mac || !address || addr4_read(address, &addr, &ignored) < 0)
		return false;
	return belongs_to_other(in, addr, mac);
}

size_t netboot_leases_keep(const struct netboot_input *in, const char *leases, struct buf *out)
{
	size_t dropped = 0;

	while (*leases) {
		size_t len = strcspn(leases, "\n"), whole = leases[len] ? len + 1 : len;

		if (is_stale(in, leases, len))
			dropped++;
		else if (out)
			buf_add(out, leases, whole);
		leases += whole;
	}
	return dropped;
}
