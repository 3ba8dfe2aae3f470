/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this machine has, as the pages of the wizard need it: read from what `orthrus head install --probe --json` prints. Pure.
 *
 *	{
 *	  "hostname": "head1", "domain": "example.org",          domain: "" when it has none
 *	  "timezone": "Europe/Berlin", "machine_id": "4f3c...",   32 hexadecimal digits
 *	  "debian": "12.8", "suite": "bookworm", "kernel": "6.1.0-28-amd64", "uefi": true,
 *	  "cpu": "AMD EPYC 7313", "cpus": 32, "ram_bytes": 137438953472,
 *	  "store_free_bytes": 53687091200,                        of the file system that /srv/orthrus is or would be on
 *	  "interfaces": [{"name": "eno1", "driver": "igb", "mac": "52:54:00:00:00:01", "physical": true, "link": true,
 *	    "speed_mbit": 1000, "default_route": true,            0: not known, or no link
 *	    "ipv4": ["192.0.2.7/24"], "ipv6": ["2001:db8::7/64"]}],   without link-local ones
 *	  "disks": [...],                                         as `orthrus disk probe --json` prints them (raidsetup.h)
 *	  "missing_packages": [{"name": "dnsmasq-base", "why": "DHCP, TFTP and DNS for nodes"}],
 *	  "ports": [{"protocol": "udp", "port": 67, "program": "dhcpd"}],   in use, of those that the head needs
 *	  "configurations": [{"service": "dnsmasq", "path": "/etc/dnsmasq.conf"}],   not made by Orthrus
 *	  "dhcp_servers": [{"interface": "eno1", "server": "192.0.2.1"}],   that answered there, and are not ours
 *	  "ssh_keys": ["ssh-ed25519 AAAA... root@head1"],         who may log in as root here
 *	  "problems": ["..."]                                     why nothing can be installed on this machine, for people
 *	}
 *
 * All keys must be there; lists may be empty, "program" may be null. */
#ifndef ORTHRUS_TUI_FACTS_H
#define ORTHRUS_TUI_FACTS_H

#include "base/err.h"
#include "base/str.h"
#include "raidsetup/raidsetup.h"
#include "site/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_out;

struct facts_address4 {
	uint32_t addr; /* host byte order */
	struct net4 net;
};
struct facts_interface {
	char *name, *driver, *mac;
	bool physical, link, default_route;
	uint64_t speed_mbit; /* 0: not known */
	struct facts_address4 *ipv4;
	size_t n_ipv4;
	struct str_list ipv6; /* "2001:db8::7/64" */
};
struct facts_package {
	char *name, *why;
};
struct facts_port {
	char *protocol, *program; /* "udp" or "tcp"; NULL: not known whose */
	uint64_t port;
};
struct facts_configuration {
	char *service, *path;
};
struct facts_dhcp {
	char *interface, *server;
};

/* `autoclean(facts_free) struct facts f = { 0 };` */
struct facts {
	char *hostname, *domain, *timezone, *machine_id, *debian, *suite, *kernel, *cpu;
	bool uefi;
	uint64_t cpus, ram_bytes, store_free_bytes;
	struct facts_interface *interfaces;
	size_t n_interfaces;
	struct disks disks;
	struct facts_package *missing;
	size_t n_missing;
	struct facts_port *ports;
	size_t n_ports;
	struct facts_configuration *configurations;
	size_t n_configurations;
	struct facts_dhcp *dhcp;
	size_t n_dhcp;
	struct str_list ssh_keys, problems;
};
void facts_free(struct facts *facts);

/* On failure `out` is empty. */
int facts_read(const char *text, size_t len, struct facts *out, struct err *err) WARN_UNUSED;
/* The same JSON, as one object at `key` (NULL: at the top): reading it again gives the same facts. */
void facts_print(const struct facts *facts, struct json_out *w, const char *key);

/* The interface of that name, or NULL. */
const struct facts_interface *facts_interface(const struct facts *facts, const char *name);
/* The first server that answered DHCP there, or NULL. */
const char *facts_dhcp_on(const struct facts *facts, const char *interface);

#endif
