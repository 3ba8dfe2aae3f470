/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a machine has before it becomes a head, or has as one: read here, planned with by plan.h, which reads nothing itself. */
#ifndef ORTHRUS_HEADINSTALL_PROBE_H
#define ORTHRUS_HEADINSTALL_PROBE_H

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "headinstall/dhcp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct head_interface {
	char *name, *driver, *mac;
	bool physical, link, up, default_route;
	uint64_t speed_mbit;	    /* 0: not known, or no link */
	struct str_list ipv4, ipv6; /* "192.0.2.7/24"; no link-local ones */
};
struct head_need { /* a Debian package that a head needs */
	const char *name, *why;
	bool installed;
};
struct head_port { /* in use, of those that a head needs */
	bool udp;
	unsigned int port;
	char *address; /* "" for all */
	char *device;  /* the interface that it is bound to; NULL: none */
	char *program; /* NULL: not known whose */
};
struct head_conf { /* of a service that a head has too, and not made by Orthrus */
	const char *service;
	char *path;
};
struct head_unit {
	const char *name;
	bool there, enabled, active;
};
struct head_value { /* a setting of the kernel */
	const char *name, *want;
	char *now; /* NULL: this kernel has none */
};
struct head_text { /* a file that a plan may look at or write */
	char *path;
	bool there;
	uint32_t mode;
	struct buf text;
};
/* What gives interfaces their addresses here. */
enum head_networker { HEAD_NET_NONE, HEAD_NET_IFUPDOWN, HEAD_NET_NETWORKD, HEAD_NET_MANAGER };

#define HEAD_NEEDS 32
#define HEAD_UNITS 8
#define HEAD_VALUES 2
struct head_facts {
	char *root; /* "" for "/" */
	char *hostname, *domain, *timezone, *machine_id, *debian, *suite, *kernel, *cpu;
	bool uefi;
	uint64_t cpus, ram_bytes, store_free_bytes;
	struct head_interface *interfaces;
	size_t n_interfaces, cap_interfaces;
	struct head_need needs[HEAD_NEEDS];
	size_t n_needs;
	struct str_list brings, takes; /* what apt would install for these, and remove */
	struct str_list raises;	       /* what is there, and would be another version */
	bool half_done;		       /* dpkg was stopped in the middle */
	bool half_ours;		       /* by us: the journal says that we had begun */
	bool held_back;		       /* our policy-rc.d is still there */
	struct head_port *ports;
	size_t n_ports, cap_ports;
	struct head_conf *confs;
	size_t n_confs, cap_confs;
	struct dhcp_servers dhcp; /* that answered, and are not ours */
	struct str_list ssh_keys, users, problems;
	bool state_dirs;	/* those of packages/orthrus.tmpfiles are there */
	struct str_list images; /* that the store has, by their names */
	struct head_unit units[HEAD_UNITS];
	size_t n_units;
	struct head_value values[HEAD_VALUES];
	struct head_text *texts;
	size_t n_texts, cap_texts;
	enum head_networker networker;
	char *network_file;	 /* NULL, or the file by which systemd-networkd configures the interface of the site */
	const char *store_used;	 /* NULL, or why no array can be mounted at /srv/orthrus: what follows its name in a sentence */
	bool asked;		 /* for DHCP servers on the interface of the site: it was up, with a link */
	bool drops;		 /* a firewall drops what nothing allows */
	bool ntpsec;		 /* another server of the time, which chrony would push out */
	bool guard_key;		 /* the secret that the guards of two heads share */
	bool running;		 /* the root is this machine's: units can be started */
	bool applied;		 /* orthrusd runs, and by the site that is to be */
	struct str_list dangers; /* in having it run by that */
};
void head_facts_free(struct head_facts *f);

struct head_probe {
	const char *root;      /* "" for "/" */
	const char *interface; /* of the site, for its files; may be NULL */
	struct str_list ask;   /* interfaces to ask for DHCP servers on; empty: all that have a link */
	bool no_ask;
	bool simulate; /* have apt say what it would do: needs its lists */
};
/* Reads; changes nothing. What can't be found out is empty. -1 only when what every machine has can't be read. */
int head_probe(const struct head_probe *p, struct head_facts *out, struct err *err) WARN_UNUSED;
/* Once the interface is up: does another DHCP server answer there by now? Then ERR_REFUSED with its address. Waits some seconds
 * for a link; without one nobody is there. */
int head_probe_alone(const char *interface, struct err *err) WARN_UNUSED;
/* The members of the JSON object that `orthrus head install --probe --json` prints, but for "disks" (cmd/head_install.c). */
void head_facts_print(const struct head_facts *f, struct json_out *w);

/* NULL: none of that name. */
const struct head_interface *head_interface(const struct head_facts *f, const char *name);
const struct head_text *head_text(const struct head_facts *f, const char *path); /* NULL: not looked at */
const struct head_unit *head_unit(const struct head_facts *f, const char *name);

/* What a head has the setting be; NULL: it is none of those. */
const char *head_value_want(const char *name);

#endif
