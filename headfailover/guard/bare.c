/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By sysfs: Documentation/ABI/testing/sysfs-class-net of the kernel. */
#include "headfailover/guard/bare.h"

#include "base/buf.h"
#include "base/mem.h"
#include "sys/fs.h"

#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 4096

/* "" where there is none. */
static char *read_fact(const char *net, const char *interface, const char *fact)
{
	autofree char *path = str_format("%s/%s/%s", net, interface, fact);
	autoclean(buf_free) struct buf text = { 0 };
	struct err none = { 0 };

	return fs_read(path, TEXT_MAX, &text, &none) < 0 ? mem_strdup("") : mem_strdup(buf_str(&text));
}

static unsigned long number(const char *net, const char *interface, const char *fact)
{
	autofree char *text = read_fact(net, interface, fact);

	return strtoul(text, NULL, 0);
}

static bool has_gate(const struct gate_config *gate, const char *interface)
{
	for (size_t i = 0; i < gate->n_interfaces; i++)
		if (str_eq(gate->interfaces[i], interface))
			return true;
	return false;
}

/* One whose frames go through an interface that has the gate. */
static bool is_behind(const char *net, const struct gate_config *gate, const char *interface)
{
	autofree char *kind = read_fact(net, interface, "uevent");
	const unsigned long under = number(net, interface, "iflink");

	if (!strstr(kind, "DEVTYPE=vlan\n") && !strstr(kind, "DEVTYPE=macvlan\n"))
		return false;
	for (size_t i = 0; i < gate->n_interfaces; i++)
		if (number(net, gate->interfaces[i], "ifindex") == under)
			return true;
	return false;
}

static bool is_port(const char *net, const char *interface)
{
	autofree char *path = str_format("%s/%s/master", net, interface);

	return fs_exists(path);
}

void guard_bare_interfaces(const char *root, const struct gate_config *gate, struct str_list *out)
{
	autofree char *net = str_format("%s/sys/class/net", root);
	autoclean(str_list_free) struct str_list names = { 0 };
	struct err none = { 0 };

	if (fs_list(net, &names, &none) < 0)
		return;
	for (size_t i = 0; i < names.len; i++) {
		const char *n = names.items[i];

		if (number(net, n, "type") == ARPHRD_ETHER && (number(net, n, "flags") & IFF_UP) && !has_gate(gate, n) &&
		    !is_port(net, n) && !is_behind(net, gate, n))
			str_list_add(out, n);
	}
}
