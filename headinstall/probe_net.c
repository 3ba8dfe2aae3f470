/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interfaces, and who has the ports that a head needs: sysfs, procfs, getifaddrs(3). */
#include "headinstall/probe_priv.h"

#include "base/mem.h"
#include "site/addr.h"
#include "sys/fs.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLASS_NET "/sys/class/net"
#define ETHERNET "1"

/* Of this machine, whatever the root. */
static char *attribute(const char *interface, const char *name)
{
	autofree char *path = str_format(CLASS_NET "/%s/%s", interface, name);
	autoclean(buf_free) struct buf text = { 0 };
	struct err none = { 0 };

	if (fs_read(path, 4096, &text, &none) < 0)
		return mem_strdup("");
	buf_str(&text);
	if (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	return buf_steal(&text);
}

static char *driver_of(const char *interface)
{
	autofree char *path = str_format(CLASS_NET "/%s/device/driver", interface);
	char target[512];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	const char *slash;

	if (n <= 0)
		return mem_strdup("");
	target[n] = '\0';
	slash = strrchr(target, '/');
	return mem_strdup(slash ? slash + 1 : target);
}

static bool has_default_route(const char *routes, const char *interface)
{
	autofree char *line = str_format("\n%s\t00000000\t", interface);

	return strstr(routes, line) != NULL;
}

static unsigned int prefix_of(const struct sockaddr *mask)
{
	const uint8_t *p = mask->sa_family == AF_INET
				   ? (const uint8_t *)&((const struct sockaddr_in *)(const void *)mask)->sin_addr
				   : ((const struct sockaddr_in6 *)(const void *)mask)->sin6_addr.s6_addr;
	size_t len = mask->sa_family == AF_INET ? 4 : 16;
	unsigned int n = 0;

	for (size_t i = 0; i < len; i++)
		n += (unsigned int)__builtin_popcount(p[i]);
	return n;
}

static void add_address(struct head_interface *n, const struct ifaddrs *a)
{
	char text[INET6_ADDRSTRLEN];

	if (!a->ifa_addr || !a->ifa_netmask || !str_eq(a->ifa_name, n->name))
		return;
	if (a->ifa_addr->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)a->ifa_addr;

		if (inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text)))
			str_list_addf(&n->ipv4, "%s/%u", text, prefix_of(a->ifa_netmask));
	} else if (a->ifa_addr->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)a->ifa_addr;

		if (!IN6_IS_ADDR_LINKLOCAL(&in->sin6_addr) && inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof(text)))
			str_list_addf(&n->ipv6, "%s/%u", text, prefix_of(a->ifa_netmask));
	}
}

static void add_interface(struct head_facts *f, const char *name, const char *routes, const struct ifaddrs *addresses)
{
	autofree char *type = attribute(name, "type"), *carrier = attribute(name, "carrier"), *speed = attribute(name, "speed");
	autofree char *device = str_format(CLASS_NET "/%s/device", name), *flags = attribute(name, "flags");
	struct head_interface *n;
	unsigned int bits = 0;
	struct err none = { 0 };

	if (!str_eq(type, ETHERNET))
		return;
	f->interfaces = mem_room(f->interfaces, f->n_interfaces, &f->cap_interfaces, sizeof(*f->interfaces));
	n = &f->interfaces[f->n_interfaces++];
	*n = (struct head_interface){ .name = mem_strdup(name),
				      .driver = driver_of(name),
				      .mac = attribute(name, "address"),
				      .physical = fs_exists(device),
				      .link = str_eq(carrier, "1"),
				      .default_route = has_default_route(routes, name) };
	n->up = sscanf(flags, "%x", &bits) == 1 && bits & IFF_UP;
	if (str_to_u64(speed, 1, 10000000, &n->speed_mbit, &none) < 0)
		n->speed_mbit = 0;
	for (const struct ifaddrs *a = addresses; a; a = a->ifa_next)
		add_address(n, a);
}

void probe_interfaces(struct head_facts *f)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	autoclean(buf_free) struct buf routes = { 0 };
	struct ifaddrs *addresses = NULL;
	struct err none = { 0 };

	if (fs_list(CLASS_NET, &names, &none) < 0 || getifaddrs(&addresses) < 0)
		return;
	if (fs_read("/proc/net/route", 1 << 20, &routes, &none) < 0)
		buf_clear(&routes);
	for (size_t i = 0; i < names.len; i++)
		add_interface(f, names.items[i], buf_str(&routes), addresses);
	freeifaddrs(addresses);
}

static const struct {
	bool udp;
	unsigned int port;
} needed[] = { { true, 53 },  { false, 53 },   { true, 67 },   { true, 69 },   { true, 123 },
	       { true, 547 }, { false, 2049 }, { true, 2049 }, { false, 8443 } };

/* Whose socket it is: the process that has it open. `*ours`: a process of Orthrus. */
static char *owner_of(uint64_t inode, bool *ours)
{
	autofree char *want = str_format("socket:[%llu]", (unsigned long long)inode);
	autoclean(str_list_free) struct str_list pids = { 0 };
	struct err none = { 0 };

	if (fs_list("/proc", &pids, &none) < 0)
		return NULL;
	for (size_t i = 0; i < pids.len; i++) {
		autofree char *dir = str_format("/proc/%s/fd", pids.items[i]), *comm = str_format("/proc/%s/comm", pids.items[i]);
		autoclean(str_list_free) struct str_list fds = { 0 };
		autoclean(buf_free) struct buf name = { 0 };

		if (pids.items[i][0] < '0' || pids.items[i][0] > '9' || fs_list(dir, &fds, &none) < 0)
			continue;
		for (size_t k = 0; k < fds.len; k++) {
			autofree char *fd = str_format("%s/%s", dir, fds.items[k]);
			struct passwd user, *found = NULL;
			char target[64], text[4096];
			ssize_t n = readlink(fd, target, sizeof(target) - 1);
			struct stat st;

			if (n < 0)
				continue;
			target[n] = '\0';
			if (!str_eq(target, want))
				continue;
			if (fs_read(comm, 256, &name, &none) < 0)
				return NULL;
			name.data[strcspn(buf_str(&name), "\n")] = '\0';
			*ours = stat(dir, &st) == 0 && getpwuid_r(st.st_uid, &user, text, sizeof(text), &found) == 0 && found &&
				str_starts(user.pw_name, "orthrus");
			*ours = *ours || str_starts(name.data, "orthrus");
			return str_printable(name.data, strlen(name.data)); /* whoever runs it chose it */
		}
	}
	return NULL;
}

/* "0100007F:0035" as the kernel prints it: words of its own byte order. */
static char *address_of(const char *hex, bool six)
{
	char text[INET6_ADDRSTRLEN];
	uint32_t words[4] = { 0 };

	for (size_t i = 0; i < (six ? 4U : 1U); i++)
		if (sscanf(hex + 8 * i, "%8x", &words[i]) != 1)
			return mem_strdup("");
	if (!(words[0] | words[1] | words[2] | words[3]) || !inet_ntop(six ? AF_INET6 : AF_INET, words, text, sizeof(text)))
		return mem_strdup("");
	return mem_strdup(text);
}

/* The interface that a socket is bound to, as the dnsmasq of libvirt or LXC has its own; NULL: to none. /proc does not say it. */
static char *device_of(bool udp, uint64_t inode)
{
	autofree char *want = str_format(" ino:%llu ", (unsigned long long)inode);
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	const char *line, *at, *mark;
	struct err none = { 0 };

	if (PROGRAM("", &r, &none, "ss", "-Hlne", udp ? "-u" : "-t") < 0)
		return NULL;
	at = strstr(buf_str(&r.out), want);
	if (!at)
		return NULL;
	for (line = at; line > r.out.data && line[-1] != '\n';)
		line--;
	mark = memchr(line, '%', (size_t)(at - line));
	return mark ? mem_strndup(mark + 1, strcspn(mark + 1, ":] \n")) : NULL;
}

static void add_port(struct head_facts *f, bool udp, bool six, const char *line)
{
	char local[80], remote[80];
	unsigned int state, port;
	unsigned long long inode;
	bool ours = false;
	char *program;

	if (sscanf(line, " %*u: %79s %79s %x %*s %*s %*s %*u %*d %llu", local, remote, &state, &inode) != 4 ||
	    strcspn(local, ":") != (six ? 32U : 8U) || sscanf(local + (six ? 33 : 9), "%x", &port) != 1 || (!udp && state != 10))
		return;
	for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
		if (needed[i].udp != udp || needed[i].port != port)
			continue;
		program = owner_of(inode, &ours);
		if (ours) {
			free(program);
			return;
		}
		f->ports = mem_room(f->ports, f->n_ports, &f->cap_ports, sizeof(*f->ports));
		f->ports[f->n_ports++] = (struct head_port){ .udp = udp,
							     .port = port,
							     .address = address_of(local, six),
							     .device = device_of(udp, inode),
							     .program = program };
	}
}

void probe_ports(struct head_facts *f)
{
	static const char *const tables[] = { "/proc/net/udp", "/proc/net/udp6", "/proc/net/tcp", "/proc/net/tcp6" };

	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		autoclean(buf_free) struct buf text = { 0 };
		struct err none = { 0 };

		if (fs_read(tables[i], (size_t)64 << 20, &text, &none) < 0 || !text.len)
			continue;
		for (const char *at = strchr(text.data, '\n'); at && at[1]; at = strchr(at + 1, '\n'))
			add_port(f, i < 2, i % 2, at + 1);
	}
}
