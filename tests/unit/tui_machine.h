/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines that somebody may set up as a head, as the probe tells of them. */
#ifndef ORTHRUS_TESTS_TUI_MACHINE_H
#define ORTHRUS_TESTS_TUI_MACHINE_H

#include "base/err.h"
#include "tui/facts.h"

#include <stdio.h>
#include <string.h>

#define MACHINE_ID "4f3c9a1b4c5d8e7f0011223344556677"
#define MACHINE_KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4"
#define MACHINE_KEY2 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5"

/* It takes these for code. */
/* clang-format off */
#define NIC(name, link, speed, route, ipv4, ipv6)                                                                                \
	"{\"name\":\"" name "\",\"driver\":\"igb\",\"mac\":\"52:54:00:00:00:01\",\"physical\":true,\"link\":" link               \
	",\"speed_mbit\":" speed ",\"default_route\":" route ",\"ipv4\":[" ipv4 "],\"ipv6\":[" ipv6 "]}"
#define DISK(name, serial, use, found)                                                                                           \
	"{\"name\":\"" name "\",\"model\":\"QEMU HARDDISK\",\"serial\":\"" serial "\",\"wwn\":\"\",\"transport\":\"sata\","      \
	"\"size_bytes\":10737418240,\"logical_sector_bytes\":512,\"physical_sector_bytes\":512,\"rotational\":false,"            \
	"\"removable\":false,\"read_only\":false,\"in_use\":" use ",\"found\":[" found "],\"bad\":null}"
#define SYSTEM(hostname, zone, id, suite, free)                                                                                  \
	"\"hostname\":\"" hostname "\",\"domain\":\"\",\"timezone\":\"" zone "\",\"machine_id\":\"" id "\",\"debian\":\"12.8\"," \
	"\"suite\":\"" suite "\",\"kernel\":\"6.1.0-28-amd64\",\"uefi\":true,\"cpu\":\"AMD EPYC 7313\",\"cpus\":32,"             \
	"\"ram_bytes\":137438953472,\"store_free_bytes\":" free ","

/* Two networks, one of which leads elsewhere, and two disks to spare: the usual one. */
#define MACHINE_USUAL                                                                                                            \
	"{" SYSTEM("head1", "Europe/Berlin", MACHINE_ID, "bookworm", "53687091200") "\"interfaces\":["                           \
	NIC("eno1", "true", "1000", "true", "\"192.0.2.7/24\"", "\"2001:db8::7/64\"") ","                                        \
	NIC("eno2", "true", "10000", "false", "", "") "],\"disks\":["                                                            \
	DISK("vda", "SYS1", "\"mounted at /\"", "\"ext4 'root'\"") "," DISK("vdb", "QM1", "null", "") ","                        \
	DISK("vdc", "QM2", "null", "\"ext4 'old'\"") "],\"missing_packages\":[{\"name\":\"dnsmasq-base\","                       \
	"\"why\":\"DHCP, TFTP and DNS for nodes\"}],\"ports\":[],\"configurations\":[],\"dhcp_servers\":[],"                     \
	"\"ssh_keys\":[\"" MACHINE_KEY " root@head1\",\"" MACHINE_KEY2 " a, b\"],\"problems\":[]}"

/* One interface, the way elsewhere; no id, no name, nothing to spare. */
#define MACHINE_BARE                                                                                                             \
	"{" SYSTEM("localhost", "not a zone", "", "sid", "1073741824") "\"interfaces\":["                                        \
	NIC("eth0", "true", "0", "true", "\"10.0.2.15/24\"", "") "],\"disks\":["                                                 \
	DISK("vda", "SYS1", "\"mounted at /\"", "") "],\"missing_packages\":[],\"ports\":[],\"configurations\":[],"              \
	"\"dhcp_servers\":[],\"ssh_keys\":[],\"problems\":[]}"

/* Networks that are taken already, a DHCP server on one of them, disks that can't be told apart, services that are in the way. */
#define MACHINE_BUSY                                                                                                             \
	"{" SYSTEM("alpha.example.org", "Etc/UTC", MACHINE_ID, "trixie", "4294967296") "\"interfaces\":["                        \
	NIC("eno1", "true", "1000", "true", "\"10.1.2.3/16\"", "\"2001:db8:1::7/64\"") ","                                       \
	NIC("eno2", "true", "10000", "false", "", "") "," NIC("eno3", "false", "0", "false", "", "") ","                         \
	NIC("eno4", "true", "1000", "false", "\"10.9.0.5/24\"", "") ","                                                          \
	"{\"name\":\"docker0\",\"driver\":\"bridge\",\"mac\":\"02:42:00:00:00:01\",\"physical\":false,\"link\":false,"           \
	"\"speed_mbit\":0,\"default_route\":false,\"ipv4\":[\"172.17.0.1/16\"],\"ipv6\":[]}],\"disks\":["                        \
	DISK("sda", "SYS1", "\"mounted at /\"", "") "," DISK("sdb", "SAME", "null", "") "," DISK("sdc", "SAME", "null", "") ","  \
	DISK("sdd", "D1", "null", "") "," DISK("sde", "D2", "null", "") "," DISK("sdf", "D3", "null", "") ","                    \
	DISK("sdg", "D4", "null", "") "],\"missing_packages\":[],\"ports\":["                                                    \
	"{\"protocol\":\"udp\",\"port\":67,\"program\":\"dhcpd\"},{\"protocol\":\"tcp\",\"port\":8443,\"program\":null}],"       \
	"\"configurations\":[{\"service\":\"dnsmasq\",\"path\":\"/etc/dnsmasq.conf\"}],"                                         \
	"\"dhcp_servers\":[{\"interface\":\"eno2\",\"server\":\"10.5.0.1\"}],\"ssh_keys\":[],"                                   \
	"\"problems\":[\"this kernel is too old\"]}"

/* clang-format on */

static inline void machine(const char *text, struct facts *out)
{
	struct err err = { 0 };

	if (facts_read(text, strlen(text), out, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
}

#endif
