/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/nodes.h"
#include "site/addr.h"

/* "--ipv6 auto", or an empty word as for other options: no own address any more, but the one that follows from the other
 * family's. */
static bool is_auto(const char *address)
{
	return !*address || str_eq(address, "auto");
}

static int too_many(const char *option, const char *first, size_t n_nodes, struct err *err)
{
	err_set(err, ERR_INVALID, "--%s %s: there are not %zu addresses from it on", option, first, n_nodes);
	return err_hint(err, "it is the first node's as they are written; the others get those that follow");
}

int node_check_address(const struct cmd *c, size_t n_nodes, struct err *err)
{
	const char *first = cmd_option(c, "ipv4"), *first6 = cmd_option(c, "ipv6");
	struct addr6 addr6, last;
	uint32_t addr;

	if (first && !is_auto(first)) {
		if (addr4_read(first, &addr, err) < 0)
			return err_wrap(err, "--ipv4");
		if (addr > UINT32_MAX - (n_nodes - 1))
			return too_many("ipv4", first, n_nodes, err);
	}
	if (first6 && !is_auto(first6)) {
		if (addr6_read(first6, &addr6, err) < 0)
			return err_wrap(err, "--ipv6");
		if (!addr6_plus(&addr6, n_nodes - 1, &last))
			return too_many("ipv6", first6, n_nodes, err);
	}
	return 0;
}

void node_put_address(const struct cmd *c, struct json_out *w, size_t place)
{
	const char *first = cmd_option(c, "ipv4"), *first6 = cmd_option(c, "ipv6");
	char text[ADDR6_LEN];
	struct err checked = { 0 };
	struct addr6 addr6;
	uint32_t addr;

	if (first && is_auto(first)) {
		json_put_str(w, "ipv4", "");
	} else if (first && addr4_read(first, &addr, &checked) == 0) {
		addr4_print(addr + (uint32_t)place, text);
		json_put_str(w, "ipv4", text);
	}
	if (first6 && is_auto(first6)) {
		json_put_str(w, "ipv6", "");
	} else if (first6 && addr6_read(first6, &addr6, &checked) == 0 && addr6_plus(&addr6, place, &addr6)) {
		addr6_print(&addr6, text);
		json_put_str(w, "ipv6", text);
	}
}
